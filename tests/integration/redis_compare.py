#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commands drawn from a seed, sent to a Redis server and to a primary: the replies have to be the same bytes.

    redis_compare.py [SEED [BATCHES]]

What may differ is said in docs/operations.md, "What differs from Redis", and is not drawn; nor is DBSIZE, since Redis counts
keys that have expired until somebody meets them. Times come from two clocks, so of them an hour's difference is none, and GT
and LT are never asked of the same time from now twice; names come in the order of two different tables, so they are compared
sorted.
"""
import io
import random
import re
import socket
import sys
import unittest

from daemon_case import DaemonCase
from support.daemons import Server

SEED, BATCHES = 1, 200
BATCH_COMMANDS = 50
CLOCKS_APART_S = 3600
SHOWN_BEFORE = 100

# K a key, V a value, N and F numbers, O an offset, D a database, S seconds, M milliseconds, T and U the same since 1970, R a
# time from now that comes once, P a pattern; [a|b] one of these or none. Others stand for themselves.
FORMS = """
GET K / SET K V / SET K V [NX|XX] [GET] [EX S|PX M|EXAT T|PXAT U|KEEPTTL] / SETNX K V / SETEX K S V / PSETEX K M V / GETSET K V
GETDEL K / GETEX K [EX S|PX M|EXAT T|PXAT U|PERSIST] / MGET K K K / MSET K V K V / MSETNX K V K V / APPEND K V / STRLEN K
INCR K / DECR K / INCRBY K N / DECRBY K N / INCRBYFLOAT K F / SETRANGE K O V / GETRANGE K N N / SUBSTR K N N
SETBIT K O [0|1] / GETBIT K O / BITCOUNT K / BITCOUNT K N N [BYTE|BIT] / BITPOS K [0|1] / BITPOS K 1 N / BITPOS K 0 N N [BYTE|BIT]
BITOP [AND|OR|XOR|NOT] K K / BITOP OR K K K
DEL K / DEL K K / UNLINK K / EXISTS K K / TYPE K / TOUCH K K / RENAME K K / RENAMENX K K / COPY K K [DB D] [REPLACE] / MOVE K D
EXPIRE K S [NX|XX] / PEXPIRE K M [NX|XX] / EXPIRE K R [GT|LT] / PEXPIRE K R [GT|LT]
EXPIREAT K T [NX|XX|GT|LT] / PEXPIREAT K U [GT] [XX]
TTL K / PTTL K / EXPIRETIME K / PEXPIRETIME K / PERSIST K
KEYS P / SCAN 0 COUNT 1000 [MATCH P|TYPE string|TYPE list] / FLUSHDB [ASYNC|SYNC] / SELECT D
MULTI / EXEC / DISCARD / UNWATCH / ECHO V / PING / PING V / NOSUCH K / CONFIG NOSUCH / OBJECT
"""
FORMS = [form.strip() for form in re.split(r"[/\n]", FORMS) if form.strip()]

LETTERS = {
    "K": ["a", "b", "c", "d", "key:with:colons", ""],
    "V": ["", "1", "-7", "3.25", "abc", "x" * 300, "9223372036854775807", " 1", "007", "\x00\xff\r\n", "1e3"],
    "N": ["0", "1", "-1", "2", "-100", "100", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "1.5", "x", ""],
    "F": ["0.1", "-3", "1e2", "5e-324", "1e4000", "nan", "inf", "x", "", " 1", "1.00000000000000000001", "0x10"],
    "O": ["0", "1", "7", "8", "100", "4000", "-1", "4294967296", "x"],
    "D": ["0", "1", "15", "16", "-1", "x"],
    "S": ["100000", "200000", "-1", "0", "9223372036854775807", "x"],
    "M": ["100000000", "200000000", "-1", "0", "9223372036854775807", "1.5"],
    "T": ["4102444800", "4102444801", "1", "0", "-5", "9223372036854775807", "x"],
    "U": ["4102444800000", "4102444800001", "1", "0", "-5", "x"],
    "P": ["*", "a", "k*", "[a-c]", "[^a]", "?", "\\*", "k*:c*s", ""],
}
TIMES = {"TTL": CLOCKS_APART_S, "EXPIRETIME": CLOCKS_APART_S,
         "PTTL": 1000 * CLOCKS_APART_S, "PEXPIRETIME": 1000 * CLOCKS_APART_S}
NAMES = ("KEYS", "SCAN")
CHECKED_FIRST = ("BITCOUNT", "BITPOS")  # their arguments, also where the key is missing


class Redis(Server):
    name = "redis"

    def command(self):
        return ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                "--dir", self.directory]


def read_reply(stream):
    """A reply as it came, and its members."""
    head = stream.readline()
    if not head.endswith(b"\r\n"):
        raise EOFError(f"the connection ended after {head!r}")
    count = int(head[1:]) if head[:1] in b"$*" else 0
    if head[:1] == b"$" and count >= 0:
        return head + stream.read(count + 2), []
    members = [read_reply(stream)[0] for _ in range(count)]
    return head + b"".join(members), members


class Connection:
    def __init__(self, server):
        self.link = socket.create_connection(("127.0.0.1", server.port), timeout=600)
        self.replies = self.link.makefile("rb")

    def close(self):
        self.replies.close()
        self.link.close()

    def run(self, commands):
        request = b""
        for words in commands:
            request += b"*%d\r\n" % len(words)
            for word in words:
                raw = word.encode("latin-1")
                request += b"$%d\r\n%s\r\n" % (len(raw), raw)
        self.link.sendall(request)
        return [read_reply(self.replies)[0] for _ in commands]


def spoil(draw, words):
    """An argument too many, too few, or all in small letters: now and then what clients seldom say."""
    at = draw.randrange(1, len(words) + 1)
    kind = draw.randrange(3)
    if kind == 0:
        return words[:at] + [draw.choice(["x", "NX", "0", ""])] + words[at:]
    if kind == 1:
        return words[:at]
    return [word.lower() for word in words]


def draw_word(draw, word):
    if word == "R":
        return str(draw.randrange(10**5, 10**8))
    return draw.choice(LETTERS[word]) if word in LETTERS else word


def draw_command(draw):
    words = []
    for part in re.findall(r"\[[^]]*\]|\S+", draw.choice(FORMS)):
        if part.startswith("["):
            part = draw.choice([*part[1:-1].split("|"), ""])
        words += [draw_word(draw, word) for word in part.split()]
    return spoil(draw, words) if draw.random() < 0.05 and words[0] != "SCAN" else words


def draw_batch(draw):
    """Keys are watched when all before was answered: what is not durable yet aborts EXEC (decision 9)."""
    watch = ["WATCH", draw.choice(LETTERS["K"])]
    return [watch] + [draw_command(draw) for _ in range(BATCH_COMMANDS)] + [["DISCARD"]]


def integers_of(reply):
    return [int(number) for number in re.findall(rb"^:(-?\d+)\r$", reply, re.MULTILINE)]


def have_equal_times(ours, theirs, apart):
    ours, theirs = integers_of(ours), integers_of(theirs)
    return len(ours) == len(theirs) == 1 and min(ours + theirs) > 0 and abs(ours[0] - theirs[0]) < apart


def are_equal(words, ours, theirs):
    name = words[0].upper()
    if name in NAMES:
        return sorted(ours.split(b"\r\n")) == sorted(theirs.split(b"\r\n"))
    if name in TIMES and ours != theirs:
        return have_equal_times(ours, theirs, TIMES[name])
    if name in CHECKED_FIRST and theirs in (b":0\r\n", b":-1\r\n"):
        return ours == theirs or ours.startswith(b"-ERR ")
    return ours == theirs


def are_equal_in_exec(queued, ours, theirs):
    members = [read_reply(io.BytesIO(reply))[1] for reply in (ours, theirs)]
    if len(members[0]) != len(queued) or len(members[1]) != len(queued):
        return ours == theirs
    return all(map(are_equal, queued, *members))


class CompareTest(DaemonCase):
    def test_replies_are_those_of_redis(self):
        draw = random.Random(SEED)
        ours, theirs = Connection(self.primary()), Connection(self.start(Redis()))
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        history, queued = [], []
        for _ in range(BATCHES):
            batch = draw_batch(draw)
            for words, our, their in zip(batch, ours.run(batch), theirs.run(batch)):
                history.append((words, our))
                is_exec = words[0].upper() == "EXEC"
                same = are_equal_in_exec(queued, our, their) if is_exec else are_equal(words, our, their)
                self.assertTrue(same, self.tell(history, their))
                if our == b"+QUEUED\r\n":
                    queued.append(words)
                elif is_exec or words[0].upper() == "DISCARD":
                    queued = []
        self.assertGreater(len(history), BATCHES * BATCH_COMMANDS)

    def tell(self, history, their):
        story = "\n".join(f"  {words} -> {reply[:100]}" for words, reply in history[-SHOWN_BEFORE:])
        return f"seed {SEED}, command {len(history)}:\n{story}\n  and Redis answers {their[:200]}"


if __name__ == "__main__":
    SEED = int(sys.argv[1]) if len(sys.argv) > 1 else SEED
    BATCHES = int(sys.argv[2]) if len(sys.argv) > 2 else BATCHES
    unittest.main(argv=sys.argv[:1])
