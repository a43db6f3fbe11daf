#!/usr/bin/env python3
"""Runs the independent verifier over the cases of the tamper matrix, which the Swift tests write into one JSON file.

    python3 tamper_matrix.py MATRIX.json

Prints a line for each case whose verdict, first bad event or, where it gives them, notes are not the expected ones, and
last the number of cases.
"""

from __future__ import annotations

import base64
import functools
import json
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cairn_verify as cv

ROOT = Path("log")
files: dict[str, bytes] = {}  # those of the log that is verified, by path


def read(path: Path, reader=Path.read_bytes):
    """In the place of `cairn_verify.read`: reads from memory."""
    name = path.relative_to(ROOT).as_posix()
    if reader is os.listdir:
        return [file[len(name) + 1:] for file in files if file.startswith(name + "/")]
    return files.get(name)


cv.read = read
# Pure functions of what is nearly always the same few files.
for function in ("crc32c", "verified_text", "group_salts", "read_event", "xxh64"):
    setattr(cv, function, functools.lru_cache(4096)(getattr(cv, function)))


def piece(logs: dict, of: dict) -> bytes:
    if "bytes" in of:
        return base64.b64decode(of["bytes"])
    whole = logs[of["log"]].get(of["path"], b"")
    return whole[slice(*of["range"])] if "range" in of else whole


def apply(edit: dict, logs: dict) -> None:
    path = edit["path"]
    if "flip" in edit:
        changed, (offset, mask) = bytearray(files[path]), edit["flip"]
        changed[offset] ^= mask
        files[path] = bytes(changed)
    elif "pieces" in edit:
        files[path] = b"".join(piece(logs, of) for of in edit["pieces"])
    else:
        files.pop(path, None)


def difference(case: dict, logs: dict, keys: dict) -> str | None:
    global files
    files = dict(logs[case["log"]])
    for edit in case["edits"]:
        apply(edit, logs)
    key, kept = case.get("key", keys[case["log"]]), case.get("checkpoint")
    report = cv.LogVerifier(ROOT).verify(key or None, None if kept is None else base64.b64decode(kept))
    found = report["verdict"], report["first_bad_seq"]
    expected = case["expected"]["verdict"], case["expected"].get("sequence")
    if "notes" in case["expected"]:
        # Each is [note, segment], in any order.
        found += (sorted(([note["note"], note["segment"]] for note in report["notes"]), key=str),)
        expected += (sorted(case["expected"]["notes"], key=str),)
    if found == expected:
        return None
    return f"{case['kind']}: {case['name']}: expected {expected}, found {found}: {report['findings'][:3]}"


def differences(share: int) -> list[str]:
    return [line for case in matrix["cases"][share::SHARES] if (line := difference(case, logs, matrix["keys"]))]


if __name__ == "__main__":
    sys.setrecursionlimit(4_000)  # for deeply nested events
    SHARES = 2
    matrix = json.loads(Path(sys.argv[1]).read_bytes())
    logs = {name: {path: base64.b64decode(data) for path, data in log.items()} for name, log in matrix["logs"].items()}
    # Not a `Pool`: that ends its processes with SIGTERM, which a test runner may have blocked for them.
    with ProcessPoolExecutor(SHARES, multiprocessing.get_context("fork")) as pool:
        for lines in pool.map(differences, range(SHARES)):
            for line in lines:
                print(line)
    print(len(matrix["cases"]), "cases")
