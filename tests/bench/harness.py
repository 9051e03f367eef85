# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: servers on loopback in temporary directories, load from redis-benchmark, medians and ratios.

Every comparison runs side by side: the systems take turns, round by round, in one run, and what is printed is the
median of each and the ratio of the medians. Absolute figures belong to the machine and the moment; ratios travel.
"""
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("AERO_BUILD", os.path.join(ROOT, "build", "release"))


def binary(name):
    return os.path.join(BUILD, "bin", name)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One process, stopped by its pid, in a directory of its own that goes with it."""

    name = "?"

    def __init__(self, directory=None):
        self.directory = directory or tempfile.mkdtemp(prefix="aero-bench-")
        self.port = free_port()
        self.process = None

    def start(self):
        self.log = open(os.path.join(self.directory, "log"), "ab")
        self.process = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log,
                                        cwd=self.directory)
        self.wait_ready()
        return self

    def wait_ready(self):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
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
        self.log.close()

    def remove(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


class Redis(Server):
    def __init__(self, persistent):
        super().__init__()
        self.persistent = persistent
        self.name = "redis always" if persistent else "redis off"

    def command(self):
        return ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                "--appendonly", "yes" if self.persistent else "no", "--appendfsync", "always",
                "--dir", self.directory, "--auto-aof-rewrite-percentage", "0"]


class Primary(Server):
    name = "aerodb"

    def __init__(self, certs=None, settings=(), directory=None):
        super().__init__(directory)
        self.replication_port = free_port() if certs else 0
        self.certs = certs
        self.settings = settings

    def command(self):
        data = os.path.join(self.directory, "data")
        command = [binary("aerodb-primary"), "--data", data, "--port", str(self.port),
                   "--replication-port", str(self.replication_port)]
        if not os.path.exists(data):
            os.mkdir(data)
            command.append("--init")
        if self.certs:
            command += ["--certs", os.path.join(self.certs, "primary")]
        for setting in self.settings:
            command += ["--set", setting]
        return command


class Replica(Server):
    name = "aerodb-replica"

    def __init__(self, primary, settings=()):
        super().__init__()
        self.primary = primary
        self.settings = settings

    def command(self):
        data = os.path.join(self.directory, "data")
        os.makedirs(data, exist_ok=True)
        command = [binary("aerodb-replica"), "--data", data, "--port", str(self.port), "--primary",
                   f"127.0.0.1:{self.primary.replication_port}", "--certs",
                   os.path.join(self.primary.certs, "replica1")]
        for setting in self.settings:
            command += ["--set", setting]
        return command

    def status(self):
        text = self.ask("AERO.STATUS").decode(errors="replace")
        return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)


def make_certs():
    directory = tempfile.mkdtemp(prefix="aero-bench-certs-")
    target = os.path.join(directory, "certs")
    subprocess.run([binary("aeroctl"), "certs", "init", target, "--node", "primary", "--node",
                    "replica1"], check=True, stdout=subprocess.DEVNULL)
    return target


def benchmark(server, test, requests, clients=50, pipeline=1, value_bytes=64, keys=1000000):
    """Requests a second and the 99th percentile in milliseconds, as redis-benchmark tells them."""
    output = subprocess.run(
        ["redis-benchmark", "-h", "127.0.0.1", "-p", str(server.port), "-t", test, "-n",
         str(requests), "-c", str(clients), "-P", str(pipeline), "-d", str(value_bytes), "-r",
         str(keys), "--csv"], check=True, capture_output=True, text=True).stdout
    row = [field.strip('"') for field in output.strip().splitlines()[-1].split(",")]
    return float(row[1]), float(row[6])


def wait_for(condition, what, seconds=300):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"gave up waiting for {what}")
        time.sleep(0.05)


def median(values):
    return statistics.median(values)


def verdict(value, floor):
    return "holds" if value >= floor else "MISSED"
