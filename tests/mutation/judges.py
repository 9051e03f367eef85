# SPDX-License-Identifier: Apache-2.0
"""The checks that a mutant has to fail. A judge is a line of text:

    sim                  random histories of the whole system, seed after seed (tests/simulation)
    wal                  the same of the small world: one log and recovery
    explore [WORLD...]   every crash point and outcome of histories of one step (tests/crash)
    history WORLD STEP...  one longer history, explored and survived
    survive [WORLD...]   a node dies at each point, the other lives on
    flip [WORLD...]      every byte and sector of a directory changed
    twin SWITCH          the executable twin of an optimisation (tests/equivalence)
    unit FOLDER.NAME     one program of unit tests
    fuzz TARGET          the short run of a fuzz target

Nothing is decided by the time that passes: a program that does not come to an end meets a limit of processor time.
"""
import json
import re
import resource
import subprocess

from mutation.mutant import ROOT

CHUNK_SEEDS = 25
# A chunk of seeds, a seed, a program: a second of it, usually.
PROCESSOR_SECONDS_MAX = {"sim": 15, "wal": 15, "unit": 60}
PROCESSOR_SECONDS_MAX_OTHERS = 600
WALL_SECONDS_MAX = 3600  # one that sleeps for ever
MEMORY_BYTES_MAX = 8 << 30
TEXT_MAX = 150


class Judge:
    """What to build for it and how to ask it."""

    PROGRAMS = {
        "sim": ("sim", "tests/simulation/sim"),
        "wal": ("sim", "tests/simulation/sim"),
        "explore": ("crash", "tests/crash/crash"),
        "history": ("crash", "tests/crash/crash"),
        "survive": ("crash", "tests/crash/crash"),
        "flip": ("crash", "tests/crash/crash"),
        "twin": ("equivalence_twins", "tests/equivalence_twins"),
    }

    def __init__(self, text):
        self.text = text
        self.kind, *self.words = text.split()
        if self.kind == "unit":
            self.target = "unit_" + self.words[0].replace(".", "_", 1)
            self.program = f"tests/{self.target}"
        elif self.kind == "fuzz":
            self.target = f"fuzz_{self.words[0]}"
            self.program = f"fuzz/{self.target}"
        else:
            self.target, self.program = self.PROGRAMS[self.kind]

    @property
    def is_fuzz(self):
        return self.kind == "fuzz"

    def ask(self, program, place, seeds):
        """What it noticed, in a line; None: nothing."""
        if self.kind in ("sim", "wal"):
            return self.ask_seeds(program, seeds)
        return self.noticed(self.run(self.command(program, place)))

    def command(self, program, place):
        if self.kind == "explore":
            return [program, "--explore", "1", *self.words]
        if self.kind == "survive":
            return [program, "--survive", "1", *self.words]
        if self.kind in ("flip", "history"):
            return [program, f"--{self.kind}", *self.words]
        if self.kind == "twin":
            return [program, "--first", self.words[0]]
        if self.kind == "unit":
            return [program]
        listing = subprocess.run(["ctest", "--test-dir", str(ROOT / "build" / "fuzz"),
                                  "--show-only=json-v1"], check=True, capture_output=True, text=True)
        command = next(test["command"] for test in json.loads(listing.stdout)["tests"]
                       if test["name"] == f"fuzz.{self.words[0]}")
        command[1] = str(place)  # where it finds the program and keeps its seeds
        return command

    def run(self, command):
        seconds = PROCESSOR_SECONDS_MAX.get(self.kind, PROCESSOR_SECONDS_MAX_OTHERS)

        def limit():
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if not self.is_fuzz:  # whose sanitizer reserves what it never uses
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))

        try:
            return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                                  errors="replace", check=False, preexec_fn=limit,
                                  timeout=WALL_SECONDS_MAX)
        except subprocess.TimeoutExpired as late:
            return subprocess.CompletedProcess(late.cmd, -24, "", "")

    def noticed(self, done):
        if done.returncode == 0:
            return None
        if done.returncode == -24:
            return "it does not come to an end"
        lines = [line.strip() for line in (done.stderr + "\n" + done.stdout).split("\n")]
        telling = [line for line in lines
                   if re.search(r"event=assert|BROKEN|broken|ERROR|runtime error|equivalent|FAILED", line)]
        text = (telling or [line for line in lines if line] or [""])[0]
        return f"exit status {done.returncode}: {text}"[:TEXT_MAX]

    def ask_seeds(self, program, seeds):
        world = ["--wal"] if self.kind == "wal" else []
        for first in range(1, seeds + 1, CHUNK_SEEDS):
            count = min(CHUNK_SEEDS, seeds + 1 - first)
            done = self.run([program, *world, "--campaign", first, count])
            if done.returncode == 0:
                continue
            found = re.search(r"^seed (\d+): (.*)$", done.stdout, re.MULTILINE)
            if done.returncode == 1 and found:
                return f"seed {found.group(1)}: {found.group(2)}"[:TEXT_MAX]
            return self.find_seed(program, world, range(first, first + count))
        return None

    def find_seed(self, program, world, seeds):
        """An assertion ended the campaign and took its last words along: which seed was it?"""
        for seed in seeds:
            text = self.noticed(self.run([program, *world, seed]))
            if text is not None:
                return f"seed {seed}: {text}"
        return "a campaign fails where each of its seeds does not"
