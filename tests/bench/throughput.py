# SPDX-License-Identifier: Apache-2.0
"""Durable SETs and GETs beside Redis, with its log synced always and with persistence off."""
import sys

from harness import Primary, Redis, benchmark, median, verdict

# name, test, clients, pipeline, value bytes, requests a round, floor against always, floor against off
WORKLOADS = [
    ("SET 64 B, 1 client", "set", 1, 1, 64, 8000, 1.2, None),
    ("SET 64 B, 16 clients", "set", 16, 1, 64, 60000, 2.0, None),
    ("SET 64 B, 64 clients", "set", 64, 1, 64, 200000, None, 0.8),
    ("SET 64 B, 64 clients, pipeline 16", "set", 64, 16, 64, 1000000, None, 0.8),
    ("SET 16 KiB, 64 clients", "set", 64, 1, 16384, 40000, 3.0, None),
    ("GET 64 B, 64 clients", "get", 64, 1, 64, 200000, None, 1.0),
    ("GET 64 B, 64 clients, pipeline 16", "get", 64, 16, 64, 1000000, None, 1.0),
]


def main(rounds, wanted):
    systems = [Redis(True), Redis(False), Primary()]
    for system in systems:
        system.start()
    missed = 0
    try:
        print(f"{'workload':36} {'always/s':>9} {'off/s':>9} {'aerodb/s':>9} {'p99 ms':>7} "
              f"{'/always':>8} {'/off':>6}  floor")
        for name, test, clients, pipeline, size, requests, floor_always, floor_off in WORKLOADS:
            if wanted and wanted not in name:
                continue
            rates = {system.name: [] for system in systems}
            tails = []
            for turn in range(rounds + 1):
                for system in systems:
                    rate, tail = benchmark(system, test, requests if turn else requests // 4,
                                           clients, pipeline, size,
                                           keys=1000000 if size < 1000 else 10000)
                    if turn:  # the first round warms up
                        rates[system.name].append(rate)
                        if system.name == "aerodb":
                            tails.append(tail)
            always, off, ours = (median(rates[system.name]) for system in systems)
            if floor_always:
                judged = f"{floor_always} x always: {verdict(ours / always, floor_always)}"
            else:
                judged = f"{floor_off} x off: {verdict(ours / off, floor_off)}"
            missed += "MISSED" in judged
            print(f"{name:36} {always:9.0f} {off:9.0f} {ours:9.0f} {median(tails):7.2f} "
                  f"{ours / always:8.2f} {ours / off:6.2f}  {judged}", flush=True)
    finally:
        for system in systems:
            system.remove()
    return missed


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, sys.argv[2] if len(sys.argv) > 2 else "")
