#!/usr/bin/env python3
"""How long it takes from an event's write to a socket until `cairn query -f` prints it, and what waiting costs.

    python3 Benchmarks/follow.py [--events 500]      (after: swift build -c release)
"""
import argparse
import os
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

BINARIES = Path(__file__).resolve().parent.parent / ".build/release"
IDLE = 5  # seconds


def wake_ups(process):
    """How often the threads of a process have waited so far."""
    total = 0
    for thread in Path(f"/proc/{process.pid}/task").iterdir():
        for line in (thread / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                total += int(line.split()[1])
    return total


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--events", type=int, default=500)
    events = arguments.parse_args().events
    with tempfile.TemporaryDirectory() as place:
        path = f"{place}/socket"
        daemon = subprocess.Popen(
            [BINARIES / "cairnd", "-D", f"{place}/log", "--socket", path], stderr=subprocess.DEVNULL)
        while not os.path.exists(path):
            assert daemon.poll() is None
            time.sleep(0.01)
        follower = subprocess.Popen(
            [BINARIES / "cairn", "query", "-D", f"{place}/log", "-f", "-n", "0", "-o", "json", "module=m"],
            stdout=subprocess.PIPE)
        time.sleep(0.5)
        client = socket.socket(socket.AF_UNIX)
        client.connect(path)
        times = []
        for number in range(events):
            start = time.perf_counter()
            client.sendall(b'{"action":"a%d","module":"m"}\n' % number)
            line = follower.stdout.readline()
            times.append((time.perf_counter() - start) * 1000)
            assert b'"a%d"' % number in line
            time.sleep(0.01)
        time.sleep(1)
        before = wake_ups(follower)
        time.sleep(IDLE)
        idle = wake_ups(follower) - before
        times.sort()
        print(f"{events} events, one after the other: median {statistics.median(times):.1f} ms, "
              f"99 % within {times[events * 99 // 100]:.1f} ms, at most {times[-1]:.1f} ms; "
              f"{idle} wake-ups in {IDLE} s without events")
        follower.terminate()
        daemon.terminate()
        follower.wait()
        daemon.wait()


if __name__ == "__main__":
    main()
