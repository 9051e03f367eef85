# SPDX-License-Identifier: Apache-2.0
"""Which calls are broken and how: the table of the sweep. A fault's text names it, and `tests/faults/run --only` runs it."""
import dataclasses
import random
import struct

# In the order of call_shim.c.
KINDS = ("open", "pread", "pwrite", "fdatasync", "fsync", "rename", "unlink", "ftruncate",
         "fallocate", "mkdir", "socket", "connect", "accept", "recv", "send", "read", "write", "thread")

# What a kernel may plausibly answer (the manual page of each call). Refusals (FM-6.2c) are on every call of the disk: a security
# module, a seal or a remount may refuse what was allowed when the file was opened. So is ENOMEM, which file systems pass on.
# fallocate has no row: the daemons zero-fill by writing, and a reference run that counts such a call fails until it has one.
REFUSALS = ("EACCES", "EPERM", "EROFS")
UNREACHABLE = ("ENETUNREACH", "EHOSTUNREACH")
ERRNOS = {
    "open": ("EIO", "EMFILE", "ENFILE", "ENOSPC", "EDQUOT", "ENOMEM", "EINTR", *REFUSALS),
    "pread": ("EIO", "ENOMEM", "EINTR", "short", *REFUSALS),
    "pwrite": ("EIO", "ENOSPC", "EDQUOT", "EFBIG", "ENOMEM", "EINTR", "short", *REFUSALS),
    "fdatasync": ("EIO", "ENOSPC", "EDQUOT", "ENOMEM", "EINTR", *REFUSALS),
    "fsync": ("EIO", "ENOSPC", "EDQUOT", "ENOMEM", "EINTR", *REFUSALS),
    "rename": ("EIO", "ENOSPC", "EDQUOT", "ENOMEM", *REFUSALS),
    "unlink": ("EIO", "EBUSY", "ENOMEM", *REFUSALS),
    "ftruncate": ("EIO", "ENOSPC", "EDQUOT", "EFBIG", "ENOMEM", "EINTR", *REFUSALS),
    "mkdir": ("EIO", "ENOSPC", "EDQUOT", "ENOMEM", *REFUSALS),
    "socket": ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EACCES"),
    "connect": ("ECONNREFUSED", "ETIMEDOUT", "EADDRNOTAVAIL", "EACCES", "EPERM", "EINTR",
                *UNREACHABLE),
    "accept": ("ECONNABORTED", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EPERM", "EPROTO", "EINTR",
               *UNREACHABLE),
    "recv": ("ECONNRESET", "ETIMEDOUT", "ENOMEM", "EAGAIN", "EINTR", "short", *UNREACHABLE),
    "send": ("EPIPE", "ECONNRESET", "ENOBUFS", "ENOMEM", "EAGAIN", "EINTR", "short", *UNREACHABLE),
    "read": ("EIO", "EINTR", "EAGAIN", "short"),
    "write": ("EIO", "ENOSPC", "EPIPE", "EAGAIN", "EINTR", "short"),
    "thread": ("EAGAIN",),
}
# Calls that hand bytes over may die in the middle of them.
DEATHS = {kind: ("kill", "killed") + (("torn",) if kind in ("pwrite", "send", "write") else ())
          for kind in ERRNOS}
# A kernel gives these now and then, never for good: ECONNABORTED takes the connection that it is about away.
PASSING = ("EINTR", "EAGAIN", "short", "ECONNABORTED")
DISK_KINDS = ("open", "pread", "pwrite", "fdatasync", "fsync", "rename", "unlink", "ftruncate", "mkdir")
ROLES = ("primary", "replica")
# A life that begins with nothing, and one that begins by recovering what a SIGKILL left.
STARTS = ("fresh", "again")
# Met by a campaign once, each through a defect of its own; asked again in every sample.
FOUND = ("primary:fresh:read:5:EIO:ever", "replica:fresh:send:1:ENOBUFS:ever",
         "primary:again:pwrite:10:EFBIG:ever", "primary:again:pread:1:ENOMEM:ever",
         "replica:fresh:fsync:1:EPERM", "primary:fresh:open:1:EACCES", "primary:fresh:open:47:EDQUOT")


@dataclasses.dataclass(frozen=True)
class Fault:
    role: str
    start: str
    kind: str
    nth: int
    what: str
    ever: bool

    def environment(self):
        return f"{self.kind}:{self.nth}:{self.what}" + (":ever" if self.ever else "")

    def __str__(self):
        return f"{self.role}:{self.start}:{self.environment()}"

    @property
    def is_deadly(self):
        return self.what in DEATHS[self.kind]


def parse(text):
    role, start, kind, nth, what, *ever = text.split(":")
    return Fault(role, start, kind, int(nth), what, ever == ["ever"])


def read_counts(path):
    """({kind: calls}, faults injected) as the shim left them; zeros when it has not begun."""
    size = 8 * (len(KINDS) + 1)
    try:
        with open(path, "rb") as found:
            numbers = struct.unpack(f"{len(KINDS) + 1}Q", found.read(size).ljust(size, b"\0"))
    except FileNotFoundError:
        numbers = (0,) * (len(KINDS) + 1)
    return dict(zip(KINDS, numbers)), numbers[-1]


def kinds_of_fault(role, start, counts):
    """Every (kind, what, ever) that applies to a role and a start, with the number of calls there."""
    for kind, whats in ERRNOS.items():
        calls = counts[role, start][kind]
        for what in whats + DEATHS[kind]:
            for ever in (False, True):
                passing = what in PASSING or what in DEATHS[kind]
                if calls and not (ever and passing):
                    yield kind, what, ever, calls


def every_fault(counts):
    """The whole sweep: each call of the run, broken in each way."""
    for role in ROLES:
        for start in STARTS:
            for kind, what, ever, calls in kinds_of_fault(role, start, counts):
                for nth in range(1, calls + 1):
                    yield Fault(role, start, kind, nth, what, ever)


def sample_faults(counts, count, seed):
    """`count` of them: kinds of fault in turn, so that a rare call is broken as often as a frequent one."""
    chance = random.Random(seed)
    rows = [(role, start, *row) for role in ROLES for start in STARTS
            for row in kinds_of_fault(role, start, counts)]
    for number in range(count):
        if number % len(rows) == 0:
            chance.shuffle(rows)
        role, start, kind, what, ever, calls = rows[number % len(rows)]
        yield Fault(role, start, kind, chance.randint(1, calls), what, ever)
