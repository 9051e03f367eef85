# SPDX-License-Identifier: Apache-2.0
"""The self-test of tidy.py: what each rule must catch, and what it must leave alone.

A fixture is (rule, path, text, expected): `expected` is a part of the one problem that the rule
must report, or None if it must report nothing. Words that the rules forbid in this very file are
written in two halves.
"""
import subprocess
import tempfile
from pathlib import Path

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
    ("rule_headers", "server/host_loop.c", "#include <event2/event.h>\n", None),
    ("rule_headers", "shipping/sender.c", '#include "replication.pb-c.h"\n', "belongs in proto/m"),
    ("rule_headers", "proto/message.c", '#include "proto/replication.pb-c.h"\n', None),
    ("rule_headers", "proto/message.h", "#include <protobuf-c/protobuf-c.h>\n", "belongs in proto"),
    ("rule_headers", "engine/digest.c", "#include <xxhash.h>\n", "belongs in base/checksum.c"),
    ("rule_headers", "base/config.c", "#include <ini.h>\n", "belongs in base/config_file.c"),
    ("rule_headers", "server/http.c", "#include <json-c/json.h>\n", "belongs in ctl"),
    ("rule_headers", "primary/primary.c", "#include <systemd/sd-daemon.h>\n", "belongs in"),
    ("rule_headers", "engine/wal_writer.c", "#include <unistd.h>\n", "<unistd.h> belongs in"),
    ("rule_headers", "shipping/sender.c", "#include <sys/socket.h>\n", "<sys/socket.h> belongs"),
    ("rule_headers", "engine/disk_posix.c", "#include <unistd.h>\n", None),
    ("rule_headers", "replica/replica.c", "#include <pthread.h>\n", "<pthread.h> belongs in"),
    ("rule_headers", "tests/unit/x/a.c", "#include <openssl/ssl.h>\n", None),
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
    check_coverage(tidy, failures)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for rule, source, expected in OBJECTS:
            listing = compile_listing(tidy, compiler, folder, source)
            failures.check(f"{rule} on {source!r}", list(getattr(tidy, rule)("a.a", listing)),
                           expected)
        check_formatting(tidy, folder, failures)
    print(f"tidy self-test: {len(FILES) + len(OBJECTS)} examples, {failures.count} failures")
    return 1 if failures.count else 0
