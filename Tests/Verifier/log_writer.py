"""A small writer of logs for the tests, written from Format.md. It shares nothing with the verifier but the index."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

import cairn_verify as cv

ORIGIN = "test.example/log"
START = 1_790_000_000_000_000_000  # of the log's clock, in ns


def sha(data):
    return hashlib.sha256(data).digest()


def b64(data):
    return base64.b64encode(data).decode()


def merkle(leaves):
    """MTH of RFC 6962 section 2.1, as it is defined there."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha(b"")
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha(b"\x01" + merkle(leaves[:k]) + merkle(leaves[k:]))


def crc32c(data):
    """Bit by bit, from the polynomial of RFC 3720 (reflected)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 & -(crc & 1))
    return crc ^ 0xFFFFFFFF


def key_of(label):
    return Ed25519PrivateKey.from_private_bytes(sha(label.encode()))


def public_of(label):
    return b"\x01" + key_of(label).public_key().public_bytes_raw()


def vkey_of(label, name=ORIGIN):
    return f"{name}+{sha(name.encode() + chr(10).encode() + public_of(label))[:4].hex()}+{b64(public_of(label))}"


def signed(text, label, name=ORIGIN):
    key_id = sha(name.encode() + b"\n" + public_of(label))[:4]
    return f"{text}\n— {name} {b64(key_id + key_of(label).sign(text.encode()))}\n".encode()


def stamp(ns, digits):
    whole = datetime(1970, 1, 1) + timedelta(seconds=ns // 10**9)
    return whole.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ns % 10**9:09}"[:digits] + "Z"


def member(kind, content, payload=b"\x03\x00", trailer=bytes(8)):
    sizes = struct.pack("<H2sH", len(content) + 8, kind, len(content) + 4)
    head = bytes.fromhex("1f8b08040000000000ff") + sizes + content
    return head + struct.pack("<I", crc32c(head)) + payload + trailer


def header(number, first, created, previous, salt_key, key, origin=ORIGIN, version=1, compatible=0, incompatible=0):
    name, vkey = origin.encode(), key.encode()
    fixed = struct.pack("<HHIIQQq", version, 0, compatible, incompatible, number, first, created)
    return member(b"CH", fixed + previous + salt_key + struct.pack("<H", len(name)) + name
                  + struct.pack("<H", len(vkey)) + vkey)


def block(lines, first, durable, times, received, root, flags=0):
    text = b"".join(line + b"\n" for line in lines)
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    stream = packer.compress(text) + packer.flush()
    content = struct.pack("<IIIIQQqqq", flags, len(stream), len(text), len(lines), first, durable,
                          min(times), max(times), received) + root + struct.pack("<I", crc32c(stream))
    return member(b"CB", content, stream, struct.pack("<II", zlib.crc32(text), len(text)))


def footer(count, root, index):
    return member(b"CF", struct.pack("<Q", count) + root + sha(index))


def index_of(first, data):
    """The index as the verifier makes it: that it is right is tested with the vectors and with logs of the daemon."""
    segment = cv.Segment(first)
    try:
        segment.read(data, None, lambda header: None)
    except (cv.Damage, cv.Problem):
        return b"no index of such a segment"
    return segment.index.encoded(segment.leaves)


def group_key(salt_key, group):
    return sha(b"\x10" + salt_key + group.to_bytes(8, "big"))


def salt_of(key, seq):
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update((seq % 1024).to_bytes(16, "big"))


def erased_line(seq, event, by, reason, leaf):
    reason = json.dumps(reason, ensure_ascii=False)
    return (f'{{"_seq":{seq},"_redacted":{{"event":{event},"by":{by},"reason":{reason}}},'
            f'"_leaf":"{b64(leaf)}"}}').encode()


@dataclass
class Written:
    """What was written of a segment, and writes it anew without some of its events."""
    writer: Writer
    number: int
    first: int
    created: int
    previous: bytes
    salt_key: bytes
    lines: list[bytes] = field(default_factory=list)
    received: list[int] = field(default_factory=list)  # of each event; None once it is erased
    times: list[int] = field(default_factory=list)  # event times
    leaves: list[bytes] = field(default_factory=list)
    salts: list[bytes] = field(default_factory=list)
    before: int = 0  # receive time of erased events before which none is left

    @property
    def data_path(self):
        return self.writer.directory / f"segments/{self.first:020}.ndjson.gz"

    @property
    def index_path(self):
        return self.writer.directory / f"segments/{self.first:020}.index"

    def open(self):
        """Salts and leaves, once all lines are there."""
        if not self.leaves:
            self.before = min(self.created, self.received[0])
            self.salts = [salt_of(group_key(self.salt_key, seq // 1024), seq)
                          for seq in range(self.first, self.first + len(self.lines))]
            self.leaves = [sha(b"\x00" + salt + line) for salt, line in zip(self.salts, self.lines)]
        return self

    def erase(self, *sequences, event, by=0, reason="why"):
        """Puts the lines of erased events in their places; `write` does it on disk."""
        self.open()
        for seq in sequences:
            at = seq - self.first
            self.lines[at] = erased_line(seq, event, by, reason, self.leaves[at])
            self.salts[at], self.received[at] = bytes(16), None
        return self

    def salt_contents(self):
        """The contents of the salt members: a row for each, (kind, number, keys or salts)."""
        rows, end = [], self.first + len(self.lines)
        for group in range(self.first // 1024, (end - 1) // 1024 + 1):
            first, last = max(self.first, group * 1024), min(end, group * 1024 + 1024)
            salts = self.salts[first - self.first:last - self.first]
            if bytes(16) not in salts:
                rows.append((0, group, [group_key(self.salt_key, group)]))
                continue
            for at in range(0, len(salts), 62):
                rows.append((1, first + at, salts[at:at + 62]))
        return rows

    def blocks(self, size=3):
        """The blocks, of so many events each: rows of member, first sequence number and lines."""
        rows, received = [], self.before
        for at in range(0, len(self.lines), size):
            times, least = [], None
            for own, time in zip(self.received[at:at + size], self.times[at:at + size]):
                received = received if own is None else own
                least = received if least is None else least
                times.append(received if own is None else time)
            lines, seq = self.lines[at:at + size], self.first + at
            rows.append((block(lines, seq, seq, times, least, merkle(self.leaves[:at + size])), seq, lines))
        return rows

    def index(self, blocks, offset):
        """The index over blocks that begin at the offset, whatever stands before them."""
        index, received = cv.Index(self.first), self.before
        for data, first, lines in blocks:
            events = []
            for seq, line in enumerate(lines, first):
                found = cv.read_erased(line, seq)
                events.append(cv.Event(received, received, "", 0, 0, False, 0, [], erased=found[0]) if found
                              else cv.read_event(line, seq))
                received = events[-1].received
            index.add(offset, len(data), first, sum(len(line) + 1 for line in lines), events)
            offset += len(data)
        return index.encoded(self.leaves)

    def write(self, rows=None, size=3, **changes):
        """Writes data and index anew. `rows` are the salt members, `changes` those of the header."""
        self.open()
        fields = {"number": self.number, "first": self.first, "created": self.created, "previous": self.previous,
                  "salt_key": bytes(32), "key": vkey_of(self.writer.epoch(self.number)), "incompatible": 1} | changes
        head = header(**fields) + b"".join(salts_member(*row) for row in self.salt_contents() if rows is None)
        head += b"".join(salts_member(*row) for row in rows or ())
        blocks = self.blocks(size)
        try:
            index = self.index(blocks, len(head))
        except cv.Problem:
            index = b"no index of such a segment"
        data = head + b"".join(row[0] for row in blocks) + footer(len(self.leaves), merkle(self.leaves), index)
        self.data_path.write_bytes(data)
        self.index_path.write_bytes(index)
        return data


def salts_member(kind, number, items, reserved=0, count=None):
    count = len(items) if count is None else count
    return member(b"CS", struct.pack("<HHIQ", kind, count, reserved, number) + b"".join(items))


class Writer:
    """Writes a log step by step. Every method leaves a state that a crash or a reader may meet."""

    def __init__(self, directory, name="a"):
        self.directory, self.name = Path(directory), name
        (self.directory / "segments").mkdir(parents=True)
        self.clock, self.number, self.first, self.previous = START, 0, 0, bytes(32)
        self.seals, self.written = [], []  # what was written of each segment
        self.blocks = []  # blocks: (segment first, offset, end, first sequence number)
        self.replace("origin", signed(
            f"cairn/origin/v1\n{ORIGIN}\ncreated {stamp(START, 9)}\ngenesis {vkey_of(self.epoch(0))}\n"
            f"log {vkey_of(name + 'log')}\n", self.epoch(0)))
        self.checkpoint()
        self.open()
        self.head()

    def epoch(self, number):
        return f"{self.name}{number}"

    def replace(self, path, data):
        temporary = self.directory / (path + ".tmp")
        temporary.write_bytes(data)
        temporary.rename(self.directory / path)

    @property
    def stem(self):
        return f"segments/{self.first:020}"

    @property
    def data_path(self):
        return self.directory / (self.stem + ".ndjson.gz")

    def append_bytes(self, data):
        with open(self.data_path, "ab") as file:
            file.write(data)

    def open(self):
        self.clock += 1_000
        self.created, self.salt_key = self.clock, sha(f"{self.name}salt{self.number}".encode())
        self.leaves, self.modules, self.received, self.times = [], Counter(), [], []
        self.written.append(Written(self, self.number, self.first, self.created, self.previous, self.salt_key))
        self.append_bytes(header(self.number, self.first, self.created, self.previous, self.salt_key,
                                 vkey_of(self.epoch(self.number))))

    def leaf(self, seq, line):
        return sha(b"\x00" + salt_of(group_key(self.salt_key, seq // 1024), seq) + line)

    def line(self, seq, event):
        """The stored line of a received event: bytes, or a dict. With a name `_own` it is one of the daemon's own."""
        self.clock += 1_000_000
        is_own = isinstance(event, dict) and "_own" in event
        if is_own:
            event = {name: value for name, value in event.items() if name != "_own"}
        event = json.dumps(event).encode() if isinstance(event, dict) else event
        at = event.index(b"{") + 1
        rest = event[at:]
        comma = b"" if rest.strip() == b"}" else b","
        stamps = f'"_seq":{seq},"_received":"{stamp(self.clock, 6)}","_uid":1000,"_pid":42'.encode()
        if is_own:
            stamps += b',"_own":true'
        return event[:at] + stamps + comma + rest

    def append(self, *events, durable=None, time_of=lambda event: None):
        """One block. `time_of` gives the event time where it is not the receive time."""
        first, lines, times, received = self.first + len(self.leaves), [], [], []
        for event in events:
            lines.append(self.line(first + len(lines), event))
            received.append(self.clock)
            time = time_of(event)
            times.append(self.clock if time is None else time)
            self.modules[event.get("module", "?") if isinstance(event, dict) else "?"] += 1
        self.leaves += [self.leaf(first + i, line) for i, line in enumerate(lines)]
        self.written[-1].lines += lines
        self.written[-1].received += received
        self.written[-1].times += times
        self.times, self.received = self.times + times, self.received + received
        at = self.data_path.stat().st_size
        self.append_bytes(block(lines, first, first if durable is None else durable, times, received[0],
                                merkle(self.leaves)))
        self.blocks.append((self.first, at, self.data_path.stat().st_size, first))

    def own(self, action, **details):
        """One event of the daemon's own, in a block of its own; returns its number."""
        self.append({"_own": True, "action": action, "module": "system", "details": details})
        return self.first + len(self.leaves) - 1

    def head(self):
        self.replace("head", signed(
            f"cairn/head/v1\n{ORIGIN}\nsegment {self.number}\nfirst {self.first}\ncount {len(self.leaves)}\n"
            f"root {b64(merkle(self.leaves))}\ntime {stamp(self.clock, 9)}\n", self.epoch(self.number)))

    def index(self):
        return index_of(self.first, self.data_path.read_bytes())

    def foot(self):
        index = self.index()
        self.append_bytes(footer(len(self.leaves), merkle(self.leaves), index))
        self.replace(self.stem + ".index", index)

    def seal(self, reason="size", **changes):
        opened = stamp(self.created, 9)
        ranges = [f"{stamp(min(times), 9)} {stamp(max(times), 9)}" if times else f"{opened} {opened}"
                  for times in (self.received, self.times)]
        values = {
            "segment": self.number, "first": self.first, "count": len(self.leaves), "root": b64(merkle(self.leaves)),
            "previous": b64(self.previous), "opened": opened,
            "received": ranges[0], "time": ranges[1],
            "modules": "".join(f"module {name} {count}\n" for name, count in sorted(self.modules.items())),
            "reason": reason, "next": vkey_of(self.epoch(self.number + 1))} | changes
        text = f"cairn/seal/v1\n{ORIGIN}\n" + "".join(
            value if name == "modules" else f"{name} {value}\n" for name, value in values.items())
        self.replace(self.stem + ".seal", signed(text, self.epoch(self.number)))
        self.seals.append((self.directory / (self.stem + ".seal")).read_bytes())

    def checkpoint(self):
        root = merkle([sha(b"\x00" + seal) for seal in self.seals])
        self.replace("checkpoint", signed(f"{ORIGIN}\n{len(self.seals)}\n{b64(root)}\n", self.name + "log"))

    def next(self, lost=0):
        self.previous = sha(self.seals[-1])
        self.first += len(self.leaves) + lost
        self.number += 1
        self.open()

    def rotate(self):
        for step in (self.foot, self.seal, self.checkpoint, self.next, self.head):
            step()


def events(count, module="auth"):
    return [{"action": "login", "module": module, "n": i} for i in range(count)]


def write_log(directory, sealed=True, name="a"):
    """Segments of 7, 5 and 6 events in blocks of 3; the last is active, all of it named by the head, unless sealed."""
    writer = Writer(directory, name)
    for count in (7, 5, 6):
        for at in range(0, count, 3):
            writer.append(*events(min(3, count - at), module="auth" if at else "db"))
        writer.head()
        if count != 6:
            writer.rotate()
    if sealed:
        for step in (writer.foot, writer.seal, writer.checkpoint):
            step()
    return writer


def verify(directory, key=None, checkpoint=None):
    return cv.LogVerifier(Path(directory)).verify(key, checkpoint)


def verdict(directory, **options):
    report = verify(directory, **options)
    return report["verdict"], report["first_bad_seq"]


def notes_of(report):
    """Kind and segment of each note, in order."""
    return sorted(((note["note"], note["segment"]) for note in report["notes"]), key=str)


def files_of(directory):
    return sorted(path.relative_to(directory).as_posix() for path in Path(directory).rglob("*") if path.is_file())
