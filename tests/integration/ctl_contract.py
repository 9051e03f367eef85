# SPDX-License-Identifier: Apache-2.0
"""What aeroctl(1) promises scripts, command by command: each exit status provoked, each --json parsed."""
import json
import os
import re
import shutil
import socket
import subprocess
import unittest

from ctl_case import (ATTENTION, DAMAGE, DIFFERENT, FAILURE, IN_USE, OK, UNREACHABLE, USAGE,
                      CtlCase)
from daemon_case import ROOT, Primary, binary, wait_for

MAN = os.path.join(ROOT, "docs", "man", "aeroctl.1")
NODE_COMMANDS = ["status", "replicas", "reconnect", "checkpoint", "open-writes", "confirm-clock"]


def sections():
    """Of the manual page: command -> what is said of it; "" -> the page."""
    with open(MAN) as file:
        page = file.read().replace("\\-", "-")
    found = {"": page}
    for part in re.split(r"^\.SS ", page, flags=re.MULTILINE)[1:]:
        title = part.split("\n", 1)[0].strip('"')
        words = re.match(r"[a-z-]+( [a-z]+)?", title).group(0)
        found[words] = part.split("\n.SH ", 1)[0]
    return found


class Contract(CtlCase):
    """`self.seen`: (command, status) pairs that happened; the last test of all is that none is missing."""

    def setUp(self):
        super().setUp()
        self.seen = set()
        self.deaf = socket.socket()  # bound, and nobody listens: refuses for as long as it is open
        self.addCleanup(self.deaf.close)
        self.deaf.bind(("127.0.0.1", 0))
        self.deaf_port = self.deaf.getsockname()[1]

    def run_command(self, words, code, *arguments, environment=()):
        self.seen.add((words, code))
        return self.ctl(code, *words.split(), *arguments, **dict(environment))

    def run_json(self, words, code, *arguments):
        """One object; of `wal dump` one a line, of `certs show` a list. Nothing else may be on standard output."""
        done = subprocess.run([binary("aeroctl"), *words.split(), "--json", *map(str, arguments)],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertEqual(done.stderr, "")
        self.seen |= {(words, code), (words, "json")}
        lines = done.stdout.splitlines() if words == "wal dump" else [done.stdout]
        objects = [json.loads(line) for line in lines]
        if words == "certs show":
            objects = objects[0]
        self.assertTrue(objects)
        for said in objects:
            self.assertIsInstance(said, dict)
            self.assertTrue(said)
        return objects[0]

    def test_the_manual_page_names_each_command_and_option_and_no_other(self):
        manual = sections()
        listed = re.findall(r"^  ([a-z-]+(?: [a-z]+)?)  +[A-Z]",
                            self.ctl(OK, "--help").split("Exit status:")[0], re.MULTILINE)
        self.assertEqual(sorted(listed), sorted(name for name in manual if name))
        common = manual[""].split('.SH "OPTIONS OF COMMANDS THAT ASK A NODE"')[1].split("\n.SH ")[0]
        for words in listed:
            shown = set(re.findall(r"--[a-z-]+", self.ctl(OK, *words.split(), "--help")))
            told = set(re.findall(r"--[a-z-]+", manual[words]))
            if words in NODE_COMMANDS:
                told |= set(re.findall(r"--[a-z-]+", common))
            told |= {"--help", "--version"}
            self.assertEqual(shown - told, set(), words)
            self.ctl(OK, "help", *words.split())

    def test_each_exit_status_says_what_the_page_says(self):
        statuses = dict(re.findall(r"^\.B (\d)\n(.*)$", sections()[""].split('"EXIT STATUS"')[1],
                                   re.MULTILINE))
        self.assertEqual(sorted(map(int, statuses)), list(range(8)))
        self.node_commands()
        self.directory_commands()
        self.certificate_commands()
        commands = [name for name in sections() if name]
        manual = sections()
        expected = {(words, code) for words in commands for code in (OK, FAILURE, USAGE)}
        expected |= {(words, UNREACHABLE) for words in NODE_COMMANDS + ["compare"]}
        expected |= {("status", ATTENTION), ("status", DAMAGE), ("certs show", ATTENTION)}
        expected |= {(words, DAMAGE) for words in ("verify", "wal dump", "salvage")}
        expected |= {(words, DIFFERENT) for words in ("compare", "salvage")}
        expected |= {(words, IN_USE) for words in ("verify", "salvage")}
        expected |= {(words, "json") for words in commands
                     if words in NODE_COMMANDS or "--json" in re.sub(r"\.B[RI]* ", "",
                                                                     manual[words])}
        self.assertEqual(self.seen ^ expected, set())

    def test_an_answer_that_does_not_get_out_is_no_success(self):
        """Standard output on a full disk, whether the answer fits its buffer or not. A finding is told by its own status still."""
        good, short = self.path("good"), self.path("short")
        self.ctl(OK, "certs", "init", good, "--node=one")
        self.ctl(OK, "certs", "init", short, "--days", 5, *[f"--node=n{i}" for i in range(20)])
        for code, arguments in ((FAILURE, ["--version"]), (FAILURE, ["certs", "show", good]),
                                (FAILURE, ["certs", "show", "--json", f"{short}/ca.crt"]),
                                (ATTENTION, ["certs", "show", "--json", short]),
                                (USAGE, ["certs", "show"])):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([binary("aeroctl"), *arguments], stdout=full,
                                      stderr=subprocess.DEVNULL, timeout=120, check=False)
            self.assertEqual(done.returncode, code, arguments)

    # ---- Running nodes

    def node_commands(self):
        primary, replica = self.pair()
        self.fill(primary, 50)
        self.wait_until_equal(primary, replica)
        ports = {"reconnect": replica.port}
        for words in NODE_COMMANDS:
            port = ["--port", ports.get(words, primary.port)]
            if words != "open-writes":
                self.run_command(words, OK, *port)
                self.run_json(words, OK, *port)
            self.run_command(words, USAGE, "--no-such-option")
            self.run_command(words, USAGE, *port, "operand")
            self.run_command(words, UNREACHABLE, "--port", self.deaf_port)
            self.run_command(words, UNREACHABLE, "--socket", self.path("nobody"))
        said = self.run_json("status", OK, "--port", primary.port)
        self.assertEqual((said["role"], said["healthy"], said["writes"]), ("primary", True, "open"))
        said = self.run_json("status", OK, "--port", replica.port)
        self.assertEqual((said["role"], said["state"]), ("replica", "FOLLOWING"))
        # It was told to reconnect a moment ago, and is away for as long as that takes.
        listed = []
        wait_for(lambda: listed.extend(
            self.run_json("replicas", OK, "--port", primary.port)["replicas"]) or listed,
                 "the replica to be back", 60)
        self.assertEqual(listed[0]["name"], "replica1")
        self.run_command("reconnect", FAILURE, "--port", primary.port)
        for words in ("replicas", "open-writes", "confirm-clock"):
            self.run_command(words, FAILURE, "--port", replica.port)
        self.cli(primary, "CONFIG", "SET", "requirepass", "secret")
        self.run_command("status", FAILURE, "--port", primary.port)
        self.run_command("checkpoint", FAILURE, "--port", primary.port, "--password", "wrong")
        self.run_command("checkpoint", OK, "--port", primary.port,
                         environment={"AEROCTL_PASSWORD": "secret"}.items())
        self.run_command("status", OK, "--port", primary.port, "--password", "secret")
        replica.stop()
        self.cut(primary)

    def cut(self, primary):
        """A start that cut bytes, while replicas are known: it waits for an operator."""
        primary.stop()
        with open(os.path.join(self.data(primary), self.last_segment(primary)), "ab") as file:
            file.write(b"torn" * 50)
        primary.start()
        port = ["--port", primary.port]
        self.run_command("status", ATTENTION, *port)
        said = self.run_json("status", ATTENTION, *port)
        self.assertEqual((said["healthy"], said["writes"]), (False, "cut"))
        self.run_json("open-writes", OK, *port)
        self.run_command("open-writes", FAILURE, *port)
        self.run_command("open-writes", USAGE, *port, "--discard", "many")
        self.run_command("status", OK, *port)
        primary.stop()

    def last_segment(self, server):
        return "wal/" + sorted(name for name in os.listdir(os.path.join(self.data(server), "wal"))
                               if name.endswith(".seg"))[-1]

    # ---- Directories

    def directory_commands(self):
        primary, replica = self.pair()
        other = Primary()
        self.addCleanup(other.remove)
        mine, its = self.data(primary), self.data(replica)
        self.fill(primary, 20)
        primary.stop()
        shutil.copytree(mine, self.data(other))  # and goes its own way from there
        primary.start()
        self.fill(primary, 50)
        self.wait_until_equal(primary, replica)
        salvage = ["--primary-dir", mine, "--replica-dir", its]
        self.run_command("verify", IN_USE, mine)
        self.run_command("verify", OK, "--in-use", mine)
        self.run_command("salvage", IN_USE, *salvage)
        nodes = [f"127.0.0.1:{server.port}" for server in (primary, replica)]
        self.run_command("compare", OK, *nodes)
        self.assertTrue(self.run_json("compare", OK, *nodes)["same_state"])
        self.run_command("compare", UNREACHABLE, nodes[0],
                         f"127.0.0.1:{self.deaf_port}")
        primary.stop()
        replica.stop()
        os.mkdir(self.path("empty"))
        for words, operands in (("verify", [mine]), ("compare", [mine, its]), ("wal dump", [mine])):
            self.run_command(words, OK, *operands)
            self.run_json(words, OK, *operands)
            self.run_command(words, USAGE, *operands, "too", "many")
            self.run_command(words, FAILURE, *[self.path("empty")] * len(operands))
        self.run_command("salvage", OK, *salvage)
        self.run_command("salvage", USAGE, "--primary-dir", mine)
        self.run_command("salvage", FAILURE, "--primary-dir", self.path("no"), "--replica-dir", its)
        self.start(other)
        self.cli(other, "SET", "a", "1")
        other.stop()
        self.run_command("compare", DIFFERENT, mine, self.data(other))
        self.assertFalse(self.run_json("compare", DIFFERENT, mine,
                                       self.data(other)).get("same_history"))
        self.run_command("salvage", DIFFERENT, "--primary-dir", self.data(other), "--replica-dir",
                         its)
        self.damage(primary, replica)

    def damage(self, primary, replica):
        """In the replica's log: nothing is salvaged from it. In the primary's, in the segment that its snapshot stands in, and
        below it: it runs, and says so."""
        mine, its = self.data(primary), self.data(replica)
        good = its + ".good"
        shutil.copytree(its, good)
        self.rot(replica, 5)
        self.run_command("verify", DAMAGE, its)
        self.assertGreater(self.run_json("verify", DAMAGE, its)["damage"], 0)
        self.run_command("wal dump", DAMAGE, its)
        self.run_command("salvage", DAMAGE, "--primary-dir", mine, "--replica-dir", its)
        primary.start()
        self.fill(primary, 10)
        self.ctl(OK, "checkpoint", "--port", primary.port)
        self.cli(primary, "SET", "behind", "the snapshot")
        primary.stop()
        self.rot(primary, 75)
        primary.start()
        self.run_command("status", DAMAGE, "--port", primary.port)
        primary.stop()

    def rot(self, server, lsn):
        """One byte of a record's payload."""
        lines = map(json.loads, self.ctl(OK, "wal", "dump", "--json", "--from", lsn, "--to", lsn,
                                         self.data(server)).splitlines())
        record = next(line for line in lines if "lsn" in line)
        with open(os.path.join(self.data(server), record["file"]), "r+b") as file:
            file.seek(record["offset"] + 70)
            byte = file.read(1)
            file.seek(record["offset"] + 70)
            file.write(bytes([byte[0] ^ 1]))

    # ---- Certificates

    def certificate_commands(self):
        made = self.path("certs")
        self.run_command("certs init", OK, made, "--node", "one")
        self.run_command("certs init", USAGE, made)
        self.run_command("certs init", FAILURE, os.path.join(MAN, "below"), "--node", "one")
        self.run_command("certs show", OK, made)
        self.run_json("certs show", OK, made)
        self.run_command("certs revoke", USAGE, made)
        self.run_command("certs revoke", FAILURE, made, "--node", "two")
        self.run_command("certs init", OK, made, "--node", "two")
        self.run_command("certs revoke", OK, made, "--node", "two")
        said = self.run_json("certs show", OK, os.path.join(made, "crl.pem"))
        self.assertEqual(sorted(said), ["days_left", "file", "issuer", "next_update", "revoked",
                                        "this_update", "warnings"])
        self.run_json("certs show", OK, os.path.join(made, "one"))
        self.run_json("certs show", ATTENTION, made)
        self.run_command("certs show", USAGE)
        self.run_command("certs show", FAILURE, self.path("nothing"))
        self.run_command("certs init", OK, self.path("short"), "--node", "one", "--days", 5)
        self.run_command("certs show", ATTENTION, self.path("short"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
