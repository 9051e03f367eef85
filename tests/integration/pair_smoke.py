# SPDX-License-Identifier: Apache-2.0
"""A primary and a replica over real TLS: what is written to one is read from the other, through kills of either."""
import os
import shutil
import signal
import unittest

from daemon_case import DaemonCase, Primary, Replica, make_certs, wait_for


class Pair(DaemonCase):
    @classmethod
    def setUpClass(cls):
        cls.certs = make_certs()
        cls.addClassCleanup(shutil.rmtree, os.path.dirname(cls.certs), ignore_errors=True)

    def pair(self, **arguments):
        primary = self.start(Primary(certs=self.certs, **arguments))
        return primary, self.start(Replica(primary, **arguments))

    def wait_for_token(self, primary, replica):
        token = self.cli(primary, "AERO.LSN")
        wait_for(lambda: self.is_reached(replica, token), "the replica to reach " + token, 60)

    def is_reached(self, replica, token):
        reply = replica.ask("AERO.WAITLSN", token, "1000")
        return not reply.startswith(b"-") and b"timeout" not in reply.lower()

    def expect_equal(self, primary, replica):
        self.wait_for_token(primary, replica)
        self.assertEqual(self.cli(primary, "AERO.DIGEST"), self.cli(replica, "AERO.DIGEST"))

    def test_writes_are_read_from_the_replica(self):
        primary, replica = self.pair()
        for i in range(20):
            self.cli(primary, "SET", f"key:{i}", f"value {i}")
        self.expect_equal(primary, replica)
        for i in range(20):
            self.assertEqual(self.cli(replica, "GET", f"key:{i}"), f"value {i}")
        self.assertTrue(self.cli(replica, "SET", "a", "1").startswith("READONLY"))

    def test_either_may_be_killed_and_comes_back(self):
        primary, replica = self.pair()
        for life in range(3):
            self.cli(primary, "SET", f"before:{life}", "1")
            replica.stop(signal.SIGKILL)
            self.cli(primary, "SET", f"while away:{life}", "1")
            replica.start()
            self.expect_equal(primary, replica)
            primary.stop(signal.SIGKILL)
            self.assertEqual(self.cli(replica, "GET", f"while away:{life}"), "1")
            primary.start()
            self.cli(primary, "SET", f"after:{life}", "1")
            self.expect_equal(primary, replica)
        self.assertEqual(self.cli(replica, "DBSIZE"), "9")

    def test_clean_stops_of_both_keep_the_digest(self):
        primary, replica = self.pair()
        self.cli(primary, "SET", "a", "1")
        self.expect_equal(primary, replica)
        replica.stop()
        primary.stop()
        self.assertEqual((primary.process.returncode, replica.process.returncode), (0, 0))
        primary.start()
        replica.start()
        self.expect_equal(primary, replica)
        self.assertEqual(self.cli(replica, "GET", "a"), "1")

    def test_certificates_are_taken_over_at_sighup_and_bad_ones_are_not(self):
        primary, replica = self.pair()
        key = os.path.join(self.certs, "primary", "node.key")
        with open(key, "rb") as found:
            good = found.read()
        try:
            with open(key, "wb") as out:
                out.write(b"no key\n")
            primary.process.send_signal(signal.SIGHUP)
            wait_for(lambda: "certificates_refused" in self.log_of(primary), "the refusal", 20)
        finally:
            with open(key, "wb") as out:
                out.write(good)
        replica.stop(signal.SIGKILL)
        replica.start()
        self.cli(primary, "SET", "a", "1")
        self.expect_equal(primary, replica)


if __name__ == "__main__":
    unittest.main(verbosity=2)
