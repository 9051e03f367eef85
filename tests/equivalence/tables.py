#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds docs/optimizations to its executable twins, and recovery to its blindness.

    tests/equivalence/tables.py TWINS     TWINS: the built equivalence_twins
    tests/equivalence/tables.py --self-test

Each check is a function from texts to problems; the self-test shows each of them something broken, and fails when one
does not see it.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs" / "optimizations"

SECTIONS = ["Baseline semantics", "The exact mechanical change", "Invariant impact matrix",
            "Equivalence argument", "Failure timeline", "Recovery convergence proof",
            "Disablement and rollback", "Residual risk", "Reference to the failure model"]

IDENTIFIERS = (
    ["FM-4.1", "FM-4.2"] + [f"FM-5.1{c}" for c in "abcdefghi"] + ["FM-6.1"]
    + [f"FM-6.2{c}" for c in "abcd"] + ["FM-7.1", "FM-7.2", "FM-8.1", "FM-8.2"]
    + [f"FM-9.1{c}" for c in "abcd"] + ["FM-9.2a", "FM-9.2b", "FM-10a", "FM-10b"]
    + [f"FM-11.1{c}" for c in "abc"] + ["FM-11.2a", "FM-11.2b", "FM-time", "D-1", "D-2", "D-3",
       "V-1", "V-2", "DET-1", "DET-2", "DET-3", "REP-1", "REP-2", "REP-3", "REP-4", "REP-5",
       "FR-1", "FR-2", "FR-3", "OBS-1", "DIS-1", "DIS-2", "DIS-3"])
IMPACTS = ["untouched", "preserved with proof", "not applicable"]

# Arguments that are none.
BANNED = re.compile(r"\b(usually|in practi[cs]e|likely|unlikely|probably|rarely|seldom|benchmarks?|"
                    r"measured|fast enough|tests? (?:pass|show)(?:es|s)?)\b", re.IGNORECASE)

ROW = re.compile(r"^\| ([A-Z]{2}-\d\d) \|(.*)\|$", re.MULTILINE)


def check_rows(document, ids):
    """The document's table of failure points and the twin's rows are one list, in one order."""
    found = [match.group(1) for match in ROW.finditer(document)]
    for name in sorted({name for name in found if found.count(name) > 1}):
        yield f"row {name} stands twice in the document"
    for name in [name for name in found if name not in ids]:
        yield f"row {name} of the document has no case"
    for name in [name for name in ids if name not in found]:
        yield f"case {name} has no row in the document"
    for match in ROW.finditer(document):
        cells = [cell.strip() for cell in match.group(2).split("|")]
        if len(cells) != 4 or not all(cells):
            yield f"row {match.group(1)} needs point, baseline, optimised and permitted outcome"


def check_sections(document):
    found = re.findall(r"^## \d+\. (.*)$", document, re.MULTILINE)
    if found != SECTIONS:
        yield f"the sections are {found}, they must be {SECTIONS}"


def check_matrix(document):
    part = document.partition("## 3.")[2].partition("## 4.")[0]
    named = []
    for line in part.split("\n"):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| ") or cells[0] in ("identifier", "---"):
            continue
        named += [word.strip() for word in cells[0].split(",")]
        if len(cells) != 3 or cells[1] not in IMPACTS or not cells[2]:
            yield f"the matrix's line of {cells[0]} needs one of {IMPACTS}, and why"
    for name in IDENTIFIERS:
        if named.count(name) != 1:
            yield f"the matrix names {name} {named.count(name)} times"
    for name in set(named) - set(IDENTIFIERS):
        yield f"the matrix names {name}, which is no identifier"


def check_words(document):
    for match in BANNED.finditer(document):
        yield f'"{match.group(0)}" is no argument'


def check_switches(switches, keys, documents):
    """Every optimisation of the configuration is a switch of the twins, with a document; no other."""
    optimisations = re.findall(
        r'\{\.name = "(\w+)",(?:(?!\{\.name).)*?\.help = "Optimisation:', keys, re.DOTALL)
    for name in sorted(set(optimisations) - set(switches)):
        yield f"the configuration's {name} is an optimisation without a twin"
    for name in sorted(set(switches) - set(optimisations)):
        yield f"the twins' switch {name} is no key of the configuration"
    for name in sorted(set(switches) ^ set(documents)):
        yield f"docs/optimizations/{name}.md and the switches do not agree"


def check_recovery(files, switches):
    """No configuration reaches recovery: no header of one, no switch, no options."""
    for name, text in files.items():
        code = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        for header in re.findall(r'#include "([^"]+)"', code):
            if re.search(r"config|options|wal_writer|wal_log|wal_queue|checkpoint|wal_follower",
                         header):
                yield f"{name} includes {header}"
        for word in list(switches) + ["options", "switches"]:
            if re.search(rf"\b\w*{word}\w*\b", code):
                yield f"{name} speaks of {word}"


# ---- the tree ----

def run(twins, *arguments):
    return subprocess.run([twins, *arguments], check=True, capture_output=True,
                          text=True).stdout.split()


def check_tree(twins):
    switches = run(twins, "--switches")
    documents = {path.stem: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))
                 if path.stem != "README"}
    keys = (ROOT / "server" / "config_keys.c").read_text(encoding="utf-8")
    recovery = {path.name: path.read_text(encoding="utf-8")
                for path in sorted((ROOT / "engine").glob("recovery*.[ch]"))}
    problems = [] if recovery else ["there is no recovery to look at"]
    problems += list(check_switches(switches, keys, documents))
    problems += list(check_recovery(recovery, switches))
    for name, document in documents.items():
        found = [*check_sections(document), *check_matrix(document), *check_words(document)]
        if name in switches:
            found += check_rows(document, run(twins, "--rows", name))
        problems += [f"docs/optimizations/{name}.md: {problem}" for problem in found]
    for problem in problems:
        print(problem)
    print(f"tables: {len(documents)} documents, {len(recovery)} files of recovery, "
          f"{len(problems)} problems")
    return 1 if problems else 0


# ---- self-test: (check, arguments, a part of the problem; None: there must be none) ----

GOOD_ROW = "| GC-01 | a point | n -> n | n -> n | nothing is lost |"
MATRIX = ("## 3. Invariant impact matrix\n| identifier | impact | why |\n| --- | --- | --- |\n"
          + "".join(f"| {name} | untouched | because |\n" for name in IDENTIFIERS) + "## 4. X\n")
KEYS = '{.name = "a",\n .help = "Optimisation: x"},\n{.name = "b",\n .help = "Other"},'

FIXTURES = [
    (check_rows, (GOOD_ROW, ["GC-01"]), None),
    (check_rows, (GOOD_ROW, []), "row GC-01 of the document has no case"),
    (check_rows, (GOOD_ROW, ["GC-01", "GC-02"]), "case GC-02 has no row"),
    (check_rows, (GOOD_ROW + "\n" + GOOD_ROW, ["GC-01"]), "stands twice"),
    (check_rows, ("| GC-01 | a point | n -> n | | x |", ["GC-01"]), "needs point"),
    (check_sections, ("".join(f"## {i}. {s}\n" for i, s in enumerate(SECTIONS, 1)),), None),
    (check_sections, ("".join(f"## {i}. {s}\n" for i, s in enumerate(SECTIONS[1:], 1)),),
     "the sections are"),
    (check_matrix, (MATRIX,), None),
    (check_matrix, (MATRIX.replace("| D-1 |", "| D-2 |"),), "names D-1 0 times"),
    (check_matrix, (MATRIX.replace("| FM-8.1 | untouched |", "| FM-8.1 | fine |"),), "FM-8.1 needs"),
    (check_matrix, (MATRIX.replace("| D-1 |", "| D-1, other |"),), "other, which is no identifier"),
    (check_words, ("It is always so.",), None),
    (check_words, ("It is usually so.",), "usually"),
    (check_words, ("The benchmark says so.",), "benchmark"),
    (check_words, ("The tests pass.",), "tests pass"),
    (check_switches, (["a"], KEYS, ["a"]), None),
    (check_switches, ([], KEYS, []), "optimisation without a twin"),
    (check_switches, (["a", "b"], KEYS, ["a", "b"]), "switch b is no key"),
    (check_switches, (["a"], KEYS, []), "a.md and the switches"),
    (check_recovery, ({"recovery.c": '#include "engine/disk.h"\n/* no options */'}, ["wal_recycle"]),
     None),
    (check_recovery, ({"recovery.c": '#include "base/config.h"'}, []), "includes base/config.h"),
    (check_recovery, ({"recovery.c": "if (wal_recycle) {}"}, ["wal_recycle"]), "speaks of"),
    (check_recovery, ({"recovery.h": "struct aero_recovery_options {};"}, []), "speaks of options"),
]


def self_test():
    blind = 0
    for check, arguments, expected in FIXTURES:
        problems = list(check(*arguments))
        seen = not problems if expected is None else any(expected in text for text in problems)
        if not seen:
            print(f"{check.__name__} says {problems}, expected {expected!r}")
            blind += 1
    for check in {function for name, function in globals().items() if name.startswith("check_")}:
        if check is not check_tree and not any(row[0] is check and row[2] for row in FIXTURES):
            print(f"{check.__name__} has no example that it must catch")
            blind += 1
    print(f"tables: {len(FIXTURES)} examples, {blind} not seen")
    return 1 if blind else 0


if __name__ == "__main__":
    sys.exit(self_test() if sys.argv[1:] == ["--self-test"] else check_tree(sys.argv[1]))
