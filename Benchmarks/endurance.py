#!/usr/bin/env python3
"""A daemon under an even load for long: latency, memory, descriptors and processor time, a line a minute.

    python3 Benchmarks/endurance.py [--rate 20000] [--seconds 3600] [--interval 60]

(after: swift build -c release, and in Benchmarks: swift build -c release --product cairn-load)
"""
import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

from ingest import BINARIES, CONNECTIONS, LOAD, wait_for


def processor_time(pid):
    user, system = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--interval", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        path = f"{place}/socket"
        daemon = subprocess.Popen([BINARIES / "cairnd", "-D", f"{place}/log", "--socket", path],
                                  stderr=subprocess.DEVNULL)
        wait_for(path, daemon)
        producer = subprocess.Popen(
            [LOAD, "--socket", path, "--connections", str(CONNECTIONS), "--rate", str(options.rate), "--batch", "10",
             "--seconds", str(options.seconds), "--interval", str(options.interval), "--json"],
            stdout=subprocess.PIPE, text=True)
        print(f"{'s':>6} {'events':>12} {'p50 us':>8} {'p99 us':>8} {'max us':>9} {'MiB':>5} {'files':>5} {'cpu %':>6}")
        last = (0, processor_time(daemon.pid))
        for line in producer.stdout:
            figures = json.loads(line)
            status = Path(f"/proc/{daemon.pid}/status").read_text()
            memory = int(status.split("VmRSS:")[1].split()[0]) >> 10
            now = (figures["seconds"], processor_time(daemon.pid))
            share = 100 * (now[1] - last[1]) / max(now[0] - last[0], 1e-9)
            last = now
            print(f"{figures['seconds']:6.0f} {figures['events']:12,.0f} {figures['p50_us']:8,.0f} "
                  f"{figures['p99_us']:8,.0f} {figures['max_us']:9,.0f} {memory:5} "
                  f"{len(os.listdir(f'/proc/{daemon.pid}/fd')):5} {share:6.1f}", flush=True)
        daemon.terminate()
        daemon.wait()
        if producer.wait():
            raise SystemExit("not every event was acknowledged")


if __name__ == "__main__":
    main()
