# SPDX-License-Identifier: Apache-2.0
"""What a replica has it need not be sent again: over a hundred restarts, and when the transfer of a snapshot is cut, be it by the
primary's end or by its own."""
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import unittest

from daemon_case import DaemonCase, Primary, Replica, make_certs, wait_for


class Dam:
    """Relays connections to 127.0.0.1:`target`. After `limit` bytes from there, in all, everything stands still until
    it breaks: then the connection that stood still is cut, and later ones flow."""

    def __init__(self, target, limit):
        self.target = target
        self.left = limit
        self.broken = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                near.close()
                continue
            threading.Thread(target=self._relay, args=(near, far), daemon=True).start()

    def _relay(self, near, far):
        with near, far:
            there = threading.Thread(target=self._pump, args=(near, far))
            there.start()
            self._pump(far, near, True)
            there.join()

    def _pump(self, source, sink, dammed=False):
        try:
            while data := source.recv(65536):
                if dammed:
                    self.left -= len(data)
                    if self.left < 0 and not self.broken.is_set():
                        self.broken.wait()
                        break
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.broken.set()
        self.listener.close()


class Resume(DaemonCase):
    @classmethod
    def setUpClass(cls):
        cls.certs = make_certs()
        cls.addClassCleanup(shutil.rmtree, os.path.dirname(cls.certs), ignore_errors=True)

    def primary_with_small_segments(self):
        return self.primary(certs=self.certs, settings=["segment_bytes=1mb"])

    def fill(self, primary, prefix, count, value_bytes):
        commands = "".join(f"SET {prefix}:{i} {'x' * value_bytes}\r\n" for i in range(count))
        subprocess.run(["redis-cli", "-p", str(primary.port), "--pipe"], input=commands, text=True,
                       check=True, stdout=subprocess.DEVNULL)

    def write_and_truncate(self, primary, prefix):
        """More than a segment, and a snapshot, often enough that no snapshot needs the log of before."""
        for i in range(3):
            self.fill(primary, f"{prefix}:{i}", 150, 10000)
            self.assertEqual(self.cli(primary, "AERO.CHECKPOINT"), "OK")

    def first_segment(self, primary):
        return min(os.listdir(os.path.join(primary.directory, "data", "wal")))

    def is_reached(self, replica, token):
        try:
            return replica.ask("AERO.WAITLSN", token, "1000") == b"+OK\r\n"
        except OSError:  # a replica that has bootstrapped begins again, without its clients
            return False

    def wait_until_equal(self, primary, replica):
        token = self.cli(primary, "AERO.LSN")
        wait_for(lambda: self.is_reached(replica, token), "the replica to reach " + token)
        self.assertEqual(self.cli(primary, "AERO.DIGEST"), self.cli(replica, "AERO.DIGEST"))

    def test_a_hundred_restarts_ask_for_no_snapshot(self):
        """While the primary truncates its log behind snapshots: it keeps what the replica has not got."""
        primary = self.primary_with_small_segments()
        replica = self.start(Replica(primary))
        self.fill(primary, "first", 1, 100)
        self.wait_until_equal(primary, replica)
        begin = self.first_segment(primary)
        for life in range(100):
            replica.stop(signal.SIGKILL if life % 2 == 0 else signal.SIGTERM)
            self.fill(primary, life, 5, 100)
            if life % 50 == 0:
                self.write_and_truncate(primary, life)
            replica.start()
        self.wait_until_equal(primary, replica)
        self.write_and_truncate(primary, "last")
        self.assertNotEqual(self.first_segment(primary), begin)
        self.assertEqual(self.log_of(replica).count("event=starting"), 101)
        self.assertNotIn("verdict=need-snapshot", self.log_of(replica))

    def in_the_middle_of_a_snapshot(self):
        primary = self.primary_with_small_segments()
        self.write_and_truncate(primary, "old")
        dam = Dam(primary.replication_port, 3 << 20)
        self.addCleanup(dam.close)
        replica = self.start(Replica(primary, through=dam.port))
        wait_for(lambda: int(replica.status()["snapshot_received_bytes"]) > 1 << 20, "a part of it")
        return primary, dam, replica

    def test_a_snapshot_that_was_cut_goes_on_where_it_stopped(self):
        primary, dam, replica = self.in_the_middle_of_a_snapshot()
        primary.stop(signal.SIGKILL)
        dam.broken.set()
        wait_for(lambda: replica.status()["link"] == "down", "the end of the link")
        cut = replica.status()
        self.assertEqual(cut["state"], "BOOTSTRAPPING")
        self.assertGreater(int(cut["snapshot_received_bytes"]), 1 << 20)
        self.assertLess(int(cut["snapshot_received_bytes"]), int(cut["snapshot_size_bytes"]))
        primary.start()
        self.wait_until_equal(primary, replica)
        self.assertEqual(self.log_of(replica).count("event=bootstrap_begins"), 1)

    def test_a_snapshot_goes_on_in_the_next_life_of_its_replica(self):
        primary, dam, replica = self.in_the_middle_of_a_snapshot()
        incoming = os.path.join(replica.directory, "data", "snapshots", "incoming.tmp")
        wait_for(lambda: os.path.getsize(incoming) > 1 << 20, "a part of it in its file")
        replica.stop(signal.SIGKILL)
        dam.broken.set()
        replica.start()
        self.wait_until_equal(primary, replica)
        log = self.log_of(replica)
        self.assertEqual(log.count("event=bootstrap_begins"), 1)
        offset = int(re.search(r"event=bootstrap_goes_on .*?offset=(\d+)", log).group(1))
        self.assertGreater(offset, 1 << 19)


if __name__ == "__main__":
    unittest.main(verbosity=2)
