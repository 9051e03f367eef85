# SPDX-License-Identifier: Apache-2.0
"""Starts that meet a port that is taken, certificates that are gone or a disk that fails, and what ends a process later on."""
import os
import shutil
import sys
import unittest

from daemon_case import (EXIT_DATA, EXIT_FAILURE, EXIT_OK, DaemonCase, Primary, Replica, make_certs,
                         wait_for)

SHIM = None


class Starts(DaemonCase):
    @classmethod
    def setUpClass(cls):
        cls.certs = make_certs()
        cls.addClassCleanup(shutil.rmtree, os.path.dirname(cls.certs), ignore_errors=True)

    def pair(self, **environment):
        primary = self.start(Primary(certs=self.certs))
        replica = Replica(primary)
        replica.environment = environment
        return primary, self.start(replica)

    def expect_end(self, server, code, *texts):
        """Of a start that must come to nothing; the directory stays."""
        self.addCleanup(server.remove)
        server.launch()
        self.assertEqual(server.process.wait(timeout=60), code, self.log_of(server))
        server.stop()
        for text in texts:
            self.assertIn(text, self.log_of(server))

    def shimmed(self, **more):
        shim = self.path("shim")
        os.mkdir(shim)
        return {"LD_PRELOAD": SHIM, "AERO_SHIM": shim, **more}

    def fail_syncs(self):
        with open(self.path("shim", "fail"), "w"):
            pass

    def test_data_that_is_there_is_recovered_and_not_served_at_a_port_that_is_taken(self):
        primary, replica = self.pair()
        self.assertEqual(self.cli(primary, "SET", "a", "1"), "OK")
        wait_for(lambda: self.cli(replica, "GET", "a") == "1", "the replica", 60)
        for server in (primary, replica):
            server.stop()
            self.assertEqual(server.process.returncode, EXIT_OK)
        own = primary.port, replica.port
        holder = self.start(Primary())
        primary.port = replica.port = holder.port
        self.expect_end(primary, EXIT_FAILURE, "event=recovered", "event=listen_failed")
        self.expect_end(replica, EXIT_FAILURE, "event=recovered", "event=listen_failed")
        primary.port, replica.port = own
        primary.start()
        replica.start()
        self.assertEqual(self.cli(replica, "GET", "a"), "1")

    def test_a_daemon_that_gets_no_thread_says_so_and_serves_nothing(self):
        """A limit of processes, met at each thread of a start: of the turns, of the link."""
        primary, replica = self.pair()
        self.assertEqual(self.cli(primary, "SET", "a", "1"), "OK")
        wait_for(lambda: self.cli(replica, "GET", "a") == "1", "the replica", 60)
        primary.stop()
        replica.stop()
        shim = self.shimmed()
        for server, threads in (primary, 4), (replica, 1):
            for nth in range(1, threads + 1):
                server.environment = {**shim, "AERO_FAULT": f"thread:{nth}:EAGAIN"}
                server.launch()
                self.assertEqual(server.process.wait(timeout=60), EXIT_FAILURE, self.log_of(server))
                self.assertEqual(self.log_of(server).count("event=thread_not_started"), nth)
            self.assertIn("advice=\"raise the limit of processes and threads", self.log_of(server))
            server.environment = {}
            server.start()
        self.assertEqual(self.cli(replica, "GET", "a"), "1")

    def test_a_daemon_that_gets_no_more_threads_serves_without_them(self):
        """Behind its start: what has to be on disk before a reply is, whoever writes it."""
        shim = self.shimmed(AERO_FAULT="thread:5:EAGAIN:ever")
        primary = Primary(certs=self.certs)
        primary.environment = shim
        self.start(primary)
        self.assertEqual(self.cli(primary, "SET", "a", "1"), "OK")
        wait_for(lambda: "event=thread_not_started" in self.log_of(primary), "a thread to fail", 60)
        self.assertTrue(primary.ask("AERO.CHECKPOINT").startswith(b"+"))
        primary.stop()
        self.assertEqual(primary.process.returncode, EXIT_OK)
        primary.environment = {}
        primary.start()
        self.assertEqual(self.cli(primary, "GET", "a"), "1")

    def test_a_replica_without_its_certificates_does_not_run(self):
        primary = Primary(certs=self.certs)
        self.addCleanup(primary.remove)
        replica = Replica(primary, settings=["node_name=replica1", "certs_dir=/nowhere"])
        self.expect_end(replica, EXIT_FAILURE, "event=certificates_refused")

    def test_a_replica_takes_no_file_for_its_directory(self):
        path = self.path("file")
        with open(path, "w"):
            pass
        self.expect_exit(EXIT_DATA, "event=data_dir_refused", "replica", "--data", path, "--primary",
                         "127.0.0.1:1", "--certs", self.path("certs"))

    def test_a_start_that_cannot_write_who_it_is_serves_nothing(self):
        """Decision 6: every start is an incarnation of its own, on disk before the first client."""
        primary = self.primary()
        self.assertEqual(self.cli(primary, "SET", "a", "1"), "OK")
        primary.stop()
        shim = self.shimmed()
        for nth in range(1, 20):  # recovery writes as well
            primary.environment = {**shim, "AERO_FAULT": f"pwrite:{nth}:ENOSPC"}
            self.expect_end(primary, EXIT_FAILURE)
            if "event=incarnation_not_begun" in self.log_of(primary):
                break
        self.assertIn("event=incarnation_not_begun", self.log_of(primary))
        primary.environment = {}
        primary.start()
        self.assertEqual(self.cli(primary, "GET", "a"), "1")

    def test_a_replica_whose_first_manifest_cannot_be_read_again_does_not_run(self):
        primary = Primary(certs=self.certs)
        self.addCleanup(primary.remove)
        replica = Replica(primary)
        replica.environment = self.shimmed(AERO_FAULT="pread:1:EIO:ever")
        self.expect_end(replica, EXIT_DATA, "event=data_created", "event=data_refused")
        replica.environment = {}
        replica.start()

    def test_a_failed_log_ends_the_process_where_that_is_wanted(self):
        primary = Primary(settings=["on_fsync_failure=exit"])
        primary.environment = self.shimmed()
        self.start(primary)
        self.assertEqual(self.cli(primary, "SET", "a", "1"), "OK")
        self.fail_syncs()
        try:
            self.assertFalse(primary.ask("SET", "a", "2").startswith(b"+OK"))
        except OSError:
            pass  # a sync of its own was the first to fail
        self.assertEqual(primary.process.wait(timeout=60), EXIT_FAILURE)

    def test_a_swap_of_data_that_fails_ends_the_replica_and_the_next_start_follows_again(self):
        primary, replica = self.pair(**self.shimmed())
        self.assertEqual(self.cli(primary, "SET", "a", "1"), "OK")
        wait_for(lambda: self.cli(replica, "GET", "a") == "1", "the replica", 60)
        replica.stop()
        other = self.start(Primary(certs=self.certs))
        replica.through = other.replication_port
        replica.start()
        wait_for(lambda: replica.status().get("state") == "HALTED", "the halt", 60)
        self.fail_syncs()
        replica.ask("AERO.RECONNECT")
        self.assertEqual(replica.process.wait(timeout=60), EXIT_FAILURE)
        self.assertIn("event=snapshot_not_installed", self.log_of(replica))
        os.unlink(self.path("shim", "fail"))
        replica.through = primary.replication_port
        replica.start()
        replica.ask("AERO.RECONNECT")  # the halt stands, or was taken back: only its sync failed
        wait_for(lambda: self.cli(replica, "GET", "a") == "1", "the replica to follow again", 60)


if __name__ == "__main__":
    SHIM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
