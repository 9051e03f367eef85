/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of clients: a pipeline as a whole, in pieces at moving addresses, and written again. */
#include "proto/resp_command.h"
#include "proto/resp_reply.h"
#include "tests/fuzz/fuzz.h"

/* As it would be sent again: an array of bulk strings. */
static void append_command(struct aero_buffer *out, const struct aero_resp_parser *parser)
{
    struct aero_resp_writer writer = {.out = out, .version = 2};
    aero_resp_array(&writer, parser->argument_count);
    for (size_t i = 0; i < parser->argument_count; i++) {
        aero_resp_bulk(&writer, parser->arguments[i]);
    }
}

static void append_end(struct aero_buffer *out, enum aero_resp_outcome outcome,
                       const struct aero_resp_parser *parser)
{
    uint8_t end = (uint8_t)outcome;
    aero_buffer_append(out, &end, 1);
    if (outcome == AERO_RESP_INVALID) {
        AERO_ASSERT(strnlen(parser->error, sizeof parser->error) < sizeof parser->error);
        aero_buffer_append_slice(out, aero_slice_text(parser->error));
    }
}

static bool takes_more(enum aero_resp_outcome outcome)
{
    return outcome != AERO_RESP_INCOMPLETE && outcome != AERO_RESP_INVALID;
}

/* One that is too large is told once; where its bytes were cut makes no difference. */
static void append_outcome(struct aero_buffer *out, enum aero_resp_outcome outcome,
                           const struct aero_resp_parser *parser)
{
    if (outcome == AERO_RESP_COMMAND) {
        append_command(out, parser);
    } else if (outcome == AERO_RESP_TOO_LARGE) {
        aero_buffer_append_slice(out, aero_slice_text("(too large)"));
        aero_buffer_append_slice(out, aero_slice_text(parser->error));
    }
}

static void read_whole(struct aero_slice bytes, const struct aero_resp_limits *limits,
                       struct aero_buffer *out_story)
{
    struct aero_resp_parser parser = {0};
    enum aero_resp_outcome outcome = AERO_RESP_INCOMPLETE;
    size_t consumed = 0;
    while (bytes.length != 0 &&
           takes_more(outcome = aero_resp_parse(&parser, bytes, limits, &consumed))) {
        AERO_ASSERT(consumed >= 1 && consumed <= bytes.length);
        AERO_ASSERT(!limits->stranger || parser.argument_count <= AERO_RESP_STRANGER_ARGUMENTS_MAX);
        append_outcome(out_story, outcome, &parser);
        bytes = aero_slice_of(bytes.data + consumed, bytes.length - consumed);
        outcome = AERO_RESP_INCOMPLETE;
    }
    append_end(out_story, outcome, &parser);
    aero_resp_parser_deinit(&parser);
}

/* Each piece makes the bytes so far move to an allocation of exactly their size. */
static void read_in_pieces(struct aero_slice bytes, const struct aero_resp_limits *limits,
                           uint32_t pattern, struct aero_buffer *out_story)
{
    struct aero_resp_parser parser = {0};
    struct aero_buffer held = {0};
    enum aero_resp_outcome outcome = AERO_RESP_INCOMPLETE;
    while (bytes.length != 0 && outcome != AERO_RESP_INVALID) {
        aero_buffer_append_slice(&held, fuzz_take_piece(&bytes, &pattern));
        uint8_t *exact = fuzz_copy(aero_buffer_slice(&held));
        size_t done = 0;
        size_t consumed = 0;
        outcome = AERO_RESP_INCOMPLETE;
        while (done < held.length &&
               takes_more(outcome = aero_resp_parse(&parser,
                                                    aero_slice_of(exact + done, held.length - done),
                                                    limits, &consumed))) {
            append_outcome(out_story, outcome, &parser);
            done += consumed;
            outcome = AERO_RESP_INCOMPLETE;
        }
        aero_buffer_consume(&held, done);
        free(exact);
    }
    append_end(out_story, outcome, &parser);
    aero_buffer_deinit(&held);
    aero_resp_parser_deinit(&parser);
}

/* Commands that were understood mean the same when they are sent again. */
static void read_again(struct aero_slice story)
{
    static const struct aero_resp_limits limits = {.bulk_bytes_max = SIZE_MAX / 2,
                                                   .request_bytes_max = SIZE_MAX / 2,
                                                   .argument_count_max = AERO_RESP_ARGUMENTS_MAX};
    struct aero_buffer again = {0};
    read_whole(story, &limits, &again);
    AERO_ASSERT(again.length == story.length + 1);
    AERO_ASSERT(aero_slice_equal(aero_slice_of(again.data, story.length), story));
    AERO_ASSERT(again.data[story.length] == AERO_RESP_INCOMPLETE);
    aero_buffer_deinit(&again);
}

void fuzz_one(struct aero_slice input)
{
    struct aero_buffer whole = {0};
    struct aero_buffer pieces = {0};
    uint8_t choice = fuzz_take_u8(&input);
    struct aero_resp_limits limits = {.bulk_bytes_max = choice & 2 ? 64 : (size_t)512 << 20,
                                      .request_bytes_max = choice & 8 ? 100 : (size_t)1 << 30,
                                      .argument_count_max =
                                          choice & 4 ? 5 : AERO_RESP_ARGUMENTS_MAX,
                                      .stranger = choice & 1};
    read_whole(input, &limits, &whole);
    read_in_pieces(input, &limits, choice, &pieces);
    AERO_ASSERT(aero_slice_equal(aero_buffer_slice(&whole), aero_buffer_slice(&pieces)));
    const uint8_t *end = memchr(whole.data, AERO_RESP_INVALID, whole.length);
    bool is_large = memmem(whole.data, whole.length, "(too large)", 11) != NULL;
    if (end == NULL && !is_large && whole.data[whole.length - 1] == AERO_RESP_INCOMPLETE) {
        read_again(aero_slice_of(whole.data, whole.length - 1));
    }
    aero_buffer_deinit(&whole);
    aero_buffer_deinit(&pieces);
}

void fuzz_seeds(struct fuzz_seeds *seeds)
{
    static const char *const texts[] = {
        "1*1\r\n$4\r\nPING\r\n",
        "0*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nva\r\nl\r\n*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n",
        "8PING\r\nSET \"a\\x41\\n\" 'b\\'c' d\n\n",
        "4*0\r\n*-1\r\n*2\r\n$0\r\n\r\n$1\r\nx\r\n",
        "1*11\r\n",
        "0*1048577\r\n",
        "2*1\r\n$65\r\n",
        ("2*3\r\n$70\r\n0123456789012345678901234567890123456789012345678901234567890123456789\r\n$"
         "1\r\na\r\n$1\r\nb\r\n*1\r\n$4\r\nPING\r\n"),
        "0GET \"unbalanced\r\n",
        "0*1\r\n:5\r\n",
        "0*1\r\n$3\r\nabcde\r\n",
        "0*100000000000000000000000000000000000\r\n",
        "0*10000000000000000000000000000000\r\n", /* as long as a line may be, and its end behind that */
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        fuzz_seed(seeds, aero_slice_text(texts[i]));
    }
}
