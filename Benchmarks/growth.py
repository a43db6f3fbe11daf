#!/usr/bin/env python3
"""What grows with the number of events, and what does not: one log, measured at 1, 10 and 100 million events.

    python3 Benchmarks/growth.py [--events 1000000,10000000,100000000] [--directory DIR]

(after: swift build -c release, and in Benchmarks: swift build -c release --product cairn-load; the largest takes 6 GB of
disk). Times are the best of three, process start included. "after a crash": after SIGKILL, with what was appended since
the start before it. The events repeat after a while, which no figure here depends on.
"""
import argparse
import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from ingest import BINARIES, load
from start import daemon

CAIRN = str(BINARIES / "cairn")


def start(place):
    """A daemon that listens, and the milliseconds that this took."""
    Path(f"{place}/socket").unlink(missing_ok=True)
    process, seconds = daemon(place)
    return process, seconds * 1000


def stop(process, end=signal.SIGTERM):
    process.send_signal(end)
    process.wait()


def best(*command):
    times = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append((time.perf_counter() - began) * 1000)
    return min(times)


def size(place, suffix):
    return sum(file.stat().st_size for file in Path(f"{place}/log/segments").glob(f"*{suffix}"))


def memory(pid):
    return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) >> 10


def measure(place, total):
    process, _ = start(place)
    log = ["-D", f"{place}/log"]
    present = json.loads(subprocess.run([CAIRN, "status", *log, "--json"], check=True, stdout=subprocess.PIPE).stdout)
    figures = load(f"{place}/socket", total - present.get("last_seq", -1) - 1)
    row = {"events/s": figures["events_per_second"], "MiB at most": memory(process.pid),
           "files": len(os.listdir(f"/proc/{process.pid}/fd"))}
    stop(process, signal.SIGKILL)
    process, row["start after a crash, ms"] = start(place)
    stop(process)
    process, row["start, ms"] = start(place)
    subprocess.run([CAIRN, "rotate", *log], check=True, stdout=subprocess.DEVNULL)
    row["segments"] = len(list(Path(f"{place}/log/segments").glob("*.seal")))
    row["bytes/event"] = size(place, ".ndjson.gz") / total
    row["index/event"] = size(place, ".index") / total
    row["count by module, ms"] = best(CAIRN, "stats", *log, "--by", "module", "--json")
    row["newest 50, ms"] = best(CAIRN, "query", *log, "-o", "json", "-r", "-n", "50", "module=scanning", "status=failed")
    row["one event, ms"] = best(CAIRN, "show", *log, str(total // 2))
    row["proof, ms"] = best(CAIRN, "prove", *log, str(total // 4), "-o", "-")
    stop(process)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", default="1000000,10000000,100000000")
    parser.add_argument("--directory", help="where the log is made, and removed again; by default that of temporary files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as place:
        columns = {}
        for total in [int(number) for number in options.events.split(",")]:
            columns[total] = measure(place, total)
        print(f"{'':26}" + "".join(f"{total:>14,}" for total in columns))
        for name in next(iter(columns.values())):
            print(f"{name:26}" + "".join(f"{column[name]:14,.1f}" for column in columns.values()))


if __name__ == "__main__":
    main()
