# SPDX-License-Identifier: Apache-2.0
"""Records, commits, digests: what verifies, and in which place."""
from mutation.mutant import Mutant

MUTANTS = [
    Mutant(
        "formats/payload-unchecked",
        "a payload counts whatever its hash says",
        ("FM-6.1", "FM-8.2"),
        "engine/record.c",
        before="    if (aero_checksum64(payload) != header.payload_hash ||\n",
        after="    if (\n",
        judges=("flip", "explore", "sim")),
    Mutant(
        "formats/header-unchecked",
        "a record's header counts whatever its checksum says",
        ("decision 1", "FM-6.1"),
        "engine/record.c",
        before="    if (chain != aero_checksum64(aero_slice_of(in, CHAIN_OFFSET))) {",
        after="    if (false) {",
        judges=("flip", "sim", "unit engine.record")),
    Mutant(
        "formats/out-of-place-chain",
        "a record counts behind another one than its own",
        ("REP-2", "decision 1"),
        "engine/record.c",
        before="header.segment_nonce != segment_nonce || header.prev_chain != before.chain ||",
        after="header.segment_nonce != segment_nonce ||",
        judges=("sim", "flip", "unit engine.record")),
    Mutant(
        "formats/out-of-place-lsn",
        "a record counts behind another LSN than its own",
        ("REP-2",),
        "engine/record.c",
        before=(
            " header.prev_chain != before.chain ||\n"
            "        header.lsn.value != before.lsn.value + 1) {"),
        after=" header.prev_chain != before.chain) {",
        judges=("sim", "unit engine.record")),
    Mutant(
        "formats/out-of-place-nonce",
        "a record of the file's earlier life counts",
        ("decision 3", "decision 25"),
        "engine/record.c",
        before="    if (header.segment_nonce != segment_nonce || header.prev_chain",
        after="    if (header.prev_chain",
        judges=("sim", "unit engine.record")),
    Mutant(
        "formats/cut-record-counts",
        "a record whose end is missing counts",
        ("FM-11.2", "D-2"),
        "engine/record.c",
        before=(
            "    if (bytes.length < record_bytes) {\n"
            "        return aero_error(AERO_INCOMPLETE);"),
        after=(
            "    if (bytes.length < AERO_RECORD_HEADER_BYTES) {\n"
            "        return aero_error(AERO_INCOMPLETE);")),
    Mutant(
        "formats/partial-commit-applied",
        "a commit is applied up to where it is malformed",
        ("D-2",),
        "engine/operation.c",
        before=(
            "    if (status.code != AERO_NOT_FOUND) {\n"
            "        return status; /* before"),
        after=(
            "    if (false) {\n"
            "        return status; /* before"),
        judges=("unit engine.operation", "fuzz commit")),
    Mutant(
        "formats/half-a-commit-applied",
        "of a commit only the first operation is applied",
        ("D-2",),
        "engine/operation.c",
        before=(
            "    while (aero_is_ok(aero_commit_next(&reader, &operation))) {\n"
            "        aero_apply(tree, &operation, NULL);"),
        after=(
            "    if (aero_is_ok(aero_commit_next(&reader, &operation))) {\n"
            "        aero_apply(tree, &operation, NULL);")),
    Mutant(
        "formats/older-proof-wins",
        "the older slot of the durable file counts",
        ("decision 5",),
        "engine/proof.c",
        before="        if (!found || proof.generation > newest.generation) {",
        after="        if (!found || proof.generation < newest.generation) {"),
    Mutant(
        "formats/digest-of-keys-alone",
        "the digest says nothing about values",
        ("decision 19",),
        "engine/tree.c",
        before="        .key = key, .value = value, .summary = {1, aero_entry_hash(key, value)}};",
        after=(
            "        .key = key, .value = value, .summary = {1, aero_entry_hash(key, "
            "aero_slice_of(NULL, 0))}};"),
        judges=("unit engine.tree",)),
    Mutant(
        "formats/overwritten-entry-still-counted",
        "an overwritten entry stays in the digest",
        ("decision 19",),
        "engine/tree.c",
        before=(
            "    add_to_path(&path, aero_summary_subtract(entry.summary, "
            "aero_page_entry_summary(leaf, index)));"),
        after="    add_to_path(&path, (struct aero_summary){0, entry.summary.digest});",
        judges=("unit engine.tree",)),
    Mutant(
        "formats/deleted-entry-still-counted",
        "a deleted entry stays in the digest",
        ("decision 19",),
        "engine/tree.c",
        before="    add_to_path(&path, aero_summary_subtract((struct aero_summary){0}, gone));",
        after=(
            "    gone.digest = (struct aero_u128){0};\n"
            "    add_to_path(&path, aero_summary_subtract((struct aero_summary){0}, gone));"),
        judges=("unit engine.tree",)),
    Mutant(
        "formats/digest-after-its-record",
        "a digest record names the state after the commit behind it",
        ("decision 20",),
        "primary/pipeline.c",
        before=(
            "        if (aero_lsn_next(pipeline->evaluated).value % AERO_DIGEST_INTERVAL_LSN == "
            "0) {\n"
            "            append_digest_record(pipeline);\n"
            "        }\n"
            "    }\n"
            "    aero_lsn lsn = aero_lsn_next(pipeline->evaluated);\n"
            "    aero_commit_add(&pipeline->payload, operation);\n"
            "    aero_apply(pipeline->tree, operation, pipeline->undo);"),
        after=(
            "        aero_apply(pipeline->tree, operation, pipeline->undo);\n"
            "        if (aero_lsn_next(pipeline->evaluated).value % AERO_DIGEST_INTERVAL_LSN == "
            "0) {\n"
            "            append_digest_record(pipeline);\n"
            "        }\n"
            "    }\n"
            "    aero_lsn lsn = aero_lsn_next(pipeline->evaluated);\n"
            "    aero_commit_add(&pipeline->payload, operation);\n"
            "    aero_apply(pipeline->tree, operation, pipeline->undo);"),
        judges=("unit primary.pipeline", "sim")),
    Mutant(
        "formats/torn-tail-in-every-recycled-file",
        "bytes of a file's earlier life are a torn tail",
        ("decision 25",),
        "engine/wal_reader.c",
        before="    bool earlier_life = tail.foreign && !tail.own && !broken_record_here(reader);",
        after="    bool earlier_life = false;",
        judges=("twin wal_recycle", "unit engine.wal_reader")),
]
