#!/usr/bin/env python3
"""How long questions take, beside other programs on the same events, process start included, files in memory.

    python3 Benchmarks/queries.py [--events 400000] [--runs 9]      (after: swift build -c release)

(a) count by module, (b) the newest 50 of module=authentication status=failed in the last tenth, (c) one session_id,
(d) count of "password mismatch", (e) everything to CSV. DuckDB and ClickHouse (chdb) run in this process, so their start
is not counted; programs that are not installed are left out. The answers are compared. Each cell: the median, and the
best in parentheses.
"""
import argparse
import gzip
import json
import os
import random
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

BINARIES = Path(__file__).resolve().parent.parent / ".build/release"
CAIRN = str(BINARIES / "cairn")
MODULES = ["authentication", "scanning", "reporting", "administration", "user_management", "exploitation", "system"]
MESSAGES = ["password mismatch", "account locked", "token expired", "quota exceeded", "report delivered", "scan finished",
            "session closed", "settings saved", "role granted", "export started"]
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def events(count):
    """Lines of 324 bytes on average; 50 a second."""
    chance = random.Random(1)
    for number in range(count):
        user = chance.randrange(500)
        moment = START + timedelta(milliseconds=20 * number)
        yield json.dumps({
            "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z",
            "action": chance.choice(["login", "login_failed", "export", "update", "delete", "create"]),
            "module": chance.choice(MODULES), "status": chance.choice(["success", "success", "failed", "info"]),
            "severity": chance.choice(["low", "medium", "high"]),
            "actor": {"type": "user", "id": f"u{user}", "email": f"user{user}@harbour.example"},
            "target": {"type": "invoice", "id": f"INV-{chance.randrange(10**6)}"},
            "ip_address": f"10.{chance.randrange(256)}.{chance.randrange(256)}.7",
            "session_id": f"{chance.getrandbits(64):016x}", "details": {"message": chance.choice(MESSAGES)},
        }, separators=(",", ":")) + "\n"


def fill(place, lines):
    """A log of all events, acknowledged and sealed."""
    path = f"{place}/socket"
    daemon = subprocess.Popen([BINARIES / "cairnd", "-D", f"{place}/log", "--socket", path], stderr=subprocess.DEVNULL)
    while not os.path.exists(path):
        assert daemon.poll() is None
        time.sleep(0.01)
    try:
        with open(lines, "rb") as source:
            subprocess.run([CAIRN, "send", "--socket", path], stdin=source, check=True, stderr=subprocess.DEVNULL)
        subprocess.run([CAIRN, "rotate", "-D", f"{place}/log"], check=True, stdout=subprocess.DEVNULL)
        time.sleep(1)
    finally:
        daemon.terminate()
        daemon.wait()


def timed(runs, question):
    """The median in milliseconds, and the answer of the last run."""
    times, answer = [], None
    for _ in range(runs):
        start = time.perf_counter()
        answer = question()
        times.append((time.perf_counter() - start) * 1000)
    return (statistics.median(times), min(times)), answer


memory = {}  # the most that a program had resident, in KiB


def run(*command, output=subprocess.PIPE):
    process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)
    text = process.stdout.read() if output == subprocess.PIPE else b""
    _, process.returncode, usage = os.wait4(process.pid, 0)
    memory[command[0]] = max(memory.get(command[0], 0), usage.ru_maxrss)
    return text


class Questions:
    """Each program's way to ask; what they return is made comparable."""

    def __init__(self, place, lines, since, session):
        self.place, self.lines, self.since, self.session = place, lines, since, session
        self.log, self.csv = f"{place}/log", f"{place}/out.csv"
        self.archive = f"{place}/events.ndjson.gz"

    def cairn(self):
        log = ["-D", self.log]
        return {
            "a": lambda: sum(g["events"] for g in json.loads(run(CAIRN, "stats", *log, "--by", "module", "--json"))
                             ["by"][0]["groups"] if g["value"] != "system"),
            "b": lambda: run(CAIRN, "query", *log, "-o", "json", "-r", "-n", "50", "-S", self.since, "--utc",
                             "module=authentication", "status=failed").count(b"\n"),
            "c": lambda: run(CAIRN, "query", *log, "-o", "json", f"session_id={self.session}").count(b"\n"),
            "d": lambda: int(run(CAIRN, "query", *log, "-c", '"password mismatch"')),
            "e": self.cairn_export,
        }

    def cairn_export(self):
        with open(self.csv, "wb") as file:
            run(CAIRN, "export", "-D", self.log, "--no-record", "--format", "csv", output=file)

    def grep(self):
        return {
            "c": lambda: run("grep", "-F", f'"session_id":"{self.session}"', self.lines).count(b"\n"),
            "d": lambda: int(run("grep", "-c", "-F", "password mismatch", self.lines)),
        }

    def zgrep(self):
        return {
            "c": lambda: run("zgrep", "-F", f'"session_id":"{self.session}"', self.archive).count(b"\n"),
            "d": lambda: int(run("zgrep", "-c", "-F", "password mismatch", self.archive)),
        }

    def sqlite(self):
        """With indexes as an application would make them; asked through the sqlite3 program."""
        path = f"{self.place}/events.sqlite"
        database = sqlite3.connect(path)
        database.execute("create table e (t text, module text, status text, session text, message text, line text)")
        with open(self.lines) as source:
            rows = ((e["timestamp"], e["module"], e["status"], e["session_id"], e["details"]["message"], line)
                    for line in source for e in [json.loads(line)])
            database.executemany("insert into e values (?,?,?,?,?,?)", rows)
        for columns in ["module", "module, status, t", "session", "message"]:
            database.execute(f"create index \"{columns}\" on e ({columns})")
        database.commit()
        database.close()
        ask = lambda sql: run("sqlite3", path, sql)
        return {
            "a": lambda: sum(int(row.split(b"|")[1]) for row in ask("select module, count(*) from e group by 1").split()
                             if not row.startswith(b"system")),
            "b": lambda: ask(f"select line from e where module='authentication' and status='failed' and t>='{self.since}' "
                             "order by t desc limit 50").count(b'{"timestamp"'),
            "c": lambda: ask(f"select line from e where session='{self.session}'").count(b'{"timestamp"'),
            "d": lambda: int(ask("select count(*) from e where message like '%password mismatch%'")),
            "e": lambda: run("sqlite3", "-csv", "-header", path, ".once " + self.csv, "select * from e") or None,
        }

    def duckdb(self):
        import duckdb
        connection = duckdb.connect()
        source = f"read_json('{self.archive}', format='newline_delimited')"
        every = f"select * replace (timestamp::varchar as timestamp) from {source}"
        ask = lambda sql: connection.execute(sql).fetchall()
        return {
            "a": lambda: sum(n for module, n in ask(f"select module, count(*) from {source} group by 1")
                             if module != "system"),
            "b": lambda: len(ask(f"{every} where module='authentication' and status='failed' and "
                                 f"timestamp >= '{self.since}' order by timestamp desc limit 50")),
            "c": lambda: len(ask(f"{every} where session_id='{self.session}'")),
            "d": lambda: ask(f"select count(*) from {source} where details.message like '%password mismatch%'")[0][0],
            "e": lambda: connection.execute(f"copy (select * from {source}) to '{self.csv}' (header)") and None,
        }

    def chdb(self):
        import chdb
        source = f"file('{self.archive}', JSONEachRow)"
        ask = lambda sql: str(chdb.query(sql, "CSV"))
        return {
            "a": lambda: sum(int(row.split(",")[1]) for row in
                             ask(f"select module, count() from {source} group by 1").splitlines()
                             if not row.startswith('"system"')),
            "d": lambda: int(ask(f"select count() from {source} where details.message like '%password mismatch%'")),
        }


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--events", type=int, default=400_000)
    arguments.add_argument("--runs", type=int, default=9)
    arguments.add_argument("--only", default="cairn,grep,zgrep,sqlite,duckdb,chdb")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as place:
        lines = f"{place}/events.ndjson"
        with open(lines, "w") as output:
            output.writelines(events(options.events))
        session = json.loads(next(line for number, line in enumerate(open(lines)) if number == options.events // 3))
        since = (START + timedelta(milliseconds=20 * (options.events * 9 // 10))).strftime("%Y-%m-%dT%H:%M:%SZ")
        fill(place, lines)
        segments = Path(place, "log/segments")
        data = sum(file.stat().st_size for file in segments.glob("*.gz"))
        index = sum(file.stat().st_size for file in segments.glob("*.index"))
        print(f"{options.events:,} events of {os.path.getsize(lines) / options.events:.0f} bytes; data "
              f"{data / 1e6:.1f} MB, index {index / 1e6:.1f} MB ({index / data:.0%})\n")
        with open(lines, "rb") as source, gzip.open(f"{place}/events.ndjson.gz", "wb", 1) as output:
            shutil.copyfileobj(source, output)
        asked = Questions(place, lines, since, session["session_id"])
        expected, rows = {}, []
        for name in options.only.split(","):
            try:
                questions = getattr(asked, name)()
                cells = {}
                for key, question in questions.items():
                    cells[key], answer = timed(options.runs, question)
                    if expected.setdefault(key, answer) != answer:
                        sys.exit(f"{name} answers ({key}) with {answer}, others with {expected[key]}")
                rows.append((name, cells))
            except (ImportError, FileNotFoundError) as failure:
                print(f"without {name}: {failure}", file=sys.stderr)
        print("| milliseconds, median of %d | a | b | c | d | e |\n|---|---|---|---|---|---|" % options.runs)
        for name, cells in rows:
            print(f"| {name} | " + " | ".join(f"{cells[key][0]:.0f} ({cells[key][1]:.0f})" if key in cells else "" for key in "abcde") + " |")
        print(f"\ncairn had at most {memory.get(CAIRN, 0) / 1024:.0f} MiB resident")


if __name__ == "__main__":
    main()
