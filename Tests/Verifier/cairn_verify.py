#!/usr/bin/env python3
"""A second, independent verifier of a Cairn log.

Written from the format article (Format.md, version 1), C2SP signed-note and tlog-checkpoint, RFC 6962 and RFC 9162
alone, and sharing no code with Cairn. It reads a log and never writes. It favours being read over being fast.

    python3 cairn_verify.py DIR [--key GENESIS_VKEY] [--checkpoint FILE] [--identity FILE] [--json]
    python3 cairn_verify.py check-proof FILE --key VKEY [--witness VKEY]... [--quorum N]

Exit status: 0 VERIFIED, 1 any other verdict, 64 wrong usage, 65 a file that is no proof, 66 no such input.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import hashlib
import hmac
import json
import os
import re
import struct
import sys
import zlib
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

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


class UnknownKey(ValueError):
    """A vkey of a type that this verifier does not know."""


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
        data = base64_bytes(rest.partition("+")[2])
        if not re.fullmatch(r"[^\s+]+", name) or not re.fullmatch("[0-9a-f]{8}[+].+", rest):
            raise ValueError("not a vkey")
        if data[0] != 1:
            raise UnknownKey("not an Ed25519 vkey")
        if len(data) != 33:
            raise ValueError("the vkey does not hold a key of 32 bytes")
        key = Key(name, data[1:])
        if key.vkey != vkey:
            raise ValueError("the key ID of the vkey is not that of its key")
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


SEQUENCES = 2**63  # all sequence numbers are below
NAME = r"[^\s+\x00-\x1f\x7f-\x9f]{1,128}"
NUMBER = "(?:0|[1-9][0-9]{0,18})"
HASH = "[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="  # of 32 bytes, without loose bits
TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z"
ORIGIN_NOTE = re.compile(
    rf"cairn/origin/v1\n(?P<origin>{NAME})\ncreated {TIME}\ngenesis (?P<genesis>\S+)\nlog (?P<log>\S+)\n")
SEAL_NOTE = re.compile(
    rf"cairn/seal/v1\n(?P<origin>{NAME})\nsegment (?P<segment>{NUMBER})\nfirst (?P<first>{NUMBER})\n"
    rf"count (?P<count>{NUMBER})\nroot (?P<root>{HASH})\nprevious (?P<previous>{HASH})\nopened (?P<opened>{TIME})\n"
    rf"received (?P<received>{TIME} {TIME})\ntime (?P<time>{TIME} {TIME})\n"
    rf"(?P<modules>(?:module (?:[a-z0-9_.-]{{1,64}}|\?) {NUMBER}\n)*)"
    r"reason (?P<reason>size|age|request|shutdown|modules|corruption)\nnext (?P<next>\S+)\n")
HEAD_NOTE = re.compile(
    rf"cairn/head/v1\n(?P<origin>{NAME})\nsegment (?P<segment>{NUMBER})\nfirst (?P<first>{NUMBER})\n"
    rf"count (?P<count>{NUMBER})\nroot (?P<root>{HASH})\ntime {TIME}\n")
CHECKPOINT_NOTE = re.compile(rf"(?P<origin>{NAME})\n(?P<size>{NUMBER})\n(?P<root>{HASH})\n")


def read_text(text: str, form: re.Pattern) -> re.Match | None:
    """The values of a note's text; None if it is not of that form: all times must be such, and all numbers in range."""
    match = form.fullmatch(text)
    if not match or any(time_text(parse_time(time) or 0) != time for time in re.findall(f"(?<= ){TIME}", text)):
        return None
    values = match.groupdict()
    return match if int(values.get("first", 0)) + int(values.get("count", 0)) < SEQUENCES or "next" in values else None


def open_note(what: str, data: bytes, key: Key | None, form: re.Pattern) -> re.Match:
    if not key:
        raise Problem("UNVERIFIABLE", f"{what}: its key is unknown, since the chain of seals is broken before it")
    try:
        match = read_text(verified_text(data, key), form)
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
HEADER, SALTS, BLOCK, FOOTER = b"CH", b"CS", b"CB", b"CF"
GROUP = 1024  # events whose salts come of one key
ERASED_FEATURE = 1  # the one incompatible feature of version 1
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
    if data[at:at + 10] != MEMBER_START or len(data) < at + 16 or data[at + 12] != HEADER[0]:
        raise Damage("no member begins here")
    extra, kind, length = struct.unpack_from("<H2sH", data, at + 10)
    end = at + 16 + length
    if extra != length + 4 or not 4 <= length <= 1024 or end > len(data):
        raise Damage("the head of the member is damaged or cut")
    if crc32c(data[at:end - 4]) != struct.unpack_from("<I", data, end - 4)[0]:
        raise Damage("the CRC-32C of the member's head is wrong")
    return kind, data[at + 16:end - 4], end


@dataclass
class Header:
    number: int
    first: int
    created: int
    previous: bytes
    salt_key: bytes
    origin: str
    key: Key
    is_punctured: bool


def parse_header(content: bytes) -> Header:
    try:
        version, reserved, compatible, incompatible = struct.unpack_from("<HHII", content)
        if version != 1 or not reserved and (compatible or incompatible & ~ERASED_FEATURE):
            raise Problem("UNVERIFIABLE", "the segment has a version or a feature that this verifier does not know")
        number, first, created, previous, salt_key, length = struct.unpack_from("<QQq32s32sH", content, 12)
        (vkey_length,) = struct.unpack_from("<H", content, 102 + length)
        origin, vkey = content[102:102 + length].decode(), content[104 + length:].decode()
        key = Key.parse(vkey)
    except UnknownKey as error:
        raise Problem("UNVERIFIABLE", f"the header: {error}") from None
    except (struct.error, ValueError):
        raise Problem("TAMPERED", "the content of the header cannot be read") from None
    is_punctured = incompatible == ERASED_FEATURE
    if reserved or vkey_length != len(content) - 104 - length or first >= SEQUENCES or key.name != origin \
            or is_punctured != (salt_key == bytes(32)):
        raise Problem("TAMPERED", "the content of the header breaks a rule")
    return Header(number, first, created, previous, salt_key, origin, key, is_punctured)


def group_salts(key: bytes) -> bytes:
    """The salts of the 1,024 events of a group, one behind the other."""
    return Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor().update(bytes(16 * GROUP))


class Salts:
    """The salts of a segment: from its salt key or, where events were erased, from its salt members."""

    def __init__(self, header: Header, end: int | None):
        """`end` is where the events of the segment end, if a seal says so."""
        self.header, self.end, self.next = header, SEQUENCES if end is None else end, header.first
        self.groups: dict[int, bytes] = {}  # the salts of each group, with zeros for those of events before the segment

    def add(self, content: bytes) -> None:
        """Takes the content of the next salt member."""
        kind, count, reserved, number = struct.unpack_from("<HHIQ", content.ljust(16, b"\0"))
        group, place = divmod(self.next, GROUP)
        due = (group, self.next)[kind] if kind < 2 else None
        if not self.header.is_punctured or number != due or reserved or not count \
                or len(content) != 16 + count * (16 if kind else 32) or self.next >= self.end:
            raise Problem("TAMPERED", "the content of a salt member breaks a rule, or it is not the one due here")
        if kind == 1:
            if place + count > GROUP or self.next + count > self.end:
                raise Problem("TAMPERED", "the salts of one member are of several groups, or of other segments")
            self.take(content[16:])
            return
        for at in range(16, len(content), 32):
            group, place = divmod(self.next, GROUP)
            if group in self.groups or self.next >= self.end:
                raise Problem("TAMPERED", "the key of a group is there beside its salts, or that of another segment")
            self.take(group_salts(content[at:at + 32])[16 * place:])
            self.next = min(self.next, self.end)

    def take(self, salts: bytes) -> None:
        group, place = divmod(self.next, GROUP)
        self.groups[group] = self.groups.get(group, bytes(16 * place)) + salts
        self.next += len(salts) // 16

    def check_end(self) -> None:
        """After the last salt member: those of a sealed segment cover all of its events."""
        if self.header.is_punctured and self.end not in (self.next, SEQUENCES):
            raise Problem("TAMPERED", f"salts are there of the events before {self.next}, and not of all {self.end}")

    def of(self, seq: int) -> bytes:
        """The salt of an event; zeros if it was destroyed."""
        group, place = divmod(seq, GROUP)
        if not self.header.is_punctured and group not in self.groups:
            self.groups = {group: group_salts(sha256(b"\x10" + self.header.salt_key + struct.pack(">Q", group)))}
        elif self.header.is_punctured and seq >= self.next:
            raise Problem("TAMPERED", f"no salt member covers event {seq}")
        return self.groups[group][16 * place:16 * place + 16]


@dataclass
class Block:
    deflated: int
    length: int
    count: int
    first: int
    durable: int
    ranges: tuple[int, int, int]  # least and greatest event time, least receive time
    root: bytes
    check: int


def parse_block(content: bytes) -> Block:
    if len(content) != 92:
        raise Problem("TAMPERED", "the content of a block has a wrong length")
    flags, deflated, length, count, first, durable, *ranges, root, check = struct.unpack("<IIIIQQqqq32sI", content)
    if flags or not 0 < count <= length <= READER_BLOCK_LENGTH or length > BLOCK_LENGTH and count > 1 \
            or deflated > 2 * READER_BLOCK_LENGTH or not durable <= first < SEQUENCES or ranges[0] > ranges[1]:
        raise Problem("TAMPERED", "the content of a block breaks a rule")
    return Block(deflated, length, count, first, durable, tuple(ranges), root, check)


def read_lines(data: bytes, at: int, block: Block) -> tuple[bytes, int]:
    """The lines of a block whose deflate stream begins at `at`, and where the member ends."""
    end = at + block.deflated
    stream, trailer = data[at:end], data[end:end + 8]
    if len(trailer) < 8 or crc32c(stream) != block.check:
        raise Damage("the lines of a block are damaged or cut")
    inflater = zlib.decompressobj(-15)
    try:
        lines = inflater.decompress(stream, block.length + 1)
    except zlib.error as error:
        raise Problem("TAMPERED", f"a block does not inflate: {error}") from None
    if not inflater.eof or inflater.unused_data or len(lines) != block.length:
        raise Problem("TAMPERED", "a block does not inflate to its length")
    if trailer != struct.pack("<II", zlib.crc32(lines), block.length):
        raise Damage("the gzip trailer of a block is wrong")
    return lines, end + 8


def durable_behind(data: bytes, at: int, seq: int) -> bool:
    """Whether a good block head at or behind `at` says that event `seq` had been synced (Format.md, Recovery)."""
    while (at := data.find(MEMBER_START, at)) >= 0:
        try:
            kind, content, _ = read_member_head(data, at)
            if kind == BLOCK and parse_block(content).durable > seq:
                return True
        except (Damage, Problem):
            pass
        at += 1
    return False


# ---------------------------------------------------------------- lines

STAMPS = re.compile(
    rb'[ \t\r]*\{"_seq":(0|[1-9][0-9]*),'
    rb'"_received":"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]\.[0-9]{6}Z)",'
    rb'"_uid":(0|[1-9][0-9]*),"_pid":(0|[1-9][0-9]*),')
OWN = b'"_own":true,'
ERASED = re.compile(
    rb'\{"_seq":(0|[1-9][0-9]*),"_redacted":\{"event":(0|[1-9][0-9]{0,18}),"by":(0|[1-9][0-9]{0,9}),'
    rb'"reason":("(?:[^"\\]|\\.)*")\},"_leaf":"([A-Za-z0-9+/]{43}=)"\}')
STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F])|.)", re.DOTALL)
EMPTY = re.compile(rb"\[[ \t\r]*\]|\{[ \t\r]*\}")
MODULE = re.compile("[a-z0-9_.-]{1,64}")
LEVELS = 1024


class Members(list):
    """An object as the list of its names and values, so that a name that stands twice is seen."""

    def get(self, name: str):
        return next((value for key, value in self if key == name), None)

    def repeats(self) -> bool:
        return len({name for name, _ in self}) < len(self)


class Number:
    """The value of a number that is no sequence number: its size and precision are no concern of a verifier."""


def refuse(constant: str):
    raise ValueError(f"{constant} is not JSON")


DECODER = json.JSONDecoder(
    object_pairs_hook=Members, parse_int=lambda text: int(text) if len(text) < 20 else Number,
    parse_float=lambda _: Number, parse_constant=refuse)


@dataclass(frozen=True)
class Erased:
    """What stands in the place of an erased event, but for its leaf: which event accounts for it, who asked, and why
    (the bytes of a JSON string)."""
    event: int
    by: int
    reason: bytes


@dataclass(frozen=True)
class Trace:
    """What an own event says of events that are not there any more."""
    seq: int
    action: str
    sequences: tuple[tuple[int, int], ...]
    by: int | None
    reason: bytes | None

    def covers(self, first: int, last: int) -> bool:
        return last < self.seq and any(a <= first and last <= b for a, b in self.sequences)


@dataclass
class Event:
    received: int
    time: int
    module: str
    status: int
    severity: int
    has_id: bool
    opaque: int
    tokens: list[int]
    retention: bytes = bytes(4)
    trace: Trace | None = None
    erased: Erased | None = None
    # Where each stands, by `searched_texts`, and what it is.
    texts: list[tuple[tuple[int, bytes | None] | None, bytes]] = field(default_factory=list)


def levels(line: bytes) -> int:
    """How deep a line is nested, empty objects and arrays not counted."""
    depth = deepest = 0
    for byte in EMPTY.sub(b"", STRING.sub(b"", line)):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def json_string(text: str) -> bytes:
    """A string as the daemon writes it."""
    text = re.sub(r'["\\]', r"\\\g<0>", text)
    return b'"' + re.sub("[\x00-\x1f\x7f]", lambda match: f"\\u{ord(match[0]):04x}", text).encode() + b'"'


def read_trace(event: Members, seq: int) -> Trace | None:
    """The trace that an own event is; None if it is something else."""
    action, details = event.get("action"), event.get("details")
    if event.get("module") != "system" or action not in ("log.redacted", "log.pruned") or type(details) is not Members:
        return None
    rows, by, reason = (dict(details).get(name) for name in ("sequences", "by", "reason"))
    if type(rows) is not list or not all(
            type(row) is list and [type(number) for number in row] == [int, int]
            and 0 <= row[0] <= row[1] < SEQUENCES for row in rows):
        return None
    if any(before[1] + 1 >= after[0] for before, after in zip(rows, rows[1:])):
        return None
    return Trace(seq, action, tuple((first, last) for first, last in rows), by if type(by) is int else None,
                 json_string(reason) if isinstance(reason, str) else None)


def read_erased(line: bytes, seq: int) -> tuple[Erased, bytes] | None:
    """What stands in the place of an erased event, and the leaf that it had; None if the line is something else."""
    match = ERASED.fullmatch(line)
    if not match or int(match[1]) != seq or int(match[2]) >= SEQUENCES or int(match[3]) >> 32:
        return None
    try:
        return Erased(int(match[2]), int(match[3]), match[4]), base64_bytes(match[5].decode())
    except ValueError:
        return None


def read_event(line: bytes, seq: int) -> Event:
    """What a line that must carry the stamps of event `seq` says for block, seal and index."""
    stamps = STAMPS.match(line)
    received = stamps and parse_time(stamps[2].decode())
    if received is None or stamps[1] != str(seq).encode() or int(stamps[3]) >> 32 or int(stamps[4]) >> 31:
        raise Problem("TAMPERED", f"the line does not begin with the stamps of event {seq}")
    try:
        if levels(line) > LEVELS:
            raise ValueError(f"it has more than {LEVELS} levels")
        if any(escape["half"] for escape in ESCAPE.finditer(line)):
            raise ValueError("it escapes half of a surrogate pair")
        event = DECODER.decode(line.decode())
        if not isinstance(event, Members):
            raise ValueError("it is something else")
    except ValueError as error:
        raise Problem("TAMPERED", f"event {seq} is not a JSON object: {error}") from None
    except RecursionError:
        raise Problem("UNVERIFIABLE", f"event {seq} is nested too deeply for this verifier") from None
    parties = [party for name in ("actor", "target") if isinstance(party := event.get(name), Members)]
    if event.repeats() or any(party.repeats() for party in parties):
        raise Problem("TAMPERED", f"a name stands twice in event {seq}")
    if event.get("action") is None or event.get("module") is None:
        raise Problem("TAMPERED", f"event {seq} has no action or no module")
    timestamp, module = event.get("timestamp"), event.get("module")
    time = parse_time(timestamp) if isinstance(timestamp, str) else None
    opaque, tokens = 0, []
    for number, path in enumerate(TOKEN_FIELDS, 1):
        value = event
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Members) else None
        if isinstance(value, str):
            tokens.append(xxh64(value.encode(), number))
        elif value is not None:
            opaque |= 1 << number
    return Event(
        received, received if time is None else time,
        module if isinstance(module, str) and MODULE.fullmatch(module) else "?",
        place(STATUSES, event.get("status")), place(SEVERITIES, event.get("severity")), event.get("id") is not None,
        opaque, tokens, retention_class(event),
        read_trace(event, seq) if line.startswith(OWN, stamps.end()) else None, texts=searched_texts(event))


# ---------------------------------------------------------------- the index

TOKEN_FIELDS = ("actor.id", "actor.email", "ip_address", "tenant", "action", "target.type", "target.id", "session_id",
                "id")
STATUSES = ("success", "failed", "warning", "info")
SEVERITIES = ("low", "medium", "high", "critical")
SEARCHED_FIELDS = ("action", "actor", "target", "details")
SPAN_LENGTH, SUBTREE = 131_072, 1024
COLUMNS, COLUMN_NAME, COLUMN_VALUES, COLUMN_VALUE = 16, 16, 15, 64
MISSING, GIVEN_UP = 1, 2
TRIGRAM_BITS, TRIGRAM_LEAST = 4096, 64
HOUR = 3_600_000_000_000
CELLS = 65_536
CLASSES, TALLIES = 1024, 16_384
TAGS, TAG_LENGTH, TENANT_LENGTH = 16, 32, 128
CLASSIFICATIONS = ("PUBLIC", "INTERNAL", "CONFIDENTIAL", "RESTRICTED", "TOP_SECRET")
UNKNOWN_CLASS = bytes([7, 0, 0, 0])
FILTER_BLOCKS = 1024
FILTER_SALTS = (0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31)
PRIMES = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
M64 = 2**64 - 1


def place(names: tuple, value) -> int:
    """The number of a value in a list, from 1; 0 if it is not there."""
    return names.index(value) + 1 if isinstance(value, str) and value in names else 0


def retention_class(event: Members) -> bytes:
    """What rules of retention ask of an event: classification, compliance tags and tenant."""
    def sized(text: str) -> bytes:
        return bytes([len(text.encode())]) + text.encode()

    flags, tenant, classification = 0, event.get("tenant"), event.get("classification")
    tags = event.get("compliance")
    if tenant is not None and not (isinstance(tenant, str) and len(tenant.encode()) <= TENANT_LENGTH):
        flags, tenant = flags | 1, None
    if classification is not None and not place(CLASSIFICATIONS, classification):
        flags, classification = flags | 2, None
    if tags is not None:
        # An object is a list here, too.
        good = type(tags) is list and all(isinstance(tag, str) and len(tag.encode()) <= TAG_LENGTH for tag in tags)
        if not good or len(set(tags)) > TAGS:
            flags, tags = flags | 4, None
    sorted_tags = sorted({sized(tag)[1:] for tag in tags or []})
    return (bytes([flags]) + sized(classification or "") + bytes([len(sorted_tags)])
            + b"".join(bytes([len(tag)]) + tag for tag in sorted_tags) + sized(tenant or ""))


def xxh64(data: bytes, seed: int) -> int:
    """xxhash_spec.md: XXH64."""
    def rotated(value: int, count: int) -> int:
        return (value << count | value >> 64 - count) & M64

    def rounded(lane: int, word: int) -> int:
        return rotated(lane + word * PRIMES[1] & M64, 31) * PRIMES[0] & M64

    at, (p1, p2, p3, p4, p5) = 0, PRIMES
    if len(data) >= 32:
        lanes = [seed + p1 + p2 & M64, seed + p2 & M64, seed, seed - p1 & M64]
        while at + 32 <= len(data):
            lanes = [rounded(lane, word) for lane, word in zip(lanes, struct.unpack_from("<4Q", data, at))]
            at += 32
        value = sum(rotated(lane, count) for lane, count in zip(lanes, (1, 7, 12, 18))) & M64
        for lane in lanes:
            value = (value ^ rounded(0, lane)) * p1 + p4 & M64
    else:
        value = seed + p5
    value = value + len(data) & M64
    for at in range(at, len(data) - 7, 8):
        value = rotated(value ^ rounded(0, struct.unpack_from("<Q", data, at)[0]), 27) * p1 + p4 & M64
    at = len(data) & ~7
    if len(data) & 4:
        value = rotated(value ^ struct.unpack_from("<I", data, at)[0] * p1 & M64, 23) * p2 + p3 & M64
    for byte in data[len(data) & ~3:]:
        value = rotated(value ^ byte * p5 & M64, 11) * p1 & M64
    value = (value ^ value >> 33) * p2 & M64
    value = (value ^ value >> 29) * p3 & M64
    return value ^ value >> 32


def token_filter(tokens: list[int]) -> bytes:
    """The split block Bloom filter of a span's tokens: each block as one number of 256 bits, empty ones left out."""
    count, blocks = FILTER_BLOCKS, {}
    for token in tokens:
        index, key = (token >> 32) * count >> 32, token & 0xFFFFFFFF
        mask = sum(1 << 32 * word + ((key * salt & 0xFFFFFFFF) >> 27) for word, salt in enumerate(FILTER_SALTS))
        blocks[index] = blocks.get(index, 0) | mask
    while count > 1:
        half = {}
        for index, block in blocks.items():
            half[index // 2] = half.get(index // 2, 0) | block
        if sum(block.bit_count() for block in half.values()) * 2 > count // 2 * 256:
            break
        count, blocks = count // 2, half
    return b"".join(blocks.get(index, 0).to_bytes(32, "little") for index in range(count))


def searched_texts(event: Members) -> list[tuple[tuple[int, bytes | None] | None, bytes]]:
    """The strings that a text is searched for in; of each the field and the member, or None for one that stands deeper."""
    texts = []

    def nested(value) -> None:
        if isinstance(value, str):
            texts.append((None, value.encode()))
        elif isinstance(value, list):
            for inner in value:
                nested(inner[1] if isinstance(value, Members) else inner)

    for number, searched in enumerate(SEARCHED_FIELDS):
        value = event.get(searched)
        if isinstance(value, str):
            texts.append(((number, None), value.encode()))
        elif isinstance(value, Members):
            for name, inner in value:
                if isinstance(inner, str):
                    texts.append(((number, name.encode()), inner.encode()))
                else:
                    nested(inner)
        else:
            nested(value)
    return texts


def trigrams(text: bytes) -> set[int]:
    """The bits of those that begin at an even place, bit 5 of each byte set."""
    folded = bytes(byte | 0x20 for byte in text)
    return {int.from_bytes(folded[at:at + 3], "little") * 0x9E3779B1 % 2**32 >> 20 for at in range(0, len(text) - 2, 2)}


def trigram_filter(bits: set[int]) -> bytes:
    count = TRIGRAM_BITS
    while bits and count > TRIGRAM_LEAST:
        half = {bit // 2 for bit in bits}
        if len(half) * 2 > count // 2:
            break
        count, bits = count // 2, half
    return sum(1 << bit for bit in bits).to_bytes(count // 8, "little") if bits else b""


def packed(codes: list[int], width: int) -> bytes:
    return sum(code << width * at for at, code in enumerate(codes)).to_bytes((len(codes) * width + 7) // 8, "little")


def text_summary(events: list[Event]) -> bytes:
    """What an index says of the texts of a span."""
    columns, rows, bits = {}, [], set()
    for event in events:
        row = {}
        for key, text in event.texts:
            if key and len(key[1] or b"") <= COLUMN_NAME and (key in columns or len(columns) < COLUMNS):
                values = columns.setdefault(key, [])
                if values is not None and key not in row and len(text) <= COLUMN_VALUE:
                    if text in values or len(values) < COLUMN_VALUES:
                        values += [text] if text not in values else []
                        row[key] = values.index(text)
                        continue
                    for value in values:
                        bits |= trigrams(value)
                    columns[key] = None
            bits |= trigrams(text)
        rows.append(row)
    encoded = b""
    for key, values in columns.items():
        state = GIVEN_UP if values is None else MISSING if any(key not in row for row in rows) else 0
        encoded += bytes([key[0], 255 if key[1] is None else len(key[1])]) + (key[1] or b"")
        encoded += bytes([len(values or []), state]) + b"".join(bytes([len(value)]) + value for value in values or [])
        if values is not None:
            codes = len(values) + (state == MISSING)
            encoded += packed([row.get(key, len(values)) for row in rows], (codes - 1).bit_length())
    bloom = trigram_filter(bits)
    return struct.pack("<BBH", len(columns), 0, len(bloom)) + encoded + bloom


class Span:
    """A run of whole blocks."""

    def __init__(self, offset: int, first: int):
        self.offset, self.first, self.size, self.blocks, self.lines = offset, first, 0, 0, 0
        self.events: list[Event] = []

    def add(self, size: int, lines: int, events: list[Event]) -> None:
        self.size, self.blocks, self.lines = self.size + size, self.blocks + 1, self.lines + lines
        self.events += events

    def encoded(self, modules: list[str], filter_place: tuple[int, int], text_place: tuple[int, int]) -> bytes:
        def bits(values) -> int:
            return sum({1 << value for value in values})

        events, opaque = self.events, 0
        present = [event for event in events if not event.erased]
        for event in present:
            opaque |= event.opaque
        return struct.pack(
            "<QQQIIIIqqqqHHHHIIII", self.offset, self.size, self.first, len(events), self.blocks, self.lines,
            sum(event.has_id for event in present), *least_and_greatest([event.time for event in events]),
            events[0].received, events[-1].received, bits(event.status for event in present),
            bits(event.severity for event in present), opaque, 0, *filter_place, *text_place
        ) + bits(modules.index(event.module) for event in present).to_bytes(128, "little")


class Index:
    """Makes the index of a segment again, block by block."""

    def __init__(self, first: int):
        self.first, self.spans, self.modules, self.cells = first, [], {}, Counter()
        self.classes, self.tallies = {}, {}

    def add(self, offset: int, size: int, first: int, lines: int, events: list[Event]) -> None:
        span = self.spans[-1] if self.spans else None
        if not span or span.lines >= SPAN_LENGTH:
            span = Span(offset, first)
            self.spans.append(span)
        span.add(size, lines, events)
        for event in events:
            if event.erased:
                continue
            module = self.modules.setdefault(event.module, len(self.modules))
            self.cells[event.time // HOUR, module, event.status, event.severity] += 1
            self.tally(module, event)

    def tally(self, module: int, event: Event) -> None:
        retention = event.retention
        if retention not in self.classes and len(self.classes) >= CLASSES - 1:
            retention = UNKNOWN_CLASS
        pair = module, self.classes.setdefault(retention, len(self.classes))
        if pair not in self.tallies and len(self.tallies) - (None in self.tallies) >= TALLIES - 1:
            pair = None
        count, least, _ = self.tallies.get(pair, (0, event.received, 0))
        self.tallies[pair] = count + 1, least, event.received

    def encoded(self, leaves: list[bytes]) -> bytes:
        names, spans, filters, texts = list(self.modules), b"", b"", b""
        for span in self.spans:
            bits = token_filter([token for event in span.events for token in event.tokens])
            summary = text_summary(span.events)
            spans += span.encoded(names, (len(filters), len(bits)), (len(texts), len(summary)))
            filters, texts = filters + bits, texts + summary
        classes, tallies = dict(self.classes), sorted((pair, tally) for pair, tally in self.tallies.items() if pair)
        if None in self.tallies:
            pair = 0xFFFF, classes.setdefault(UNKNOWN_CLASS, len(classes))
            tallies.append((pair, self.tallies[None]))
        rows = b"".join(struct.pack("<HHIQqq", *pair, 0, *tally) for pair, tally in tallies)
        class_bytes = b"".join(classes)
        is_complete = len(self.cells) <= CELLS
        cells = [struct.pack("<qHBBIQ", *cell, 0, count) for cell, count in sorted(self.cells.items()) if is_complete]
        modules = b"".join(bytes([len(name)]) + name.encode() for name in names)
        data = struct.pack(
            "<8sHHIQQIIIIIIIIQ", b"cairnidx", 1, 0 if is_complete else 1, len(self.spans), self.first,
            sum(len(span.events) for span in self.spans), len(names), len(modules), len(cells), len(filters),
            len(classes), len(class_bytes), len(tallies), 0, len(texts)
        ) + modules + class_bytes + spans + b"".join(cells) + rows
        data += b"".join(Tree(leaves[at:at + SUBTREE]).root() for at in range(0, len(leaves), SUBTREE))
        data = data[:60] + struct.pack("<I", crc32c(data)) + data[64:] + filters
        return data + struct.pack("<I", crc32c(data)) + texts + struct.pack("<I", crc32c(texts))


# ---------------------------------------------------------------- one segment

def least_and_greatest(values) -> list[int]:
    return [min(values), max(values)]


# ---------------------------------------------------------------- encryption at rest (C2SP age, X25519 recipients)

AGE_CHUNK, AGE_TAG, AGE_HEADER_LIMIT = 64 << 10, 16, 64 << 10
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def age_identities(text: str) -> list[bytes]:
    """The private keys of a file as age-keygen writes it."""
    keys = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        words = [BECH32.index(character) for character in line.lower().split("1", 1)[1][:-6]]
        bits = "".join(f"{word:05b}" for word in words)
        keys.append(bytes(int(bits[at:at + 8], 2) for at in range(0, 256, 8)))
    return keys


class AgeFile:
    """An age file of version 1. Raises Damage where it is not whole, as far as that shows without a key."""

    def __init__(self, data: bytes):
        match = re.match(rb"age-encryption\.org/v1\n((?:-> .+\n(?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{0,63}\n)+)"
                         rb"--- ([A-Za-z0-9+/]{43})\n", data[:AGE_HEADER_LIMIT])
        if not match:
            raise Damage("no header of an age file")
        self.stanzas = re.findall(rb"-> ([^\n]+)\n((?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{0,63})\n", match[1])
        self.signed, self.mac = data[:match.end() - 45], base64.b64decode(match[2] + b"=")
        rest = data[match.end():]
        self.nonce, sealed = rest[:16], rest[16:]
        self.chunks = [sealed[at:at + AGE_CHUNK + AGE_TAG] for at in range(0, len(sealed), AGE_CHUNK + AGE_TAG)]
        if not self.chunks or len(self.chunks[-1]) < AGE_TAG + (len(self.chunks) > 1):
            raise Damage("the age file is cut off")

    def decrypt(self, identities: list[bytes]) -> bytes | None:
        """None if it is for others."""
        for words, body in self.stanzas:
            kind, *arguments = words.split(b" ")
            if kind == b"X25519":
                for identity in identities:
                    key = self.file_key(identity, base64.b64decode(arguments[0] + b"="), base64.b64decode(body + b"="))
                    if key:
                        return self.plaintext(key)
        return None

    @staticmethod
    def derive(key: bytes, salt: bytes, info: bytes) -> bytes:
        return HKDF(SHA256(), 32, salt, info).derive(key)

    @staticmethod
    def file_key(identity: bytes, share: bytes, wrapped: bytes) -> bytes | None:
        private = X25519PrivateKey.from_private_bytes(identity)
        try:
            secret = private.exchange(X25519PublicKey.from_public_bytes(share))
            own = private.public_key().public_bytes_raw()
            key = AgeFile.derive(secret, share + own, b"age-encryption.org/v1/X25519")
            return ChaCha20Poly1305(key).decrypt(bytes(12), wrapped, None)
        except (InvalidTag, ValueError):
            return None

    def plaintext(self, key: bytes) -> bytes:
        if hmac.digest(self.derive(key, b"", b"header"), self.signed, "sha256") != self.mac:
            raise Damage("the header of the age file was changed")
        cipher, last = ChaCha20Poly1305(self.derive(key, self.nonce, b"payload")), len(self.chunks) - 1
        try:
            return b"".join(cipher.decrypt(number.to_bytes(11, "big") + bytes([number == last]), chunk, None)
                            for number, chunk in enumerate(self.chunks))
        except InvalidTag:
            raise Damage("a chunk of the age file does not match its tag") from None


class Segment:
    """What the good members at the start of a data file hold. `read` raises at the first member that is not good."""

    def __init__(self, first: int):
        self.first, self.offset = first, 0
        self.header: Header | None = None
        self.footer: bytes | None = None
        self.tree, self.leaves, self.modules, self.index = Tree(), [], Counter(), Index(first)
        self.received, self.times = [], []  # least and greatest, once there is an event
        self.present = []  # the same of receive times, erased events left out
        self.before = 0  # receive time of erased events before which none is left
        self.salts: Salts | None = None
        self.traces: list[Trace] = []
        self.erased: list[tuple[int, Erased]] = []

    @property
    def count(self) -> int:
        return len(self.leaves)

    @property
    def next(self) -> int:
        return self.first + self.count

    def read(self, data: bytes, limit: int | None, check_header, seal: re.Match | None = None) -> None:
        """Reads to the end of the file, but no further than the footer or, where a seal of reason `corruption` covers
        `limit` events, these."""
        while self.offset < len(data) and not self.footer and (limit is None or self.count < limit):
            kind, content, end = read_member_head(data, self.offset)
            if kind not in (HEADER, SALTS, BLOCK, FOOTER):
                raise Problem("UNVERIFIABLE", f"a member has the unknown subfield type {kind!r}")
            if (kind == HEADER) != (self.header is None):
                raise Problem("TAMPERED", "a segment has one header, at its start")
            if kind == BLOCK:
                if not self.count:
                    self.salts.check_end()
                end = self.read_block(data, end, parse_block(content))
            elif kind == HEADER:
                header = parse_header(content)
                end = self.read_empty_payload(data, end)
                check_header(header)
                self.header = header
                self.salts = Salts(header, self.first + int(seal["count"]) if seal else None)
                least = parse_time(seal["received"].split()[0]) if seal else header.created
                self.before = min(header.created, least)
            elif kind == SALTS:
                if self.count:
                    raise Problem("TAMPERED", "a salt member stands behind a block")
                end = self.read_empty_payload(data, end)
                self.salts.add(content)
            else:
                if len(content) != 72:
                    raise Problem("TAMPERED", "the content of the footer has a wrong length")
                end, self.footer = self.read_empty_payload(data, end), content
            self.offset = end

    @staticmethod
    def read_empty_payload(data: bytes, at: int) -> int:
        if data[at:at + 10] != EMPTY_PAYLOAD:
            raise Damage("a payload that must be empty is not")
        return at + 10

    def read_line(self, line: bytes, seq: int, received: int) -> tuple[Event, bytes]:
        """An event and its leaf. `received` is the receive time of the one before."""
        salt = self.salts.of(seq)
        if salt != bytes(16) or not self.header.is_punctured:
            return read_event(line, seq), leaf_hash(salt + line)
        if not (found := read_erased(line, seq)):
            raise Problem("TAMPERED", f"the salt of event {seq} was destroyed, and the event not erased")
        erased, leaf = found
        return Event(received, received, "", 0, 0, False, 0, [], erased=erased), leaf

    def read_block(self, data: bytes, at: int, block: Block) -> int:
        if block.first != self.next or block.durable < self.first:
            raise Problem("TAMPERED", "the block's first sequence number or durable number breaks a rule")
        lines, end = read_lines(data, at, block)
        rows = lines.split(b"\n")
        if rows.pop() or block.count != len(rows):
            raise Problem("TAMPERED", "the block does not hold the lines that it names")
        events, leaves, last = [], [], self.received[1] if self.received else self.before
        for seq, row in enumerate(rows, block.first):
            event, leaf = self.read_line(row, seq, last)
            events.append(event)
            leaves.append(leaf)
            last = event.received
        received = [event.received for event in events]
        all_received = [*self.received, *received]
        if all_received != sorted(all_received):
            raise Problem("TAMPERED", "the receive time falls within the block, or from the last one to it")
        for leaf in leaves:
            self.tree.append(leaf)
        if self.tree.root() != block.root:
            raise Problem("TAMPERED", "the events of the block do not give its root")
        times = least_and_greatest([event.time for event in events])
        if block.ranges != (*times, received[0]):
            raise Problem("TAMPERED", "the time ranges of the block are not those of its events")
        self.leaves += leaves
        self.modules.update(event.module for event in events if not event.erased)
        self.traces += [event.trace for event in events if event.trace]
        self.erased += [(seq, event.erased) for seq, event in enumerate(events, block.first) if event.erased]
        self.received = [all_received[0], all_received[-1]]
        self.times = least_and_greatest([*self.times, *times])
        if present := [*self.present, *(event.received for event in events if not event.erased)]:
            self.present = [present[0], present[-1]]
        self.index.add(self.offset, end - self.offset, block.first, len(lines), events)
        return end

    @property
    def footer_is_right(self) -> bool:
        return self.footer[:40] == struct.pack("<Q", self.count) + self.tree.root()

    def root_of(self, count: int) -> bytes:
        return Tree(self.leaves[:count]).root()

    def holds(self, note: re.Match) -> bool:
        """Whether the first events are those that a seal or a head was signed over."""
        count = int(note["count"])
        return count <= self.count and base64_text(self.root_of(count)) == note["root"]

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
    """What the seals so far say of the next segment. Behind a lost seal they say nothing but its number."""
    number: int
    first: int | None = None
    previous: bytes | None = None
    key: Key | None = None
    after_corruption: bool = False


@dataclass
class Place:
    """A segment that was met: what its head is compared with, once all of them are known."""
    link: Link
    segment: Segment
    is_whole: bool
    is_corrupted: bool
    is_sound: bool  # nothing was found of its data or seal, so what it says of other segments may be believed


@dataclass(frozen=True)
class Missing:
    """A segment whose seal is good and whose data is not there."""
    number: int
    first: int
    last: int


def neighbours(rows: list, follows) -> list[list]:
    """Runs of rows, each of which follows the one before."""
    runs = []
    for row in rows:
        if runs and follows(runs[-1][-1], row):
            runs[-1].append(row)
        else:
            runs.append([row])
    return runs


def read(path: Path, reader=Path.read_bytes):
    """What `reader` gives for the path; None if there is no such file."""
    try:
        return reader(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Problem("UNVERIFIABLE", f"{path.name} cannot be read: {error.strerror}") from None


def contradicts_itself(seal: re.Match, next_key: Key) -> bool:
    count, end = int(seal["count"]), int(seal["first"]) + int(seal["count"])
    modules = [(name.encode(), int(events)) for name, events in re.findall("module (.*) (.*)\n", seal["modules"])]
    return next_key.name != seal["origin"] or end >= SEQUENCES or (count == 0) != (not modules) \
        or count == 0 and seal["reason"] != "corruption" or sum(events for _, events in modules) != count \
        or any(events == 0 for _, events in modules) or any(a >= b for a, b in zip(modules, modules[1:])) \
        or any(a > b for a, b in (seal["received"].split(), seal["time"].split()))


class LogVerifier:
    def __init__(self, directory: Path, identities: list[bytes] | None = None):
        self.directory, self.identities = directory, identities or []
        self.findings, self.notes = [], []
        self.seals: dict[int, bytes] = {}  # leaves of the outer log by segment number
        self.links: list[Link] = []  # one for each segment that was met
        self.newest: list[Place] = []  # the last two of them
        self.events, self.segments, self.ranges, self.last_received = 0, 0, [], -(2**63)
        self.erased: list[tuple[int, int, Erased]] = []  # segment number, sequence number, what stands there
        self.missing: list[Missing] = []
        self.hidden: list[Missing] = []  # encrypted for others
        self.traces: dict[int, Trace] = {}  # those that are signed, by sequence number
        self.head_text: re.Match | None = None
        self.head_is_signed = False

    def find(self, verdict: str, message: str, seq: int | None = None, segment: int | None = None) -> None:
        self.findings.append({"verdict": verdict, "segment": segment, "seq": seq, "message": message})

    @contextmanager
    def recording(self, seq: int | None = None, segment: int | None = None):
        """Makes a finding of a problem in the `with` block, which ends there."""
        try:
            yield
        except Problem as problem:
            self.find(problem.verdict, str(problem), seq if problem.seq is None else problem.seq, segment)

    def note(self, note: str, message: str, segment: int | None = None) -> None:
        self.notes.append({"note": note, "segment": segment, "message": message})

    def report(self) -> dict:
        bad = [finding["seq"] for finding in self.findings if finding["seq"] is not None]
        return {
            "verdict": max((finding["verdict"] for finding in self.findings), key=VERDICTS.index, default="VERIFIED"),
            "events": self.events, "segments": self.segments,
            "first_seq": self.ranges[0][0] if self.ranges else None,
            "last_seq": self.ranges[-1][1] if self.ranges else None,
            "first_bad_seq": min(bad, default=None), "findings": self.findings, "notes": self.notes}

    def verify(self, genesis: str | None, older_checkpoint: bytes | None) -> dict:
        with self.recording():
            self.take_snapshot()
            link = self.open_origin(genesis)
            if genesis is None:
                self.note("KEY-FROM-LOG", "no key was given: that the log agrees with itself does not show whose it is")
            for first in self.firsts:
                link = self.verify_segment(first, link)
            end = link.first
            if end is None:
                end = self.newest[-1].segment.next
            with self.recording():
                self.verify_head(link, end)
            self.account_for_missing()
            self.account_for_erased()
            for name in self.torn:
                number = next((one.number for one in self.links if one.first == int(name[:20])), None)
                self.note("RECOVERED", f"an unfinished write was cut off; {name} is the file from before", number)
            with self.recording():
                self.verify_checkpoint("checkpoint", self.checkpoint, link, end, len(self.seals) - 1)
            if older_checkpoint is not None:
                self.verify_checkpoint("the given checkpoint", older_checkpoint, link, end, 0)
        return self.report()

    def take_snapshot(self) -> None:
        """Reads what a live writer replaces until two passes agree, so that head, checkpoint and names fit together.

        What is read later only grows: a segment that is sealed meanwhile is judged as the active one that it was."""
        before, now = None, ()
        while before != now:
            before = now
            head, checkpoint = read(self.directory / "head"), read(self.directory / "checkpoint")
            names = read(self.directory / "segments", os.listdir) or []
            now = (head, checkpoint, {name for name in names if re.fullmatch(r"[0-9]{20}\.(ndjson\.gz(\.age)?|seal)", name)})
        self.head, self.checkpoint, self.names = now
        self.torn = sorted(name for name in names if re.match(r"[0-9]{20}\.ndjson\.gz\.torn-", name))
        self.firsts = sorted({int(name[:20]) for name in self.names})
        try:
            self.head_text = read_text(parse_note(self.head or b"")[0], HEAD_NOTE)
        except ValueError:
            pass

    def open_origin(self, genesis: str | None) -> Link:
        data = read(self.directory / "origin")
        if data is None:
            raise Problem("UNVERIFIABLE", "the file origin is missing")
        try:
            named = re.search(r"^genesis (.*)$", parse_note(data)[0], re.MULTILINE)
            key = Key.parse(named[1]) if named else None
        except UnknownKey as error:
            raise Problem("UNVERIFIABLE", f"origin: {error}") from None
        except ValueError as error:
            raise Problem("TAMPERED", f"origin: {error}") from None
        if not key:
            raise Problem("UNVERIFIABLE", "origin: it names no genesis key")
        if genesis is not None and key.vkey != genesis:
            raise Problem("UNVERIFIABLE", "log was not started with this key")
        match = open_note("origin", data, key, ORIGIN_NOTE)
        try:
            self.origin, self.log_key = match["origin"], Key.parse(match["log"])
        except ValueError as error:
            raise Problem("UNVERIFIABLE", f"origin: {error}") from None
        if not key.name == self.log_key.name == self.origin or len(self.origin.encode()) > 128:
            raise Problem("TAMPERED", "origin: the keys must have the name of the log")
        return Link(0, 0, bytes(32), key)

    def verify_segment(self, first: int, link: Link) -> Link:
        """Verifies the files of one segment and returns what it says of the next."""
        stem = self.directory / "segments" / f"{first:020}"
        data, encrypted, seal_data = ((read(stem.with_suffix(suffix)) if stem.name + suffix in self.names else None)
                                      for suffix in (".ndjson.gz", ".ndjson.gz.age", ".seal"))
        # Where a part is there under both names, the plain one counts.
        is_hidden, broken = False, None
        if data is None and encrypted is not None:
            try:
                data = AgeFile(encrypted).decrypt(self.identities)
                is_hidden = data is None
            except Damage as damage:
                broken = damage
        if link.first is not None and first < link.first:
            self.find("TAMPERED", f"a segment begins at {first}, inside the one before it", first)
            return link
        link = self.follow(first, link, data)
        self.links.append(link)
        number, is_newest, start = link.number, first == self.firsts[-1], len(self.findings)
        seal, after = None, Link(number + 1)
        if seal_data is not None:
            self.seals[number] = leaf_hash(seal_data)
            if link.key:  # else neither the chain nor the header names one: that is a finding already
                with self.recording(first, number):
                    seal = self.verify_seal(seal_data, link, after)
            if is_newest and seal:
                self.note("NO-ACTIVE-SEGMENT", "the newest segment is sealed, and there is no next one", number)
        elif not is_newest:
            self.find("UNSEALED", "the segment has no seal although later ones exist", first, number)
        if self.head_text and int(self.head_text["segment"]) == number:
            with self.recording(None, number):
                self.verify_head_signature(link)
        has_good_chain = len(self.findings) == start
        segment, before = Segment(first), len(self.findings)
        is_active = is_newest and seal_data is None
        is_corrupted = seal is not None and seal["reason"] == "corruption"
        if is_corrupted:
            end = first + int(seal["count"])
            self.find("TAMPERED", f"damage ended the segment: events from {end} on were lost", end, number)
        # Sealed over no events, because nothing in the file was readable: the seal says nothing about the file.
        if not is_corrupted or seal["count"] != "0":
            before = len(self.findings)
            if broken:
                self.find("TAMPERED", str(broken), first, number)
            elif is_hidden:
                self.leave_hidden(stem, link, seal)
            else:
                self.verify_data(data, segment, link, seal, is_active)
            if len(self.findings) == before and seal and segment.footer and not is_corrupted:
                self.verify_index([self.read_index(stem, end) for end in (".index", ".index.next")], segment, number)
        is_whole = data is not None and all(one["verdict"] == "INDEX-DAMAGED" for one in self.findings[before:])
        if is_whole and seal:
            self.traces |= {trace.seq: trace for trace in segment.traces}
        self.segments += data is not None
        self.erased += [(number, seq, erased) for seq, erased in segment.erased]
        self.newest = [*self.newest[-1:], Place(link, segment, is_whole, is_corrupted, is_whole and has_good_chain)]
        self.end_segment(segment, number)
        if not seal and is_whole and not is_newest:
            # No seal says where this segment ends, so its data does.
            following = self.firsts[self.firsts.index(first) + 1]
            if following != segment.next:
                message = f"the segment ends before {segment.next}, and the next begins with {following}"
                self.find("TAMPERED", message, min(following, segment.next), number)
        return after

    def leave_hidden(self, stem: Path, link: Link, seal: re.Match | None) -> None:
        """The data is encrypted for others: all that can be said is that it is there."""
        if not seal:
            self.find("UNVERIFIABLE", "the data is encrypted, and no good seal vouches for it", link.first, link.number)
            return
        self.hidden.append(Missing(link.number, link.first, link.first + int(seal["count"]) - 1))
        names = [stem.with_suffix(end) for end in (".index", ".index.age")]
        if seal["reason"] != "corruption" and not any(name.exists() for name in names):
            self.find("INDEX-DAMAGED", "the index is missing", None, link.number)

    def read_index(self, stem: Path, end: str) -> bytes | None:
        data = read(stem.with_suffix(end))
        if data is not None:
            return data
        data = read(stem.with_suffix(end + ".age"))
        try:
            return data if data is None else AgeFile(data).decrypt(self.identities)
        except Damage:
            return b""

    def end_segment(self, segment: Segment, number: int) -> None:
        self.events += segment.count
        if not segment.count:
            return
        self.ranges.append((segment.first, segment.next - 1))
        if not segment.present:
            return
        if segment.present[0] < self.last_received:
            self.find("TAMPERED", "the receive time falls from one segment to the next", segment.first, number)
        self.last_received = max(self.last_received, segment.present[1])

    def follow(self, first: int, link: Link, data: bytes | None) -> Link:
        """The link to a segment that is there: events may be lost before it, or the seal that leads to it."""
        try:
            header = parse_header(read_member_head(data or b"", 0)[1])
        except (Damage, Problem):
            header = None
        if link.first not in (None, first):
            if link.after_corruption:
                return Link(link.number, first, link.previous, link.key)
            self.find("TAMPERED", f"events {link.first} to {first - 1} are missing", link.first, link.number)
            link = Link(max(header.number, link.number) if header else link.number + 1)
        if link.key:
            return Link(link.number, first, link.previous, link.key)
        # The header's own word, unproven: good for going on, with a finding that already stands.
        return Link(link.number, first, header.previous if header else None, header.key if header else None)

    def verify_seal(self, data: bytes, link: Link, after: Link) -> re.Match | None:
        """What a seal says of its place and, in `after`, of the next segment. What it says of its events is compared
        with them: see `sealed_values`. None if it is not one to compare them with."""
        seal = open_note("seal", data, link.key, SEAL_NOTE)
        try:
            key = Key.parse(seal["next"])
        except ValueError as error:
            raise Problem("UNVERIFIABLE", f"the seal's next key: {error}") from None
        end = int(seal["first"]) + int(seal["count"])
        if contradicts_itself(seal, key):
            raise Problem("TAMPERED", "the seal is well signed but contradicts itself")
        after.previous, after.key = sha256(data), key
        expected = {"origin": self.origin, "segment": str(link.number), "first": str(link.first)}
        if link.previous is not None:
            expected["previous"] = base64_text(link.previous)
        if wrong := [name for name, value in expected.items() if seal[name] != value]:
            raise Problem("TAMPERED", f"the seal is well signed but wrong in: {', '.join(wrong)}")
        after.first, after.after_corruption = end, seal["reason"] == "corruption"
        return seal

    def verify_data(self, data: bytes | None, segment: Segment, link: Link, seal: re.Match | None, active: bool) -> None:
        if data is None:
            if seal:
                self.missing.append(Missing(link.number, link.first, link.first + int(seal["count"]) - 1))
            else:
                self.find("TAMPERED", "the data file is missing", link.first, link.number)
            return
        if not data and active:
            return
        limit = int(seal["count"]) if seal and seal["reason"] == "corruption" else None
        try:
            segment.read(data, limit, lambda header: self.check_header(header, link, seal), seal)
            if not segment.header:
                raise Damage("the file is empty")
            if seal:
                self.compare_with_seal(segment, seal, len(data) - segment.offset)
            elif segment.footer:
                if not segment.footer_is_right:
                    raise Problem("TAMPERED", "the footer is not that of the events before it")
                if segment.offset < len(data):
                    raise Damage("bytes follow the footer")
        except Damage as damage:
            self.judge_damage(data, damage, segment, link, seal, active)
        except Problem as problem:
            self.find(problem.verdict, str(problem), self.first_loss(segment, seal), link.number)

    @staticmethod
    def first_loss(segment: Segment, seal: re.Match | None) -> int | None:
        """The first event that is not as it was sealed or, without a seal, that could not be read. Where all that were
        sealed are there, no event is bad."""
        if not seal or segment.count < int(seal["count"]):
            return segment.next
        return None if segment.holds(seal) else segment.first

    def check_header(self, header: Header, link: Link, seal: re.Match | None) -> None:
        found = [header.number, header.first, header.origin]
        due = [link.number, link.first, self.origin]
        if link.previous is not None:
            found, due = [*found, header.previous], [*due, link.previous]
        if link.key:
            found, due = [*found, header.key], [*due, link.key]
        if found != due or seal and seal["opened"] != time_text(header.created):
            raise Problem("TAMPERED", "the header is not that of the segment due here")
        if header.is_punctured and not seal:
            raise Problem("TAMPERED", "only events of a sealed segment can be erased")

    def judge_damage(self, data: bytes, damage: Damage, segment: Segment, link: Link, seal, active: bool) -> None:
        """In the active segment, a tail that a crash or a write under way may have left is a note; else damage."""
        promised = 0
        if self.head_is_signed and int(self.head_text["segment"]) == link.number:
            promised = int(self.head_text["first"]) + int(self.head_text["count"])
        if active and promised <= segment.next and not durable_behind(data, segment.offset, segment.next):
            rest = len(data) - segment.offset
            self.note("UNCOMMITTED", f"the last {rest} bytes are not committed: {damage}", link.number)
            return
        message = f"damage at byte {segment.offset}: {damage}"
        self.find("TAMPERED", message, self.first_loss(segment, seal), link.number)

    def compare_with_seal(self, segment: Segment, seal: re.Match, rest: int) -> None:
        found = segment.sealed_values(seal["opened"])
        wrong = [name for name, value in found.items() if seal[name] != value]
        if segment.erased:
            # What was erased is in the seal's ranges and counts, and not in these.
            sealed = {name: int(count) for name, count in re.findall("module (.*) (.*)\n", seal["modules"])}
            wrong = [name for name in wrong if name not in ("received", "time", "modules")]
            wrong += [f"module {name}" for name, count in segment.modules.items() if count > sealed.get(name, 0)]
        if wrong:
            seq = self.first_loss(segment, seal)
            if seq is None:  # the events that were sealed, and more or other things said of them
                seq = segment.first + int(seal["count"]) if segment.count > int(seal["count"]) else segment.first
            self.find("TAMPERED", f"the events are not those that were sealed: other {', '.join(wrong)}", seq,
                      int(seal["segment"]))
        elif seal["reason"] == "corruption":
            return
        elif not segment.footer or not segment.footer_is_right or rest:
            raise Problem("TAMPERED", "the events are those that were sealed, but the footer is missing or another")

    def verify_index(self, indexes: list[bytes | None], segment: Segment, number: int) -> None:
        """The index or, when a segment was written anew and its index has not its name yet, the one to be."""
        made = segment.index.encoded(segment.leaves)
        if made not in indexes:
            self.find("INDEX-DAMAGED", "the index is missing or not that of the segment", None, number)
        elif sha256(made) != segment.footer[40:]:
            self.find("INDEX-DAMAGED", "the footer names another index than that of the segment", None, number)

    def verify_head_signature(self, link: Link) -> None:
        """Before the data of its segment: only a head that its key signed can promise events."""
        if not link.key:
            return
        head = open_note("head", self.head, link.key, HEAD_NOTE)
        if (head["origin"], head["first"]) != (self.origin, str(link.first)):
            raise Problem("TAMPERED", "the head is not that of this segment", link.first)
        self.head_is_signed = True

    def verify_head(self, link: Link, end: int) -> None:
        """The head names the newest segment or the one before. `link` is to the segment after the newest."""
        if self.head is None:
            raise Problem("TRUNCATED-OR-STALE", "the file head is missing")
        if not self.head_text:
            known = [one.key for one in [*self.links[-2:], link] if one.key]
            is_known = any(is_signed(self.head, key) for key in known)
            verdict = "UNVERIFIABLE" if is_known else "TAMPERED"
            raise Problem(verdict, "head: not of a known form, and " + ("well signed" if is_known else "not well signed"))
        number = int(self.head_text["segment"])
        place = next((place for place in self.newest if place.link.number == number), None)
        if not place:
            message = f"the head names segment {number}, and the newest is {link.number - 1}"
            raise Problem("TRUNCATED-OR-STALE", message, end if number >= link.number else None)
        if not self.head_is_signed or not place.is_whole or place.is_corrupted:
            return
        segment, count = place.segment, int(self.head_text["count"])
        if count > segment.count:
            missing = count - segment.count
            raise Problem("TRUNCATED-OR-STALE", f"{missing} events that the head names are missing", segment.next)
        if not segment.holds(self.head_text):
            raise Problem("TAMPERED", "the events are not those that the head was signed over", segment.first)
        if place.is_sound:
            self.traces |= {trace.seq: trace for trace in segment.traces if trace.seq < segment.first + count}

    def may_be_gone(self, first: int, last: int) -> bool:
        """Whether a signed trace says that these events were pruned."""
        return any(trace.action == "log.pruned" and trace.covers(first, last) for trace in self.traces.values())

    def account_for_missing(self) -> None:
        """Data that is missing must have been pruned."""
        pruned = []
        for one in self.missing:
            if self.may_be_gone(one.first, one.last):
                pruned.append(one)
            else:
                verdict = "UNVERIFIABLE" if any(hidden.first > one.first for hidden in self.hidden) else "TAMPERED"
                self.find(verdict, "the data file is missing, and no event says that it was pruned", one.first,
                          one.number)
        for run in neighbours(pruned, lambda before, after: before.number + 1 == after.number):
            self.note("PRUNED", f"events {run[0].first} to {run[-1].last} were removed by a policy", run[0].number)
        for run in neighbours(self.hidden, lambda before, after: before.number + 1 == after.number):
            self.note("ENCRYPTED", f"events {run[0].first} to {run[-1].last} are encrypted for others", run[0].number)

    def account_for_erased(self) -> None:
        """Erased events must be named by the trace that their lines name, unless they may be gone altogether."""
        for run in neighbours(self.erased, lambda before, after: after == (before[0], before[1] + 1, before[2])):
            (number, first, erased), last = run[0], run[-1][1]
            if self.may_be_gone(first, last):
                continue
            trace = self.traces.get(erased.event)
            if trace and trace.action == "log.redacted" and trace.covers(first, last) \
                    and (trace.by, trace.reason) == (erased.by, erased.reason):
                self.note("REDACTED", f"events {first} to {last} were erased: {erased}", number)
            else:
                is_hidden = any(one.first <= erased.event <= one.last for one in self.hidden)
                self.find("UNVERIFIABLE" if is_hidden else "TAMPERED",
                          f"events {first} to {last} were erased, and no event {erased.event} says so", first, number)

    def verify_checkpoint(self, what: str, data: bytes | None, link: Link, end: int, least_size: int) -> None:
        if data is None:
            raise Problem("TRUNCATED-OR-STALE", f"the file {what} is missing")
        checkpoint = open_note(what, data, self.log_key, CHECKPOINT_NOTE)
        size = int(checkpoint["size"])
        if checkpoint["origin"] != self.origin:
            raise Problem("TAMPERED", f"{what}: it is of another log")
        if size > link.number or set(range(size)) - set(self.seals):
            lost = end if size > link.number else None
            raise Problem("TRUNCATED-OR-STALE", f"{what}: not all of the {size} seals that it covers are here", lost)
        if base64_text(Tree(self.seals[number] for number in range(size)).root()) != checkpoint["root"]:
            raise Problem("TAMPERED", f"{what}: the first {size} seals do not give its root")
        if size < least_size:
            raise Problem("TRUNCATED-OR-STALE", f"{what}: it covers {size} of {len(self.seals)} seals")


# ---------------------------------------------------------------- proofs of events (C2SP tlog-proof, Format.md)

PROOF_LIMIT, NOTE_LIMIT, LINE_LIMIT, PATH_LIMIT = 4 << 20, 1 << 18, (1 << 21) - 1, 63
TLOG_PROOF = re.compile(
    rb"c2sp\.org/tlog-proof@v1\nextra ([A-Za-z0-9+/=]+)\nindex ([0-9]{1,20})\n((?:[A-Za-z0-9+/=]+\n)*)\n(.+)", re.DOTALL)
EVENT_PROOF = re.compile(
    rb"cairn/event-proof/v1\nevent ([0-9]{1,19})\nsalt ([A-Za-z0-9+/=]+)\npath ([0-9]{1,2})\n((?:[A-Za-z0-9+/=]{44}\n)*)")


class NoProof(Exception):
    """A file that has not the form of a proof of an event."""


class Refused(Exception):
    """A proof that does not hold, by the step that failed."""

    def __init__(self, step: str, message: str):
        super().__init__(message)
        self.step = step


@dataclass
class EventProof:
    seq: int
    salt: bytes
    segment_path: list[bytes]
    line: bytes
    origin: bytes
    seal: bytes
    index: int
    path: list[bytes]
    checkpoint: bytes


def decimal(text: bytes, limit: int) -> int:
    number = int(text)
    if str(number).encode() != text or number > limit:
        raise NoProof(f"not a number in its one form, or too large: {text!r}")
    return number


def hashes(lines: bytes) -> list[bytes]:
    found = [base64_bytes(line.decode()) for line in lines.splitlines()]
    if any(len(one) != 32 for one in found) or len(found) > PATH_LIMIT:
        raise NoProof("hashes are 32 bytes, and at most 63")
    return found


def announced(data: bytes, at: int, name: bytes, limit: int) -> tuple[bytes, int]:
    """The bytes behind a line `name COUNT`, and where they end."""
    match = re.compile(name + rb" ([0-9]{1,8})\n").match(data, at)
    if not match:
        raise NoProof(f"there is no {name.decode()} where it belongs")
    end = match.end() + decimal(match[1], limit)
    if end > len(data):
        raise NoProof(f"{name.decode()} ends early")
    return data[match.end():end], end


def parse_proof(file: bytes) -> EventProof:
    try:
        outer = TLOG_PROOF.fullmatch(file)
        if not outer or len(file) > PROOF_LIMIT or len(outer[4]) > NOTE_LIMIT:
            raise NoProof("not a tlog-proof")
        extra = base64_bytes(outer[1].decode())
        inner = EVENT_PROOF.match(extra)
        if not inner:
            raise NoProof("the proof carries no event")
        salt, segment_path = base64_bytes(inner[2].decode()), hashes(inner[4])
        if len(salt) != 16 or len(segment_path) != decimal(inner[3], PATH_LIMIT):
            raise NoProof("the salt or the path is not of its length")
        line, at = announced(extra, inner.end(), b"line", LINE_LIMIT)
        if extra[at:at + 1] != b"\n":
            raise NoProof("the line does not end")
        origin, at = announced(extra, at + 1, b"origin", NOTE_LIMIT)
        seal, at = announced(extra, at, b"seal", NOTE_LIMIT)
        if at != len(extra):
            raise NoProof("something follows the seal")
        return EventProof(decimal(inner[1], SEQUENCES - 1), salt, segment_path, line, origin, seal,
                          decimal(outer[2], 2**64 - 1), hashes(outer[3]), outer[4])
    except ValueError as error:
        raise NoProof(str(error)) from None


def read_note(step: str, data: bytes, form: re.Pattern, key: Key | None = None) -> re.Match:
    """The values of a note that the key has signed or, without one, whose place vouches for it."""
    try:
        text = verified_text(data, key) if key else parse_note(data)[0]
    except ValueError as error:
        raise Refused(step, f"{step}: {error}") from None
    match = read_text(text, form)
    if not match or len(match["origin"].encode()) > 128:
        raise Refused("unsupported", f"{step}: not of a form that this verifier knows")
    return match


def proof_keys(proof: EventProof, trusted: Key) -> tuple[str, Key]:
    """Name and log key of the log of a proof: the first step."""
    try:
        is_signed_by_trusted = is_signed(proof.origin, trusted)
        match = read_text(parse_note(proof.origin)[0], ORIGIN_NOTE)
        if not match:
            raise ValueError("not of a form that this verifier knows")
        genesis, log = Key.parse(match["genesis"]), Key.parse(match["log"])
    except ValueError as error:
        raise Refused("unsupported" if is_signed_by_trusted else "origin", f"origin: {error}") from None
    if not genesis.name == log.name == match["origin"] or len(match["origin"].encode()) > 128 \
            or not is_signed(proof.origin, genesis):
        raise Refused("origin", "origin: not signed by the genesis key that it names, or keys of another name")
    if trusted not in (genesis, log):
        raise Refused("key", "the given key is neither the genesis key nor the log key of the proof's log")
    return match["origin"], log


def witness_key(vkey: str) -> Key:
    """A vkey of type 0x04, as the key that signs with it."""
    name, _, rest = vkey.partition("+")
    data = base64_bytes(rest.partition("+")[2])
    key_id = sha256(name.encode() + b"\n" + data)[:4].hex()
    if not re.fullmatch(r"[^\s+]+", name) or len(data) != 33 or data[0] != 4 or rest.partition("+")[0] != key_id:
        raise ValueError("not the vkey of a witness")
    return Key(name, data[1:])


def cosigned(note: bytes, witness: Key) -> int | None:
    """When a witness cosigned a checkpoint last, in seconds; None if it did not. Raises for a wrong cosignature."""
    text, signatures = parse_note(note)
    key_id = sha256(witness.name.encode() + b"\n\x04" + witness.public)[:4]
    times = []
    for name, blob in signatures:
        if (name, blob[:4]) != (witness.name, key_id):
            continue
        seconds, signature = int.from_bytes(blob[4:12]), blob[12:]
        try:
            message = f"cosignature/v1\ntime {seconds}\n{text}".encode()
            Ed25519PublicKey.from_public_bytes(witness.public).verify(signature, message)
        except InvalidSignature:
            raise Refused("witness", f"wrong cosignature by {witness.name}") from None
        if seconds * 10**9 >= 2**63:
            raise Refused("witness", "a cosignature of a time that is none")
        times.append(seconds)
    return max(times, default=None)


def check_proof(file: bytes, trusted: Key, witnesses: list[Key] = (), quorum: int | None = None) -> EventProof:
    """Raises `NoProof` or, at the first step that fails, `Refused`."""
    proof = parse_proof(file)
    origin, log_key = proof_keys(proof, trusted)
    checkpoint = read_note("checkpoint", proof.checkpoint, CHECKPOINT_NOTE, log_key)
    if checkpoint["origin"] != origin:
        raise Refused("checkpoint", "the checkpoint is of another log")
    witnesses = set(witnesses)
    times = [cosigned(proof.checkpoint, witness) for witness in witnesses]
    if len([time for time in times if time is not None]) < (len(witnesses) if quorum is None else quorum):
        raise Refused("witness", "too few cosignatures")
    size, root = int(checkpoint["size"]), base64_bytes(checkpoint["root"])
    if not verify_inclusion(leaf_hash(proof.seal), proof.index, size, proof.path, root):
        raise Refused("seal", "the seal is not one that the checkpoint covers")
    seal = read_note("seal", proof.seal, SEAL_NOTE)
    try:
        next_key = Key.parse(seal["next"])
    except ValueError as error:
        raise Refused("unsupported", f"the seal's next key: {error}") from None
    if contradicts_itself(seal, next_key) or (seal["origin"], seal["segment"]) != (origin, str(proof.index)):
        raise Refused("seal", "the seal contradicts itself, or its place")
    first, count = int(seal["first"]), int(seal["count"])
    leaf = leaf_hash(proof.salt + proof.line)
    if not first <= proof.seq < first + count or not verify_inclusion(
            leaf, proof.seq - first, count, proof.segment_path, base64_bytes(seal["root"])):
        raise Refused("event", "the event is not one of those that were sealed")
    stamps = STAMPS.match(proof.line)
    if not stamps or parse_time(stamps[2].decode()) is None or stamps[1] != str(proof.seq).encode() \
            or int(stamps[3]) >> 32 or int(stamps[4]) >> 31:
        raise Refused("event", "the line does not begin with the stamps of that event")
    return proof


def main_check_proof(arguments: list[str]) -> int:
    parser = ArgumentParser(prog="cairn_verify.py check-proof", description="Checks a proof of an event.")
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("--key", metavar="VKEY", required=True, help="the genesis key or the log key")
    parser.add_argument("--witness", metavar="VKEY", action="append", default=[], help="must have cosigned")
    parser.add_argument("--quorum", metavar="N", type=int, help="so many of the witnesses suffice")
    options = parser.parse_args(arguments)
    try:
        key, witnesses = Key.parse(options.key), [witness_key(text) for text in options.witness]
        file = options.file.read_bytes()
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        parser.exit(66, f"{parser.prog}: {error}\n")
    try:
        proof = check_proof(file, key, witnesses, options.quorum)
    except NoProof as error:
        print(f"NO PROOF: {error}")
        return 65
    except Refused as error:
        verdict = "UNVERIFIABLE" if error.step in ("key", "witness", "unsupported") else "TAMPERED"
        print(f"{verdict} ({error.step}): {error}")
        return 1
    print(f"VERIFIED: event {proof.seq}\n{proof.line.decode(errors='backslashreplace')}")
    return 0


# ---------------------------------------------------------------- command line

class ArgumentParser(argparse.ArgumentParser):
    def error(self, message: str):
        self.print_usage(sys.stderr)
        self.exit(64, f"{self.prog}: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["check-proof"]:
        return main_check_proof(arguments[1:])
    parser = ArgumentParser(description="Verifies a Cairn log.")
    parser.add_argument("directory", metavar="DIR", type=Path, help="the directory of the log")
    parser.add_argument("--key", metavar="GENESIS_VKEY", help="the key that the log must have been started with")
    parser.add_argument("--checkpoint", metavar="FILE", type=Path, help="an older checkpoint that the log must extend")
    parser.add_argument("--identity", metavar="FILE", type=Path, help="age identities that open encrypted segments")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    options = parser.parse_args(arguments)
    sys.setrecursionlimit(4_000)  # for deeply nested events
    try:
        key = Key.parse(options.key).vkey if options.key is not None else None
    except ValueError as error:
        parser.error(f"--key: {error}")
    try:
        older = options.checkpoint.read_bytes() if options.checkpoint else None
        identities = age_identities(options.identity.read_text()) if options.identity else []
        next(options.directory.iterdir(), None)
    except OSError as error:
        parser.exit(66, f"{parser.prog}: {error}\n")
    report = LogVerifier(options.directory, identities).verify(key, older)
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
