# SPDX-License-Identifier: Apache-2.0
"""The parts of the campaign. Those that end by themselves come first, so that what they leave of their time goes to those
that can use any amount. A share is about the minutes that the part takes, or makes good use of, on two processors."""
import os
import re
import sys
from collections import Counter

from long.part import Part

JOBS = str(os.cpu_count())


def last(pattern, text, form="{0}"):
    """The last match, told as `form`; empty: there is none."""
    found = re.findall(pattern, text, re.MULTILINE)
    if not found:
        return ""
    groups = found[-1] if isinstance(found[-1], tuple) else (found[-1],)
    return form.format(*groups)


def thousands(number):
    return f"{number:,}"


def read_simulation(text):
    sums = Counter()
    words = {
        "histories": r"^(\d+) histories, \d+ failed \(", "commands": r"clients\s+(\d+) commands",
        "writes acknowledged": r"(\d+) writes acknowledged", "kills": r"faults\s+(\d+) kills",
        "power losses": r"(\d+) power losses", "faults of disks": r"(\d+) of disks",
        "of networks": r"(\d+) of networks", "damages and lies": r"(\d+) damages and lies",
        "starts": r"nodes\s+(\d+) starts", "digests compared": r"(\d+) digests",
        "histories of the small world": r"^(\d+) histories, \d+ failed:",
    }
    for name, pattern in words.items():
        sums[name] += sum(int(number) for number in re.findall(pattern, text, re.MULTILINE))
    if not sums["histories"]:
        return ""
    seeds = re.findall(r"^seeds (\d+) to (\d+)", text, re.MULTILINE)
    span = f"seeds {seeds[0][0]} to {seeds[-1][1]}: " if seeds else ""
    return span + ", ".join(f"{thousands(number)} {name}" for name, number in sums.items())


def read_crash(text):
    """The sums of explored histories and of those with a death."""
    explored = re.search(r"^explore: (\d+) histories, (\d+) disk points .*?(\d+) link points, (\d+) outcomes .*"
                         r"in recoveries (\d+) points, (\d+) outcomes, (\d+) recovered again", text, re.MULTILINE)
    survived = re.search(r"^survive: (\d+) histories, .*; (\d+) lives", text, re.MULTILINE)
    names = ["histories explored", "points at the disk", "at the link", "outcomes", "points in recoveries",
             "outcomes there", "recovered again"]
    parts = [(survived, ["histories with deaths", "lives after one"]), (explored, names)]
    return ", ".join(f"{thousands(int(number))} {name}" for found, texts in parts if found
                     for number, name in zip(found.groups(), texts))


def read_flips(text):
    flips = [tuple(map(int, row)) for row in
             re.findall(r"(\d+) bits flipped, (\d+) sectors overwritten", text)]
    if not flips:
        return ""
    bits, sectors = (sum(column) for column in zip(*flips))
    return f"{len(flips)} directories: {thousands(bits)} bits flipped, {thousands(sectors)} sectors " \
           "overwritten or unreadable"


def read_fuzz(text):
    rows = re.findall(r"^(\w+): (\d+) inputs,", text, re.MULTILINE)
    if not rows:
        return ""
    return f"{len(rows)} targets, {thousands(sum(int(row[1]) for row in rows))} inputs"


def read_mutants(text):
    tried = re.findall(r"^\[\d+/(\d+)\] (\w+) ", text, re.MULTILINE)
    if not tried:
        return ""
    return f"{len(tried)} of {tried[0][0]} mutants tried, " \
           f"{sum(verdict == 'caught' for _, verdict in tried)} caught"


def read_coverage(text):
    rows = re.findall(r"^\s+all of (.+?)\s+\d+/\d+\s+([\d.]+)\s+\d+/\d+\s+([\d.]+)\s+\d+/\d+\s+([\d.]+)",
                      text, re.MULTILINE)
    return "; ".join(f"{name.strip()} {lines} / {branches} / {mcdc}" for name, lines, branches, mcdc in rows)


def python(script, *words):
    return [sys.executable, "-B", script, *words]


PARTS = [
    Part("model", 1, lambda seconds: ["tests/model/run"],
         lambda text: last(r"^(\S+ states, \d+ variants, \d+ caught)$", text),
         r"not caught|model .*(breaks|not complete)"),
    Part("proof", 8, lambda seconds: ["tests/proof/run"],
         lambda text: last(r"^(\d+ goals, \d+ proved; \d+ variants, \d+ caught)$", text),
         r"Goal \S+ : (?!Valid)|^NOT CAUGHT|exit status"),
    Part("flips", 2, lambda seconds: ["tests/crash/run", "--flip", "--every-bit"], read_flips, r"^BROKEN"),
    Part("valgrind", 20, lambda seconds: ["tests/valgrind"],
         lambda text: last(r"^(\d+) passed, \d+ failed$", text, "{0} programs of unit tests"), r"^failed:"),
    Part("coverage", 12, lambda seconds: ["tests/coverage"], read_coverage, r"tests failed"),
    Part("mutants", 40, lambda seconds: ["tests/mutants"], read_mutants, r"SURVIVED|\] ERROR|notices something"),
    Part("system-calls", 15,
         lambda seconds: python("tests/faults/run", "--sample", "1000000", "--seconds", str(max(1, seconds - 60)),
                                "--jobs", JOBS),
         lambda text: last(r"^(\d+) runs, seed (\d+): (\d+) faults injected.*?; (\d+) commits", text,
                           "{0} runs (seed {1}), {2} calls failed, {3} commits acknowledged"), r"^FAILED"),
    Part("fuzz", 15, lambda seconds: ["tests/fuzz/run", "--seconds", str(max(1, (seconds - 60) // 17))],
         read_fuzz, r"edges, exit status [^0]|^BROKEN"),
    Part("crash", 20, lambda seconds: ["tests/crash/run", "--full", "5"], read_crash, r"^BROKEN"),
    Part("simulation", 25,
         lambda seconds: python("tests/long/simulation", "--seconds", str(max(1, seconds - 60)), "--jobs", JOBS),
         read_simulation, r"^seed \d+: |ended with"),
]
