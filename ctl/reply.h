/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of the Redis protocol, version 2, as far as aeroctl's commands need them, and the `name:value` lines in
 * them. Pure: the client reads the bytes. */
#ifndef AERO_CTL_REPLY_H
#define AERO_CTL_REPLY_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/status.h"

/* A whole reply is at most this. */
#define AERO_CTL_REPLY_MAX ((size_t)16 << 20)

enum aero_ctl_reply_kind {
    AERO_CTL_REPLY_TEXT,  /* a simple string, a bulk string, a number's digits */
    AERO_CTL_REPLY_ERROR, /* without the '-' */
    AERO_CTL_REPLY_NULL,
};

struct aero_ctl_reply {
    enum aero_ctl_reply_kind kind;
    struct aero_slice text; /* borrowed from the input */
};

/* Reads the reply at the beginning of `input`. AERO_INCOMPLETE: more bytes are needed. AERO_CORRUPT: no reply.
 * AERO_UNSUPPORTED: an array; AERO_LIMIT: longer than AERO_CTL_REPLY_MAX. */
aero_status aero_ctl_reply_parse(struct aero_slice input, struct aero_ctl_reply *out_reply,
                                 size_t *out_consumed);

/* One `name:value` line; both borrowed. */
struct aero_ctl_field {
    struct aero_slice name;
    struct aero_slice value;
};
/* The first line of *rest, which moves on; lines without a colon are passed over. False at the end. */
bool aero_ctl_field_next(struct aero_slice *rest, struct aero_ctl_field *out_field);
/* The same for the parts of a value such as "name=a,lag_lsn=3". */
bool aero_ctl_part_next(struct aero_slice *rest, struct aero_ctl_field *out_field);
/* The value of the first line of that name, copied and cut to fit; false: there is none, and out_value is "". */
bool aero_ctl_field_find(struct aero_slice lines, const char *name, char *out_value,
                         size_t value_size);

#endif
