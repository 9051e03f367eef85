/* SPDX-License-Identifier: Apache-2.0 */
/* How Redis's databases, keys and deadlines are laid into the engine's one ordered keyspace (docs/formats.md,
 * "Keyspace encoding").
 *
 *     database 'k' key                        -> type and flags, [deadline], payload     one per user key
 *     database 'e' deadline (big-endian) key  -> nothing                                 one per key that expires
 *
 * The second range is the first one's index by time: what is due is a prefix of it. Invariant KS-1: a key has an entry
 * in 'e' exactly when its value carries that deadline; both are changed in the same commit. */
#ifndef AERO_SERVER_KEYSPACE_CODEC_H
#define AERO_SERVER_KEYSPACE_CODEC_H

#include <stdbool.h>

#include "base/slice.h"

#define AERO_DATABASE_COUNT 16
/* So that both encodings fit an engine key. */
#define AERO_USER_KEY_MAX ((size_t)65525)

/* A value as it stands in the keyspace; payload is borrowed. */
struct aero_entry {
    uint64_t deadline_ms; /* 0: does not expire */
    struct aero_slice payload;
};

/* Each writes a whole engine key into `out_key`, which is cleared first, and returns it. */
struct aero_slice aero_encode_key(struct aero_buffer *out_key, uint8_t database,
                                  struct aero_slice user_key);
struct aero_slice aero_encode_deadline(struct aero_buffer *out_key, uint8_t database,
                                       uint64_t deadline_ms, struct aero_slice user_key);
/* The ends of ranges: all keys of a database from `user_key` on, all of its deadlines from `deadline_ms` on, the
 * database as a whole. */
#define AERO_RANGE_KEY_BYTES 10
struct aero_range_key {
    uint8_t bytes[AERO_RANGE_KEY_BYTES];
    size_t length;
};
struct aero_range_key aero_range_of_keys(uint8_t database);
struct aero_range_key aero_range_behind_keys(uint8_t database);
struct aero_range_key aero_range_of_deadlines(uint8_t database, uint64_t deadline_ms);
struct aero_range_key aero_range_behind_deadlines(uint8_t database);
struct aero_range_key aero_range_of_database(uint8_t database);
static inline struct aero_slice aero_range_slice(const struct aero_range_key *key)
{
    return aero_slice_of(key->bytes, key->length);
}

/* The user key inside an engine key; false when it is of another database or range. */
bool aero_decode_key(struct aero_slice engine_key, uint8_t database, struct aero_slice *out_key);
bool aero_decode_deadline(struct aero_slice engine_key, uint8_t database, uint64_t *out_deadline_ms,
                          struct aero_slice *out_key);

/* The bytes in front of a payload: 1, or 9 with a deadline. */
#define AERO_VALUE_HEADER_MAX 9
size_t aero_encode_value_header(uint8_t out_header[AERO_VALUE_HEADER_MAX], uint64_t deadline_ms);
/* False when the bytes are no value: strings are the only type. */
bool aero_decode_value(struct aero_slice value, struct aero_entry *out_entry);

/* Whether an entry is as described above: the question before one of somebody else is taken. */
bool aero_entry_fits_keyspace(struct aero_slice engine_key, struct aero_slice value);
/* Whether every PUT of a commit's payload is one. What is no commit at all is left to aero_apply_commit. */
bool aero_commit_fits_keyspace(struct aero_slice payload);

#endif
