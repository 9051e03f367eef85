# SPDX-License-Identifier: Apache-2.0
"""Certificates that must not open a link, or not any longer."""
import os
import re
import shutil
import signal
import subprocess
import time

from fault_case import PairCase, Primary, Replica, binary, main, run_command, wait_for

LIFE_SECONDS = 86400


class Configured:
    """A daemon with a configuration file, which it reads again at SIGHUP."""

    def configure(self, **keys):
        with open(self.file(), "w") as out:
            out.writelines(f"{key} = {value}\n" for key, value in keys.items())

    def file(self):
        return os.path.join(self.directory, "conf")

    def command(self):
        return super().command() + ["--config", self.file()]


class ConfiguredPrimary(Configured, Primary):
    pass


class ConfiguredReplica(Configured, Replica):
    pass


class Certificates(PairCase):
    def pair(self, allowed_on_primary="*", allowed_on_replica="*"):
        self.primary = ConfiguredPrimary(self.certs)
        self.primary.configure(allowed_nodes=allowed_on_primary)
        self.start(self.primary)
        self.replica = ConfiguredReplica(self.primary)
        self.replica.configure(allowed_nodes=allowed_on_replica)
        self.start(self.replica)

    def reload(self, server):
        server.process.send_signal(signal.SIGHUP)

    def expect_refused(self, text):
        """The replica says why, stays up, does not halt, and the primary takes writes."""
        def is_refused():
            status = self.status(self.replica)  # a moment of an attempt's TLS looks like a link
            return text in status["link_reason"] and status["link"] == "down"
        wait_for(is_refused, f"{text!r} in link_reason", 30)
        self.assertNotEqual(self.status(self.replica)["state"], "HALTED")
        self.workload.write(self.primary.port, 12)

    def longest_retry_ms(self):
        return max(map(int, re.findall(r"retry_ms=(\d+)", self.log_of(self.replica))))

    def authority(self, directory):
        """Another one, for nodes of the same names."""
        target = self.path(directory)
        run_command(binary("aeroctl"), "certs", "init", target, "--node", "primary", "--node",
                    "replica1")
        return target

    def node(self, name, file):
        return os.path.join(self.certs, name, file)

    def sign(self, name, common_name, days):
        """node.crt anew, by our own authority."""
        request = self.path("request")
        run_command("openssl", "req", "-new", "-key", self.node(name, "node.key"), "-subj",
                    f"/CN={common_name}", "-addext", f"subjectAltName=DNS:{common_name}", "-out",
                    request)
        run_command("openssl", "x509", "-req", "-in", request, "-CA",
                    os.path.join(self.certs, "ca.crt"), "-CAkey",
                    os.path.join(self.certs, "ca.key"), "-CAcreateserial", "-days", str(days),
                    "-copy_extensions", "copy", "-out", self.node(name, "node.crt"))

    def revoke(self, name):
        run_command(binary("aeroctl"), "certs", "revoke", self.certs, "--node", name)

    def renew(self, name):
        """A new certificate for a node, which keeps its name."""
        kept = os.path.join(self.certs, name)
        os.rename(kept, kept + ".old")
        run_command(binary("aeroctl"), "certs", "init", self.certs, "--node", name)

    def make_list(self, name, end):
        """A list of our own authority for one node: empty, and with an end that aeroctl would not give it."""
        conf, index, number = (self.path(file) for file in ("ca.conf", "index", "number"))
        with open(conf, "w") as out:
            out.write(f"[ca]\ndefault_ca = ours\n[ours]\ndatabase = {index}\ncrlnumber = {number}\n"
                      "default_md = sha256\ncrl_extensions = list\n"
                      "[list]\nauthorityKeyIdentifier = keyid\n")
        with open(index, "w"):
            pass
        with open(number, "w") as out:
            out.write("01\n")
        dates = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(when)) for when in (end - LIFE_SECONDS, end)]
        made = self.path("made.pem")
        run_command("openssl", "ca", "-config", conf, "-gencrl", "-keyfile",
                    os.path.join(self.certs, "ca.key"), "-cert",
                    os.path.join(self.certs, "ca.crt"), "-crl_lastupdate", dates[0],
                    "-crl_nextupdate", dates[1], "-out", made)
        os.replace(made, self.node(name, "crl.pem"))

    def bytes_of(self, *parts):
        with open(os.path.join(*parts), "rb") as found:
            return found.read()

    def keep(self, name):
        """Gives a function that puts the files of a node back."""
        kept = self.path("kept-" + name)
        shutil.copytree(os.path.join(self.certs, name), kept)
        return lambda: shutil.copytree(kept, os.path.join(self.certs, name), dirs_exist_ok=True)

    def test_a_replica_of_another_authority_is_refused_until_it_has_the_right_files(self):
        other = self.authority("other")
        put_back = self.keep("replica1")
        shutil.copytree(os.path.join(other, "replica1"), os.path.join(self.certs, "replica1"),
                        dirs_exist_ok=True)
        self.pair()
        self.expect_refused("certificate")
        put_back()
        self.reload(self.replica)
        self.judge(self.primary, self.replica)

    def test_a_primary_of_another_authority_is_refused(self):
        other = self.authority("other")
        put_back = self.keep("primary")
        for file in ("ca.crt", "node.crt", "node.key"):
            shutil.copy(os.path.join(other, "primary", file), self.node("primary", file))
        self.pair()
        self.expect_refused("certificate")
        put_back()
        self.reload(self.primary)
        self.judge(self.primary, self.replica)

    def test_an_expired_certificate_is_refused_and_named_and_a_renewed_one_is_taken(self):
        put_back = self.keep("replica1")
        self.pair()
        self.workload.write(self.primary.port, 12)
        self.wait_equal(self.primary, self.replica)
        # One that ends at once: the daemon may load it, its peer may not accept it any more.
        self.sign("replica1", "replica1", 0)
        time.sleep(2)
        self.replica.stop(signal.SIGKILL)
        self.replica.launch()
        wait_for(lambda: "expired" in self.log_of(self.replica), "the word expired in the log", 30)
        self.workload.write(self.primary.port, 12)
        put_back()
        if self.replica.process.poll() is not None:
            self.replica.launch()
        else:
            self.reload(self.replica)
        self.replica.wait_ready()
        self.judge(self.primary, self.replica)

    def test_a_name_that_is_not_allowed_is_told_so(self):
        self.pair(allowed_on_primary="replica2 replica3")
        self.expect_refused("allow list")
        # It asks less and less often: a list that an operator has to change must not be dialled at a loop's speed.
        wait_for(lambda: self.longest_retry_ms() > 400, "longer pauses between its attempts", 60)
        self.primary.configure(allowed_nodes="replica1")
        self.reload(self.primary)
        self.judge(self.primary, self.replica)

    def test_a_certificate_with_another_name_does_not_pass_as_the_node(self):
        self.pair(allowed_on_primary="replica1")
        self.workload.write(self.primary.port, 12)
        self.wait_equal(self.primary, self.replica)
        self.sign("replica1", "impostor", 30)
        self.replica.stop()
        self.start(self.replica)
        wait_for(lambda: self.status(self.replica)["link_reason"], "a reason", 30)
        self.expect_refused(self.status(self.replica)["link_reason"])

    def test_a_name_taken_off_the_list_ends_its_link_at_the_reload(self):
        self.pair(allowed_on_primary="replica1")
        self.workload.write(self.primary.port, 12)
        self.wait_equal(self.primary, self.replica)
        self.primary.configure(allowed_nodes="somebody")
        self.reload(self.primary)
        self.expect_refused("allow list")
        lsn = self.status(self.replica)["durable_lsn"]
        self.workload.write(self.primary.port, 30)
        self.assertEqual(self.status(self.replica)["durable_lsn"], lsn)
        self.primary.configure(allowed_nodes="somebody replica1")
        self.reload(self.primary)
        self.judge(self.primary, self.replica)
        self.expect_no_snapshot(self.replica)

    def test_a_primary_taken_off_the_replicas_list_loses_the_link_at_the_reload(self):
        self.pair(allowed_on_replica="primary")
        self.workload.write(self.primary.port, 12)
        self.wait_equal(self.primary, self.replica)
        self.replica.configure(allowed_nodes="somebody")
        self.reload(self.replica)
        self.expect_refused("allow list")
        lsn = self.status(self.replica)["durable_lsn"]
        self.workload.write(self.primary.port, 30)
        self.assertEqual(self.status(self.replica)["durable_lsn"], lsn)
        self.replica.configure(allowed_nodes="primary")
        self.reload(self.replica)
        self.judge(self.primary, self.replica)

    def test_a_revoked_replica_loses_its_link_until_it_has_a_new_certificate(self):
        self.pair()
        self.workload.write(self.primary.port, 12)
        self.wait_equal(self.primary, self.replica)
        self.revoke("replica1")  # the primary finds the list by itself
        self.expect_refused("certificate is revoked")
        self.assertIn("peer's certificate is revoked", self.log_of(self.primary))
        lsn = self.status(self.replica)["durable_lsn"]
        self.workload.write(self.primary.port, 30)
        self.assertEqual(self.status(self.replica)["durable_lsn"], lsn)
        self.replica.stop(signal.SIGKILL)
        self.replica.launch()
        self.replica.wait_ready()
        self.expect_refused("certificate is revoked")
        self.renew("replica1")
        self.reload(self.replica)
        self.judge(self.primary, self.replica)
        self.expect_no_snapshot(self.replica)

    def test_a_revoked_primary_loses_its_link_until_it_has_a_new_certificate(self):
        self.pair()
        self.workload.write(self.primary.port, 12)
        self.wait_equal(self.primary, self.replica)
        self.revoke("primary")
        self.reload(self.replica)
        self.expect_refused("certificate is revoked")
        self.renew("primary")
        self.reload(self.primary)
        self.judge(self.primary, self.replica)
        self.expect_no_snapshot(self.replica)

    def test_an_expired_list_lets_nobody_in_and_never_replaces_a_good_one(self):
        now = int(time.time())
        self.make_list("primary", now + LIFE_SECONDS)
        self.pair()
        self.workload.write(self.primary.port, 12)
        self.wait_equal(self.primary, self.replica)
        self.make_list("primary", now - LIFE_SECONDS)
        self.reload(self.primary)
        self.wait_logged(self.primary, "CRL has expired")
        self.assertIn('in_use="the old ones"', self.log_of(self.primary))
        self.workload.write(self.primary.port, 12)
        self.wait_equal(self.primary, self.replica)
        self.primary.stop()
        self.start(self.primary)  # there is nothing better now: its clients are served
        self.assertIn("event=certificates_not_valid", self.log_of(self.primary))
        self.expect_refused("expired")
        self.make_list("primary", now + LIFE_SECONDS)
        self.reload(self.primary)
        self.judge(self.primary, self.replica)
        self.expect_no_snapshot(self.replica)

    def test_bad_files_at_a_reload_are_reported_and_the_old_ones_stay_in_use(self):
        self.pair()
        other = self.authority("other")
        for server, name in ((self.primary, "primary"), (self.replica, "replica1")):
            put_back = self.keep(name)
            for round, (file, bad) in enumerate((
                    ("node.key", b"no key\n"), ("node.crt", b""), ("ca.crt", b"-----BEGIN"),
                    ("node.key", self.bytes_of(other, name, "node.key")))):
                with open(self.node(name, file), "wb") as out:
                    out.write(bad)
                self.reload(server)
                wait_for(lambda: self.log_of(server).count("event=certificates_refused") > round,
                         "the refusal", 30)
                self.assertIn('in_use="the old ones"', self.log_of(server))
                # A link that begins now begins with the old files.
                subprocess.run([binary("aeroctl"), "reconnect", "--port", str(self.replica.port)],
                               check=True, stdout=subprocess.DEVNULL)
                self.workload.write(self.primary.port, 12)
                self.wait_equal(self.primary, self.replica)
                put_back()
            shutil.rmtree(self.path("kept-" + name))
        self.judge(self.primary, self.replica)
        self.expect_no_snapshot(self.replica)


if __name__ == "__main__":
    main()
