# SPDX-License-Identifier: Apache-2.0
"""Durable writes and reads of one row beside PostgreSQL, which also syncs before it answers (synchronous_commit = on).

Each system under its own load generator, redis-benchmark and pgbench (prepared statements, one thread), over TCP on
loopback. A row is a key of text and a value of 64 bytes; a write puts it in or replaces it, in a transaction of its own.
"""
import glob
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys

from harness import Primary, Server, benchmark, median, wait_for

ROWS = 1000000
VALUE = "v" * 64
TABLE = "CREATE TABLE entries (key text PRIMARY KEY, value text NOT NULL)"
KEY = f"\\set n random(0, {ROWS - 1})\n"
SCRIPTS = {
    "set": KEY + f"INSERT INTO entries VALUES ('key:' || :n, '{VALUE}')"
                 " ON CONFLICT (key) DO UPDATE SET value = excluded.value;\n",
    "get": KEY + "SELECT value FROM entries WHERE key = 'key:' || :n;\n",
}
# name, test, clients, requests a round
WORKLOADS = [
    ("SET 64 B, 1 client", "set", 1, 3000),
    ("SET 64 B, 16 clients", "set", 16, 24000),
    ("SET 64 B, 64 clients", "set", 64, 64000),
    ("GET 64 B, 64 clients", "get", 64, 64000),
]


def as_postgres():
    """What a command begins with that must not run as root."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []


class Postgres(Server):
    """A cluster of its own in a directory of its own; one that the machine runs is left alone."""

    name = "postgresql"

    def __init__(self):
        super().__init__()
        self.programs = max(glob.glob("/usr/lib/postgresql/*/bin"))
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.data = os.path.join(self.directory, "data")
        if os.geteuid() == 0:
            shutil.chown(self.directory, "postgres", "postgres")
        subprocess.run(as_postgres() + [os.path.join(self.programs, "initdb"), "-D", self.data, "-A", "trust",
                                        "-U", self.user], check=True, stdout=subprocess.DEVNULL,
                       cwd=self.directory)

    def command(self):
        settings = ["synchronous_commit=on", "fsync=on", "listen_addresses=127.0.0.1", "max_connections=200",
                    "shared_buffers=512MB", "max_wal_size=8GB", "unix_socket_directories=" + self.directory]
        return as_postgres() + [os.path.join(self.programs, "postgres"), "-D", self.data, "-p", str(self.port)] + [
            word for setting in settings for word in ("-c", setting)]

    def reach(self):
        return ["-h", "127.0.0.1", "-p", str(self.port), "-U", self.user]

    def wait_ready(self):
        wait_for(lambda: subprocess.run([os.path.join(self.programs, "pg_isready"), "-q", *self.reach()]).returncode == 0,
                 "PostgreSQL")
        subprocess.run(["psql", "-q", *self.reach(), "-d", "postgres", "-c", TABLE], check=True)

    def stop(self, how=signal.SIGINT):  # which ends its sessions, too
        super().stop(how)

    def run(self, test, clients, requests):
        script = os.path.join(self.directory, test + ".sql")
        with open(script, "w") as out:
            out.write(SCRIPTS[test])
        output = subprocess.run(
            [os.path.join(self.programs, "pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-t",
             str(requests // clients), "-f", script, *self.reach(), "postgres"],
            check=True, capture_output=True, text=True).stdout
        return float(re.search(r"^tps = ([\d.]+)", output, re.M).group(1))


def compare(theirs, ours, rounds, workload):
    """The median rate of each, in turns."""
    _, test, clients, requests = workload
    rates = [], []
    for turn in range(rounds + 1):
        count = requests if turn else requests // 4  # the first round warms up
        one = theirs.run(test, clients, count)
        other, _ = benchmark(ours, test, count, clients, value_bytes=len(VALUE), keys=ROWS)
        if turn:
            rates[0].append(one)
            rates[1].append(other)
    return map(median, rates)


def main(rounds, wanted):
    ours, theirs = Primary(), Postgres()
    try:
        ours.start()
        theirs.start()
        print(f"{'workload':24} {'postgresql/s':>13} {'aerodb/s':>10} {'ratio':>7}")
        for workload in WORKLOADS:
            if wanted in workload[0]:
                one, other = compare(theirs, ours, rounds, workload)
                print(f"{workload[0]:24} {one:13.0f} {other:10.0f} {other / one:7.2f}", flush=True)
    finally:
        ours.remove()
        theirs.remove()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, sys.argv[2] if len(sys.argv) > 2 else "")
