# SPDX-License-Identifier: Apache-2.0
"""The primary as its users meet it: durable SET and GET over redis-cli, kills, signals, exit codes, configuration."""
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import unittest

from daemon_case import (EXIT_DATA, EXIT_FAILURE, EXIT_LOCKED, EXIT_OK, EXIT_USAGE, ROOT,
                         DaemonCase, Primary, binary, make_certs, wait_for)


class Durability(DaemonCase):
    def test_acknowledged_writes_survive_sigkill(self):
        primary = self.primary()
        for life in range(4):
            self.assertEqual(self.cli(primary, "SET", f"key:{life}", f"value {life}"), "OK")
            primary.stop(signal.SIGKILL)
            primary.start()
            for earlier in range(life + 1):
                self.assertEqual(self.cli(primary, "GET", f"key:{earlier}"), f"value {earlier}")

    def test_pipelined_writes_survive_sigkill(self):
        primary = self.primary()
        request = b"".join(b"*3\r\n$3\r\nSET\r\n$6\r\nk%05d\r\n$6\r\nv%05d\r\n" % (i, i)
                           for i in range(5000))
        with socket.create_connection(("127.0.0.1", primary.port), timeout=60) as link:
            link.sendall(request)
            replies = b""
            while len(replies) < 5 * 5000:
                replies += link.recv(65536)
        self.assertEqual(replies, b"+OK\r\n" * 5000)
        primary.stop(signal.SIGKILL)
        primary.start()
        self.assertEqual(self.cli(primary, "DBSIZE"), "5000")
        self.assertEqual(self.cli(primary, "GET", "k04999"), "v04999")

    def test_clean_stop_and_start_keep_the_digest(self):
        primary = self.primary()
        for i in range(50):
            self.cli(primary, "SET", f"key:{i}", "x" * i)
        before = self.cli(primary, "AERO.DIGEST")
        primary.stop()
        self.assertEqual(primary.process.returncode, EXIT_OK)
        primary.start()
        self.assertEqual(self.cli(primary, "AERO.DIGEST").split("\n")[0], before.split("\n")[0])


class Clients(DaemonCase):
    def test_unix_socket_serves_too(self):
        path = self.path("socket")
        primary = self.primary(settings=[f"unixsocket={path}"])
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        done = subprocess.run(["redis-cli", "-s", path, "SET", "a", "1"], capture_output=True,
                              text=True, timeout=60)
        self.assertEqual(done.stdout, "OK\n")
        primary.stop(signal.SIGKILL)
        primary.start()
        self.assertEqual(self.cli(primary, "GET", "a"), "1")

    def test_a_client_above_maxclients_is_told_so(self):
        primary = self.primary(settings=["maxclients=3"])
        served = []
        # One of the three may still be the probe that found the primary ready.
        for _ in range(4):
            link = socket.create_connection(("127.0.0.1", primary.port), timeout=10)
            self.addCleanup(link.close)
            link.sendall(b"PING\r\n")
            reply = link.recv(256)
            if reply != b"+PONG\r\n":
                break
            served.append(link)
        self.assertTrue(reply.startswith(b"-ERR max number of clients"), reply)
        self.assertGreaterEqual(len(served), 2)
        served.pop().close()
        wait_for(lambda: b"PONG" in primary.ask("PING"), "a place to become free", 10)

    def test_a_client_that_sends_no_more_still_gets_its_replies(self):
        primary = self.primary()
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", primary.port), timeout=30) as link:
                link.sendall(b"SET a 1\r\nGET a\r\n")
                link.shutdown(socket.SHUT_WR)
                replies = b""
                while True:
                    more = link.recv(256)
                    if not more:
                        break
                    replies += more
            self.assertEqual(replies, b"+OK\r\n$1\r\n1\r\n")

    def test_a_pipeline_that_ends_before_it_is_read_is_answered_whole(self):
        primary = self.primary()
        self.cli(primary, "SET", "big", "x" * 100000)
        with socket.create_connection(("127.0.0.1", primary.port), timeout=60) as link:
            link.sendall(b"GET big\r\n" * 100 + b"SET last 1\r\n")
            link.shutdown(socket.SHUT_WR)
            length = 0
            tail = b""
            while True:
                more = link.recv(1 << 20)
                if not more:
                    break
                length += len(more)
                tail = (tail + more)[-5:]
        self.assertEqual(length, 100 * (len(b"$100000\r\n") + 100002) + 5)
        self.assertEqual(tail, b"+OK\r\n")
        self.assertEqual(self.cli(primary, "GET", "last"), "1")

    def test_a_client_that_blocks_does_not_outlive_its_peer(self):
        primary = self.primary()
        for behind, reset in ((b"", False), (b"PING\r\n", False), (b"PING\r\n", True)):
            with socket.create_connection(("127.0.0.1", primary.port), timeout=60) as link:
                link.sendall(b"SET a 1\r\nWAIT 9 0\r\n")
                self.assertEqual(link.recv(64), b"+OK\r\n")
                wait_for(lambda: "blocked_clients:1" in self.cli(primary, "INFO", "clients"),
                         "the client to block", 30)
                link.sendall(behind)
                if reset:
                    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            wait_for(lambda: "blocked_clients:0" in self.cli(primary, "INFO", "clients"),
                     "the blocked client to go", 30)

    def test_config_set_refuses_a_zero_byte(self):
        primary = self.primary()
        with socket.create_connection(("127.0.0.1", primary.port), timeout=60) as link:
            link.sendall(b"*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$11\r\nrequirepass\r\n$6\r\na\0long\r\n")
            self.assertIn(b"holds a zero byte", link.recv(256))
        self.assertEqual(self.cli(primary, "PING"), "PONG")

    def test_large_values_pass_both_ways(self):
        primary = self.primary()
        value = os.urandom(5 << 20)
        request = b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$%d\r\n%s\r\n" % (len(value), value)
        with socket.create_connection(("127.0.0.1", primary.port), timeout=60) as link:
            link.sendall(request)
            self.assertEqual(link.recv(64), b"+OK\r\n")
            link.sendall(b"*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n")
            expected = b"$%d\r\n%s\r\n" % (len(value), value)
            reply = b""
            while len(reply) < len(expected):
                reply += link.recv(1 << 20)
        self.assertEqual(reply, expected)

    def test_a_value_above_the_limit_is_refused_with_the_reason(self):
        """The client sends all of it before it reads: it has to be there to read the answer, and to go on."""
        primary = self.primary(settings=["proto_max_bulk_len=1mb"])
        done = subprocess.run(["redis-cli", "-p", str(primary.port), "-x", "SET", "big"],
                              input=bytes(8 << 20), capture_output=True, timeout=60)
        self.assertIn(b"exceeds proto_max_bulk_len (1048576 bytes)", done.stdout)
        value = bytes(8 << 20)
        request = b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$%d\r\n%s\r\nGET big\r\nQUIT\r\n" % (
            len(value), value)
        with socket.create_connection(("127.0.0.1", primary.port), timeout=60) as link:
            link.sendall(request)
            reply = b""
            while more := link.recv(4096):
                reply += more
        self.assertRegex(reply, rb"^-ERR an argument of 8388608 bytes [^\n]*\r\n\$-1\r\n\+OK\r\n$")

    def test_a_client_that_does_not_read_is_closed_and_harms_nobody(self):
        primary = self.primary(settings=["client_output_buffer_limit=1mb"])
        self.cli(primary, "SET", "big", "x" * 100000)
        with socket.create_connection(("127.0.0.1", primary.port), timeout=60) as link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            link.setblocking(False)
            sent = 0
            for _ in range(2000):
                try:
                    sent += link.send(b"GET big\r\n" * 100)
                except (BlockingIOError, ConnectionError):
                    break
            self.assertEqual(self.cli(primary, "PING"), "PONG")
        self.assertEqual(self.cli(primary, "PING"), "PONG")


class Signals(DaemonCase):
    def test_sighup_takes_good_values_and_keeps_old_ones_for_bad(self):
        config = self.path("primary.conf")
        with open(config, "w") as out:
            out.write("timeout = 100s\n")
        primary = Primary()
        command = primary.command()
        primary.command = lambda: command + ["--config", config]
        self.start(primary)
        self.assertEqual(self.cli(primary, "CONFIG", "GET", "timeout"), "timeout\n100")
        with open(config, "w") as out:
            out.write("timeout = 200s\nmaxclients = 77\n")
        primary.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "config_reloaded" in self.log_of(primary), "the reload", 20)
        self.assertEqual(self.cli(primary, "CONFIG", "GET", "timeout"), "timeout\n200")
        self.assertIn("config_change_needs_restart key=maxclients", self.log_of(primary))
        with open(config, "w") as out:
            out.write("timeout = often\n")
        primary.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "config_reload_failed" in self.log_of(primary), "the refusal", 20)
        self.assertEqual(self.cli(primary, "CONFIG", "GET", "timeout"), "timeout\n200")

    def test_sigterm_lets_writes_in_flight_finish(self):
        primary = self.primary()
        with socket.create_connection(("127.0.0.1", primary.port), timeout=60) as link:
            link.sendall(b"SET a 1\r\n" * 200)
            self.assertTrue(link.recv(16).startswith(b"+OK"))
            primary.stop()
        self.assertEqual(primary.process.returncode, EXIT_OK)
        primary.start()
        self.assertEqual(self.cli(primary, "GET", "a"), "1")

    def test_service_manager_is_told(self):
        path = self.path("notify")
        heard = []
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            # All the while: a manager that does not listen stops whoever tells it something.
            listener = threading.Thread(target=self.listen, args=(manager, heard))
            listener.start()
            os.environ["NOTIFY_SOCKET"] = path
            os.environ["WATCHDOG_USEC"] = "200000"
            self.addCleanup(os.environ.pop, "NOTIFY_SOCKET", None)
            self.addCleanup(os.environ.pop, "WATCHDOG_USEC", None)
            try:
                primary = self.primary()
                self.wait_heard(heard, b"READY=1")
                self.wait_heard(heard, b"WATCHDOG=1")
                primary.process.send_signal(signal.SIGHUP)
                self.wait_heard(heard, b"RELOADING=1")
                primary.stop()
                self.wait_heard(heard, b"STOPPING=1")
            finally:
                manager.shutdown(socket.SHUT_RD)
                listener.join()

    @staticmethod
    def listen(manager, heard):
        while message := manager.recv(4096):
            heard.append(message)

    @staticmethod
    def wait_heard(heard, text):
        wait_for(lambda: any(text in message for message in list(heard)), f"{text!r} to be told", 60)


class Refusals(DaemonCase):
    def test_exit_codes_say_what_is_wrong(self):
        empty = self.path("empty")
        os.mkdir(empty)
        self.expect_exit(EXIT_DATA, "--init", "primary", "--data", empty, "--port", "0")
        self.assertEqual(os.listdir(empty), ["lock"])
        self.expect_exit(EXIT_DATA, "no such directory", "primary", "--data", self.path("none"),
                         "--port", "0")
        self.assertFalse(os.path.exists(self.path("none")))
        self.expect_exit(EXIT_USAGE, "no data directory", "primary", "--port", "0")
        self.expect_exit(EXIT_USAGE, "segment_bytes", "primary", "--data", empty, "--set",
                         "segment_bytes=1")
        self.expect_exit(EXIT_USAGE, "frobnicate", "primary", "--frobnicate")
        check = ["primary", "--check-config", "--data", empty]
        self.expect_exit(EXIT_OK, "configuration is valid", *check)
        self.expect_exit(EXIT_USAGE, "data_dir", "primary", "--check-config")
        self.expect_exit(EXIT_USAGE, "bind", *check, "--set", "bind=localhost")

    def test_a_path_that_can_be_no_data_directory_is_said_to_be_one(self):
        file = self.path("file")
        with open(file, "w"):
            pass
        for path in (file, os.path.join(file, "below")):
            self.expect_exit(EXIT_DATA, "Not a directory", "primary", "--init", "--data", path,
                             "--port", "0")
        self.expect_exit(EXIT_DATA, "the directory above it", "primary", "--init", "--data",
                         self.path("missing", "data"), "--port", "0")

    def test_a_running_directory_is_locked(self):
        primary = self.primary()
        data = os.path.join(primary.directory, "data")
        self.expect_exit(EXIT_LOCKED, "another process", "primary", "--data", data, "--port", "0")

    def test_nothing_is_created_where_it_could_not_be_served(self):
        """History: --init found its port taken when the history was there already; corrected, it was refused for ever."""
        certs = make_certs()
        self.addCleanup(shutil.rmtree, os.path.dirname(certs), ignore_errors=True)
        holder = self.start(Primary(certs=certs))
        other = Primary(certs=certs)
        self.addCleanup(other.remove)
        other.init = True
        data = os.path.join(other.directory, "data")
        replica = ["--primary", "127.0.0.1:1", "--certs", os.path.join(certs, "replica1")]
        primary = ["--init", "--certs", os.path.join(certs, "primary")]
        taken = ["--port", str(holder.port), "--replication-port", "0"]
        self.expect_exit(EXIT_FAILURE, "listen_failed", "primary", "--data", data, *primary, *taken)
        self.expect_exit(EXIT_FAILURE, "listen_failed", "replica", "--data", data, *replica,
                         *taken[:2])
        taken = ["--port", "0", "--replication-port", str(holder.replication_port)]
        self.expect_exit(EXIT_FAILURE, "replication_listen_failed", "primary", "--data", data,
                         *primary, *taken)
        self.assertNotIn("manifest", os.listdir(data))
        self.start(other)
        self.assertEqual(self.cli(other, "SET", "a", "1"), "OK")

    def test_init_refuses_where_data_exists_and_a_replica_refuses_a_primarys_data(self):
        primary = self.primary()
        self.cli(primary, "SET", "a", "1")
        primary.stop()
        data = os.path.join(primary.directory, "data")
        self.expect_exit(EXIT_DATA, "there is data already", "primary", "--init", "--data", data,
                         "--port", "0")
        self.expect_exit(EXIT_DATA, "belongs to a primary", "replica", "--data", data, "--port",
                         "0", "--primary", "127.0.0.1:1", "--certs", self.path("certs"))
        primary.start()
        self.assertEqual(self.cli(primary, "GET", "a"), "1")

    def test_replication_without_certificates_says_how_to_make_them(self):
        data = self.path("data")
        for role, arguments in (("primary", ["--init", "--replication-port", "1"]),
                                ("replica", ["--primary", "127.0.0.1:1"])):
            self.expect_exit(EXIT_USAGE, "aeroctl certs init", role, "--data", data, *arguments)
            self.expect_exit(EXIT_USAGE, "--certs", role, "--check-config", *arguments[-2:])
        self.assertFalse(os.path.exists(data))

    def test_init_leaves_a_directory_with_other_files_alone(self):
        letter = self.path("letter.tmp")
        with open(letter, "w") as out:
            out.write("not to be removed")
        for role, arguments in (("primary", ["--init"]),
                                ("replica", ["--primary", "127.0.0.1:1", "--certs", "."])):
            self.expect_exit(EXIT_DATA, "empty directory", role, "--data", self.directory,
                             "--set", "node_name=a", "--port", "0", "--set",
                             f"unixsocket={self.path('s')}", *arguments)
        self.assertIn("letter.tmp", os.listdir(self.directory))
        self.assertNotIn("manifest", os.listdir(self.directory))

    def test_a_directory_of_directories_is_not_an_empty_one(self):
        """History: it became a data directory, and what was in it was AeroDB's to remove."""
        home = self.path("data")
        os.makedirs(os.path.join(home, "Documents"))
        for role, arguments in (("primary", ["--init"]),
                                ("replica", ["--primary", "127.0.0.1:1", "--certs", "."])):
            self.expect_exit(EXIT_DATA, "empty directory", role, "--data", home, "--port", "0",
                             "--set", "node_name=a", "--set", f"unixsocket={home}/socket",
                             *arguments)
        self.assertNotIn("manifest", os.listdir(home))
        os.rmdir(os.path.join(home, "Documents"))
        os.mkdir(os.path.join(home, "lost+found"))
        primary = Primary(directory=self.directory, settings=[f"unixsocket={home}/socket"])
        primary.init = True
        self.start(primary)
        self.assertEqual(self.cli(primary, "SET", "a", "1"), "OK")


class Configuration(DaemonCase):
    def test_files_in_deploy_are_what_the_daemons_print(self):
        for role in ("primary", "replica"):
            done = self.run_daemon(role, "--print-config")
            with open(os.path.join(ROOT, "deploy", f"aerodb-{role}.conf")) as found:
                self.assertEqual(found.read(), done.stdout)

    def test_every_default_is_accepted_when_uncommented(self):
        done = self.run_daemon("primary", "--print-config")
        path = self.path("all.conf")
        with open(path, "w") as out:
            for line in done.stdout.split("\n"):
                is_key = line.startswith("#") and not line.startswith("# ") and "=" in line
                out.write((line[1:] if is_key else line) + "\n")
        self.expect_exit(EXIT_OK, "valid", "primary", "--config", path, "--data", self.directory,
                         "--check-config")

    def test_what_the_process_uses_is_told(self):
        primary = self.primary()
        said = dict(line.strip().split(":", 1) for section in ("memory", "cpu") for line in
                    self.cli(primary, "INFO", section).split("\n") if ":" in line)
        self.assertGreater(int(said["used_memory_rss"]), 1 << 20)
        self.assertGreater(float(said["used_cpu_sys"]) + float(said["used_cpu_user"]), 0)

    def test_every_setting_is_told_once(self):
        primary = self.primary()
        told = self.cli(primary, "CONFIG", "GET", "*").split("\n")[::2]
        self.assertEqual(sorted(told), sorted(set(told)))
        self.assertIn("maxmemory-policy", told)


if __name__ == "__main__":
    unittest.main(verbosity=2)
