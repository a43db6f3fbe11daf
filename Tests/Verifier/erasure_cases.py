"""Logs with erased events and pruned segments, good and forged, and what Format.md says of each of them.

Every case makes a log in a directory. `test_erasure.py` runs the independent verifier over them, and
`test_agreement.py` compares `cairn verify`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from log_writer import (START, Writer, b64, erased_line, events, group_key, member, salt_of, salts_member, sha)

TORN = b"no member"


@dataclass
class Case:
    name: str
    make: Callable[[Path], None]
    verdict: str
    seq: int | None = None
    notes: tuple = ()


CASES: list[Case] = []


def case(name, verdict, seq=None, *notes, **options):
    """Registers a function that changes a log, which `log` makes with the options."""
    def register(change):
        CASES.append(Case(name, lambda directory: change(log(directory, **options)), verdict, seq, notes))
        return change
    return register


def plain(writer, number, count):
    for at in range(0, count, 3):
        writer.append(*events(min(3, count - at), module="auth" if at else "db"))


def log(directory, trace=((2, 4),), fill=plain, head=True, sealed=False, **details):
    """Sealed segments of 7, 5 and 6 events, and an active one whose first event, 18, is a trace of erased events."""
    writer = Writer(directory)
    for number, count in enumerate((7, 5, 6)):
        fill(writer, number, count)
        writer.head()
        writer.rotate()
    details = {"by": 0, "reason": "why", "events": 3, "sequences": trace} | details
    writer.trace = writer.own("log.redacted", **details)
    if head:
        writer.head()
    if sealed:
        writer.rotate()
        writer.append(*events(2))
        writer.head()
    return writer


def erase(writer, *sequences, segment=0, event=None, **options):
    return writer.written[segment].erase(*sequences, event=writer.trace if event is None else event, **options)


def file(writer, first, end="ndjson.gz"):
    return writer.directory / f"segments/{first:020}.{end}"


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def flip_block(path, number):
    """Damages the lines of a block."""
    data = path.read_bytes()
    starts = [found.start() for found in re.finditer(re.escape(bytes.fromhex("1f8b08040000000000ff")), data)]
    flip(path, [at for at in starts if data[at + 12:at + 14] == b"CB"][number] + 130)


REDACTED = ("REDACTED", 0)


# ---------------------------------------------------------------- what was erased, and what accounts for it

@case("nothing erased", "VERIFIED")
def _(writer):
    pass


@case("three events erased", "VERIFIED", None, REDACTED)
def _(writer):
    erase(writer, 2, 3, 4).write()


@case("three events erased, other blocks", "VERIFIED", None, REDACTED)
def _(writer):
    erase(writer, 2, 3, 4).write(size=2)


@case("all events erased", "VERIFIED", None, REDACTED, trace=[(0, 6)])
def _(writer):
    erase(writer, *range(7)).write()


@case("the first event erased", "VERIFIED", None, REDACTED, trace=[(0, 0)])
def _(writer):
    erase(writer, 0).write()


@case("the last event erased", "VERIFIED", None, REDACTED, trace=[(6, 6)])
def _(writer):
    erase(writer, 6).write()


@case("written anew with nothing erased", "VERIFIED")
def _(writer):
    writer.written[0].write()


@case("two ranges of one trace", "VERIFIED", None, REDACTED, REDACTED, trace=[(1, 2), (4, 6)])
def _(writer):
    erase(writer, 1, 2, 4, 5, 6).write()


@case("over two segments", "VERIFIED", None, REDACTED, ("REDACTED", 1), trace=[(6, 8)])
def _(writer):
    erase(writer, 6).write()
    erase(writer, 7, 8, segment=1).write()


@case("over two segments, one event more than the trace", "TAMPERED", 7, REDACTED, trace=[(6, 8)])
def _(writer):
    erase(writer, 6).write()
    erase(writer, 7, 8, 9, segment=1).write()


@case("a trace of some", "TAMPERED", 2, trace=[(2, 3)])
def _(writer):
    erase(writer, 2, 3, 4).write()


@case("one in the middle names another event", "TAMPERED", 3, REDACTED, REDACTED, trace=[(1, 6)])
def _(writer):
    erase(erase(writer, 1, 2, 4, 5, 6).writer, 3, event=5).write()


for name, event in (("the event before the trace", 17), ("an event that is not there", 99), ("itself", 2)):
    @case(f"lines name {name}", "TAMPERED", 2)
    def _(writer, event=event):
        erase(writer, 2, 3, 4, event=event).write()


for name, details in {
        "another user": {"by": 1}, "no user": {"by": None}, "a user as a string": {"by": "0"},
        "another reason": {"reason": "x"}, "no reason": {"reason": None}, "no sequences": {"sequences": None},
        "sequences that touch": {"sequences": [(2, 3), (4, 4)]}, "an empty list": {"sequences": []}}.items():
    @case(f"a trace with {name}", "TAMPERED", 2, **details)
    def _(writer):
        erase(writer, 2, 3, 4).write()


@case("erased twice for other reasons", "VERIFIED", None, REDACTED, REDACTED, trace=[(2, 3)])
def _(writer):
    second = writer.own("log.redacted", by=7, reason="again", sequences=[(4, 5)])
    writer.head()
    erase(erase(writer, 2, 3).writer, 4, 5, event=second, by=7, reason="again").write()


def early(writer, number, count):
    """In segment 0 event 3 is a trace of 4 and 5, and of those before it."""
    writer.append(*events(3))
    if number == 0:
        writer.own("log.redacted", by=0, reason="why", sequences=[(1, 2), (4, 5)])
    writer.append(*events(count - 3 - (number == 0)))


@case("a trace behind the events in their segment", "VERIFIED", None, REDACTED, fill=early)
def _(writer):
    erase(writer, 1, 2, event=3).write()


@case("a trace before the events", "TAMPERED", 4, fill=early)
def _(writer):
    erase(writer, 4, 5, event=3).write()


@case("a trace that was erased itself, with a trace of its own", "TAMPERED", 2, ("REDACTED", 3), sealed=True)
def _(writer):
    second = writer.own("log.redacted", by=0, reason="why", sequences=[(18, 18)])
    writer.head()
    erase(writer, 2, 3, 4).write()
    erase(writer, 18, segment=3, event=second).write()


@case("a trace in a segment with an erasure that nothing accounts for", "TAMPERED", 19, REDACTED)
def _(writer):
    writer.append(*events(1))
    writer.rotate()
    erase(writer, 2, 3, 4).write()
    erase(writer, 19, segment=3, event=99).write()


# ---------------------------------------------------------------- traces that are signed, and others

@case("a trace behind the head", "TAMPERED", 2, head=False)
def _(writer):
    erase(writer, 2, 3, 4).write()


@case("a sealed trace", "VERIFIED", None, REDACTED, sealed=True)
def _(writer):
    erase(writer, 2, 3, 4).write()


@case("a sealed trace, no head", "TRUNCATED-OR-STALE", None, REDACTED, sealed=True)
def _(writer):
    erase(writer, 2, 3, 4).write()
    (writer.directory / "head").unlink()


@case("the index of the trace's segment is gone", "INDEX-DAMAGED", None, REDACTED, sealed=True)
def _(writer):
    erase(writer, 2, 3, 4).write()
    file(writer, 18, "index").unlink()


for name, change in {
        "footer of the trace's segment is damaged": lambda writer: flip(file(writer, 18), -50),
        "seal of the trace's segment is gone": lambda writer: file(writer, 18, "seal").unlink(),
        "seal of the trace's segment is damaged": lambda writer: flip(file(writer, 18, "seal"), 60),
        "data of the trace's segment is gone": lambda writer: file(writer, 18).unlink(),
        "trace's segment is gone": lambda writer: [file(writer, 18, end).unlink() for end in ("ndjson.gz", "seal")],
}.items():
    @case(f"the {name}", "TAMPERED", 2, sealed=True)
    def _(writer, change=change):
        erase(writer, 2, 3, 4).write()
        change(writer)


for name, change in {
        "damaged": lambda writer: flip(writer.directory / "head", 60),
        "gone": lambda writer: (writer.directory / "head").unlink(),
        "over other events": lambda writer: (writer.leaves.__setitem__(0, bytes(32)), writer.head())}.items():
    @case(f"the head over the trace is {name}", "TAMPERED", 2)
    def _(writer, change=change):
        erase(writer, 2, 3, 4).write()
        change(writer)


@case("damage behind the trace that the head names", "TAMPERED", 2)
def _(writer):
    erase(writer, 2, 3, 4).write()
    writer.append(*events(3))
    writer.head()
    flip(writer.data_path, -20)


@case("a torn tail behind the trace", "VERIFIED", None, REDACTED, ("UNCOMMITTED", 3))
def _(writer):
    erase(writer, 2, 3, 4).write()
    writer.append(*events(3))
    flip(writer.data_path, -20)


@case("a trace in a segment sealed for damage", "TAMPERED", 19, REDACTED)
def _(writer):
    writer.append_bytes(TORN)
    writer.seal("corruption")
    writer.checkpoint()
    writer.next(2)
    writer.head()
    erase(writer, 2, 3, 4).write()


@case("a damaged seal behind a good head over the trace", "TAMPERED", 2)
def _(writer):
    erase(writer, 2, 3, 4).write()
    writer.foot()
    writer.seal()
    flip(file(writer, 18, "seal"), 60)


@case("a good head over the trace, and the segment sealed since", "VERIFIED", None, REDACTED)
def _(writer):
    erase(writer, 2, 3, 4).write()
    writer.foot()
    writer.seal()
    writer.checkpoint()
    writer.next()


# ---------------------------------------------------------------- lines

for name, change, seq in (
        ("a space", lambda line: line.replace(b',"_leaf"', b', "_leaf"'), 3),
        ("a space before it", lambda line: b" " + line, 3), ("a CR behind it", lambda line: line + b"\r", 3),
        ("one more name", lambda line: line[:-1] + b',"x":1}', 3),
        ("a leaf without padding", lambda line: line.replace(b'="}', b'"}'), 3),
        ("a leaf with loose bits", lambda line: line[:-4] + bytes([line[-4] + 1]) + line[-3:], 3),
        ("another leaf", lambda line: line[:-46] + b64(bytes(32)).encode() + b'"}', 3),
        ("a user with a leading zero", lambda line: line.replace(b'"by":0', b'"by":00'), 3),
        ("a user above u32", lambda line: line.replace(b'"by":0', b'"by":4294967296'), 3),
        ("a user below 0", lambda line: line.replace(b'"by":0', b'"by":-1'), 3),
        ("an event above 2^63", lambda line: line.replace(b'"event":18', b'"event":9223372036854775808'), 3),
        ("an event with a leading zero", lambda line: line.replace(b'"event":18', b'"event":018'), 3),
        ("another number", lambda line: line.replace(b'"_seq":3', b'"_seq":4'), 3)):
    @case(f"an erased line with {name}", "TAMPERED", seq, REDACTED)
    def _(writer, change=change):
        segment = erase(writer, 2, 3, 4)
        segment.lines[3] = change(segment.lines[3])
        segment.write()


for name, reason in (("another", b"because"), ("an escaped", b"\\u0077hy"), ("a damaged", b"w\xff"),
                     ("a bare control character in the", b"w\x01"), ("half a pair in the", b"\\ud800"),
                     ("a bare U+007F in the", b"w\x7f")):
    @case(f"an erased line with {name} reason", "TAMPERED", 3, REDACTED, REDACTED)
    def _(writer, reason=reason):
        segment = erase(writer, 2, 3, 4)
        segment.lines[3] = segment.lines[3].replace(b"why", reason)
        segment.write()


REASONS = {
    "an empty": ("", b""), "an escaped": ('"\\', b'\\"\\\\'), "a long": ("x" * 5000, b"x" * 5000),
    "a controlling": ("\t\n\x1f\x7f", b"\\u0009\\u000a\\u001f\\u007f"),
    "a Unicode": ("\x80\u2028\U0001f600/<", "\x80\u2028\U0001f600/<".encode())}
for name, (reason, written) in REASONS.items():
    @case(f"{name} reason", "VERIFIED", None, REDACTED, reason=reason)
    def _(writer, written=written):
        segment = erase(writer, 2, 3, 4)
        segment.lines[2:5] = [line.replace(b'"why"', b'"' + written + b'"') for line in segment.lines[2:5]]
        segment.write()


@case("a reason whose tab is written in another way", "TAMPERED", 2, reason="\t")
def _(writer):
    erase(writer, 2, 3, 4, reason="\t").write()


@case("another line, and all roots mended", "TAMPERED", 0, REDACTED)
def _(writer):
    segment = erase(writer, 2, 3, 4)
    segment.lines[5] = segment.lines[5].replace(b"login", b"logon")
    segment.leaves[5] = sha(b"\x00" + segment.salts[5] + segment.lines[5])
    segment.write()


@case("another erased leaf, and all roots mended", "TAMPERED", 0, REDACTED)
def _(writer):
    segment = erase(writer, 2, 3, 4)
    segment.leaves[3] = bytes(32)
    segment.lines[3] = erased_line(3, 18, 0, "why", bytes(32))
    segment.write()


@case("a foreign event in the place of an erased one", "TAMPERED", 3, REDACTED)
def _(writer):
    segment = erase(writer, 2, 3, 4)
    segment.lines[3] = segment.lines[5].replace(b'"_seq":5', b'"_seq":3')
    segment.received[3] = segment.received[5]
    segment.write()


@case("erased lines in a segment without salt members", "TAMPERED", 0)
def _(writer):
    segment = erase(writer, 2, 3, 4)
    segment.write(rows=[], incompatible=0, salt_key=segment.salt_key)


# ---------------------------------------------------------------- headers and salt members

for name, changes, verdict in (
        ("a salt key beside the bit", {"salt_key": b"x" * 32}, "TAMPERED"),
        ("no bit", {"incompatible": 0}, "TAMPERED"), ("an unknown bit", {"incompatible": 3}, "UNVERIFIABLE"),
        ("another creation time", {"created": START}, "TAMPERED")):
    @case(f"a header with {name}", verdict, 0)
    def _(writer, changes=changes):
        erase(writer, 2, 3, 4).write(**changes)


def key_row(segment, group=0):
    return 0, group, [group_key(segment.salt_key, group)]


def intact(segment, seq):
    return salt_of(group_key(segment.salt_key, 0), seq)


for name, rows, expected in (
        ("in two members", lambda one, salts: [(1, 0, salts[:3]), (1, 3, salts[3:])], None),
        ("in seven members", lambda one, salts: [(1, at, salts[at:at + 1]) for at in range(7)], None),
        ("missing", lambda one, salts: [], 0), ("of another kind", lambda one, salts: [(2, 0, salts)], 0),
        ("short of the last", lambda one, salts: [(1, 0, salts[:-1])], 0),
        ("short of the first", lambda one, salts: [(1, 1, salts[1:])], 0),
        ("with a gap", lambda one, salts: [(1, 0, salts[:3]), (1, 4, salts[4:])], 0),
        ("there twice", lambda one, salts: [(1, 0, salts)] * 2, 0),
        ("in another order", lambda one, salts: [(1, 3, salts[3:]), (1, 0, salts[:3])], 0),
        ("behind the group's key", lambda one, salts: [key_row(one), (1, 0, salts)], 0),
        ("before the group's key", lambda one, salts: [(1, 0, salts), key_row(one)], 0),
        ("before the next group's key", lambda one, salts: [(1, 0, salts), key_row(one, 1)], 0),
        ("those of the events, and one more", lambda one, salts: [(1, 0, [*salts, b"x" * 16])], 0),
        ("destroyed of one more event", lambda one, salts: [(1, 0, [bytes(16), *salts[1:]])], 0),
        ("not destroyed", lambda one, salts: [key_row(one)], 0),
        ("listed and not destroyed", lambda one, salts: [(1, 0, [intact(one, seq) for seq in range(7)])], 0),
        ("destroyed but for one",
         lambda one, salts: [(1, 0, [*salts[:4], intact(one, 4), *salts[5:]])], 3),
        ("overwritten with something", lambda one, salts: [(1, 0, [*salts[:4], b"x" * 16, *salts[5:]])], 3)):
    notes = [REDACTED] if expected in (None, 3) else []

    @case(f"the salts are {name}", "VERIFIED" if expected is None else "TAMPERED", expected, *notes)
    def _(writer, rows=rows):
        segment = erase(writer, 2, 3, 4)
        segment.write(rows=rows(segment, segment.salts))


@case("salts where a key would do", "VERIFIED")
def _(writer):
    segment = writer.written[0].open()
    segment.write(rows=[(1, 0, segment.salts)])


for name, change in {
        "a reserved field": lambda row: salts_member(*row, reserved=1),
        "too few salts": lambda row: salts_member(*row, count=6), "no salts": lambda row: salts_member(*row, count=0),
        "too many salts": lambda row: salts_member(*row, count=8),
        "nothing in it": lambda row: member(b"CS", b""), "fifteen bytes in it": lambda row: member(b"CS", bytes(15)),
        "another payload": lambda row: salts_member(*row)[:-10] + b"\x01\0\0\xff\xff" + bytes(8),
        "a wrong checksum": lambda row: salts_member(*row)[:17] + b"\x01" + salts_member(*row)[18:]}.items():
    @case(f"a salt member with {name}", "TAMPERED", 0)
    def _(writer, change=change):
        segment = erase(writer, 2, 3, 4)
        data, row = segment.write(), segment.salt_contents()[0]
        segment.data_path.write_bytes(data.replace(salts_member(*row), change(row)))


@case("a salt member behind the blocks", "TAMPERED", None, REDACTED)
def _(writer):
    segment = erase(writer, 2, 3, 4)
    data = segment.write()
    segment.data_path.write_bytes(data[:-102] + salts_member(*segment.salt_contents()[0]) + data[-102:])


@case("a salt member in a segment without the bit", "TAMPERED", 0)
def _(writer):
    segment = writer.written[0].open()
    segment.write(rows=[key_row(segment)], incompatible=0, salt_key=segment.salt_key)


@case("a salt member in the active segment", "TAMPERED", 19)
def _(writer):
    writer.append_bytes(salts_member(*key_row(writer.written[3])))


@case("an active segment written anew", "TAMPERED", 18)
def _(writer):
    data = writer.written[3].write()
    writer.data_path.write_bytes(data[:-102])


@case("an active segment written anew, with a footer", "TAMPERED", 18)
def _(writer):
    writer.written[3].write()


@case("erased events and no seal", "TAMPERED", 0)
def _(writer):
    erase(writer, 2, 3, 4).write()
    file(writer, 0, "seal").unlink()


@case("erased events and a damaged seal", "TAMPERED", 0)
def _(writer):
    erase(writer, 2, 3, 4).write()
    flip(file(writer, 0, "seal"), 60)


# ---------------------------------------------------------------- erasures beside other damage

for name, event, notes in (("accounted for", 18, [REDACTED]), ("not accounted for", 99, [])):
    for number in range(3):
        expected = min(3 * number, 2 if event == 99 and number else 9)

        @case(f"erased events, {name}, and block {number} damaged", "TAMPERED", expected, *(notes if number else ()))
        def _(writer, event=event, number=number):
            erase(writer, 2, 3, 4, event=event).write()
            flip_block(file(writer, 0), number)

    @case(f"erased events, {name}, and the footer damaged", "TAMPERED", 2 if event == 99 else None, *notes)
    def _(writer, event=event):
        erase(writer, 2, 3, 4, event=event).write()
        flip(file(writer, 0), -50)

    @case(f"erased events, {name}, and no index", "TAMPERED" if event == 99 else "INDEX-DAMAGED",
          2 if event == 99 else None, *notes)
    def _(writer, event=event):
        erase(writer, 2, 3, 4, event=event).write()
        file(writer, 0, "index").unlink()


# ---------------------------------------------------------------- what the seal says

def uniform(writer, number, count):
    """In segment 0 events 2 to 4 are of another module, without status and severity, with an id and an odd actor."""
    kinds = ({"action": "a", "module": "m", "status": "success", "severity": "low"},
             {"action": "a", "module": "z", "id": "x", "actor": {"id": 5}, "tenant": "t", "compliance": ["HIPAA"]})
    writer.append(*[kinds[number == 0 and 2 <= at <= 4] for at in range(count)])
    if number == 0:
        writer.modules = Counter(writer.counted)


def counting(**counted):
    def fill(writer, number, count):
        writer.counted = counted
        uniform(writer, number, count)
    return fill


for counted, verdict in (({"m": 4, "z": 3}, "VERIFIED"), ({"m": 5, "z": 2}, "VERIFIED"), ({"m": 3, "z": 4}, "TAMPERED"),
                         ({"z": 7}, "TAMPERED")):
    @case(f"erased from a seal of modules {counted}", verdict, 0 if verdict == "TAMPERED" else None, REDACTED,
          fill=counting(**counted))
    def _(writer):
        erase(writer, 2, 3, 4).write()


def out_of_range(writer, number, count):
    plain(writer, number, count)
    if number == 0:
        writer.received, writer.times = [START] * 2, [START - 5, START - 4]


@case("a seal with other times", "TAMPERED", 0, fill=out_of_range)
def _(writer):
    pass


@case("erased from a seal with other times", "VERIFIED", None, REDACTED, fill=out_of_range)
def _(writer):
    erase(writer, 2, 3, 4).write()


# ---------------------------------------------------------------- the index beside the old one

for name, index, following, verdict in (
        ("new, and its other name too", "new", "new", "VERIFIED"), ("old", "old", None, "INDEX-DAMAGED"),
        ("old, and the next one new", "old", "new", "VERIFIED"),
        ("gone, and the next one new", None, "new", "VERIFIED"),
        ("gone, and the next one old", None, "old", "INDEX-DAMAGED"),
        ("new, and the next one old", "new", "old", "VERIFIED"),
        ("old, and the next one old", "old", "old", "INDEX-DAMAGED")):
    @case(f"the index of a segment written anew is {name}", verdict, None, REDACTED)
    def _(writer, index=index, following=following):
        old = file(writer, 0, "index").read_bytes()
        erase(writer, 2, 3, 4).write()
        contents = {"old": old, "new": file(writer, 0, "index").read_bytes()}
        file(writer, 0, "index").unlink()
        for end, which in (("index", index), ("index.next", following)):
            if which:
                file(writer, 0, end).write_bytes(contents[which])


# ---------------------------------------------------------------- clocks that step back



def clocked(step, *erased, is_after_creation=False):
    """Segment 1 was created so many nanoseconds off the clock that its events are stamped by."""
    def make(directory):
        writer = Writer(directory)
        writer.append(*events(7))
        writer.foot()
        writer.seal()
        writer.checkpoint()
        clock, writer.clock = writer.clock, writer.clock + step
        writer.next()
        writer.clock = clock
        writer.append(*events(3))
        writer.append(*events(2))
        writer.rotate()
        writer.trace = writer.own("log.redacted", by=0, reason="why", sequences=[(erased[0], erased[-1])])
        writer.head()
        segment = erase(writer, *erased, segment=1)
        if is_after_creation:
            segment.before = segment.created
        segment.write()
    return make


for step in (-10**9, 0, 2_000_000, 10**12):
    for erased in ((7,), (8,), (7, 8, 9), (7, 8, 9, 10), (7, 8, 9, 10, 11)):
        CASES.append(Case(f"{erased} erased, the segment created {step} ns late", clocked(step, *erased), "VERIFIED",
                          None, (("REDACTED", 1),)))
CASES.append(Case("erased with the time of creation, which is later than the next event's", clocked(
    10**12, 7, is_after_creation=True), "TAMPERED", 7))


# ---------------------------------------------------------------- pruned segments

def prune(writer, *firsts):
    for first in firsts:
        file(writer, first).unlink()
        file(writer, first, "index").unlink()


def prune_case(name, verdict, seq=None, *notes, gone=(7,), sequences=((7, 11),), head=True, then=lambda writer: None,
               **options):
    @case(name, verdict, seq, *notes, **options)
    def _(writer):
        writer.own("log.pruned", by=0, segments=1, events=5, bytes=3, rules=["x"], sequences=sequences)
        if head:
            writer.head()
        prune(writer, *gone)
        then(writer)


PRUNED = ("PRUNED", 1)
prune_case("pruned", "VERIFIED", None, PRUNED)
prune_case("pruned, and the trace says more", "VERIFIED", None, PRUNED, sequences=[(0, 15)])
prune_case("pruned, and the trace says less", "TAMPERED", 7, sequences=[(7, 10)])
prune_case("pruned, and the trace begins later", "TAMPERED", 7, sequences=[(8, 11)])
prune_case("pruned, and the head ends before the trace", "TAMPERED", 7, head=False)
prune_case("two neighbours pruned", "VERIFIED", None, ("PRUNED", 0), gone=(0, 7), sequences=[(0, 11)])
prune_case("two segments apart pruned", "VERIFIED", None, ("PRUNED", 0), ("PRUNED", 2), gone=(0, 12),
           sequences=[(0, 6), (12, 17)])
prune_case("all sealed segments pruned", "VERIFIED", None, ("PRUNED", 0), gone=(0, 7, 12), sequences=[(0, 17)])
prune_case("three segments pruned, one not named", "TAMPERED", 12, ("PRUNED", 0), gone=(0, 7, 12), sequences=[(0, 11)])
prune_case("nothing pruned though a trace says so", "VERIFIED", None, gone=())
prune_case("two traces for one segment", "TAMPERED", 7, sequences=[(7, 9)], then=lambda writer: (
    writer.own("log.pruned", sequences=[(10, 11)]), writer.head()))
prune_case("pruned by a trace that a later one repeats", "VERIFIED", None, PRUNED, then=lambda writer: (
    writer.own("log.pruned", sequences=[(0, 11)]), writer.head()))
prune_case("pruned, and the index left", "VERIFIED", None, PRUNED,
           then=lambda writer: file(writer, 7, "index").write_bytes(b"x"))
prune_case("pruned, and no seal", "TAMPERED", 7, then=lambda writer: file(writer, 7, "seal").unlink())
prune_case("pruned, and a damaged seal", "TAMPERED", 7, then=lambda writer: flip(file(writer, 7, "seal"), 60))
prune_case("pruned, and an empty file", "TAMPERED", 7, then=lambda writer: file(writer, 7).write_bytes(b""))
prune_case("data put back after it was pruned", "INDEX-DAMAGED", None, gone=(),
           then=lambda writer: file(writer, 7, "index").unlink())
prune_case("data put back after it was pruned, with a part missing", "TAMPERED", 10, gone=(),
           then=lambda writer: file(writer, 7).write_bytes(file(writer, 7).read_bytes()[:-200]))
prune_case("pruned and erased events elsewhere", "VERIFIED", None, PRUNED, REDACTED,
           then=lambda writer: erase(writer, 2, 3, 4).write())
for sequences in ([(7, 8), (9, 11)], [(7, 11), (3, 5)], [(7, 11), (11, 12)], [], [(7, 11, 12)], [("7", 11)],
                  [(7.0, 11)], [(7, 2**63)], [(7, 2**64)], [(-1, 11)], {"7": 11}, "7-11", None, [None, (7, 11)],
                  [(0, 5), (7, 11), (11, 10)]):
    prune_case(f"a trace of {sequences}", "TAMPERED", 7, sequences=sequences)


for sequences, are_gone in (([(0, 6)], True), ([(2, 4)], True), ([(0, 3)], False), ([(3, 6)], False), ([(3, 3)], False)):
    for event, verdict in ((None, "VERIFIED"), (99, "VERIFIED" if are_gone else "TAMPERED")):
        prune_case(f"erased events that name {event or 'a trace'}, and a trace that {sequences} were pruned", verdict,
                   None if verdict == "VERIFIED" else 2, *([REDACTED] if not are_gone and not event else []), gone=(),
                   sequences=sequences, then=lambda writer, event=event: erase(writer, 2, 3, 4, event=event).write())


@case("a segment missing without a trace", "TAMPERED", 7)
def _(writer):
    prune(writer, 7)


TRACE = b'"action":"log.pruned","module":"system","details":{"sequences":[[7,11]]}}'
for line, expected in (
        (b'{"_own":true,' + TRACE, "VERIFIED"), (b'{"_own":true,"_invalid":["status"],' + TRACE, "VERIFIED"),
        (b'{"_own":true,' + TRACE.replace(b"pruned", b"\\u0070runed"), "VERIFIED"),
        (b'{"_own":true,' + TRACE.replace(b"[7,11]", b" [ 7 , 11 ] "), "VERIFIED"),
        (b'{"_own":true,' + TRACE.replace(b"system", b"auth"), "TAMPERED"),
        (b"{" + TRACE, "TAMPERED"), (b'{"_own":false,' + TRACE, "TAMPERED"),
        (b'{"_own": true,' + TRACE, "TAMPERED"), (b'{ "_own":true,' + TRACE, "TAMPERED"),
        (b'{"_invalid":["status"],"_own":true,' + TRACE, "TAMPERED"),
        (b'{"details":{"_own":true},' + TRACE.replace(b"details", b"detail"), "TAMPERED"),
        (b'{"_own":true,' + TRACE.replace(b"log.pruned", b"log.redacted"), "TAMPERED"),
        (b'{"_own":true,' + TRACE.replace(b"log.pruned", b"segment.archived"), "TAMPERED"),
        (b'{"_own":true,' + TRACE.replace(b'{"sequences":[[7,11]]}', b'[[7,11]]'), "TAMPERED")):
    @case(f"pruned by {line.decode()}", expected, None if expected == "VERIFIED" else 7,
          *([PRUNED] if expected == "VERIFIED" else []))
    def _(writer, line=line):
        prune(writer, 7)
        writer.append(line)
        writer.head()


def cumulative(writer, number, count):
    """The last event of segment 1 is a trace of segment 0."""
    writer.append(*events(count - 1))
    writer.own(*(("log.pruned",) if number == 1 else ("other",)), sequences=[(0, 6)])


@case("pruned, as the next segment says", "VERIFIED", None, ("PRUNED", 0), fill=cumulative)
def _(writer):
    prune(writer, 0)


@case("the segment with the trace is pruned, and what it said forgotten", "TAMPERED", 0, PRUNED, fill=cumulative)
def _(writer):
    writer.own("log.pruned", sequences=[(7, 11)])
    writer.head()
    prune(writer, 0, 7)


@case("the segment with the trace is pruned, and what it said repeated", "VERIFIED", None, ("PRUNED", 0),
      fill=cumulative)
def _(writer):
    writer.own("log.pruned", sequences=[(0, 11)])
    writer.head()
    prune(writer, 0, 7)


@case("a trace in the segment that is gone", "TAMPERED", 7, fill=cumulative)
def _(writer):
    prune(writer, 7)
