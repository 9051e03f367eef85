# SPDX-License-Identifier: Apache-2.0
"""What the tests of this folder share: a pair of daemons, the judgement over them, and an honest skip."""
import os
import shutil
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "integration")]

from daemon_case import EXIT_DATA, DaemonCase  # noqa: E402,F401
from log_bytes import judge_logs  # noqa: E402
from support.daemons import Primary, Replica, binary, make_certs, wait_for  # noqa: E402,F401
from workload import Link, Workload, ask  # noqa: E402,F401

SKIPPED = 77


class PairCase(DaemonCase):
    """Owns a pair that shares nothing with other tests; `self.workload` is judged at the end."""

    def setUp(self):
        super().setUp()
        self.certs = make_certs()
        self.addCleanup(shutil.rmtree, os.path.dirname(self.certs), ignore_errors=True)
        self.workload = Workload()

    def status(self, server):
        text = ask(server.port, "AERO.STATUS").decode()
        return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)

    def wait_logged(self, server, text, seconds=60):
        wait_for(lambda: text in self.log_of(server), f"{text!r} in a log", seconds)

    def wait_writes(self, primary, seconds=60):
        wait_for(lambda: ask(primary.port, "SET", "probe", "1") == b"OK", "writes to resume", seconds)

    def is_equal(self, primary, replica):
        try:
            token = ask(primary.port, "AERO.LSN")
            return (ask(replica.port, "AERO.WAITLSN", token, "1000") == b"OK" and
                    ask(primary.port, "AERO.DIGEST") == ask(replica.port, "AERO.DIGEST"))
        except OSError:
            return False

    def wait_equal(self, primary, replica, seconds=120):
        wait_for(lambda: self.is_equal(primary, replica), "equal digests", seconds)

    def data_directory(self, server):
        return os.path.join(server.directory, "data")

    def verify(self, server):
        """(exit status, what it said)"""
        done = subprocess.run([binary("aeroctl"), "verify", self.data_directory(server)],
                              capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    def judge(self, primary, replica):
        """Acknowledged commits on both, failed ones on neither, equal digests and log bytes, clean stops and directories."""
        self.wait_writes(primary)
        self.wait_equal(primary, replica)
        self.workload.judge(primary.port, "primary")
        self.workload.judge(replica.port, "replica")
        for server in (replica, primary):
            server.stop()
            self.assertEqual(server.process.returncode, 0, self.log_of(server))
            code, said = self.verify(server)
            self.assertEqual(code, 0, said)
        judge_logs(self.data_directory(primary), self.data_directory(replica))

    def expect_no_snapshot(self, replica):
        self.assertNotIn("event=bootstrap_begins", self.log_of(replica))


def run_command(*words):
    """Raises with what it said."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def main(module="__main__"):
    """Ends with SKIPPED when nothing could run here; the reasons stand above."""
    result = unittest.main(module=module, verbosity=2, exit=False).result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(SKIPPED if len(result.skipped) == result.testsRun else 0)
