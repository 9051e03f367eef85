# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: the peers, load from redis-benchmark, medians and ratios.

Every comparison runs side by side: the systems take turns, round by round, in one run, and what is printed is the
median of each and the ratio of the medians. Absolute figures belong to the machine and the moment; ratios travel.
"""
import os
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ.setdefault("AERO_BUILD", os.path.join(ROOT, "build", "release"))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from support.daemons import BUILD, Primary, Replica, Server, make_certs, wait_for  # noqa: E402

__all__ = ["BUILD", "Primary", "Redis", "Replica", "benchmark", "cpu_seconds", "make_certs", "median",
           "verdict", "wait_for"]


class Redis(Server):
    def __init__(self, persistent):
        super().__init__()
        self.persistent = persistent
        self.name = "redis always" if persistent else "redis off"

    def command(self):
        return ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                "--appendonly", "yes" if self.persistent else "no", "--appendfsync", "always",
                "--dir", self.directory, "--auto-aof-rewrite-percentage", "0"]


def benchmark(server, test, requests, clients=50, pipeline=1, value_bytes=64, keys=1000000):
    """Requests a second and the 99th percentile in milliseconds, as redis-benchmark tells them."""
    output = subprocess.run(
        ["redis-benchmark", "-h", "127.0.0.1", "-p", str(server.port), "-t", test, "-n",
         str(requests), "-c", str(clients), "-P", str(pipeline), "-d", str(value_bytes), "-r",
         str(keys), "--csv"], check=True, capture_output=True, text=True).stdout
    row = [field.strip('"') for field in output.strip().splitlines()[-1].split(",")]
    return float(row[1]), float(row[6])


def cpu_seconds(server):
    """Processor time that its process has used, user and system, all threads."""
    with open(f"/proc/{server.process.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def median(values):
    return statistics.median(values)


def verdict(value, floor):
    return "holds" if value >= floor else "MISSED"
