"""Every form of export, read back by a parser that is not ours: no value is lost, changed or added.

    CAIRN_BIN=../../.build/release pytest test_encoders.py

Events are made up of strings that break programs, and taken from ../shared/corpora where that is there: as many as
CAIRN_EVENTS says of each file (default 2,000; 0: all). OCSF is held against the schema of its makers.
"""
import csv
import gzip
import itertools
import json
import os
import re
import subprocess
from importlib import resources
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARIES = Path(os.environ.get("CAIRN_BIN", ROOT / ".build/release"))
CORPORA = ROOT.parent / "shared/corpora"
LIMIT = int(os.environ.get("CAIRN_EVENTS", "2000")) or None
OCSF = "1.5.0"
csv.field_size_limit(1 << 30)

NAUGHTY = [
    "", " ", "=1+1", "+1", "-5", "@SUM(A1)", "\t=1", "\r=1", "'", '"', '""', "a\"b", "a,b", "a;b", "a|b", "a\\b", "a=b", "\\", "\\\\",
    "\\n", "line\nfeed", "carriage\rreturn", "\r\n", "tab\t", "null", "true", "0", "1e999", "NaN", "über", "日本語", "😀👩‍👩‍👧", "\u0000",
    "\u0001\u001f\u007f\u0080\u009f", "\u00ad\u061c\u180e\u200b\u200e\u200f\ufeff", "\u2028\u2029\u202a\u202e\u2060\u206f", "\ufff9\uffff",
    "\U000e0001\U000e007f\U0010ffff", "e\u0301", "<script>alert(1)</script>", "'; drop table e; --", "${jndi:ldap://x}", "%s%n", "../../etc",
    "CEF:0|a|b", "rt=1 msg=2", "x" * 5000, "\u202eabc\u202c",
]


class Number(str):
    """A number as it is written."""


def exact(text):
    return json.loads(text, parse_int=Number, parse_float=Number)


def made_up():
    for text in NAUGHTY:
        yield {
            "action": text or "a", "module": text or "m", "timestamp": text, "status": text, "severity": text, "id": text, "tenant": text,
            "actor": {"id": text, "name": text, "email": text, "type": text, "roles": [text]}, "target": {"type": text, "id": text, "name": text},
            "ip_address": text, "user_agent": text, "session_id": text, "details": text, "k" + text: {text: [text]}}
        yield {
            "action": "login", "module": "authentication", "details": {"message": text, text + "x": text},
            "changes": {text: {"old": text, "new": None}}, "metadata": {"m": text, "n": [1, -0.0, 12345678901234567890123, True, None, {}, []]}}


def corpora():
    for file in sorted(CORPORA.glob("mapped/*.gz")):
        with gzip.open(file) as lines:
            yield from itertools.islice(lines, LIMIT)


def cairn(*arguments, **options):
    return subprocess.run([BINARIES / "cairn", *arguments], check=False, capture_output=True, **options)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A log of all events, with the stored ones as they were exported in NDJSON."""
    place = tmp_path_factory.mktemp("encoders")
    daemon = subprocess.Popen([BINARIES / "cairnd", "-D", place / "log", "--socket", place / "socket"], stderr=subprocess.DEVNULL)
    try:
        while not (place / "socket").exists():
            assert daemon.poll() is None
        lines = [json.dumps(event, ensure_ascii=ascii).encode() + b"\n" for event in made_up() for ascii in (True, False)]
        sent = cairn("send", "--socket", place / "socket", input=b"".join(itertools.chain(lines, corpora())))
        # A NUL or a lone surrogate may be refused; what it was is stored as event.rejected.
        assert sent.returncode in (0, 65), sent.stderr
    finally:
        daemon.terminate()
        daemon.wait()
    return place / "log"


def export(log, form):
    done = cairn("export", "-D", log, "--no-record", "--format", form)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


@pytest.fixture(scope="module")
def stored(log):
    lines = export(log, "ndjson").split("\n")[:-1]
    # Of the first of each two there is one: the other has the same id.
    assert len(lines) >= 3 * len(NAUGHTY)
    return [exact(line) for line in lines]


def leaves(value):
    """All values as texts, but for those that say nothing."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    elif value not in (None, True, False, ""):
        yield str(value)


def invisible(character):
    code = ord(character)
    return (code < 0x20 or 0x7F <= code < 0xA0 or code in (0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, 0xFEFF) or 0x2028 <= code <= 0x202E
            or 0x2060 <= code <= 0x206F or 0xFFF9 <= code <= 0xFFFB or 0xE0000 <= code <= 0xE007F)


def cell(text):
    """A text as a cell shows it: nothing that a spreadsheet runs or a terminal hides."""
    shown = "'" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else ""
    for character in text:
        if not invisible(character):
            shown += character
        elif character in "\n\r\t":
            shown += {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[character]
        else:
            units = character.encode("utf-16-be").hex()
            shown += "".join("\\u" + units[at:at + 4] for at in range(0, len(units), 4))
    return shown


def test_csv(log, stored):
    rows = csv.reader(export(log, "csv").splitlines(keepends=True), strict=True)
    columns = next(rows)
    for event, row in zip(stored, rows, strict=True):
        for column, found in zip(columns, row, strict=True):
            value = event.get(column)
            if column not in event:
                value = event
                for name in column.split("."):
                    value = value.get(name) if isinstance(value, dict) else None
            if isinstance(value, (dict, list)):
                assert exact(found) == value, event["_seq"]
            else:
                plain = {None: "", True: "true", False: "false"}
                wanted = value if isinstance(value, Number) else plain[value] if not isinstance(value, str) else cell(value)
                assert found == wanted, (event["_seq"], column)


def test_json(log, stored):
    assert exact(export(log, "json")) == stored


def unique(pairs):
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), names
    return dict(pairs)


#: What is said in other words: a status or severity by number, times in milliseconds.
TRANSLATED = {"success", "failed", "low", "medium", "high", "critical"}


@pytest.mark.parametrize("form", ["ecs", "ocsf"])
def test_nothing_is_lost_and_no_name_stands_twice(log, stored, form):
    lines = export(log, form).split("\n")[:-1]
    for event, line in zip(stored, lines, strict=True):
        found = json.loads(line, parse_int=Number, parse_float=Number, object_pairs_hook=unique)
        lost = set(leaves(event)) - set(leaves(found)) - TRANSLATED - {event["_received"], event.get("timestamp")}
        assert not lost, event["_seq"]


def test_cef(log, stored):
    lines = export(log, "cef").split("\n")[:-1]
    for event, line in zip(stored, lines, strict=True):
        assert not any(ord(character) < 0x20 for character in line)
        extension = re.fullmatch(r"CEF:0(?:\|(?:[^|\\]|\\[|\\])*){6}\|(.*)", line).group(1)
        starts = list(re.finditer(r"(?:^|(?<= ))([A-Za-z0-9]+)(?<!\\)=", extension))
        values = {}
        for start, end in itertools.zip_longest(starts, [each.start() - 1 for each in starts[1:]]):
            raw = extension[start.end():end]
            assert not re.search(r"(?<!\\)(?:\\\\)*=", raw) and start.group(1) not in values, line
            values[start.group(1)] = re.sub(r"\\(.)", lambda each: {"n": "\n", "r": "\r"}.get(each.group(1), each.group(1)), raw)
        found = set(values.values()) | set(leaves(exact(values["cs6"])) if "cs6" in values else [])
        for value in set(leaves(event)) - TRANSLATED - {event["_received"], event.get("timestamp")}:
            shown = "".join(f"\\u{ord(each):04x}" if ord(each) < 0x20 and each not in "\n\r\t" else each for each in value)
            assert value in found or shown.replace("\t", "\\t") in found, (event["_seq"], value)


class Schema:
    """What OCSF says of an object: names, types, lists, values that are listed, what must be there."""

    KINDS = {"string_t": str, "integer_t": int, "long_t": int, "boolean_t": bool, "float_t": float}

    def __init__(self, schema):
        self.objects, self.types = schema["objects"], schema["types"]
        self.classes = {each["uid"]: each for each in schema["classes"].values()}

    def base(self, kind):
        while self.types.get(kind, {}).get("type"):
            kind = self.types[kind]["type"]
        return kind

    def check_event(self, event):
        own = self.classes[event["class_uid"]]
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert event["class_name"] == own["caption"] and event["category_uid"] == own.get("category_uid", 0)
        self.check(event, own, set(event["metadata"].get("profiles", [])))

    def check(self, value, spec, profiles):
        known = {name: each for name, each in spec["attributes"].items()
                 if not each.get("profile") or each["profile"].split("/")[-1] in profiles}
        for name, inner in value.items():
            assert name in known, f"{name} is not of {spec['name']}"
            attribute = known[name]
            assert "@deprecated" not in attribute, name
            if attribute.get("is_array"):
                assert isinstance(inner, list), name
            for each in inner if attribute.get("is_array") else [inner]:
                self.check_value(each, attribute, name, profiles)
        for name, attribute in known.items():
            if attribute.get("requirement") == "required" and not attribute.get("profile"):
                assert name in value, f"{spec['name']} needs {name}"
        one = (spec.get("constraints") or {}).get("at_least_one")
        assert not one or any(name in value for name in one), f"{spec['name']} needs one of {one}"

    def check_value(self, value, attribute, name, profiles):
        if attribute["type"] == "object_t":
            assert isinstance(value, dict), name
            if attribute["object_type"] != "object":
                self.check(value, self.objects[attribute["object_type"]], profiles)
            return
        kind = self.base(attribute["type"])
        if kind != "json_t":
            assert type(value) is self.KINDS[kind], (name, value)
        if "enum" in attribute:
            assert str(value) in attribute["enum"], (name, value)


def test_ocsf_is_what_its_schema_says(log):
    schema = Schema(json.loads((resources.files("ocsf_json_schema") / f"ocsf/{OCSF}.json").read_text()))
    for line in export(log, "ocsf").split("\n")[:-1]:
        event = json.loads(line)
        assert event["metadata"]["version"] == OCSF
        schema.check_event(event)
