# SPDX-License-Identifier: Apache-2.0
"""Real daemons for tests and benchmarks: processes on loopback, in temporary directories, stopped by pid."""
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import weakref

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("AERO_BUILD", os.path.join(ROOT, "build", "dev"))


def binary(name):
    return os.path.join(BUILD, "bin", name)


def free_port(owner):
    """A port that no other test takes as long as `owner` lives, also while its daemon is down: an abstract socket
    named after it is held. Below the range from which the kernel takes ports for outgoing connections: one of those
    could take it again before the daemon does, or while it is restarted."""
    while True:
        port = random.SystemRandom().randrange(10000, 32000)
        reservation = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe:
            try:
                reservation.bind(f"\0aerodb-test-port-{port}")
                probe.bind(("127.0.0.1", port))
                weakref.finalize(owner, reservation.close)
                return port
            except OSError:
                reservation.close()


class Server:
    """One process, stopped by its pid, in a directory of its own that goes with it."""

    name = "?"

    def __init__(self, directory=None):
        self.directory = directory or tempfile.mkdtemp(prefix="aerodb-")
        self.port = free_port(self)
        self.process = None
        self.log = None
        self.environment = {}  # beside the test's own

    def launch(self):
        self.log = open(os.path.join(self.directory, "log"), "ab")
        self.process = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log,
                                        cwd=self.directory, env={**os.environ, **self.environment})

    def start(self):
        self.launch()
        self.wait_ready()
        return self

    def wait_ready(self):
        patience = Patience(120)
        while not patience.is_over():
            if self.process.poll() is not None:
                raise SystemExit(f"{self.name} ended at start; see {self.directory}/log")
            try:
                if b"PONG" in self.ask("PING"):
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise SystemExit(f"{self.name} did not become ready; see {self.directory}/log")

    def ask(self, *words, timeout=600):
        request = b"*%d\r\n" % len(words)
        for word in words:
            word = word if isinstance(word, bytes) else str(word).encode()
            request += b"$%d\r\n%s\r\n" % (len(word), word)
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as link:
            link.sendall(request)
            reply = link.recv(65536)
            while not reply.endswith(b"\r\n"):
                more = link.recv(65536)
                if not more:
                    break
                reply += more
            return reply

    def memory_bytes(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) * 1024

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=120)
        if self.log:
            self.log.close()

    def remove(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


class Primary(Server):
    name = "aerodb"

    def __init__(self, certs=None, settings=(), directory=None):
        super().__init__(directory)
        self.replication_port = free_port(self) if certs else 0
        self.certs = certs
        self.settings = settings
        self.init = False  # also where its directory exists

    def command(self):
        data = os.path.join(self.directory, "data")
        command = [binary("aerodb-primary"), "--data", data, "--port", str(self.port),
                   "--replication-port", str(self.replication_port)]
        if self.init or not os.path.exists(data):
            os.makedirs(data, exist_ok=True)
            command.append("--init")
        if self.certs:
            command += ["--certs", os.path.join(self.certs, "primary")]
        for setting in self.settings:
            command += ["--set", setting]
        return command


class Replica(Server):
    name = "aerodb-replica"

    def __init__(self, primary, settings=(), through=None, directory=None, node="replica1"):
        super().__init__(directory)
        self.primary = primary
        self.node = node
        self.settings = settings
        self.through = through or primary.replication_port

    def command(self):
        data = os.path.join(self.directory, "data")
        os.makedirs(data, exist_ok=True)
        command = [binary("aerodb-replica"), "--data", data, "--port", str(self.port), "--primary",
                   f"127.0.0.1:{self.through}", "--certs",
                   os.path.join(self.primary.certs, self.node)]
        for setting in self.settings:
            command += ["--set", setting]
        return command

    def status(self):
        text = self.ask("AERO.STATUS").decode(errors="replace")
        return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)


def make_certs(*more_nodes):
    directory = tempfile.mkdtemp(prefix="aerodb-certs-")
    target = os.path.join(directory, "certs")
    nodes = [word for node in ("primary", "replica1", *more_nodes) for word in ("--node", node)]
    subprocess.run([binary("aeroctl"), "certs", "init", target, *nodes], check=True,
                   stdout=subprocess.DEVNULL)
    return target


class Patience:
    """Seconds of waiting, as this process lived them: on a machine that stands still now and then, nobody is late."""

    STEP_SECONDS = 2  # a longer step between two looks counts as this much

    def __init__(self, seconds):
        self.left = seconds
        self.looked = time.monotonic()

    def is_over(self):
        now = time.monotonic()
        self.left -= min(now - self.looked, self.STEP_SECONDS)
        self.looked = now
        return self.left < 0


def wait_for(condition, what, seconds=300, pause=0.05):
    patience = Patience(seconds)
    while not condition():
        if patience.is_over():
            raise SystemExit(f"gave up waiting for {what}")
        time.sleep(pause)
