# SPDX-License-Identifier: Apache-2.0
"""Memory that ends: by a limit of the daemon's own, of the process, of a control group.

By its own limit it refuses in words and goes on. By one that it does not know it dies, which is a crash like any other:
nothing that was acknowledged is lost, and the other node is not harmed."""
import os
import re
import resource
import signal

from fault_case import PairCase, Primary, Replica, ask, main, wait_for

MB = 1 << 20
SETTINGS = ("segment_bytes=1mb", "checkpoint_wal_bytes=4mb")
# A process that runs out aborts, is killed by the kernel, or says so and ends.
ENDS = (-signal.SIGABRT, -signal.SIGKILL, 1)
NO_LIBRARIES = 127  # ld.so(8)


class LimitedPrimary(Primary):
    most_bytes = 0  # of address space, from its first instruction on; 0: no limit

    def command(self):
        limit = ["prlimit", f"--as={self.most_bytes}"] if self.most_bytes else []
        return limit + super().command()


class Memory(PairCase):
    def setUp(self):
        super().setUp()
        self.primary = self.start(LimitedPrimary(self.certs, SETTINGS))
        self.replica = self.start(Replica(self.primary, SETTINGS))
        self.workload.write(self.primary.port, 60)
        self.wait_equal(self.primary, self.replica)

    def address_space(self, server):
        with open(f"/proc/{server.process.pid}/status") as status:
            return int(re.search(r"VmSize:\s+(\d+)", status.read()).group(1)) * 1024

    def limit(self, server, room_bytes):
        """What it has already, and a little more."""
        most = self.address_space(server) + room_bytes
        resource.prlimit(server.process.pid, resource.RLIMIT_AS, (most, most))

    def write_until_ended(self, server):
        for _ in range(100):
            if server.process.poll() is not None:
                break
            self.workload.write(self.primary.port, 120)
        wait_for(lambda: server.process.poll() is not None, f"{server.name} to run out", 60)
        self.assertIn(server.process.returncode, ENDS, self.log_of(server)[-2000:])

    def test_by_its_own_limit_it_refuses_in_words_and_goes_on(self):
        self.assertEqual(ask(self.primary.port, "CONFIG", "SET", "maxmemory", "8mb"), b"OK")
        for _ in range(50):
            if self.workload.count("absent") > 0:
                break
            self.workload.write(self.primary.port, 120)
        self.assertRegex(ask(self.primary.port, "SET", "more", "1").decode(), "^-OOM .*maxmemory")
        self.assertEqual(ask(self.primary.port, "PING"), b"PONG")
        self.workload.judge(self.primary.port, "primary, at its limit")
        # What frees memory is taken, and so are writes then.
        for client in range(5):
            self.assertEqual(ask(self.primary.port, "DEL", f"w:{client}:1"), b"1")
            del self.workload.clients[client].told[1]
        self.assertEqual(ask(self.primary.port, "CONFIG", "SET", "maxmemory", "64mb"), b"OK")
        self.workload.write(self.primary.port, 30)
        self.judge(self.primary, self.replica)

    def test_a_primary_that_runs_out_of_address_space_loses_nothing(self):
        self.limit(self.primary, 4 * MB)
        self.write_until_ended(self.primary)
        self.assertIn("memory", self.log_of(self.primary))
        self.primary.start()
        self.workload.write(self.primary.port, 30)
        self.judge(self.primary, self.replica)
        self.expect_no_snapshot(self.replica)

    def test_a_replica_that_runs_out_of_address_space_harms_nobody(self):
        self.limit(self.replica, 4 * MB)
        self.write_until_ended(self.replica)
        self.assertEqual(self.workload.count("absent") + self.workload.count("unknown"), 0)
        self.replica.start()
        self.judge(self.primary, self.replica)

    def test_starts_without_enough_memory_change_nothing(self):
        self.workload.write(self.primary.port, 600)
        self.wait_equal(self.primary, self.replica)
        for server in (self.primary, self.replica):
            server.stop(signal.SIGKILL)
        ended = set()
        # Less and less: the start is cut off earlier each time, until not even the libraries fit.
        for most in range(44, 0, -4):
            self.primary.most_bytes = most * MB
            ended.add(self.end_of_start())
            if NO_LIBRARIES in ended:
                break
        self.assertTrue(ended & set(ENDS), ended)
        self.primary.most_bytes = 0
        self.primary.start()
        self.replica.start()
        self.judge(self.primary, self.replica)

    def end_of_start(self):
        """The exit status, None when it came up after all."""
        self.primary.launch()

        def is_decided():
            if self.primary.process.poll() is not None:
                return True
            try:
                return ask(self.primary.port, "PING") == b"PONG"
            except OSError:
                return False

        wait_for(is_decided, "the start to succeed or to fail", 60)
        code = self.primary.process.poll()
        self.assertIn(code, (None, NO_LIBRARIES, *ENDS), self.log_of(self.primary)[-2000:])
        self.primary.stop(signal.SIGKILL)
        return code

    # ---- A control group: the kernel kills inside it ----

    def group(self):
        """Its directory and the name of its limit, for version 2 or 1 of control groups."""
        for root, limit in (("/sys/fs/cgroup", "memory.max"),
                            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")):
            directory = os.path.join(root, f"aerodb-test-{os.getpid()}")
            try:
                os.mkdir(directory)
            except OSError:
                continue
            if os.path.exists(os.path.join(directory, limit)):
                self.addCleanup(os.rmdir, directory)
                return directory, limit
            os.rmdir(directory)
        self.skipTest("no control group with a memory limit can be made here")

    def write_until_its_group_kills(self, server):
        directory, limit = self.group()
        try:
            with open(os.path.join(directory, limit), "w") as out:
                out.write(str(server.memory_bytes() + 16 * MB))
            with open(os.path.join(directory, "cgroup.procs"), "w") as out:
                out.write(str(server.process.pid))
        except OSError as refused:
            self.skipTest(f"the control group takes no process: {refused}")
        self.write_until_ended(server)
        self.assertEqual(server.process.returncode, -signal.SIGKILL)

    def test_a_replica_that_its_control_group_kills_harms_nobody(self):
        self.write_until_its_group_kills(self.replica)
        self.assertEqual(self.workload.count("absent") + self.workload.count("unknown"), 0)
        self.replica.start()
        self.judge(self.primary, self.replica)

    def test_a_primary_that_its_control_group_kills_loses_nothing(self):
        self.write_until_its_group_kills(self.primary)
        self.primary.start()
        self.workload.write(self.primary.port, 30)
        self.judge(self.primary, self.replica)


if __name__ == "__main__":
    main()
