# SPDX-License-Identifier: Apache-2.0
"""Durable SETs and GETs beside Redis, with its log synced always and with persistence off: commands a second, and the
processor time that each of the three processes took for one."""
import sys

from harness import Primary, Redis, benchmark, cpu_seconds, median, verdict

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


class Measured:
    """What one system did under one workload, round by round."""

    def __init__(self, system):
        self.system = system
        self.rates = []
        self.tails = []
        self.microseconds = []

    def run(self, requests, load):
        before = cpu_seconds(self.system)
        rate, tail = benchmark(self.system, requests=requests, **load)
        self.rates.append(rate)
        self.tails.append(tail)
        self.microseconds.append((cpu_seconds(self.system) - before) * 1e6 / requests)


def compare(systems, rounds, workload):
    _, test, clients, pipeline, size, requests, _, _ = workload
    load = {"test": test, "clients": clients, "pipeline": pipeline, "value_bytes": size,
            "keys": 1000000 if size < 1000 else 10000}
    measured = [Measured(system) for system in systems]
    for turn in range(rounds + 1):
        if turn == 1:  # the first round warmed up
            measured = [Measured(system) for system in systems]
        for one in measured:
            one.run(requests if turn else requests // 4, load)
    return measured


def judge(workload, measured):
    """The line that is printed, and whether the floor was missed."""
    name, *_, floor_always, floor_off = workload
    always, off, ours = (median(one.rates) for one in measured)
    if floor_always:
        judged = f"{floor_always} x always: {verdict(ours / always, floor_always)}"
    else:
        judged = f"{floor_off} x off: {verdict(ours / off, floor_off)}"
    costs = " ".join(f"{median(one.microseconds):6.1f}" for one in measured)
    return (f"{name:36} {always:9.0f} {off:9.0f} {ours:9.0f} {median(measured[-1].tails):7.2f} "
            f"{ours / always:8.2f} {ours / off:6.2f}  {costs}  {judged}"), "MISSED" in judged


def main(rounds, wanted):
    systems = [Redis(True), Redis(False), Primary()]
    for system in systems:
        system.start()
    missed = 0
    try:
        print(f"{'workload':36} {'always/s':>9} {'off/s':>9} {'aerodb/s':>9} {'p99 ms':>7} {'/always':>8} {'/off':>6}  "
              f"{'us of a processor a command':^20}  floor")
        for workload in WORKLOADS:
            if wanted in workload[0]:
                line, is_missed = judge(workload, compare(systems, rounds, workload))
                print(line, flush=True)
                missed += is_missed
    finally:
        for system in systems:
            system.remove()
    return missed


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, sys.argv[2] if len(sys.argv) > 2 else "")
