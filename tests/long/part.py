# SPDX-License-Identifier: Apache-2.0
"""A part of the campaign: one command that runs for as long as it may, and what is to be read from its log.

A part that is still running when its time is up is ended, and what its log says until then counts; so commands that
tell of their progress lose nothing by it. A part that ended by itself with a failure, or found something, has failed.
"""
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass, field

TELL_EVERY_S = 30
GRACE_S = 30


@dataclass
class Outcome:
    """What a part comes to: a row of the summary."""
    kind: str
    command: str
    figures: str = ""
    found: list = field(default_factory=list)
    ended_early: bool = False
    seconds: float = 0

    @property
    def is_sound(self):
        return not self.found and bool(self.figures)


def tell(text):
    print(time.strftime("%H:%M:%S"), text, flush=True)


def last_line(path):
    """Of a log that may be long."""
    with open(path, "rb") as log:
        log.seek(max(0, os.path.getsize(path) - 4096))
        lines = [line for line in log.read().decode(errors="replace").split("\n") if line.strip()]
    return lines[-1].strip() if lines else ""


def end_group(process):
    """Asks the command and all that it started to end, and makes them."""
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        try:
            process.wait(timeout=GRACE_S)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


class Part:
    """`read` turns a log into figures; `finding` matches the lines that tell of something found."""

    def __init__(self, kind, share, command, read, finding):
        self.kind = kind
        self.share = share  # of the time, compared with the others
        self.command = command  # of the seconds that it has
        self.read = read
        self.finding = re.compile(finding)

    def run(self, seconds, log, root):
        command = self.command(int(seconds))
        outcome = Outcome(self.kind, " ".join(command))
        began = time.monotonic()
        told = began
        with open(log, "w", encoding="utf-8") as out:
            process = subprocess.Popen(command, cwd=root, stdout=out, stderr=subprocess.STDOUT,
                                       stdin=subprocess.DEVNULL, start_new_session=True)
            try:
                while process.poll() is None and time.monotonic() - began < seconds:
                    time.sleep(0.2)
                    if time.monotonic() - told >= TELL_EVERY_S:
                        told = time.monotonic()
                        tell(f"{self.kind}, {told - began:.0f} of {seconds:.0f} s: {last_line(log)[:150]}")
                outcome.ended_early = process.poll() is None
            finally:
                if process.poll() is None:
                    end_group(process)
        outcome.seconds = time.monotonic() - began
        self.judge(outcome, process.returncode, log)
        return outcome

    def judge(self, outcome, status, log):
        text = log.read_text(encoding="utf-8", errors="replace")
        outcome.figures = self.read(text)
        outcome.found = [line.strip() for line in text.split("\n") if self.finding.search(line)]
        if not outcome.found and not outcome.ended_early and status != 0:
            outcome.found = [f"exit status {status}: {last_line(log)}"]
        if not outcome.figures and not outcome.found and not outcome.ended_early:
            outcome.found = [f"ended without a figure: {last_line(log)}"]
