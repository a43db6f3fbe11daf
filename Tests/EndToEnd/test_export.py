"""Exports as their users have them: complete, with a manifest, recorded in the log, read by other programs."""
import csv
import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARIES = Path(os.environ.get("CAIRN_BIN", ROOT / ".build/release"))


def cairn(*arguments, **options):
    return subprocess.run([BINARIES / "cairn", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


@pytest.fixture
def daemon(tmp_path):
    daemon = subprocess.Popen(
        [BINARIES / "cairnd", "-D", tmp_path / "log", "--socket", tmp_path / "socket"], stderr=subprocess.DEVNULL)
    while not (tmp_path / "socket").exists():
        assert daemon.poll() is None
    yield daemon
    daemon.terminate()
    daemon.wait()


@pytest.fixture
def place(tmp_path, daemon):
    """A log with a running daemon."""
    events = [
        {"action": "login", "module": "authentication", "status": "failed" if number % 5 == 0 else "success",
         "actor": {"id": f"u{number % 7}", "email": f"user{number % 7}@harbour.example"},
         "details": ["=1+1", 'a "quoted", text', "two\nlines", "über", "-5"][number % 5], "metadata": {"n": number}}
        for number in range(5000)
    ]
    for half in [events[:2500], events[2500:]]:
        lines = "".join(json.dumps(event) + "\n" for event in half)
        cairn("send", "--socket", tmp_path / "socket", input=lines.encode(), check=True)
        cairn("rotate", "-D", tmp_path / "log", check=True)
    return tmp_path


def test_csv_with_manifest_and_record(place):
    output = place / "out.csv"
    done = cairn("export", "-D", place / "log", "-o", output, "--socket", place / "socket", "--utc", "module=authentication")
    assert (done.returncode, done.stderr) == (0, b"")
    rows = list(csv.DictReader(open(output, newline="")))
    assert len(rows) == 5000
    assert [int(row["_seq"]) for row in rows] == sorted(int(row["_seq"]) for row in rows)
    assert {row["details"] for row in rows} == {"'=1+1", 'a "quoted", text', "two\\nlines", "über", "'-5"}
    manifest = json.load(open(place / "out.csv.manifest.json"))
    assert manifest["rows"] == 5000
    assert manifest["file"]["sha256"] == hashlib.sha256(output.read_bytes()).hexdigest()
    assert manifest["file"]["bytes"] == output.stat().st_size
    assert (manifest["first_seq"], manifest["last_seq"]) == (int(rows[0]["_seq"]), int(rows[-1]["_seq"]))
    assert manifest["query"]["filter"] == "module=authentication" and manifest["query"]["zone"] == "UTC"
    assert manifest["log"]["absent"] == [] and manifest["log"]["sealed_end_seq"] <= manifest["log"]["end_seq"]
    assert manifest["log"]["checkpoint"] == (place / "log/checkpoint").read_text()
    # The record is behind all that was exported.
    record = json.loads(cairn("query", "-D", place / "log", "-o", "json", "action=log.export").stdout)
    assert record["_seq"] >= manifest["log"]["end_seq"]
    assert record["details"]["rows"] == 5000 and record["details"]["sha256"] == manifest["file"]["sha256"]


def test_a_file_is_not_replaced_unless_told(place):
    output = place / "kept.ndjson"
    output.write_text("mine")
    refused = cairn("export", "-D", place / "log", "--no-record", "-o", output)
    assert refused.returncode == 73 and b"--force" in refused.stderr and output.read_text() == "mine"
    assert cairn("export", "-D", place / "log", "--no-record", "--force", "-o", output).returncode == 0
    stored = cairn("query", "-D", place / "log", "-o", "json").stdout
    assert output.read_bytes() == stored and stored.count(b"\n") > 5000
    assert not list(place.glob(".*.part"))


@pytest.mark.parametrize("form", ["ndjson", "json", "csv", "ocsf", "ecs", "cef"])
def test_forms(place, form):
    done = cairn("export", "-D", place / "log", "--no-record", "--format", form, "-r", "module=authentication")
    assert done.returncode == 0
    text = done.stdout.decode()
    if form == "json":
        rows = json.loads(text)
    elif form == "csv":
        rows = list(csv.reader(text.splitlines(keepends=True)))[1:]
    else:
        rows = text.splitlines()
        if form != "cef":
            rows = [json.loads(row) for row in rows]
    assert len(rows) == 5000
    if form == "ocsf":
        assert all(row["type_uid"] == row["class_uid"] * 100 + row["activity_id"] for row in rows)
        assert [row["metadata"]["sequence"] for row in rows] == sorted(
            (row["metadata"]["sequence"] for row in rows), reverse=True)
    if form == "ecs":
        assert {row["event"]["outcome"] for row in rows} == {"success", "failure"}
    if form == "cef":
        assert all(row.startswith("CEF:0|Cairn|cairn|") for row in rows)


def test_nobody_to_record_it(place):
    done = cairn("export", "-D", place / "log", "--socket", place / "nowhere", "module=nothing")
    assert done.returncode == 0 and done.stdout == b""
    assert b"not recorded" in done.stderr


@pytest.mark.parametrize("arguments, status", [
    (["--fields", "a,,b"], 64), (["--format", "ocsf", "--fields", "a"], 64), (["--format", "xml"], 64), (["a="], 64),
    (["-S", "soon"], 64), (["-o", "/nonexistent/x.csv"], 74)])
def test_bad_input(place, arguments, status):
    done = cairn("export", "-D", place / "log", "--no-record", *arguments)
    assert done.returncode == status and done.stderr.startswith(b"cairn: "), done.stderr


def test_a_damaged_block_is_no_silent_partial_answer(place, daemon):
    # It might be writing the segment anew at this moment, from what it has read before.
    daemon.terminate()
    daemon.wait()
    data = sorted((place / "log/segments").glob("*.ndjson.gz"))[1]
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 0xFF
    data.chmod(0o600)
    data.write_bytes(content)
    output = place / "broken.csv"
    done = cairn("export", "-D", place / "log", "--no-record", "-o", output)
    assert done.returncode == 65 and b"event " in done.stderr
    assert not output.exists() and not (place / "broken.csv.manifest.json").exists() and not list(place.glob(".*.part"))
