#!/usr/bin/env python3
"""Runs the independent checker of proofs over changed proofs, which the Swift tests write into one JSON file.

    python3 proof_matrix.py MATRIX.json

Prints a line for each case that it judges otherwise, and last the number of cases.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import cairn_verify as cv


def outcome(file: bytes, case: dict, keys: dict[str, str]) -> str:
    """VERIFIED, the step that failed, or form."""
    witnesses = [cv.witness_key(vkey) for vkey in case["witnesses"]]
    try:
        cv.check_proof(file, cv.Key.parse(keys[case["key"]]), witnesses)
        return "VERIFIED"
    except cv.NoProof:
        return "form"
    except cv.Refused as error:
        return error.step


def changed(proof: bytes, case: dict) -> bytes:
    """A byte of the file or of its extra is changed, or the end cut off."""
    if not case["extra"]:
        return change(proof, case)
    match = cv.TLOG_PROOF.fullmatch(proof)
    extra = base64.b64encode(change(base64.b64decode(match[1]), case))
    return proof[:match.start(1)] + extra + proof[match.end(1):]


def change(data: bytes, case: dict) -> bytes:
    at, mask = case["at"], case["mask"]
    if mask == 0:
        return data[:at]
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1:]


def main() -> None:
    matrix = json.loads(Path(sys.argv[1]).read_bytes())
    proofs = {name: base64.b64decode(file) for name, file in matrix["proofs"].items()}
    for case in matrix["cases"]:
        found = outcome(changed(proofs[case["proof"]], case), case, matrix["keys"])
        if found != case["expected"]:
            print(f"{case}: found {found}")
    print(len(matrix["cases"]), "cases")


if __name__ == "__main__":
    main()
