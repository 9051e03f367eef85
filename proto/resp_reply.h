/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of the Redis protocol, written into a buffer in the version that the client speaks.
 *
 * RESP3 has types that RESP2 lacks; in version 2 a map or a set is a flat array, a verbatim text is a bulk string. Headers
 * (array, map, set) are followed by that many elements, written by the caller.
 *
 * Source: https://redis.io/docs/reference/protocol-spec. */
#ifndef AERO_PROTO_RESP_REPLY_H
#define AERO_PROTO_RESP_REPLY_H

#include <stdbool.h>

#include "base/slice.h"

struct aero_resp_writer {
    struct aero_buffer *out;
    uint8_t version; /* 2 or 3 */
};

/* "+text". `text` has no CR or LF. */
void aero_resp_simple(struct aero_resp_writer *writer, const char *text);
/* "-text": the code and the sentence, without the '-'. CR and LF in it, which may come from a client, become
 * spaces. */
void aero_resp_error(struct aero_resp_writer *writer, const char *text);
void aero_resp_error_slice(struct aero_resp_writer *writer, struct aero_slice text);
void aero_resp_integer(struct aero_resp_writer *writer, int64_t value);
void aero_resp_bulk(struct aero_resp_writer *writer, struct aero_slice bytes);
void aero_resp_bulk_text(struct aero_resp_writer *writer, const char *text);
/* An unsigned number as a bulk string, as Redis sends numbers that may not fit an integer. */
void aero_resp_bulk_u64(struct aero_resp_writer *writer, uint64_t value);
/* "nothing here": $-1 or _. */
void aero_resp_null(struct aero_resp_writer *writer);
/* "no array": *-1 or _. */
void aero_resp_null_array(struct aero_resp_writer *writer);
/* Text for people: a bulk string, in version 3 marked as text. */
void aero_resp_verbatim(struct aero_resp_writer *writer, struct aero_slice text);

void aero_resp_array(struct aero_resp_writer *writer, size_t element_count);
void aero_resp_map(struct aero_resp_writer *writer, size_t pair_count);
void aero_resp_set(struct aero_resp_writer *writer, size_t element_count);

/* Decimal digits of `value` without a NUL; returns how many. */
#define AERO_DECIMAL_BYTES 20
size_t aero_format_u64(uint64_t value, char out_text[AERO_DECIMAL_BYTES]);
size_t aero_format_i64(int64_t value, char out_text[AERO_DECIMAL_BYTES]);

#endif
