"""The independent verifier over logs with erased events and pruned segments."""

from __future__ import annotations

import base64
import json
import os
import random
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import cairn_verify as cv
from erasure_cases import CASES, erase, file, flip_block, log
from log_writer import (Writer, crc32c, erased_line, events, files_of, group_key, notes_of, salts_member, sha, verify,
                        vkey_of)

SEED = int(os.environ.get("CAIRN_SEED", "1"))
LONG = os.environ.get("CAIRN_LONG") == "1"


def outcome(directory, key=None):
    report = verify(directory, key)
    return report["verdict"], report["first_bad_seq"], [note for note in notes_of(report) if note[0] != "KEY-FROM-LOG"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(tmp_path, case):
    case.make(tmp_path / "log")
    assert outcome(tmp_path / "log") == (case.verdict, case.seq, sorted(case.notes, key=str))


def test_cases_have_names_of_their_own():
    assert len({case.name for case in CASES}) == len(CASES) > 150
    assert not [case for case in CASES if case.verdict == "VERIFIED" and case.seq is not None]


@pytest.fixture
def erased(tmp_path):
    writer = log(tmp_path / "log")
    erase(writer, 2, 3, 4).write()
    return writer


def test_no_flipped_byte_of_a_segment_written_anew_passes(erased):
    """Each is seen, and where it is: header and salts at event 0, blocks at their first events."""
    path = file(erased, 0)
    original, found = path.read_bytes(), []
    for at in range(len(original)):
        path.write_bytes(original[:at] + bytes([original[at] ^ 1 << at % 8]) + original[at + 1:])
        verdict, seq, _ = outcome(erased.directory)
        assert verdict == "TAMPERED", at
        found.append(seq)
    assert [seq for at, seq in enumerate(found) if at == 0 or found[at - 1] != seq] == [0, 3, 6, None]
    for length in range(0, len(original), 1 if LONG else 5):
        path.write_bytes(original[:length])
        assert outcome(erased.directory)[:2] == ("TAMPERED", found[length]), length


def test_every_content_byte_with_its_checksum_mended(erased):
    """Nothing vouches for `durable` and the digest of the index; all else is seen."""
    path, unseen, at = file(erased, 0), set(), 0
    data = path.read_bytes()
    while at < len(data):
        kind, content, end = cv.read_member_head(data, at)
        for offset in range(len(content)):
            changed = bytearray(data[at:end - 4])
            changed[16 + offset] ^= 1
            path.write_bytes(data[:at] + changed + struct.pack("<I", crc32c(changed)) + data[end:])
            if outcome(erased.directory)[0] in ("VERIFIED", "INDEX-DAMAGED"):
                unseen.add((kind, offset))
        at = end + 10 if kind != b"CB" else end + 8 + struct.unpack_from("<I", content, 4)[0]
    assert unseen <= {(b"CB", 24), (b"CB", 25)} | {(b"CF", offset) for offset in range(40, 72)}
    assert {(b"CF", offset) for offset in range(40, 72)} <= unseen


def long_log(directory, counts=(1000, 2000), first=None):
    """Segments that share groups of salts, one block of 500 events each, and an active one."""
    writer = Writer(directory)
    for count in counts:
        for at in range(0, count, 500):
            writer.append(*events(min(500, count - at)))
        writer.rotate()
    return writer


@pytest.mark.parametrize("erase, kinds", [
    ([(1000, 1000)], [1, 0, 0]), ([(1023, 1023)], [1, 0, 0]), ([(1024, 1024)], [0] + [1] * 17 + [0]),
    ([(2047, 2048)], [0] + [1] * 17 + [1] * 16), ([(2999, 2999)], [0, 0] + [1] * 16),
    ([(1000, 2999)], [1] + [1] * 17 + [1] * 16), ([(1005, 1007), (2500, 2500)], [1, 0] + [1] * 16)])
def test_groups_of_salts(tmp_path, erase, kinds):
    """Segment 1 has the last 24 events of group 0, group 1, and 952 of group 2."""
    writer = long_log(tmp_path)
    trace = writer.own("log.redacted", by=0, reason="why", sequences=erase)
    writer.head()
    segment = writer.written[1]
    for first, last in erase:
        segment.erase(*range(first, last + 1), event=trace)
    assert [row[0] for row in segment.salt_contents()] == kinds
    segment.write(size=500)
    assert outcome(tmp_path) == ("VERIFIED", None, [("REDACTED", 1)] * len(erase))


@pytest.mark.parametrize("name, rows, expected", [
    ("keys in one member", lambda s: [(0, 0, [group_key(s.salt_key, group) for group in range(3)])], "VERIFIED"),
    ("a key too many", lambda s: [(0, 0, [group_key(s.salt_key, group) for group in range(4)])], "TAMPERED"),
    ("a key too few", lambda s: [(0, 0, [group_key(s.salt_key, group) for group in range(2)])], "TAMPERED"),
    ("a key twice", lambda s: [(0, 0, [group_key(s.salt_key, 0)])] * 2, "TAMPERED"),
    ("keys swapped", lambda s: [(0, 0, [group_key(s.salt_key, group) for group in (1, 0, 2)])], "TAMPERED"),
    ("another first group", lambda s: [(0, 1, [group_key(s.salt_key, group) for group in (1, 2)])], "TAMPERED"),
    ("salts of events before the segment", lambda s: [
        (1, 992, [bytes(15) + b"x"] * 8 + s.salts[:24]), (0, 1, [group_key(s.salt_key, group) for group in (1, 2)])],
     "TAMPERED"),
    ("salts and keys", lambda s: [(1, 1000, s.salts[:24]), (0, 1, [group_key(s.salt_key, group) for group in (1, 2)])],
     "VERIFIED"),
    ("salts of two groups in a member", lambda s: [
        (1, 1000, s.salts[:30]), *((1, at, s.salts[at - 1000:at - 970]) for at in range(1030, 2048, 30))], "TAMPERED"),
    ("a group half by salts", lambda s: [
        (0, 0, [group_key(s.salt_key, 0)]), (1, 1024, s.salts[24:50]), (0, 1, [group_key(s.salt_key, 1)])],
     "TAMPERED")])
def test_forms_of_salt_members(tmp_path, name, rows, expected):
    writer = long_log(tmp_path)
    segment = writer.written[1].open()
    segment.write(rows=rows(segment), size=500)
    assert outcome(tmp_path)[:2] == (expected, 1000 if expected == "TAMPERED" else None)


def test_random_erasures(tmp_path):
    """Any events may be erased by any traces; one erasure that no trace names is seen. CAIRN_SEED repeats a run."""
    chance = random.Random(SEED)
    for turn in range(20):
        writer = long_log(tmp_path / str(turn), [chance.randint(1, 40) for _ in range(4)])
        end = writer.first
        chosen = sorted(chance.sample(range(end), chance.randint(1, end)))
        share = chance.randint(1, 3)
        pairs = [[(seq, seq) for seq in chosen[one::share]] for one in range(share)]
        pairs = [rows for rows in pairs if rows]
        merged = [merge(rows) for rows in pairs]
        traces = [writer.own("log.redacted", by=3, reason="r", sequences=rows) for rows in merged]
        writer.head()
        size = chance.randint(1, 9)
        for segment in writer.written[:4]:
            for trace, rows in zip(traces, pairs):
                own = [seq for seq, _ in rows if segment.first <= seq < segment.first + len(segment.lines)]
                if own:
                    segment.erase(*own, event=trace, by=3, reason="r")
            segment.write(size=size)
        report = verify(writer.directory)
        assert report["verdict"] == "VERIFIED", f"seed {SEED}, turn {turn}: {report}"
        extra = [seq for seq in range(end) if seq not in chosen]
        if extra:
            seq = chance.choice(extra)
            segment = max((one for one in writer.written if one.first <= seq), key=lambda one: one.first)
            segment.erase(seq, event=traces[0], by=3, reason="r").write(size=size)
            verdict, first, _ = outcome(writer.directory)
            assert verdict == "TAMPERED" and first <= seq, f"seed {SEED}, turn {turn}"


def merge(rows):
    """Ascending pairs, those that touch joined."""
    out = []
    for first, last in rows:
        if out and out[-1][1] + 1 == first:
            out[-1] = (out[-1][0], last)
        else:
            out.append((first, last))
    return out


# ---------------------------------------------------------------- parts

LEAF = bytes(range(32))


@pytest.mark.parametrize("reason, written", [
    ("", b'""'), ('a"b\\c', b'"a\\"b\\\\c"'), ("\0\t\n\x1f\x7f", b'"\\u0000\\u0009\\u000a\\u001f\\u007f"'),
    ("\x80\u2028\U0001f600/<&", '"\x80\u2028\U0001f600/<&"'.encode())])
def test_strings_as_the_daemon_writes_them(reason, written):
    assert cv.json_string(reason) == written


def test_lines_of_erased_events():
    line = erased_line(7, 2**63 - 1, 2**32 - 1, 'a "reason"\\', LEAF)
    erased, leaf = cv.read_erased(line, 7)
    assert (erased, leaf) == (cv.Erased(2**63 - 1, 2**32 - 1, b'"a \\"reason\\"\\\\"'), LEAF)
    assert cv.read_erased(line, 8) is None
    for at in range(len(line)):
        found = cv.read_erased(line[:at] + line[at + 1:], 7)
        assert found is None or found != (erased, leaf), at
    for other in (line + b" ", b" " + line, line + b"\r", line[:-1], line[:-1] + b',"a":1}', line * 2):
        assert cv.read_erased(other, 7) is None


def trace(text, seq=50):
    stamps = b'{"_seq":%d,"_received":"2026-11-21T07:39:12.123456Z","_uid":0,"_pid":1,' % seq
    return cv.read_event(stamps + text, seq).trace


def test_traces():
    found = trace(b'"_own":true,"action":"log.redacted","module":"system","details":{"sequences":[[1,2],[4,4]],"by":7,'
                  b'"reason":"w\\u0068y\\t"}}')
    assert found == cv.Trace(50, "log.redacted", ((1, 2), (4, 4)), 7, b'"why\\u0009"')
    assert [found.covers(*pair) for pair in ((1, 2), (1, 1), (2, 2), (4, 4), (0, 1), (2, 3), (1, 4), (3, 3), (5, 5))] \
        == [True] * 4 + [False] * 5
    assert not cv.Trace(4, "log.redacted", ((1, 9),), 7, b"").covers(2, 4), "a trace stands behind what it names"
    assert cv.Trace(4, "log.redacted", ((1, 9),), 7, b"").covers(2, 3)


@pytest.mark.parametrize("sequences, good", [
    ("[[0,0]]", True), ("[[0,0],[2,2]]", True), ("[]", True), ("[[9223372036854775806,9223372036854775807]]", True),
    ("[[0,9223372036854775808]]", False), ("[[1,0]]", False), ("[[0,1],[2,3]]", False), ("[[2,3],[0,0]]", False),
    ("[[0,1.0]]", False), ("[[0,1e0]]", False), ("[[true,1]]", False), ("[[0]]", False), ("[0,1]", False),
    ("{}", False), ('{"0":[0,1]}', False), ("null", False), ("[[0,1],null]", False), ("[{}]", False)])
def test_sequences_of_traces(sequences, good):
    text = '"_own":true,"action":"log.pruned","module":"system","details":{"sequences":%s}}' % sequences
    assert (trace(text.encode()) is not None) == good


def test_a_salt_member_is_refused_after_the_last_event():
    salts = cv.Salts(cv.Header(0, 5, 0, b"", bytes(32), "", None, True), 7)
    with pytest.raises(cv.Problem):
        salts.check_end()
    salts.add(salts_member(1, 5, [b"a" * 16, b"b" * 16])[16:-14])
    salts.check_end()
    assert [salts.of(seq) for seq in (5, 6)] == [b"a" * 16, b"b" * 16]
    for row in ((1, 7, [b"c" * 16]), (0, 0, [bytes(32)]), (0, 1, [bytes(32)])):
        with pytest.raises(cv.Problem):
            salts.add(salts_member(*row)[16:-14])
    with pytest.raises(cv.Problem):
        salts.of(7)


def test_salts_of_a_key_are_those_of_its_groups():
    key = sha(b"key")
    salts = cv.Salts(cv.Header(0, 1000, 0, b"", key, "", None, False), 5000)
    anew = cv.Salts(cv.Header(0, 1000, 0, b"", bytes(32), "", None, True), 5000)
    anew.add(salts_member(0, 0, [group_key(key, group) for group in range(5)])[16:-14])
    anew.check_end()
    assert all(salts.of(seq) == anew.of(seq) for seq in (1000, 1023, 1024, 2047, 2048, 4999, 1000))


def test_the_verifier_reads_and_never_writes(erased):
    before = {path: (erased.directory / path).read_bytes() for path in files_of(erased.directory)}
    verify(erased.directory)
    flip_block(file(erased, 0), 1)
    before["segments/%020d.ndjson.gz" % 0] = file(erased, 0).read_bytes()
    verify(erased.directory)
    assert before == {path: (erased.directory / path).read_bytes() for path in files_of(erased.directory)}


def test_the_matrix_of_the_swift_tests_with_notes(erased, tmp_path):
    """The script that runs over their cases judges these, and tells of an expectation that is wrong."""
    paths = files_of(erased.directory)
    files = {path: base64.b64encode((erased.directory / path).read_bytes()).decode() for path in paths}
    notes, path = [["REDACTED", 0]], f"segments/{0:020}.ndjson.gz"
    cases = [({}, {"verdict": "VERIFIED", "notes": notes}), ({}, {"verdict": "VERIFIED"}),
             ({"flip": [300, 1]}, {"verdict": "TAMPERED", "sequence": 0, "notes": []}),
             ({"remove": True}, {"verdict": "TAMPERED", "sequence": 0}), ({}, {"verdict": "VERIFIED", "notes": []})]
    matrix = {"logs": {"log": files}, "keys": {"log": vkey_of("a0")}, "cases": [
        {"kind": "test", "name": f"case {at}", "log": "log", "edits": [{"path": path} | edit] if edit else [],
         "expected": expected} for at, (edit, expected) in enumerate(cases)]}
    (tmp_path / "matrix.json").write_text(json.dumps(matrix))
    script = Path(cv.__file__).with_name("tamper_matrix.py")
    result = subprocess.run([sys.executable, script, tmp_path / "matrix.json"], capture_output=True, text=True)
    lines = result.stdout.splitlines()
    assert lines[-1] == "5 cases" and [line.split(": expected")[0] for line in lines[:-1]] == ["test: case 4"], result
