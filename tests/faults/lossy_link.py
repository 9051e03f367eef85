# SPDX-License-Identifier: Apache-2.0
"""Two network namespaces, and between them nothing but this: IP packets that are lost, delayed, doubled, reordered or cut
off, in either direction, by a seed.

A TUN device in each namespace ends in a descriptor here, so no queueing discipline of the kernel is needed (netem is often
not built in), and what happens to a packet is ours to say. Nothing leaves the two namespaces."""
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
PACKET_BYTES = 1 << 16
ADDRESSES = ("10.231.0.1", "10.231.0.2")


class Unavailable(Exception):
    """Namespaces or TUN devices cannot be made here."""


def run_ip(*words):
    try:
        done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=60)
    except FileNotFoundError as missing:
        raise Unavailable("there is no ip(8): install iproute2") from missing
    if done.returncode != 0:
        raise Unavailable(f"ip {' '.join(words)}: {done.stderr.strip()}")


class LossyLink:
    """Faults are attributes, changed at any time. Index 0: packets that namespace 0 sends; index 1: the others."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.heal()
        self.passed = [0, 0]
        self.dropped = [0, 0]
        self.reordered = 0
        self.names = [f"aerodb{os.getpid()}{end}" for end in "ab"]
        self.made = []
        self.descriptors = []
        self.waiting = []  # (due, number, to, packet)
        self.number = self.newest = 0
        self.stopping = False
        self.thread = threading.Thread(target=self._relay, daemon=True)
        try:
            for end in range(2):
                self._make(end)
        except (Unavailable, OSError) as refused:
            self.close()
            raise Unavailable(str(refused)) from refused
        self.thread.start()

    def heal(self):
        self.loss = [0.0, 0.0]
        self.cut = [False, False]
        self.delay_seconds = 0.0
        self.jitter_seconds = 0.0
        self.doubled = 0.0

    def _make(self, end):
        name = self.names[end]
        run_ip("netns", "add", name)
        self.made.append(name)
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.descriptors.append(descriptor)
        # Its name is taken from the process, too: it is in this namespace for a moment, down and without an address.
        device = name.encode()
        fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", device, IFF_TUN | IFF_NO_PI))
        run_ip("link", "set", name, "netns", name)
        run_ip("-n", name, "addr", "add", ADDRESSES[end] + "/30", "dev", name)
        run_ip("-n", name, "link", "set", "lo", "up")
        run_ip("-n", name, "link", "set", name, "up")

    def _relay(self):
        while not self.stopping:
            pause = min(0.1, max(0, self.waiting[0][0] - time.monotonic())) if self.waiting else 0.1
            for descriptor in select.select(self.descriptors, [], [], pause)[0]:
                self._take(self.descriptors.index(descriptor))
            while self.waiting and self.waiting[0][0] <= time.monotonic():
                _, number, to, packet = heapq.heappop(self.waiting)
                self.reordered += number < self.newest
                self.newest = max(number, self.newest)
                try:
                    os.write(self.descriptors[to], packet)
                except OSError:  # the device's queue is full, or it is going: a packet lost
                    pass

    def _take(self, end):
        while True:
            try:
                packet = os.read(self.descriptors[end], PACKET_BYTES)
            except (BlockingIOError, OSError):
                return
            if self.cut[end] or self.chance.random() < self.loss[end]:
                self.dropped[end] += 1
                continue
            self.passed[end] += 1
            for _ in range(2 if self.chance.random() < self.doubled else 1):
                self.number += 1
                due = (time.monotonic() + self.delay_seconds +
                       self.chance.uniform(0, self.jitter_seconds))
                heapq.heappush(self.waiting, (due, self.number, 1 - end, packet))

    def inside(self, end, command):
        return ["ip", "netns", "exec", self.names[end], *command]

    def close(self):
        self.stopping = True
        if self.thread.ident is not None:
            self.thread.join()
        for descriptor in self.descriptors:
            os.close(descriptor)
        for name in self.made:
            subprocess.run(["ip", "netns", "del", name], check=False)
