/* SPDX-License-Identifier: Apache-2.0 */
/* The three logged operations, and the commit that holds an atomic list of them.
 *
 * A commit's payload is what a COMMIT record carries (docs/formats.md, "Commit payload"): the primary's expiry
 * clock, then operations with absolute values. Applying one needs nothing but the tree: no clock, no randomness,
 * no configuration (DET-1, FM-4.2). aero_apply is the one function through which commit, recovery and
 * replay on a replica change the keyspace (REP-3). */
#ifndef AERO_ENGINE_OPERATION_H
#define AERO_ENGINE_OPERATION_H

#include "base/status.h"
#include "base/units.h"
#include "engine/tree.h"

enum aero_operation_kind {
    AERO_PUT = 1,
    AERO_DELETE = 2,
    AERO_DELETE_RANGE =
        3, /* [key, value): `value` holds the end of the range, empty = to the end */
};

struct aero_operation {
    enum aero_operation_kind kind;
    struct aero_slice key;
    struct aero_slice value;
};

/* Payload encoder: begin writes the clock, add appends one operation. The buffer is the caller's. */
void aero_commit_begin(struct aero_buffer *payload, aero_wall_ms expiry_clock);
void aero_commit_add(struct aero_buffer *payload, const struct aero_operation *operation);
/* Bytes that `operation` will add, to check the size limit before anything has an effect (decision 17). */
size_t aero_commit_add_bytes(const struct aero_operation *operation);

/* Payload decoder over borrowed bytes. Never reads outside, never trusts a length. */
struct aero_commit_reader {
    struct aero_slice rest;
    aero_wall_ms expiry_clock;
};
aero_status aero_commit_open(struct aero_commit_reader *reader, struct aero_slice payload);
/* AERO_NOT_FOUND at the end; AERO_CORRUPT when the bytes are no operation. */
aero_status aero_commit_next(struct aero_commit_reader *reader,
                             struct aero_operation *out_operation);

/* What a DIGEST record carries: the state after the record just before it (decision 20). */
#define AERO_DIGEST_PAYLOAD_BYTES 32U
struct aero_digest_payload {
    aero_wall_ms expiry_clock;
    struct aero_summary summary;
};
void aero_digest_encode(const struct aero_digest_payload *digest,
                        uint8_t out_payload[AERO_DIGEST_PAYLOAD_BYTES]);
/* AERO_CORRUPT: another length. */
aero_status aero_digest_decode(struct aero_slice payload, struct aero_digest_payload *out_digest);

/* Where an operation's pre-images go, so that a commit in flight can be taken back; NULL in replay. */
struct aero_undo;

void aero_apply(struct aero_tree *tree, const struct aero_operation *operation,
                struct aero_undo *undo);
/* Decodes and applies a whole payload, all of it or (AERO_CORRUPT) nothing (D-2). */
aero_status aero_apply_commit(struct aero_tree *tree, struct aero_slice payload,
                              aero_wall_ms *out_clock);

/* A bounded-by-the-WAL-queue stack of pre-images. Marks name commit boundaries. */
struct aero_undo *aero_undo_new(void);
void aero_undo_free(struct aero_undo *undo, struct aero_tree *tree);
/* Closes the commit being recorded under `lsn`; LSNs rise. */
void aero_undo_mark(struct aero_undo *undo, aero_lsn lsn);
/* Forgets the pre-images of commits up to and including `lsn`: they are durable now. */
void aero_undo_forget(struct aero_undo *undo, aero_lsn lsn, struct aero_tree *tree);
/* Takes back every operation recorded after the commit `lsn`, newest first, unmarked ones included. */
void aero_undo_rollback(struct aero_undo *undo, aero_lsn lsn, struct aero_tree *tree);

#endif
