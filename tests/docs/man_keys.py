#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The KEYS section of aerodb.conf(5), from what the daemons print of themselves.

    tests/docs/man_keys.py BIN_DIR            print the section
    tests/docs/man_keys.py BIN_DIR --write    put it into docs/man/aerodb.conf.5
"""
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "man" / "aerodb.conf.5"
BEGIN = ".SH KEYS\n"
END = ".SH EXAMPLE\n"


def escape(text):
    return re.sub(r"^([.'])", r"\\&\1", text.replace("\\", "\\e").replace("-", "\\-"))


def print_config(bin_dir, program):
    return subprocess.run([str(Path(bin_dir) / program), "--print-config"], check=True,
                          capture_output=True, text=True).stdout


def keys_of(text):
    """(name, default, help) of each commented key."""
    for block in text.split("\n\n")[1:]:
        lines = block.strip().split("\n")
        name, default = re.fullmatch(r"#([a-z0-9_]+) =\s*(.*)", lines[-1]).groups()
        words = " ".join(line.lstrip("# ") for line in lines[:-1]).replace(" Allowed:", "\nAllowed:")
        yield name, default, words


def section(bin_dir):
    primary = {name for name, _, _ in keys_of(print_config(bin_dir, "aerodb-primary"))}
    out = [BEGIN]
    for name, default, words in keys_of(print_config(bin_dir, "aerodb-replica")):
        where = "" if name in primary else " Only for aerodb-replica."
        shown = f" = {default}" if default else " (empty)"
        out.append(f".TP\n.B {escape(name + shown)}\n")
        out.extend(escape(sentence) + "\n"
                   for line in (words + where).split("\n")
                   for sentence in re.split(r"(?<=[.:]) (?=[A-Z*:0-9])", line))
    return "".join(out)


def main():
    text = section(sys.argv[1])
    if "--write" in sys.argv:
        page = PAGE.read_text(encoding="utf-8")
        before, rest = page.split(BEGIN)
        PAGE.write_text(before + text + END + rest.split(END)[1], encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
