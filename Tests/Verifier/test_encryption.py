"""Encrypted segments of a real log: `age` opens them, and both verifiers say the same of them.

Needs `age` and `age-keygen` (Debian), and `cairn` and `cairnd` in CAIRN_BIN.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import time

import pytest

import cairn_verify as cv
from log_writer import notes_of
from running_daemon import BINARIES, Daemon, cairn

pytestmark = pytest.mark.skipif(not (BINARIES / "cairn").exists(), reason=f"there is no cairn in {BINARIES}")


class Encrypted:
    def __init__(self, place):
        self.log, self.key = place / "log", place / "key.txt"
        subprocess.run(["age-keygen", "-o", self.key], check=True, capture_output=True)
        self.recipient = subprocess.run(["age-keygen", "-y", self.key], check=True, capture_output=True, text=True).stdout.strip()
        self.identities = cv.age_identities(self.key.read_text())
        with Daemon(self.log, "--encryption-recipients", self.recipient, "--encryption-after", "0s") as daemon:
            for first in (0, 20, 40):
                daemon.send(*({"action": f"a{n}", "module": "m", "details": f"secret-{n}"} for n in range(first, first + 20)))
                daemon.ask("rotate")
            self.wait(3)
            lines = self.query("action=a7")
            self.seq = json.loads(lines[0])["_seq"]
            refused = daemon.control("redact", sequences=str(self.seq), reason="asked")
            assert not refused["ok"] and "identity" in refused["message"]
            answer = daemon.ask("redact", sequences=str(self.seq), reason="asked", identities=self.key.read_text())
            assert answer["events"] == 1
            daemon.ask("rotate")
            self.wait(4)

    def wait(self, count):
        """Until so many segments are encrypted."""
        for _ in range(600):
            if len(list((self.log / "segments").glob("*.ndjson.gz.age"))) >= count:
                return
            time.sleep(0.05)
        raise AssertionError("nothing was encrypted")

    def query(self, *terms):
        done = cairn("query", "-D", self.log, "-o", "json", "--identity", self.key, *terms)
        return done.stdout.decode().splitlines()


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory):
    return Encrypted(tmp_path_factory.mktemp("encrypted"))


def reports(log, key=None):
    own = cv.LogVerifier(log, cv.age_identities(key.read_text()) if key else []).verify(None, None)
    done = cairn("verify", "-D", log, "--json", "--state", "/nonexistent", *(("--identity", key) if key else ()))
    return own, json.loads(done.stdout)


def said(report):
    return report["verdict"], report["first_bad_seq"], notes_of(report), report["events"]


def test_age_opens_what_the_daemon_encrypted(encrypted):
    lines = []
    for path in sorted((encrypted.log / "segments").glob("*.ndjson.gz.age")):
        plain = subprocess.run(["age", "-d", "-i", encrypted.key, path], check=True, capture_output=True).stdout
        assert cv.AgeFile(path.read_bytes()).decrypt(encrypted.identities) == plain
        lines += gzip.decompress(plain).splitlines()
    text = b"\n".join(lines).decode()
    assert all((f"secret-{n}\"" in text) == (n != 7) for n in range(60))
    assert [json.loads(line)["_seq"] for line in lines] == list(range(len(lines)))


def test_nothing_of_it_is_on_the_host(encrypted):
    for path in encrypted.log.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert b"secret-" not in data
            if path.name.endswith(".gz"):
                assert b"secret-" not in gzip.decompress(data)


def test_both_verifiers_say_the_same(encrypted):
    host = reports(encrypted.log)
    assert said(host[0]) == said(host[1])
    assert host[0]["verdict"] == "VERIFIED" and "ENCRYPTED" in str(notes_of(host[0]))
    auditor = reports(encrypted.log, encrypted.key)
    assert said(auditor[0]) == said(auditor[1])
    assert auditor[0]["verdict"] == "VERIFIED" and "REDACTED" in str(notes_of(auditor[0]))


def names(encrypted):
    return sorted(path.name for path in (encrypted.log / "segments").glob("*.age"))


@pytest.mark.parametrize("harm", ["missing", "cut", "flipped", "empty", "no age file", "swapped"])
@pytest.mark.parametrize("part", ["ndjson.gz", "index"])
@pytest.mark.parametrize("place", [0, 2])
def test_harm(encrypted, tmp_path, harm, part, place):
    log = tmp_path / "log"
    shutil.copytree(encrypted.log, log, ignore=shutil.ignore_patterns("*.sock"))
    files = sorted((log / "segments").glob(f"*.{part}.age"))
    data = files[place].read_bytes()
    if harm == "missing":
        files[place].unlink()
    else:
        changed = {
            "cut": data[:-5], "flipped": data[:-40] + bytes([data[-40] ^ 1]) + data[-39:], "empty": b"",
            "no age file": b"x" * len(data), "swapped": files[(place + 1) % len(files)].read_bytes(),
        }[harm]
        files[place].write_bytes(changed)
    own, other = reports(log, encrypted.key)
    assert said(own) == said(other), f"{own['findings']}\n{other['findings']}"
    assert own["verdict"] == ("INDEX-DAMAGED" if part == "index" else "TAMPERED")
    own, other = reports(log)
    assert said(own) == said(other), f"{own['findings']}\n{other['findings']}"
    if harm == "missing":
        assert own["verdict"] == ("INDEX-DAMAGED" if part == "index" else "UNVERIFIABLE")
    if harm in ("empty", "no age file") and part == "ndjson.gz":
        assert own["verdict"] == "TAMPERED"
