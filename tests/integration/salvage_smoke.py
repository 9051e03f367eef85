# SPDX-License-Identifier: Apache-2.0
"""An operator puts an older copy of the primary's directory back; aeroctl salvage brings back what the replica has (decision 7)."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from ctl_case import ATTENTION, DIFFERENT, OK, CtlCase
from daemon_case import EXIT_DATA, Primary, Replica, binary, make_certs, wait_for

SHIM = None
COPIED, WRITTEN = 500, 700
SMALL = ["segment_bytes=1mb", "checkpoint_wal_bytes=1gb"]


class Salvage(CtlCase):
    @classmethod
    def setUpClass(cls):
        cls.certs = make_certs("replica2")
        cls.addClassCleanup(shutil.rmtree, os.path.dirname(cls.certs), ignore_errors=True)

    copys_token = None

    def copy(self, primary):
        self.older = tempfile.mkdtemp(dir=self.directory) + "/data"
        shutil.copytree(self.data(primary), self.older)

    def put_copy_back(self, primary):
        self.move_data_away(primary)
        shutil.copytree(self.older, self.data(primary))

    def restart(self, primary, times=1):
        for _ in range(times):
            primary.start()
            primary.stop()

    def lose(self, ahead_starts=1, while_running=False):
        """A primary with an older copy in its place, a replica that is ahead of it, and one that is behind."""
        primary, ahead = self.pair(settings=SMALL)
        behind = self.start(Replica(primary, node="replica2"))
        self.fill(primary, 200)
        self.wait_until_equal(primary, behind)
        behind.stop()
        self.fill(primary, COPIED - 200, 200)
        self.wait_until_equal(primary, ahead)
        if while_running:
            self.copy(primary)
            self.fill(primary, 50, COPIED)
        tokens = [self.token(primary)]
        primary.stop()
        if not while_running:
            self.copy(primary)
        self.restart(primary, ahead_starts - 1)
        primary.start()
        self.fill(primary, WRITTEN - COPIED, COPIED)
        self.wait_until_equal(primary, ahead)
        self.tokens = [*tokens, self.token(primary)]
        ahead.stop()
        primary.stop()
        self.put_copy_back(primary)
        return primary, ahead, behind

    def prove_loss(self, primary, ahead):
        primary.start()
        ahead.start()
        wait_for(lambda: self.status(primary).get("writes") == "primary_lost", "the verdict", 60)
        self.assertIn("salvage", self.ctl(ATTENTION, "status", "--port", primary.port))
        wait_for(lambda: self.status(ahead).get("state") == "HALTED", "the replica to halt", 60)
        ahead.stop()
        primary.stop()

    def follow_copy(self, primary, behind):
        """The replica knows the copy's start then, and holds nothing of it."""
        primary.start()
        behind.start()
        self.wait_until_equal(primary, behind)
        self.copys_token = self.token(primary)
        self.assertEqual(behind.ask("AERO.WAITLSN", self.copys_token, 60000), b"+OK\r\n")
        behind.stop()
        primary.stop()

    def token(self, server):
        return server.ask("AERO.LSN").split(b"\r\n")[1]

    def words(self, primary, replica):
        return ["salvage", "--primary-dir", self.data(primary), "--replica-dir", self.data(replica)]

    def expect_all(self, *servers):
        for server in servers:
            for i in range(WRITTEN):
                self.assertEqual(server.ask("GET", f"key:{i}"),
                                 b"$%d\r\nvalue:%d\r\n" % (len(f"value:{i}"), i), server.name)

    def expect_one_history(self, primary, *replicas):
        """Everybody goes on from where he is: nobody is halted, and nobody is seeded anew."""
        seeded = [self.log_of(replica).count("bootstrap_begins") for replica in replicas]
        primary.start()
        for replica in replicas:
            replica.start()
            self.ctl(OK, "reconnect", "--port", replica.port)
        self.cli(primary, "SET", "after", "1")
        for replica in replicas:
            self.wait_until_equal(primary, replica)
            self.assertEqual(self.status(replica)["state"], "FOLLOWING")
        self.expect_all(primary, *replicas)
        for server in (primary, *replicas):
            for token in self.tokens:
                self.assertEqual(server.ask("AERO.WAITLSN", token, 60000), b"+OK\r\n")
            if self.copys_token:
                self.assertTrue(server.ask("AERO.WAITLSN", self.copys_token, 60000)
                                .startswith(b"-HISTORYLOST"), server.name)
        self.assertEqual([self.log_of(replica).count("bootstrap_begins") for replica in replicas],
                         seeded)
        primary.stop()
        for replica in replicas:
            replica.stop()
            self.ctl(OK, "compare", self.data(primary), self.data(replica))
            self.ctl(OK, "verify", self.data(replica))
        self.ctl(OK, "verify", self.data(primary))

    def test_what_was_written_behind_an_older_copy_comes_back(self):
        """However often it was started since, and however often the primary had been before."""
        for starts in (1, 2, 3):
            with self.subTest(starts=starts):
                primary, ahead, behind = self.lose(ahead_starts=4 - starts)
                self.restart(primary, starts - 1)
                self.prove_loss(primary, ahead)
                self.follow_copy(primary, behind)
                self.assertIn("Nothing was changed", self.ctl(OK, *self.words(primary, ahead)))
                self.ctl(OK, *self.words(primary, ahead), "--yes")
                self.assertIn("Nothing to bring back", self.ctl(OK, *self.words(primary, ahead)))
                self.expect_one_history(primary, ahead, behind)

    def test_what_was_written_behind_a_copy_of_a_running_primary_comes_back(self):
        for started in (False, True):
            with self.subTest(started=started):
                primary, ahead, behind = self.lose(while_running=True)
                if started:
                    self.follow_copy(primary, behind)
                self.ctl(OK, *self.words(primary, ahead), "--yes")
                self.expect_one_history(primary, ahead, behind)

    def test_a_copy_that_took_a_write_is_left_alone(self):
        primary, ahead, _ = self.lose()
        primary.start()
        self.cli(primary, "SET", "mine", "1")
        primary.stop()
        self.prove_loss(primary, ahead)
        before = sorted(os.listdir(os.path.join(self.data(primary), "wal")))
        self.assertIn("wo histories", self.ctl(DIFFERENT, *self.words(primary, ahead), "--yes"))
        self.assertEqual(sorted(os.listdir(os.path.join(self.data(primary), "wal"))), before)
        primary.start()
        self.assertEqual(self.cli(primary, "GET", "mine"), "1")
        self.assertEqual(self.status(primary)["writes"], "primary_lost")

    def salvage_until(self, primary, ahead, fault):
        """It dies behind a call of its own. False: there is no such call any more."""
        with tempfile.TemporaryDirectory(dir=self.directory) as shim:
            done = subprocess.run([binary("aeroctl"), *self.words(primary, ahead), "--yes"],
                                  capture_output=True, text=True, timeout=120,
                                  env={**os.environ, "LD_PRELOAD": SHIM, "AERO_SHIM": shim,
                                       "AERO_FAULT": fault})
        self.assertIn(done.returncode, (OK, -signal.SIGKILL), done.stderr)
        return done.returncode != OK

    def start_in_between(self, primary):
        """It refuses, or takes no writes and says what to do, or has all. Returns which."""
        primary.launch()
        wait_for(lambda: primary.process.poll() is not None or self.status(primary), "a start", 60)
        if primary.process.poll() is not None:
            primary.stop()
            self.assertEqual(primary.process.returncode, EXIT_DATA, self.log_of(primary)[-2000:])
            return "refused"
        said = self.status(primary)
        if said["writes"] == "open":
            self.assertEqual(said["durable_lsn"], WRITTEN)
        else:
            self.assertTrue(primary.ask("SET", "mine", "1").startswith(b"-MISCONF"))
            self.assertIn("salvage", said["reason"] + said["next_action"])
        primary.stop()
        return said["writes"]

    def test_killed_anywhere_it_is_finished_by_another_run(self):
        primary, ahead, behind = self.lose()
        self.prove_loss(primary, ahead)
        lost = self.path("lost")
        shutil.copytree(self.data(primary), lost)
        found = []
        for kind in ("rename", "unlink", "fsync", "fdatasync"):
            nth = 1
            while self.salvage_until(primary, ahead, f"{kind}:{nth}:killed"):
                found.append(self.start_in_between(primary))
                self.ctl(OK, *self.words(primary, ahead), "--yes")
                self.ctl(OK, "verify", self.data(primary))
                self.ctl(OK, "compare", self.data(primary), self.data(ahead))
                self.move_data_away(primary)
                shutil.copytree(lost, self.data(primary))
                nth += 1
            self.move_data_away(primary)
            shutil.copytree(lost, self.data(primary))
        self.assertEqual(set(found), {"refused", "primary_lost", "open"})
        self.ctl(OK, *self.words(primary, ahead), "--yes")
        self.expect_one_history(primary, ahead, behind)


if __name__ == "__main__":
    SHIM = sys.argv.pop(1)
    unittest.main(verbosity=2)
