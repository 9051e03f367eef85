# SPDX-License-Identifier: Apache-2.0
"""Clocks that jump and run backwards, while a daemon runs and over its restart (FM-time, decision 21).

What holds: no commit depends on a clock; what expires does so by a clock of the primary that never runs backwards, as a
logged delete; a replica judges by the logged clock alone; a start with a clock that is far ahead suspends expiry until an
operator has confirmed it."""
import os
import signal
import struct
import sys
import time

from fault_case import PairCase, Primary, Replica, ask, binary, main, run_command, wait_for

HOUR, DAY = 3600, 86400
SHIM = None


class Clocks(PairCase):
    def setUp(self):
        super().setUp()
        for name in ("primary", "replica"):
            self.set_clock(name, 0)
        self.primary = self.shimmed(Primary(self.certs), "primary")
        self.replica = self.shimmed(Replica(self.primary), "replica")

    def shimmed(self, server, name):
        server.environment = {"LD_PRELOAD": SHIM, "AERO_CLOCK": self.path("clock-" + name)}
        return self.start(server)

    def set_clock(self, name, wrong_by_seconds):
        """In place: the daemon has it mapped."""
        descriptor = os.open(self.path("clock-" + name), os.O_RDWR | os.O_CREAT, 0o600)
        os.pwrite(descriptor, struct.pack("q", wrong_by_seconds * 10**9), 0)
        os.close(descriptor)

    def jump(self, seconds):
        """The primary's clock, while it runs; its next turn has seen it."""
        self.set_clock("primary", seconds)
        expected = time.time() + seconds
        wait_for(lambda: abs(self.time_of(self.primary) - expected) < HOUR / 2, "TIME to tell it", 30)

    def restart(self, seconds):
        self.primary.stop(signal.SIGKILL)
        self.set_clock("primary", seconds)
        self.primary.start()

    def time_of(self, server):
        return int(ask(server.port, "TIME")[0])

    def get(self, server, key):
        return ask(server.port, "GET", key)

    def put(self, key, seconds):
        self.assertEqual(ask(self.primary.port, "SET", key, "1", "EX", str(seconds)), b"OK")

    def expect_alive(self, *keys):
        for key in keys:
            self.assertEqual(self.get(self.primary, key), b"1", key)
        self.wait_equal(self.primary, self.replica)
        for key in keys:
            self.assertEqual(self.get(self.replica, key), b"1", key)

    def expect_gone(self, *keys):
        for key in keys:
            wait_for(lambda: self.get(self.primary, key) is None, f"{key} to expire", 30)
        self.wait_equal(self.primary, self.replica)
        for key in keys:
            self.assertIsNone(self.get(self.replica, key), key)

    def finish(self):
        self.workload.write(self.primary.port, 30)
        self.judge(self.primary, self.replica)

    def test_forward_while_it_runs_expires_by_logged_deletes(self):
        self.put("short", HOUR // 2)
        self.put("long", 10 * DAY)
        self.jump(HOUR)
        self.expect_gone("short")
        self.expect_alive("long")
        self.finish()

    def test_backward_while_it_runs_brings_nothing_back_and_expires_nothing_early(self):
        self.put("short", HOUR // 2)
        self.jump(HOUR)
        self.expect_gone("short")
        self.jump(-DAY)
        self.expect_gone("short")
        # Deadlines are counted from the clock that does not run backwards.
        self.put("new", HOUR)
        self.assertGreater(int(ask(self.primary.port, "TTL", "new")), HOUR - 60)
        self.assertLessEqual(int(ask(self.primary.port, "TTL", "new")), HOUR)
        self.expect_alive("new")
        self.finish()

    def test_backward_over_a_restart_brings_nothing_back(self):
        self.put("short", HOUR // 2)
        self.put("long", 10 * DAY)
        self.jump(HOUR)
        self.expect_gone("short")
        self.workload.write(self.primary.port, 12)
        self.restart(-30 * DAY)
        self.assertEqual(self.status(self.primary)["expiry"], "running")
        self.expect_gone("short")
        self.expect_alive("long")
        self.assertLessEqual(int(ask(self.primary.port, "TTL", "long")), 10 * DAY)
        self.finish()

    def test_a_little_forward_over_a_restart_expires(self):
        self.put("short", HOUR // 2)
        self.put("long", 10 * DAY)
        self.restart(HOUR)
        self.assertEqual(self.status(self.primary)["expiry"], "running")
        self.expect_gone("short")
        self.expect_alive("long")
        self.finish()

    def test_far_forward_over_a_restart_suspends_expiry_until_it_is_confirmed(self):
        self.put("short", HOUR)
        self.put("long", 90 * DAY)
        self.restart(30 * DAY)
        self.assertEqual(self.status(self.primary)["expiry"], "suspended")
        self.assertIn("event=expiry_suspended", self.log_of(self.primary))
        self.expect_alive("short", "long")
        self.workload.write(self.primary.port, 12)
        # It does not go away by itself, nor by another restart with the same clock.
        self.restart(30 * DAY)
        self.assertEqual(self.status(self.primary)["expiry"], "suspended")
        self.expect_alive("short", "long")
        run_command(binary("aeroctl"), "confirm-clock", "--port", str(self.primary.port))
        self.assertEqual(self.status(self.primary)["expiry"], "running")
        self.expect_gone("short")
        self.expect_alive("long")
        self.finish()

    def test_a_clock_that_was_wrong_and_is_right_again_has_expired_nothing(self):
        self.put("short", HOUR)
        self.restart(30 * DAY)
        self.assertEqual(self.status(self.primary)["expiry"], "suspended")
        self.restart(0)
        self.assertEqual(self.status(self.primary)["expiry"], "running")
        self.expect_alive("short")
        self.finish()

    def test_a_replica_has_no_clock_of_its_own(self):
        self.put("short", HOUR)
        self.expect_alive("short")
        for wrong_by in (3650 * DAY, -3650 * DAY):
            self.set_clock("replica", wrong_by)
            expected = time.time() + wrong_by
            wait_for(lambda: abs(self.time_of(self.replica) - expected) < HOUR, "TIME to tell it", 30)
            self.workload.write(self.primary.port, 12)
            self.expect_alive("short")
            # Certificates are judged by the system's time; what the log says of time stays what counts over a restart.
            self.replica.stop(signal.SIGKILL)
            self.replica.start()
            self.expect_alive("short")
        self.finish()


if __name__ == "__main__":
    SHIM = os.path.abspath(sys.argv.pop(1))
    main()
