# SPDX-License-Identifier: Apache-2.0
"""Programs with one file changed, while the tree and its build stay as they are: the changed file is compiled in a
directory of its own and linked in front of the library that holds the sound one."""
import json
import shlex
import subprocess
from pathlib import Path

from mutation.mutant import ROOT


class DoesNotBuild(Exception):
    pass


def run(command, **more):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        raise DoesNotBuild((done.stdout + done.stderr)[-1500:])
    return done.stdout


def defined_symbols(paths):
    """What each of these objects and programs defines for others."""
    told = run(["nm", "--print-file-name", "--defined-only", "--extern-only", "--format=posix",
                *map(str, paths)])
    found = {path: set() for path in paths}
    for line in told.splitlines():
        path, symbol = line.split(": ", 1)
        found[Path(path)].add(symbol.split(" ", 1)[0])
    return found


class Workshop:
    """A sound build, of which programs with changes are made."""

    def __init__(self, build, configure):
        self.build = build
        self.configure = configure
        self.built = set()
        self.commands = None
        self.links = {}

    def make_sound(self, targets, jobs):
        """Builds what judges need; incremental."""
        missing = sorted(set(targets) - self.built)
        if not missing:
            return
        if not self.built:
            run(self.configure, cwd=ROOT)
        run(["cmake", "--build", str(self.build), "-j", str(jobs), "--target", *missing])
        self.built.update(missing)

    def compiling(self, file):
        """The words of the command that compiles it, and where; the object is the word behind "-o"."""
        if self.commands is None:
            path = self.build / "compile_commands.json"
            if not path.is_file():
                raise DoesNotBuild(f"there is no {path}")
            self.commands = {entry["file"]: entry for entry in json.loads(path.read_text())}
        entry = self.commands[str(ROOT / file)]
        return shlex.split(entry["command"]), Path(entry["directory"])

    def object_of(self, file):
        words, directory = self.compiling(file)
        return directory / words[words.index("-o") + 1]

    def deaf(self, pairs):
        """Of pairs of a program and a source file those where the sound program does not take the file's object out of its
        library: a change of the file would change nothing."""
        defined = defined_symbols({self.build / program for program, _ in pairs} |
                                  {self.object_of(file) for _, file in pairs})
        return [(program, file) for program, file in pairs
                if defined[self.object_of(file)].isdisjoint(defined[self.build / program])]

    def compile_changed(self, mutant, place):
        """The changed file's object, in `place`."""
        source = place / "changed.c"
        target = place / "changed.o"
        source.write_text(mutant.changed_text(), encoding="utf-8")
        words, directory = self.compiling(mutant.file)
        words[words.index("-o") + 1] = str(target)
        words[words.index("-c") + 1] = str(source)
        run(words + ["-w", "-Wno-error", "-g0", "-O0"], cwd=directory)
        return target

    def linking(self, program):
        """The words of the command that links it."""
        if program not in self.links:
            told = run(["ninja", "-C", str(self.build), "-t", "commands", program])
            words = shlex.split(told.strip().split("\n")[-1])
            words = words[words.index("&&") + 1:]
            self.links[program] = words[:words.index("&&")]
        return self.links[program]

    def link_changed(self, program, changed, place):
        """`program` (its path below the build) with the changed object in front; its new path."""
        words = list(self.linking(program))
        at = words.index("-o")
        target = place / program.rsplit("/", 1)[-1]
        words[at + 1] = str(target)
        run([*words[:at], str(changed), *words[at:], "-Wl,--strip-debug"], cwd=self.build)
        return target


def plain_workshop(build=ROOT / "build" / "dev"):
    """Every judge but the fuzz targets: what tests/run has built anyway."""
    return Workshop(build, ["cmake", "--preset", "dev"])


def fuzz_workshop():
    return Workshop(ROOT / "build" / "fuzz", ["cmake", "--preset", "fuzz"])
