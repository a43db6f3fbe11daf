#!/bin/sh
# Tests systemd/install.sh and the units, below a temporary DESTDIR and with stand-ins for the programs.
# Needs systemd's tools, but no running systemd. Run as root, it also tests the users and directories.
set -eu
umask 022

root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$work"
passed=0
failed=0

# check NAME COMMAND...: the command must succeed.
check() {
    name=$1
    shift
    if "$@" >"$work/output" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n' "$name"
        sed 's/^/    /' "$work/output"
    fi
}

# same EXPECTED FOUND: the texts are equal.
same() {
    [ "$1" = "$2" ] && return
    printf 'expected:\n%s\nfound:\n%s\n' "$1" "$2"
    return 1
}

# exits STATUS WORDS COMMAND...: the command ends with the status and says the words.
exits() {
    expected=$1 words=$2
    shift 2
    status=0
    "$@" >"$work/said" 2>&1 || status=$?
    cat "$work/said"
    [ "$status" -eq "$expected" ] && grep -qF -- "$words" "$work/said"
}

says() { grep -qF -- "$1" "$2"; }
lacks() { ! grep -qF -- "$1" "$2"; }

# The tree as lines of mode and path; with times too, to see whether anything was written.
tree() { (cd "$1" && find . -type f -printf '%m %p\n' | sort -k 2); }
tree_with_times() { (cd "$1" && find . -printf '%m %p %T@ %C@ %i\n' | sort -k 2); }

# A checkout with stand-ins for what the build makes, and for every command that install.sh must not call.
source=$work/source
mkdir -p "$source/.build/release" "$work/forbidden"
cp -R "$root/systemd" "$root/Config" "$source/"
printf '#!/bin/sh\necho cairnd\n' >"$source/.build/release/cairnd"
cp "$source/.build/release/cairnd" "$source/.build/release/cairn-network"
cat >"$source/.build/release/cairn" <<'PROGRAM'
#!/bin/sh
case $1 in
--generate-completion-script) echo "completions for $2" ;;
--experimental-dump-help) echo cairn ;;
generate-manual)
    read -r name
    echo "manual of $name" >"$4/$name.$3"
    [ "$name" = cairnd ] || echo "manual of $name query" >"$4/$name-query.$3"
    ;;
esac
PROGRAM
chmod 755 "$source"/.build/release/*
for command in systemctl systemd-sysusers systemd-tmpfiles sudo swift useradd groupadd chown; do
    printf '#!/bin/sh\necho "%s $*" >>"%s/called"\nexit 1\n' "$command" "$work" >"$work/forbidden/$command"
    chmod 755 "$work/forbidden/$command"
done
: >"$work/called"
# run DESTDIR PREFIX ARGUMENTS...
run() {
    below=$1 prefix=$2
    shift 2
    PATH=$work/forbidden:$PATH DESTDIR=$below PREFIX=$prefix sh "$source/systemd/install.sh" "$@"
}

# --- Arguments -------------------------------------------------------------------------------------------------------
check 'help' exits 0 'Usage:' run "$work/x" /usr --help
check 'unknown option' exits 64 'Usage:' run "$work/x" /usr --frobnicate
check 'relative PREFIX' exits 1 "must begin with /" run "$work/x" usr --no-build
check 'PREFIX that a unit cannot hold' exits 1 "only letters" run "$work/x" '/opt/my cairn' --no-build
check 'PREFIX that would break sed' exits 1 "only letters" run "$work/x" '/opt/a|b' --no-build
check 'PREFIX that ProtectHome hides' exits 1 'hides home' run "$work/x" /home/me --no-build
check 'relative DESTDIR' exits 1 'must begin with /' run x /usr --no-build
check 'refusals write nothing' [ ! -e "$work/x" ]
mv "$source/.build/release/cairn" "$work/cairn"
check 'missing program' exits 1 'run without --no-build' run "$work/x" /usr --no-build
mv "$work/cairn" "$source/.build/release/cairn"
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
    check 'not root, no DESTDIR' exits 1 'run this as root' \
        setpriv --reuid=65534 --regid=65534 --clear-groups sh "$source/systemd/install.sh" --no-build
fi

# --- Installing ------------------------------------------------------------------------------------------------------
destination=$work/destination
check 'first run' run "$destination" /usr --no-build
check 'tree and modes' same '644 ./etc/cairn/cairn.yaml
755 ./usr/bin/cairn
755 ./usr/bin/cairn-network
644 ./usr/lib/systemd/system/cairn-archive.service
644 ./usr/lib/systemd/system/cairn-archive.timer
644 ./usr/lib/systemd/system/cairn-retention.service
644 ./usr/lib/systemd/system/cairn-retention.timer
644 ./usr/lib/systemd/system/cairnd.service
644 ./usr/lib/systemd/system/cairnd.socket
644 ./usr/lib/sysusers.d/cairn.conf
644 ./usr/lib/tmpfiles.d/cairn.conf
755 ./usr/sbin/cairnd
644 ./usr/share/bash-completion/completions/cairn
644 ./usr/share/cairn/cairn.yaml
644 ./usr/share/cairn/retention.yaml
644 ./usr/share/fish/vendor_completions.d/cairn.fish
644 ./usr/share/man/man1/cairn-query.1
644 ./usr/share/man/man1/cairn.1
644 ./usr/share/man/man8/cairnd.8
644 ./usr/share/zsh/vendor-completions/_cairn' "$(tree "$destination")"
for shell in bash-completion/completions/cairn:bash zsh/vendor-completions/_cairn:zsh \
    fish/vendor_completions.d/cairn.fish:fish; do
    check "completions ${shell##*:}" same "completions for ${shell##*:}" "$(cat "$destination/usr/share/${shell%:*}")"
done
check 'manual' same 'manual of cairnd' "$(cat "$destination/usr/share/man/man8/cairnd.8")"
unit=$destination/usr/lib/systemd/system/cairnd.service
check 'unit as it is in the source' cmp "$root/systemd/cairnd.service" "$unit"
check 'configuration as it is in the source' cmp "$root/Config/cairn.yaml" "$destination/etc/cairn/cairn.yaml"

before=$(tree_with_times "$destination")
run "$destination" /usr --no-build >"$work/second"
check 'second run changes nothing' same "$before" "$(tree_with_times "$destination")"
check 'second run says so' lacks 'installed ' "$work/second"

chmod 600 "$destination/usr/bin/cairn"
echo '# tampered' >>"$destination/usr/lib/systemd/system/cairnd.socket"
run "$destination" /usr --no-build >"$work/repaired"
check 'a changed mode is repaired' same 755 "$(stat -c %a "$destination/usr/bin/cairn")"
check 'a changed unit is repaired' cmp "$root/systemd/cairnd.socket" "$destination/usr/lib/systemd/system/cairnd.socket"

(umask 077 && run "$work/strict" /usr --no-build >/dev/null)
check 'the umask of the caller does not matter' same "$(tree "$destination")" "$(tree "$work/strict")"
check 'nor for directories' same 755 "$(stat -c %a "$work/strict/usr/share/cairn")"

# --- The configuration is the administrator's ------------------------------------------------------------------------
echo 'origin: example' >>"$destination/etc/cairn/cairn.yaml"
cp "$destination/etc/cairn/cairn.yaml" "$work/mine"
run "$destination" /usr --no-build >"$work/kept"
check 'a changed configuration is kept' cmp "$work/mine" "$destination/etc/cairn/cairn.yaml"
check 'the new one is beside it' cmp "$root/Config/cairn.yaml" "$destination/etc/cairn/cairn.yaml.new"
check 'and that is said' says 'it was changed here' "$work/kept"
run "$destination" /usr --no-build >/dev/null
check 'and kept again' cmp "$work/mine" "$destination/etc/cairn/cairn.yaml"

cp "$root/Config/cairn.yaml" "$destination/etc/cairn/cairn.yaml"
run "$destination" /usr --no-build >/dev/null
check 'no .new beside an unchanged one' [ ! -e "$destination/etc/cairn/cairn.yaml.new" ]
echo '# version 2' >>"$source/Config/cairn.yaml"
run "$destination" /usr --no-build >/dev/null
check 'an unchanged one follows a new version' cmp "$source/Config/cairn.yaml" "$destination/etc/cairn/cairn.yaml"
check 'without a .new' [ ! -e "$destination/etc/cairn/cairn.yaml.new" ]
cp "$root/Config/cairn.yaml" "$source/Config/cairn.yaml"

# --- Other prefixes --------------------------------------------------------------------------------------------------
run "$work/local" /usr/local/ --no-build >/dev/null
unit=$work/local/usr/local/lib/systemd/system/cairnd.service
check 'the unit names the program below PREFIX' same '2' "$(grep -c '=/usr/local/sbin/cairnd --config' "$unit")"
check 'and no other' lacks '=/usr/sbin/' "$unit"
check 'zsh below /usr/local' [ -f "$work/local/usr/local/share/zsh/site-functions/_cairn" ]
run "$work/opt" /opt/cairn --no-build >/dev/null
check 'units of another prefix are where systemd looks' [ -f "$work/opt/etc/systemd/system/cairnd.service" ]
check 'and so are the users' [ -f "$work/opt/etc/sysusers.d/cairn.conf" ]
run "$work/opt" /opt/cairn --uninstall >/dev/null
check 'uninstall finds them too' same './etc/cairn/cairn.yaml' "$(cd "$work/opt" && find . -type f)"

# --- The units -------------------------------------------------------------------------------------------------------
service=$destination/usr/lib/systemd/system/cairnd.service
socket=$destination/usr/lib/systemd/system/cairnd.socket
check 'exposure at most 0.5' systemd-analyze security --offline=true --threshold=5 --no-pager "$service"
check 'PrivateUsers= is not set: clients keep their uid' sh -c "! grep -q '^PrivateUsers=' '$service'"
# verify looks for the programs that a unit starts: here they are below DESTDIR.
mkdir "$work/verify"
sed "s|=/usr/sbin/cairnd|=$destination/usr/sbin/cairnd|" "$service" >"$work/verify/cairnd.service"
cp "$socket" "$work/verify/"
check 'systemd understands every line' same '' \
    "$(systemd-analyze verify --man=no "$work/verify/cairnd.service" "$work/verify/cairnd.socket" 2>&1 | grep cairn)"
check 'the socket is the one of the configuration' says "#path: $(sed -n 's/^ListenStream=//p' "$socket")" \
    "$destination/etc/cairn/cairn.yaml"
check 'the control socket is in the RuntimeDirectory' says \
    "path: /run/$(sed -n 's/^RuntimeDirectory=//p' "$service")/control.sock" "$destination/etc/cairn/cairn.yaml"
check 'the log is the LogsDirectory' says "/var/log/$(sed -n 's/^LogsDirectory=//p' "$service")." \
    "$destination/etc/cairn/cairn.yaml"

# --- Users and directories -------------------------------------------------------------------------------------------
users=$destination/usr/lib/sysusers.d/cairn.conf
if [ "$(id -u)" -eq 0 ]; then
    image=$work/image
    mkdir -p "$image/etc" "$image/var/log"
    check 'sysusers' systemd-sysusers --root="$image" "$users"
    check 'the user' grep -q '^cairn:.*:/var/log/cairn:/usr/sbin/nologin$' "$image/etc/passwd"
    for group in cairn cairn-writers cairn-readers; do
        check "group $group" grep -q "^$group:" "$image/etc/group"
    done
    check 'tmpfiles' systemd-tmpfiles --root="$image" --create "$destination/usr/lib/tmpfiles.d/cairn.conf"
    user=$(sed -n 's/^cairn:[^:]*:\([0-9]*\):.*/\1/p' "$image/etc/passwd")
    group=$(sed -n 's/^cairn:[^:]*:\([0-9]*\):.*/\1/p' "$image/etc/group")
    readers=$(sed -n 's/^cairn-readers:[^:]*:\([0-9]*\):.*/\1/p' "$image/etc/group")
    check 'the log directory' same "2750 $user $readers" "$(stat -c '%a %u %g' "$image/var/log/cairn")"
    check 'no keys without a log' [ ! -e "$image/var/log/cairn/keys" ]
    mkdir -m 755 "$image/var/log/cairn/keys"
    chown "$user:$readers" "$image/var/log/cairn/keys"
    check 'tmpfiles again' systemd-tmpfiles --root="$image" --create "$destination/usr/lib/tmpfiles.d/cairn.conf"
    check 'the keys are closed' same "700 $user $group" "$(stat -c '%a %u %g' "$image/var/log/cairn/keys")"
fi
for group in $(sed -n 's/^Group=//p' "$service") $(sed -n 's/^SocketGroup=//p' "$socket"); do
    check "sysusers makes $group" grep -q "^g $group " "$users"
done
check 'the unit and tmpfiles agree on the mode' grep -q \
    "^d /var/log/cairn *$(sed -n 's/^LogsDirectoryMode=//p' "$service") cairn *cairn-readers " \
    "$destination/usr/lib/tmpfiles.d/cairn.conf"

# --- Uninstalling ----------------------------------------------------------------------------------------------------
mkdir -p "$destination/var/log/cairn/segments"
echo event >"$destination/var/log/cairn/segments/0"
cp "$work/mine" "$destination/etc/cairn/cairn.yaml"
run "$destination" /usr --uninstall >"$work/removed"
check 'uninstall leaves the log and the configuration' same './etc/cairn/cairn.yaml
./var/log/cairn/segments/0' "$(cd "$destination" && find . -type f | sort)"
check 'and says so' says "Kept, and yours to delete: the log $destination/var/log/cairn" "$work/removed"
check 'the configuration is as it was' cmp "$work/mine" "$destination/etc/cairn/cairn.yaml"
check 'uninstall again' run "$destination" /usr --uninstall
run "$destination" /usr --no-build >/dev/null
check 'a configuration from before is kept' cmp "$work/mine" "$destination/etc/cairn/cairn.yaml"

check 'with DESTDIR nothing outside is touched' same '' "$(cat "$work/called")"
if command -v shellcheck >/dev/null; then
    check 'shellcheck' shellcheck "$root/systemd/install.sh" "$root/Tests/Install/install_test.sh"
fi

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
