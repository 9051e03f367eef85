# SPDX-License-Identifier: Apache-2.0
"""A test case that owns daemons: what it starts it stops, what it makes it removes."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.daemons import ROOT, Primary, Replica, binary, make_certs, wait_for  # noqa: E402,F401

EXIT_OK, EXIT_FAILURE, EXIT_USAGE, EXIT_DATA, EXIT_LOCKED = 0, 1, 2, 4, 5


class DaemonCase(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="aerodb-test-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def start(self, server):
        self.addCleanup(server.remove)
        return server.start()

    def primary(self, **arguments):
        return self.start(Primary(**arguments))

    def run_daemon(self, role, *arguments):
        """To its end, which must come by itself."""
        return subprocess.run([binary("aerodb-" + role), *arguments], capture_output=True, text=True,
                              timeout=60)

    def expect_exit(self, code, text, role, *arguments):
        done = self.run_daemon(role, *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(text, done.stdout + done.stderr)

    def cli(self, server, *words):
        done = subprocess.run(["redis-cli", "-p", str(server.port), *words], capture_output=True,
                              text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.rstrip("\n")

    def log_of(self, server):
        with open(os.path.join(server.directory, "log"), errors="replace") as log:
            return log.read()
