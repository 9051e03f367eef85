# SPDX-License-Identifier: Apache-2.0
"""docs/failure-model.md as data: its rules, the tests that show each, and whether all of that is in the tree.

A rule is a heading `### ID: title`; below it stands what must hold, a line `Shown by:`, and a list of tests:

    - `unit.engine.proof`: `test_proof_newest_with_one_torn_slot_takes_the_other`, free words

The first name in backticks is the test as CTest knows it, the others are places in its source: a function, a file of its
folder, or a word that stands there (a mutant, a row of an enumeration). tidy.py judges them, tests/failure-matrix prints them.
"""
import dataclasses
import functools
import json
import re
import subprocess
from pathlib import PurePosixPath

DOCUMENT = "docs/failure-model.md"

# Every rule that was agreed upon. One that goes from the document is missed, whether something else names it or not.
AGREED = (
    "FM-1 FM-2 FM-3a FM-3b FM-3c FM-3d FM-3e FM-3f FM-3g FM-3h FM-3i FM-3j FM-3k FM-3l FM-3m FM-4.1 FM-4.2 "
    "FM-5.1a FM-5.1b FM-5.1c FM-5.1d FM-5.1e FM-5.1f FM-5.1g FM-5.1h FM-5.1i FM-5.2 "
    "FM-6.1 FM-6.2a FM-6.2b FM-6.2c FM-6.2d FM-7.1 FM-7.2 FM-8.1 FM-8.2 "
    "FM-9.1a FM-9.1b FM-9.1c FM-9.1d FM-9.2a FM-9.2b FM-10a FM-10b "
    "FM-11.1a FM-11.1b FM-11.1c FM-11.2a FM-11.2b FM-12 FM-13 FM-14 FM-15 FM-time "
    "D-1 D-2 D-3 V-1 V-2 DET-1 DET-2 DET-3 REP-1 REP-2 REP-3 REP-4 REP-5 FR-1 FR-2 FR-3 OBS-1 "
    "DIS-1 DIS-2 DIS-3 OPT-1 OPT-2 OPT-3 OPT-4 OPT-5").split() + [f"decision {n}" for n in range(1, 26)]

# The kind of a test -> where the source of one with this name is; the first that exists counts. The rows of a twin stand in
# its document, too: equivalence.tables holds the two together.
SOURCES = {
    "unit": ["tests/unit/{0}/test_{1}.c"],
    "sim": ["tests/simulation/test_{0}.c", "tests/simulation/test_sim_{0}.c", "tests/simulation/"],
    "crash": ["tests/crash/test_{0}.c", "tests/crash/"],
    "equivalence": ["tests/equivalence/ docs/optimizations/{0}.md"],
    "net.faults": ["tests/faults/{0}.py", "tests/faults/"],
    "net": ["tests/integration/{0}_smoke.py", "tests/integration/{0}.py", "tests/integration/{0}/"],
    "fuzz": ["tests/fuzz/target_{0}.c"],
    "model": ["tests/model/"],
    "docs": ["tests/docs/"],
    "tidy": ["tests/tidy/"],
}

RULE = re.compile(r"^### (?P<id>FM-[\w.]+|[A-Z]+-\d+|decision \d+): (?P<title>\S.*)$")
SHOWN_BY = "Shown by:"
QUOTED = re.compile(r"`([^`]+)`")
CITED = re.compile(r"\b(?:FM-(?:time|\d+(?:\.\d+)?[a-z]?)|(?:D|V|DET|REP|FR|OBS|DIS|OPT)-\d+)\b")
CITED_DECISIONS = re.compile(r"\b[Dd]ecisions?\s+(\d+[ab]?(?:(?:,? and |,? or | to |, )\d+[ab]?)*)\b")


@dataclasses.dataclass
class Shown:
    test: str
    places: list
    line: int


@dataclasses.dataclass
class Rule:
    id: str
    title: str
    line: int
    shown: list


def parse(document):
    """(rules, problems): every rule of the document, in its order."""
    rules, problems, is_list = [], [], False
    for number, line in enumerate(document.split("\n"), 1):
        if line.startswith("#"):
            is_list = False
            match = RULE.match(line)
            if match:
                rules.append(Rule(match["id"], match["title"], number, []))
            elif line.startswith("### "):
                problems.append((number, f"'{line}' is not of the form '### ID: title'"))
        elif line == SHOWN_BY:
            is_list = True
        elif is_list and line.startswith("- "):
            names = QUOTED.findall(line)
            if names and line.startswith(f"- `{names[0]}`"):
                rules[-1].shown.append(Shown(names[0], names[1:], number))
            else:
                problems.append((number, "a line of the list begins with a test in backticks"))
        elif is_list and line.startswith("  ") and rules[-1].shown:
            rules[-1].shown[-1].places += QUOTED.findall(line)
    return rules, problems


def rule_problems(document):
    """What is wrong with the document by itself."""
    rules, problems = parse(document)
    yield from problems
    if not rules:
        yield 1, "there is no rule here"
    ids = [rule.id for rule in rules]
    for rule in rules:
        if ids.count(rule.id) > 1:
            yield rule.line, f"{rule.id} stands here more than once"
        if not rule.shown:
            yield rule.line, f"{rule.id} has no test: '{SHOWN_BY}' and a list of them"


def missing_problems(document, agreed):
    """Rules that have gone, and those that nobody agreed upon."""
    rules = {rule.id: rule.line for rule in parse(document)[0]}
    yield from ((1, f"{name} is missing") for name in agreed if name not in rules)
    yield from ((line, f"{name} is not among those that tests/tidy/failure_model.py lists (AGREED)")
                for name, line in rules.items() if name not in agreed)


def sources_of(test, names):
    """The files of the tree in which the test is written; none: there is no such test."""
    for kind in sorted(SOURCES, key=len, reverse=True):
        parts = test[len(kind) + 1:].split(".")
        if not test.startswith(kind + "."):
            continue
        for pattern in SOURCES[kind]:
            if pattern.count("{") > len(parts):
                break
            places = pattern.format(*parts).split()
            found = [name for name in names for place in places
                     if name == place or (place.endswith("/") and name.startswith(place))]
            if found:
                return found
    return []


def is_place(place, sources, read):
    if any(PurePosixPath(name).name == place for name in sources):
        return True
    if re.fullmatch(r"[\w-]+\.(c|h|py|pml)", place):
        return False
    pattern = rf"\b(void|def) {place}\(" if place.startswith("test_") else \
        rf"(?<![\w-]){re.escape(place)}(?![\w-])"
    return any(re.search(pattern, read(name) or "") for name in sources)


def test_problems(document, names, read, known_tests):
    """Tests that are not there. `known_tests`: CTest's, or None where there is no build to ask."""
    for rule in parse(document)[0]:
        for shown in rule.shown:
            sources = sources_of(shown.test, names)
            if not sources or (known_tests is not None and shown.test not in known_tests):
                yield shown.line, f"{rule.id}: there is no test {shown.test}"
                continue
            for place in shown.places:
                if not is_place(place, sources, read):
                    yield shown.line, f"{rule.id}: {shown.test} has no {place}"


def citations(text):
    """(line, identifier) for every identifier of the failure model that the text names."""
    for number, line in enumerate(text.split("\n"), 1):
        for match in CITED.finditer(line):
            yield number, match.group(0)
        for match in CITED_DECISIONS.finditer(line):
            for word in re.findall(r"\d+", match.group(1)):
                yield number, f"decision {word}"


def citation_problems(text, identifiers):
    """A family may be cited as a whole: FM-9.1 stands for FM-9.1a to d."""
    for number, cited in citations(text):
        is_family = any(re.match(re.escape(cited) + r"(\.|[a-z]$)", known) for known in identifiers)
        if cited not in identifiers and not is_family:
            yield number, f"{cited} is not in {DOCUMENT}"


def ctest_names(build, names):
    """What CTest runs in this build, and the fuzz targets, which have a build of their own."""
    listing = subprocess.run(["ctest", "--test-dir", str(build), "--show-only=json-v1"], check=True,
                             capture_output=True, text=True).stdout
    targets = {PurePosixPath(name).stem for name in names if name.startswith("tests/fuzz/target_")}
    return ({test["name"] for test in json.loads(listing)["tests"]}
            | {"fuzz." + target.removeprefix("target_") for target in targets})


def tree_problems(names, read, build, agreed=AGREED):
    """(file, line, problem) for the document and for all that cites it. `build`: None where there is none."""
    read = functools.cache(read)
    document = read(DOCUMENT) if DOCUMENT in names else ""
    known_tests = None if build is None else ctest_names(build, names)
    for found in (rule_problems(document), missing_problems(document, agreed),
                  test_problems(document, names, read, known_tests)):
        yield from ((DOCUMENT, line, problem) for line, problem in found)
    identifiers = {rule.id for rule in parse(document)[0]}
    for name in names:
        for line, problem in citation_problems(read(name) or "", identifiers):
            yield name, line, problem
