# SPDX-License-Identifier: Apache-2.0
"""What the whole sweep has behind it: the faults that were sound, each with the numbers of its run, one line each. A sweep that
was stopped leaves them out when it goes on. Kept beside the shim under the digest of the programs: other programs begin anew."""
import collections
import hashlib
import json
import os


class KeptRuns:
    def __init__(self, directory, programs):
        digest = hashlib.sha256()
        for program in programs:
            with open(program, "rb") as found:
                digest.update(found.read())
        os.makedirs(directory, exist_ok=True)
        self.path = os.path.join(directory, f"sound-{digest.hexdigest()[:16]}.jsonl")
        self.sums = {fault: collections.Counter(sums) for fault, sums in self.lines()}

    def lines(self):
        """A line that a power loss cut in two is a run to do again."""
        if not os.path.exists(self.path):
            return
        with open(self.path, encoding="utf-8") as kept:
            for line in kept:
                try:
                    yield json.loads(line)
                except json.JSONDecodeError:
                    continue

    def add(self, fault, sums):
        with open(self.path, "a", encoding="utf-8") as kept:
            kept.write(json.dumps([str(fault), sums]) + "\n")
