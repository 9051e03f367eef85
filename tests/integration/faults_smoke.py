# SPDX-License-Identifier: Apache-2.0
"""A real primary on a disk that stands still, fails or is full (FM-6.2, FM-7.1, FM-7.2)."""
import os
import resource
import signal
import socket
import sys
import time
import unittest

from daemon_case import EXIT_FAILURE, EXIT_OK, DaemonCase, Primary, wait_for

SHIM = None
MB = 1 << 20


class Faults(DaemonCase):
    def shimmed(self, **arguments):
        self.shim = self.path("shim")
        os.mkdir(self.shim)
        for name, value in (("LD_PRELOAD", SHIM), ("AERO_SHIM", self.shim)):
            os.environ[name] = value
            self.addCleanup(os.environ.pop, name, None)
        primary = self.primary(**arguments)
        os.environ.pop("LD_PRELOAD")
        return primary

    def ask_disk(self, what):
        with open(os.path.join(self.shim, what), "w"):
            pass

    def let_go(self, what):
        os.unlink(os.path.join(self.shim, what))

    def connect(self, primary):
        link = socket.create_connection(("127.0.0.1", primary.port), timeout=30)
        self.addCleanup(link.close)
        return link

    def fail_the_sync_of(self, primary, *words):
        """The sync of this very write fails, and no other before it: an idle log syncs its proof by itself."""
        self.ask_disk("hold")
        writer = self.connect(primary)
        writer.sendall(" ".join(words).encode() + b"\r\n")
        wait_for(lambda: any(name.startswith("waits.") and name.endswith(".seg")
                             for name in os.listdir(self.shim)), "the sync of the log", 20)
        self.ask_disk("fail")
        self.let_go("hold")
        return writer.recv(64)

    def test_reads_and_operators_are_served_while_a_sync_stands_still(self):
        primary = self.shimmed()
        self.assertEqual(primary.ask("SET", "a", "1"), b"+OK\r\n")
        self.ask_disk("hold")
        writer = self.connect(primary)
        writer.sendall(b"SET a 2\r\n")
        writer.settimeout(0.5)
        with self.assertRaises(socket.timeout):
            writer.recv(64)
        # The loop does not wait for the disk: whoever asks for what is durable gets it at once.
        began = time.monotonic()
        for _ in range(50):
            self.assertEqual(primary.ask("PING"), b"+PONG\r\n")
            self.assertEqual(primary.ask("GET", "elsewhere"), b"$-1\r\n")
        self.assertIn(b"redis_version", primary.ask("INFO", "server"))
        self.assertLess(time.monotonic() - began, 20)
        self.let_go("hold")
        writer.settimeout(30)
        self.assertEqual(writer.recv(64), b"+OK\r\n")
        self.assertEqual(primary.ask("GET", "a"), b"$1\r\n2\r\n")

    def test_a_second_signal_ends_a_stop_that_waits_for_the_disk(self):
        primary = self.shimmed()
        self.ask_disk("hold")
        self.connect(primary).sendall(b"SET a 1\r\n")
        time.sleep(0.3)
        primary.process.send_signal(signal.SIGTERM)
        wait_for(lambda: "event=stopping" in self.log_of(primary), "the stop to begin", 20)
        time.sleep(0.3)
        self.assertIsNone(primary.process.poll())
        primary.process.send_signal(signal.SIGTERM)
        self.assertEqual(primary.process.wait(timeout=20), EXIT_FAILURE)

    def test_a_failed_sync_closes_writes_until_a_restart(self):
        primary = self.shimmed()
        self.assertEqual(primary.ask("SET", "a", "1"), b"+OK\r\n")
        reply = self.fail_the_sync_of(primary, "SET", "a", "2")
        self.assertTrue(reply.startswith(b"-UNKNOWN"), reply)
        self.let_go("fail")
        # Later syncs would succeed, and prove nothing (FM-7.2).
        self.assertTrue(primary.ask("SET", "b", "1").startswith(b"-MISCONF"))
        # Nor may a checkpoint follow (decision 22), and whoever asks for one hears that.
        self.assertTrue(primary.ask("AERO.CHECKPOINT", timeout=60).startswith(b"-MISCONF"))
        self.assertEqual(primary.ask("GET", "a"), b"$1\r\n1\r\n")
        primary.stop(signal.SIGKILL)
        primary.start()
        self.assertEqual(primary.ask("SET", "b", "1"), b"+OK\r\n")
        self.assertIn(primary.ask("GET", "a"), (b"$1\r\n1\r\n", b"$1\r\n2\r\n"))

    def test_a_failed_sync_ends_the_process_where_that_is_wanted(self):
        primary = self.shimmed(settings=["on_fsync_failure=exit"])
        self.assertEqual(primary.ask("SET", "a", "1"), b"+OK\r\n")
        reply = self.fail_the_sync_of(primary, "SET", "a", "2")
        self.assertTrue(reply.startswith(b"-UNKNOWN"), reply)
        self.assertEqual(primary.process.wait(timeout=20), EXIT_FAILURE)

    def test_writes_resume_by_themselves_when_there_is_space_again(self):
        # A limit of the process on file sizes stands for a full disk: EFBIG means the same (decision 22).
        primary = self.primary(settings=["segment_bytes=8mb", "wal_recycle=no"])
        self.cli(primary, "SET", "before", "1")
        infinite = resource.RLIM_INFINITY
        resource.prlimit(primary.process.pid, resource.RLIMIT_FSIZE, (5 * MB, infinite))
        value = "x" * 100000
        written = 0
        reply = b""
        for i in range(100):
            reply = primary.ask("SET", f"key:{i}", value)
            if reply != b"+OK\r\n":
                break
            written += 1
        self.assertTrue(reply.startswith((b"-NOTWRITTEN", b"-UNKNOWN")), reply)
        self.assertEqual(primary.ask("GET", "before"), b"$1\r\n1\r\n")
        self.assertEqual(int(self.cli(primary, "DBSIZE")), written + 1)
        resource.prlimit(primary.process.pid, resource.RLIMIT_FSIZE, (infinite, infinite))
        wait_for(lambda: primary.ask("SET", "after", "1") == b"+OK\r\n", "writes to resume", 30)
        primary.stop(signal.SIGKILL)
        primary.start()
        self.assertEqual(int(self.cli(primary, "DBSIZE")), written + 2)
        self.assertEqual(self.cli(primary, "GET", "after"), "1")
        primary.stop()
        self.assertEqual(primary.process.returncode, EXIT_OK)


if __name__ == "__main__":
    SHIM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
