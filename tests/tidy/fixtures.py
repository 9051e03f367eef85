# SPDX-License-Identifier: Apache-2.0
"""The self-test of tidy.py: what each rule must catch, and what it must leave alone.

A fixture is (rule, path, text, expected): `expected` is a part of the one problem that the rule
must report, or None if it must report nothing. Words that the rules forbid in this very file are
written in two halves.
"""
import subprocess
import tempfile
from pathlib import Path

import failure_model

HEAD = "/* SPDX-License-Identifier: Apache-2.0 */\n"
LATER = "TO" "DO"
HOME = "/wo" "rk/x"

FILES = [
    ("rule_layers", "engine/a.c", '#include "proto/frame.h"\n', "engine may not include proto"),
    ("rule_layers", "base/a.h", '#include "engine/tree.h"\n', "base may not include engine"),
    ("rule_layers", "primary/a.c", '#include "replica/replica.h"\n', "primary may not include"),
    ("rule_layers", "shipping/a.c", '  # include "server/node.h"\n', "shipping may not include"),
    ("rule_layers", "engine/a.c", '#include "tree.h"\n', 'is not of the form "folder/file.h"'),
    ("rule_layers", "server/a.c", '#include "tests/simulation/disk.h"\n', "is not of the form"),
    ("rule_layers", "server/a.c", '#include "../engine/tree.h"\n', "is not of the form"),
    ("rule_layers", "server/a.c", '#include "base/config_priv.h"\n', "is private to base"),
    ("rule_layers", "base/a.c", '#include "base/config_priv.h"\n', None),
    ("rule_layers", "ctl/main.c", '#include "server/node.h"\n#include <engine.h>\n', None),
    ("rule_layers", "tests/unit/base/a.c", '#include "replica/replica.h"\n', None),
    ("rule_headers", "server/session.c", "#include <openssl/ssl.h>\n", "<openssl/ssl.h> belongs"),
    ("rule_headers", "ctl/status.c", "#include <openssl/x509.h>\n", "belongs in shipping/tls*"),
    ("rule_headers", "shipping/tls_filter.c", "#include <openssl/ssl.h>\n", None),
    ("rule_headers", "shipping/sender.c", "#include <event2/event.h>\n", "<event2/event.h> belongs"),
    ("rule_headers", "host/loop.c", "#include <event2/event.h>\n", None),
    ("rule_headers", "shipping/sender.c", '#include "replication.pb-c.h"\n', "belongs in proto/m"),
    ("rule_headers", "proto/message.c", '#include "proto/replication.pb-c.h"\n', None),
    ("rule_headers", "proto/message.h", "#include <protobuf-c/protobuf-c.h>\n", "belongs in proto"),
    ("rule_headers", "engine/digest.c", "#include <xxhash.h>\n", "belongs in base/checksum.c"),
    ("rule_headers", "base/config.c", "#include <ini.h>\n", "belongs in base/config_file.c"),
    ("rule_headers", "server/http.c", "#include <json-c/json.h>\n", "belongs in ctl"),
    ("rule_headers", "primary/primary.c", "#include <systemd/sd-daemon.h>\n", "belongs in"),
    ("rule_headers", "host/loop.c", "#include <systemd/sd-daemon.h>\n", "belongs in"),
    ("rule_headers", "primary/main.c", "#include <event2/event.h>\n", "belongs in"),
    ("rule_headers", "engine/wal_writer.c", "#include <unistd.h>\n", "<unistd.h> belongs in"),
    ("rule_headers", "shipping/sender.c", "#include <sys/socket.h>\n", "<sys/socket.h> belongs"),
    ("rule_headers", "engine/disk_posix.c", "#include <unistd.h>\n", None),
    ("rule_headers", "replica/replica.c", "#include <pthread.h>\n", "<pthread.h> belongs in"),
    ("rule_headers", "tests/unit/x/a.c", "#include <openssl/ssl.h>\n", None),
    ("rule_timeless", "engine/wal_log.c", "void f(aero_mono_ns now);\n", "must not depend on time"),
    ("rule_timeless", "primary/shipment.h", "uint64_t gather_ns;\n", "gather_ns: what is decided"),
    ("rule_timeless", "shipping/handshake.c", "x = link->silence_ns;\n", "must not depend on time"),
    ("rule_timeless", "engine/wal_log.c", "aero_wall_ms expiry_clock; /* no aero_mono_ns */\n", None),
    ("rule_timeless", "primary/primary.c", "aero_mono_ns now;\n", None),
    ("rule_calls", "server/a.c", "void f(void)\n{\n    strcpy(a, b);\n}\n", "strcpy() is banned"),
    ("rule_calls", "tests/unit/x/a.c", "x = sprintf (a, b);\n", "sprintf() is banned"),
    ("rule_calls", "tests/unit/x/a.c", "x = rand();\n", "rand() is banned"),
    ("rule_calls", "server/a.c", "n = atoi(text);\n", "atoi() is banned"),
    ("rule_calls", "server/a.c", "p = malloc(3);\n", "malloc() is banned"),
    ("rule_calls", "base/slice.c", "p = malloc(3);\n", None),
    ("rule_calls", "tests/unit/x/a.c", "p = strdup(t);\n", None),
    ("rule_calls", "server/a.c", "p = strdup(t);\n", "strdup() is banned"),
    ("rule_calls", "engine/a.c", "now = time(NULL);\n", "time() is banned"),
    ("rule_calls", "engine/disk_posix.c", "clock_gettime(c, &t);\n", "clock_gettime() is banned"),
    ("rule_calls", "base/ports_posix.c", "clock_gettime(c, &t);\n", None),
    ("rule_calls", "server/host.c", "usleep(1);\n", "usleep() is banned"),
    ("rule_calls", "tests/crash/a.c", "usleep(1);\n", None),
    ("rule_calls", "ctl/a.c", "if (system(line)) {\n", "system() is banned"),
    ("rule_calls", "engine/a.c", "p = alloca(n);\n", "alloca() is banned"),
    ("rule_calls", "server/node.c", "exit(1);\n", "exit() is banned"),
    ("rule_calls", "primary/main.c", "exit(1);\n", None),
    ("rule_calls", "engine/a.c", "assert(x == 1);\n", "assert() is banned"),
    ("rule_calls", "engine/a.c", "static_assert(1, \"\");\nAERO_ASSERT(x);\n", None),
    ("rule_calls", "engine/a.c", "pthread_create(&t, 0, f, 0);\n", "cores have no threads"),
    ("rule_calls", "engine/a.c", 'printf("x");\n', "printf() is banned"),
    ("rule_calls", "engine/a.c", "/* time(NULL), malloc(3) */\n// rand()\nx = \"exit(1)\";\n", None),
    ("rule_calls", "engine/a.c", "clock->time(self);\nclock.time(self);\nlifetime(1);\n", None),
    ("rule_calls", "engine/a.c", "c = '\"'; time(0); d = '\"';\n", "time() is banned"),
    ("rule_licence", "base/a.c", "#include <stdio.h>\n", "the first line must be /* SPDX"),
    ("rule_licence", "base/a.c", HEAD, None),
    ("rule_licence", "tests/x", "#!/bin/bash\nset -e\n", "must be # SPDX"),
    ("rule_licence", "tests/x", "#!/bin/bash\n# SPDX-License-Identifier: Apache-2.0\n", None),
    ("rule_licence", "CMakeLists.txt", "project(x)\n", "must be # SPDX"),
    ("rule_licence", "proto/a.proto", 'syntax = "proto3";\n', "must be // SPDX"),
    ("rule_words", "docs/a.md", f"{LATER}: write\n", f"{LATER}: finish it"),
    ("rule_words", "base/a.c", f"/* {'FIX' 'ME'} */\n", "finish it"),
    ("rule_words", "base/a.c", 'mkstemp("/tmp/a_XXXXXX");\n', None),
    ("rule_words", "docs/a.md", f"see {HOME}\n", "names a path of one machine"),
    ("rule_length", "base/a.c", "x;\n" * 701, "more than 700 lines"),
    ("rule_length", "base/a.c", "x;\n" * 700, None),
    ("rule_length", "base/a.c", "/*" + "x" * 200 + "*/\n", "columns"),
    ("rule_whitespace", "base/a.c", "x; \n", "blanks at the end"),
    ("rule_whitespace", "base/a.c", "x;", "no newline at the end"),
    ("rule_whitespace", "base/a.c", "x;\n", None),
    ("rule_guard", "base/a_b.h", "#ifndef A\n#define A\n#endif\n", "must be AERO_BASE_A_B_H"),
    ("rule_guard", "base/a.h", "int x;\n", "must be AERO_BASE_A_H"),
    ("rule_guard", "base/a.h", HEAD + "#ifndef AERO_BASE_A_H\n#define AERO_BASE_A_H\n\n#endif\n",
     None),
]

# (rule, C source, expected as above)
OBJECTS = [
    ("rule_globals", "int aero_count = 1;", "aero_count is writable global state (.data)"),
    ("rule_globals", "int aero_count;", "aero_count is writable global state (.bss)"),
    ("rule_globals", "static int n; int *aero_f(void) { return &n; }", "n is writable global"),
    ("rule_globals", "int aero_f(void) { static int n; return n++; }", "is writable global state"),
    ("rule_globals", "__thread int aero_n;", "aero_n is writable global state (.tbss)"),
    ("rule_globals", "const char *aero_names[] = {\"a\"};", "aero_names is writable global"),
    ("rule_globals", "const char *const aero_names[] = {\"a\"}; const int aero_n = 1;", None),
    ("rule_prefix", "int helper(void) { return 1; }", "helper is visible to all"),
    ("rule_prefix", "static int help(void) { return 1; } int aero_f(void) { return help(); }", None),
]

RULE = "### D-1: an acknowledged write is durable\n\nIt is.\n\nShown by:\n"
MODEL = RULE + "- `unit.engine.proof`: `test_it_is`, and so on\n"
NOWHERE_ID = "FM-" "77"

# A tree in which the model above is shown, and what is in its files.
TREE = {
    "tests/unit/engine/test_proof.c": "static void test_it_is(void **state)\n",
    "tests/simulation/check_ack.c": "", "tests/simulation/test_sim_disk.c": "void test_a(void **state)\n",
    "tests/crash/mutants.c": '"ack-before-sync"', "tests/fuzz/target_commit.c": "",
    "tests/faults/run": "", "tests/faults/clock.py": "    def test_back(self):\n",
    "tests/equivalence/cases.c": "", "docs/optimizations/a.md": "| GC-01 |",
}
KNOWN = {"unit.engine.proof", "sim.smoke", "sim.disk", "crash.mutants", "fuzz.commit",
         "net.faults.clock", "net.faults.calls", "equivalence.a"}


def tests_of(line, tree=TREE, known=KNOWN):
    """The problems with a rule that is shown by this line of a list."""
    return failure_model.test_problems(RULE + line + "\n", list(tree), tree.get, known)


def problems_of_tree(tree):
    return [problem for *_, problem in failure_model.tree_problems(list(tree), tree.get, None, ["D-1"])]


# (function of failure_model.py, or of those above, arguments, expected as above)
FAILURE_MODEL = [
    ("rule_problems", (MODEL,), None),
    ("rule_problems", ("# The failure model\n",), "there is no rule here"),
    ("rule_problems", (RULE,), "D-1 has no test"),
    ("rule_problems", (MODEL.replace("Shown by:", "Shown"),), "D-1 has no test"),
    ("rule_problems", (MODEL + MODEL.replace("D-1", "D-2"),), None),
    ("rule_problems", (MODEL + "### Words\n",), "is not of the form"),
    ("rule_problems", (MODEL + "- tests of `crash.flip`\n",), "begins with a test in backticks"),
    ("missing_problems", (MODEL, ["D-1"]), None),
    ("missing_problems", (MODEL, ["D-1", "FM-3c"]), "FM-3c is missing"),
    ("missing_problems", (MODEL, []), "D-1 is not among those"),
    ("tests_of", ("- `unit.engine.proof`: `test_it_is`",), None),
    ("tests_of", ("- `unit.engine.prof`",), "D-1: there is no test unit.engine.prof"),
    ("tests_of", ("- `unit.engine.proof`: `test_it_was`",), "unit.engine.proof has no test_it_was"),
    ("tests_of", ("- `unit.engine.proof`: `test_it`",), "has no test_it"),
    ("tests_of", ("- `unit.engine.proof`: `test_it_is`,\n  `test_more`",), "has no test_more"),
    ("tests_of", ("- `sim.smoke`: `check_ack.c`",), None),
    ("tests_of", ("- `sim.smoke`: `check_act.c`",), "sim.smoke has no check_act.c"),
    ("tests_of", ("- `sim.disk`: `test_a`",), None),
    ("tests_of", ("- `crash.mutants`: `ack-before-sync`",), None),
    ("tests_of", ("- `crash.mutants`: `ack-before`",), "crash.mutants has no ack-before"),
    ("tests_of", ("- `net.faults.clock`: `test_back`",), None),
    ("tests_of", ("- `net.faults.calls`: `run`, `clock.py`\n- `fuzz.commit`",), None),
    ("tests_of", ("- `equivalence.a`: `GC-01`",), None),
    ("tests_of", ("- `equivalence.a`: `GC-1`",), "equivalence.a has no GC-1"),
    ("tests_of", ("- `unit.engine.proof`", TREE, set()), "there is no test unit.engine.proof"),
    ("tests_of", ("- `unit.engine.proof`", TREE, None), None),
    ("citation_problems", ("/* D-1, FM-9.1, decisions 3 and 4 */",
                           {"D-1", "FM-9.1a", "decision 3", "decision 4"}), None),
    ("citation_problems", (f"/* {NOWHERE_ID} */", {"D-1"}), f"{NOWHERE_ID} is not in docs/"),
    ("citation_problems", ("/* FM-9.1 */", {"FM-9.2a"}), "FM-9.1 is not in"),
    ("citation_problems", ("/* FM-9.1b */", {"FM-9.1a"}), "FM-9.1b is not in"),
    ("citation_problems", ("/* decisions 3 and 4 */", {"decision 3"}), "decision 4 is not in"),
    ("citation_problems", ("/* Decision 5, 16 */", {"decision 5"}), "decision 16 is not in"),
    ("problems_of_tree", ({**TREE, failure_model.DOCUMENT: MODEL},), None),
    ("problems_of_tree", ({failure_model.DOCUMENT: MODEL},), "there is no test unit.engine.proof"),
    ("problems_of_tree", ({**TREE, failure_model.DOCUMENT: RULE},), "D-1 has no test"),
    ("problems_of_tree", ({**TREE, failure_model.DOCUMENT: MODEL, "base/a.c": "/* D-2 */"},),
     "D-2 is not in docs/failure-model.md"),
    ("problems_of_tree", ({**TREE, failure_model.DOCUMENT: MODEL + MODEL.replace("D-1", "D-2")},),
     "D-2 is not among those"),
]

MISFORMATTED = HEAD + "int  f( void ) {return 1;}\n"
FORMATTED = HEAD + "int f(void);\n"


class Failures:
    def __init__(self):
        self.count = 0

    def check(self, what, problems, expected):
        texts = [problem[1] if isinstance(problem, tuple) else problem for problem in problems]
        is_right = not texts if expected is None else (len(texts) == 1 and expected in texts[0])
        if not is_right:
            self.count += 1
            print(f"tidy self-test: {what}: expected {expected!r}, reported {texts}")


def compile_listing(tidy, compiler, folder, source):
    """`objdump -t` of an archive of this source, built as the project is: position independent."""
    (folder / "a.c").write_text(source + "\n")
    subprocess.run([compiler, "-O1", "-fPIC", "-fno-common", "-c", "a.c", "-o", "a.o"], cwd=folder,
                   check=True)
    (folder / "a.a").unlink(missing_ok=True)
    subprocess.run(["ar", "rc", "a.a", "a.o"], cwd=folder, check=True)
    return tidy.object_listing(folder / "a.a")


def check_formatting(tidy, folder, failures):
    (folder / ".clang-format").write_text((tidy.ROOT / ".clang-format").read_text())
    (folder / "bad.c").write_text(MISFORMATTED)
    (folder / "good.c").write_text(FORMATTED)
    bad = tidy.formatting_problems(folder, ["bad.c"])
    if bad is None:
        return
    failures.check("formatting of bad.c", bad[:1], "bad.c")
    failures.check("formatting of good.c", tidy.formatting_problems(folder, ["good.c"]), None)


def run_matrix(tidy, folder, results, *arguments):
    """tests/failure-matrix over a report with these (test, status)."""
    cases = "".join(f'<testcase name="{test}" status="{status}"/>' for test, status in results)
    report = folder / "build" / "dev" / "Testing" / "report.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(f"<testsuite>{cases}</testsuite>")
    done = subprocess.run([tidy.ROOT / "tests" / "failure-matrix", "--brief", *arguments, report],
                          capture_output=True, text=True)
    lines = done.stdout.split("\n")
    return lines[:-2] if done.returncode else []


def check_failure_matrix(tidy, folder, failures):
    """What the command says of results that are whole, bad, missing and skipped."""
    rules, _ = failure_model.parse(tidy.read_text(failure_model.DOCUMENT))
    good = {shown.test: "run" for rule in rules for shown in rule.shown}
    one = rules[0].shown[0].test
    only = ["--rule", rules[0].id]

    def expect(what, results, arguments, expected):
        found = run_matrix(tidy, folder, results.items(), *arguments)
        failures.check(f"failure-matrix: {what}", found[:1] if expected else found, expected)
    expect("all passed", good, ["--ran"], None)
    expect("one failed", {**good, one: "fail"}, [], f"{rules[0].id}: {one} failed")
    del good[one]
    expect("one is missing", good, ["--ran"], f"{rules[0].id}: {one} did not run")
    expect("one is missing, and that is all right", good, [], None)
    skipped = {shown.test: "notrun" for shown in rules[0].shown}
    expect("nothing but skipped", skipped, ["--ran", *only], "none of its tests passed")


def check_coverage(tidy, failures):
    """Each rule, each banned call and each named header has an example that it catches."""
    caught = {rule for rule, *_, expected in FILES + OBJECTS if expected is not None}
    for rule in tidy.FILE_RULES + tidy.OBJECT_RULES:
        failures.check(f"bad examples of {rule.__name__}",
                       [] if rule.__name__ in caught else ["none"], None)
    for name in tidy.BANNED:
        failures.check(f"{name}()", list(tidy.rule_calls("engine/x.c", f"{name}(1);\n")),
                       f"{name}() is banned")
    for pattern, allowed in tidy.HEADERS.items():
        header = pattern.replace("*", "x")
        if not tidy.matches("engine/x.c", allowed):
            failures.check(header, list(tidy.rule_headers("engine/x.c", f"#include <{header}>\n")),
                           f"<{header}> belongs in")


def run(tidy, compiler):
    failures = Failures()
    for rule, path, text, expected in FILES:
        failures.check(f"{rule} on {path} {text[:60]!r}", list(getattr(tidy, rule)(path, text)),
                       expected)
    failures.check("missing README", list(tidy.check_readmes(["base/a.c"])), "base/README.md")
    failures.check("README", list(tidy.check_readmes(["base/a.c", "base/README.md"])), None)
    for name, arguments, expected in FAILURE_MODEL:
        function = getattr(failure_model, name, None) or globals()[name]
        failures.check(f"{name}{arguments!r}"[:90], list(function(*arguments)), expected)
    check_coverage(tidy, failures)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for rule, source, expected in OBJECTS:
            listing = compile_listing(tidy, compiler, folder, source)
            failures.check(f"{rule} on {source!r}", list(getattr(tidy, rule)("a.a", listing)),
                           expected)
        check_formatting(tidy, folder, failures)
        check_failure_matrix(tidy, folder, failures)
    examples = len(FILES) + len(OBJECTS) + len(FAILURE_MODEL)
    print(f"tidy self-test: {examples} examples, {failures.count} failures")
    return 1 if failures.count else 0
