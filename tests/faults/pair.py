# SPDX-License-Identifier: Apache-2.0
"""A primary and a replica that live through one fault, and the judgement at the end, which is always the same:

acknowledged commits are there, failed ones are not, on both; the replica's digest equals the primary's at the same LSN;
`aeroctl verify` is clean on both directories, and the replica's log is a prefix of the primary's, byte for byte; no process
hung, and none ended by a signal that was not the fault.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from faults import DISK_KINDS, PASSING, read_counts  # noqa: E402
from log_bytes import judge_logs  # noqa: E402
from support.daemons import Patience, Primary, Replica, binary  # noqa: E402
from workload import HANG_SECONDS, Surprise, ask  # noqa: E402

# Small segments so that the workload fills more than one; pauses short so that a run is.
SETTINGS = ("segment_bytes=1mb", "checkpoint_wal_bytes=0", "heartbeat=100ms", "link_silence=2s")
EXIT_DATA = 4
ROUNDS = 3
WRITES_A_ROUND = 68
GIVE_UP_SECONDS = 0.25  # where nobody can be let in any more: what is not answered counts as unknown


class Pair:
    """Two daemons in one directory. `fault` breaks one of them until `lift`."""

    def __init__(self, certs, shim, fault=None, prepared=None):
        self.directory = tempfile.mkdtemp(prefix="aerodb-faults-")
        self.shim = shim
        self.fault = fault
        if prepared:
            shutil.copytree(prepared, self.directory, dirs_exist_ok=True)
        for name in ("primary", "replica", "shim-primary", "shim-replica"):
            os.makedirs(os.path.join(self.directory, name), exist_ok=True)
        self.primary = Primary(certs, SETTINGS, os.path.join(self.directory, "primary"))
        self.replica = Replica(self.primary, SETTINGS,
                               directory=os.path.join(self.directory, "replica"))
        self.both = {"primary": self.primary, "replica": self.replica}
        self.resumed = self.ended_by_itself = False

    # ---- Lives ----

    def data_directory(self, role):
        return os.path.join(self.directory, role, "data")

    def shim_directory(self, role):
        return os.path.join(self.directory, "shim-" + role)

    def launch(self, role, shimmed):
        server = self.both[role]
        server.environment = {}
        if shimmed:
            server.environment = {"LD_PRELOAD": self.shim, "AERO_SHIM": self.shim_directory(role)}
            if self.fault and self.fault.role == role:
                server.environment["AERO_FAULT"] = self.fault.environment()
        server.launch()

    def is_alive(self, role):
        """A process that ended is looked at: only the fault's own signal is an end by a signal."""
        process = self.both[role].process
        code = process.poll()
        if code is None:
            return True
        deadly = self.fault is not None and self.fault.is_deadly and self.fault.role == role
        if (code < 0 and not (deadly and code == -signal.SIGKILL)) or code in (0, 99):
            raise Surprise(f"the {role} ended with {code}; {self.log_tail(role)}")
        return False

    def wait_up(self, role):
        """False: it ended instead, which a fault at the start may bring about."""
        patience = Patience(HANG_SECONDS)
        while not patience.is_over():
            if not self.is_alive(role):
                return False
            try:
                if ask(self.both[role].port, "PING", seconds=1) == b"PONG":
                    return True
            except OSError:
                pass
            if any(self.is_fault_for_good(kind) for kind in ("accept", "recv", "send")):
                return True  # nobody can be answered
            time.sleep(0.01)
        raise Surprise(f"the {role} does not come up; {self.log_tail(role)}")

    def is_fault_for_good(self, kind):
        return self.fault is not None and self.fault.ever and self.fault.kind == kind

    def stop(self, role, how):
        process = self.both[role].process
        if self.is_alive(role):
            process.send_signal(how)
            patience = Patience(HANG_SECONDS)
            while process.poll() is None:
                if patience.is_over():
                    raise Surprise(f"the {role} does not stop; {self.log_tail(role)}")
                time.sleep(0.01)
        return process.returncode

    def log_tail(self, role):
        return "\n" + "\n".join(self.log(role).splitlines()[-12:])

    def log(self, role):
        try:
            with open(os.path.join(self.directory, role, "log"), errors="replace") as log:
                return log.read()
        except FileNotFoundError:
            return f"the {role} has no log"

    def counts(self, role):
        return read_counts(os.path.join(self.shim_directory(role), "counts"))

    # ---- A life under the fault ----

    def live(self, workload):
        """The small real workload: writes, rotations, checkpoints with truncation, a replica that follows."""
        self.launch("primary", shimmed=True)
        up = self.wait_up("primary")
        self.launch("replica", shimmed=True)
        self.wait_up("replica")
        if up:
            self.wait_linked()
        seconds = GIVE_UP_SECONDS if self.is_fault_for_good("accept") else HANG_SECONDS
        for _ in range(ROUNDS):
            if not self.is_alive("primary"):
                break
            workload.write(self.primary.port, WRITES_A_ROUND, seconds)
            self.checkpoint(seconds)
        self.is_alive("replica")

    def wait_linked(self):
        """Until the replica follows, or for a moment: a fault may keep it from that."""
        patience = Patience(2)
        while not patience.is_over() and self.is_alive("replica"):
            if self.status("replica").get("link", "down") != "down":
                return
            time.sleep(0.01)

    def status(self, role):
        try:
            text = ask(self.both[role].port, "AERO.STATUS", seconds=5) or b""
        except OSError:
            return {}
        return dict(line.split(":", 1) for line in text.decode().split("\r\n") if ":" in line)

    def checkpoint(self, seconds):
        """It may fail, and be cut off; it may not hang."""
        try:
            ask(self.primary.port, "AERO.CHECKPOINT", seconds=seconds)
        except TimeoutError as hang:
            if seconds == HANG_SECONDS:
                raise Surprise("AERO.CHECKPOINT was never answered") from hang
        except OSError:
            pass

    def lift(self):
        """Ends the fault. A primary that lives takes writes again, or says that it needs a restart."""
        for role in self.both:
            with open(os.path.join(self.shim_directory(role), "lifted"), "w"):
                pass
        self.expect_told()
        self.ended_by_itself = not self.is_alive("primary") or not self.is_alive("replica")
        if self.is_alive("primary"):
            self.resumed = self.wait_resumed()

    def expect_told(self):
        """A disk call that failed is said, by the error's name, in the log of the daemon whose it was (FM-6.2)."""
        fault = self.fault
        if fault.kind not in DISK_KINDS or fault.is_deadly or fault.what in PASSING:
            return
        life = self.log(fault.role).rpartition("event=starting")[2]
        said = re.search(rf"level=(warn|error|fatal) .*\b{fault.what}\b", life)
        if self.counts(fault.role)[1] > 0 and not said:
            raise Surprise(f"{fault.what} of {fault.kind} is not in the log; "
                           f"{self.log_tail(fault.role)}")
        if re.search(r'event=(wal|disk_call)_failed .*\b(call|file)=""', life):
            raise Surprise(f"a failure without its call or file; {self.log_tail(fault.role)}")
        if fault.what != "EIO" and re.search(r'event=data_refused error="corrupt', life):
            raise Surprise(f"{fault.what} is no verdict over bytes; {self.log_tail(fault.role)}")

    def wait_resumed(self):
        patience = Patience(HANG_SECONDS)
        reply = None
        while not patience.is_over():
            try:
                reply = ask(self.primary.port, "SET", "resumed", "1")
                if reply == b"OK":
                    return True
                if b"restart" in reply:
                    return False
            except OSError as lost:
                reply = lost
                if not self.is_alive("primary"):
                    return False
            time.sleep(0.05)
        raise Surprise(f"writes neither resume nor ask for a restart: {reply!r}")

    # ---- After the fault ----

    def restart(self, how):
        for role in ("primary", "replica"):
            self.stop(role, how)
        self.fault = None
        self.launch("primary", shimmed=False)
        if not self.wait_up("primary"):
            self.begin_again()
        self.launch("replica", shimmed=False)
        if not self.wait_up("replica"):
            raise Surprise(f"the replica does not start; {self.log_tail('replica')}")

    def begin_again(self):
        """A start that never came as far as a history is repeated with --init, as its operator would."""
        if self.primary.process.returncode != EXIT_DATA or "no data" not in self.log_tail("primary"):
            raise Surprise(f"the primary does not start; {self.log_tail('primary')}")
        self.primary.init = True
        self.launch("primary", shimmed=False)
        self.primary.init = False
        if not self.wait_up("primary"):
            raise Surprise(f"--init does not begin again; {self.log_tail('primary')}")

    def wait_equal(self):
        """Writes are open and the replica shows the primary's state."""
        patience = Patience(HANG_SECONDS)
        reply = None
        while not patience.is_over():
            try:
                reply = ask(self.primary.port, "SET", "after", "1")
                if reply == b"OK" and self.is_reached() and self.digests_equal():
                    return
                if self.status("replica").get("state", "").startswith("HALTED"):
                    raise Surprise(f"the replica is halted; {self.log_tail('replica')}")
            except OSError:  # a replica that has bootstrapped begins again, without its clients
                if not (self.is_alive("primary") and self.is_alive("replica")):
                    break
            time.sleep(0.02)
        raise Surprise(f"no equal digests; SET: {reply!r}; "
                       f"{self.log_tail('primary')}{self.log_tail('replica')}")

    def is_reached(self):
        token = ask(self.primary.port, "AERO.LSN")
        return ask(self.replica.port, "AERO.WAITLSN", token, "1000") == b"OK"

    def digests_equal(self):
        here = ask(self.primary.port, "AERO.DIGEST")
        there = ask(self.replica.port, "AERO.DIGEST")
        if here[0] == there[0] and here != there:
            raise Surprise(f"digests differ at one LSN: {here!r}, {there!r}")
        return here == there

    def judge(self, workload):
        self.wait_equal()
        workload.judge(self.primary.port, "primary")
        workload.judge(self.replica.port, "replica")
        for role in ("replica", "primary"):
            if self.stop(role, signal.SIGTERM) != 0:
                raise Surprise(f"the {role} does not stop cleanly; {self.log_tail(role)}")
            done = subprocess.run([binary("aeroctl"), "verify", self.data_directory(role)],
                                  capture_output=True, text=True)
            if done.returncode != 0:
                raise Surprise(f"{role}: verify: {done.stdout}{done.stderr}")
        judge_logs(self.data_directory("primary"), self.data_directory("replica"))

    def kill(self):
        for server in self.both.values():
            if server.process is not None and server.process.poll() is None:
                server.process.kill()
                server.process.wait()

    def remove(self):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)
