# SPDX-License-Identifier: Apache-2.0
"""The main job on real input: a million keys and more from the Debian package index and a dictionary, through
redis-cli --pipe, while the primary and the replica are killed again and again and their link is cut mid-segment.

Ends with the judgement that counts: every acknowledged write is there, the replica's digest equals the primary's at the
same LSN, `aeroctl verify` is clean on both directories, and no snapshot was transferred that was not needed.

    real_data.py [--seed N] [--kills N]
"""
import argparse
import glob
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.cutter import Cutter  # noqa: E402
from support.daemons import Primary, Replica, binary, make_certs, wait_for  # noqa: E402

KEYS_WANTED = 1000000
CHUNK_KEYS = 20000


def package_fields():
    """(key, value) for every field of every package that apt knows."""
    text = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, check=True).stdout
    name, field = b"?", None
    for line in text.split(b"\n"):
        if line.startswith((b" ", b"\t")) or b":" not in line:
            continue
        field, _, value = line.partition(b":")
        if field == b"Package":
            name = value.strip()
        yield b"pkg:" + name + b":" + field, value.strip()


def dictionary_words():
    for path in glob.glob("/usr/share/dict/*"):
        with open(path, "rb") as words:
            for number, word in enumerate(words):
                yield b"word:" + word.strip(), b"%d" % number


def data_set():
    entries = dict(dictionary_words())
    entries.update(package_fields())
    # A machine that knows few packages gets further fields: which words share a package's first letters.
    number = 0
    base = list(entries.items())
    while len(entries) < KEYS_WANTED:
        key, value = base[number % len(base)]
        entries[b"%s#%d" % (key, number // len(base))] = value
        number += 1
    return list(entries.items())


def encode(entries):
    return b"".join(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(k), k, len(v), v)
                    for k, v in entries)


class Loader(threading.Thread):
    """Pipes chunk after chunk; a chunk that a kill interrupted is piped again."""

    def __init__(self, primary, entries):
        super().__init__()
        self.primary = primary
        self.entries = entries
        self.done = 0
        self.retries = 0

    def run(self):
        for start in range(0, len(self.entries), CHUNK_KEYS):
            payload = encode(self.entries[start:start + CHUNK_KEYS])
            while True:
                pipe = subprocess.run(["redis-cli", "-p", str(self.primary.port), "--pipe"],
                                      input=payload, capture_output=True)
                if pipe.returncode == 0 and b"errors: 0" in pipe.stdout:
                    break
                self.retries += 1
                time.sleep(0.1)
            self.done = start + CHUNK_KEYS


class Writer(threading.Thread):
    """One client that counts up in a key of its own and remembers what was acknowledged."""

    def __init__(self, primary, number):
        super().__init__()
        self.primary = primary
        self.number = number
        self.acknowledged = 0
        self.attempted = 0
        self.stopping = False

    def run(self):
        while not self.stopping:
            try:
                with socket.create_connection(("127.0.0.1", self.primary.port), timeout=30) as link:
                    self.write_until_cut(link)
            except OSError:
                time.sleep(0.05)

    def write_until_cut(self, link):
        while not self.stopping:
            self.attempted += 1
            key = f"ack:{self.number}:{self.attempted}"
            link.sendall(f"SET {key} {self.attempted}\r\n".encode())
            reply = link.recv(512)
            if reply != b"+OK\r\n":
                if not reply:
                    return
                continue
            self.acknowledged = self.attempted
            with open(self.journal(), "a") as journal:
                journal.write(f"{key} {self.attempted}\n")

    def journal(self):
        return os.path.join(self.primary.directory, f"acknowledged-{self.number}")


def digest(server):
    """(LSN, digest, count) as the daemon tells them."""
    parts = server.ask("AERO.DIGEST").decode().split("\r\n")
    fields = [part for part in parts if part and part[0] not in "*$"]
    return tuple(field.lstrip(":+") for field in fields)


def check_acknowledged(primary, writers):
    total = 0
    for writer in writers:
        with open(writer.journal()) as journal:
            expected = [line.split() for line in journal]
        for start in range(0, len(expected), 500):
            part = expected[start:start + 500]
            keys = [key for key, _ in part]
            reply = subprocess.run(["redis-cli", "-p", str(primary.port), "MGET", *keys],
                                   capture_output=True, text=True, check=True).stdout.split("\n")
            for (key, value), found in zip(part, reply):
                assert found == value, f"acknowledged write lost: {key} = {value}, found {found!r}"
        total += len(expected)
    return total


def check_entries(primary, entries, seed):
    sample = random.Random(seed).sample(entries, 20000)
    link = socket.create_connection(("127.0.0.1", primary.port), timeout=60)
    stream = link.makefile("rb")
    for start in range(0, len(sample), 1000):
        part = sample[start:start + 1000]
        link.sendall(b"".join(b"*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n" % (len(k), k) for k, _ in part))
        for key, value in part:
            length = int(stream.readline()[1:])
            assert length == len(value), f"{key!r}: {length} bytes, expected {len(value)}"
            assert stream.read(length + 2)[:-2] == value, key
    link.close()


def verify(server):
    result = subprocess.run([binary("aeroctl"), "verify", os.path.join(server.directory, "data")],
                            capture_output=True, text=True)
    assert result.returncode == 0, f"verify found damage:\n{result.stdout}{result.stderr}"


def count_in_log(server, event):
    with open(os.path.join(server.directory, "log"), errors="replace") as log:
        return sum(f"event={event}" in line for line in log)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seed", type=int, default=20261122)
    arguments.add_argument("--kills", type=int, default=12)
    options = arguments.parse_args()
    chance = random.Random(options.seed)
    entries = data_set()
    print(f"seed {options.seed}; {len(entries)} keys, "
          f"{sum(len(k) + len(v) for k, v in entries) >> 20} MiB", flush=True)
    certs = make_certs()
    primary = Primary(certs, settings=("segment_bytes=16mb",)).start()
    cutter = Cutter(primary.replication_port, 24 << 20, options.seed)
    replica = Replica(primary, settings=("segment_bytes=16mb",), through=cutter.port).start()
    loader = Loader(primary, entries)
    writers = [Writer(primary, number) for number in range(8)]
    try:
        loader.start()
        for writer in writers:
            writer.start()
        for kill in range(options.kills):
            time.sleep(chance.uniform(0.2, 1.2))
            victim = chance.choice([primary, replica])
            victim.stop(signal.SIGKILL)
            time.sleep(chance.uniform(0, 0.3))
            victim.start()
        loader.join()
        for writer in writers:
            writer.stopping = True
            writer.join()
        cutter.cutting = False
        wait_for(lambda: digest(primary)[0] == digest(replica)[0], "the replica to catch up", 120)
        assert digest(primary) == digest(replica), (digest(primary), digest(replica))
        total = check_acknowledged(primary, writers)
        check_entries(primary, entries, options.seed)
        snapshots = count_in_log(replica, "bootstrap_begins")
        assert snapshots == 0, f"{snapshots} snapshots were transferred and none was needed"
        final = digest(primary)
        primary.stop()
        replica.stop()
        verify(primary)
        verify(replica)
        print(f"{total} acknowledged writes present; digest {final[1]} at LSN {final[0]} on both; "
              f"{options.kills} kills, {cutter.cuts} cuts, {loader.retries} chunks piped again; both "
              "directories verify; no snapshot was transferred")
    finally:
        for writer in writers:
            writer.stopping = True
        cutter.stop()
        primary.stop()
        replica.stop()
    primary.remove()
    replica.remove()
    shutil.rmtree(os.path.dirname(certs), ignore_errors=True)


if __name__ == "__main__":
    main()
