# SPDX-License-Identifier: Apache-2.0
"""Documents must be true of the tree: manual pages of the programs, links of files, paths of what they name."""
import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import man_keys  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("AERO_BUILD", ROOT / "build" / "dev")) / "bin"
MAN = ROOT / "docs" / "man"
FOLDERS = "base|proto|engine|shipping|server|primary|replica|ctl|tests|docs|deploy|cmake"


def help_of(program, *words):
    return subprocess.run([BIN / program, *words, "--help"], check=True, capture_output=True,
                          text=True).stdout


def options_of(text):
    return re.findall(r"^ +--([a-z-]+)", text, re.MULTILINE)


def page(name):
    return (MAN / name).read_text(encoding="utf-8")


def has_option(text, option):
    escaped = re.escape(option.replace("-", "\\-"))
    return re.search(r"\\-\\-" + escaped + r"(?![a-z\\])", text) is not None


def commands():
    block = help_of("aeroctl").split("Commands:\n")[1].split("\n\n")[0]
    return re.findall(r"^  ([a-z-]+(?: [a-z-]+)?)  ", block, re.MULTILINE)


class ManualPages(unittest.TestCase):
    def test_pages_render_without_a_warning(self):
        if shutil.which("groff") is None:
            self.skipTest("there is no groff here")
        for path in sorted(MAN.iterdir()):
            done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", path],
                                  capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), path.name)

    def test_every_option_of_the_daemons_is_in_their_pages(self):
        for program in ("aerodb-primary", "aerodb-replica"):
            options = options_of(help_of(program))
            self.assertIn("data", options)
            for option in options:
                self.assertTrue(has_option(page(program + ".1"), option), f"{program} --{option}")

    def test_every_command_and_option_of_aeroctl_is_in_its_page(self):
        text = page("aeroctl.1")
        sections = re.split(r"^\.S[HS] ", text, flags=re.MULTILINE)
        shared = next(s for s in sections if s.startswith('"OPTIONS OF COMMANDS THAT ASK A NODE"'))
        found = commands()
        self.assertIn("wal dump", found)
        for command in found:
            name = command.replace("-", "\\-")
            own = [s for s in sections if re.match(r'"?' + re.escape(name) + r'[ "\n]', s)]
            self.assertEqual(len(own), 1, command)
            asks = "--timeout" in help_of("aeroctl", *command.split())
            for option in options_of(help_of("aeroctl", *command.split())):
                if option not in ("help", "version"):
                    where = own[0] + (shared if asks else "")
                    self.assertTrue(has_option(where, option), f"aeroctl {command} --{option}")

    def test_the_page_names_no_option_that_is_not_there(self):
        known = {"help", "version"}
        for command in commands():
            known.update(options_of(help_of("aeroctl", *command.split())))
        known.add("certs")  # of a daemon
        for option in re.findall(r"\\-\\-([a-z][a-z\\-]*)", page("aeroctl.1")):
            self.assertIn(option.replace("\\-", "-"), known)

    def test_every_key_of_the_configuration_is_in_its_page(self):
        text = page("aerodb.conf.5")
        self.assertIn(man_keys.section(BIN), text,
                      "run: tests/docs/man_keys.py build/dev/bin --write")

    def test_a_commented_default_file_configures_nothing_else(self):
        text = man_keys.print_config(BIN, "aerodb-replica")
        names = [name for name, _, _ in man_keys.keys_of(text)]
        self.assertEqual(len(names), len(set(names)))
        self.assertGreater(len(names), 30)


class Documents(unittest.TestCase):
    def documents(self):
        for path in sorted(ROOT.rglob("*.md")):
            name = path.relative_to(ROOT).as_posix()
            if not re.match(r"(build|\.git)/|.*node_modules/", name):
                yield name, path.read_text(encoding="utf-8")

    def test_relative_links_lead_somewhere(self):
        for name, text in self.documents():
            for target in re.findall(r"\]\(([^)\s]+)\)", text):
                if re.match(r"[a-z]+:", target):
                    continue
                path, _, anchor = target.partition("#")
                file = (ROOT / name).parent / path if path else ROOT / name
                self.assertTrue(file.exists(), f"{name}: {target}")
                if anchor and file.suffix == ".md":
                    self.assertIn(anchor, self.anchors(file), f"{name}: {target}")

    def anchors(self, file):
        headings = re.findall(r"^#+ +(.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]

    def test_paths_that_are_named_exist(self):
        named = re.compile(r"(?<![\w/.-])((?:" + FOLDERS + r")/[\w./*-]*[\w*/])")
        for name, text in self.documents():
            if name not in ("README.md", "docs/architecture.md", "docs/operations.md",
                            "docs/README.md"):
                continue
            for path in named.findall(text):
                if not path.startswith("build/"):
                    found = list(ROOT.glob(path.rstrip("/")))
                    self.assertTrue(found, f"{name}: {path} does not exist")


if __name__ == "__main__":
    unittest.main()
