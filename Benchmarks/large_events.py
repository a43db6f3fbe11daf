#!/usr/bin/env python3
"""Large events: bytes a second that the daemon takes, acknowledged, and what they come to on the disk.

    python3 Benchmarks/large_events.py [--bytes 800000000] [--runs 5] [--file EVENTS.ndjson ...]

(after: swift build -c release, and in Benchmarks: swift build -c release --product cairn-load)
"""
import argparse
import statistics
import tempfile
from pathlib import Path

from ingest import cairn

SIZES = [4096, 65536]
FILLINGS = {"words in random order": [], "records": ["--records"]}


def measure(what, size, options, total, runs):
    rates, figures = [], {}
    batch = str(max(1, 256 * 1024 // size))
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as place:
            figures = cairn(place, max(1, total // size), "--batch", batch, *options)
        rates.append(figures["bytes_per_second"] / 1e6)
    print(f"| {what} | {size:,} | {statistics.median(rates):,.0f} ({max(rates):,.0f}) | "
          f"{figures['bytes'] / figures['disk']:.1f} | {figures['memory']} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=int, default=800_000_000, help="of each run")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--file", action="append", default=[], help="events of yours, again and again")
    options = parser.parse_args()
    print("| events of | bytes each | MB/s, median and best | times smaller on disk | MiB of memory |")
    print("|---|---|---|---|---|")
    for filling, flags in FILLINGS.items():
        for size in SIZES:
            measure(filling, size, ["--size", str(size), *flags], options.bytes, options.runs)
    for file in options.file:
        lines = Path(file).read_bytes().splitlines()
        size = (sum(map(len, lines)) + len(lines)) // len(lines)
        measure(Path(file).name, size, ["--file", file], options.bytes, options.runs)


if __name__ == "__main__":
    main()
