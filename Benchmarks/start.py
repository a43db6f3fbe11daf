#!/usr/bin/env python3
"""How long a daemon takes from its start until it listens, on a log with many segments and a full active one.

    python3 Benchmarks/start.py [--segments 10000] [--runs 5]

(after: swift build -c release, and in Benchmarks: swift build -c release --product cairn-load). Segments are made small
so that there are many; the active one has the size at which a segment is sealed by default. The second kind of start is
after SIGKILL, with the resume file that the writer had left before; the third without one, so that the active segment is
read.
"""
import argparse
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from ingest import BINARIES, load


def daemon(place, *options):
    start = time.perf_counter()
    process = subprocess.Popen(
        [BINARIES / "cairnd", "-D", f"{place}/log", "--socket", f"{place}/socket", *options], stderr=subprocess.DEVNULL)
    while True:
        client = socket.socket(socket.AF_UNIX)
        try:
            client.connect(f"{place}/socket")
            return process, time.perf_counter() - start
        except OSError:
            if process.poll() is not None:
                raise SystemExit("the daemon ended") from None
            time.sleep(0.001)
        finally:
            client.close()


def starts(place, runs, end, has_resume_file=True):
    times = []
    for _ in range(runs):
        Path(f"{place}/socket").unlink(missing_ok=True)
        if not has_resume_file:
            Path(f"{place}/log/resume").unlink(missing_ok=True)
        process, seconds = daemon(place)
        times.append(seconds * 1000)
        process.send_signal(end)
        process.wait()
    return f"median {statistics.median(times):.0f} ms, best {min(times):.0f} ms"


def active(segments):
    """Bytes of the segment that takes events: a load of 100,000 events adds five megabytes, of 64 that make it full."""
    return max(segments.glob("*.ndjson.gz")).stat().st_size


def print_starts(title, place, runs):
    print(f"{title}: {starts(place, runs, signal.SIGTERM)}; after SIGKILL {starts(place, runs, signal.SIGKILL)}; "
          f"without a resume file {starts(place, runs, signal.SIGKILL, False)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        process, _ = daemon(place, "--segment-max-bytes", "64KiB", "--limits-commit-bytes", "256KiB")
        segments = Path(f"{place}/log/segments")
        while len(list(segments.glob("*.seal"))) < options.segments:
            load(f"{place}/socket", 200_000)
        process.terminate()
        process.wait()
        seals = len(list(segments.glob("*.seal")))
        print_starts(f"{seals:,} sealed segments, a small active one", place, options.runs)
        process, _ = daemon(place)
        while active(segments) < 56 << 20:
            load(f"{place}/socket", 100_000)
        process.terminate()
        process.wait()
        print_starts(f"with an active one of {active(segments) >> 20} MiB", place, options.runs)


if __name__ == "__main__":
    main()
