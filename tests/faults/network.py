# SPDX-License-Identifier: Apache-2.0
"""A primary and a replica in network namespaces of their own, and a bad network between them, while clients write.

The primary never waits for it: every commit is acknowledged. Once it heals the replica follows with an equal digest, from
its own WAL: no snapshot is transferred. Clients speak to both through Unix sockets."""
import os
import random
import threading
import time

from fault_case import PairCase, Primary, Replica, ask, main, wait_for
from lossy_link import ADDRESSES, LossyLink, Unavailable

SEED = 9
REPLICATION_PORT = 7379
SETTINGS = ("segment_bytes=1mb", "heartbeat=100ms", "link_silence=1s")


class InNamespace:
    """Its TCP is inside; `port` is the path of its Unix socket."""

    def place(self, link, end):
        self.link, self.end = link, end
        self.port = os.path.join(self.directory, "socket")

    def command(self):
        words = super().command()
        words[words.index("--port") + 1] = "0"
        return self.link.inside(self.end, words + ["--set", f"unixsocket={self.port}"])

    def wait_ready(self):
        wait_for(self.answers, f"{self.name} to be ready", 60)

    def answers(self):
        assert self.process.poll() is None, f"{self.name} ended; see {self.directory}/log"
        try:
            return ask(self.port, "PING") == b"PONG"
        except OSError:
            return False


class PlacedPrimary(InNamespace, Primary):
    def command(self):
        words = super().command()
        words[words.index("--replication-port") + 1] = str(REPLICATION_PORT)
        return words + ["--set", f"replication_bind={ADDRESSES[0]}"]


class PlacedReplica(InNamespace, Replica):
    def command(self):
        words = super().command()
        words[words.index("--primary") + 1] = f"{ADDRESSES[0]}:{REPLICATION_PORT}"
        return words


class Network(PairCase):
    def setUp(self):
        super().setUp()
        self.chance = random.Random(SEED)
        try:
            self.network = LossyLink(SEED)
        except Unavailable as why:
            self.skipTest(f"no network namespaces here: {why}")
        self.addCleanup(self.network.close)
        self.primary = PlacedPrimary(self.certs, SETTINGS)
        self.primary.place(self.network, 0)
        self.replica = PlacedReplica(self.primary, SETTINGS)
        self.replica.place(self.network, 1)
        self.start(self.primary)
        self.start(self.replica)
        self.workload.write(self.primary.port, 12)
        self.wait_equal(self.primary, self.replica)
        self.writing = True
        self.writer = threading.Thread(target=self.write)
        self.writer.start()
        self.addCleanup(self.stop_writing)

    def write(self):
        while self.writing:
            self.workload.write(self.primary.port, 12)
            time.sleep(0.05)

    def stop_writing(self):
        self.writing = False
        self.writer.join()

    def links_ended(self):
        return self.log_of(self.replica).count("event=link_closed")

    def applied(self):
        return int(self.status(self.replica)["applied_lsn"])

    def wait_progress(self):
        """The replica applies something that was written after now."""
        reached = int(self.status(self.primary)["durable_lsn"])
        wait_for(lambda: self.applied() > reached, "the replica to get on", 60)

    def finish(self):
        self.network.heal()
        self.stop_writing()
        self.assertEqual(self.workload.count("absent") + self.workload.count("unknown"), 0)
        self.judge(self.primary, self.replica)
        self.expect_no_snapshot(self.replica)
        print(f"    {self.workload.count('acknowledged')} commits, {self.network.passed} packets "
              f"passed, {self.network.dropped} lost, {self.network.reordered} out of order, "
              f"{self.links_ended()} links ended", flush=True)

    def test_loss_delay_doubles_and_reordering_slow_it_down_and_nothing_else(self):
        self.network.loss = [0.05, 0.05]
        self.network.delay_seconds = 0.002
        self.network.jitter_seconds = 0.006
        self.network.doubled = 0.02
        for _ in range(3):
            self.wait_progress()
        self.assertGreater(min(self.network.dropped), 0)
        self.assertGreater(self.network.reordered, 0)
        self.finish()

    def test_cuts_longer_and_shorter_than_the_silence_that_ends_a_link(self):
        for round in range(6):
            self.network.cut = [True, True]
            time.sleep(self.chance.uniform(0.05, 0.6))
            if round % 2 == 0:
                ended = self.links_ended()
                wait_for(lambda: self.links_ended() > ended, "silence to end the link", 60)
            self.network.heal()
            self.wait_progress()
        self.assertGreaterEqual(self.links_ended(), 3)
        self.finish()

    def test_one_way_partitions_in_both_directions(self):
        for cut in ([True, False], [False, True], [True, False], [False, True]):
            ended = self.links_ended()
            self.network.cut = cut
            wait_for(lambda: self.links_ended() > ended, "silence to end the link", 60)
            written = self.workload.count("acknowledged")
            wait_for(lambda: self.workload.count("acknowledged") > written + 24,
                     "the primary to go on without its replica", 60)
            self.network.heal()
            self.wait_progress()
        # The primary noticed, too, whichever way was dead: it holds no link that is not there.
        self.assertGreaterEqual(self.log_of(self.primary).count("event=replica_disconnected"), 4)
        self.finish()

    def test_a_replica_that_is_killed_behind_a_bad_network_resumes_from_its_own_log(self):
        self.network.loss = [0.03, 0.03]
        self.network.jitter_seconds = 0.004
        for _ in range(3):
            self.replica.process.kill()
            self.replica.process.wait()
            self.replica.start()
            self.wait_progress()
        self.finish()


if __name__ == "__main__":
    main()
