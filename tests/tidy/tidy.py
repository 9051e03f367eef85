#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules of the tree that no compiler checks: layers, third-party headers, calls, globals, form, and that every rule of
the failure model has its tests (failure_model.py).

    tests/tidy/tidy.py [--objects BUILD_DIR]    check the tree
    tests/tidy/tidy.py --self-test [--compiler CC]

Each rule is a function from a file (or an object listing) to problems, and has bad examples in
fixtures.py that it must catch: a rule that went blind fails the self-test.
"""
import argparse
import fnmatch
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import failure_model

ROOT = Path(__file__).resolve().parents[2]

# Folder -> what it may include, besides itself. The tests may include everything.
LAYERS = {
    "base": [],
    "proto": ["base"],
    "engine": ["base"],
    "shipping": ["engine", "proto", "base"],
    "server": ["shipping", "engine", "proto", "base"],
    "host": ["server", "shipping", "engine", "proto", "base"],
    "primary": ["host", "server", "shipping", "engine", "proto", "base"],
    "replica": ["host", "server", "shipping", "engine", "proto", "base"],
    "ctl": ["server", "shipping", "engine", "proto", "base"],
}

# Where the outside world may be touched.
HOSTS = ["host/*", "primary/host*", "replica/host*", "ctl/host*"]
MAINS = ["primary/main.c", "replica/main.c", "ctl/main.c"]
DRIVERS = ["*_posix.[ch]", "*_libevent.[ch]"]
ANY_WORLD = DRIVERS + HOSTS + MAINS + ["ctl/*"]

# Header pattern -> the files that may include it. Tests are free.
HEADERS = {
    "openssl/*": ["shipping/tls*.[ch]", "ctl/cert*.[ch]"],
    "event2/*": ["shipping/*_libevent.[ch]"] + HOSTS,
    "*.pb-c.h": ["proto/message*.c"],
    "protobuf-c/*": ["proto/message*.c"],
    "xxhash.h": ["base/checksum.c"],
    "ini.h": ["base/config_file.c"],
    "json-c/*": ["ctl/*"],
    "systemd/*": ["host/notify.c"],
    "pthread.h": DRIVERS + HOSTS + MAINS,
    "threads.h": [],
    "sys/socket.h": ANY_WORLD,
    "sys/un.h": ANY_WORLD,
    "netinet/*": ANY_WORLD,
    "arpa/inet.h": ANY_WORLD,
    "netdb.h": ANY_WORLD,
    "poll.h": ANY_WORLD,
    "sys/epoll.h": ANY_WORLD,
    "fcntl.h": ANY_WORLD,
    "unistd.h": ANY_WORLD,
    "dirent.h": ANY_WORLD,
    "sys/stat.h": ANY_WORLD,
    "sys/mman.h": ANY_WORLD + ["engine/*alloc*.c"],
    "sys/uio.h": ANY_WORLD,
    "sys/random.h": DRIVERS,
    "signal.h": ANY_WORLD,
}

# Where durability, groups and authority are decided: no time comes there, so none of them can hang on it (D-3, OPT-4, REP-5).
TIMELESS = ["engine/*", "primary/pipeline.[ch]", "primary/shipment.[ch]", "server/hold.[ch]",
            "shipping/handshake.[ch]"]
TIME = re.compile(r"\b(aero_mono_ns|aero_clock|timespec|\w+_(?:ns|us|seconds))\b")

# Call -> (files that may, do tests go free, why not).
NOWHERE = []
BANNED = {
    **{name: (NOWHERE, False, "it does not know the size of what it writes to")
       for name in ("strcpy", "strcat", "stpcpy", "sprintf", "vsprintf", "gets")},
    **{name: (NOWHERE, False, "it keeps hidden state") for name in (
        "strtok", "localtime", "gmtime", "asctime", "ctime", "strerror", "inet_ntoa",
        "gethostbyname", "tmpnam", "setlocale")},
    **{name: (NOWHERE, False, "it cannot report an error; base/config_text.h can")
       for name in ("atoi", "atol", "atoll", "atof")},
    **{name: (NOWHERE, False, "numbers come from a seed (base/prng.h) or the entropy port")
       for name in ("rand", "srand", "random", "srandom", "rand_r", "drand48", "lrand48")},
    **{name: (["base/ports_posix.c"], True, "time is an argument; the clock is a port")
       for name in ("time", "gettimeofday", "clock_gettime", "clock")},
    **{name: (NOWHERE, True, "nothing here waits for time to pass")
       for name in ("sleep", "usleep", "nanosleep", "clock_nanosleep")},
    **{name: (NOWHERE, True, "no shell and no child of a daemon")
       for name in ("system", "popen", "fork", "vfork", "daemon")},
    "alloca": (NOWHERE, False, "the stack has no way to say that it is full"),
    **{name: (["base/slice.c", "engine/*alloc*.c"], True, "use aero_malloc and its family")
       for name in ("malloc", "calloc", "realloc", "reallocarray", "strdup", "strndup",
                    "asprintf", "vasprintf", "aligned_alloc", "posix_memalign", "memalign")},
    **{name: (MAINS, True, "libraries return a status; only main ends the process")
       for name in ("exit", "_exit", "_Exit", "quick_exit")},
    "abort": (["base/assert.c", "base/slice.c", "base/ports_posix.c", "engine/*alloc*.c"], True,
              "use AERO_ASSERT"),
    "assert": (NOWHERE, True, "AERO_ASSERT ships, assert(3) vanishes"),
    "pthread_create": (DRIVERS + HOSTS + MAINS, True, "cores have no threads"),
    **{name: (NOWHERE, True, "errors are returned, not thrown")
       for name in ("setjmp", "longjmp", "sigsetjmp", "siglongjmp")},
    **{name: (NOWHERE, True, "sigaction says what happens afterwards")
       for name in ("signal", "bsd_signal", "sysv_signal")},
    **{name: (["base/*", "host/*", "ctl/*"] + MAINS, True,
              "libraries stay quiet; log an event or return a status")
       for name in ("printf", "vprintf", "puts", "putchar", "perror")},
}

# Writable data that may stay, each with its reason: {(archive, symbol): reason}.
GLOBALS_ALLOWED = {}

LINE_MAX_COLUMNS = 130  # of comments, that is: the formatter holds code to 100
FILE_MAX_LINES = 700
README_IS_REQUIRED = False  # until every folder has one, a missing README is a warning
FORMATTER_MAJOR = "14"  # of Debian 12; another version formats differently

C_SPDX = "/* SPDX-License-Identifier: Apache-2.0 */"
SPDX = "SPDX-License-Identifier: Apache-2.0"


def matches(path, patterns):
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def folder_of(path):
    return path.split("/", 1)[0] if "/" in path else ""


def is_c(path):
    return path.endswith((".c", ".h"))


def is_production(path):
    return folder_of(path) in LAYERS and is_c(path)


def is_script(path, text):
    return path.endswith((".py", ".sh", ".cmake", "CMakeLists.txt")) or text.startswith("#!")


TOKEN = re.compile(
    r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)


def code_lines(text):
    """The lines with comments and literals blanked out."""
    return TOKEN.sub(lambda match: re.sub(r"[^\n]", " ", match.group(0)), text).split("\n")


INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def includes(text):
    for number, line in enumerate(text.split("\n"), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


# ---- rules of one file: (path, text) -> [(line, problem)] ----

def rule_layers(path, text):
    if not is_production(path):
        return
    folder = folder_of(path)
    for number, quote, header in includes(text):
        if quote != '"' or header.endswith(".pb-c.h"):
            continue
        target = folder_of(header)
        if target not in LAYERS:
            yield number, f'"{header}" is not of the form "folder/file.h" with a folder of ours'
        elif target != folder and target not in LAYERS[folder]:
            yield number, f'{folder} may not include {target}: "{header}"'
        elif target != folder and header.endswith("_priv.h"):
            yield number, f'"{header}" is private to {target}'


def rule_headers(path, text):
    if not is_production(path):
        return
    for number, _, header in includes(text):
        for pattern, allowed in HEADERS.items():
            if fnmatch.fnmatchcase(header, pattern) and not matches(path, allowed):
                where = ", ".join(allowed) or "nowhere"
                yield number, f"<{header}> belongs in {where}"


def rule_timeless(path, text):
    if not matches(path, TIMELESS):
        return
    for number, line in enumerate(code_lines(text), 1):
        match = TIME.search(line)
        if match:
            yield number, f"{match.group(1)}: what is decided here must not depend on time"


CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")


def rule_calls(path, text):
    if not is_c(path):
        return
    is_test = not is_production(path)
    for number, line in enumerate(code_lines(text), 1):
        for match in CALL.finditer(line):
            allowed, tests_are_free, why = BANNED[match.group(1)]
            if matches(path, allowed) or (is_test and tests_are_free):
                continue
            yield number, f"{match.group(1)}() is banned: {why}"


def rule_licence(path, text):
    lines = text.split("\n", 2)
    if is_c(path):
        if lines[0] != C_SPDX:
            yield 1, f"the first line must be {C_SPDX}"
    elif path.endswith(".proto"):
        if lines[0] != "// " + SPDX:
            yield 1, f"the first line must be // {SPDX}"
    elif is_script(path, text):
        line = 1 if text.startswith("#!") and len(lines) > 1 else 0
        if lines[line] != "# " + SPDX:
            yield line + 1, f"the first line (behind #!) must be # {SPDX}"


# Written in two halves, so that this file does not break its own rules.
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK"]) + r")\b")
MACHINE_PATH = "/wo" "rk/"


def rule_words(path, text):
    if path == "LICENSE":
        return
    for number, line in enumerate(text.split("\n"), 1):
        match = UNFINISHED.search(line)
        if match:
            yield number, f"{match.group(1)}: finish it, or open an issue"
        if MACHINE_PATH in line:
            yield number, f"names a path of one machine: {MACHINE_PATH}"


def rule_length(path, text):
    if not (is_c(path) or is_script(path, text)):
        return
    lines = text.split("\n")
    if len(lines) - 1 > FILE_MAX_LINES:
        yield len(lines) - 1, f"more than {FILE_MAX_LINES} lines: split it"
    for number, line in enumerate(lines, 1):
        if is_c(path) and len(line) > LINE_MAX_COLUMNS:
            yield number, f"more than {LINE_MAX_COLUMNS} columns"


def rule_whitespace(path, text):
    if path.endswith(".md") or not (is_c(path) or is_script(path, text)):
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            yield number, "blanks at the end of the line"
    if text and not text.endswith("\n"):
        yield text.count("\n") + 1, "no newline at the end of the file"


def rule_guard(path, text):
    if not (is_production(path) and path.endswith(".h")):
        return
    guard = "AERO_" + re.sub(r"[^A-Z0-9]", "_", path.upper())
    code = [line.strip() for line in code_lines(text) if line.strip()]
    if code[:2] != [f"#ifndef {guard}", f"#define {guard}"] or code[-1] != "#endif":
        yield 1, f"the include guard must be {guard} and enclose everything"


FILE_RULES = [rule_layers, rule_headers, rule_timeless, rule_calls, rule_licence, rule_words,
              rule_length, rule_whitespace, rule_guard]


# ---- rules of object files: text of `objdump -t` of an archive -> [problem] ----

SYMBOL = re.compile(r"^[0-9a-f]+ (.{7}) (\S+)\s+[0-9a-f]+ +(?:\.hidden )?(\S+)$")
WRITABLE = re.compile(r"^(\.data|\.bss|\.tdata|\.tbss|\*COM\*)(?!\.rel\.ro)")


def symbols(listing):
    for line in listing.split("\n"):
        match = SYMBOL.match(line)
        if match:
            yield match.group(1), match.group(2), match.group(3)


def rule_globals(archive, listing):
    for flags, section, name in symbols(listing):
        is_data = "F" not in flags and "d" not in flags and name != section
        if is_data and WRITABLE.match(section) and (archive, name) not in GLOBALS_ALLOWED:
            yield f"{archive}: {name} is writable global state ({section}); pass an object"


def rule_prefix(archive, listing):
    for flags, section, name in symbols(listing):
        if flags[0] in "gu!" and section != "*UND*" and not name.startswith("aero_"):
            yield f"{archive}: {name} is visible to all and not named aero_..."


OBJECT_RULES = [rule_globals, rule_prefix]


def object_listing(path):
    return subprocess.run(["objdump", "-t", str(path)], check=True, capture_output=True,
                          text=True).stdout


# ---- the tree ----

def tree_files():
    """What is in the repository or could be added to it; the whole folder where git is missing."""
    try:
        listing = subprocess.run(
            ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            check=True, capture_output=True, text=True).stdout
        names = [name for name in listing.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = []
        for folder, folders, files in os.walk(ROOT):
            folders[:] = [f for f in folders if f not in ("build", ".git", "node_modules")]
            names += [str((Path(folder) / f).relative_to(ROOT)) for f in files]
    return sorted(name for name in names if (ROOT / name).is_file()
                  and not name.endswith("package-lock.json"))


def read_text(name):
    try:
        return (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None  # golden bytes


def check_readmes(names):
    folders = {folder_of(name) for name in names if folder_of(name) and name[0] != "."}
    for folder in sorted(folders - {"cmake"}):
        if f"{folder}/README.md" not in names:
            yield f"{folder}/README.md is missing: what lives here, reading order, recipe"


def formatting_problems(root, names):
    """Problems, or None with a printed reason if this machine cannot tell."""
    formatter = shutil.which("clang-format")
    if formatter is None:
        print("tidy: formatting was not checked: there is no clang-format here")
        return None
    version = subprocess.run([formatter, "--version"], check=True, capture_output=True,
                             text=True).stdout
    if f"version {FORMATTER_MAJOR}." not in version:
        print(f"tidy: formatting was not checked: it is that of clang-format {FORMATTER_MAJOR}, "
              f"here is {version.strip()}")
        return None

    def run(chunk):
        return subprocess.run([formatter, "--dry-run", "-Werror", "-ferror-limit=1", *chunk],
                              cwd=root, capture_output=True, text=True).stderr
    chunks = [names[i::2] for i in range(2) if names[i::2]]
    with ThreadPoolExecutor(2) as pool:
        output = "".join(pool.map(run, chunks))
    return [line for line in output.split("\n") if ": error: " in line]


def check_tree(objects):
    problems = []
    warnings = []
    names = tree_files()
    for name in names:
        text = read_text(name)
        if text is None:
            continue
        for rule in FILE_RULES:
            problems += [f"{name}:{line}: {text}" for line, text in rule(name, text)]
    problems += [f"{name}:{line}: {problem}" for name, line, problem
                 in failure_model.tree_problems(names, read_text, objects)]
    problems += formatting_problems(ROOT, [name for name in names if is_c(name)]) or []
    (problems if README_IS_REQUIRED else warnings).extend(check_readmes(names))
    if objects is not None:
        archives = sorted(Path(objects).glob("libaero_*.a"))
        if not archives:
            problems.append(f"{objects}: no libraries to look into")
        for archive in archives:
            listing = object_listing(archive)
            for rule in OBJECT_RULES:
                problems += rule(archive.name, listing)
    for warning in warnings:
        print(f"tidy: warning: {warning}")
    for problem in problems:
        print(problem)
    print(f"tidy: {len(names)} files, {len(problems)} problems")
    return 1 if problems else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--objects", metavar="BUILD_DIR")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--compiler", metavar="CC", default="cc")
    arguments = parser.parse_args()
    if arguments.self_test:
        import fixtures
        return fixtures.run(sys.modules[__name__], arguments.compiler)
    return check_tree(arguments.objects)


if __name__ == "__main__":
    sys.exit(main())
