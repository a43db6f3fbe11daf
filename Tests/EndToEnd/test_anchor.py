"""Checkpoints of a real log, published where its host cannot change them: with a witness, a command, a file.

    CAIRN_BIN=../../.build/release pytest test_anchor.py
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from witness import Witness

BINARIES = Path(os.environ.get("CAIRN_BIN", Path(__file__).resolve().parents[2] / ".build" / "debug"))


def cairn(*arguments, status: int | None = 0) -> subprocess.CompletedProcess:
    done = subprocess.run([BINARIES / "cairn", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    if status is not None:
        assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


class Log:
    def __init__(self, place: Path):
        self.place, self.path, self.socket = place, place / "log", place / "socket"
        self.state, self.daemon = place / "state", None
        cairn("init", "-D", self.path)
        self.origin = (self.path / "origin").read_text()
        self.key = re.search(r"^log (\S+)$", self.origin, re.MULTILINE).group(1)
        self.name = self.key.split("+")[0]
        self.genesis = re.search(r"^genesis (\S+)$", self.origin, re.MULTILINE).group(1)

    def start(self) -> None:
        with open(self.place / "errors", "w") as errors:
            self.daemon = subprocess.Popen([BINARIES / "cairnd", "-D", self.path, "--socket", self.socket], stderr=errors)
        while "ready:" not in (self.place / "errors").read_text():
            assert self.daemon.poll() is None, (self.place / "errors").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        self.daemon.send_signal(signal.SIGTERM)
        assert self.daemon.wait(30) == 0

    def grow(self, segments: int = 1) -> None:
        """So many sealed segments more."""
        for number in range(segments):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(self.socket))
                client.sendall(b'{"_hello":{"ack":true}}\n' + b'{"action":"login","module":"authentication"}\n' * 5)
                client.shutdown(socket.SHUT_WR)
                assert client.makefile().read().count("_ack")
            cairn("rotate", "-D", self.path)

    def anchor(self, *place, status: int | None = 0) -> subprocess.CompletedProcess:
        return cairn("anchor", "-D", self.path, "--state", self.state, *place, status=status)

    def verify(self, status: int = 0) -> dict:
        return json.loads(cairn("verify", "-D", self.path, "--state", self.state, "--key", self.genesis, "--json", status=status).stdout)


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path)
    log.start()
    yield log
    if log.daemon.poll() is None:
        log.stop()


@pytest.fixture
def witness():
    witness = Witness("witness.example/w1")
    witness.address = witness.start()
    yield witness
    witness.stop()


def test_a_witness_cosigns_as_the_log_grows(log, witness, tmp_path):
    witness.trust(log.key)
    place = ["--to", witness.address, "--witness", witness.vkey]
    sizes = []
    for segments in [1, 1, 2, 3, 0]:
        log.grow(segments)
        answer = json.loads(log.anchor(*place, "--json", "--output", tmp_path / "cosigned").stdout)
        sizes.append(answer["seals"])
        note = (tmp_path / "cosigned").read_text()
        assert note.startswith((log.path / "checkpoint").read_text().split("\n\n")[0])
        assert note.count("— ") == 2 and f"— {witness.name} " in note
        report = log.verify()
        assert report["verdict"] == "VERIFIED"
        assert report["anchored_through"] == answer["anchored_through"]
    assert sizes == [1, 2, 4, 7, 7]
    # One question each time: it is remembered what the witness has cosigned.
    assert len(witness.requests) == 5
    said = cairn("status", "-D", log.path, "--state", log.state).stdout
    assert re.search(r"[Aa]nchored.*up to event \d+.*ago", said), said
    # A third party checks an event with the cosignature, and without the log.
    cairn("prove", "3", "-D", log.path, "--checkpoint", tmp_path / "cosigned", "-o", tmp_path / "proof")
    cairn("check-proof", tmp_path / "proof", "--key", log.genesis, "--witness", witness.vkey)
    other = Witness("other.example/w2")
    cairn("check-proof", tmp_path / "proof", "--key", log.genesis, "--witness", other.vkey, status=1)


def test_what_the_witness_has_cosigned_is_learned(log, witness):
    witness.trust(log.key)
    log.grow(3)
    log.anchor("--to", witness.address + "/", "--witness", witness.vkey)
    shutil.rmtree(log.state)
    log.grow(2)
    log.anchor("--to", witness.address, "--witness", witness.vkey)
    # First a question from nothing, then, told where the witness stands, from there.
    assert [body.split(b"\n")[0] for body in witness.requests] == [b"old 0", b"old 0", b"old 3"]
    assert witness.latest[log.name][0] == 5


def test_a_second_history_is_refused(log, witness, tmp_path):
    witness.trust(log.key)
    log.grow(1)
    log.stop()
    shutil.copytree(log.path, tmp_path / "copy", ignore=shutil.ignore_patterns("control.sock"))
    log.start()
    log.grow(2)
    log.anchor("--to", witness.address, "--witness", witness.vkey)
    log.stop()
    # The host goes on from an older copy, with the same keys.
    shutil.rmtree(log.path)
    shutil.copytree(tmp_path / "copy", log.path)
    log.start()
    log.grow(1)
    said = log.anchor("--to", witness.address, "--witness", witness.vkey, status=1).stderr
    assert "older" in said or "cut" in said, said
    assert log.verify(status=1)["verdict"] == "TRUNCATED-OR-STALE"
    log.grow(3)
    said = log.anchor("--to", witness.address, "--witness", witness.vkey, status=1).stderr
    assert "another history" in said, said
    assert log.verify(status=1)["verdict"] == "TAMPERED"
    assert witness.latest[log.name][0] == 3


def test_a_witness_that_does_not_know_the_log(log, witness):
    log.grow(1)
    assert "does not know" in log.anchor("--to", witness.address, "--witness", witness.vkey, status=77).stderr
    witness.trust(witness.vkey.replace(witness.name, log.name))
    assert "another key" in log.anchor("--to", witness.address, "--witness", witness.vkey, status=77).stderr
    assert not list(log.state.rglob("*.anchor"))


def test_a_witness_that_is_another(log, witness):
    """Its address answers, with signatures by a key that is not the one that is trusted."""
    witness.trust(log.key)
    log.grow(1)
    done = log.anchor("--to", witness.address, "--witness", Witness(witness.name).vkey, status=None)
    assert done.returncode not in (0, 1), done.stderr
    assert not list(log.state.rglob("*.anchor"))


def test_a_witness_that_is_not_there(log):
    log.grow(1)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        log.anchor("--to", f"http://127.0.0.1:{port}", "--witness", Witness("w").vkey, status=69)
    log.anchor("--to", "https://witness.example", status=64)
    log.anchor("--to", "/tmp/file", "--witness", Witness("w").vkey, status=64)


def test_a_command_is_given_the_checkpoint(log, tmp_path):
    log.grow(2)
    target = tmp_path / "mailed"
    log.anchor("--to-command", f'cat > {target}; echo "$CAIRN_ORIGIN" > {target}.origin')
    assert target.read_bytes() == (log.path / "checkpoint").read_bytes()
    assert Path(f"{target}.origin").read_text().strip() == log.name
    assert log.verify()["anchored_through"] is not None
    shutil.rmtree(log.state)
    said = log.anchor("--to-command", "exit 3", status=69).stderr
    assert "3" in said
    # One that reads nothing has its say all the same.
    log.anchor("--to-command", "true")
    assert log.verify()["anchored_through"] is not None


def test_a_file_and_a_directory_of_checkpoints(log, tmp_path):
    log.grow(1)
    log.anchor("--to", tmp_path / "kept")
    log.grow(1)
    log.anchor("--to", f"file://{tmp_path / 'kept'}")
    assert (tmp_path / "kept").read_bytes() == (log.path / "checkpoint").read_bytes()
    assert log.verify()["verdict"] == "VERIFIED"
    cairn("verify", "-D", log.path, "--checkpoint", tmp_path / "kept", "-q")
