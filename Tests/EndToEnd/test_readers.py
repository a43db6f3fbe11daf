"""A log that the real daemon wrote, read by programs that know nothing of Cairn.

    pip install -r requirements.txt
    CAIRN_BIN=../../.build/release pytest -s test_readers.py

`CAIRN_BIN` is the directory of `cairnd`, `../../.build/debug` unless it is set. Against a debug build a sample of the
events is sent; `CAIRN_EVENTS` sets another number (0: all).
"""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
REPOSITORY = TESTS.parent
BINARIES = Path(os.environ.get("CAIRN_BIN", REPOSITORY / ".build" / "debug"))
CORPORA = REPOSITORY.parent / "shared" / "corpora" / "mapped"
CONNECTIONS = 8
DEBUG_SAMPLE = 8_000

STAMPS = re.compile(
    rb'(\s*\{)"_seq":(\d+),"_received":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z","_uid":(\d+),"_pid":(\d+),'
    rb'(?:"_own":true,)?(?:"_invalid":\[[^\]]*\],)?(?:"_sanitized":\[[^\]]*\],)?(.*)', re.DOTALL)


def events() -> list[bytes]:
    """Real events where the corpora are there, made ones elsewhere; some that are hard to read are always among them."""
    lines = [
        '{"action":"ä\\u0000\\ud83d\\ude00","module":"m","details":"\\"\\\\ \u2028 😀"}'.encode(),
        b' \t{"action":"a","module":"m","big":123456789012345678901234567890,"small":-1.0e-300}\r',
        b'{"action":"a","module":"m","details":"' + b"x" * 200_000 + b'"}',
    ]
    files = sorted(CORPORA.glob("*.ndjson.gz"))
    for path in files:
        with gzip.open(path) as file:
            lines += file.read().splitlines()
    if not files:
        lines += [
            json.dumps({"action": f"a{n % 50}", "module": f"m{n % 7}", "actor": {"id": n % 1000}, "details": "x" * (n % 900)})
            .encode() for n in range(100_000)
        ]
    limit = int(os.environ.get("CAIRN_EVENTS", DEBUG_SAMPLE if BINARIES.name == "debug" else 0))
    if 0 < limit < len(lines):
        step = len(lines) / limit
        lines = [lines[int(n * step)] for n in range(limit)]
    # An id would make one of two equal lines a duplicate, which is not stored; other tests look at those.
    return [line for line in lines if b'"id":' not in line or "id" not in json.loads(line)]


def control(log: Path, command: str) -> dict:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(log / "control.sock"))
        client.sendall(json.dumps({"command": command}).encode() + b"\n")
        return json.loads(client.makefile().readline())


def send_plain(path: str, lines: list[bytes]) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(b"".join(line + b"\n" for line in lines))
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b"", "the daemon wrote to a plain client"


def send_acknowledged(path: str, lines: list[bytes]) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        sender = threading.Thread(target=lambda: (
            client.sendall(b'{"_hello":{"ack":true}}\n' + b"".join(line + b"\n" for line in lines)),
            client.shutdown(socket.SHUT_WR)))
        sender.start()
        answered = 0
        with client.makefile() as answers:
            assert "_hello" in json.loads(answers.readline())
            for answer in answers:
                acknowledgement = json.loads(answer)["_ack"]
                assert acknowledgement["last_seq"] - acknowledgement["first_seq"] + 1 == acknowledgement["lines"]
                answered += acknowledgement["lines"]
        sender.join()
        assert answered == len(lines)


class Written:
    """What the readers look at."""

    def __init__(self, log: Path, sent: list[bytes]):
        self.log, self.sent = log, sent
        self.segments = sorted(str(path) for path in (log / "segments").glob("*.ndjson.gz"))
        self.lines = [line for path in self.segments for line in gzip.open(path).read().split(b"\n")[:-1]]


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Written:
    scratch = tmp_path_factory.mktemp("cairn")
    log, path = scratch / "log", str(scratch / "socket")
    sent = events()
    with open(scratch / "errors", "w+") as errors:
        daemon = subprocess.Popen([BINARIES / "cairnd", "-D", log, "--socket", path], stderr=errors)
        try:
            while "ready:" not in (scratch / "errors").read_text():
                assert daemon.poll() is None, (scratch / "errors").read_text()
                time.sleep(0.02)
            start = time.monotonic()
            failures: list[BaseException] = []

            def send(number: int) -> None:
                try:
                    (send_plain if number % 2 else send_acknowledged)(path, sent[number::CONNECTIONS])
                except BaseException as failure:
                    failures.append(failure)

            clients = [threading.Thread(target=send, args=(number,)) for number in range(CONNECTIONS)]
            for client in clients:
                client.start()
            rotations = 0
            while any(client.is_alive() for client in clients):
                time.sleep(0.5)
                if rotations < 10:
                    rotations += control(log, "rotate")["sealed"]
            for client in clients:
                client.join()
            assert not failures, failures
            seconds = time.monotonic() - start
            print(f"\n{len(sent):,} events in {seconds:.1f} s: {len(sent) / seconds:,.0f} a second, {rotations} rotations")
            # The last segment stays open: readers must cope with one that has no footer.
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(120) == 0, (scratch / "errors").read_text()
        finally:
            daemon.kill()
            daemon.wait()
    return Written(log, sent)


def test_every_line_is_found_byte_for_byte(written):
    found = Counter()
    for number, line in enumerate(written.lines):
        brace, sequence, uid, pid, rest = STAMPS.fullmatch(line).groups()
        assert int(sequence) == number
        if int(pid) == os.getpid():
            assert int(uid) == os.getuid()
            found[brace + rest] += 1
    missing, extra = Counter(written.sent) - found, found - Counter(written.sent)
    assert not missing and not extra, f"{missing.total()} lines are missing, {extra.total()} too many"


def test_each_client_s_lines_are_in_order(written):
    """Lines of one connection keep their order: those that stand there once tell."""
    counts = Counter(written.sent)
    place = {}
    for number, line in enumerate(written.lines):
        groups = STAMPS.fullmatch(line).groups()
        place[groups[0] + groups[4]] = number
    for client in range(CONNECTIONS):
        places = [place[line] for line in written.sent[client::CONNECTIONS] if counts[line] == 1]
        assert places == sorted(places)


def test_zcat(written):
    result = subprocess.run(["zcat", *written.segments], capture_output=True, check=True)
    assert result.stdout == b"".join(line + b"\n" for line in written.lines)
    assert result.stderr == b""
    for path in written.segments:
        subprocess.run(["gzip", "--test", path], check=True)


def test_the_lines_are_json_for_python(written):
    for line in written.lines:
        event = json.loads(line)
        assert event["_seq"] >= 0 and event["action"] and event["module"]


def test_duckdb(written):
    duckdb = pytest.importorskip("duckdb")
    # The columns are named: whether all values of a producer's own fields are of one type is not the format's to say.
    source = (f"read_json({written.segments!r}, format = 'newline_delimited', compression = 'gzip', "
              "maximum_object_size = 4194304, columns = {_seq: 'UBIGINT', _received: 'TIMESTAMP', _uid: 'UINTEGER', "
              "_pid: 'INTEGER', action: 'VARCHAR', module: 'VARCHAR'})")
    assert duckdb.sql(f"SELECT count(*), count(DISTINCT _seq), min(_seq), max(_seq) FROM {source}").fetchall() == [(
        len(written.lines), len(written.lines), 0, len(written.lines) - 1)]
    modules = Counter(json.loads(line)["module"] for line in written.lines)
    rows = duckdb.sql(f"SELECT module, count(*) FROM {source} GROUP BY module").fetchall()
    assert dict(rows) == modules


def test_clickhouse(written):
    chdb = pytest.importorskip("chdb")
    files = str(Path(written.segments[0]).parent / "*.ndjson.gz")
    query = ("SELECT count(), uniqExact(_seq), min(_seq), max(_seq), countIf(action = '' OR module = '') FROM "
             f"file('{files}', 'JSONEachRow', '_seq UInt64, _uid UInt32, action String, module String', 'gzip') "
             "SETTINGS input_format_skip_unknown_fields = 1, input_format_parallel_parsing = 0")
    row = json.loads(chdb.query(query, "JSONCompactEachRow").bytes())
    assert [int(value) for value in row] == [len(written.lines), len(written.lines), 0, len(written.lines) - 1, 0]


def test_the_independent_verifier(written):
    result = subprocess.run(
        [sys.executable, TESTS / "Verifier" / "cairn_verify.py", written.log, "--json"], capture_output=True, text=True)
    report = json.loads(result.stdout)
    assert (result.returncode, report["verdict"], report["findings"]) == (0, "VERIFIED", [])
    assert report["events"] == len(written.lines)
    assert report["segments"] == len(written.segments) >= 2
