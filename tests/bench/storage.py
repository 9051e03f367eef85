# SPDX-License-Identifier: Apache-2.0
"""Memory a key, recovery, and what a checkpoint of 2 GiB does to its neighbours."""
import os
import subprocess
import sys
import threading
import time

from harness import Primary, benchmark, verdict

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


def memory():
    for value_bytes, ceiling in ((64, 45), (1024, 80)):
        server = Primary().start()
        try:
            before = server.memory_bytes()
            load_keys(server, value_bytes)
            time.sleep(1)
            overhead = (server.memory_bytes() - before) / KEYS - 16 - value_bytes
            print(f"memory: a million 16-byte keys, {value_bytes}-byte values: {overhead:.1f} bytes "
                  f"of overhead a key (at most {ceiling}: "
                  f"{'holds' if overhead <= ceiling else 'MISSED'})", flush=True)
        finally:
            server.remove()


def checkpoint(megabytes):
    """A probe SET every few milliseconds, first without, then during a checkpoint under load."""
    server = Primary(settings=("checkpoint_wal_bytes=0",)).start()
    try:
        load_keys(server, 1024, megabytes * 1024)
        load = subprocess.Popen(["redis-benchmark", "-p", str(server.port), "-t", "set", "-n",
                                 "100000000", "-c", "16", "-d", "64", "-r", "100000", "-q"],
                                stdout=subprocess.DEVNULL)
        worst = {"without": 0.0, "during": 0.0}
        phase = ["without"]
        stop = threading.Event()

        def probe():
            import socket
            with socket.create_connection(("127.0.0.1", server.port)) as link:
                while not stop.is_set():
                    began = time.monotonic()
                    link.sendall(b"SET probe 1\r\n")
                    link.recv(64)
                    took = (time.monotonic() - began) * 1e3
                    worst[phase[0]] = max(worst[phase[0]], took)
                    time.sleep(0.001)

        thread = threading.Thread(target=probe)
        time.sleep(1)
        thread.start()
        time.sleep(5)
        memory_before = server.memory_bytes()
        phase[0] = "during"
        began = time.monotonic()
        peak = [memory_before]

        def watch():
            while not stop.is_set():
                peak[0] = max(peak[0], server.memory_bytes())
                time.sleep(0.05)

        watcher = threading.Thread(target=watch)
        watcher.start()
        reply = server.ask("AERO.CHECKPOINT")
        took = time.monotonic() - began
        stop.set()
        thread.join()
        watcher.join()
        load.kill()
        load.wait()
        growth = 100 * (peak[0] / memory_before - 1)
        print(f"checkpoint of {megabytes} MiB under load: {took:.1f} s, reply {reply!r}; worst SET "
              f"{worst['without']:.1f} ms without, {worst['during']:.1f} ms during; memory "
              f"+{growth:.1f} % (at most 10: {'holds' if growth <= 10 else 'MISSED'})", flush=True)
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
        print(f"recovery: {requests} commits of {value_bytes}-byte values in {took:.2f} s: "
              f"{requests / took / 1e6:.2f} million commits/s, "
              f"{requests * value_bytes / took / 1e6:.0f} MB of values/s, WAL files {size >> 20} MiB",
              flush=True)
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
