#!/usr/bin/env python3
"""How many events a second are stored, beside other programs with the same events in the same run, producers included.

    python3 Benchmarks/ingest.py [--events 2000000] [--runs 3] [--only cairn,rsyslog] [--chart FILE.svg]

(after: swift build -c release, and in Benchmarks: swift build -c release --product cairn-load)

Each producer writes lines to a Unix socket over 8 connections. The time of cairn is until every event is acknowledged:
checked, numbered, hashed, compressed and synced (fdatasync). The others acknowledge nothing; their time is until they
have written what they were sent and have ended. Programs that are not installed are left out. Share of the limit: the
sum of the steps of cairn measured alone in this run (cairn-steps), spread over the processors, as a part of the time
that it took.
"""
import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BINARIES = HERE.parent / ".build/release"
LOAD = HERE / ".build/release/cairn-load"
CONNECTIONS = 8


def wait_for(path, process):
    deadline = time.monotonic() + 20
    while not os.path.exists(path):
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"{process.args[0]} does not listen on {path}")
        time.sleep(0.02)


def load(path, events, *options):
    output = subprocess.run([LOAD, "--socket", path, "--events", str(events), "--json", *options],
                            check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output.splitlines()[-1])


def cairn(place, events, *options):
    path = f"{place}/socket"
    daemon = subprocess.Popen([BINARIES / "cairnd", "-D", f"{place}/log", "--socket", path], stderr=subprocess.DEVNULL)
    wait_for(path, daemon)
    try:
        figures = load(path, events, *options)
        status = Path(f"/proc/{daemon.pid}/status").read_text()
        figures["memory"] = int(status.split("VmHWM:")[1].split()[0]) >> 10
        user, system = Path(f"/proc/{daemon.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
        figures["cpu_seconds"] = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    finally:
        daemon.terminate()
        daemon.wait()
    figures["disk"] = sum(file.stat().st_size for file in Path(f"{place}/log").rglob("*") if file.is_file())
    return figures


def sink(place, events, command, output):
    """A program that reads lines from a socket: until it has stored all and has ended."""
    path = f"{place}/socket"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, shell=isinstance(command, str),
                               start_new_session=True)
    wait_for(path, process)
    time.sleep(0.2)
    start = time.monotonic()
    load(path, events, "--raw", "--connections", str(CONNECTIONS))
    if isinstance(command, str):
        subprocess.run(["pkill", "-P", str(process.pid), "-TERM", "-x", "socat"], check=False)
    else:
        time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
    process.wait(timeout=600)
    seconds = time.monotonic() - start
    count = subprocess.run(f"(gzip -dcf {output} 2>/dev/null || cat {output}) | wc -l", shell=True, check=True,
                           stdout=subprocess.PIPE, text=True).stdout
    if int(count) < events:
        raise SystemExit(f"{command}: only {int(count)} of {events} lines arrived")
    return {"seconds": seconds, "events": events, "events_per_second": events / seconds,
            "disk": os.path.getsize(output)}


def rsyslog(place, events, action):
    configuration = Path(f"{place}/rsyslog.conf")
    configuration.write_text(f"""
module(load="imptcp")
main_queue(queue.type="LinkedList" queue.size="500000" queue.dequeueBatchSize="2048" queue.timeoutShutdown="600000")
template(name="line" type="string" string="%rawmsg%\\n")
input(type="imptcp" path="{place}/socket" unlink="on")
action(type="omfile" file="{place}/out" template="line" {action})
""")
    return sink(place, events, ["rsyslogd", "-n", "-f", str(configuration), "-i", f"{place}/pid"], f"{place}/out")


def syslog_ng(place, events, options, template="${MESSAGE}\\n"):
    configuration = Path(f"{place}/syslog-ng.conf")
    configuration.write_text(f"""@version: 3.38
options {{ stats-freq(0); keep-hostname(yes); }};
source s {{ unix-stream("{place}/socket" flags(no-parse) max-connections(100) log-iw-size(100000) log-fetch-limit(1000)
    log-msg-size(65536)); }};
destination d {{ file("{place}/out" template("{template}") flush-lines(1000) log-fifo-size(1000000) {options}); }};
log {{ source(s); destination(d); flags(flow-control); }};
""")
    command = ["syslog-ng", "-F", "-f", str(configuration), "--persist-file", f"{place}/persist", "--pidfile",
               f"{place}/pid", "--control", f"{place}/control", "--no-caps"]
    return sink(place, events, command, f"{place}/out")


def sealed_syslog_ng(place, events):
    subprocess.run(["slogkey", "--master-key", f"{place}/master"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["slogkey", "-d", f"{place}/master", "00:11:22:33:44:55", "SN123", f"{place}/key"],
                   check=True, stdout=subprocess.DEVNULL)
    template = f"$(slog --key-file {place}/key --mac-file {place}/mac $RAWMSG)\\n"
    return syslog_ng(place, events, "", template)


def socat(place, events):
    command = f"socat -u UNIX-LISTEN:{place}/socket,fork - | gzip -1 > {place}/out"
    return sink(place, events, command, f"{place}/out")


# Name, program, share of the events (for slow ones), how.
PEERS = [
    ("rsyslog, plain file", "rsyslogd", 1, lambda place, events: rsyslog(place, events, "")),
    ("rsyslog, gzip -1", "rsyslogd", 1, lambda place, events: rsyslog(
        place, events, 'zipLevel="1" veryRobustZip="off" ioBufferSize="64k" flushOnTXEnd="off"')),
    ("rsyslog, gzip -1, fsync", "rsyslogd", 0.1, lambda place, events: rsyslog(
        place, events, 'zipLevel="1" veryRobustZip="off" ioBufferSize="64k" sync="on"')),
    ("syslog-ng, plain file", "syslog-ng", 1, lambda place, events: syslog_ng(place, events, "")),
    ("syslog-ng, fsync", "syslog-ng", 1, lambda place, events: syslog_ng(place, events, "fsync(yes)")),
    ("syslog-ng, secure logging", "slogkey", 0.02, sealed_syslog_ng),
    ("socat into gzip -1", "socat", 1, socat),
]


def steps():
    """Nanoseconds an event of each step of cairn, alone on one core."""
    output = subprocess.run([BINARIES / "cairn-steps"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {name: float(each.split()[0]) for name, each, _ in (line.split("\t") for line in output.splitlines())}


# What an event goes through; the socket and the file come from the system.
LIMIT = ["frame", "parse event", "hash leaf", "grow tree", "deflate", "checksums"]


def median(runs):
    return sorted(runs, key=lambda run: run["events_per_second"])[len(runs) // 2]


def chart(path, rows):
    """Bars, longest first, as a picture that any browser shows."""
    most = max(rate for _, rate in rows)
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="720" height="{40 * len(rows) + 20}" '
             'font-family="sans-serif" font-size="14">', '<rect width="100%" height="100%" fill="white"/>']
    for number, (name, rate) in enumerate(rows):
        y, width = 40 * number + 10, 380 * rate / most
        colour = "#2f6f4f" if name.startswith("cairn") else "#9aa5a0"
        lines.append(f'<text x="230" y="{y + 19}" text-anchor="end">{name.replace("&", "&amp;")}</text>'
                     f'<rect x="240" y="{y}" width="{width:.0f}" height="28" fill="{colour}"/>'
                     f'<text x="{width + 248:.0f}" y="{y + 19}">{rate:,.0f}</text>')
    Path(path).write_text("\n".join(lines + ["</svg>", ""]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", help="parts of names, separated by commas")
    parser.add_argument("--chart", help="where to draw the events a second")
    options = parser.parse_args()
    wanted = options.only.split(",") if options.only else None
    cases = [("cairn", None, 1, lambda place, events: cairn(place, events, "--connections", str(CONNECTIONS))),
             ("cairn, one connection", None, 1, lambda place, events: cairn(place, events, "--connections", "1")),
             ("cairn, 1,000 connections", None, 1, lambda place, events: cairn(
                 place, events, "--connections", "1000", "--batch", "20"))] + PEERS
    rows = []
    for name, program, share, run in cases:
        if (wanted and not any(part in name for part in wanted)) or (program and not shutil.which(program)):
            continue
        figures = []
        for _ in range(options.runs):
            with tempfile.TemporaryDirectory() as place:
                figures.append(run(place, int(options.events * share)))
        rows.append((name, median(figures)))
        print(f"{name}: {rows[-1][1]['events_per_second']:,.0f}", file=sys.stderr)
    base = rows[0][1]
    print(f"| 8 connections, {options.events:,} events | events/s | cairn is | bytes of disk an event |\n|---|---|---|---|")
    for name, run in rows:
        ratio = base["events_per_second"] / run["events_per_second"]
        print(f"| {name} | {run['events_per_second']:,.0f} | {'' if name == 'cairn' else f'{ratio:.1f} ×'} "
              f"| {run['disk'] / run['events']:.0f} |")
    if (BINARIES / "cairn-steps").exists() and "cpu_seconds" in base:
        alone = steps()
        total = sum(alone[step] for step in LIMIT)
        each = base["seconds"] / base["events"] * 1e9
        print("\nsteps alone, ns an event: " + ", ".join(f"{step} {alone[step]:.0f}" for step in LIMIT)
              + f"; sum {total:.0f}\ncairn: {each:.0f} ns of time and {base['cpu_seconds'] / base['events'] * 1e9:.0f} ns "
              f"of processor an event; share of the limit of {os.cpu_count()} processors "
              f"{100 * total / os.cpu_count() / each:.0f} %; memory {base['memory']} MiB")
    if options.chart:
        chart(options.chart, sorted(((name, run["events_per_second"]) for name, run in rows), key=lambda row: -row[1]))


if __name__ == "__main__":
    main()
