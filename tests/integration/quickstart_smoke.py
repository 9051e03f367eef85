# SPDX-License-Identifier: Apache-2.0
"""The README's first command, in a directory of its own: twice, then stop, and nothing of it is left running."""
import glob
import os
import shutil
import socket
import subprocess
import unittest

from daemon_case import ROOT, DaemonCase


class Quickstart(DaemonCase):
    def quickstart(self, *arguments):
        environment = dict(os.environ, AERO_QUICKSTART_HOME=self.path("home"),
                           PATH=self.slow_programs() + os.pathsep + os.environ["PATH"])
        return subprocess.run([os.path.join(ROOT, "deploy", "quickstart.sh"), *arguments],
                              capture_output=True, text=True, timeout=280, env=environment)

    def slow_programs(self):
        """On a busy machine a process takes its time to become a daemon's: what starts it does so here always."""
        folder = self.path("slow")
        os.makedirs(folder, exist_ok=True)
        slow = os.path.join(folder, "setsid")
        with open(slow, "w") as script:
            script.write(f'#!/bin/sh\nsleep 0.5\nexec {shutil.which("setsid")} "$@"\n')
        os.chmod(slow, 0o755)
        return folder

    def pids(self):
        found = {}
        for path in glob.glob(self.path("home", "*.pid")):
            with open(path) as pid:
                found[os.path.basename(path)] = int(pid.read())
        return found

    def test_starts_a_pair_once_and_stops_it(self):
        self.addCleanup(self.quickstart, "stop")
        first = self.quickstart()
        self.assertEqual(first.returncode, 0, first.stdout + first.stderr)
        self.assertIn("\nequal.\n", first.stdout)
        pids = self.pids()
        self.assertEqual(sorted(pids), ["primary.pid", "replica1.pid"])
        again = self.quickstart()
        self.assertEqual(again.returncode, 0, again.stdout + again.stderr)
        self.assertIn("running already", again.stdout)
        self.assertEqual(self.pids(), pids)
        stop = self.quickstart("stop")
        self.assertEqual(stop.returncode, 0, stop.stdout + stop.stderr)
        self.assertEqual(self.pids(), {})
        for pid in pids.values():  # one that nobody has waited for yet has no program any more
            self.assertFalse(os.path.exists(f"/proc/{pid}/exe"))
        self.expect_refusal_of_a_taken_port()

    def expect_refusal_of_a_taken_port(self):
        """The pair's ports are kept: what has taken one meanwhile is not written to."""
        with open(self.path("home", "ports")) as ports:
            port = dict(line.strip().split("=") for line in ports)["primary_port"]
        with socket.create_server(("127.0.0.1", int(port))):
            taken = self.quickstart()
        self.assertEqual(taken.returncode, 1, taken.stdout + taken.stderr)
        self.assertIn(f"port {port} is in use", taken.stderr)
        self.assertEqual(self.pids(), {})


if __name__ == "__main__":
    unittest.main(verbosity=2)
