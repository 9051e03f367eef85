# SPDX-License-Identifier: Apache-2.0
"""What a replica costs its primary, how far it lags, how fast it follows and how fast a fresh one is filled.

    tests/bench/run replication [cost | lag | follow | bootstrap] [ROUNDS]

Primary, replica and load share the processors of this machine: a rate here is what all of them together leave for
each. What a replica costs is therefore said twice, as throughput and as processor time of the primary alone."""
import contextlib
import os
import shutil
import subprocess
import sys
import time

from harness import (BUILD, Primary, Replica, cpu_seconds, make_certs, median, verdict, wait_for)

LAG_CEILING_MS = 10
MEGABYTES = 1024


def field(server, name):
    text = server.ask("AERO.STATUS").decode(errors="replace")
    return int(next(line for line in text.split("\r\n") if line.startswith(name + ":"))
               .split(":")[1])


def behind(primary, replica):
    """Records that are durable on the primary and not yet readable on the replica."""
    return field(primary, "durable_lsn") - field(replica, "applied_lsn")


def wait_until_even(primary, replica):
    wait_for(lambda: behind(primary, replica) <= 0, "the replica to catch up", pause=0.01)


@contextlib.contextmanager
def running(*servers):
    """Whatever happens, nothing is left running and no directory is left behind."""
    try:
        yield
    finally:
        for server in servers:
            server.remove()


@contextlib.contextmanager
def load(primary, clients):
    """Durable SETs of 64 bytes as fast as they are answered, for as long as the block runs."""
    process = subprocess.Popen(
        ["redis-benchmark", "-p", str(primary.port), "-t", "set", "-n", "100000000", "-c",
         str(clients), "-d", "64", "-r", "1000000", "-q"], stdout=subprocess.DEVNULL)
    try:
        time.sleep(1)
        yield
        if process.poll() is not None:
            raise SystemExit("the load ended before the measurement did: nothing was measured")
    finally:
        process.kill()
        process.wait()


def watch(primary, seconds=0.7):
    """Durable writes a second, and the primary's processor time for each in microseconds."""
    first, spent, began = field(primary, "durable_lsn"), cpu_seconds(primary), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    writes = field(primary, "durable_lsn") - first
    return writes / took, (cpu_seconds(primary) - spent) / writes * 1e6


def cost(certs, rounds=18, settings=()):
    """One primary under one load that never ends; a replica is attached in every second window and gone in the others.
    Two primaries, or two loads, differ by more than what is looked for. Before its window the replica has caught up and made
    its next segment, which starting makes it do and following only every 64 MiB. How far it is behind at the end is told: one
    that hangs back would be cheap."""
    primary = Primary(certs, settings)
    replica = Replica(primary)
    windows, left = {"alone": [], "watched": []}, []
    with running(replica, primary):
        primary.start()
        with load(primary, 64):
            for _ in range(rounds):
                windows["alone"].append(watch(primary))
                replica.start()
                wait_for(lambda: behind(primary, replica) < 3000, "the replica to catch up", pause=0.01)
                time.sleep(0.7)
                windows["watched"].append(watch(primary))
                left.append(behind(primary, replica))
                replica.stop()
                time.sleep(0.3)
    rate = {name: median([window[0] for window in seen]) for name, seen in windows.items()}
    mean = {name: sum(window[0] for window in seen) for name, seen in windows.items()}
    cpu = {name: median([window[1] for window in seen]) for name, seen in windows.items()}
    ratio = rate["watched"] / rate["alone"]
    print(f"cost of a replica: {rate['alone']:.0f}/s alone, {rate['watched']:.0f}/s with one: "
          f"{100 * (1 - ratio):.1f} % (at most 15 %: {verdict(ratio, 0.85)}), of the means "
          f"{100 * (1 - mean['watched'] / mean['alone']):.1f} %; the primary's processor time a "
          f"SET: {cpu['alone']:.1f} us alone, {cpu['watched']:.1f} us with one; "
          f"{median(left):.0f} records behind", flush=True)


def lag(certs, rounds=3, probes=2000):
    """One probe at a time beside 16 connections that write as fast as they are answered."""
    primary = Primary(certs)
    replica = Replica(primary)
    with running(replica, primary):
        primary.start()
        replica.start()
        tails = []
        with load(primary, 16):
            for _ in range(rounds):
                first, began = field(primary, "durable_lsn"), time.monotonic()
                told = subprocess.run(
                    [os.path.join(BUILD, "bench", "lag_probe"), str(primary.port),
                     str(replica.port), str(probes)], capture_output=True, text=True, check=True,
                    timeout=60).stdout.strip()
                rate = (field(primary, "durable_lsn") - first) / (time.monotonic() - began)
                tails.append(float(told.split("p99_ms=")[1].split()[0]))
                print(f"  {told} at {rate:.0f} writes/s", flush=True)
        print(f"lag, 16 writers flat out: {median(tails):.2f} ms at the 99th percentile (at most "
              f"{LAG_CEILING_MS} ms: {'holds' if median(tails) <= LAG_CEILING_MS else 'MISSED'})",
              flush=True)


def fill(primary, megabytes):
    """1 KiB values. How many are written is exact; keys are random, so how many are left is asked."""
    count = megabytes * 1024
    subprocess.run(["redis-benchmark", "-p", str(primary.port), "-n", str(count), "-c", "16", "-P",
                    "32", "-q", "-r", str(10 * count), "-d", "1024", "-t", "set"], check=True,
                   stdout=subprocess.DEVNULL)
    return count * 1024


def time_to_even(primary, replica):
    """From the start of the process until all is durable, verified and readable, which the digest confirms."""
    began = time.monotonic()
    replica.start()
    wait_until_even(primary, replica)
    took = time.monotonic() - began
    if primary.ask("AERO.DIGEST") != replica.ask("AERO.DIGEST"):
        raise SystemExit("the replica's state is not the primary's")
    return took


def time_replicas(primary, rounds):
    """One fresh replica after the other."""
    took = []
    for _ in range(rounds):
        replica = Replica(primary)
        with running(replica):
            took.append(time_to_even(primary, replica))
            print(f"  {took[-1]:.2f} s", flush=True)
    return median(took)


def follow(certs, rounds=3):
    """A replica that has a gigabyte of WAL to fetch: as fast as it can, with a sync behind all that it acknowledges."""
    primary = Primary(certs, settings=("checkpoint_wal_bytes=0",))
    with running(primary):
        primary.start()
        rate = fill(primary, MEGABYTES) / time_replicas(primary, rounds) / 1e6
        print(f"follows {MEGABYTES} MiB of 1 KiB writes from the WAL: {rate:.0f} MB/s "
              f"(at least 200: {verdict(rate, 200)})", flush=True)


def bootstrap(certs, rounds=3):
    """A fresh replica gets a snapshot: the WAL before it is gone."""
    primary = Primary(certs, settings=("checkpoint_wal_bytes=0",))
    with running(primary):
        primary.start()
        fill(primary, MEGABYTES * 106 // 100) # so that a gigabyte of them is distinct
        size = int(primary.ask("DBSIZE")[1:]) * 1024
        primary.ask("AERO.CHECKPOINT")
        primary.ask("AERO.CHECKPOINT")
        rate = size / time_replicas(primary, rounds) / 1e6
        print(f"a fresh replica bootstraps {size >> 20} MiB of 1 KiB values: {rate:.0f} MB/s "
              f"(at least 250: {verdict(rate, 250)})", flush=True)


PARTS = {"cost": cost, "lag": lag, "follow": follow, "bootstrap": bootstrap}


def main(words):
    rounds = {"rounds": int(words.pop())} if words and words[-1].isdigit() else {}
    parts = [PARTS[word] for word in words] or PARTS.values()
    certificates = make_certs()
    try:
        for part in parts:
            part(certificates, **rounds)
    finally:
        shutil.rmtree(os.path.dirname(certificates), ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
