"""`cairn verify` and the independent verifier say the same of the same log: verdict, first bad event, notes and events.

Needs `cairn` and `cairnd` in CAIRN_BIN (.build/release unless it is set). By default a sample of the bytes is changed;
CAIRN_LONG=1 takes every one. CAIRN_SEED sets another sample.
"""

from __future__ import annotations

import gzip
import os
import random
import shutil
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

import cairn_verify as cv
from erasure_cases import CASES
from log_writer import b64, crc32c, files_of, member, notes_of, salts_member, verify
from running_daemon import BINARIES, Daemon, cairn, cairn_verify

SEED = int(os.environ.get("CAIRN_SEED", "1"))
LONG = os.environ.get("CAIRN_LONG") == "1"
pytestmark = pytest.mark.skipif(not (BINARIES / "cairn").exists(), reason=f"there is no cairn in {BINARIES}")


def said(report):
    return report["verdict"], report["first_bad_seq"], notes_of(report), report["events"]


def disagreement(directory, key=None):
    own, other = verify(directory, key), cairn_verify(directory, key)
    if said(own) == said(other):
        return None
    return f"cairn verify: {said(other)}, independent: {said(own)}\n{other['findings'][:3]}\n{own['findings'][:3]}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(tmp_path, case):
    case.make(tmp_path / "log")
    assert not disagreement(tmp_path / "log")


# ---------------------------------------------------------------- a log of the daemon

POLICY = """
default:
  delete_after: 1s
rules:
  - name: kept
    module: auth
    delete_after: never
require_archive: false
"""


def event(number, module="auth", **more):
    return {"action": "login", "module": module, "actor": {"id": f"u{number % 3}"}, "n": number} | more


@dataclass
class Real:
    """A log of sealed segments: erased are events of `small` and `long`, and all but one of `whole`; `pruned` was."""
    directory: Path
    before: Path  # a copy from before anything was erased or pruned
    small: int
    pruned: int
    long: int
    whole: int


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Made once a run, in each process."""
    root = tmp_path_factory.mktemp("real")
    directory, policy, firsts = root / "log", root / "policy.yaml", {}
    policy.write_text(POLICY)

    def seal(daemon, name, *events):
        firsts[name] = daemon.control("status")["segment"]["first_seq"]
        seq = daemon.send(*events)
        daemon.ask("rotate")
        return seq

    with Daemon(directory, "--retention-policy", policy) as daemon:
        small = seal(daemon, "small", *[event(at, status="failed") for at in range(6)])
        seal(daemon, "pruned", *[event(at, "scan") for at in range(5)])
        long = seal(daemon, "long", *[event(at, tenant=f"t{at % 5}", text="x" * (at % 99)) for at in range(2500)])
        whole = seal(daemon, "whole", *[event(at) for at in range(3)])
        shutil.copytree(directory, root / "before", ignore=shutil.ignore_patterns("*.sock", "*.tmp", "keys"))
        daemon.ask("redact", sequences=f"{small + 1}-{small + 2},{long + 5},{long + 7}-{long + 9}", reason="first")
        daemon.ask("redact", sequences=f"{small + 2}-{small + 3}", reason='a "second"\t\x7f\u00e9/\U0001f600')
        daemon.ask("hold-add", name="case-1", filter=f"n=0 module=auth", reason="held")
        assert not daemon.control("redact", sequences=str(small), reason="held")["ok"]
        daemon.ask("hold-release", name="case-1", reason="over")
        first = firsts["whole"]
        daemon.ask("redact", sequences=f"{first}-{whole + 1}", reason="all but one")
        daemon.ask("archived", sequences=f"0-{firsts['pruned'] - 1}", archive="/srv/archive")
        time.sleep(1.1)  # what the policy lets go is a second old
        answer = daemon.ask("retention-apply")
        assert answer["deleted_segments"] == 1, answer
        daemon.send(event(0), event(1))
    return Real(directory, root / "before", **firsts)


@pytest.fixture
def real(made, tmp_path):
    shutil.copytree(made.directory, tmp_path / "log")
    return Real(tmp_path / "log", made.before, made.small, made.pruned, made.long, made.whole)


def stem(first, end):
    return f"segments/{first:020}.{end}"


def test_the_log_of_the_daemon(real):
    """Both verifiers find it good, and every segment, index and note of it."""
    report = verify(real.directory)
    assert (report["verdict"], report["findings"]) == ("VERIFIED", [])
    kinds = [note[0] for note in notes_of(report)]
    assert kinds.count("PRUNED") == 1 and kinds.count("REDACTED") >= 5 and "NO-ACTIVE-SEGMENT" not in kinds
    assert not (real.directory / stem(real.pruned, "ndjson.gz")).exists()
    assert not disagreement(real.directory)
    genesis = (real.directory / "origin").read_text().split("genesis ")[1].split("\n")[0]
    assert not disagreement(real.directory, genesis)
    other = genesis.replace(genesis[-5], "A" if genesis[-5] != "A" else "B")
    assert cv.LogVerifier(real.directory).verify(other, None)["verdict"] == "UNVERIFIABLE"


def test_what_was_erased_is_gone(real):
    lines = gzip.decompress((real.directory / stem(real.small, "ndjson.gz")).read_bytes()).splitlines()
    erased = [line for line in lines if b"_redacted" in line]
    assert len(erased) == 3 and all(b"login" not in line for line in erased)
    _, content, _ = cv.read_member_head((real.directory / stem(real.small, "ndjson.gz")).read_bytes(), 0)
    assert cv.parse_header(content).is_punctured


def put_back(real, *ends, first=None):
    for end in ends:
        path = stem(real.small if first is None else first, end)
        shutil.copy(real.before / path, real.directory / path)


def members(data):
    """Rows of kind, begin and end."""
    rows, at = [], 0
    while at < len(data):
        kind, content, end = cv.read_member_head(data, at)
        end += 10 if kind != b"CB" else 8 + struct.unpack_from("<I", content, 4)[0]
        rows.append((kind, at, end))
        at = end
    return rows


def without(kind, which=0):
    """A change that drops a member of that kind."""
    def change(data, real):
        _, begin, end = [row for row in members(data) if row[0] == kind][which]
        return data[:begin] + data[end:]
    return change


def twice(kind, which=0):
    def change(data, real):
        _, begin, end = [row for row in members(data) if row[0] == kind][which]
        return data[:end] + data[begin:]
    return change


def edited(change):
    """A change of the first block's lines, with its checksums mended and its root left."""
    def make(data, real):
        _, begin, end = [row for row in members(data) if row[0] == b"CB"][0]
        _, content, at = cv.read_member_head(data, begin)
        old = zlib.decompress(data[at:end - 8], -15)
        text = change(old)
        assert text != old
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        stream = packer.compress(text) + packer.flush()
        content = content[:4] + struct.pack("<II", len(stream), len(text)) + content[12:88]
        content += struct.pack("<I", crc32c(stream))
        trailer = struct.pack("<II", zlib.crc32(text), len(text))
        return data[:begin] + member(b"CB", content, stream, trailer) + data[end:]
    return make


def replaced_salts(data, real):
    """The salts of another segment."""
    other = (real.directory / stem(real.whole, "ndjson.gz")).read_bytes()
    own, foreign = ([row for row in members(one) if row[0] == b"CS"][0] for one in (data, other))
    return data[:own[1]] + other[foreign[1]:foreign[2]] + data[own[2]:]


def one_salt_changed(data, real):
    _, begin, end = [row for row in members(data) if row[0] == b"CS"][0]
    _, content, _ = cv.read_member_head(data, begin)
    salts = content[16:31] + bytes([content[31] ^ 1]) + content[32:]
    first = struct.unpack_from("<Q", content, 8)[0]
    return data[:begin] + salts_member(1, first, [salts], count=len(salts) // 16) + data[end:]


def old_header(data, real):
    """The header from before, which has the salt key."""
    before = (real.before / stem(real.small, "ndjson.gz")).read_bytes()
    return before[:members(before)[0][2]] + data[members(data)[0][2]:]


REPLACED = {
    "no salts": without(b"CS"), "salts twice": twice(b"CS"), "salts of another segment": replaced_salts,
    "one salt changed": one_salt_changed, "the old header": old_header, "no header": without(b"CH"),
    "no block": without(b"CB"), "a block twice": twice(b"CB"), "no footer": without(b"CF"), "two footers": twice(b"CF"),
    "another leaf": edited(lambda text: text.replace(text[text.index(b'"_leaf":"') + 9:][:20], b"A" * 20)),
    "another reason": edited(lambda text: text.replace(b'"first"', b'"other"')),
    "another user": edited(lambda text: text.replace(b'"by":0', b'"by":1', 1)),
    "another event": edited(lambda text: text.replace(b'"event":', b'"event":1', 1)),
    "one event restored": edited(lambda text: text.replace(
        text[text.index(b'{"_seq":3'):text.index(b'{"_seq":4')], text[text.index(b'{"_seq":2'):text.index(b'{"_seq":3')]
        .replace(b'"_seq":2', b'"_seq":3'))),
    "an event removed": edited(lambda text: text[:text.index(b'{"_seq":3')] + text[text.index(b'{"_seq":4'):]),
    "the last line cut": edited(lambda text: text[:-1]),
    "nothing": lambda data, real: b"", "half of it": lambda data, real: data[:len(data) // 2],
    "one byte more": lambda data, real: data + b"\0", "all of it twice": lambda data, real: data * 2,
}


@pytest.mark.parametrize("name", REPLACED)
def test_the_small_segment_replaced(real, name):
    path = real.directory / stem(real.small, "ndjson.gz")
    path.write_bytes(REPLACED[name](path.read_bytes(), real))
    assert not disagreement(real.directory)
    assert verify(real.directory)["verdict"] == "TAMPERED"


@pytest.mark.parametrize("name", ["no salts", "salts twice", "salts of another segment", "no block", "a block twice"])
def test_the_long_segment_replaced(real, name):
    path = real.directory / stem(real.long, "ndjson.gz")
    path.write_bytes(REPLACED[name](path.read_bytes(), real))
    assert not disagreement(real.directory)
    assert verify(real.directory)["verdict"] == "TAMPERED"


def active(real):
    return max((real.directory / "segments").glob("*.ndjson.gz"))


def drop_trace(real, action):
    """Cuts the active segment before the block with the trace: the head still names what is gone."""
    path = active(real)
    data = path.read_bytes()
    for kind, begin, end in members(data):
        if kind == b"CB" and action in zlib.decompress(data[cv.read_member_head(data, begin)[2]:end - 8], -15):
            path.write_bytes(data[:begin])
            return
    raise AssertionError("there is no such trace")


def hide(real, first, *ends):
    for end in ends:
        (real.directory / stem(first, end)).unlink()


FILES = {
    "data and index put back after erasure": (lambda real: put_back(real, "ndjson.gz", "index"), "VERIFIED"),
    "data put back after erasure": (lambda real: put_back(real, "ndjson.gz"), "INDEX-DAMAGED"),
    "the old index put back": (lambda real: put_back(real, "index"), "INDEX-DAMAGED"),
    "no index after erasure": (lambda real: hide(real, real.small, "index"), "INDEX-DAMAGED"),
    "data and index put back after pruning":
        (lambda real: put_back(real, "ndjson.gz", "index", first=real.pruned), "VERIFIED"),
    "data put back after pruning": (lambda real: put_back(real, "ndjson.gz", first=real.pruned), "INDEX-DAMAGED"),
    "index put back after pruning": (lambda real: put_back(real, "index", first=real.pruned), "VERIFIED"),
    "seal of the pruned segment missing": (lambda real: hide(real, real.pruned, "seal"), "TAMPERED"),
    "seal of a segment with erased events missing": (lambda real: hide(real, real.small, "seal"), "TAMPERED"),
    "another segment's seal for the pruned one": (lambda real: shutil.copy(
        real.directory / stem(real.small, "seal"), real.directory / stem(real.pruned, "seal")), "TAMPERED"),
    "another segment's data in the pruned one's place": (lambda real: shutil.copy(
        real.directory / stem(real.small, "ndjson.gz"), real.directory / stem(real.pruned, "ndjson.gz")), "TAMPERED"),
    "a segment missing without a trace": (lambda real: hide(real, real.small, "ndjson.gz", "index"), "TAMPERED"),
    "two segments missing": (lambda real: [
        hide(real, first, "ndjson.gz", "index") for first in (real.small, real.long)], "TAMPERED"),
    "trace of pruning dropped": (lambda real: drop_trace(real, b"log.pruned"), "TAMPERED"),
    "traces of erasure dropped": (lambda real: drop_trace(real, b"log.redacted"), "TAMPERED"),
    "the head from before": (lambda real: shutil.copy(real.before / "head", real.directory / "head"), "TAMPERED"),
    "no head": (lambda real: (real.directory / "head").unlink(), "TAMPERED"),
    "the active segment gone": (lambda real: active(real).unlink(), "TAMPERED"),
    "the checkpoint from before":
        (lambda real: shutil.copy(real.before / "checkpoint", real.directory / "checkpoint"), "VERIFIED"),
    "all of before": (lambda real: (
        shutil.rmtree(real.directory), shutil.copytree(real.before, real.directory)), "VERIFIED"),
    "small and long swapped": (lambda real: [
        shutil.copy(real.before / stem(one, "ndjson.gz"), real.directory / stem(other, "ndjson.gz"))
        for one, other in ((real.small, real.long), (real.long, real.small))], "TAMPERED"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_the_log(real, name):
    change, expected = FILES[name]
    change(real)
    assert not disagreement(real.directory)
    assert expected in (None, verify(real.directory)["verdict"])


def test_flipped_bytes(real, tmp_path):
    """Of the small segment's data, index and seal, the pruned segment's seal, the active segment and the notes."""
    chance, places = random.Random(SEED), []
    chosen = [*(stem(real.small, end) for end in ("ndjson.gz", "index", "seal")), stem(real.pruned, "seal"),
              active(real).relative_to(real.directory).as_posix(), "head", "checkpoint", "origin"]
    for path in chosen:
        size, most = (real.directory / path).stat().st_size, 20 if path.endswith("gz") else 3
        offsets = range(size) if LONG else chance.sample(range(size), most)
        places += [(path, at, 1 << chance.randrange(8)) for at in sorted(offsets)]
    (tmp_path / "copies").mkdir()
    share = 2

    def run(number):
        copy = tmp_path / "copies" / str(number)
        shutil.copytree(real.directory, copy)
        lines = []
        for path, at, mask in places[number::share]:
            original = (copy / path).read_bytes()
            (copy / path).write_bytes(original[:at] + bytes([original[at] ^ mask]) + original[at + 1:])
            if (line := disagreement(copy)) or verify(copy)["verdict"] == "VERIFIED":
                lines.append(f"{path} at {at} ^ {mask} (seed {SEED}): {line or 'VERIFIED'}")
            (copy / path).write_bytes(original)
        return lines

    with ThreadPoolExecutor(share) as pool:
        assert not [line for lines in pool.map(run, range(share)) for line in lines]


# ---------------------------------------------------------------- proofs beside what was erased

def test_proofs_beside_erased_events(real, tmp_path):
    """Every event of a segment that is still there is proved; an erased or pruned one is not."""
    lines = gzip.decompress((real.directory / stem(real.small, "ndjson.gz")).read_bytes()).splitlines()
    vkey = cv.Key.parse((real.directory / "origin").read_text().split("genesis ")[1].split("\n")[0])
    whole = cairn("prove", real.small, "-D", real.directory, "-o", tmp_path / "first")
    assert whole.returncode == 0, whole
    for seq, line in enumerate(lines, real.small):
        file = tmp_path / f"{seq}.tlog-proof"
        result = cairn("prove", seq, "-D", real.directory, "-o", file)
        assert (result.returncode == 0) == (b"_redacted" not in line) == file.exists(), result
        if file.exists():
            assert cv.check_proof(file.read_bytes(), vkey).line == line
    assert cairn("prove", real.pruned, "-D", real.directory, "-o", tmp_path / "none").returncode == 1


def test_proofs_from_before_stay_good(real, tmp_path):
    vkey = cv.Key.parse((real.before / "origin").read_text().split("genesis ")[1].split("\n")[0])
    for seq in (real.small + 3, real.pruned + 2):
        assert cairn("prove", seq, "-D", real.before, "-o", tmp_path / str(seq)).returncode == 0
        assert cv.check_proof((tmp_path / str(seq)).read_bytes(), vkey).seq == seq
    found = cv.check_proof((tmp_path / str(real.small + 3)).read_bytes(), vkey)
    leaf = cv.leaf_hash(found.salt + found.line)
    text = gzip.decompress((real.directory / stem(real.small, "ndjson.gz")).read_bytes())
    assert f'"_leaf":"{b64(leaf)}"'.encode() in text, "the erased line has the leaf that the proof gives"


def test_nothing_of_the_log_is_written(real):
    before = {path: (real.directory / path).read_bytes() for path in files_of(real.directory)}
    assert not disagreement(real.directory)
    assert before == {path: (real.directory / path).read_bytes() for path in files_of(real.directory)}
