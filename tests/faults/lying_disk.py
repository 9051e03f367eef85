# SPDX-License-Identifier: Apache-2.0
"""A replica whose disk lies: bytes that were synced are others later (FM-8.2, decision 5).

It serves nothing of it: at the next start it names file and offset and ends with the status for damage, and reseeding it,
as docs/operations.md says, brings it back. Where redundancy is left (an older snapshot, the manifest's other slot) it uses
that and says so."""
import os
import random
import re
import signal

from fault_case import EXIT_DATA, PairCase, Primary, Replica, ask, main, wait_for
from log_bytes import AT_FIRST_LSN, AT_NONCE, expect_prefix, logical_bytes, number, record_end, segments
from support.forge import SEGMENT_HEADER_BYTES, edit_segment, fill_commit
from workload import Surprise

SETTINGS = ("segment_bytes=1mb", "checkpoint_wal_bytes=0")
SECTOR = 512
BLOCK = 4096
SEED = 5


class LyingDisk(PairCase):
    def setUp(self):
        super().setUp()
        self.chance = random.Random(SEED)
        self.primary = self.start(Primary(self.certs, SETTINGS))
        self.replica = self.start(Replica(self.primary, SETTINGS))
        self.workload.write(self.primary.port, 200)
        self.wait_equal(self.primary, self.replica)

    # ---- Lies ----

    def files(self, folder, suffix):
        directory = os.path.join(self.replica.directory, "data", folder)
        return sorted(os.path.join(directory, name) for name in os.listdir(directory)
                      if name.endswith(suffix))

    def replace(self, path, offset, change):
        with open(path, "r+b") as file:
            file.seek(offset)
            old = file.read(len(change(b"\0" * BLOCK)))
            new = change(old)
            self.assertNotEqual(old, new)
            file.seek(offset)
            file.write(new)

    def flip(self, path, offset):
        self.replace(path, offset, lambda old: bytes([old[0] ^ 0x10]))

    def somewhere(self, path, align=1):
        """Between header and end of a sealed segment, or in a snapshot's middle."""
        return self.chance.randrange(2 * BLOCK, os.path.getsize(path) - 4 * BLOCK) // align * align

    # ---- What follows ----

    def expect_refused(self, path):
        """The start names the file and the place, changes nothing, and so does verify."""
        name = os.path.relpath(path, os.path.join(self.replica.directory, "data"))
        self.replica.launch()
        wait_for(lambda: self.replica.process.poll() is not None, "the start to be refused", 60)
        self.assertEqual(self.replica.process.returncode, EXIT_DATA)
        said = [line for line in self.log_of(self.replica).splitlines() if "data_refused" in line][-1]
        self.assertIn(f"file={name}", said)
        self.assertRegex(said, r"offset_bytes=\d+")
        self.assertRegex(said, r"(?i)damage|corrupt")
        code, text = self.verify(self.replica)
        self.assertEqual(code, 5, text)
        self.assertIn(os.path.basename(name), text)
        return int(re.search(r"offset_bytes=(\d+)", said).group(1))

    def reseed(self):
        """The way out that docs/operations.md gives."""
        data = os.path.join(self.replica.directory, "data")
        os.rename(data, data + ".old")
        self.replica.start()
        self.judge(self.primary, self.replica)

    def lie_and_reseed(self, lie, path):
        self.replica.stop(signal.SIGKILL)
        offset = lie(path)
        # Damage is found at the record that holds the byte: not behind it, and less than a record before it.
        found = self.expect_refused(path)
        self.assertLessEqual(found, offset)
        self.assertGreater(found, offset - 2 * 8192)
        # Bytes that are wrong stay wrong: a second look says the same.
        self.assertEqual(self.expect_refused(path), found)
        self.reseed()

    def test_a_flipped_bit_in_a_sealed_segment(self):
        def lie(path):
            offset = self.somewhere(path)
            self.flip(path, offset)
            return offset
        self.lie_and_reseed(lie, self.files("wal", ".seg")[0])

    def test_a_sector_of_zeros(self):
        def lie(path):
            offset = self.somewhere(path, SECTOR)
            self.replace(path, offset, lambda old: b"\0" * SECTOR)
            return offset
        self.lie_and_reseed(lie, self.files("wal", ".seg")[0])

    def test_a_block_that_was_written_elsewhere(self):
        def lie(path):
            offset = self.somewhere(path, BLOCK)
            with open(path, "rb") as file:
                file.seek(offset + 2 * BLOCK)
                other = file.read(BLOCK)
            self.replace(path, offset, lambda old: other)
            return offset
        self.lie_and_reseed(lie, self.files("wal", ".seg")[0])

    def test_a_synced_end_that_is_gone(self):
        """The newest commits, proven durable by the `durable` file: lost writes, not a torn tail."""
        self.replica.stop()  # cleanly: the proof is durable too
        path = self.files("wal", ".seg")[-1]
        with open(path, "rb") as file:
            used = len(file.read().rstrip(b"\0"))
        self.replace(path, (used - BLOCK) // SECTOR * SECTOR, lambda old: b"\0" * SECTOR)
        self.expect_refused(path)
        self.reseed()

    def test_a_lie_under_a_replica_that_runs(self):
        """It has these bytes in memory, applied and proven: it goes on serving what is right, and finds out at its restart."""
        path = self.files("wal", ".seg")[0]
        self.flip(path, self.somewhere(path))
        self.workload.write(self.primary.port, 60)
        self.wait_equal(self.primary, self.replica)
        self.workload.judge(self.replica.port, "replica, over a lie")
        self.replica.stop(signal.SIGKILL)
        self.expect_refused(path)
        self.reseed()

    def test_a_lie_in_the_newest_snapshot_costs_only_redundancy(self):
        for _ in range(2):
            self.assertEqual(ask(self.replica.port, "AERO.CHECKPOINT"), b"OK")
            self.workload.write(self.primary.port, 30)
            self.wait_equal(self.primary, self.replica)
        self.replica.stop(signal.SIGKILL)
        path = max(self.files("snapshots", ".snap"), key=os.path.basename)
        self.flip(path, self.somewhere(path))
        code, said = self.verify(self.replica)
        self.assertEqual(code, 5, said)
        self.assertIn(os.path.basename(path), said)
        self.replica.start()
        self.assertIn("event=older_snapshot_used", self.log_of(self.replica))
        self.wait_equal(self.primary, self.replica)
        self.workload.judge(self.replica.port, "replica, from its older snapshot")
        # New snapshots take the place of the damaged one, and the directory is clean again.
        for _ in range(3):
            self.workload.write(self.primary.port, 12)
            self.wait_equal(self.primary, self.replica)
            self.assertEqual(ask(self.replica.port, "AERO.CHECKPOINT"), b"OK")
        self.judge(self.primary, self.replica)

    def test_a_lie_in_one_slot_of_the_manifest_is_mended_aloud(self):
        self.replica.stop(signal.SIGKILL)
        manifest = os.path.join(self.replica.directory, "data", "manifest")
        self.flip(manifest, 64)
        self.replica.start()
        self.assertIn("event=manifest_slot_rewritten", self.log_of(self.replica))
        self.judge(self.primary, self.replica)

    # ---- What judges all this ----

    def test_the_judgement_sees_what_no_checksum_sees(self):
        """Bytes that differ under checksums that hold: the daemons would take them, the comparison of the logs does not."""
        for server in (self.replica, self.primary):
            server.stop()
        directories = [self.data_directory(server) for server in (self.primary, self.replica)]
        expect_prefix(*directories)
        path = list(segments(directories[1]).values())[-1]
        with open(path, "rb") as file:
            sound = file.read()
        last = SEGMENT_HEADER_BYTES
        lsn = number(sound, AT_FIRST_LSN)
        while (end := record_end(sound, last, lsn)) < len(logical_bytes(path)):
            last, lsn = end, lsn + 1
        for forge in (lambda: fill_commit(path, last, 0x55),
                      lambda: edit_segment(path, AT_NONCE + 8, b"\x55")):  # behind what records repeat
            forge()
            self.assertEqual(len(logical_bytes(path)), end)
            with self.assertRaisesRegex(Surprise, "not what the primary has"):
                expect_prefix(*directories)
            with open(path, "wb") as file:
                file.write(sound)
            expect_prefix(*directories)
        # More than the primary has.
        os.remove(segments(directories[0])[os.path.basename(path)])
        with self.assertRaisesRegex(Surprise, "the primary has no"):
            expect_prefix(*directories)

    def test_a_log_that_begins_at_a_snapshot_is_judged_by_what_it_has(self):
        for _ in range(4):
            self.workload.write(self.primary.port, 180)
            self.assertEqual(ask(self.primary.port, "AERO.CHECKPOINT"), b"OK")
        self.replica.stop()
        self.reseed()
        self.assertIn("event=bootstrap_begins", self.log_of(self.replica))


if __name__ == "__main__":
    main()
