# SPDX-License-Identifier: Apache-2.0
"""What a replica costs its primary, how far it lags, how fast it follows and how fast a fresh one is filled."""
import os
import shutil
import subprocess
import sys
import time

from harness import (BUILD, Primary, Replica, benchmark, make_certs, median, verdict, wait_for)


def applied(replica):
    return int(replica.status().get("applied_lsn", 0))


def durable(primary):
    text = primary.ask("AERO.STATUS").decode(errors="replace")
    return int(next(line for line in text.split("\r\n") if line.startswith("durable_lsn:"))
               .split(":")[1])


def caught_up(primary, replica):
    return applied(replica) >= durable(primary)


def cost(certs, rounds):
    """Two primaries take turns: one alone, one with a replica attached."""
    alone, watched = Primary(certs).start(), Primary(certs).start()
    replica = Replica(watched).start()
    rates = {"alone": [], "watched": []}
    try:
        for turn in range(rounds + 1):
            for name, primary in (("alone", alone), ("watched", watched)):
                rate, _ = benchmark(primary, "set", 100000, clients=64)
                wait_for(lambda: caught_up(watched, replica), "the replica to catch up")
                if turn:
                    rates[name].append(rate)
        ratio = median(rates["watched"]) / median(rates["alone"])
        print(f"cost of a replica: {median(rates['alone']):.0f}/s alone, "
              f"{median(rates['watched']):.0f}/s with one: {100 * (1 - ratio):.1f} % "
              f"(at most 15 %: {verdict(ratio, 0.85)})", flush=True)
        load = subprocess.Popen(
            ["redis-benchmark", "-p", str(watched.port), "-t", "set", "-n", "2000000", "-c", "16",
             "-d", "64", "-r", "1000000", "-q"], stdout=subprocess.DEVNULL)
        time.sleep(1)
        probe = subprocess.run([os.path.join(BUILD, "bench", "lag_probe"), str(watched.port),
                                str(replica.port), "2000"], capture_output=True, text=True,
                               check=True).stdout.strip()
        load.kill()
        load.wait()
        tail = float(probe.split("p99_ms=")[1].split()[0])
        print(f"lag, 16 writers flat out: {probe} (at most 10 ms at the 99th percentile: "
              f"{'holds' if tail <= 10 else 'MISSED'})", flush=True)
    finally:
        for server in (replica, alone, watched):
            server.remove()


def fill(primary, megabytes):
    count = megabytes * 1024
    subprocess.run(["redis-benchmark", "-p", str(primary.port), "-n", str(count), "-c", "16", "-P",
                    "32", "-q", "-r", str(10 * count), "-d", "1024", "-t", "set"], check=True,
                   stdout=subprocess.DEVNULL)
    return count * 1024


def follow_and_bootstrap(certs, megabytes):
    """A replica that has much to fetch, first as WAL, then as a snapshot."""
    primary = Primary(certs, settings=("checkpoint_wal_bytes=0",)).start()
    replica = Replica(primary)
    fresh = Replica(primary)
    try:
        size = fill(primary, megabytes)
        began = time.monotonic()
        replica.start()
        wait_for(lambda: caught_up(primary, replica), "the replica to follow")
        rate = size / (time.monotonic() - began) / 1e6
        print(f"follows {megabytes} MiB of 1 KiB writes from the WAL: {rate:.0f} MB/s "
              f"(at least 200: {verdict(rate, 200)})", flush=True)
        replica.stop()
        primary.ask("AERO.CHECKPOINT")
        primary.ask("AERO.CHECKPOINT")
        began = time.monotonic()
        fresh.start()
        wait_for(lambda: caught_up(primary, fresh), "the fresh replica")
        rate = size / (time.monotonic() - began) / 1e6
        print(f"a fresh replica bootstraps {megabytes} MiB of 1 KiB values: {rate:.0f} MB/s "
              f"(at least 250: {verdict(rate, 250)})", flush=True)
    finally:
        for server in (replica, fresh, primary):
            server.remove()


if __name__ == "__main__":
    certificates = make_certs()
    try:
        cost(certificates, int(sys.argv[1]) if len(sys.argv) > 1 else 5)
        follow_and_bootstrap(certificates, 1024)
    finally:
        shutil.rmtree(os.path.dirname(certificates), ignore_errors=True)
