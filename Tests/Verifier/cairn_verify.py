#!/usr/bin/env python3
"""A second, independent verifier of a Cairn log.

Written from the format article (Format.md, version 1), C2SP signed-note and tlog-checkpoint, RFC 6962 and RFC 9162
alone, and sharing no code with Cairn. It reads a log and never writes. It favours being read over being fast.

    python3 cairn_verify.py DIR [--key GENESIS_VKEY] [--checkpoint FILE] [--json]

Exit status: 0 VERIFIED, 1 any other verdict, 64 wrong usage, 66 no such input.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import hashlib
import json
import os
import re
import struct
import sys
import zlib
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

# By gravity: the verdict on a log is the gravest of its findings.
VERDICTS = ("VERIFIED", "INDEX-DAMAGED", "UNVERIFIABLE", "UNSEALED", "TRUNCATED-OR-STALE", "TAMPERED")


class Problem(Exception):
    """A rule is broken. `seq` is the first event that it touches, where that is not plain from where it was met."""

    def __init__(self, verdict: str, message: str, seq: int | None = None):
        super().__init__(message)
        self.verdict, self.seq = verdict, seq


class Damage(Exception):
    """The bytes of a segment do not go on with a whole member: damage, or the tail of an unfinished write."""


# ---------------------------------------------------------------- Merkle trees (RFC 6962 section 2.1, RFC 9162)

def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data)


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)


class Tree:
    """A growing tree, kept as the roots of its perfect subtrees, the greatest first."""

    def __init__(self, leaves=()):
        self.size, self.subtrees = 0, []
        for leaf in leaves:
            self.append(leaf)

    def append(self, leaf: bytes) -> None:
        size = self.size
        while size & 1:
            leaf = node_hash(self.subtrees.pop(), leaf)
            size >>= 1
        self.subtrees.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        if not self.subtrees:
            return sha256(b"")
        root = self.subtrees[-1]
        for left in reversed(self.subtrees[:-1]):
            root = node_hash(left, root)
        return root


def split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_proof(leaves: list[bytes], index: int) -> list[bytes]:
    if len(leaves) == 1:
        return []
    middle = split(len(leaves))
    left, right = leaves[:middle], leaves[middle:]
    if index < middle:
        return inclusion_proof(left, index) + [Tree(right).root()]
    return inclusion_proof(right, index - middle) + [Tree(left).root()]


def consistency_proof(leaves: list[bytes], first: int, whole: bool = True) -> list[bytes]:
    """The proof for 0 < first <= len(leaves); `whole` is the flag `b` of SUBPROOF in RFC 6962 section 2.1.2."""
    if first == len(leaves):
        return [] if whole else [Tree(leaves).root()]
    middle = split(len(leaves))
    left, right = leaves[:middle], leaves[middle:]
    if first <= middle:
        return consistency_proof(left, first, whole) + [Tree(right).root()]
    return consistency_proof(right, first - middle, False) + [Tree(left).root()]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> bool:
    """RFC 9162 section 2.1.3.2."""
    if not 0 <= index < size:
        return False
    fn, sn, result = index, size - 1, leaf
    for part in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            result = node_hash(part, result)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            result = node_hash(result, part)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and result == root


def verify_consistency(first: int, second: int, first_root: bytes, second_root: bytes, proof: list[bytes]) -> bool:
    """RFC 9162 section 2.1.4.2, and what it leaves out: equal sizes, and the empty tree, need an empty proof."""
    if first == second or first == 0:
        return not proof and first_root == (second_root if first else sha256(b"")) and first <= second
    if not proof or not 0 < first < second:
        return False
    path = proof if first & (first - 1) else [first_root] + proof
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old = new = path[0]
    for part in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            old, new = node_hash(part, old), node_hash(part, new)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            new = node_hash(new, part)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and old == first_root and new == second_root


# ---------------------------------------------------------------- signed notes (C2SP signed-note v1.0.0)

def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def base64_bytes(text: str) -> bytes:
    """Decodes canonical base64 alone: loose last bits would be bits that can be changed unseen."""
    data = base64.b64decode(text, validate=True)
    if base64_text(data) != text:
        raise ValueError("base64 is not canonical")
    return data


@dataclass(frozen=True)
class Key:
    """A verification key; `vkey` is its text form."""
    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        return sha256(self.name.encode() + b"\n\x01" + self.public)[:4]

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64_text(bytes([1]) + self.public)}"

    @staticmethod
    def parse(vkey: str) -> Key:
        name, _, rest = vkey.partition("+")
        key = Key(name, base64_bytes(rest.partition("+")[2])[1:])
        if len(key.public) != 32 or key.vkey != vkey:
            raise ValueError("not an Ed25519 vkey")
        return key


def parse_note(data: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """The text of a note and its signatures as (name, key ID ‖ signature), none of them verified."""
    note = data.decode()
    text, gap, tail = note.rpartition("\n\n")
    lines = tail.split("\n")
    if len(data) > 1 << 18 or re.search("[\x00-\x09\x0b-\x1f]", note) or not gap or lines.pop() != "":
        raise ValueError("not a signed note")
    if not 1 <= len(lines) <= 16:
        raise ValueError("a note has 1 to 16 signatures")
    signatures = []
    for line in lines:
        match = re.fullmatch(r"— ([^\s+]+) (\S+)", line)
        if not match:
            raise ValueError("not a signature line")
        signatures.append((match[1], base64_bytes(match[2])))
    return text + "\n", signatures


def verified_text(data: bytes, key: Key) -> str:
    """The text of a note, if the key has signed it. A wrong signature by the key counts, whatever stands beside it."""
    text, signatures = parse_note(data)
    own = [blob[4:] for name, blob in signatures if (name, blob[:4]) == (key.name, key.id)]
    if not own:
        raise ValueError(f"no signature by the expected key {key.vkey}")
    for signature in own:
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text.encode())
        except InvalidSignature:
            raise ValueError(f"wrong signature by {key.vkey}") from None
    return text


def is_signed(data: bytes, key: Key) -> bool:
    try:
        return verified_text(data, key) != ""
    except ValueError:
        return False


def sign_note(text: str, name: str, seed: bytes) -> bytes:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    key = Key(name, private.public_key().public_bytes_raw())
    return f"{text}\n— {name} {base64_text(key.id + private.sign(text.encode()))}\n".encode()


NUMBER = "(?:0|[1-9][0-9]{0,18})"
HASH = "[A-Za-z0-9+/]{43}="
TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z"
ORIGIN_NOTE = re.compile(
    r"cairn/origin/v1\n(?P<origin>[^\s+\x00-\x1f\x7f-\x9f]+)\n"
    rf"created {TIME}\ngenesis (?P<genesis>\S+)\nlog (?P<log>\S+)\n")
SEAL_NOTE = re.compile(
    rf"cairn/seal/v1\n(?P<origin>\S+)\nsegment (?P<segment>{NUMBER})\nfirst (?P<first>{NUMBER})\n"
    rf"count (?P<count>{NUMBER})\nroot (?P<root>{HASH})\nprevious (?P<previous>{HASH})\nopened (?P<opened>{TIME})\n"
    rf"received (?P<received>{TIME} {TIME})\ntime (?P<time>{TIME} {TIME})\n"
    rf"(?P<modules>(?:module (?:[a-z0-9_.-]{{1,64}}|\?) {NUMBER}\n)*)"
    r"reason (?P<reason>size|age|request|shutdown|modules|corruption)\nnext (?P<next>\S+)\n")
HEAD_NOTE = re.compile(
    rf"cairn/head/v1\n(?P<origin>\S+)\nsegment (?P<segment>{NUMBER})\nfirst (?P<first>{NUMBER})\n"
    rf"count (?P<count>{NUMBER})\nroot (?P<root>{HASH})\ntime {TIME}\n")
CHECKPOINT_NOTE = re.compile(rf"(?P<origin>\S+)\n(?P<size>{NUMBER})\n(?P<root>{HASH})\n")


def open_note(what: str, data: bytes, key: Key | None, form: re.Pattern) -> re.Match:
    if not key:
        raise Problem("UNVERIFIABLE", f"{what}: its key is unknown, since the chain of seals is broken before it")
    try:
        match = form.fullmatch(verified_text(data, key))
    except ValueError as error:
        raise Problem("TAMPERED", f"{what}: {error}") from None
    if not match:
        raise Problem("UNVERIFIABLE", f"{what}: well signed, but not of a form that this verifier knows")
    return match


# ---------------------------------------------------------------- times

TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))")
EPOCH = datetime.datetime(1970, 1, 1)


def parse_time(text: str) -> int | None:
    """Nanoseconds since 1970 of an RFC 3339 time with a zone; None if it is no such time or out of range."""
    match = TIMESTAMP.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    zone_hour, zone_minute = int(match[9] or 0), int(match[10] or 0)
    if hour > 23 or minute > 59 or second > 60 or zone_hour > 23 or zone_minute > 59:
        return None
    try:
        days = datetime.date(year, month, day).toordinal() - EPOCH.toordinal()
    except ValueError:
        return None
    zone = (zone_hour * 60 + zone_minute) * (-60 if match[8] == "-" else 60)
    seconds = days * 86400 + hour * 3600 + minute * 60 + second - zone
    time = seconds * 10**9 + int((match[7] or "0")[:9].ljust(9, "0"))
    return time if -(2**63) <= time < 2**63 else None


def time_text(time: int) -> str:
    seconds, fraction = divmod(time, 10**9)
    return f"{EPOCH + datetime.timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


# ---------------------------------------------------------------- members of a segment

MEMBER_START = bytes.fromhex("1f8b0804 00000000 00ff")
EMPTY_PAYLOAD = bytes.fromhex("0300 00000000 00000000")
HEADER, BLOCK, FOOTER = b"CH", b"CB", b"CF"
BLOCK_LENGTH = 262_144
READER_BLOCK_LENGTH = 1 << 21


def crc32c_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CRC32C_TABLE = crc32c_table()


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC32C_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def read_member_head(data: bytes, at: int) -> tuple[bytes, bytes, int]:
    """The subfield's type, its content without the CRC, and where the head ends."""
    if data[at:at + 10] != MEMBER_START or len(data) < at + 16:
        raise Damage("no member begins here")
    extra, kind, length = struct.unpack_from("<H2sH", data, at + 10)
    end = at + 16 + length
    if extra != length + 4 or not 4 <= length <= 1024 or end > len(data):
        raise Damage("the head of the member is damaged or cut")
    if crc32c(data[at:end - 4]) != struct.unpack_from("<I", data, end - 4)[0]:
        raise Damage("the CRC-32C of the member's head is wrong")
    return kind, data[at + 16:end - 4], end


def read_member(data: bytes, at: int) -> tuple[bytes, bytes, bytes, int]:
    """The subfield's type, its content without the CRC, the lines, and where the member ends."""
    kind, content, at = read_member_head(data, at)
    if kind not in (HEADER, BLOCK, FOOTER):
        raise Problem("UNVERIFIABLE", f"a member has the unknown subfield type {kind!r}")
    if kind != BLOCK:
        if data[at:at + 10] != EMPTY_PAYLOAD:
            raise Damage("a payload that must be empty is not")
        return kind, content, b"", at + 10
    if len(content) != 92:
        raise Problem("TAMPERED", "the content of a block has a wrong length")
    deflated, length, check = struct.unpack_from("<4xII76xI", content)
    stream, trailer = data[at:at + deflated], data[at + deflated:at + deflated + 8]
    if length > READER_BLOCK_LENGTH or len(trailer) < 8 or crc32c(stream) != check:
        raise Damage("the lines of a block are damaged or cut")
    inflater = zlib.decompressobj(-15)
    try:
        lines = inflater.decompress(stream, length + 1)
    except zlib.error as error:
        raise Damage(f"a block does not inflate: {error}") from None
    if not inflater.eof or inflater.unused_data or len(lines) != length:
        raise Damage("a block does not inflate to its length")
    if trailer != struct.pack("<II", zlib.crc32(lines), length):
        raise Damage("the gzip trailer of a block is wrong")
    return kind, content, lines, at + deflated + 8


@dataclass
class Header:
    number: int
    first: int
    created: int
    previous: bytes
    salt_key: bytes
    origin: str
    vkey: str
    compatible: int


def parse_header(content: bytes) -> Header:
    try:
        version, reserved, compatible, incompatible = struct.unpack_from("<HHII", content)
        if version != 1 or incompatible:
            raise Problem("UNVERIFIABLE", "the segment has a version or a feature that this verifier does not know")
        number, first, created, previous, salt_key, length = struct.unpack_from("<QQq32s32sH", content, 12)
        (vkey_length,) = struct.unpack_from("<H", content, 102 + length)
        origin, vkey = content[102:102 + length].decode(), content[104 + length:].decode()
    except (struct.error, UnicodeDecodeError):
        raise Problem("TAMPERED", "the content of the header cannot be read") from None
    if reserved or vkey_length != len(content) - 104 - length:
        raise Problem("TAMPERED", "the content of the header breaks a rule")
    return Header(number, first, created, previous, salt_key, origin, vkey, compatible)


def durable_behind(data: bytes, at: int, seq: int) -> bool:
    """Whether a good block head at or behind `at` says that event `seq` had been synced (Format.md, Recovery)."""
    while (at := data.find(MEMBER_START, at)) >= 0:
        try:
            kind, content, _ = read_member_head(data, at)
            if kind == BLOCK and len(content) == 92 and struct.unpack_from("<Q", content, 24)[0] > seq:
                return True
        except Damage:
            pass
        at += 1
    return False


# ---------------------------------------------------------------- lines

STAMPS = re.compile(
    rb'[ \t\r]*\{"_seq":(0|[1-9][0-9]*),'
    rb'"_received":"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z)",'
    rb'"_uid":(?:0|[1-9][0-9]*),"_pid":(?:0|[1-9][0-9]*)(?=[ \t\r]*[,}])')
# Numbers are dropped: their size and precision are no concern of a verifier.
DECODER = json.JSONDecoder(parse_int=lambda _: None, parse_float=lambda _: None, parse_constant=lambda _: None)


def read_event(line: bytes, seq: int) -> tuple[int, int, str]:
    """The receive time, the event time and the module of a line that must carry the stamps of event `seq`."""
    stamps = STAMPS.match(line)
    received = stamps and parse_time(stamps[2].decode())
    if received is None or stamps[1] != str(seq).encode():
        raise Problem("TAMPERED", f"the line does not begin with the stamps of event {seq}", seq)
    try:
        event = DECODER.decode(line.decode())
    except ValueError as error:
        raise Problem("TAMPERED", f"event {seq} is not a JSON object: {error}", seq) from None
    except RecursionError:
        raise Problem("UNVERIFIABLE", f"event {seq} is nested too deeply for this verifier", seq) from None
    timestamp, module = event.get("timestamp"), event.get("module")
    time = parse_time(timestamp) if isinstance(timestamp, str) else None
    named = isinstance(module, str) and re.fullmatch("[a-z0-9_.-]{1,64}", module)
    return received, received if time is None else time, module if named else "?"


# ---------------------------------------------------------------- one segment

def least_and_greatest(values) -> list[int]:
    return [min(values), max(values)]


class Segment:
    """What the good members at the start of a data file hold. `read` raises at the first member that is not good."""

    def __init__(self, first: int, last_received: int):
        self.first, self.last_received, self.offset = first, last_received, 0
        self.header: Header | None = None
        self.footer: bytes | None = None
        self.tree, self.leaves, self.modules = Tree(), [], Counter()
        self.received, self.times = [], []  # least and greatest, once there is an event
        self.salt_group, self.salts = -1, b""

    @property
    def count(self) -> int:
        return len(self.leaves)

    @property
    def next(self) -> int:
        return self.first + self.count

    def read(self, data: bytes, limit: int | None) -> None:
        """Reads to the end of the file or, where a seal of reason `corruption` covers `limit` events, so far."""
        while self.offset < len(data) and (limit is None or self.count < limit):
            if self.footer:
                raise Damage("bytes follow the footer")
            kind, content, lines, end = read_member(data, self.offset)
            if (kind == HEADER) != (self.header is None):
                raise Problem("TAMPERED", "a segment has one header, at its start")
            if kind == HEADER:
                self.header = parse_header(content)
            elif kind == BLOCK:
                self.add_block(content, lines)
            else:
                self.add_footer(content)
            self.offset = end

    def leaf(self, seq: int, line: bytes) -> bytes:
        group, place = divmod(seq, 1024)
        if group != self.salt_group:
            key = sha256(b"\x10" + self.header.salt_key + struct.pack(">Q", group))
            stream = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
            self.salt_group, self.salts = group, stream.update(bytes(16 * 1024))
        return leaf_hash(self.salts[16 * place:16 * place + 16] + line)

    def add_block(self, content: bytes, lines: bytes) -> None:
        flags, count, first, durable, *ranges = struct.unpack_from("<I8xIQQqqq", content)
        rows = lines.split(b"\n")
        if flags or first != self.next or not self.first <= durable <= first:
            raise Problem("TAMPERED", "the block's flags, first sequence number or durable number break a rule")
        if rows.pop() or count != len(rows) or count == 0 or len(lines) > BLOCK_LENGTH and count > 1:
            raise Problem("TAMPERED", "the block does not hold the lines that it names, or too many")
        leaves = [self.leaf(first + i, row) for i, row in enumerate(rows)]
        for leaf in leaves:
            self.tree.append(leaf)
        if self.tree.root() != content[56:88]:
            raise Problem("TAMPERED", "the events of the block do not give its root")
        received, times, modules = zip(*(read_event(row, first + i) for i, row in enumerate(rows)))
        for i, (before, after) in enumerate(zip((self.last_received, *received), received)):
            if after < before:
                raise Problem("TAMPERED", f"the receive time of event {first + i} is before the last one", first + i)
        if ranges != [*least_and_greatest(times), received[0]]:
            raise Problem("TAMPERED", "the time ranges of the block are not those of its events")
        self.leaves += leaves
        self.modules.update(modules)
        self.last_received = received[-1]
        self.received = least_and_greatest([*self.received, *received])
        self.times = least_and_greatest([*self.times, *times])

    def add_footer(self, content: bytes) -> None:
        if len(content) != 72 or content[:40] != struct.pack("<Q", self.count) + self.tree.root():
            raise Problem("TAMPERED", "the footer is not that of the events before it")
        self.footer = content

    def root_of(self, count: int) -> bytes:
        return Tree(self.leaves[:count]).root()

    def sealed_values(self, opened: str) -> dict[str, str]:
        """What a seal over these events says, by the groups of SEAL_NOTE. Without events both ranges are `opened`."""
        ranges = [" ".join(map(time_text, pair)) or f"{opened} {opened}" for pair in (self.received, self.times)]
        modules = "".join(f"module {name} {count}\n" for name, count in sorted(self.modules.items()))
        return {"count": str(self.count), "root": base64_text(self.tree.root()), "received": ranges[0],
                "time": ranges[1], "modules": modules,
                "opened": time_text(self.header.created) if self.header else opened}


# ---------------------------------------------------------------- the whole log

@dataclass
class Link:
    """What the seals so far say of the next segment. Without a key nothing does: the seal before is lost."""
    number: int
    first: int
    previous: bytes
    key: Key | None
    after_corruption: bool = False


def read(path: Path, reader=Path.read_bytes):
    """What `reader` gives for the path; None if there is no such file."""
    try:
        return reader(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Problem("UNVERIFIABLE", f"{path.name} cannot be read: {error.strerror}") from None


class LogVerifier:
    def __init__(self, directory: Path):
        self.directory = directory
        self.findings, self.notes = [], []
        self.seals: dict[int, bytes] = {}  # leaves of the outer log by segment number
        self.links: list[Link] = []  # one for each segment that was met
        self.events, self.ranges, self.last_received = 0, [], -(2**63)
        self.head_text: re.Match | None = None

    def find(self, verdict: str, message: str, seq: int | None = None, segment: int | None = None) -> None:
        self.findings.append({"verdict": verdict, "segment": segment, "seq": seq, "message": message})

    @contextmanager
    def recording(self, seq: int | None = None, segment: int | None = None):
        """Makes a finding of a problem in the `with` block, which ends there."""
        try:
            yield
        except Problem as problem:
            self.find(problem.verdict, str(problem), seq if problem.seq is None else problem.seq, segment)

    def note(self, note: str, message: str, segment: int) -> None:
        self.notes.append({"note": note, "segment": segment, "message": message})

    def report(self) -> dict:
        bad = [finding["seq"] for finding in self.findings if finding["seq"] is not None]
        return {
            "verdict": max((finding["verdict"] for finding in self.findings), key=VERDICTS.index, default="VERIFIED"),
            "events": self.events, "segments": len(self.links),
            "first_seq": self.ranges[0][0] if self.ranges else None,
            "last_seq": self.ranges[-1][1] if self.ranges else None,
            "first_bad_seq": min(bad, default=None), "findings": self.findings, "notes": self.notes}

    def verify(self, genesis: str | None, older_checkpoint: bytes | None) -> dict:
        with self.recording():
            self.take_snapshot()
            link = self.open_origin(genesis)
            for first in self.firsts:
                link = self.verify_segment(first, link)
            with self.recording():
                self.verify_head_place(link)
            with self.recording():
                self.verify_checkpoint("checkpoint", self.checkpoint, link, len(self.seals) - 1)
            if older_checkpoint is not None:
                self.verify_checkpoint("the given checkpoint", older_checkpoint, link, 0)
        return self.report()

    def take_snapshot(self) -> None:
        """Reads what a live writer replaces until two passes agree, so that head, checkpoint and names fit together.

        What is read later only grows: a segment that is sealed meanwhile is judged as the active one that it was."""
        before, now = None, ()
        while before != now:
            before = now
            head, checkpoint = read(self.directory / "head"), read(self.directory / "checkpoint")
            names = read(self.directory / "segments", os.listdir) or []
            now = (head, checkpoint, {name for name in names if re.fullmatch(r"[0-9]{20}\.(ndjson\.gz|seal)", name)})
        self.head, self.checkpoint, self.names = now
        self.firsts = sorted({int(name[:20]) for name in self.names})
        try:
            self.head_text = HEAD_NOTE.fullmatch(parse_note(self.head or b"")[0])
        except ValueError:
            pass

    def open_origin(self, genesis: str | None) -> Link:
        data = read(self.directory / "origin")
        named = re.search(rb"^genesis (\S+)$", data or b"", re.MULTILINE)
        if not named:
            raise Problem("UNVERIFIABLE", "the file origin is missing or names no genesis key")
        if genesis is not None and named[1] != genesis.encode():
            raise Problem("UNVERIFIABLE", "log was not started with this key")
        try:
            key = Key.parse(named[1].decode())
            match = open_note("origin", data, key, ORIGIN_NOTE)
            self.origin, self.log_key = match["origin"], Key.parse(match["log"])
        except ValueError as error:
            raise Problem("TAMPERED", f"origin: {error}") from None
        if not key.name == self.log_key.name == self.origin or len(self.origin.encode()) > 128:
            raise Problem("TAMPERED", "origin: the keys must have the name of the log")
        return Link(0, 0, bytes(32), key)

    def verify_segment(self, first: int, link: Link) -> Link:
        """Verifies the files of one segment and returns what it says of the next."""
        stem = self.directory / "segments" / f"{first:020}"
        data, seal_data = ((read(stem.with_suffix(suffix)) if stem.name + suffix in self.names else None)
                           for suffix in (".ndjson.gz", ".seal"))
        link = self.follow(first, link, data)
        self.links.append(link)
        number, newest = link.number, first == self.firsts[-1]
        seal = None
        if seal_data is not None:
            self.seals[number] = leaf_hash(seal_data)
            with self.recording(first, number):
                seal = self.verify_seal(seal_data, link)
        elif not newest:
            self.find("UNSEALED", "the segment has no seal although later ones exist", first, number)
        segment = Segment(first, self.last_received)
        if data is not None:
            self.verify_data(data, segment, link, seal, newest and seal_data is None)
        else:
            self.find("TAMPERED", "the data file is missing", first, number)
        if seal and seal["reason"] != "corruption" and segment.footer:
            index = read(stem.with_suffix(".index"))
            if index is None or sha256(index) != segment.footer[40:]:
                self.find("INDEX-DAMAGED", "the index is missing or not the one that the footer names", None, number)
        if self.head_text and int(self.head_text["segment"]) == number:
            with self.recording(None, number):
                self.verify_head(segment, link)
        self.last_received = segment.last_received
        self.events += segment.count
        if segment.count:
            self.ranges.append((first, segment.next - 1))
        if not seal:
            return Link(number + 1, segment.next, b"", None)
        if seal["reason"] == "corruption":
            end = first + int(seal["count"])
            self.find("TAMPERED", f"damage ended the segment: events from {end} on were lost", end, number)
        try:
            key = Key.parse(seal["next"])
        except ValueError:
            self.find("UNVERIFIABLE", "the seal's next key is of a form that this verifier does not know", None, number)
            key = None
        return Link(number + 1, first + int(seal["count"]), sha256(seal_data), key, seal["reason"] == "corruption")

    def follow(self, first: int, link: Link, data: bytes | None) -> Link:
        """The link to a segment that is there: events may be lost before it, or the seal that leads to it."""
        if first > link.first and link.after_corruption:
            return Link(link.number, first, link.previous, link.key)
        if first != link.first:
            message = f"a segment begins at {first} where one should at {link.first}"
            self.find("TAMPERED", message, min(first, link.first), link.number)
        if first == link.first and link.key:
            return link
        # The header's own word, unproven: good for going on, with a finding that already stands.
        try:
            header = parse_header(read_member(data or b"", 0)[1])
            number = link.number if first == link.first else header.number
            return Link(number, first, header.previous, Key.parse(header.vkey))
        except (Damage, Problem, ValueError):
            return Link(link.number, first, b"", None)

    def verify_seal(self, data: bytes, link: Link) -> re.Match:
        """What a seal says of its place. What it says of its events is compared with them: see `sealed_values`."""
        seal = open_note("seal", data, link.key, SEAL_NOTE)
        expected = {"origin": self.origin, "segment": str(link.number), "first": str(link.first),
                    "previous": base64_text(link.previous)}
        wrong = [name for name, value in expected.items() if seal[name] != value]
        if seal["count"] == "0" and seal["reason"] != "corruption":
            wrong.append("count")
        if seal["next"].partition("+")[0] != self.origin:
            wrong.append("next")
        if wrong:
            self.find("TAMPERED", f"the seal is well signed but wrong in: {', '.join(wrong)}", link.first, link.number)
        return seal

    def verify_data(self, data: bytes, segment: Segment, link: Link, seal: re.Match | None, active: bool) -> None:
        limit = int(seal["count"]) if seal and seal["reason"] == "corruption" else None
        whole = True
        try:
            segment.read(data, limit)
            if seal and limit is None and not segment.footer:
                raise Damage("the footer is missing")
        except Damage as damage:
            whole = False
            self.judge_damage(data, damage, segment, link, seal, active)
        except Problem as problem:
            whole = False
            self.find(problem.verdict, str(problem), segment.next if problem.seq is None else problem.seq, link.number)
        if header := segment.header:
            found = (header.number, header.first, header.origin, header.previous, header.vkey)
            if link.key and found != (link.number, link.first, self.origin, link.previous, link.key.vkey):
                self.find("TAMPERED", "the header is not that of the segment due here", link.first, link.number)
            if header.compatible:
                self.find("UNVERIFIABLE", f"compatible features {header.compatible:#x} are unknown", link.first, link.number)
        if seal and whole:
            self.compare_with_seal(segment, seal, link.number)

    def judge_damage(self, data: bytes, damage: Damage, segment: Segment, link: Link, seal, active: bool) -> None:
        """In the active segment, a tail that a crash or a write under way may have left is a note; else damage."""
        head = self.head_text
        promised = int(head["first"]) + int(head["count"]) if head and int(head["segment"]) == link.number else 0
        if active and promised <= segment.next and not durable_behind(data, segment.offset, segment.next):
            rest = len(data) - segment.offset
            self.note("UNCOMMITTED", f"the last {rest} bytes are not committed: {damage}", link.number)
            return
        # Where the seal's events are all there, no event is bad.
        seq = None if seal and segment.count >= int(seal["count"]) else segment.next
        self.find("TAMPERED", f"damage at byte {segment.offset}: {damage}", seq, link.number)

    def compare_with_seal(self, segment: Segment, seal: re.Match, number: int) -> None:
        found = segment.sealed_values(seal["opened"])
        wrong = [name for name, value in found.items() if seal[name] != value]
        if not wrong:
            return
        count, seq = int(seal["count"]), segment.first
        if segment.count < count:
            seq = segment.next
        elif segment.count > count and base64_text(segment.root_of(count)) == seal["root"]:
            seq = segment.first + count
        self.find("TAMPERED", f"the events are not those that were sealed: other {', '.join(wrong)}", seq, number)

    def verify_head(self, segment: Segment, link: Link) -> None:
        head = open_note("head", self.head, link.key, HEAD_NOTE)
        count = int(head["count"])
        if (head["origin"], head["first"]) != (self.origin, str(link.first)):
            raise Problem("TAMPERED", "the head is not that of this segment", link.first)
        if count > segment.count:
            missing = count - segment.count
            raise Problem("TRUNCATED-OR-STALE", f"{missing} events that the head names are missing", segment.next)
        if base64_text(segment.root_of(count)) != head["root"]:
            raise Problem("TAMPERED", "the events are not those that the head was signed over", link.first)

    def verify_head_place(self, link: Link) -> None:
        """The head names the newest segment or the one before. `link` is to the segment after the newest."""
        if self.head is None:
            raise Problem("TRUNCATED-OR-STALE", "the file head is missing")
        if not self.head_text:
            key = next((known.key for known in self.links[-2:] if known.key and is_signed(self.head, known.key)), None)
            verdict = "UNVERIFIABLE" if key else "TAMPERED"
            raise Problem(verdict, "head: not of a known form, and " + ("well signed" if key else "not well signed"))
        number = int(self.head_text["segment"])
        if number not in [known.number for known in self.links[-2:]]:
            lost = link.first if number >= link.number else None
            message = f"the head names segment {number}, and the newest is {link.number - 1}"
            raise Problem("TRUNCATED-OR-STALE", message, lost)

    def verify_checkpoint(self, what: str, data: bytes | None, link: Link, least_size: int) -> None:
        if data is None:
            raise Problem("TRUNCATED-OR-STALE", f"the file {what} is missing")
        checkpoint = open_note(what, data, self.log_key, CHECKPOINT_NOTE)
        size = int(checkpoint["size"])
        if checkpoint["origin"] != self.origin:
            raise Problem("TAMPERED", f"{what}: it is of another log")
        if size > len(self.seals) or set(range(size)) - set(self.seals):
            lost = link.first if size > link.number else None
            raise Problem("TRUNCATED-OR-STALE", f"{what}: not all of the {size} seals that it covers are here", lost)
        if base64_text(Tree(self.seals[number] for number in range(size)).root()) != checkpoint["root"]:
            raise Problem("TAMPERED", f"{what}: the first {size} seals do not give its root")
        if size < least_size:
            raise Problem("TRUNCATED-OR-STALE", f"{what}: it covers {size} of {len(self.seals)} seals")


# ---------------------------------------------------------------- command line

class ArgumentParser(argparse.ArgumentParser):
    def error(self, message: str):
        self.print_usage(sys.stderr)
        self.exit(64, f"{self.prog}: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    parser = ArgumentParser(description="Verifies a Cairn log.")
    parser.add_argument("directory", metavar="DIR", type=Path, help="the directory of the log")
    parser.add_argument("--key", metavar="GENESIS_VKEY", help="the key that the log must have been started with")
    parser.add_argument("--checkpoint", metavar="FILE", type=Path, help="an older checkpoint that the log must extend")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    options = parser.parse_args(arguments)
    sys.setrecursionlimit(4_000)  # for deeply nested events
    try:
        key = Key.parse(options.key).vkey if options.key is not None else None
    except ValueError as error:
        parser.error(f"--key: {error}")
    try:
        older = options.checkpoint.read_bytes() if options.checkpoint else None
        next(options.directory.iterdir(), None)
    except OSError as error:
        parser.exit(66, f"{parser.prog}: {error}\n")
    report = LogVerifier(options.directory).verify(key, older)
    if options.json:
        print(json.dumps(report))
    else:
        print(f"{report['verdict']}: {report['events']} events in {report['segments']} segments")
        for entry in report["findings"] + report["notes"]:
            place = "" if entry["segment"] is None else f" segment {entry['segment']}"
            place += "" if entry.get("seq") is None else f" event {entry['seq']}"
            print(f"  {entry.get('verdict') or entry['note']}{place}: {entry['message']}")
    return 0 if report["verdict"] == "VERIFIED" else 1


if __name__ == "__main__":
    sys.exit(main())
