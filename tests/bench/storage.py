# SPDX-License-Identifier: Apache-2.0
"""Memory a key, recovery, and what a checkpoint of 2 GiB does to its neighbours."""
import os
import socket
import subprocess
import sys
import threading
import time

from harness import Primary, benchmark, verdict, wait_for

KEYS = 1000000


def load_keys(server, value_bytes, keys=KEYS):
    """Exactly `keys` keys of 16 bytes in random order, through redis-cli --pipe."""
    import random
    order = list(range(keys))
    random.Random(1).shuffle(order)
    value = b"v" * value_bytes
    pipe = subprocess.Popen(["redis-cli", "-p", str(server.port), "--pipe"],
                            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    for start in range(0, keys, 1000):
        pipe.stdin.write(b"".join(
            b"*3\r\n$3\r\nSET\r\n$16\r\nk%015d\r\n$%d\r\n%s\r\n" % (number, value_bytes, value)
            for number in order[start:start + 1000]))
    pipe.stdin.close()
    if pipe.wait() != 0:
        raise SystemExit("redis-cli --pipe failed")


def at_rest(server):
    """Waits until no checkpoint runs and what its view held is given back."""
    wait_for(lambda: b"rdb_bgsave_in_progress:0" in server.ask("INFO", "persistence"),
             "the checkpoint's end")
    time.sleep(2)


class Highest:
    """The largest resident set while it runs."""

    def __init__(self, server):
        self.server, self.bytes, self.stop = server, 0, threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        while not self.stop.is_set():
            self.bytes = max(self.bytes, self.server.memory_bytes())
            time.sleep(0.02)

    def end(self):
        self.stop.set()
        self.thread.join()
        return self.bytes


def memory():
    for value_bytes, ceiling in ((64, 45), (1024, 80)):
        server = Primary().start()
        try:
            def overhead(resident):
                return (resident - before) / KEYS - 16 - value_bytes

            before = server.memory_bytes()
            highest = Highest(server)
            load_keys(server, value_bytes)
            at_rest(server)
            after = overhead(server.memory_bytes())
            print(f"memory: a million 16-byte keys, {value_bytes}-byte values: {after:.1f} bytes of "
                  f"overhead a key (at most {ceiling}: {'holds' if after <= ceiling else 'MISSED'}); "
                  f"highest on the way, checkpoint included: {overhead(highest.end()):.1f}",
                  flush=True)
        finally:
            server.remove()


class Probe:
    """A SET every few milliseconds on a connection of its own; how long each took."""

    def __init__(self, server):
        self.server, self.took, self.stop = server, [], threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        with socket.create_connection(("127.0.0.1", self.server.port)) as link:
            while not self.stop.is_set():
                began = time.monotonic()
                link.sendall(b"SET probe 1\r\n")
                link.recv(64)
                self.took.append((time.monotonic() - began) * 1e3)
                time.sleep(0.001)

    def end(self):
        self.stop.set()
        self.thread.join()
        self.took.sort()
        return self.took


def describe(took):
    return (f"99 % within {took[len(took) * 99 // 100]:.1f} ms, worst {took[-1]:.1f} ms, "
            f"{sum(ms > 10 for ms in took)} of {len(took)} above 10 ms")


def checkpoint(megabytes):
    """Load and a probe, ten seconds without a checkpoint and then through one."""
    server = Primary(settings=("checkpoint_wal_bytes=0",)).start()
    try:
        load_keys(server, 1024, megabytes * 1024)
        load = subprocess.Popen(["redis-benchmark", "-p", str(server.port), "-t", "set", "-n",
                                 "100000000", "-c", "16", "-d", "64", "-r", "100000", "-q"],
                                stdout=subprocess.DEVNULL)
        time.sleep(1)
        probe = Probe(server)
        time.sleep(10)
        without = probe.end()
        memory_before = server.memory_bytes()
        highest = Highest(server)
        probe = Probe(server)
        began = time.monotonic()
        reply = server.ask("AERO.CHECKPOINT")
        took = time.monotonic() - began
        during = probe.end()
        growth = 100 * (highest.end() / memory_before - 1)
        load.kill()
        load.wait()
        bound = max(10, without[-1])
        print(f"checkpoint of {megabytes} MiB under load: {took:.1f} s, reply {reply!r}\n"
              f"  SETs without: {describe(without)}\n"
              f"  SETs during:  {describe(during)} (no stall above 10 ms that it caused: "
              f"{'holds' if during[-1] <= bound else 'MISSED'})\n"
              f"  memory +{growth:.1f} % (at most 10: {'holds' if growth <= 10 else 'MISSED'})",
              flush=True)
    finally:
        server.remove()


def recovery(value_bytes, requests):
    """The time from start to the first PONG, with everything in the WAL."""
    server = Primary(settings=("checkpoint_wal_bytes=0",)).start()
    try:
        benchmark(server, "set", requests, clients=32, pipeline=32, value_bytes=value_bytes,
                  keys=10 * requests)
        server.stop()
        began = time.monotonic()
        server.start()
        took = time.monotonic() - began
        size = sum(os.path.getsize(os.path.join(server.directory, "data", "wal", name))
                   for name in os.listdir(os.path.join(server.directory, "data", "wal")))
        commits, megabytes = requests / took / 1e6, requests * value_bytes / took / 1e6
        holds = commits >= 1 if value_bytes == 64 else megabytes >= 600
        print(f"recovery: {requests} commits of {value_bytes}-byte values in {took:.2f} s: "
              f"{commits:.2f} million commits/s, {megabytes:.0f} MB of values/s "
              f"({'holds' if holds else 'MISSED'}), WAL files {size >> 20} MiB", flush=True)
        server.ask("AERO.CHECKPOINT")
        server.stop()
        began = time.monotonic()
        server.start()
        print(f"          from a snapshot: {time.monotonic() - began:.2f} s "
              f"(faster than the WAL: {verdict(took, time.monotonic() - began)})", flush=True)
    finally:
        server.remove()


if __name__ == "__main__":
    what = sys.argv[1] if len(sys.argv) > 1 else "all"
    if what in ("all", "memory"):
        memory()
    if what in ("all", "recovery"):
        recovery(64, 3000000)
        recovery(1024, 1000000)
    if what in ("all", "checkpoint"):
        checkpoint(2048)
