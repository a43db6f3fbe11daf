"""Filters against DuckDB's SQL on real events: the same lines are found. Needs the corpora beside the checkout; without
them events made here are used, so that the test says something everywhere."""
import json
import os
import random
import subprocess
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARIES = Path(os.environ.get("CAIRN_BIN", ROOT / ".build/release"))
CORPORA = ROOT.parent / "shared/corpora/mapped"
LIMIT = 40_000


def made(count):
    chance = random.Random(7)
    for number in range(count):
        yield json.dumps({
            "action": chance.choice(["login", "login_failed", "export", "delete"]),
            "module": chance.choice(["authentication", "reporting", "scanning"]),
            "status": chance.choice(["success", "failed", "info"]), "severity": chance.choice(["low", "high", "critical"]),
            "timestamp": f"2026-03-{number % 28 + 1:02}T{number % 24:02}:00:00Z",
            "actor": {"id": f"u{chance.randrange(30)}", "email": f"user{chance.randrange(30)}@harbour.example"},
            "target": {"type": chance.choice(["invoice", "user"]), "id": f"{chance.randrange(100)}"},
            "ip_address": f"10.{chance.randrange(4)}.{chance.randrange(256)}.1", "session_id": f"s{chance.randrange(500)}",
            "details": chance.choice(["password mismatch", "Password expired", "a \"quoted\" text", "über"]),
        }, ensure_ascii=False)


def corpus():
    files = sorted(CORPORA.rglob("*.ndjson*")) if CORPORA.is_dir() else []
    lines = []
    for file in files:
        source = subprocess.run(["zcat", "-f", file], stdout=subprocess.PIPE, check=True).stdout.decode()
        found = [line for line in source.split("\n") if line]
        # Some of each source, from all over it.
        lines += found[:: max(1, len(found) // (LIMIT // max(1, len(files))))]
    return lines or list(made(LIMIT))


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    place = tmp_path_factory.mktemp("query")
    lines = corpus()
    daemon = subprocess.Popen(
        [BINARIES / "cairnd", "-D", place / "log", "--socket", place / "socket"], stderr=subprocess.DEVNULL)
    try:
        while not (place / "socket").exists():
            assert daemon.poll() is None
        for start in range(0, len(lines), len(lines) // 4 + 1):
            part = "\n".join(lines[start:start + len(lines) // 4 + 1]) + "\n"
            subprocess.run(
                [BINARIES / "cairn", "send", "--socket", place / "socket"], input=part.encode(), check=False,
                stderr=subprocess.DEVNULL)
            subprocess.run([BINARIES / "cairn", "rotate", "-D", place / "log"], check=True, stdout=subprocess.DEVNULL)
    finally:
        daemon.terminate()
        daemon.wait()
    database = duckdb.connect()
    # As text: the fields of real events have many types.
    database.execute(
        "create table e as select line, json_extract(line, '$._seq')::bigint as seq from "
        f"read_csv('{place}/log/segments/*.ndjson.gz', columns={{'line': 'varchar'}}, delim='\x01', quote='', escape='', "
        "header=false, auto_detect=false, max_line_size=2000000) "
        "where line like '{%'")
    return place / "log", database


def text(path):
    """The string at a path; null where none stands there."""
    return f"case when json_type(line, '{path}') = 'VARCHAR' then json_extract_string(line, '{path}') end"


QUESTIONS = [
    ("module=authentication", f"{text('$.module')} = 'authentication'"),
    ("status=failed not module=authentication",
     f"{text('$.status')} = 'failed' and coalesce({text('$.module')} <> 'authentication', true)"),
    ("status=failed or severity in(high, critical)",
     f"coalesce({text('$.status')} = 'failed', false) or coalesce({text('$.severity')} in ('high', 'critical'), false)"),
    ("severity>=high", f"{text('$.severity')} in ('high', 'critical')"),
    ('action~"^(login|User)"', f"regexp_matches({text('$.action')}, '^(login|User)')"),
    ('action!~"[0-9]" exists(ip_address)',
     f"not coalesce(regexp_matches({text('$.action')}, '[0-9]'), false) and "
     "json_type(line, '$.ip_address') is not null and json_type(line, '$.ip_address') <> 'NULL'"),
    ("exists(session_id) not exists(tenant)",
     "coalesce(json_type(line, '$.session_id'), 'NULL') <> 'NULL' and coalesce(json_type(line, '$.tenant'), 'NULL') = 'NULL'"),
    ("ip_address=10.0.0.0/8", f"regexp_matches({text('$.ip_address')}, '^10[.][0-9]+[.][0-9]+[.][0-9]+$')"),
    ("actor.id>m actor.id<=s", f"{text('$.actor.id')} > 'm' and {text('$.actor.id')} <= 's'"),
    ("_seq>=1000 _seq<1500", "seq >= 1000 and seq < 1500"),
    ("(module=system or module=scanning) severity=low (status=info or status=success)",
     f"{text('$.module')} in ('system', 'scanning') and {text('$.severity')} = 'low' and "
     f"{text('$.status')} in ('info', 'success')"),
    ("target.type in(invoice, user, file)", f"{text('$.target.type')} in ('invoice', 'user', 'file')"),
]


@pytest.mark.parametrize("filter, condition", QUESTIONS, ids=[question[0] for question in QUESTIONS])
def test_same_as_sql(log, filter, condition):
    directory, database = log
    expected = [row[0] for row in database.execute(f"select seq from e where {condition} order by seq").fetchall()]
    answer = subprocess.run(
        [BINARIES / "cairn", "query", "-D", directory, "-o", "json", filter], stdout=subprocess.PIPE, check=False)
    assert answer.returncode == (0 if expected else 1)
    assert [json.loads(line)["_seq"] for line in answer.stdout.splitlines()] == expected
    counted = subprocess.run(
        [BINARIES / "cairn", "stats", "-D", directory, "--json", "--by", "module,status", filter],
        stdout=subprocess.PIPE, check=False)
    assert json.loads(counted.stdout)["total"] == len(expected)


def test_some_question_finds_something(log):
    _, database = log
    found = [database.execute(f"select count(*) from e where {condition}").fetchone()[0] for _, condition in QUESTIONS]
    assert sum(count > 0 for count in found) >= 8, found


@pytest.mark.parametrize("field, path", [
    ("module", "$.module"), ("action", "$.action"), ("actor.id", "$.actor.id"), ("ip_address", "$.ip_address")])
def test_counts_are_those_of_sql(log, field, path):
    directory, database = log
    expected = database.execute(
        f"select {text(path)} as value, count(*) from e where {text(path)} is not null group by 1").fetchall()
    answer = subprocess.run(
        [BINARIES / "cairn", "values", "-D", directory, field, "--json"], stdout=subprocess.PIPE, check=True)
    found = {row["value"]: row["events"] for row in map(json.loads, answer.stdout.splitlines())}
    assert found == dict(expected)
