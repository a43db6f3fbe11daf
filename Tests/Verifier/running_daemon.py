"""A daemon that the tests start, and the command that they compare the independent verifier with."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

BINARIES = Path(os.environ.get("CAIRN_BIN", Path(__file__).resolve().parents[2] / ".build" / "release"))


class Daemon:
    """`cairnd` on a log in a directory, as a context."""

    def __init__(self, directory, *options):
        self.directory = Path(directory)
        self.socket = str(self.directory) + ".sock"
        self.process = subprocess.Popen([
            BINARIES / "cairnd", "-D", self.directory, "--socket", self.socket, "--origin", "test.example/real",
            "--log-level", "error", *options])

    def __enter__(self):
        for _ in range(3000):
            try:
                self.control("status")
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(self.socket)
                return self
            except OSError:
                assert self.process.poll() is None, "the daemon ended"
                time.sleep(0.01)
        raise AssertionError("the daemon does not answer")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0

    def control(self, command, **details):
        """The answer to a request to the control socket."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.directory / "control.sock"))
            client.sendall(json.dumps({"command": command} | details).encode() + b"\n")
            return json.loads(client.makefile().readline())

    def ask(self, command, **details):
        answer = self.control(command, **details)
        assert answer["ok"], answer
        return answer

    def send(self, *events):
        """Sends events and returns the number of the first, once they are durable."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.socket)
            lines = b"".join(json.dumps(event).encode() + b"\n" for event in events)
            client.sendall(b'{"_hello":{"ack":true}}\n' + lines)
            client.shutdown(socket.SHUT_WR)
            answers = [json.loads(line) for line in client.makefile()]
        return answers[1]["_ack"]["first_seq"]


def cairn(*arguments):
    # Without a backtrace, which takes seconds, should it crash.
    environment = os.environ | {"SWIFT_BACKTRACE": "enable=no"}
    return subprocess.run([BINARIES / "cairn", *map(str, arguments)], capture_output=True, env=environment)


def cairn_verify(directory, key=None):
    """The report of `cairn verify --json`."""
    keys = () if key is None else ("--key", key)
    # Nothing is anchored there.
    result = cairn("verify", "-D", directory, "--json", "--state", "/nonexistent", *keys)
    assert result.returncode in (0, 1), f"cairn verify ended with {result.returncode}: {result.stderr[:300]}"
    report = json.loads(result.stdout)
    assert result.returncode == (report["verdict"] != "VERIFIED"), result
    return report
