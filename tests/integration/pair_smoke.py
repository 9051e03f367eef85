# SPDX-License-Identifier: Apache-2.0
"""A primary and a replica over real TLS: what is written to one is read from the other, through kills of either."""
import os
import shutil
import signal
import subprocess
import unittest

from daemon_case import DaemonCase, Primary, Replica, make_certs, wait_for


SWITCHES = ("group_commit", "wal_batching", "overlapped_sync", "wal_recycle", "checkpoint_pipelining",
            "tail_streaming", "read_fast_path")
ON, OFF = ([f"{name}={value}" for name in SWITCHES] for value in ("yes", "no"))


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

    def test_operators_are_told_where_the_other_end_is_or_why_it_is_away(self):
        primary, replica = self.pair()
        self.cli(primary, "SET", "a", "1")
        self.wait_for_token(primary, replica)
        self.assertRegex(self.cli(primary, "INFO", "replication"),
                         r"slave0:ip=127\.0\.0\.1,port=[1-9]\d*,state=online,")
        self.assertEqual(self.cli(primary, "ROLE").split("\n")[2], "127.0.0.1")
        primary.stop()
        wait_for(lambda: "Connection refused" in replica.status()["link_reason"], "the reason")

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

    def test_optimisations_may_be_off_on_either_and_change_at_each_start(self):
        """DIS-1, DIS-2: what was written one way is read, shipped and replayed the other way."""
        primary, replica = self.pair(settings=OFF)
        for life, (primary.settings, replica.settings) in enumerate(
                ((OFF, ON), (ON, OFF), (OFF, OFF), (ON, ON))):
            replica.stop(signal.SIGKILL)
            primary.stop(signal.SIGKILL)
            primary.start()
            replica.start()
            self.fill(primary, 300, f"life:{life}:")
            self.assertEqual(self.cli(primary, "AERO.CHECKPOINT"), "OK")
        # The last life streams the tail again: only now is the replica as far as the primary.
        self.expect_equal(primary, replica)
        self.assertEqual(self.cli(replica, "DBSIZE"), "1200")

    def pins(self, primary):
        lines = primary.ask("AERO.REPLICAS").decode().split("\r\n")
        return [dict(part.split("=") for part in line[4:].split(",")) for line in lines
                if line.startswith("pin:")]

    def fill(self, primary, count, prefix="key:"):
        commands = "".join(f"SET {prefix}{i} {i}\r\n" for i in range(count))
        subprocess.run(["redis-cli", "-p", str(primary.port), "--pipe"], input=commands, text=True,
                       check=True, stdout=subprocess.DEVNULL)

    def test_what_a_replica_acknowledged_is_remembered_and_less_later_is_reported(self):
        """Decision 5: on an idle pair, over a kill of the primary, against a replica whose disk went back in time."""
        primary, replica = self.pair()
        self.cli(primary, "SET", "a", "1")
        self.expect_equal(primary, replica)
        replica.stop()
        data = os.path.join(replica.directory, "data")
        shutil.copytree(data, data + ".old")
        replica.start()
        self.fill(primary, 5000)
        self.expect_equal(primary, replica)
        durable = int(replica.status()["durable_lsn"])
        self.assertGreater(durable, 5000)
        self.assertEqual(int(replica.status()["primary_durable_lsn"]), durable)
        wait_for(lambda: self.pins(primary)[0]["durable_lsn"] == str(durable), "the pin", 20)
        # A replica that goes away leaves nothing to wait for: its acknowledgements are written.
        replica.stop(signal.SIGKILL)
        wait_for(lambda: "replica_gone" in self.log_of(primary).splitlines()[-1], "the end", 20)
        self.cli(primary, "AERO.CHECKPOINT")
        primary.stop(signal.SIGKILL)
        primary.start()
        self.assertEqual(self.pins(primary)[0]["durable_lsn"], str(durable))
        shutil.rmtree(data)
        os.rename(data + ".old", data)
        replica.start()
        self.expect_equal(primary, replica)
        self.assertIn(f"acknowledged_lsn={durable}", self.log_of(primary))
        self.assertIn("event=replica_regressed", self.log_of(primary))

    def test_a_clean_stop_writes_down_what_replicas_acknowledged(self):
        primary, replica = self.pair()
        self.fill(primary, 100)
        self.expect_equal(primary, replica)
        durable = int(replica.status()["durable_lsn"])
        primary.stop()
        self.assertEqual(primary.process.returncode, 0)
        primary.start()
        self.assertEqual(self.pins(primary)[0]["durable_lsn"], str(durable))

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
            wait_for(lambda: b"next_action:correct the files" in primary.ask("AERO.STATUS"),
                     "the advice")
        finally:
            with open(key, "wb") as out:
                out.write(good)
        primary.process.send_signal(signal.SIGHUP)
        wait_for(lambda: b"correct the files" not in primary.ask("AERO.STATUS"), "the good ones")
        replica.stop(signal.SIGKILL)
        replica.start()
        self.cli(primary, "SET", "a", "1")
        self.expect_equal(primary, replica)

    def test_a_primary_of_another_name_than_its_certificates_says_so(self):
        primary = Primary(certs=self.certs, settings=["node_name=another"])
        self.start(primary)
        self.assertIn("node_name_differs", self.log_of(primary))
        self.assertIn("node=another certificate=primary", self.log_of(primary))
        primary = self.start(Primary(certs=self.certs))
        self.assertNotIn("node_name_differs", self.log_of(primary))

    def openssl(self, *words, **arguments):
        subprocess.run(["openssl", *words], check=True, capture_output=True, **arguments)

    def write_certificate(self, certs, name, days):
        """As an authority of the operator's own would: node.crt for the key that is there."""
        node = os.path.join(certs, name)
        request = self.path("request")
        extensions = self.path("extensions")
        with open(extensions, "w") as out:
            out.write(f"subjectAltName=DNS:{name}\n")
        self.openssl("req", "-new", "-key", node + "/node.key", "-subj", "/CN=" + name, "-out",
                     request)
        self.openssl("x509", "-req", "-in", request, "-CA", certs + "/ca.crt", "-CAkey",
                     certs + "/ca.key", "-set_serial", "77", "-days", str(days), "-extfile",
                     extensions, "-out", node + "/node.crt")

    def test_an_expired_certificate_closes_links_not_the_node(self):
        """Clients need no certificate; a restart at night must not turn an expired one into an outage."""
        certs = make_certs()
        self.addCleanup(shutil.rmtree, os.path.dirname(certs), ignore_errors=True)
        self.write_certificate(certs, "primary", -1)
        primary = self.start(Primary(certs=certs))
        self.assertEqual(self.cli(primary, "SET", "a", "1"), "OK")
        self.assertIn("event=certificates_not_valid", self.log_of(primary))
        self.assertIn("certificate has expired", self.log_of(primary))
        replica = self.start(Replica(primary))
        wait_for(lambda: "expired" in replica.status().get("link_reason", ""), "the refusal", 20)
        self.write_certificate(certs, "primary", 30)
        primary.process.send_signal(signal.SIGHUP)
        replica.ask("AERO.RECONNECT")
        self.expect_equal(primary, replica)
        # Another expired one does not take the place of the good one.
        self.write_certificate(certs, "primary", -1)
        primary.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "certificates_refused" in self.log_of(primary), "the refusal", 20)
        replica.ask("AERO.RECONNECT")
        self.cli(primary, "SET", "a", "2")
        self.expect_equal(primary, replica)


if __name__ == "__main__":
    unittest.main(verbosity=2)
