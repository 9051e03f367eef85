# SPDX-License-Identifier: Apache-2.0
"""aeroctl against real daemons and the directories that they leave: what it says must be so, exit statuses included."""
import json
import os
import re
import shutil
import signal
import subprocess
import unittest

from ctl_case import ATTENTION, DAMAGE, DIFFERENT, FAILURE, IN_USE, OK, UNREACHABLE, USAGE, CtlCase
from daemon_case import Primary, binary, wait_for


class Ctl(CtlCase):
    def test_a_healthy_pair_is_said_to_be_one(self):
        primary, replica = self.pair()
        self.fill(primary, 3000)
        self.wait_until_equal(primary, replica)
        ports = [("--port", primary.port), ("--port", replica.port)]
        self.assertIn("serving", self.ctl(OK, "status", *ports[0]))
        self.assertIn("FOLLOWING", self.ctl(OK, "status", *ports[1]))
        self.assertIn("replica1", self.ctl(OK, "replicas", *ports[0]))
        said = self.status(primary)
        self.assertTrue(said["healthy"])
        self.assertGreaterEqual(said["durable_lsn"], 3000)
        self.assertEqual(said["digest"], self.status(replica)["digest"])
        self.assertIn("one history and one state",
                      self.ctl(OK, "compare", f"127.0.0.1:{primary.port}",
                               f"127.0.0.1:{replica.port}"))
        for port in ports:
            self.ctl(OK, "checkpoint", *port)
        self.assertEqual(self.status(primary)["snapshots"], 1)
        self.ctl(OK, "reconnect", *ports[1])
        self.ctl(OK, "confirm-clock", *ports[0])
        self.assertIn("not waiting", self.ctl(FAILURE, "open-writes", *ports[0]))
        self.ctl(FAILURE, "reconnect", *ports[0])
        self.ctl(IN_USE, "verify", self.data(primary))
        self.assertIn("moving", self.ctl(OK, "verify", "--in-use", self.data(primary)))
        self.assertIn("one history and one state",
                      self.ctl(OK, "compare", f"127.0.0.1:{primary.port}", self.data(replica)))

    def test_what_is_left_behind_verifies_after_a_kill(self):
        primary, replica = self.pair(settings=["checkpoint_wal_bytes=100kb", "segment_bytes=1mb"])
        self.fill(primary, 10)
        self.wait_until_equal(primary, replica)  # a replica that was never there has nothing to compare
        for life in range(3):
            self.fill(primary, 5000, life * 5000)
            primary.stop(signal.SIGKILL)
            replica.stop(signal.SIGKILL)
            self.ctl(OK, "verify", self.data(primary))
            self.ctl(OK, "verify", self.data(replica))
            self.ctl(OK, "compare", self.data(primary), self.data(replica))
            primary.start()
            replica.start()
            self.wait_until_equal(primary, replica)
        primary.stop()
        self.ctl(UNREACHABLE, "status", "--port", primary.port)

    def test_a_password_is_asked_for_and_taken(self):
        primary = self.primary()
        self.cli(primary, "CONFIG", "SET", "requirepass", "secret")
        self.assertIn("AEROCTL_PASSWORD", self.ctl(FAILURE, "status", "--port", primary.port))
        self.ctl(OK, "status", "--port", primary.port, AEROCTL_PASSWORD="secret")
        self.ctl(FAILURE, "status", "--port", primary.port, AEROCTL_PASSWORD="wrong")

    def test_a_log_is_dumped_as_it_was_written(self):
        primary = self.primary()
        self.cli(primary, "SET", "first", "1")
        self.cli(primary, "DEL", "first")
        primary.stop()
        lines = [json.loads(line) for line in
                 self.ctl(OK, "wal", "dump", "--json", "--keys", self.data(primary)).splitlines()]
        records = [line for line in lines if "lsn" in line]
        self.assertEqual([record["lsn"] for record in records], [1, 2])
        self.assertEqual([record["operations"][0]["kind"] for record in records],
                         ["put", "delete"])
        self.assertTrue(records[0]["operations"][0]["key"].endswith("first"))
        segment = os.path.join(self.data(primary), "wal", os.path.basename(lines[0]["file"]))
        self.assertIn(" 2 commit", self.ctl(OK, "wal", "dump", "--from", 2, segment))

    def lose_records(self, primary):
        """Cuts durable records off the log, with all that proves them: rot that no single node can see."""
        text = self.ctl(OK, "wal", "dump", self.data(primary))
        offset = int(re.findall(r"offset=(\d+)", text)[-50])
        segment = re.findall(r"^wal/\S+$", text, re.MULTILINE)[-1]
        os.truncate(os.path.join(self.data(primary), segment), offset)
        os.remove(os.path.join(self.data(primary), "durable"))

    def test_lost_records_come_back_from_the_replica(self):
        """Decision 7, with real daemons: the primary finds that it lost records, stops writes, and gets them back."""
        primary, replica = self.pair()
        self.fill(primary, 500)
        self.wait_until_equal(primary, replica)
        before = self.status(replica)
        primary.stop()
        replica.stop()
        self.lose_records(primary)
        primary.start()
        replica.start()
        wait_for(lambda: self.status(primary).get("writes") == "primary_lost", "the verdict", 60)
        self.assertIn("salvage", self.ctl(ATTENTION, "status", "--port", primary.port))
        wait_for(lambda: self.status(replica).get("state") == "HALTED", "the replica to halt", 60)
        self.ctl(ATTENTION, "status", "--port", replica.port)
        self.assertTrue(primary.ask("SET", "a", "1").startswith(b"-"))
        salvage = ["salvage", "--primary-dir", self.data(primary), "--replica-dir",
                   self.data(replica)]
        self.ctl(IN_USE, *salvage, "--yes")
        primary.stop()
        replica.stop()
        self.assertIn("Nothing was changed", self.ctl(OK, *salvage))
        self.assertIn("verifies", self.ctl(OK, *salvage, "--yes"))
        self.assertIn("Nothing to bring back", self.ctl(OK, *salvage))
        primary.start()
        replica.start()
        self.ctl(OK, "reconnect", "--port", replica.port)
        wait_for(lambda: self.status(replica).get("state") == "FOLLOWING", "the replica", 60)
        self.assertEqual(self.status(primary)["digest"], before["digest"])
        self.cli(primary, "SET", "after", "1")
        self.wait_until_equal(primary, replica)
        primary.stop()
        replica.stop()
        self.ctl(OK, "verify", self.data(primary))
        self.ctl(OK, "compare", self.data(primary), self.data(replica))

    def test_lost_records_are_given_up_by_their_number_only(self):
        """Decisions 5, 7: the loss is seen at the start, from what the replica had acknowledged; no replica is needed."""
        primary, replica = self.pair()
        self.fill(primary, 500)
        self.wait_until_equal(primary, replica)
        primary.stop()
        replica.stop()
        self.lose_records(primary)
        primary.start()
        said = self.status(primary)
        lost = said["lost_records"]
        self.assertEqual((said["writes"], lost), ("primary_lost", 500 - said["durable_lsn"]))
        self.assertIn("'replica1' acknowledged LSN 500", said["reason"])
        self.assertNotIn("MISCONF", said["reason"])
        self.assertNotIn(said["next_action"], said["reason"])
        self.assertTrue(primary.ask("SET", "a", "1").startswith(b"-MISCONF writes are closed: "))
        port = ["--port", primary.port]
        self.assertIn(f"--discard {lost}'", self.ctl(FAILURE, "open-writes", *port))
        self.ctl(FAILURE, "open-writes", "--discard", lost - 1, *port)
        self.ctl(USAGE, "open-writes", "--discard", "all", *port)
        self.assertTrue(primary.ask("SET", "a", "1").startswith(b"-MISCONF"))
        self.assertIn("takes writes", self.ctl(OK, "open-writes", "--discard", lost, *port))
        self.cli(primary, "SET", "mine", "1")
        primary.stop(signal.SIGKILL)
        primary.start()
        self.cli(primary, "SET", "mine", "2")
        # The replica that still has them makes it two histories: nothing merges those, and nothing is dropped unasked.
        replica.start()
        wait_for(lambda: self.status(primary).get("writes") == "primary_lost", "the claim", 60)
        wait_for(lambda: self.status(replica).get("state") == "HALTED", "the replica to halt", 60)
        self.assertIn("aeroctl salvage", self.status(replica)["next_action"])
        lost = self.status(primary)["lost_records"]
        replica.stop()
        primary.stop()
        self.assertIn("Two histories",
                      self.ctl(DIFFERENT, "salvage", "--primary-dir", self.data(primary),
                               "--replica-dir", self.data(replica)))
        primary.start()
        self.assertEqual(self.status(primary)["lost_records"], lost)
        self.assertIn("takes writes", self.ctl(OK, "open-writes", "--discard", lost, *port))
        self.move_data_away(replica)
        replica.start()
        self.cli(primary, "SET", "mine", "3")
        self.wait_until_equal(primary, replica)
        self.assertIn("one history and one state",
                      self.ctl(OK, "compare", f"127.0.0.1:{primary.port}",
                               f"127.0.0.1:{replica.port}"))

    def test_a_loss_that_is_given_up_while_the_log_is_closed_wants_a_restart(self):
        primary, replica = self.pair()
        self.fill(primary, 500)
        self.wait_until_equal(primary, replica)
        replica.stop()
        primary.stop()
        shutil.copytree(self.data(primary), self.data(primary) + ".old")
        primary.start()
        replica.start()
        self.fill(primary, 100, 500)
        self.wait_until_equal(primary, replica)
        primary.stop()
        replica.stop()
        self.move_data_away(primary)  # an operator restores a copy
        os.rename(self.data(primary) + ".old", self.data(primary))
        primary.start()
        replica.start()
        wait_for(lambda: self.status(primary).get("writes") == "primary_lost", "the claim", 60)
        self.assertEqual(self.status(primary)["lost_records"], 100)
        self.assertIn("restart", self.ctl(OK, "open-writes", "--discard", 100, "--port",
                                          primary.port))
        self.assertIn("restart", self.ctl(ATTENTION, "status", "--port", primary.port))
        replica.stop()
        self.move_data_away(replica)
        primary.stop()
        primary.start()
        replica.start()
        self.cli(primary, "SET", "a", "1")
        self.wait_until_equal(primary, replica)

    def test_a_replica_of_another_cluster_is_turned_round_by_its_advice(self):
        primary, replica = self.pair()
        self.fill(primary, 10)
        self.wait_until_equal(primary, replica)
        other = self.start(Primary(certs=self.certs))
        replica.stop()
        right, replica.through = replica.through, other.replication_port
        replica.start()
        wait_for(lambda: self.status(replica).get("state") == "HALTED", "the halt", 60)
        said = self.status(replica)
        self.assertIn("wrong cluster", said["reason"])
        self.assertIn("'primary'", said["next_action"])
        self.assertTrue(replica.ask("GET", "key:1").startswith(b"-HALTED"))
        replica.stop()
        replica.through = right
        replica.start()
        self.assertEqual(self.status(replica)["state"], "HALTED")
        self.ctl(OK, "reconnect", "--port", replica.port)
        self.cli(primary, "SET", "a", "1")
        self.wait_until_equal(primary, replica)
        self.assertEqual(self.cli(replica, "GET", "a"), "1")

    def test_status_is_said_again_and_again_where_that_is_wanted(self):
        primary = self.primary()
        self.ctl(USAGE, "status", "--port", primary.port, "--watch", "soon")
        watching = subprocess.Popen([binary("aeroctl"), "status", "--json", "--watch", "100ms",
                                     "--port", str(primary.port)], stdout=subprocess.PIPE)
        self.addCleanup(watching.stdout.close)
        decoder = json.JSONDecoder()
        text, seen = "", []
        while len(seen) < 3:
            text += watching.stdout.readline().decode()
            try:
                said, end = decoder.raw_decode(text)
            except json.JSONDecodeError:
                continue
            seen.append(said["state"])
            text = text[end:].lstrip()
        watching.send_signal(signal.SIGINT)
        self.assertEqual(watching.wait(timeout=20), -signal.SIGINT)
        self.assertEqual(seen, ["serving"] * 3)

    def test_what_is_asked_of_the_wrong_place_is_said_to_be_so(self):
        primary, replica = self.pair()
        self.assertIn("this is a replica: ask its primary",
                      self.ctl(FAILURE, "replicas", "--port", replica.port))
        self.assertIn("this is a primary: ask one of its replicas",
                      self.ctl(FAILURE, "reconnect", "--port", primary.port))
        self.assertIn("/nosuch: No such file or directory",
                      self.ctl(FAILURE, "wal", "dump", "/nosuch"))
        self.assertIn("--from is behind --to",
                      self.ctl(USAGE, "wal", "dump", "--from", 5, "--to", 3, self.data(primary)))
        self.assertIn("certs show", self.ctl(OK, "help", "certs"))
        other = self.primary()
        said = self.ctl(DIFFERENT, "compare", f"127.0.0.1:{primary.port}",
                        f"127.0.0.1:{other.port}")
        self.assertNotIn("at LSN", said)

    def flip(self, server, offset):
        with open(os.path.join(self.data(server), "wal", "0000000000000001-00000001.seg"),
                  "r+b") as file:
            file.seek(offset)
            byte = file.read(1)
            file.seek(offset)
            file.write(bytes([byte[0] ^ 1]))

    def test_damage_that_a_replica_meets_is_shown_by_its_primary(self):
        """Decision 24: the primary is sound in memory and takes writes; what it cannot ship an operator has to hear of."""
        primary, replica = self.pair()
        self.fill(primary, 50)
        self.wait_until_equal(primary, replica)
        replica.stop()
        self.fill(primary, 50, start=50)
        text = self.ctl(OK, "wal", "dump", self.data(primary))
        offset = int(re.search(r"^ +80 commit offset=(\d+)", text, re.MULTILINE).group(1)) + 70
        self.flip(primary, offset)
        replica.start()
        wait_for(lambda: "wal_damaged" in self.log_of(primary), "the damage to be met", 60)
        said = self.ctl(DAMAGE, "status", "--port", primary.port)
        for part in ("aeroctl verify", "00000001.seg at offset"):
            self.assertIn(part, said)
        self.ctl(DAMAGE, "verify", "--in-use", self.data(primary))
        self.fill(primary, 1)
        primary.stop()
        self.flip(primary, offset)  # the disk thinks better of it
        primary.start()
        self.ctl(OK, "status", "--port", primary.port)
        self.wait_until_equal(primary, replica)

    def test_damage_behind_a_snapshot_is_shown_until_it_is_mended(self):
        """Decision 12: the start does without what is damaged, and says so until the replica has made it whole."""
        primary, replica = self.pair()
        for i in range(2):
            self.fill(primary, 50)
            self.ctl(OK, "checkpoint", "--port", primary.port)
        self.wait_until_equal(primary, replica)
        primary.stop()
        replica.stop()
        self.flip(primary, 4400)
        found = re.search(r"offset (\d+) LSN (\d+)", self.ctl(DAMAGE, "verify", self.data(primary)))
        primary.start()
        said = self.ctl(DAMAGE, "status", "--port", primary.port)
        self.assertIn("aeroctl salvage", said)
        event = [line for line in self.log_of(primary).split("\n") if "segment_damaged" in line][0]
        self.assertIn("level=error", event)
        for part in ("00000001.seg", f"offset_bytes={found[1]}", f"lsn={found[2]}"):
            self.assertIn(part, event)
        primary.stop()
        self.ctl(OK, "salvage", "--primary-dir", self.data(primary), "--replica-dir",
                 self.data(replica), "--yes")
        primary.start()
        self.assertIn("to do: none", self.ctl(OK, "status", "--port", primary.port))

    def test_damage_is_found_where_it_is(self):
        primary = self.primary()
        self.fill(primary, 100)
        primary.stop()
        text = self.ctl(OK, "wal", "dump", self.data(primary))
        offset = int(re.search(r"^ +50 commit offset=(\d+)", text, re.MULTILINE).group(1))
        segment = os.path.join(self.data(primary), re.search(r"^wal/\S+$", text, re.MULTILINE)[0])
        with open(segment, "r+b") as file:
            file.seek(offset + 70)
            file.write(b"\xff")
        self.assertIn(f"offset {offset} LSN 50:", self.ctl(DAMAGE, "verify", self.data(primary)))
        refused = self.run_daemon("primary", "--data", self.data(primary), "--port", "0",
                                  "--set", "unixsocket=" + self.path("socket"))
        self.assertNotEqual(refused.returncode, 0)


if __name__ == "__main__":
    unittest.main()
