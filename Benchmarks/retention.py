#!/usr/bin/env python3
"""How long it takes to plan retention: a log of many events and segments, five policies, two legal holds.

    python3 Benchmarks/retention.py [--events 10000000] [--segment 4MiB] [--runs 5]     (after: swift build -c release)

The events come through the socket and are real segments with indexes; the plan reads seals and indexes alone.
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

BINARIES = Path(__file__).resolve().parent.parent / ".build/release"
POLICY = """
default: {delete_after: 400d, archive_after: 7d}
rules:
  - {name: noise, module: [scanning, reconnaissance], classification: [PUBLIC, INTERNAL], delete_after: 30d}
  - {name: acme, tenant: acme, archive_after: 1d, delete_after: 730d}
  - {name: cards, compliance: PCI_DSS, delete_after: 180d}
  - {name: secret, classification: [RESTRICTED, TOP_SECRET], delete_after: never}
  - {name: logins, module: authentication, delete_after: 90d}
frameworks: {GDPR: {maximum: 1095d}}
redact_expired: true
max_bytes: 1GiB
"""


def events(count, seed):
    """Lines whose tenants, tags and classifications make some hundred retention classes."""
    chance = random.Random(seed)
    modules = ["authentication", "scanning", "reconnaissance", "reporting", "administration", "user_management"]
    lines = []
    for number in range(count):
        event = {
            "action": chance.choice(["login", "export", "update", "delete"]), "module": chance.choice(modules),
            "tenant": chance.choice(["acme", "initech", "globex", "umbrella"]),
            "classification": chance.choice(["PUBLIC", "INTERNAL", "CONFIDENTIAL", "RESTRICTED"]),
            "actor": {"id": f"u{chance.randrange(5000)}"}, "details": f"event {number} of {seed}",
        }
        if tags := chance.sample(["PCI_DSS", "SOX", "GDPR", "HIPAA"], chance.randrange(3)):
            event["compliance"] = tags
        lines.append(json.dumps(event, separators=(",", ":")))
    return ("\n".join(lines) + "\n").encode()


def send(path, data, repeats):
    """Sends the same lines again and again, and waits until they are committed."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        for _ in range(repeats):
            client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        client.recv(1)
    os._exit(0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--segment", default="4MiB")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    batch, connections = 50_000, 4
    repeats = -(-options.events // (batch * connections))
    with tempfile.TemporaryDirectory() as place:
        log, path = f"{place}/log", f"{place}/socket"
        daemon = subprocess.Popen([
            BINARIES / "cairnd", "-D", log, "--socket", path, "--segment-max-bytes", options.segment, "--log-level", "error"])
        while not os.path.exists(path):
            assert daemon.poll() is None
            time.sleep(0.02)
        clients = []
        for seed in range(connections):
            data = events(batch, seed)
            clients.append(os.fork())
            if clients[-1] == 0:
                send(path, data, repeats)
        for process in clients:
            os.waitpid(process, 0)
        for command in (["sync"], ["rotate"], ["hold", "add", "one", "--filter", "actor.id=u17", "--reason", "a dispute"],
                        ["hold", "add", "two", "--filter", "tenant=umbrella module=reporting", "--reason", "another"]):
            subprocess.run([BINARIES / "cairn", *command, "-D", log], check=True, stdout=subprocess.DEVNULL)
        Path(f"{place}/policy.yaml").write_text(POLICY)
        plan = [BINARIES / "cairn", "retention", "plan", "-D", log, "--policy", f"{place}/policy.yaml", "--json",
                "--at", "2028-01-01"]
        times = []
        for _ in range(options.runs):
            start = time.monotonic()
            lines = subprocess.run(plan, check=True, capture_output=True, text=True).stdout.splitlines()
            times.append(time.monotonic() - start)
        entries = [json.loads(line) for line in lines]
        daemon.terminate()
        daemon.wait()
    actions = {action: sum(entry["action"] == action for entry in entries) for action in ("keep", "archive", "redact", "delete")}
    print(f"{sum(entry['events'] for entry in entries)} events in {len(entries)} sealed segments, 5 rules, 2 holds, "
          f"{options.runs} runs: median {sorted(times)[len(times) // 2]:.3f} s, worst {max(times):.3f} s; {actions}")


main()
