#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the whole enumeration in pieces: as many at a time as there are processors, with progress; a run that was stopped goes on
where it was. What a piece printed is kept beside the program, under the digest of it: another program begins anew.

A piece is a world with all histories of up to one step, or those of more that begin alike and differ in their last steps, three
at most. The last lines are the sum of all pieces, also of those of a run that is interrupted. The exit status is 1 when a promise was
broken, 130 after an interrupt.
"""
import argparse
import concurrent.futures
import hashlib
import itertools
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

DEATHS_LENGTH_MAX = 3
EVERY_LENGTH_MAX = 3  # as in histories.c
FREE_STEPS_MAX = 3  # of a piece
FLIPPED_WORLDS = ("aged-plain", "aged-fast")
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
# The numbers of main.c's tell_totals.
TOTAL = re.compile(r"^total(?:, BROKEN)?: (.*)$", re.MULTILINE)
NUMBER = re.compile(r"\d+")


def names(crash):
    listing = subprocess.run([crash, "--list"], check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in listing.splitlines()]
    return ([row[1] for row in rows if row[0] == "world"], [row[1] for row in rows if row[0] == "step"])


def pieces_of(kind, worlds, steps, length_max):
    """Short ones first: what is broken shows in the shortest history that can show it."""
    for world in worlds:
        yield [f"--{kind}", str(min(length_max, 1)), world]
    for length in range(2, length_max + 1):
        usable = [step for step in steps if step != "noroom" or length <= EVERY_LENGTH_MAX]
        fixed = max(1, length - FREE_STEPS_MAX)
        for world in worlds:
            for beginning in itertools.product(usable, repeat=fixed):
                yield [f"--{kind}-under", str(length), world, *beginning]


def all_pieces(worlds, steps, length):
    yield from pieces_of("survive", worlds, steps, min(length, DEATHS_LENGTH_MAX))
    yield from pieces_of("explore", worlds, steps, length)
    yield ["--mutants"]
    for world in FLIPPED_WORLDS:
        if world in worlds:
            yield ["--flip", "--every-bit", world]


class Piece:
    def __init__(self, crash, kept, arguments):
        self.command = [crash, *arguments]
        self.process = None
        self.name = " ".join(arguments)
        self.kept = kept / (self.name.replace("--", "").replace(" ", "_") + ".txt")

    def run(self):
        """Returns whether all promises held (None: it was interrupted), what was printed, and how long it took (0: it was known)."""
        if self.kept.exists():
            return True, self.kept.read_text(encoding="utf-8"), 0
        began = time.monotonic()
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        output, _ = self.process.communicate()
        status = self.process.returncode
        if status == 0:
            half = self.kept.with_suffix(".new")
            half.write_text(output, encoding="utf-8")
            half.rename(self.kept)
        return None if -status in INTERRUPTS else status == 0, output, time.monotonic() - began

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()


class Sum:
    """Adds up the lines of totals of one kind: a text with numbers in it."""

    def __init__(self):
        self.text = {}

    def add(self, kind, output):
        for line in TOTAL.findall(output):
            more = [int(number) for number in NUMBER.findall(line)]
            before = self.text.get(kind)
            sums = more if before is None else [a + b for a, b in zip(before[1], more)]
            self.text[kind] = (NUMBER.sub("{}", line), sums)

    def tell(self):
        for kind, (text, numbers) in self.text.items():
            print(f"{kind}: {text.format(*numbers)}")


def left_text(spent, done, count, jobs):
    seconds = spent / done * (count - done) / jobs if done else 0
    return f"about {seconds / 60:.0f} min left" if seconds < 7200 else f"about {seconds / 3600:.0f} h left"


def main():
    parser = argparse.ArgumentParser(prog="tests/crash/run --full", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crash", metavar="CRASH", help="the built program: tests/crash/run names it")
    parser.add_argument("length", metavar="LENGTH", nargs="?", type=int, default=2,
                        help="histories of up to so many steps (default: 2), with deaths up to "
                             f"{DEATHS_LENGTH_MAX} of them")
    parser.add_argument("--world", action="append", help="this one, and others named so (default: all)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N",
                        help="pieces at a time (default: one a processor)")
    options = parser.parse_args()
    worlds, steps = names(options.crash)
    if not set(options.world or []) <= set(worlds):
        parser.error("the worlds are " + ", ".join(worlds))
    digest = hashlib.sha256(Path(options.crash).read_bytes()).hexdigest()[:16]
    kept = Path(options.crash).parent / "full" / digest
    kept.mkdir(parents=True, exist_ok=True)
    jobs, length = options.jobs, options.length
    for sign in INTERRUPTS:  # whatever was inherited
        signal.signal(sign, signal.default_int_handler)
    pieces = [Piece(options.crash, kept, arguments)
              for arguments in all_pieces(options.world or worlds, steps, length)]
    return tell_all(pieces, length, jobs)


def results_of(pieces, jobs):
    """Each piece with its result, in order, until an interrupt, which ends those at work."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        try:
            yield from zip(pieces, pool.map(Piece.run, pieces))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for piece in pieces:
                piece.end()


def tell_all(pieces, length, jobs):
    total, broken, known, spent, ran = Sum(), 0, 0, 0.0, 0
    for piece, (good, output, seconds) in results_of(pieces, jobs):
        if good is None:
            break
        known, spent, ran = known + 1, spent + seconds, ran + (seconds > 0)
        broken += not good
        total.add(piece.name.split()[0].removeprefix("--").removesuffix("-under"), output)
        if seconds > 0 or not good:
            print(f"[{known}/{len(pieces)}] {piece.name}: {'' if good else 'BROKEN, '}{seconds:.0f} s; "
                  f"{left_text(spent, ran, len(pieces) - known + ran, jobs)}", flush=True)
        if not good:
            print(output, flush=True)
    total.tell()
    print(f"{known} of {len(pieces)} pieces, {broken} broken; histories up to {length} steps")
    return 1 if broken else 0 if known == len(pieces) else 130


if __name__ == "__main__":
    sys.exit(main())
