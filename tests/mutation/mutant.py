# SPDX-License-Identifier: Apache-2.0
"""A mutant: one rule of the tree, broken by exchanging one piece of text for another.

Exact text, which must stand in its file exactly once, survives every change but those to the very lines that uphold the
rule; and of those it wants to hear.
"""
import importlib
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RULES = Path(__file__).resolve().parent / "rules"
DECISION_COUNT = 25
RULE_ID = re.compile(r"(decision \d+|FM-[\w.]+|(D|V|DET|REP|FR|DIS|OBS|KS)-\d+|resources)")

# Who is asked when a mutant names nobody: random histories of both worlds, then what is enumerated.
USUAL_JUDGES = ("sim", "wal", "explore", "survive", "flip")


class DoesNotApply(Exception):
    """The tree has moved on: the mutant has to be mended, or its rule is gone."""


@dataclass(frozen=True)
class Mutant:
    name: str  # GROUP/what-is-broken; the group is the file that lists it
    breaks: str  # what the tree does without the rule
    rules: tuple  # which that is: "D-1", "decision 4", "FM-7.2"
    file: str
    before: str
    after: str
    judges: tuple = USUAL_JUDGES  # asked in turn, until one notices

    def changed_text(self, root=ROOT):
        """The file's text with the rule broken."""
        path = root / self.file
        if not path.is_file():
            raise DoesNotApply(f"{self.name}: there is no {self.file}")
        text = path.read_text(encoding="utf-8")
        count = text.count(self.before)
        if count != 1:
            raise DoesNotApply(f"{self.name}: {self.file} holds its text {count} times, not once")
        if self.after == self.before:
            raise DoesNotApply(f"{self.name}: changes nothing")
        return text.replace(self.before, self.after)


def all_mutants():
    """Every list of rules/, in the order of their names."""
    found = []
    for path in sorted(RULES.glob("*.py")):
        listed = importlib.import_module(f"mutation.rules.{path.stem}").MUTANTS
        for mutant in listed:
            if not mutant.name.startswith(path.stem + "/"):
                raise ValueError(f"{mutant.name}: listed in {path.name}")
        found += listed
    return found


def unknown_judges(mutants):
    """Judges that there are not, and fuzz targets that nobody shows to be able to fail."""
    named = {judge for mutant in mutants for judge in mutant.judges}
    targets = {path.stem.removeprefix("target_") for path in (ROOT / "tests/fuzz").glob("target_*.c")}
    known = {"sim", "wal", "explore", "survive", "flip"}
    known |= {f"fuzz {target}" for target in targets}
    known |= {f"unit {path.parent.name}.{path.stem.removeprefix('test_')}"
              for path in (ROOT / "tests/unit").glob("*/test_*.c")}
    known |= {f"twin {path.stem}" for path in (ROOT / "docs/optimizations").glob("[a-z]*.md")}
    with_words = ("explore ", "survive ", "flip ", "history ")
    return [f"'{judge}' is no judge" for judge in sorted(named - known)
            if not judge.startswith(with_words)] + [
        f"no mutant is put to the fuzz target {target}" for target in sorted(targets)
        if f"fuzz {target}" not in named]


def problems(mutants, root=ROOT):
    """What is wrong with the lists themselves."""
    found = []
    names = [mutant.name for mutant in mutants]
    found += [f"{name}: twice" for name in sorted(set(names)) if names.count(name) > 1]
    changes = [(mutant.file, mutant.before, mutant.after) for mutant in mutants]
    found += [f"{name}: changes what another one changes" for name, change in zip(names, changes)
              if changes.count(change) > 1]
    for mutant in mutants:
        found += [f"{mutant.name}: '{rule}' is no rule" for rule in mutant.rules
                  if not RULE_ID.fullmatch(rule)]
        try:
            mutant.changed_text(root)
        except DoesNotApply as reason:
            found.append(str(reason))
    found += unknown_judges(mutants)
    broken = {rule for mutant in mutants for rule in mutant.rules}
    found += [f"decision {number}: no mutant is the design without it"
              for number in range(1, DECISION_COUNT + 1) if f"decision {number}" not in broken]
    return found
