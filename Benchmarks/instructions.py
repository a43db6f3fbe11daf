#!/usr/bin/env python3
"""Instructions an event of each step, counted by callgrind, against the budgets in instructions.json.

    python3 Benchmarks/instructions.py [--program PATH] [--update]

(after: swift build -c release; needs valgrind.) Unlike times, counts are the same however busy the machine is; they
depend on the compiler and on which vector instructions valgrind knows, as libraries choose by them. A step may take 3 %
more than its budget; who makes it take less, or has a reason for more, writes the budgets anew with --update.
"""
import argparse
import json
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUDGETS = HERE / "instructions.json"
EVENTS = 500
TOLERANCE = 1.03


def counted(program, step, runs):
    with tempfile.TemporaryDirectory() as place:
        result = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={place}/out", program, "--events", str(EVENTS),
             "--runs", str(runs), step], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    found = re.search(r"Collected : (\d+)", result.stderr)
    if result.returncode or not found:
        raise SystemExit(f"{step}: valgrind failed: {result.stderr[-1000:]}")
    return int(found[1])


def instructions(program, step):
    """Of one event: what six more runs take, so that the preparation is not counted, nor what the first run warms up."""
    return (counted(program, step, 8) - counted(program, step, 2)) / 6 / EVENTS


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(HERE.parent / ".build/release/cairn-steps"))
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    listed = subprocess.run([options.program, "--events", "10", "--runs", "1"], check=True, stdout=subprocess.PIPE,
                            text=True).stdout
    names = [line.split("\t")[0] for line in listed.splitlines()]
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(2) as pool:
        # Valgrind does not understand the debug information of newer compilers, and gives up.
        program = f"{place}/cairn-steps"
        subprocess.run(["strip", "-g", "-o", program, options.program], check=True)
        found = dict(zip(names, pool.map(lambda name: round(instructions(program, name)), names)))
    budgets = found if options.update else json.loads(BUDGETS.read_text())
    for name in names:
        budget = budgets.get(name)
        verdict = "no budget" if budget is None else "over" if found[name] > budget * TOLERANCE + 1 else ""
        print(f"{name:30} {found[name]:8,} of {budget if budget is None else format(budget, ',')} {verdict}")
    if options.update:
        BUDGETS.write_text(json.dumps(found, indent=2) + "\n")
        return 0
    missing = set(budgets) ^ set(names)
    if missing:
        print("steps and budgets differ: " + ", ".join(sorted(missing)))
    return 1 if missing or any(found[name] > budgets[name] * TOLERANCE + 1 for name in names) else 0


if __name__ == "__main__":
    sys.exit(main())
