# SPDX-License-Identifier: Apache-2.0
"""Two hundred writes that can be judged afterwards: pipelined and parallel clients, each commit with a number of its own.

Every commit is one MSET of a key that is never written again and of the client's `last`: it is there whole or not at all.
What a client was told about a commit is one of ACKED, ABSENT (NOTWRITTEN, or refused before anything was done) and
UNKNOWN (said so, or nothing was said).
"""
import os
import re
import select
import socket
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.daemons import Patience  # noqa: E402

ACKED, ABSENT, UNKNOWN = "acknowledged", "absent", "unknown"
VALUE_BYTES = 8000
HANG_SECONDS = 60  # a reply that takes longer, while we live, is a hang
CLIENTS = 4
NOTHING_DONE = ("NOTWRITTEN", "MISCONF", "OOM", "LOADING", "READONLY", "HALTED")


class Surprise(Exception):
    """Something that no fault excuses."""


class Link:
    """One connection in the Redis protocol: to a port on loopback, or to a Unix socket's path."""

    def __init__(self, port, seconds=HANG_SECONDS):
        self.seconds = seconds
        if isinstance(port, str):
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(port)
            except OSError:
                self.socket.close()
                raise
        else:
            self.socket = socket.create_connection(("127.0.0.1", port))
        self.unread = b""

    def send(self, *commands):
        request = b""
        for words in commands:
            request += b"*%d\r\n" % len(words)
            for word in words:
                word = word if isinstance(word, bytes) else str(word).encode()
                request += b"$%d\r\n%s\r\n" % (len(word), word)
        self.socket.sendall(request)

    def fill(self):
        patience = Patience(self.seconds)
        while not select.select([self.socket], [], [], min(self.seconds, 1))[0]:
            if patience.is_over():
                raise TimeoutError("no reply")
        more = self.socket.recv(1 << 16)
        if not more:
            raise ConnectionError("the connection ended")
        self.unread += more

    def take(self, count):
        while len(self.unread) < count:
            self.fill()
        taken, self.unread = self.unread[:count], self.unread[count:]
        return taken

    def take_line(self):
        while b"\r\n" not in self.unread:
            self.fill()
        return self.take(self.unread.index(b"\r\n") + 2)

    def reply(self):
        """Errors are returned as they stand, with their minus sign; None is nil."""
        line = self.take_line()
        kind, rest = line[:1], line[1:-2]
        if kind in (b"+", b":"):
            return rest
        if kind == b"-":
            return line[:-2]
        count = int(rest)
        if count < 0:
            return None
        if kind == b"*":
            return [self.reply() for _ in range(count)]
        return self.take(count + 2)[:-2]

    def ask(self, *words):
        self.send(words)
        return self.reply()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def ask(port, *words, seconds=HANG_SECONDS):
    with Link(port, seconds) as link:
        return link.ask(*words)


def value_of(client, number):
    return b"%d:%d:" % (client, number) + b"x" * VALUE_BYTES


def classify(reply):
    if reply == b"OK":
        return ACKED
    word = re.match(rb"-([A-Z]+)", reply)
    if word and word.group(1).decode() in NOTHING_DONE:
        return ABSENT
    if word and word.group(1) == b"UNKNOWN":
        return UNKNOWN
    raise Surprise(f"a write was answered {reply[:200]!r}")


class Client:
    """`told` maps the number of every commit that was tried to what is known about it."""

    def __init__(self, number):
        self.number = number
        self.next = 1
        self.told = {}

    def command(self, number):
        return ("MSET", f"w:{self.number}:{number}", value_of(self.number, number),
                f"last:{self.number}", number)

    def write(self, port, count, batch, seconds):
        """`count` commits, `batch` at a time. A connection that breaks ends the batch, its commits are UNKNOWN."""
        end = self.next + count
        while self.next < end:
            numbers = range(self.next, min(self.next + batch, end))
            self.next = numbers[-1] + 1
            for number in numbers:
                self.told[number] = ABSENT  # until a byte of it may have left
            try:
                with Link(port, seconds) as link:
                    for number in numbers:
                        self.told[number] = UNKNOWN
                    link.send(*map(self.command, numbers))
                    for number in numbers:
                        self.told[number] = classify(link.reply())
            except TimeoutError as hang:
                if seconds == HANG_SECONDS:
                    raise Surprise("a write was never answered") from hang
            except OSError:
                pass


class Workload:
    """Client 0 pipelines; the others write side by side, a commit a connection."""

    def __init__(self):
        self.clients = [Client(number) for number in range(CLIENTS + 1)]
        self.surprises = []

    def _run(self, client, *arguments):
        try:
            client.write(*arguments)
        except Surprise as surprise:
            self.surprises.append(surprise)

    def write(self, port, count, seconds=HANG_SECONDS):
        each = count // (CLIENTS + 2)
        threads = [threading.Thread(target=self._run, args=(client, port, each, 1, seconds))
                   for client in self.clients[1:]]
        threads.append(threading.Thread(target=self._run, args=(
            self.clients[0], port, count - CLIENTS * each, each, seconds)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.surprises:
            raise self.surprises[0]

    def begin_after(self, earlier):
        """Goes on where another left off; its commits are judged with these."""
        for client, before in zip(self.clients, earlier.clients):
            client.next = before.next
            client.told = dict(before.told)

    def count(self, told):
        return sum(list(client.told.values()).count(told) for client in self.clients)

    def judge(self, port, where):
        """Acknowledged commits are there, failed ones are not, and each is whole."""
        with Link(port) as link:
            for client in self.clients:
                self._judge_client(link, client, where)

    def _judge_client(self, link, client, where):
        numbers = sorted(client.told)
        link.send(*(("GET", f"w:{client.number}:{number}") for number in numbers))
        present = set()
        for number in numbers:
            found = link.reply()
            told = client.told[number]
            if found is not None and found != value_of(client.number, number):
                raise Surprise(f"{where}: commit {client.number}:{number} has another value: "
                               f"{found[:80]!r}")
            if found is not None:
                present.add(number)
            if (found is None and told == ACKED) or (found is not None and told == ABSENT):
                state = "is not there" if found is None else "is there"
                raise Surprise(f"{where}: commit {client.number}:{number} {state}, it was {told}")
        last = link.ask("GET", f"last:{client.number}")
        if (last is None) != (not present) or (last is not None and int(last) not in present):
            raise Surprise(f"{where}: client {client.number}: last is {last!r}, half of a commit")
        if UNKNOWN not in client.told.values() and present and int(last) != max(present):
            raise Surprise(f"{where}: client {client.number}: last is {last!r}, not {max(present)}")
