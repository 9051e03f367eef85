#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A fuzz target that cannot fail is worth nothing: one bug planted in each target's parser, each of which the target's
short run has to find.

    tests/fuzz/run --planted [TARGET]...

The changed file is compiled beside the tree and linked in front of the library, so nothing in the tree changes.
"""
import json
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "fuzz"
PLACE = BUILD / "planted"

# Target, file, what stands there, what stands there instead.
BUGS = [
    ("resp_command", "proto/resp_command.c",
     "if (rest.length < parser->bulk_length + 2) {", "if (rest.length < parser->bulk_length) {"),
    ("ctl_reply", "ctl/reply.c",
     "if (input.length < head + length + 2) {", "if (input.length < head + length) {"),
    ("frame", "proto/frame.c",
     "if (bytes.length - AERO_FRAME_HEADER_BYTES < length) {", "if (bytes.length < length) {"),
    ("message", "proto/message.c",
     "check(taker, pb->kind >= AERO_HANDSHAKE_RESUME && pb->kind <= AERO_HANDSHAKE_VERSION);", ""),
    ("record", "engine/record.c",
     "if (bytes.length < record_bytes) {",
     "if (bytes.length < AERO_RECORD_HEADER_BYTES + header.payload_length) {"),
    ("segment", "engine/segment.c",
     "header.first_lsn.value == header.prev_end.lsn.value + 1 &&", ""),
    ("proof", "engine/proof.c", "if (reserved != 0) {", "if (reserved == 1) {"),
    ("history", "engine/history.c", "take.rest.length !=\n", "take.rest.length <\n"),
    ("manifest", "engine/manifest_codec.c",
     "aero_take_check(take, manifest->damaged_count <= AERO_DAMAGED_MAX);", ""),
    ("snapshot", "engine/snapshot_block.c",
     "room < key_length + value_length", "room < value_length"),
    ("wal_file", "engine/wal_reader.c",
     "if (reader->bound != 0) { /* nothing", "if (false) { /* nothing"),
    ("commit", "engine/operation.c", "length > rest->length - at", "length > rest->length"),
    ("config", "base/config_text.c",
     "__builtin_mul_overflow(value, 10, &value)", "((value *= 10), false)"),
    ("options", "base/options.c",
     "if (program->operands == NULL && out_options->operand_count != 0) {",
     "if (program->operands == NULL && out_options->operand_count > 1) {"),
    ("certificate", "shipping/tls_context.c", "data[i] <= 0x20 ||", "data[i] < 0x20 ||"),
    ("keyspace", "server/keyspace_codec.c", "if (deadline_ms == 0) { /* \"never", "if (deadline_ms == 1) { /* \"never"),
    ("session", "proto/resp_reply.c",
     "if (*c == '\\r' || *c == '\\n') {", "if (*c == '\\r') {"),
]


def output_of(command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout


def compile_changed(target, file, old, new):
    text = (ROOT / file).read_text()
    if text.count(old) != 1:
        raise SystemExit(f"planted: {file} does not hold exactly one '{old.strip()}': mend the table")
    source = PLACE / f"{target}.c"
    source.write_text(text.replace(old, new))
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    entry = next(e for e in entries if e["file"] == str(ROOT / file))
    words = shlex.split(entry["command"])
    words[words.index("-o") + 1] = str(PLACE / f"{target}.o")
    words[words.index("-c") + 1] = str(source)
    subprocess.run(words, check=True, cwd=entry["directory"])


def link(target):
    commands = output_of(["ninja", "-C", str(BUILD), "-t", "commands", f"fuzz/fuzz_{target}"])
    words = shlex.split(commands.strip().split("\n")[-1])
    words = words[words.index("&&") + 1:]
    words = words[:words.index("&&")]
    at = words.index("-o")
    words[at + 1] = str(PLACE / f"fuzz_{target}")
    subprocess.run(words[:at] + [str(PLACE / f"{target}.o")] + words[at:], check=True, cwd=BUILD)


def run(target):
    """True: the target's own test, with its own number of runs, ended with a finding."""
    listing = json.loads(output_of(["ctest", "--test-dir", str(BUILD), "--show-only=json-v1"]))
    command = next(t["command"] for t in listing["tests"] if t["name"] == f"fuzz.{target}")
    command[1] = str(PLACE)
    ended = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    found = [line for line in (ended.stdout + ended.stderr).split("\n")
             if "event=assert" in line or "ERROR: " in line or "runtime error" in line]
    print(f"{target}: {found[0][:160] if found else 'nothing'}", flush=True)
    return ended.returncode != 0 and bool(found)


def main():
    wanted = sys.argv[1:]
    targets = {path.stem.removeprefix("target_") for path in (ROOT / "tests/fuzz").glob("target_*.c")}
    missing = sorted(targets - {bug[0] for bug in BUGS})
    if missing:
        raise SystemExit(f"planted: no bug for: {', '.join(missing)}")
    PLACE.mkdir(parents=True, exist_ok=True)
    planted = found = 0
    for bug in BUGS:
        if wanted and bug[0] not in wanted:
            continue
        planted += 1
        compile_changed(*bug)
        link(bug[0])
        found += run(bug[0])
    print(f"{planted} planted, {found} found")
    return 0 if planted == found else 1


if __name__ == "__main__":
    sys.exit(main())
