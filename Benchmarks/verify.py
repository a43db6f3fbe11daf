#!/usr/bin/env python3
"""How long verification takes, and the parts of it that are asked for alone, process start included, files in memory.

    python3 Benchmarks/verify.py [--events 4000000] [--runs 5]

(after: swift build -c release, and in Benchmarks: swift build -c release --product cairn-load)
"""
import argparse
import json
import statistics
import subprocess
import tempfile
import time

from ingest import BINARIES, load, wait_for


def timed(runs, *command):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        times.append(time.perf_counter() - start)
    return statistics.median(times), min(times), output


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=4_000_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        log, path = f"{place}/log", f"{place}/socket"
        daemon = subprocess.Popen([BINARIES / "cairnd", "-D", log, "--socket", path, "--segment-max-bytes", "16MiB"],
                                  stderr=subprocess.DEVNULL)
        wait_for(path, daemon)
        sent = load(path, options.events)
        subprocess.run([BINARIES / "cairn", "rotate", "-D", log], check=True, stdout=subprocess.DEVNULL)
        daemon.terminate()
        daemon.wait()
        cairn = str(BINARIES / "cairn")
        for more in [], ["--events-only"]:
            median, best, output = timed(options.runs, cairn, "verify", "-D", log, "--json", *more)
            verdict = json.loads(output)["verdict"]
            print(f"{' '.join(['verify', *more])}, {sent['events']:,.0f} events, {sent['bytes'] / 1e6:,.0f} MB as received, "
                  f"{verdict}: median {median:.2f} s, best {best:.2f} s: {sent['bytes'] / median / 1e6:,.0f} and "
                  f"{sent['bytes'] / best / 1e6:,.0f} MB/s, {sent['events'] / median:,.0f} events/s")
        sequence = str(options.events // 2)
        median, best, proof = timed(options.runs, cairn, "prove", "-D", log, sequence, "-o", "-")
        print(f"prove one event: median {median * 1000:.0f} ms, best {best * 1000:.0f} ms, {len(proof):,} bytes")


if __name__ == "__main__":
    main()
