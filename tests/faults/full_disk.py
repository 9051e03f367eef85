# SPDX-License-Identifier: Apache-2.0
"""A disk that is really full: a small ext4 and a small xfs, mounted through a loop device, and cured again.

Writes stop with the right words, reads go on, what was acknowledged stays, and writes resume without a restart once there
is space; a start on a full disk refuses or serves, and loses nothing either."""
import errno
import os
import shutil
import signal
import subprocess
import unittest

from fault_case import PairCase, Primary, Replica, ask, main, run_command, wait_for

MB = 1 << 20
# xfs does not make a file system below 300 MB; a ballast leaves the same room on both.
IMAGE_MB = {"ext4": 160, "xfs": 320}
ROOM_MB = 8
# Small enough for the workload to fill the room, and no segment prepared ahead larger than it.
SETTINGS = ("segment_bytes=1mb", "checkpoint_wal_bytes=0")


class OnFullDisk:
    """Its tests run once on each file system."""

    kind = None

    def setUp(self):
        if shutil.which("mkfs." + self.kind) is None:
            self.skipTest(f"no mkfs.{self.kind}: deploy/install-dependencies --test installs it")
        super().setUp()
        image = self.path("image")
        self.disk = self.path("disk")
        os.mkdir(self.disk)
        with open(image, "wb") as out:
            out.truncate(IMAGE_MB[self.kind] * MB)
        run_command("mkfs." + self.kind, "-q", image)
        try:
            run_command("mount", "-o", "loop", image, self.disk)
        except (RuntimeError, FileNotFoundError) as refused:
            self.skipTest(f"nothing can be mounted here: {refused}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.disk], check=True)

    def data_on_disk(self, server):
        """Its data directory is on the small disk, its log is not."""
        target = os.path.join(self.disk, server.name)
        os.mkdir(target, 0o700)
        os.symlink(target, os.path.join(server.directory, "data"))

    def free_bytes(self):
        facts = os.statvfs(self.disk)
        return facts.f_bavail * facts.f_frsize

    def fill(self, room_bytes):
        """A ballast that leaves so much. A file system keeps some of what it calls free for itself."""
        with open(os.path.join(self.disk, "ballast"), "ab") as out:
            piece = 64 * MB
            while piece >= 4096:
                try:
                    if self.free_bytes() - room_bytes < piece:
                        raise OSError(errno.ENOSPC, "enough")
                    os.posix_fallocate(out.fileno(), os.fstat(out.fileno()).st_size, piece)
                except OSError as full:
                    if full.errno != errno.ENOSPC:
                        raise
                    piece //= 2

    def cure(self):
        os.unlink(os.path.join(self.disk, "ballast"))

    def pair(self, full):
        """`full` names the role whose disk is the small one."""
        self.primary = Primary(self.certs, SETTINGS)
        self.addCleanup(self.primary.remove)
        if full == "primary":
            self.data_on_disk(self.primary)
            self.primary.init = True
        self.primary.start()
        self.primary.init = False
        self.replica = Replica(self.primary, SETTINGS)
        self.addCleanup(self.replica.remove)
        if full == "replica":
            self.data_on_disk(self.replica)
        self.replica.start()
        self.workload.write(self.primary.port, 30)
        self.wait_equal(self.primary, self.replica)

    def write_until(self, condition, what):
        """Commits that are told to fail are part of the workload."""
        for _ in range(60):
            if condition():
                return
            self.workload.write(self.primary.port, 60)
        self.fail(f"{what} never came about")

    def writes_of(self):
        return self.status(self.primary)["writes"]

    def fill_primary(self):
        self.pair("primary")
        self.fill(ROOM_MB * MB)
        self.write_until(lambda: self.writes_of() != "open", "a full disk")

    def test_a_primary_says_so_serves_reads_and_resumes_by_itself(self):
        self.fill_primary()
        self.assertGreater(self.workload.count("absent"), 0)
        status = self.status(self.primary)
        self.assertIn("resume", status["next_action"] + status["reason"])
        self.assertIn("space", ask(self.primary.port, "SET", "a", "1").decode())
        # Reads go on, from the durable state, and the replica has it.
        self.wait_equal(self.primary, self.replica)
        self.workload.judge(self.primary.port, "primary, while its disk is full")
        self.workload.judge(self.replica.port, "replica, while its primary's disk is full")
        # A checkpoint without room is an error in words, not an end.
        reply = ask(self.primary.port, "AERO.CHECKPOINT")
        self.assertTrue(reply == b"OK" or reply.startswith(b"-"), reply)
        self.cure()
        self.wait_writes(self.primary)
        self.assertEqual(self.writes_of(), "open")
        self.workload.write(self.primary.port, 60)
        self.assertIsNone(self.primary.process.poll())
        self.judge(self.primary, self.replica)
        self.expect_no_snapshot(self.replica)

    def test_it_fills_and_is_cured_again_and_again(self):
        self.pair("primary")
        for _ in range(3):
            self.fill(ROOM_MB * MB // 2)
            self.write_until(lambda: self.writes_of() != "open", "a full disk")
            self.cure()
            self.wait_writes(self.primary)
            self.assertEqual(ask(self.primary.port, "AERO.CHECKPOINT"), b"OK")
        self.judge(self.primary, self.replica)

    def test_a_kill_and_a_start_on_the_full_disk_lose_nothing(self):
        self.fill_primary()
        self.fill(0)
        self.primary.stop(signal.SIGKILL)
        self.primary.launch()
        up = self.comes_up(self.primary)
        if not up:
            self.assertEqual(self.primary.process.returncode, 1, self.log_of(self.primary))
            last = self.log_of(self.primary).splitlines()[-1]
            self.assertIn("event=data_refused", last)
            self.assertRegex(last, "(?i)space")
        self.cure()
        if not up:
            self.primary.start()
        self.wait_writes(self.primary)
        self.workload.write(self.primary.port, 30)
        self.judge(self.primary, self.replica)

    def comes_up(self, server):
        outcome = []

        def is_decided():
            if server.process.poll() is not None:
                outcome.append(False)
            else:
                try:
                    if ask(server.port, "PING") == b"PONG":
                        outcome.append(True)
                except OSError:
                    pass
            return bool(outcome)

        wait_for(is_decided, "the start to succeed or to be refused", 60)
        return outcome[0]

    def test_a_replica_says_so_serves_what_it_has_and_follows_once_restarted(self):
        self.pair("replica")
        self.fill(ROOM_MB * MB // 2)
        self.write_until(lambda: self.status(self.replica)["disk"] != "ok", "a full disk")
        status = self.status(self.replica)
        self.assertRegex(status["reason"] + status["disk"] + status["next_action"], "(?i)space|disk")
        # What it serves is a state that the primary had; the primary does not wait for it.
        self.assertEqual(ask(self.replica.port, "GET", "last:1"),
                         str(self.replica_last()).encode())
        self.workload.write(self.primary.port, 30)
        self.assertEqual(self.writes_of(), "open")
        self.cure()
        self.replica.stop()
        self.replica.start()
        self.judge(self.primary, self.replica)
        self.expect_no_snapshot(self.replica)

    def replica_last(self):
        """The newest commit of client 1 that the replica shows, by its own key."""
        numbers = [number for number in self.workload.clients[1].told
                   if ask(self.replica.port, "EXISTS", f"w:1:{number}") == b"1"]
        return max(numbers)


class Ext4(OnFullDisk, PairCase):
    kind = "ext4"


class Xfs(OnFullDisk, PairCase):
    kind = "xfs"


if __name__ == "__main__":
    main()
