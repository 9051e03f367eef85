# SPDX-License-Identifier: Apache-2.0
"""The states of docs/operations.md that wait for an operator, provoked on real daemons, and left again as it advises."""
import collections
import json
import os
import resource
import shutil
import signal
import sys
import unittest

from ctl_case import ATTENTION, DIFFERENT, FAILURE, OK, CtlCase
from daemon_case import EXIT_DATA, Primary, wait_for

from support import forge

KB = 1 << 10
GROUP_LANES = 2  # each syncs a segment through an open file of its own


class Halts(CtlCase):
    def manifest(self, server):
        return os.path.join(self.data(server), "manifest")

    def forge(self, server, field, data):
        forge.edit_manifest(self.manifest(server), field, data)

    def filled_pair(self, count=20):
        primary, replica = self.pair()
        self.fill(primary, count)
        self.wait_until_equal(primary, replica)
        return primary, replica

    def twin(self, primary, epoch):
        """A second primary of the same history, as a promotion or a mistake makes one: another node, from a copy at rest."""
        twin = Primary(certs=self.certs)
        self.addCleanup(twin.remove)
        shutil.copytree(self.data(primary), self.data(twin))
        self.forge(twin, forge.NODE_ID, os.urandom(16))
        self.forge(twin, forge.EPOCH, epoch.to_bytes(8, "little"))
        return twin

    def last_record(self, server):
        lines = self.ctl(OK, "wal", "dump", "--json", self.data(server)).splitlines()
        lines = [json.loads(line) for line in lines if line.startswith("{")]  # a running node is warned of
        return [line for line in lines if "lsn" in line][-1]

    def turn_to(self, replica, primary):
        replica.stop()
        replica.through = primary.replication_port
        replica.start()

    def expect_halted(self, replica, reason, advice):
        wait_for(lambda: self.status(replica).get("state") == "HALTED", "the halt", 120)
        said = self.status(replica)
        self.assertTrue(said["reason"].startswith(reason), said["reason"])
        self.assertIn(advice, said["next_action"])
        self.ctl(ATTENTION, "status", "--port", replica.port)
        reply = replica.ask("GET", "key:1").decode()
        self.assertTrue(reply.startswith("-HALTED " + reason), reply)
        self.assertTrue(replica.ask("SET", "a", "1").startswith(b"-"))

    def expect_halt(self, replica, reason, advice):
        self.expect_halted(replica, reason, advice)
        replica.stop(signal.SIGKILL)  # over restarts, too
        replica.start()
        self.assertEqual(self.status(replica)["state"], "HALTED")

    def expect_whole(self, primary, replica):
        self.cli(primary, "SET", "whole", "again")
        wait_for(lambda: self.status(replica).get("state") == "FOLLOWING", "the replica", 120)
        self.wait_until_equal(primary, replica)
        self.assertEqual(self.cli(replica, "GET", "whole"), "again")
        self.assertEqual(self.status(primary)["digest"], self.status(replica)["digest"])

    def test_a_failover_that_forks_supersedes_one_primary_and_halts_its_replica(self):
        """Decisions 6, 15. History: a copy of the primary takes over with a higher epoch, while the old one goes on."""
        primary, replica = self.filled_pair()
        replica.stop()
        primary.stop()
        twin = self.twin(primary, epoch=2)
        primary.start()
        replica.start()
        self.fill(primary, 7, 100)
        self.wait_until_equal(primary, replica)
        twin.start()
        self.fill(twin, 3, 200)
        self.turn_to(replica, twin)
        self.expect_halt(replica, "diverged", "aeroctl wal dump")
        replica.stop()
        twin.stop()
        self.assertIn("LSN 21", self.ctl(DIFFERENT, "compare", self.data(replica),
                                         self.data(twin)))
        twin.start()
        self.assertIn("100", self.ctl(OK, "wal", "dump", "--keys", "--from", 21,
                                      self.data(replica)))
        self.move_data_away(replica)
        replica.start()
        self.expect_whole(twin, replica)
        # It knows the higher epoch now: the old primary, when it meets it, is through.
        self.turn_to(replica, primary)
        self.expect_halt(replica, "authority in doubt", "'primary'")
        wait_for(lambda: self.status(primary).get("writes") == "superseded", "the fence", 120)
        said = self.status(primary)
        self.assertIn("replica1", said["reason"])
        self.ctl(ATTENTION, "status", "--port", primary.port)
        self.assertTrue(primary.ask("SET", "a", "1").startswith(b"-MISCONF writes are closed"))
        self.assertEqual(self.cli(primary, "GET", "key:1"), "value:1")
        primary.stop(signal.SIGKILL)
        primary.start()
        self.assertEqual(self.status(primary)["writes"], "superseded")
        self.turn_to(replica, twin)
        self.ctl(OK, "reconnect", "--port", replica.port)
        self.expect_whole(twin, replica)

    def test_two_primaries_of_one_epoch_are_a_doubt_about_authority(self):
        primary, replica = self.filled_pair()
        replica.stop()
        primary.stop()
        twin = self.twin(primary, epoch=1)
        primary.start()
        replica.start()
        self.fill(primary, 7, 100)
        self.wait_until_equal(primary, replica)
        twin.start()
        self.turn_to(replica, twin)
        self.expect_halt(replica, "authority in doubt", "'primary'")
        wait_for(lambda: self.status(twin).get("writes") == "superseded", "the fence", 120)
        self.turn_to(replica, primary)
        self.ctl(OK, "reconnect", "--port", replica.port)
        self.expect_whole(primary, replica)

    def test_a_primary_that_shares_nothing_but_the_cluster_proves_nothing(self):
        """Decision 8: somebody made a new history where the old one should have been restored."""
        primary, replica = self.filled_pair()
        primary.stop()
        other = self.start(Primary(certs=self.certs))
        other.stop()
        with open(self.manifest(primary), "rb") as file:
            file.seek(forge.HEAD_BYTES)
            cluster_id = file.read(16)
        self.forge(other, forge.CLUSTER_ID, cluster_id)
        for segment in os.scandir(os.path.join(self.data(other), "wal")):
            forge.edit_segment(segment.path, forge.SEGMENT_CLUSTER_ID, cluster_id)
        other.start()
        self.fill(other, 30)
        self.turn_to(replica, other)
        self.expect_halt(replica, "unprovable", "aeroctl wal dump")
        other.stop()
        primary.start()
        self.turn_to(replica, primary)
        self.ctl(OK, "reconnect", "--port", replica.port)
        self.expect_whole(primary, replica)

    def open_files(self, server):
        """Of its data directory: how often each is open."""
        descriptors = f"/proc/{server.process.pid}/fd"
        found = []
        for descriptor in os.listdir(descriptors):
            try:
                found.append(os.readlink(os.path.join(descriptors, descriptor)))
            except FileNotFoundError:  # closed meanwhile
                pass
        return collections.Counter(name for name in found if name.startswith(self.data(server)))

    def test_a_replica_that_begins_again_keeps_no_file_of_before_open(self):
        """Each reconnect of a halted replica recovers in place; here it meets a primary of another cluster each time."""
        primary, replica = self.filled_pair()
        self.turn_to(replica, self.start(Primary(certs=self.certs)))
        self.expect_halted(replica, "wrong cluster", "'primary'")
        for halts in range(2, 4):
            self.ctl(OK, "reconnect", "--port", replica.port)
            wait_for(lambda: self.log_of(replica).count("event=halted") == halts, "the halt", 120)
        files = self.open_files(replica)
        self.assertGreater(len(files), 0)
        self.assertLessEqual(max(files.values()), GROUP_LANES, files)

    def test_a_state_that_rotted_in_memory_is_found_at_the_next_digest(self):
        """Decision 20, and what no disk's checksum sees: the replica's memory changes under it."""
        primary, replica = self.pair()
        good, bad = (b"%s-%s" % (word, b"x" * 40) for word in (b"good", b"evil"))
        self.cli(primary, "SET", "victim", good.decode())
        self.fill(primary, 10)
        self.wait_until_equal(primary, replica)
        self.assertGreater(forge.change_memory(replica.process.pid, good, bad), 0)
        self.assertEqual(self.cli(replica, "GET", "victim"), bad.decode())
        self.cli(primary, "SET", "victim", "new")  # what is subtracted is what was found
        self.fill(primary, 1100)
        self.expect_halt(replica, "digest mismatch", "aeroctl verify")
        wait_for(lambda: "event=audited" in self.log_of(primary), "the audit", 120)
        self.assertEqual(self.status(primary)["writes"], "open")
        primary.stop()
        replica.stop()
        self.ctl(OK, "verify", self.data(primary))
        self.ctl(OK, "verify", self.data(replica))  # its log and so its next state are sound
        primary.start()
        replica.start()
        self.ctl(OK, "reconnect", "--port", replica.port)
        self.expect_whole(primary, replica)

    def test_a_record_that_is_no_commit_stops_who_reads_it(self):
        """A defect that writes rubbish under checksums that hold: forged in the running primary's segment."""
        primary, replica = self.filled_pair()
        replica.stop()
        self.cli(primary, "SET", "rubbish", "to be")
        last = self.last_record(primary)
        forge.fill_commit(os.path.join(self.data(primary), last["file"]), last["offset"], 9)
        replica.start()
        self.expect_halted(replica, "malformed commit", "aeroctl verify")
        for role, server, text in (("primary", primary, "not the record that this node made"),
                                   ("replica", replica, "verifies and is none")):
            server.stop(signal.SIGKILL)
            self.expect_exit(EXIT_DATA, text, role, *server.command()[1:])

    def test_a_torn_tail_waits_for_a_known_replica_or_the_operator(self):
        """Decision 7: what was cut could have been acknowledged."""
        primary, replica = self.filled_pair()
        for operator in (False, True):
            replica.stop()
            primary.stop(signal.SIGKILL)
            last = self.last_record(primary)
            with open(os.path.join(self.data(primary), last["file"]), "r+b") as file:
                file.seek(last["offset"] + last["bytes"])
                file.write(b"torn" * 50)
            primary.start()
            self.assertEqual(self.status(primary)["writes"], "cut")
            self.assertIn("event=tail_cut", self.log_of(primary))
            self.assertNotEqual(os.listdir(os.path.join(self.data(primary), "quarantine")), [])
            self.ctl(ATTENTION, "status", "--port", primary.port)
            self.assertTrue(primary.ask("SET", "a", "1").startswith(b"-MISCONF writes are closed"))
            if operator:
                self.assertIn("takes writes", self.ctl(OK, "open-writes", "--port", primary.port))
                self.ctl(FAILURE, "open-writes", "--port", primary.port)
            replica.start()
            wait_for(lambda: self.status(primary)["writes"] == "open", "the gate", 120)
            self.expect_whole(primary, replica)

    def test_a_replica_on_a_full_disk_serves_what_it_has(self):
        """Decision 22. A limit of the process on file sizes stands for the full disk."""
        primary, replica = self.filled_pair()
        held = self.status(replica)["durable_lsn"]
        resource.prlimit(replica.process.pid, resource.RLIMIT_FSIZE,
                         (64 * KB, resource.RLIM_INFINITY))
        self.assertEqual(primary.ask("SET", "large", "x" * 128 * KB), b"+OK\r\n")
        wait_for(lambda: self.status(replica).get("disk") == "fault", "the fault", 120)
        said = self.status(replica)
        self.assertEqual((said["state"], said["durable_lsn"]), ("FOLLOWING", held))
        self.assertIn("disk fault", said["reason"])
        self.assertIn("restart", said["next_action"])
        self.ctl(ATTENTION, "status", "--port", replica.port)
        self.assertEqual(self.cli(replica, "GET", "key:1"), "value:1")
        replica.stop()
        replica.start()
        self.expect_whole(primary, replica)

    def test_a_token_of_no_known_history_is_never_reached(self):
        primary, replica = self.filled_pair()
        token = self.cli(primary, "AERO.LSN")
        self.assertEqual(replica.ask("AERO.WAITLSN", token, 60000), b"+OK\r\n")
        incarnation, lsn = token.split(":")
        for server in (primary, replica):
            reply = server.ask("AERO.WAITLSN", f"{'0' * len(incarnation)}:{lsn}", 60000)
            self.assertTrue(reply.startswith(b"-HISTORYLOST"), reply)
        ahead = f"{incarnation}:{int(lsn) + 1000}"
        self.assertTrue(replica.ask("AERO.WAITLSN", ahead, 1).startswith(b"-TIMEOUT"))


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
