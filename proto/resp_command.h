/* SPDX-License-Identifier: Apache-2.0 */
/* The Redis protocol as clients speak it: commands as arrays of bulk strings, or inline as a line of words.
 *
 * The parser works in place: arguments are slices of the caller's bytes, so a pipeline in a read buffer costs no copy
 * and no allocation. A command that is not complete yet is remembered: the caller presents the same bytes again, with
 * more behind them (at the same address or another), and parsing goes on where it stopped. Total work is linear in the
 * bytes, however they are cut.
 *
 * Source: https://redis.io/docs/reference/protocol-spec; error texts and limits as Redis 7 has them. Where Redis
 * does not look (the two bytes behind a bulk string) we do: framing that is lost is not guessed at. */
#ifndef AERO_PROTO_RESP_COMMAND_H
#define AERO_PROTO_RESP_COMMAND_H

#include <stdbool.h>

#include "base/slice.h"

#define AERO_RESP_INLINE_MAX ((size_t)64 * 1024) /* also of a line that announces a length */
#define AERO_RESP_ARGUMENTS_MAX (1024 * 1024)
/* A larger argument, which Redis would not take either, ends the connection; up to it the bytes of one that is above the
 * limits are let pass, so that the client is there to read why. */
#define AERO_RESP_SKIPPED_BULK_MAX ((size_t)512 << 20)
/* Before a client has shown who it is: enough for HELLO with everything. */
#define AERO_RESP_STRANGER_ARGUMENTS_MAX 10
#define AERO_RESP_STRANGER_BULK_MAX ((size_t)16384)

struct aero_resp_limits {
    size_t bulk_bytes_max;
    size_t request_bytes_max; /* of one command in all */
    size_t argument_count_max;
    bool stranger; /* not authenticated: the smaller limits hold, too */
};

enum aero_resp_outcome {
    AERO_RESP_COMMAND,    /* arguments are ready; none for an empty line: nothing to do */
    AERO_RESP_INCOMPLETE, /* present the same bytes again with more behind them */
    AERO_RESP_INVALID,    /* error text is ready; the stream cannot be followed any further */
    AERO_RESP_TOO_LARGE,  /* error text is ready; what is left of the command will be SKIPPED */
    AERO_RESP_SKIPPED,    /* bytes of a command that was too large: nothing to do */
};

/* Zero-initialised is ready. The first members are for the caller to read. */
struct aero_resp_parser {
    struct aero_slice *arguments; /* after COMMAND; borrowed from input until the next call */
    size_t argument_count;
    char error[128]; /* after INVALID: "Protocol error: ..."; after TOO_LARGE: which limit */

    size_t argument_capacity;
    size_t expected;    /* arguments announced by the array being parsed; 0: at the beginning */
    size_t offset;      /* of the next byte to look at, from the beginning of the command */
    size_t bulk_length; /* announced by the bulk string at offset */
    bool bulk_known;
    bool skipping;         /* a command that was too large: its bytes are counted, not kept */
    size_t skip_bytes;     /* of the argument in hand, with its CRLF */
    size_t skip_arguments; /* announced behind it */
    uintptr_t base;        /* where the bytes were at the last call: arguments so far point there */
    struct aero_buffer words; /* unquoted words of an inline command */
};

void aero_resp_parser_deinit(struct aero_resp_parser *parser);
/* Forgets a command begun: the next call starts at its first byte again. */
void aero_resp_parser_restart(struct aero_resp_parser *parser);

/* Parses one command at the beginning of `input`.
 *   COMMAND, TOO_LARGE, SKIPPED: *out_consumed bytes are done with. Otherwise out_consumed is untouched. */
enum aero_resp_outcome aero_resp_parse(struct aero_resp_parser *parser, struct aero_slice input,
                                       const struct aero_resp_limits *limits, size_t *out_consumed);

#endif
