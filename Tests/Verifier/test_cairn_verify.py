"""Tests of cairn_verify.py, over logs made by `log_writer`."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import threading
import zlib
from collections import Counter
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

import cairn_verify as cv
from log_writer import (ORIGIN, START, Writer, b64, block, crc32c, events, files_of, footer, header, key_of, member,
                        merkle, notes_of, public_of, sha, signed, stamp, verdict, verify, vkey_of, write_log)

SEED = int(os.environ.get("CAIRN_SEED", "1"))


@pytest.fixture
def log(tmp_path):
    return write_log(tmp_path / "log")


@pytest.fixture
def active(tmp_path):
    return write_log(tmp_path / "log", sealed=False)


SEGMENTS = ["segments/%020d" % first for first in (0, 7, 12)]
FILES = ["checkpoint", "head", "origin",
         *(stem + end for stem in SEGMENTS for end in (".index", ".ndjson.gz", ".seal"))]


# ---------------------------------------------------------------- known values

LEAVES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]
ROOTS = """6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d
fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125
aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77
d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7
4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4
76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef
ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c
5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328""".split()


def test_roots_of_certificate_transparency():
    assert cv.Tree().root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    leaves = [cv.leaf_hash(leaf) for leaf in LEAVES]
    for size, root in enumerate(ROOTS, 1):
        assert cv.Tree(leaves[:size]).root().hex() == root == merkle(leaves[:size]).hex()


@pytest.mark.parametrize("data, crc", [
    (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E),
    (bytes(range(31, -1, -1)), 0x113FDB5C), (b"123456789", 0xE3069283), (b"", 0)])
def test_crc32c_of_rfc_3720(data, crc):
    assert cv.crc32c(data) == crc == crc32c(data)


VECTOR_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
VECTOR = ("This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Z"
          "tg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n").encode()


def test_note_of_c2sp():
    key = cv.Key.parse(VECTOR_VKEY)
    assert (key.name, key.id.hex(), key.vkey) == ("example.com/foo", "530d903a", VECTOR_VKEY)
    assert cv.verified_text(VECTOR, key) == "This is an example message.\n"


def test_no_flipped_bit_of_a_note_passes():
    key = cv.Key.parse(VECTOR_VKEY)
    for bit in range(8 * len(VECTOR)):
        changed = bytearray(VECTOR)
        changed[bit // 8] ^= 1 << bit % 8
        assert not cv.is_signed(bytes(changed), key), f"bit {bit}"


@pytest.mark.parametrize("change", [
    lambda vkey: vkey.upper(), lambda vkey: vkey + "\n", lambda vkey: vkey[:-1] + "l", lambda vkey: vkey[:-4],
    lambda vkey: vkey.replace("530d903a", "530d903b"), lambda vkey: vkey.replace("+Ae", "+Be"), lambda vkey: ""])
def test_wrong_vkeys_are_refused(change):
    with pytest.raises(ValueError):
        cv.Key.parse(change(VECTOR_VKEY))


def test_notes_signed_here_and_by_the_writer_are_the_same():
    assert cv.sign_note("text\n", ORIGIN, sha(b"k")) == signed("text\n", "k")
    assert cv.verified_text(cv.sign_note("a\n\nb\n", ORIGIN, sha(b"k")), cv.Key.parse(vkey_of("k"))) == "a\n\nb\n"


def test_signatures_of_others_are_ignored_up_to_sixteen():
    key, note = cv.Key.parse(vkey_of("k")), signed("text\n", "k")
    other = signed("text\n", "other").split(b"\n\n")[1]
    assert cv.is_signed(note + other * 15, key)
    assert not cv.is_signed(note + other * 16, key)
    wrong = signed("another text\n", "k").split(b"\n\n")[1]
    assert not cv.is_signed(note + wrong, key), "a wrong signature by the key itself counts"


@pytest.mark.parametrize("note", [
    b"", b"\n", b"text\n", b"text\n\n", b"\n\n" + VECTOR.split(b"\n\n")[1], VECTOR[:-1], VECTOR + b"\n",
    VECTOR.replace(b"\n\n", b"\n"), VECTOR.replace(b"is an", b"is\tan"), b"\xff" + VECTOR])
def test_what_is_no_note(note):
    assert not cv.is_signed(note, cv.Key.parse(VECTOR_VKEY))


def test_notes_without_a_text_or_too_long():
    key = cv.Key.parse(vkey_of("k"))
    assert cv.is_signed(signed("\n", "k"), key)
    assert not cv.is_signed(signed("\n", "k")[2:], key), "signatures alone are not a note"
    length = (1 << 18) - len(signed("", "k"))
    assert cv.is_signed(signed("x" * (length - 1) + "\n", "k"), key)
    assert not cv.is_signed(signed("x" * length + "\n", "k"), key)


@pytest.mark.parametrize("text, expected", [
    ("1970-01-01T00:00:00Z", 0), ("1970-01-01t00:00:00z", 0), ("1970-01-01 01:00:00+01:00", 0),
    ("1969-12-31T23:30:00.5-00:30", 500_000_000), ("1970-01-01T00:00:00.1234567899Z", 123_456_789),
    ("1969-12-31T23:59:60Z", 0), ("1969-12-31T23:59:59.999999999Z", -1), ("2000-02-29T00:00:00Z", 951_782_400 * 10**9),
    ("1677-09-21T00:12:43.145224192Z", -(2**63)), ("2262-04-11T23:47:16.854775807Z", 2**63 - 1),
    ("1677-09-21T00:12:43.145224191Z", None), ("2262-04-11T23:47:16.854775808Z", None), ("1900-02-29T00:00:00Z", None),
    ("1970-01-01T00:00:00", None), ("1970-01-01T00:00:00.Z", None), ("1970-01-01T24:00:00Z", None),
    ("1970-01-01T00:60:00Z", None), ("1970-01-01T00:00:61Z", None), ("1970-01-01T00:00:00+24:00", None),
    ("1970-01-01T00:00:00+00:60", None), ("1970-13-01T00:00:00Z", None), ("0000-01-01T00:00:00Z", None),
    ("1970-01-01T00:00:00Z ", None), ("1970-1-1T00:00:00Z", None), ("١970-01-01T00:00:00Z", None)])
def test_times(text, expected):
    assert cv.parse_time(text) == expected


def test_text_of_times():
    for time in (0, -1, 2**63 - 1, -(2**63), START):
        assert cv.parse_time(cv.time_text(time)) == time
    assert cv.time_text(START + 1) == stamp(START + 1, 9)


# ---------------------------------------------------------------- proofs

def test_inclusion_proofs_against_brute_force():
    for size in range(1, 41):
        leaves = [sha(bytes([i])) for i in range(size)]
        root = merkle(leaves)
        for index in range(size):
            proof = cv.inclusion_proof(leaves, index)
            assert len(proof) <= (size - 1).bit_length()
            accepted = [i for i in range(size) if cv.verify_inclusion(leaves[index], i, size, proof, root)]
            assert accepted == [index]
            assert not cv.verify_inclusion(leaves[index], index, size, proof + [root], root)
            assert not cv.verify_inclusion(sha(b"other"), index, size, proof, root)
            for i in range(len(proof)):
                assert not cv.verify_inclusion(leaves[index], index, size, proof[:i] + proof[i + 1:], root)
        assert not cv.verify_inclusion(leaves[0], size, size, [], root)
        assert not cv.verify_inclusion(leaves[0], -1, size, [], root)


def test_consistency_proofs_against_brute_force():
    for size in range(1, 41):
        leaves = [sha(bytes([i])) for i in range(size)]
        root = merkle(leaves)
        for first in range(1, size + 1):
            proof, old = cv.consistency_proof(leaves, first), merkle(leaves[:first])
            assert cv.verify_consistency(first, size, old, root, proof)
            assert not cv.verify_consistency(first, size, sha(b"fork"), root, proof)
            assert not cv.verify_consistency(first, size, old, sha(b"fork"), proof)
            assert not cv.verify_consistency(first, size, old, root, proof + [root])
            for i in range(len(proof)):
                assert not cv.verify_consistency(first, size, old, root, proof[:i] + proof[i + 1:])
            if first < size:
                assert not cv.verify_consistency(size, first, root, old, proof)
        assert cv.verify_consistency(0, size, sha(b""), root, [])
        assert not cv.verify_consistency(0, size, root, root, [])


# ---------------------------------------------------------------- logs that are whole

def test_sealed_log_is_verified(log):
    report = verify(log.directory, vkey_of("a0"))
    assert report == {"verdict": "VERIFIED", "events": 18, "segments": 3, "first_seq": 0, "last_seq": 17,
                      "first_bad_seq": None, "findings": [], "notes": [report["notes"][0]]}
    assert report["notes"][0]["note"] == "NO-ACTIVE-SEGMENT" and report["notes"][0]["segment"] == 2


def test_active_log_is_verified(active):
    report = verify(active.directory)
    assert (report["verdict"], report["events"], notes_of(report)) == ("VERIFIED", 18, [("KEY-FROM-LOG", None)])
    assert notes_of(verify(active.directory, vkey_of("a0"))) == []


def test_segments_are_plain_gzip(log):
    lines = b"".join(gzip.decompress((log.directory / (stem + ".ndjson.gz")).read_bytes()) for stem in SEGMENTS)
    assert [json.loads(line)["_seq"] for line in lines.splitlines()] == list(range(18))


def test_every_state_of_a_writer_is_verified(tmp_path):
    writer = Writer(tmp_path / "log")
    for number in range(4):
        for step in (lambda: writer.append(*events(3)), writer.head, lambda: writer.append(*events(1)),
                     writer.foot, writer.seal, writer.checkpoint, writer.next, writer.head):
            step()
            assert verdict(writer.directory) == ("VERIFIED", None), f"segment {number}, {step}"


def test_leftovers_of_a_writer_are_not_part_of_the_log(active):
    for name in ("7.seal", f"{5:020}.seal.tmp", f"{12:020}.ndjson.gz.torn-20261121T073912Z", "x" + f"{5:020}.seal",
                 f"{5:020}.ndjson.gz.torn-1", f"{7:020}.ndjson.gz.displaced-12", f"{7:020}.index.next"):
        (active.directory / "segments" / name).write_bytes(b"rubbish")
    assert verdict(active.directory) == ("VERIFIED", None)
    assert notes_of(verify(active.directory, vkey_of("a0"))) == [("RECOVERED", 2), ("RECOVERED", None)]


def test_a_log_that_is_being_written_gives_no_false_alarm(tmp_path):
    writer, stop = Writer(tmp_path / "log"), threading.Event()

    def write():
        while not stop.is_set():
            writer.append(*events(2))
            writer.head()
            if len(writer.leaves) >= 20:
                writer.rotate()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        reports = [verify(writer.directory) for _ in range(40)]
    finally:
        stop.set()
        thread.join()
    assert {report["verdict"] for report in reports} == {"VERIFIED"}, reports
    assert writer.number > 0 and reports[-1]["events"] > reports[0]["events"]


def test_a_writer_that_rotates_between_the_reads_of_a_snapshot(active, monkeypatch):
    """Head and checkpoint are read, then two segments come, and only then are the names listed."""
    listdir, turns = os.listdir, iter(range(2))

    def list_late(path):
        for _ in range(2 if next(turns, None) is not None else 0):
            active.append(*events(2))
            active.rotate()
        return listdir(path)

    active.rotate()
    monkeypatch.setattr(os, "listdir", list_late)
    assert verdict(active.directory) == ("VERIFIED", None)


def test_a_segment_that_is_sealed_after_the_snapshot(active, monkeypatch):
    original = cv.LogVerifier.open_origin

    def rotate_first(self, genesis):
        active.append(*events(2))
        active.rotate()
        active.append(*events(2))
        active.rotate()
        return original(self, genesis)

    monkeypatch.setattr(cv.LogVerifier, "open_origin", rotate_first)
    assert verdict(active.directory) == ("VERIFIED", None)


def test_events_of_many_kinds(tmp_path):
    writer, least = Writer(tmp_path / "log"), {"action": "a", "module": "?"}
    far, bare = least | {"timestamp": "1999-12-31T23:59:60.25Z"}, b'{ "action":[],"module":"?"'
    writer.append(far, least | {"timestamp": "2200-01-01 00:00:00+00:00", "module": "a.b-c_1"},
                  time_of=lambda event: 946_684_800_250_000_000 if event is far else 7_258_118_400 * 10**9)
    writer.append(least | {"timestamp": 5, "module": 7}, least | {"timestamp": "2026-02-30T00:00:00Z", "module": "X"},
                  least | {"module": "x" * 65}, least | {"nested": {"module": 1, "timestamp": "1980-01-01T00:00:00Z"}})
    for event in (far, least):
        event["module"] = "?"
    writer.append(b" \t" + bare + b"}", bare + b',"a":1e999,"b":' + b"9" * 5000 + b"}\r",
                  bare + b',"b":' + b"[" * 500 + b"]" * 500 + b"}",
                  bare + ',"s":"\u2028 \\\\ud800 \\ud83d\\uDE00 \u00e9"}'.encode())
    writer.append(least | {"text": "x" * 1_000_000})
    writer.modules = Counter({"?": 10, "a.b-c_1": 1})
    writer.rotate()
    assert verdict(writer.directory) == ("VERIFIED", None)


def test_salts_across_groups(tmp_path):
    writer = Writer(tmp_path / "log")
    for _ in range(5):
        writer.append(*events(500))
    writer.rotate()
    assert verdict(writer.directory) == ("VERIFIED", None)


# ---------------------------------------------------------------- every byte

def expected_seq(writer, path, offset):
    """The first sequence number of the block that holds the byte, or None if no event is touched for certain."""
    first = int(path[9:29])
    for segment, begin, end, seq in writer.blocks:
        if segment == first and begin <= offset < end:
            return seq
    return first if offset < 100 else None


@pytest.mark.parametrize("path", FILES)
def test_no_flipped_byte_of_a_sealed_log_passes(log, path):
    assert FILES == files_of(log.directory)
    file = log.directory / path
    original = file.read_bytes()
    for offset in range(len(original)):
        changed = bytearray(original)
        changed[offset] ^= 1 << offset % 8
        file.write_bytes(changed)
        report = verify(log.directory)
        place = f"{path} at {offset} of {len(original)}: {report}"
        if path.endswith(".index"):
            assert report["verdict"] == "INDEX-DAMAGED" and report["first_bad_seq"] is None, place
        elif path in ("origin", "head", "checkpoint"):
            assert report["verdict"] in ("TAMPERED", "UNVERIFIABLE", "TRUNCATED-OR-STALE"), place
        else:
            assert report["verdict"] == "TAMPERED", place
            if path.endswith(".seal"):
                assert report["first_bad_seq"] == int(path[9:29]), place
            elif (seq := expected_seq(log, path, offset)) is not None:
                assert report["first_bad_seq"] == seq, place
    file.write_bytes(original)
    assert verdict(log.directory) == ("VERIFIED", None)


def test_no_flipped_byte_of_an_active_segment_passes(active):
    original = active.data_path.read_bytes()
    for offset in range(len(original)):
        changed = bytearray(original)
        changed[offset] ^= 0x04
        active.data_path.write_bytes(changed)
        seq = expected_seq(active, active.stem, offset) or 12
        assert verdict(active.directory) == ("TAMPERED", seq), f"at {offset}"


def test_every_bit_of_the_last_signature_bytes(active):
    """The last character before the padding has bits that a loose decoder of base64 drops."""
    for path in ("head", "checkpoint", "origin"):
        original = (active.directory / path).read_bytes()
        for bit in range(8 * (len(original) - 6), 8 * len(original)):
            changed = bytearray(original)
            changed[bit // 8] ^= 1 << bit % 8
            (active.directory / path).write_bytes(changed)
            assert verdict(active.directory)[0] != "VERIFIED", f"{path}, bit {bit}"
        (active.directory / path).write_bytes(original)


# ---------------------------------------------------------------- every cut

@pytest.mark.parametrize("stem", SEGMENTS)
def test_every_cut_of_a_sealed_segment(log, stem):
    file = log.directory / (stem + ".ndjson.gz")
    original, first = file.read_bytes(), int(stem[9:])
    for length in range(len(original)):
        file.write_bytes(original[:length])
        cut = [seq for segment, _, end, seq in log.blocks if segment == first and end > length]
        assert verdict(log.directory) == ("TAMPERED", min(cut, default=None)), f"{stem} cut to {length}"
    file.write_bytes(original + b"\0")
    assert verdict(log.directory) == ("TAMPERED", None)
    file.write_bytes(original)


def test_every_cut_of_an_active_segment(active):
    original = active.data_path.read_bytes()
    ends = {end: seq for segment, _, end, seq in active.blocks if segment == 12}
    borders = [0, min(begin for segment, begin, _, _ in active.blocks if segment == 12), *ends]
    for length in range(len(original)):
        active.data_path.write_bytes(original[:length])
        seq = min(seq for end, seq in ends.items() if end > length)
        kind = "TRUNCATED-OR-STALE" if length in borders else "TAMPERED"
        assert verdict(active.directory) == (kind, seq), f"cut to {length}"


def test_a_torn_tail_that_nothing_names_is_a_note(active):
    whole = active.data_path.read_bytes()
    active.append(*events(3), durable=18)
    original = active.data_path.read_bytes()
    for length in range(len(whole) + 1, len(original)):
        active.data_path.write_bytes(original[:length])
        report = verify(active.directory)
        assert (report["verdict"], report["events"]) == ("VERIFIED", 18)
        assert notes_of(report) == [("KEY-FROM-LOG", None), ("UNCOMMITTED", 2)]


@pytest.mark.parametrize("durable, expected", [(18, ("VERIFIED", None)), (21, ("TAMPERED", 18))])
def test_durable_tells_a_torn_tail_from_damage(active, durable, expected):
    """Two blocks behind the head: the second one proves, or not, that the first had been synced."""
    at = active.data_path.stat().st_size
    active.append(*events(3))
    active.append(*events(3), durable=durable)
    data = bytearray(active.data_path.read_bytes())
    data[at + 200] ^= 1
    active.data_path.write_bytes(data)
    assert verdict(active.directory) == expected


def test_a_new_active_file_may_be_torn_anywhere(log):
    log.next()
    original = log.data_path.read_bytes()
    for length in range(len(original) + 1):
        log.data_path.write_bytes(original[:length])
        assert verdict(log.directory) == ("VERIFIED", None), f"cut to {length}"


def test_a_footer_without_a_seal_is_cut_like_a_torn_tail(active):
    active.foot()
    assert verdict(active.directory) == ("VERIFIED", None)
    active.append_bytes(b"rest")
    assert notes_of(verify(active.directory)) == [("KEY-FROM-LOG", None), ("UNCOMMITTED", 2)]


def test_every_cut_of_the_notes(active):
    for path in ("head", "checkpoint", "origin", SEGMENTS[0] + ".seal"):
        original = (active.directory / path).read_bytes()
        for length in range(len(original)):
            (active.directory / path).write_bytes(original[:length])
            assert verdict(active.directory)[0] != "VERIFIED", f"{path} cut to {length}"
        (active.directory / path).write_bytes(original)


# ---------------------------------------------------------------- files deleted, swapped, replayed

DELETED = [
    (["origin"], "UNVERIFIABLE", None), (["head"], "TRUNCATED-OR-STALE", None),
    (["checkpoint"], "TRUNCATED-OR-STALE", None),
    ([SEGMENTS[0] + ".ndjson.gz"], "TAMPERED", 0), ([SEGMENTS[1] + ".ndjson.gz"], "TAMPERED", 7),
    ([SEGMENTS[2] + ".ndjson.gz"], "TAMPERED", 12),
    ([SEGMENTS[0] + ".index"], "INDEX-DAMAGED", None), ([SEGMENTS[2] + ".index"], "INDEX-DAMAGED", None),
    ([SEGMENTS[0] + ".seal"], "TRUNCATED-OR-STALE", 0), ([SEGMENTS[2] + ".seal"], "TRUNCATED-OR-STALE", None),
    ([SEGMENTS[0] + ".ndjson.gz", SEGMENTS[0] + ".seal"], "TAMPERED", 0),
    ([SEGMENTS[1] + ".ndjson.gz", SEGMENTS[1] + ".seal"], "TAMPERED", 7),
    ([SEGMENTS[2] + ".ndjson.gz", SEGMENTS[2] + ".seal"], "TRUNCATED-OR-STALE", 12),
    ([stem + end for stem in SEGMENTS[1:] for end in (".ndjson.gz", ".seal", ".index")], "TRUNCATED-OR-STALE", 7),
    ([stem + end for stem in SEGMENTS for end in (".ndjson.gz", ".seal", ".index")], "TRUNCATED-OR-STALE", 0),
]


@pytest.mark.parametrize("paths, expected, seq", DELETED)
def test_deleted_files(log, paths, expected, seq):
    for path in paths:
        (log.directory / path).unlink()
    assert verdict(log.directory) == (expected, seq)


def test_a_missing_seal_before_the_newest_segment(active):
    (active.directory / (SEGMENTS[0] + ".seal")).unlink()
    report = verify(active.directory)
    assert ("UNSEALED", 0) in [(finding["verdict"], finding["seq"]) for finding in report["findings"]]
    assert report["events"] == 18, "what follows is still read"


def test_a_missing_seal_under_a_checkpoint_that_is_one_behind(log):
    root = merkle([sha(b"\x00" + seal) for seal in log.seals[:2]])
    log.replace("checkpoint", signed(f"{ORIGIN}\n2\n{b64(root)}\n", "alog"))
    assert verdict(log.directory) == ("VERIFIED", None)
    (log.directory / (SEGMENTS[0] + ".seal")).unlink()
    assert verdict(log.directory) == ("TRUNCATED-OR-STALE", 0)


def test_an_unsealed_segment_is_still_checked(active):
    """Behind a lost seal, headers are taken at their word, and damage is still found."""
    (active.directory / (SEGMENTS[0] + ".seal")).unlink()
    file = active.directory / (SEGMENTS[1] + ".ndjson.gz")
    data = bytearray(file.read_bytes())
    data[active.blocks[4][1] + 150] ^= 1
    file.write_bytes(data)
    findings = [(finding["verdict"], finding["seq"]) for finding in verify(active.directory)["findings"]]
    assert ("TAMPERED", 10) in findings


def test_behind_a_lost_seal_a_header_cannot_choose_its_number(active):
    (active.directory / (SEGMENTS[1] + ".seal")).unlink()
    data, start = active.data_path.read_bytes(), active.blocks[-2][1]
    lying = header(9, 12, active.created, active.previous, active.salt_key, vkey_of("a2"))
    active.data_path.write_bytes(lying + data[start:])
    findings = [(finding["verdict"], finding["seq"]) for finding in verify(active.directory)["findings"]]
    assert ("TAMPERED", 12) in findings


def test_a_segment_without_seal_and_with_nothing_else_wrong_is_unsealed(tmp_path):
    """The checkpoint of size 0 covers no seal, so that this finding stands alone."""
    writer = Writer(tmp_path / "log")
    writer.append(*events(3))
    writer.foot()
    writer.seal()
    writer.next()
    writer.head()
    (writer.directory / (SEGMENTS[0] + ".seal")).unlink()
    assert verdict(writer.directory) == ("UNSEALED", 0)


@pytest.mark.parametrize("path", ["segments", "head", SEGMENTS[1] + ".ndjson.gz", SEGMENTS[0] + ".index"])
def test_what_cannot_be_read_is_unverifiable(log, monkeypatch, path):
    """A reader without the right to read must not be told that events are lost."""
    def refuse(original):
        def opened(at, *arguments, **options):
            if Path(at) == log.directory / path:
                raise PermissionError(13, "Permission denied", str(at))
            return original(at, *arguments, **options)
        return opened

    monkeypatch.setattr(os, "listdir", refuse(os.listdir))
    monkeypatch.setattr(io, "open", refuse(io.open))
    report = verify(log.directory)
    assert report["verdict"] == "UNVERIFIABLE", report
    assert "cannot be read: Permission denied" in report["findings"][0]["message"]


@pytest.mark.parametrize("ending", [".ndjson.gz", ".seal"])
def test_swapped_files(log, ending):
    one, two = (log.directory / (stem + ending) for stem in SEGMENTS[:2])
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    assert verdict(log.directory) == ("TAMPERED", 0)


def test_swapped_blocks(log):
    file = log.directory / (SEGMENTS[0] + ".ndjson.gz")
    data = file.read_bytes()
    (_, a, b, _), (_, _, c, _) = log.blocks[:2]
    file.write_bytes(data[:a] + data[b:c] + data[a:b] + data[c:])
    assert verdict(log.directory) == ("TAMPERED", 0)
    file.write_bytes(data[:b] + data[a:b] + data[b:])
    assert verdict(log.directory) == ("TAMPERED", 3)
    file.write_bytes(data[:b] + data[c:])
    assert verdict(log.directory) == ("TAMPERED", 3)


def test_a_renamed_segment(log):
    for ending in (".ndjson.gz", ".seal", ".index"):
        (log.directory / (SEGMENTS[1] + ending)).rename(log.directory / f"segments/{9:020}{ending}")
    assert verdict(log.directory) == ("TAMPERED", 7)


def test_a_segment_of_another_log(log, tmp_path):
    other = write_log(tmp_path / "other", name="b")
    for ending in (".ndjson.gz", ".seal", ".index"):
        shutil.copy(other.directory / (SEGMENTS[1] + ending), log.directory / (SEGMENTS[1] + ending))
    assert verdict(log.directory) == ("TAMPERED", 7)


def test_replayed_head_and_checkpoint(tmp_path):
    writer = Writer(tmp_path / "log")
    old = {name: (writer.directory / name).read_bytes() for name in ("head", "checkpoint")}
    for _ in range(2):
        writer.append(*events(2))
        writer.rotate()
    for name, data in old.items():
        now = (writer.directory / name).read_bytes()
        (writer.directory / name).write_bytes(data)
        assert verdict(writer.directory) == ("TRUNCATED-OR-STALE", None), name
        (writer.directory / name).write_bytes(now)
    assert verdict(writer.directory) == ("VERIFIED", None)


def test_an_older_state_of_the_whole_log_is_seen_with_an_outside_checkpoint(log, tmp_path):
    newest = (log.directory / "checkpoint").read_bytes()
    fork = Writer(tmp_path / "fork")
    for expected in ("TRUNCATED-OR-STALE", "TRUNCATED-OR-STALE", "TAMPERED"):
        fork.append(*events(2))
        fork.rotate()
        assert verdict(fork.directory) == ("VERIFIED", None), "signed by the same keys, and another history"
        assert verdict(fork.directory, checkpoint=newest)[0] == expected
    log.next()
    log.append(*events(1))
    log.rotate()
    assert verdict(log.directory, checkpoint=newest) == ("VERIFIED", None)


def test_a_checkpoint_beyond_the_log(log, tmp_path):
    shutil.copytree(log.directory, tmp_path / "before")
    log.next()
    log.append(*events(1))
    log.rotate()
    later = (log.directory / "checkpoint").read_bytes()
    assert verdict(tmp_path / "before") == ("VERIFIED", None)
    assert verdict(tmp_path / "before", checkpoint=later) == ("TRUNCATED-OR-STALE", 18)
    foreign = signed(f"{ORIGIN}\n0\n{b64(sha(b''))}\n", "blog")
    assert verdict(log.directory, checkpoint=foreign) == ("TAMPERED", None)


def test_the_wrong_key_never_passes(log, tmp_path):
    report = verify(log.directory, vkey_of("b0"))
    assert report["verdict"] == "UNVERIFIABLE" and report["events"] == 0
    assert report["findings"][0]["message"] == "log was not started with this key"
    forged = write_log(tmp_path / "forged", name="b")
    assert verdict(forged.directory) == ("VERIFIED", None)
    assert verdict(forged.directory, key=vkey_of("a0"))[0] == "UNVERIFIABLE"


def test_an_origin_whose_keys_have_another_name(log):
    text = (log.directory / "origin").read_bytes().split(b"\n\n")[0].decode() + "\n"
    log.replace("origin", signed(text.replace(vkey_of("alog"), vkey_of("alog", "other")), "a0"))
    report = verify(log.directory)
    assert (report["verdict"], report["events"]) == ("TAMPERED", 0)


def test_an_origin_signed_by_another_key(log):
    text = (log.directory / "origin").read_bytes().split(b"\n\n")[0].decode() + "\n"
    (log.directory / "origin").write_bytes(signed(text, "b0"))
    assert verdict(log.directory) == ("TAMPERED", None)


# ---------------------------------------------------------------- forgers who mend the sums

class Forger(Writer):
    """Changes lines after they were signed, and makes every sum in the segment right again."""

    def rewrite(self, make):
        """Rewrites the segment: `make` gets the lines of each block and returns new ones."""
        data, leaves = self.data_path.read_bytes(), []
        spans = [(begin, end, seq) for segment, begin, end, seq in self.blocks if segment == self.first]
        out = data[:spans[0][0]]
        for begin, end, seq in spans:
            lines = make(gzip.decompress(data[begin:end]).split(b"\n")[:-1])
            leaves += [self.leaf(seq + i, line) for i, line in enumerate(lines)]
            times = [cv.parse_time(json.loads(line)["_received"]) for line in lines]
            out += block(lines, seq, seq, times, times[0], merkle(leaves))
        self.data_path.write_bytes(out)
        self.leaves = leaves


def test_an_active_segment_rewritten_with_right_sums(tmp_path):
    forger = Forger(tmp_path / "log")
    for _ in range(3):
        forger.append(*events(3))
    forger.head()
    forger.rewrite(lambda lines: [line.replace(b"login", b"logon") for line in lines])
    assert verdict(forger.directory) == ("TAMPERED", 0), "the head tells"


def test_a_sealed_segment_rewritten_with_right_sums(tmp_path):
    writer = Forger(tmp_path / "log")
    writer.append(*events(3))
    writer.append(*events(3))
    writer.foot()
    writer.seal()
    writer.checkpoint()
    writer.rewrite(lambda lines: [line.replace(b'"n": 1', b'"n": 2') for line in lines])
    writer.append_bytes(footer(6, merkle(writer.leaves), b"index of 0"))
    assert verdict(writer.directory) == ("TAMPERED", 0), "the seal tells"


def test_events_appended_to_a_sealed_segment(tmp_path):
    writer = Writer(tmp_path / "log")
    writer.append(*events(3))
    writer.seal()
    writer.checkpoint()
    writer.append(*events(2))
    writer.append_bytes(footer(5, merkle(writer.leaves), b""))
    assert verdict(writer.directory) == ("TAMPERED", 3)


def test_recompressed_and_recut_blocks_change_nothing(tmp_path):
    """Hashes are over lines: one block made of two verifies against the same seal."""
    writer = Writer(tmp_path / "log")
    writer.append(*events(3))
    writer.append(*events(3))
    writer.foot()
    writer.seal()
    writer.checkpoint()
    data = writer.data_path.read_bytes()
    (_, a, b, _), (_, _, c, _) = writer.blocks
    lines = gzip.decompress(data[a:c]).split(b"\n")[:-1]
    joined = block(lines, 0, 0, writer.received, writer.received[0], merkle(writer.leaves))
    writer.data_path.write_bytes(data[:a] + joined + data[c:])
    assert verdict(writer.directory) == ("INDEX-DAMAGED", None), "the index is that of the other blocks"
    writer.data_path.write_bytes(data[:a] + joined)
    writer.foot()
    assert verdict(writer.directory) == ("VERIFIED", None)


LINES = [
    ("another number", lambda line: line.replace(b'"_seq":4', b'"_seq":5'), 3),
    ("a number with a leading zero", lambda line: line.replace(b'"_seq":4', b'"_seq":04'), 3),
    ("an earlier receive time", lambda line: line.replace(b'"_seq":4,"_received":"20', b'"_seq":4,"_received":"19'), 3),
    ("a time that is none", lambda line: line.replace(b"T", b"x") if b'"_seq":4' in line else line, 3),
    ("stamps in another order", lambda line: line.replace(b'"_uid":1000,"_pid":42', b'"_pid":42,"_uid":1000'), 0),
    ("not JSON", lambda line: line[:-1] + b"]" if b'"_seq":5' in line else line, 3),
    ("no number", lambda line: line.replace(b'"n": 1', b'"n": NaN'), 0),
    ("half a surrogate pair", lambda line: line.replace(b"login", b"\\ud800"), 0),
    ("too deep", lambda line: line.replace(b'"n": 1', b'"n": ' + b"[" * 1024 + b"1" + b"]" * 1024), 0),
    ("no action", lambda line: line.replace(b'"action"', b'"deed"'), 0),
    ("no module", lambda line: line.replace(b'"auth"', b"null"), 0),
    ("a name twice", lambda line: line.replace(b'"n"', b'"\\u0061ction"'), 0),
    ("a name of the target twice", lambda line: line.replace(b'"n": 1', b'"target": {"a": 1, "a": 1}'), 0),
    ("not UTF-8", lambda line: line.replace(b"login", b"log\xff"), 0),
]


@pytest.mark.parametrize("what, change, seq", LINES, ids=[row[0] for row in LINES])
def test_a_writer_that_breaks_the_rules_of_lines(tmp_path, monkeypatch, what, change, seq):
    """The stored lines are hashed and signed as they are: only the rules themselves can tell."""
    original = Writer.line
    monkeypatch.setattr(Writer, "line", lambda self, seq, event: change(original(self, seq, event)))
    writer = Writer(tmp_path / "log")
    for _ in range(3):
        writer.append(*events(3))
    writer.rotate()
    assert verdict(writer.directory) == ("TAMPERED", seq)


def rewritten_block(writer, **changes):
    """The log's only block, written again with one field changed and all sums right."""
    data, (_, begin, end, _) = writer.data_path.read_bytes(), writer.blocks[0]
    fields = {"lines": gzip.decompress(data[begin:end]).split(b"\n")[:-1], "first": 0, "durable": 0,
              "times": writer.times, "received": writer.received[0], "root": merkle(writer.leaves)} | changes
    writer.data_path.write_bytes(data[:begin] + block(**fields) + data[end:])


@pytest.mark.parametrize("changes", [
    {"flags": 1}, {"first": 1}, {"durable": 1}, {"times": [START]}, {"received": START}, {"root": bytes(32)},
    {"lines": [b""], "times": [0]}, {"lines": []}, {"lines": [], "root": sha(b"")}])
def test_a_block_whose_fields_do_not_fit(tmp_path, changes):
    writer = Writer(tmp_path / "log")
    writer.append(*events(3))
    rewritten_block(writer)
    assert verdict(writer.directory) == ("VERIFIED", None)
    rewritten_block(writer, **changes)
    assert verdict(writer.directory) == ("TAMPERED", 0)


def test_bytes_behind_the_end_of_a_deflate_stream(active):
    """They are inside the block's length and under its CRC-32C, and yet no part of any line."""
    data, (_, begin, end, _) = active.data_path.read_bytes(), active.blocks[-1]
    _, content, at = cv.read_member_head(data, begin)
    stream = data[at:end - 8] + b"\0"
    content = content[:4] + struct.pack("<I", len(stream)) + content[8:88] + struct.pack("<I", crc32c(stream))
    active.data_path.write_bytes(data[:begin] + member(b"CB", content, stream, data[end - 8:]))
    assert verdict(active.directory) == ("TAMPERED", 15)


def test_a_member_with_two_subfields_is_refused():
    """XLEN is beyond the one subfield, and the CRC-32C is right."""
    whole = member(b"CH", b"content")
    head = bytearray(whole[:-14])
    head[10] += 1
    with pytest.raises(cv.Damage):
        cv.read_member_head(bytes(head) + struct.pack("<I", crc32c(head)) + whole[-10:], 0)
    assert cv.read_member_head(whole, 0)[:2] == (b"CH", b"content")


def test_a_second_header_and_a_longer_footer(active):
    data, start = active.data_path.read_bytes(), active.blocks[-2][1]
    active.data_path.write_bytes(data + data[:start])
    assert verdict(active.directory) == ("TAMPERED", 18)
    active.data_path.write_bytes(data[start:])
    assert verdict(active.directory) == ("TAMPERED", 12)
    active.data_path.write_bytes(data)
    content = struct.pack("<Q", 6) + merkle(active.leaves) + sha(b"index")
    active.append_bytes(member(b"CF", content + b"\0"))
    assert verdict(active.directory) == ("TAMPERED", 18)


def test_blocks_are_bounded(tmp_path):
    for lines, expected in ((events(1, "x" * 300_000), "VERIFIED"), (events(2, "x" * 150_000), "TAMPERED")):
        writer = Writer(tmp_path / expected)
        writer.append(*lines)
        assert verdict(writer.directory)[0] == expected


def test_a_bomb_is_not_inflated():
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = packer.compress(bytes(50_000_000)) + packer.flush()
    content = struct.pack("<IIIIQQqqq32xI", 0, len(stream), 1000, 1, 0, 0, 0, 0, 0, crc32c(stream))
    with pytest.raises(cv.Problem, match="does not inflate to its length"):
        cv.read_lines(stream + bytes(8), 0, cv.parse_block(content))


def test_every_content_byte_with_its_checksum_mended(tmp_path):
    """What no signature covers is plain here: a lower `durable`, the index's digest."""
    writer = Writer(tmp_path / "log")
    writer.append(*events(3))
    writer.append(*events(3))
    writer.foot()
    writer.seal()
    writer.checkpoint()
    data, unseen = writer.data_path.read_bytes(), set()
    starts = [0, *(begin for _, begin, _, _ in writer.blocks), writer.blocks[-1][2]]
    for at in starts:
        kind, content, _ = cv.read_member_head(data, at)
        for offset in range(len(content)):
            changed = bytearray(content)
            changed[offset] ^= 1
            head = data[at:at + 16] + changed
            end = at + len(head)
            writer.data_path.write_bytes(data[:at] + head + struct.pack("<I", crc32c(head)) + data[end + 4:])
            if verdict(writer.directory)[0] in ("VERIFIED", "INDEX-DAMAGED"):
                unseen.add((kind, at, offset))
    assert {offset for kind, _, offset in unseen if kind == b"CH"} == set()
    assert {(at, offset) for kind, at, offset in unseen if kind == b"CB"} == {(starts[2], 24)}
    assert {offset for kind, _, offset in unseen if kind == b"CF"} == set(range(40, 72))


SEAL_CHANGES = [
    {"segment": 1}, {"first": 1}, {"count": 5}, {"root": b64(bytes(32))}, {"previous": b64(b"x" * 32)},
    {"opened": stamp(START, 9)}, {"received": f"{stamp(START, 9)} {stamp(START, 9)}"},
    {"time": f"{stamp(START, 9)} {stamp(START, 9)}"}, {"modules": "module db 6\n"}, {"modules": "module auth 7\n"},
    {"modules": "module auth 3\nmodule auth 3\n"}, {"modules": "module db 3\nmodule auth 3\n"},
    {"next": vkey_of("a1", "another.name")}]


@pytest.mark.parametrize("changes", SEAL_CHANGES, ids=str)
def test_a_signed_seal_that_says_something_else(tmp_path, changes):
    writer = Writer(tmp_path / "log")
    writer.append(*events(6))
    writer.foot()
    writer.seal(**changes)
    writer.checkpoint()
    assert verdict(writer.directory) == ("TAMPERED", 0)


@pytest.mark.parametrize("changes", [
    {"count": "06"}, {"reason": "boredom"}, {"root": "x"}, {"opened": "2026-11-21T07:39:12.123456Z"},
    {"modules": "module Auth 6\n"}, {"next": ""}, {"reason": "size\nextra 1"}], ids=str)
def test_a_signed_seal_of_an_unknown_form_is_unverifiable(tmp_path, changes):
    writer = Writer(tmp_path / "log")
    writer.append(*events(6))
    writer.foot()
    writer.seal(**changes)
    writer.checkpoint()
    assert verdict(writer.directory)[0] == "UNVERIFIABLE"


def test_receive_times_do_not_fall_from_segment_to_segment(tmp_path):
    writer = Writer(tmp_path / "log")
    writer.append(*events(3))
    writer.rotate()
    writer.clock = START
    writer.append(*events(3))
    assert verdict(writer.directory) == ("TAMPERED", 3)


def test_heads_and_checkpoints_that_are_signed_and_wrong(log):
    def head(**changes):
        values = {"segment": 2, "first": 12, "count": 6, "root": b64(merkle(log.leaves))} | changes
        lines = "".join(f"{name} {value}\n" for name, value in values.items())
        log.replace("head", signed(f"cairn/head/v1\n{ORIGIN}\n{lines}time {stamp(START, 9)}\n", "a2"))
        return verdict(log.directory)

    assert head(count=7) == ("TRUNCATED-OR-STALE", 18)
    assert head(count=5) == ("TAMPERED", 12)
    assert head(count=5, root=b64(merkle(log.leaves[:5]))) == ("VERIFIED", None)
    assert head(first=11) == ("TAMPERED", 12)
    assert head(segment=3) == ("TRUNCATED-OR-STALE", 18)
    assert head(segment=1) == ("TAMPERED", None), "signed by the key of another segment"
    assert head(root="x") == ("UNVERIFIABLE", None)
    assert head() == ("VERIFIED", None)
    roots = [merkle([sha(b"\x00" + seal) for seal in log.seals[:size]]) for size in range(4)]
    for size, root, expected in (
            (3, roots[3], "VERIFIED"), (2, roots[2], "VERIFIED"), (1, roots[1], "TRUNCATED-OR-STALE"),
            (3, roots[2], "TAMPERED"), (4, roots[3], "TRUNCATED-OR-STALE")):
        log.replace("checkpoint", signed(f"{ORIGIN}\n{size}\n{b64(root)}\n", "alog"))
        assert verdict(log.directory)[0] == expected, size
    log.replace("checkpoint", signed(f"{ORIGIN}\n3\n{b64(roots[3])}\nextension\n", "alog"))
    assert verdict(log.directory)[0] == "UNVERIFIABLE"
    log.replace("checkpoint", signed(f"other\n3\n{b64(roots[3])}\n", "alog"))
    assert verdict(log.directory)[0] == "TAMPERED"


# ---------------------------------------------------------------- indexes

VECTORS = Path(__file__).parent.parent / "CairnFormatTests/Vectors"


def test_the_index_of_the_vectors_is_made_again():
    report = verify(VECTORS / "v1")
    assert (report["verdict"], report["events"], report["findings"]) == ("VERIFIED", 7, [])


def test_tokens_of_the_vectors():
    for row in json.loads((VECTORS / "tokens.json").read_bytes())["tokens"]:
        assert f"{cv.xxh64(row['value'].encode(), row['field']):016x}" == row["token"], row


@pytest.mark.parametrize("data, seed, expected", [
    (b"", 0, 0xEF46DB3751D8E999), (b"a", 0, 0xD24EC4F1A98C6E5B), (b"abc", 0, 0x44BC2CF5AD770999),
    (b"Nobody inspects the spammish repetition", 0, 0xFBCEA83C8A378BF1)])
def test_xxh64(data, seed, expected):
    assert cv.xxh64(data, seed) == expected


def test_a_filter_has_no_false_negatives_and_is_halved():
    chance = random.Random(SEED)
    for count, blocks in ((0, 1), (3, 1), (3000, 256), (20_000, 1024)):
        tokens = [chance.getrandbits(64) for _ in range(count)]
        bits = cv.token_filter(tokens)
        assert len(bits) == 32 * blocks
        for token in tokens:
            at = 32 * ((token >> 32) * blocks >> 32)
            for word, salt in zip(struct.unpack_from("<8I", bits, at), cv.FILTER_SALTS):
                assert word >> (((token & 0xFFFFFFFF) * salt & 0xFFFFFFFF) >> 27) & 1


def test_spans_end_with_the_block_that_fills_them():
    """Two blocks of 100,000 bytes make a span, as the second brings it over 131,072."""
    for sizes, expected in (([100] * 3, [2, 1]), ([131.071, 1, 1], [2, 1]), ([131.072, 1], [1, 1]), ([1, 262.144], [2]),
                            ([300, 300], [1, 1])):
        index = cv.Index(0)
        for at, size in enumerate(sizes):
            index.add(at, 1, at, int(size * 1000), [cv.Event(0, 0, "m", 0, 0, False, 0, [])])
        assert [span.blocks for span in index.spans] == expected


def retention_of(**fields):
    return cv.retention_class(cv.DECODER.decode(json.dumps(fields)))


@pytest.mark.parametrize("fields, expected", [
    ({}, bytes(4)), ({"tenant": None, "classification": None, "compliance": None}, bytes(4)),
    ({"tenant": "", "compliance": []}, bytes(4)), ({"tenant": "\u00e9"}, b"\0\0\0\x02\xc3\xa9"),
    ({"tenant": 5}, b"\x01\0\0\0"), ({"classification": "PUBLIC"}, b"\0\x06PUBLIC\0\0"),
    ({"classification": "public"}, b"\x02\0\0\0"), ({"classification": []}, b"\x02\0\0\0"),
    ({"compliance": {}}, b"\x04\0\0\0"), ({"compliance": ["a", 5]}, b"\x04\0\0\0"),
    ({"compliance": ["b", "ab", "a", "b"]}, b"\0\0\x03\x01a\x02ab\x01b\0"),
    ({"compliance": ["x" * 32]}, b"\0\0\x01\x20" + b"x" * 32 + b"\0"), ({"compliance": ["x" * 33]}, b"\x04\0\0\0"),
    ({"compliance": [chr(97 + i) for i in range(16)]},
     b"\0\0\x10" + b"".join(b"\x01" + bytes([97 + i]) for i in range(16)) + b"\0"),
    ({"compliance": [chr(97 + i) for i in range(17)]}, b"\x04\0\0\0"),
    ({"tenant": "x" * 128}, b"\0\0\0\x80" + b"x" * 128), ({"tenant": "x" * 129}, b"\x01\0\0\0"),
    ({"tenant": 1, "classification": 1, "compliance": 1}, cv.UNKNOWN_CLASS)])
def test_retention_classes(fields, expected):
    assert retention_of(**fields) == expected


def tallies_of(index):
    """How many classes an index names, and its tallies."""
    data = index.encoded([])
    cells, filters, classes, class_length, rows, checksum, texts = struct.unpack_from("<IIIIIIQ", data, 40)
    data = data[:-4 - texts]
    assert checksum == crc32c(data[:60] + bytes(4) + data[64:-4 - filters])
    assert class_length == len(b"".join(index.classes)) + (4 if classes > len(index.classes) else 0)
    at = len(data) - 4 - filters - 32 * rows
    return classes, [struct.unpack_from("<HHIQqq", data, at + 32 * row) for row in range(rows)]


@pytest.mark.parametrize("count, classes, rest", [(1022, 1022, 0), (1023, 1023, 0), (1024, 1024, 1), (1100, 1024, 77)])
def test_classes_beyond_the_limit_are_unknown(count, classes, rest):
    index = cv.Index(0)
    index.add(0, 1, 0, 1, [cv.Event(at, 0, "m", 0, 0, False, 0, [], retention_of(tenant=f"t{at}")) for at in range(count)])
    found, rows = tallies_of(index)
    assert (found, len(rows)) == (classes, classes)
    assert rows[7] == (0, 7, 0, 1, 7, 7)
    if rest:
        assert rows[-1] == (0, 1023, 0, rest, 1023, count - 1)
        assert list(index.classes)[-1] == cv.UNKNOWN_CLASS
    assert index.encoded([]) == index.encoded([])


@pytest.mark.parametrize("count, rest", [(16_383, 0), (16_384, 1), (16_390, 7)])
def test_tallies_beyond_the_limit_are_one(count, rest):
    index = cv.Index(0)
    index.add(0, 1, 0, 1, [
        cv.Event(at, 0, f"m{at % 1000}", 0, 0, False, 0, [], retention_of(tenant=f"t{at // 1000}")) for at in range(count)])
    classes, rows = tallies_of(index)
    assert (classes, len(rows)) == (18 if rest else 17, min(count, 16_384))
    assert sum(row[3] for row in rows) == count
    if rest:
        assert rows[-1] == (0xFFFF, 17, 0, rest, 16_383, count - 1)


def test_a_forged_index_whose_digest_the_footer_names(tmp_path):
    writer = Writer(tmp_path / "log")
    writer.append(*events(6))
    writer.foot()
    writer.seal()
    writer.checkpoint()
    path, index = writer.directory / (writer.stem + ".index"), writer.index()
    data = writer.data_path.read_bytes()
    filters, texts = struct.unpack_from("<I", index, 44)[0], struct.unpack_from("<Q", index, 64)[0]
    start = len(index) - 4 - texts
    sums = set(range(60, 64)) | set(range(start - 4, start)) | set(range(len(index) - 4, len(index)))
    for at in range(len(index)):
        forged = bytearray(index)
        forged[at] ^= 1
        head = start - 4 - filters
        if at not in sums:
            forged[60:64] = struct.pack("<I", crc32c(bytes(forged[:60]) + bytes(4) + bytes(forged[64:head])))
            forged[start - 4:start] = struct.pack("<I", crc32c(bytes(forged[:start - 4])))
            forged[-4:] = struct.pack("<I", crc32c(bytes(forged[start:-4])))
        forged = bytes(forged)
        path.write_bytes(forged)
        writer.data_path.write_bytes(data[:-102] + footer(6, merkle(writer.leaves), forged))
        assert verdict(writer.directory) == ("INDEX-DAMAGED", None), at


# ---------------------------------------------------------------- versions, corruption

@pytest.mark.parametrize("changes, expected", [
    ({"version": 2}, "UNVERIFIABLE"), ({"incompatible": 2}, "UNVERIFIABLE"), ({"compatible": 1}, "UNVERIFIABLE"),
    ({"incompatible": 3}, "UNVERIFIABLE"), ({"incompatible": 1}, "TAMPERED"),
    ({"number": 1}, "TAMPERED"), ({"first": 1}, "TAMPERED"), ({"previous": b"x" * 32}, "TAMPERED"),
    ({"origin": "another"}, "TAMPERED"), ({"key": vkey_of("a1")}, "TAMPERED"), ({"created": START}, "TAMPERED"),
    ({"salt_key": bytes(32)}, "TAMPERED")], ids=str)
def test_changed_headers_with_right_sums(tmp_path, changes, expected):
    writer = Writer(tmp_path / "log")
    writer.append(*events(2))
    writer.foot()
    writer.seal()
    writer.checkpoint()
    at = writer.blocks[0][1]
    fields = {"number": 0, "first": 0, "created": writer.created, "previous": bytes(32), "salt_key": writer.salt_key,
              "key": vkey_of("a0")} | changes
    writer.data_path.write_bytes(header(**fields) + writer.data_path.read_bytes()[at:])
    report = verify(writer.directory)
    assert (report["verdict"], report["first_bad_seq"]) == (expected, 0)
    assert notes_of(report) == [("KEY-FROM-LOG", None), ("NO-ACTIVE-SEGMENT", 0)]


def test_unknown_subfields_and_note_formats_are_unverifiable(active):
    active.append_bytes(member(b"CX", b"salts"))
    assert verdict(active.directory) == ("UNVERIFIABLE", 18)
    text = (active.directory / "origin").read_bytes().split(b"\n\n")[0].decode() + "\n"
    active.replace("origin", signed(text.replace("origin/v1", "origin/v2"), "a0"))
    assert verdict(active.directory) == ("UNVERIFIABLE", None)


@pytest.mark.parametrize("lost", [1, 3])
def test_a_segment_sealed_after_damage(tmp_path, lost):
    expected = ("TAMPERED", 3)
    writer = Writer(tmp_path / "log")
    writer.append(*events(3))
    writer.append_bytes(b"damaged bytes, kept as evidence")
    for step in (lambda: writer.seal("corruption"), writer.checkpoint, lambda: writer.next(lost), writer.head):
        step()
    assert verdict(writer.directory) == expected
    assert len(verify(writer.directory)["findings"]) == 1, "one cause, one finding"
    writer.append(*events(3))
    writer.rotate()
    assert verdict(writer.directory) == expected, "what follows is good again"
    file = writer.directory / (SEGMENTS[0] + ".ndjson.gz")
    data = bytearray(file.read_bytes())
    data[writer.blocks[0][1] + 130] ^= 1
    file.write_bytes(data)
    assert verdict(writer.directory) == ("TAMPERED", 0)


def test_an_empty_segment_sealed_after_damage(tmp_path):
    writer = Writer(tmp_path / "log")
    writer.data_path.write_bytes(b"nothing of the header is left")
    for step in (lambda: writer.seal("corruption"), writer.checkpoint, lambda: writer.next(5), writer.head):
        step()
    assert verdict(writer.directory) == ("TAMPERED", 0)
    messages = [finding["message"] for finding in verify(writer.directory)["findings"]]
    assert messages == ["damage ended the segment: events from 0 on were lost"]


def test_an_empty_segment_sealed_without_damage_is_refused(tmp_path):
    writer = Writer(tmp_path / "log")
    for step in (writer.foot, writer.seal, writer.checkpoint):
        step()
    assert verdict(writer.directory) == ("TAMPERED", 0)


# ---------------------------------------------------------------- proofs of events

def path_of(index, leaves):
    """PATH of RFC 6962 section 2.1.1, as it is defined there."""
    if len(leaves) == 1:
        return []
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    if index < k:
        return path_of(index, leaves[:k]) + [merkle(leaves[k:])]
    return path_of(index - k, leaves[k:]) + [merkle(leaves[:k])]


def hash_lines(hashes):
    return b"".join(b64(one).encode() + b"\n" for one in hashes)


def note(text, *labels):
    """A note with the signatures of several keys of the log."""
    lines = [signed(text, label).rpartition(b"\n\n")[2] for label in labels]
    return text.encode() + b"\n" + b"".join(lines)


def witness_vkey(label):
    public = b"\x04" + public_of(label)[1:]
    return f"{label}+{sha(label.encode() + chr(10).encode() + public)[:4].hex()}+{b64(public)}"


def cosignature(text, label, seconds):
    """A line as C2SP tlog-cosignature gives it."""
    public = b"\x04" + public_of(label)[1:]
    signature = key_of(label).sign(f"cosignature/v1\ntime {seconds}\n{text}".encode())
    blob = sha(label.encode() + b"\n" + public)[:4] + seconds.to_bytes(8, "big") + signature
    return f"— {label} {b64(blob)}\n".encode()


class Proof:
    """The parts of a proof of one event of `write_log`, to be changed before `file` puts them together."""

    def __init__(self, writer, seq, size=3):
        firsts = (0, 7, 12)
        self.seq, self.index = seq, max(i for i, first in enumerate(firsts) if first <= seq)
        first = firsts[self.index]
        stem = writer.directory / f"segments/{first:020}"
        lines = gzip.decompress(stem.with_suffix(".ndjson.gz").read_bytes()).split(b"\n")[:-1]
        group = sha(b"\x10" + sha(f"{writer.name}salt{self.index}".encode()) + bytes(8))
        cipher = Cipher(algorithms.AES(group), modes.ECB()).encryptor()
        salts = [cipher.update((first + i).to_bytes(16, "big")) for i in range(len(lines))]
        leaves = [sha(b"\x00" + salt + line) for salt, line in zip(salts, lines)]
        self.line, self.salt, self.path = lines[seq - first], salts[seq - first], path_of(seq - first, leaves)
        self.origin, self.seal = (writer.directory / "origin").read_bytes(), writer.seals[self.index]
        outer = [sha(b"\x00" + seal) for seal in writer.seals[:size]]
        self.outer_path = path_of(self.index, outer)
        self.text = f"{ORIGIN}\n{size}\n{b64(merkle(outer))}\n"
        self.checkpoint = signed(self.text, f"{writer.name}log")

    @property
    def extra(self):
        return (f"cairn/event-proof/v1\nevent {self.seq}\nsalt {b64(self.salt)}\npath {len(self.path)}\n".encode()
                + hash_lines(self.path) + f"line {len(self.line)}\n".encode() + self.line
                + f"\norigin {len(self.origin)}\n".encode() + self.origin
                + f"seal {len(self.seal)}\n".encode() + self.seal)

    def file(self, extra=None):
        return (f"c2sp.org/tlog-proof@v1\nextra {b64(self.extra if extra is None else extra)}\n"
                f"index {self.index}\n").encode() + hash_lines(self.outer_path) + b"\n" + self.checkpoint


def step_of(file, label="a0", witnesses=(), quorum=None):
    """The step at which a proof is refused; form for a file that is none, None for one that is taken."""
    try:
        cv.check_proof(file, cv.Key.parse(vkey_of(label)), [cv.witness_key(key) for key in witnesses], quorum)
    except cv.NoProof:
        return "form"
    except cv.Refused as refused:
        return refused.step


def test_every_event_is_proved_by_either_key(log):
    for seq in range(18):
        for size in range(Proof(log, seq).index + 1, 4):
            proof = Proof(log, seq, size)
            for label in ("a0", "alog"):
                found = cv.check_proof(proof.file(), cv.Key.parse(vkey_of(label)))
                assert (found.seq, found.line) == (seq, proof.line)
    assert step_of(Proof(log, 3).file(), "a1") == "key"


def test_every_byte_of_a_proof_counts(log):
    proof = Proof(log, 8)
    file, extra = proof.file(), proof.extra
    for at in range(len(file)):
        assert step_of(file[:at] + bytes([file[at] ^ 1 << at % 8]) + file[at + 1:], ("a0", "alog")[at % 2]), at
    for at in range(len(extra)):
        changed = extra[:at] + bytes([extra[at] ^ 1 << at % 8]) + extra[at + 1:]
        assert step_of(proof.file(changed), ("a0", "alog")[at % 2]), at


def test_every_cut_of_a_proof_counts(log):
    proof = Proof(log, 8)
    file, extra = proof.file(), proof.extra
    assert all(step_of(file[:at]) for at in range(len(file)))
    assert all(step_of(proof.file(extra[:at])) == "form" for at in range(len(extra)))
    for tail in (b"\n", b" ", b"x", b"\n\n", b"\0"):
        assert step_of(file + tail) and step_of(proof.file(extra + tail)) == "form"


@pytest.mark.parametrize("changes, expected", [
    ({"seq": 6}, "event"), ({"seq": 12}, "event"), ({"seq": 9}, "event"), ({"seq": 2**63}, "form"),
    ({"salt": bytes(16)}, "event"), ({"salt": bytes(15)}, "form"), ({"line": b"{}"}, "event"), ({"path": []}, "event"),
    ({"path": [bytes(32)] * 64}, "form"), ({"index": 0}, "seal"), ({"index": 2**64}, "form"), ({"outer_path": []}, "seal"),
    ({"seal": b"x"}, "seal"), ({"origin": b"x"}, "origin"), ({"checkpoint": b"x"}, "checkpoint")], ids=str)
def test_steps_of_a_proof(log, changes, expected):
    proof = Proof(log, 8)
    for name, value in changes.items():
        setattr(proof, name, value)
    assert step_of(proof.file()) == expected


def test_notes_of_a_proof_that_others_signed(log):
    proof = Proof(log, 8)
    text = proof.origin.split(b"\n\n")[0].decode() + "\n"
    for origin, key, expected in (
            (signed(text, "alog"), "a0", "origin"), (signed(text.replace("v1", "v2"), "a0"), "alog", "origin"),
            (signed(text.replace("v1", "v2"), "a0"), "a0", "unsupported"),
            (signed(text.replace(vkey_of("alog"), vkey_of("b")), "a0"), "alog", "key"),
            (signed(text.replace(vkey_of("alog"), vkey_of("b")), "a0"), "a0", "checkpoint")):
        proof.origin = origin
        assert step_of(proof.file(), key) == expected
    proof = Proof(log, 8)
    for checkpoint, expected in (
            (signed(proof.text, "a0"), "checkpoint"), (signed(proof.text + "more\n", "alog"), "unsupported"),
            (signed(proof.text.replace(ORIGIN, "another"), "alog"), "checkpoint"),
            (note(proof.text, "b", "alog"), None)):
        proof.checkpoint = checkpoint
        assert step_of(proof.file()) == expected


def test_cosignatures_of_a_proof(log):
    proof, own, other = Proof(log, 8), witness_vkey("w1"), witness_vkey("w2")
    assert step_of(proof.file(), witnesses=[own]) == "witness"
    plain = proof.checkpoint
    proof.checkpoint = plain + cosignature(proof.text, "w1", 1_795_246_752)
    for witnesses, quorum, expected in (
            ([own], None, None), ([own, other], None, "witness"), ([own, other], 1, None), ([other], None, "witness"),
            ([own, own], 2, "witness"), ([], None, None)):
        assert step_of(proof.file(), witnesses=witnesses, quorum=quorum) == expected
    for line in (cosignature(proof.text + "x", "w1", 1), cosignature(proof.text, "w1", 2**63 // 10**9 + 1)):
        proof.checkpoint = plain + line
        assert step_of(proof.file(), witnesses=[own]) == "witness"
        assert step_of(proof.file(), witnesses=[other], quorum=0) is None


def test_command_line_of_proofs(log, tmp_path):
    file, proof = tmp_path / "8.tlog-proof", Proof(log, 8)
    file.write_bytes(proof.file())
    result = run("check-proof", file, "--key", vkey_of("alog"))
    assert (result.returncode, result.stdout) == (0, f"VERIFIED: event 8\n{proof.line.decode()}\n")
    assert run("check-proof", file, "--key", vkey_of("b0")).returncode == 1
    assert run("check-proof", file, "--key", vkey_of("a0"), "--witness", witness_vkey("w")).returncode == 1
    assert run("check-proof", log.directory / "origin", "--key", vkey_of("a0")).returncode == 65
    assert run("check-proof", tmp_path / "none", "--key", vkey_of("a0")).returncode == 66
    for arguments in ((file,), (file, "--key", "x"), (file, "--key", vkey_of("a0"), "--witness", vkey_of("w"))):
        assert run("check-proof", *arguments).returncode == 64


# ---------------------------------------------------------------- many changes at once, and the command line

def test_random_changes_never_pass(tmp_path):
    """Several random edits at once, in any files but the indexes. CAIRN_SEED repeats a run."""
    write_log(tmp_path / "log", sealed=False)
    paths = [path for path in files_of(tmp_path / "log") if not path.endswith(".index")]
    chance = random.Random(SEED)
    for turn in range(300):
        chosen = chance.sample(paths, chance.randint(1, 3))
        originals = {path: (tmp_path / "log" / path).read_bytes() for path in chosen}
        for path, original in originals.items():
            at, length = chance.randrange(len(original)), chance.randint(1, 40)
            middle = chance.choice([b"", bytes(length), chance.randbytes(length), original[at:at + length] * 2])
            changed = original[:at] + middle + original[at + length:]
            (tmp_path / "log" / path).write_bytes(changed if changed != original else original + b"\0")
        assert verdict(tmp_path / "log")[0] != "VERIFIED", f"seed {SEED}, turn {turn}: {sorted(originals)}"
        for path, original in originals.items():
            (tmp_path / "log" / path).write_bytes(original)
    assert verdict(tmp_path / "log") == ("VERIFIED", None)


def run(*arguments):
    script = Path(cv.__file__)
    return subprocess.run([sys.executable, script, *map(str, arguments)], capture_output=True, text=True)


def test_command_line(log, tmp_path):
    key, file = vkey_of("a0"), log.directory / "checkpoint"
    result = run(log.directory, "--key", key, "--checkpoint", file, "--json")
    assert (result.returncode, json.loads(result.stdout)["verdict"]) == (0, "VERIFIED")
    notes = run(log.directory).stdout.splitlines()
    assert [line.split(":")[0] for line in notes] == ["VERIFIED", "  KEY-FROM-LOG", "  NO-ACTIVE-SEGMENT segment 2"]
    assert run(log.directory, "--key", vkey_of("b0")).returncode == 1
    for arguments, status in (
            ((), 64), ((log.directory, "--wrong"), 64), ((log.directory, "--key", "x"), 64),
            ((tmp_path / "none",), 66), ((file,), 66), ((log.directory, "--checkpoint", tmp_path / "none"), 66)):
        assert run(*arguments).returncode == status, arguments
    (log.directory / "head").unlink()
    result = run(log.directory, "--key", key)
    assert (result.returncode, result.stdout) == (1, "TRUNCATED-OR-STALE: 18 events in 3 segments\n"
                                                  "  TRUNCATED-OR-STALE: the file head is missing\n"
                                                  "  NO-ACTIVE-SEGMENT segment 2: the newest segment is sealed, and "
                                                  "there is no next one\n")
