#!/usr/bin/env python3
"""One event at a time, each waiting for its acknowledgement, beside what write and fdatasync take alone on the same disk,
turn by turn; then how often the daemon wakes up while nobody sends, and what processor time that takes.

    python3 Benchmarks/closed_loop.py [--events 5000] [--turns 5] [--idle 60]

(after: swift build -c release, and in Benchmarks: swift build -c release --product cairn-load)
"""
import argparse
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from follow import wake_ups
from ingest import BINARIES, wait_for

LOAD = Path(__file__).resolve().parent / ".build/release/cairn-load"
LINE = b"x" * 200  # what a block of one event comes to


def alone(place, count):
    """Microseconds of each append."""
    file = os.open(f"{place}/alone", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    times = []
    for _ in range(count):
        start = time.perf_counter()
        os.write(file, LINE)
        os.fdatasync(file)
        times.append((time.perf_counter() - start) * 1e6)
    os.close(file)
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


def acknowledged(path, count):
    output = subprocess.run(
        [LOAD, "--socket", path, "--connections", "1", "--batch", "1", "--window", "1", "--events", str(count)], check=True,
        capture_output=True, text=True).stdout.split()
    figures = dict(zip(output[::2], output[1::2]))
    return float(figures["p50_us"]), float(figures["p99_us"])


def processor_time(process):
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--idle", type=int, default=60, metavar="SECONDS")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        path = f"{place}/socket"
        daemon = subprocess.Popen(
            [BINARIES / "cairnd", "-D", f"{place}/log", "--socket", path], stderr=subprocess.DEVNULL)
        wait_for(path, daemon)
        disk, log = [], []
        for _ in range(options.turns):
            disk.append(alone(place, options.events))
            log.append(acknowledged(path, options.events))
        for name, figures in ("write and fdatasync alone", disk), ("acknowledged by cairnd", log):
            medians, worst = zip(*figures)
            print(f"{name}: median {statistics.median(medians):.0f} us, 99 % within {statistics.median(worst):.0f} us")
        ratios = [[ours / theirs for ours, theirs in zip(*pair)] for pair in zip(log, disk)]
        print("ratio: median {:.2f}, 99 % {:.2f} (medians of the turns)".format(*map(statistics.median, zip(*ratios))))
        time.sleep(2)
        waits, used = wake_ups(daemon), processor_time(daemon)
        time.sleep(options.idle)
        print(f"idle for {options.idle} s: {wake_ups(daemon) - waits} wake-ups, {processor_time(daemon) - used:.2f} s of processor")
        daemon.terminate()
        daemon.wait()


if __name__ == "__main__":
    main()
