# SPDX-License-Identifier: Apache-2.0
"""What deploy/ says, held to what is: units, users, directories, and the container recipe as far as that goes without an
engine that runs it (its steps are checked one by one; that they make an image together is not)."""
import os
import re
import shlex
import stat
import subprocess
import unittest

from daemon_case import ROOT, DaemonCase, binary

UNITS = os.path.join(ROOT, "deploy", "systemd")
RECIPE = os.path.join(ROOT, "deploy", "container", "Containerfile")


def read(path):
    with open(path) as found:
        return found.read()


class Services(DaemonCase):
    def test_units_pass_the_service_managers_own_check(self):
        for role in ("primary", "replica"):
            text = read(os.path.join(UNITS, f"aerodb-{role}.service"))
            self.assertIn(f"/usr/bin/aerodb-{role} ", text)
            path = self.path(f"aerodb-{role}.service")
            with open(path, "w") as out:
                out.write(text.replace(f"/usr/bin/aerodb-{role}", binary(f"aerodb-{role}")))
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", path],
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stderr.strip()), (0, ""))

    @unittest.skipUnless(os.geteuid() == 0, "making users and giving them directories needs root")
    def test_users_and_directories_are_made_as_the_units_want_them(self):
        os.mkdir(self.path("etc"))
        for tool, words in (("sysusers", []), ("tmpfiles", ["--create"])):
            done = subprocess.run(["systemd-" + tool, "--root=" + self.directory, *words,
                                   os.path.join(UNITS, f"aerodb.{tool}.conf")],
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
        uid = int(re.search(r"^aerodb:[^:]*:(\d+):", read(self.path("etc/passwd")), re.M).group(1))
        for role in ("primary", "replica"):
            unit = read(os.path.join(UNITS, f"aerodb-{role}.service"))
            data = re.search(r"--data (\S+)", unit).group(1)
            made = os.stat(self.path(data.lstrip("/")))
            self.assertEqual((made.st_uid, stat.S_IMODE(made.st_mode)), (uid, 0o700))
            self.assertIn("StateDirectory=" + os.path.relpath(data, "/var/lib"), unit)
            config = re.search(r"--config (\S+)", unit).group(1)
            self.assertTrue(os.path.isdir(self.path(os.path.dirname(config).lstrip("/"))))
            self.assertEqual(os.path.basename(config), f"aerodb-{role}.conf")


class Container(DaemonCase):
    def run_lines(self):
        """The recipe's lines, with those that end in a backslash joined."""
        return re.sub(r"\\\n\s*", " ", read(RECIPE)).split("\n")

    def runtime_packages(self):
        line = [line for line in self.run_lines() if "apt-get install --yes" in line][0]
        return set(re.search(r"--no-install-recommends\s+(.*?)\s*&&", line).group(1).split())

    def test_the_image_has_the_libraries_that_the_binaries_name(self):
        needed = set()
        for name in ("aerodb-primary", "aerodb-replica", "aeroctl"):
            dynamic = subprocess.run(["readelf", "-d", binary(name)], capture_output=True, text=True,
                                     check=True).stdout
            linked = subprocess.run(["ldd", binary(name)], capture_output=True, text=True,
                                    check=True).stdout
            for library in re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic):
                path = re.search(re.escape(library) + r" => (\S+)", linked).group(1)
                # dpkg knows some of them as /lib/..., which is /usr/lib/... by now.
                known = "*/" + "/".join(os.path.realpath(path).rsplit("/", 2)[1:])
                owner = subprocess.run(["dpkg", "-S", known], capture_output=True, text=True,
                                       check=True).stdout
                needed.add(owner.split(":")[0])
        sanitizers = {name for name in needed if re.match(r"lib(a|l|t|ub)san|libgcc", name)}
        self.assertEqual(needed - {"libc6"} - sanitizers, self.runtime_packages())

    def test_every_package_of_the_recipe_is_one_that_exists(self):
        """What builds here was installed by the same names."""
        build = subprocess.run([os.path.join(ROOT, "deploy", "install-dependencies"), "--print"],
                               capture_output=True, text=True, check=True).stdout.split()
        found = subprocess.run(["dpkg-query", "-W", "-f=${Package}\n", *build,
                                *self.runtime_packages()], capture_output=True, text=True)
        self.assertEqual((found.returncode, found.stderr), (0, ""))

    def test_what_is_copied_and_built_is_there(self):
        presets = read(os.path.join(ROOT, "CMakePresets.json"))
        for line in self.run_lines():
            for path in re.findall(r"^COPY (\S+) \S+/$", line):
                self.assertTrue(os.path.exists(os.path.join(ROOT, path)), path)
            for preset in re.findall(r"--preset (\S+)", line):
                self.assertIn(f'"name": "{preset}"', presets)
        built = re.search(r"--target (.*)", read(RECIPE)).group(1).split()
        self.assertEqual(sorted(built), sorted(name for name in os.listdir(
            os.path.dirname(binary("aeroctl"))) if name.startswith("aero")))
        for role in ("primary", "replica"):
            self.assertTrue(os.path.isfile(os.path.join(ROOT, f"deploy/aerodb-{role}.conf")))

    def test_the_commands_it_tells_are_taken_by_the_daemon(self):
        told = re.search(r"aerodb (aerodb-primary --init .*?)\n#\n", read(RECIPE).replace(
            "\\\n#", " "), re.S).group(1)
        started = [line for line in self.run_lines() if line.startswith("CMD [")][0]
        for words in (shlex.split(told), re.findall(r'"(.*?)"', started)):
            words = [word for word in words if word not in ("--certs", "/etc/aerodb/certs")]
            if "--replication-port" in words:  # certificates of its own are asked for there
                at = words.index("--replication-port")
                del words[at:at + 2]
            done = subprocess.run([binary(words[0]), *words[1:], "--check-config"],
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
