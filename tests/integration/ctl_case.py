# SPDX-License-Identifier: Apache-2.0
"""A test case with a pair of daemons and aeroctl at hand."""
import json
import os
import shutil
import subprocess
import tempfile

from daemon_case import DaemonCase, Primary, Replica, binary, make_certs, wait_for

OK, FAILURE, USAGE, UNREACHABLE, ATTENTION, DAMAGE, DIFFERENT, IN_USE = range(8)


class CtlCase(DaemonCase):
    @classmethod
    def setUpClass(cls):
        cls.certs = make_certs()
        cls.addClassCleanup(shutil.rmtree, os.path.dirname(cls.certs), ignore_errors=True)

    def ctl(self, code, *arguments, **environment):
        done = subprocess.run([binary("aeroctl"), *map(str, arguments)], capture_output=True,
                              text=True, timeout=120, env={**os.environ, **environment})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def pair(self, settings=()):
        primary = self.start(Primary(certs=self.certs, settings=settings))
        return primary, self.start(Replica(primary))

    def fill(self, primary, count, start=0):
        commands = "".join(f"SET key:{i} value:{i}\r\n" for i in range(start, start + count))
        subprocess.run(["redis-cli", "-p", str(primary.port), "--pipe"], input=commands, text=True,
                       check=True, stdout=subprocess.DEVNULL)

    def status(self, server):
        done = subprocess.run([binary("aeroctl"), "status", "--json", "--port", str(server.port)],
                              capture_output=True, text=True, timeout=60)
        return json.loads(done.stdout or "{}")

    def wait_until_equal(self, primary, replica):
        wait_for(lambda: self.status(replica).get("applied_lsn") ==
                 self.status(primary)["durable_lsn"], "the replica to catch up", 60)

    def data(self, server):
        return os.path.join(server.directory, "data")

    def move_data_away(self, server):
        os.rename(self.data(server), tempfile.mkdtemp(dir=server.directory) + "/data")
