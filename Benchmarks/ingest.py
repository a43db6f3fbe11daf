#!/usr/bin/env python3
"""Acknowledged events a second through the socket: starts cairnd on a new log, sends from several processes, waits for
every acknowledgement. The clients run on the same machine and count for it.

    python3 Benchmarks/ingest.py [--connections 8] [--events 100000] [--runs 3]     (after: swift build -c release)
"""
import argparse
import json
import os
import random
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAM = Path(__file__).resolve().parent.parent / ".build/release/cairnd"


def events(count, seed):
    """Lines of some 324 bytes; the same for the same seed."""
    chance = random.Random(seed)
    modules = ["authentication", "scanning", "reporting", "administration", "user_management"]
    lines = []
    for number in range(count):
        user = chance.randrange(500)
        lines.append(json.dumps({
            "timestamp": f"2026-11-21T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.{number % 1000:03}Z",
            "action": chance.choice(["login", "login_failed", "export", "update", "delete"]),
            "module": chance.choice(modules), "status": chance.choice(["success", "failed", "info"]),
            "severity": chance.choice(["low", "medium", "high"]),
            "actor": {"type": "user", "id": f"u{user}", "email": f"user{user}@harbour.example"},
            "target": {"type": "invoice", "id": f"INV-{chance.randrange(10**6)}"},
            "ip_address": f"10.{chance.randrange(256)}.{chance.randrange(256)}.7",
            "session_id": f"{chance.getrandbits(64):016x}", "details": {"message": "benchmark " * 3},
        }, separators=(",", ":")))
    return ("\n".join(lines) + "\n").encode()


def client(path, data):
    """Sends everything and counts the acknowledged lines."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    connection.sendall(b'{"_hello":{"ack":true}}\n')
    if os.fork() == 0:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        os._exit(0)
    answers = connection.makefile("rb")
    answers.readline()
    acknowledged = sum(json.loads(line)["_ack"]["lines"] for line in answers)
    os.wait()
    os._exit(0 if acknowledged == data.count(b"\n") else 1)


def run(batches):
    with tempfile.TemporaryDirectory() as place:
        path = f"{place}/socket"
        daemon = subprocess.Popen([PROGRAM, "-D", f"{place}/log", "--socket", path], stderr=subprocess.DEVNULL)
        while not os.path.exists(path):
            time.sleep(0.02)
        start, clients = time.monotonic(), []
        for data in batches:
            clients.append(os.fork())
            if clients[-1] == 0:
                client(path, data)
        good = all(os.waitpid(process, 0)[1] == 0 for process in clients)
        seconds = time.monotonic() - start
        daemon.terminate()
        daemon.wait()
    if not good:
        raise SystemExit("not every event was acknowledged")
    return seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--events", type=int, default=100_000, help="of each connection")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    batches = [events(options.events, seed) for seed in range(options.connections)]
    size, count = sum(map(len, batches)), options.events * options.connections
    rates = sorted(count / run(batches) for _ in range(options.runs))
    print(f"{count} events of {size / count:.0f} bytes, {options.connections} connections, {options.runs} runs: "
          f"median {rates[len(rates) // 2]:.0f}, best {rates[-1]:.0f} acknowledged events/s")


main()
