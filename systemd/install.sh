#!/bin/sh
# Builds and installs Cairn: programs, systemd units, users, configuration, shell completions, man pages.
set -eu
umask 022

usage() {
    cat <<'TEXT'
Usage: sh systemd/install.sh [--no-build] [--uninstall]

  --no-build    install the programs that are in .build/release
  --uninstall   remove what was installed; the log and the configuration stay

Environment:
  PREFIX    where the programs go (default /usr: /usr/sbin/cairnd, /usr/bin/cairn, /usr/bin/cairn-network)
  DESTDIR   a directory that stands for / while a package is made: nothing outside it is touched,
            and no user is created and no service reloaded
TEXT
}

say() { printf '%s\n' "$*"; }
fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

root=$(cd "$(dirname "$0")/.." && pwd)
DESTDIR=${DESTDIR:-}
DESTDIR=${DESTDIR%/}
PREFIX=${PREFIX:-/usr}
PREFIX=${PREFIX%/}
build=yes
action=install

for argument in "$@"; do
    case $argument in
    --no-build) build=no ;;
    --uninstall) action=uninstall ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && exit 64 ;;
    esac
done

case $PREFIX in
*[!A-Za-z0-9/._-]*) fail "PREFIX is '$PREFIX': only letters, digits and / . _ - can stand in a unit file" ;;
/home | /home/* | /root | /root/*) fail "PREFIX is '$PREFIX': the unit hides home directories (ProtectHome=)" ;;
/*) ;;
*) fail "PREFIX is '$PREFIX': it must begin with /" ;;
esac
case $DESTDIR in
'' | /*) ;;
*) fail "DESTDIR is '$DESTDIR': it must begin with /" ;;
esac
if [ -z "$DESTDIR" ] && [ "$(id -u)" -ne 0 ]; then
    fail "run this as root, or set DESTDIR to make a package (to build as yourself, swift build first, then --no-build)"
fi

# systemd looks below /usr and /usr/local; from any other prefix the units must go to /etc.
case $PREFIX in
/usr | /usr/local) lib=$PREFIX/lib units=$PREFIX/lib/systemd/system ;;
*) lib=/etc units=/etc/systemd/system ;;
esac
case $PREFIX in
/usr) zsh=/usr/share/zsh/vendor-completions ;;
*) zsh=$PREFIX/share/zsh/site-functions ;;
esac
cairnd=$PREFIX/sbin/cairnd
cairn=$PREFIX/bin/cairn
network=$PREFIX/bin/cairn-network
service=$units/cairnd.service
socket=$units/cairnd.socket
# Units that only put a program's name in: no one of them is enabled by the installation.
jobs="cairn-archive.service cairn-archive.timer cairn-retention.service cairn-retention.timer"
policy=$PREFIX/share/cairn/retention.yaml
sysusers=$lib/sysusers.d/cairn.conf
tmpfiles=$lib/tmpfiles.d/cairn.conf
shipped=$PREFIX/share/cairn/cairn.yaml
config=/etc/cairn/cairn.yaml
manual=$PREFIX/share/man
bash=$PREFIX/share/bash-completion/completions/cairn
zsh=$zsh/_cairn
fish=$PREFIX/share/fish/vendor_completions.d/cairn.fish

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
trap 'exit 1' HUP INT TERM

# put MODE SOURCE TARGET: installs the file unless it is there already, byte for byte and with its mode.
put() {
    target=$DESTDIR$3
    if [ -f "$target" ] && cmp -s "$2" "$target" && [ "$(stat -c %a "$target")" = "$1" ]; then
        say "  unchanged  $target"
        return
    fi
    mkdir -p "$(dirname "$target")"
    # A running program cannot be written over, but it can be replaced.
    install -m "$1" "$2" "$target.installing"
    mv -f "$target.installing" "$target"
    say "  installed  $target"
}

# True if systemd runs here and is ours to talk to.
systemd_runs() { [ -z "$DESTDIR" ] && [ -d /run/systemd/system ]; }

build_programs() {
    command -v swift >/dev/null || fail "swift is not in PATH: install Swift 6.2 or later, or use --no-build"
    for product in cairnd cairn cairn-network; do
        swift build --package-path "$root" -c release --static-swift-stdlib --product "$product"
    done
}

# The configuration belongs to the administrator: only one that was never changed is replaced.
put_configuration() {
    new=$root/Config/cairn.yaml
    installed=$DESTDIR$config
    if [ ! -e "$installed" ] || cmp -s "$new" "$installed" || cmp -s "$DESTDIR$shipped" "$installed"; then
        put 644 "$new" "$config"
        rm -f "$installed.new"
    else
        say "  kept       $installed: it was changed here; the new one is beside it:"
        put 644 "$new" "$config.new"
    fi
    # What was shipped, to tell a changed configuration from an old one next time.
    put 644 "$new" "$shipped"
}

put_completions() {
    for shell in bash zsh fish; do
        if ! "$binaries/cairn" --generate-completion-script "$shell" >"$temporary/$shell"; then
            fail "$binaries/cairn cannot print its completions for $shell: was it built on this machine?"
        fi
    done
    put 644 "$temporary/bash" "$bash"
    put 644 "$temporary/zsh" "$zsh"
    put 644 "$temporary/fish" "$fish"
}

# One page for each command of cairn in section 1, and one for cairnd in section 8.
put_manual() {
    mkdir "$temporary/man"
    if ! "$binaries/cairn" --experimental-dump-help >"$temporary/cairn.json" ||
        ! "$binaries/cairnd" --experimental-dump-help >"$temporary/cairnd.json" ||
        ! "$binaries/cairn" generate-manual --section 1 "$temporary/man" <"$temporary/cairn.json" ||
        ! "$binaries/cairn" generate-manual --section 8 "$temporary/man" <"$temporary/cairnd.json"; then
        fail "$binaries/cairn cannot write man pages: was it built on this machine?"
    fi
    for page in "$temporary"/man/*; do
        put 644 "$page" "$manual/man${page##*.}/${page##*/}"
    done
}

install_all() {
    [ "$build" = no ] || build_programs
    binaries=$root/.build/release
    for program in cairnd cairn cairn-network; do
        [ -x "$binaries/$program" ] || fail "$binaries/$program is missing: run without --no-build"
    done

    say "Installing${DESTDIR:+ below $DESTDIR}:"
    put 755 "$binaries/cairnd" "$cairnd"
    put 755 "$binaries/cairn" "$cairn"
    put 755 "$binaries/cairn-network" "$network"
    sed "s|/usr/sbin/cairnd|$cairnd|g" "$root/systemd/cairnd.service" >"$temporary/service"
    put 644 "$temporary/service" "$service"
    put 644 "$root/systemd/cairnd.socket" "$socket"
    for job in $jobs; do
        sed "s|/usr/bin/cairn|$cairn|g" "$root/systemd/$job" >"$temporary/job"
        put 644 "$temporary/job" "$units/$job"
    done
    put 644 "$root/Config/retention.yaml" "$policy"
    put 644 "$root/systemd/cairn.sysusers.conf" "$sysusers"
    put 644 "$root/systemd/cairn.tmpfiles.conf" "$tmpfiles"
    put_configuration
    put_completions
    put_manual

    if [ -n "$DESTDIR" ]; then
        say "Not done, because DESTDIR is set: systemd-sysusers, systemd-tmpfiles --create, systemctl daemon-reload."
        return
    fi
    for command in systemd-sysusers systemd-tmpfiles; do
        command -v "$command" >/dev/null ||
            fail "$command is not there: make the users of $sysusers and the directories of $tmpfiles by hand"
    done
    systemd-sysusers "$sysusers"
    systemd-tmpfiles --create "$tmpfiles"
    if systemd_runs; then systemctl daemon-reload; fi
    say "Done. Next:"
    say "  systemctl enable --now cairnd.socket cairnd.service   # after an update: systemctl restart cairnd"
    say "  usermod -aG cairn-writers USER                        # may write events"
    say "  usermod -aG cairn-readers USER                        # may read the log"
    say "  systemctl enable --now cairn-archive.timer cairn-retention.timer   # once place and policy are set"
}

uninstall_all() {
    if systemd_runs; then
        systemctl disable --now cairnd.service cairnd.socket cairn-archive.timer cairn-retention.timer || say "  (the units were not enabled)"
    fi
    say "Removing${DESTDIR:+ below $DESTDIR}:"
    for page in "$DESTDIR$manual"/man1/cairn.1 "$DESTDIR$manual"/man1/cairn-*.1 "$DESTDIR$manual"/man8/cairnd.8; do
        [ ! -e "$page" ] || { rm -f "$page" && say "  removed    $page"; }
    done
    for job in $jobs; do
        [ ! -e "$DESTDIR$units/$job" ] || { rm -f "$DESTDIR$units/$job" && say "  removed    $DESTDIR$units/$job"; }
    done
    for file in "$cairnd" "$cairn" "$network" "$service" "$socket" "$sysusers" "$tmpfiles" "$shipped" "$policy" "$bash" "$zsh" \
        "$fish"; do
        [ -e "$DESTDIR$file" ] || continue
        rm -f "$DESTDIR$file"
        say "  removed    $DESTDIR$file"
    done
    rmdir "$DESTDIR$PREFIX/share/cairn" 2>/dev/null || true
    if systemd_runs; then
        systemctl daemon-reload
        # The unit keeps its socket over a restart, so the last one is left to us.
        rm -f /run/auditd.sock
    fi
    say "Kept, and yours to delete: the log $DESTDIR/var/log/cairn with its keys, the configuration $DESTDIR/etc/cairn,"
    say "the user cairn and the groups cairn, cairn-readers, cairn-writers."
}

"${action}_all"
