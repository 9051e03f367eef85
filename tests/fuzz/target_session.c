/* SPDX-License-Identifier: Apache-2.0 */
/* A client's session: whatever comes, commands with any arguments included, the replies are sound RESP of the version
 * asked for, the keyspace stays whole, and a failed WAL takes back exactly what was not durable. */
#include "proto/resp_reply.h"
#include "server/server.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/server/fake_node.c"

#define DEPTH_MAX 12 /* COMMAND: subcommands with their key specifications */
#define START_MS 1750000000000U
#define BULK_MAX \
    ((size_t)1 << 20) /* of the server in this target: more costs time and finds nothing */

/* ---- Replies ---- */

static struct aero_slice take_line(struct aero_slice *rest)
{
    const uint8_t *end = memchr(rest->data, '\n', rest->length);
    AERO_ASSERT(end != NULL && end > rest->data && end[-1] == '\r');
    struct aero_slice line = aero_slice_of(rest->data, (size_t)(end - rest->data) - 1);
    *rest = aero_slice_of(end + 1, rest->length - line.length - 2);
    AERO_ASSERT(memchr(line.data, '\r', line.length) == NULL);
    return line;
}

static long take_number(struct aero_slice line)
{
    char text[24] = {0};
    char *end;
    AERO_ASSERT(line.length >= 2 && line.length < sizeof text);
    memcpy(text, line.data + 1, line.length - 1);
    long number = strtol(text, &end, 10);
    AERO_ASSERT(*end == '\0');
    return number;
}

static void take_reply(struct aero_slice *rest, unsigned depth)
{
    AERO_ASSERT(depth < DEPTH_MAX);
    struct aero_slice line = take_line(rest);
    AERO_ASSERT(line.length >= 1);
    switch (line.data[0]) {
    case '+':
    case '-':
    case ',':
    case '(':
    case '#':
    case '_':
        return;
    case ':':
        (void)take_number(line);
        return;
    case '$':
    case '=': {
        long length = take_number(line);
        AERO_ASSERT(length >= -1);
        if (length >= 0) {
            AERO_ASSERT(rest->length >= (size_t)length + 2);
            AERO_ASSERT(memcmp(rest->data + length, "\r\n", 2) == 0);
            *rest = aero_slice_of(rest->data + length + 2, rest->length - (size_t)length - 2);
        }
        return;
    }
    case '*':
    case '~':
    case '>':
    case '%': {
        long count = take_number(line);
        AERO_ASSERT(count >= -1);
        for (long i = 0; i < (line.data[0] == '%' ? 2 * count : count); i++) {
            take_reply(rest, depth + 1);
        }
        return;
    }
    default:
        AERO_UNREACHABLE("a type of reply that does not exist");
    }
}

/* ---- The conversation ---- */

struct talk {
    struct fake_node node;
    struct aero_server *server;
    struct aero_session *session;
    uint64_t mono_ns;
    struct aero_buffer output;
};

static void take_output(struct talk *talk)
{
    struct aero_slice output = aero_session_output(talk->session);
    aero_buffer_append_slice(&talk->output, output);
    aero_session_sent(talk->session, output.length);
}

static void tick(struct talk *talk, uint64_t ms)
{
    talk->mono_ns += ms * 1000000;
    talk->node.clock_ms += ms;
    aero_server_tick(talk->server, (aero_mono_ns){.value = talk->mono_ns},
                     (aero_wall_ms){.value = talk->node.clock_ms});
}

static void sync_all(struct talk *talk)
{
    fake_node_sync(&talk->node, talk->node.evaluated);
    aero_server_on_durable(talk->server, aero_lsn_of(talk->node.evaluated));
    aero_server_resume(talk->server);
    take_output(talk);
}

static struct talk *talk_new(uint8_t choice)
{
    struct talk *talk = aero_calloc(1, sizeof *talk);
    struct aero_server_options options;
    struct aero_node node = fake_node_init(&talk->node);
    aero_server_options_default(&options);
    options.bulk_bytes_max = BULK_MAX;
    options.password = choice & 1 ? "secret" : NULL;
    talk->node.clock_ms = START_MS;
    if (choice & 2) {
        talk->node.role = AERO_NODE_REPLICA;
    }
    talk->server = aero_server_new(&options, node, (struct aero_server_config){.self = NULL});
    tick(talk, 1);
    talk->session = aero_session_open(
        talk->server, &(struct aero_session_options){.peer_address = "127.0.0.1:50000",
                                                     .local_address = "127.0.0.1:6379",
                                                     .trusted = true,
                                                     .descriptor = 9});
    return talk;
}

static void talk_free(struct talk *talk)
{
    aero_session_close(talk->session);
    aero_server_free(talk->server);
    fake_node_deinit(&talk->node);
    aero_buffer_deinit(&talk->output);
    free(talk);
}

static void audit(struct talk *talk)
{
    struct aero_view *view = aero_view_open(talk->node.tree);
    AERO_ASSERT(aero_view_audit(view));
    aero_view_close(view);
}

static bool alive(const struct talk *talk)
{
    return !aero_session_should_close(talk->session);
}

void fuzz_one(struct aero_slice input)
{
    uint8_t choice = fuzz_take_u8(&input);
    uint32_t pattern = choice;
    struct talk *talk = talk_new(choice);
    while (input.length != 0 && alive(talk)) {
        struct aero_slice piece = fuzz_take_piece(&input, &pattern);
        uint8_t *exact = fuzz_copy(piece);
        aero_session_on_input(talk->session, aero_slice_of(exact, piece.length));
        free(exact);
        take_output(talk);
        if (talk->node.touch_count > FAKE_TOUCHES_MAX / 2 || (pattern >> 24) % 4 == 0) {
            sync_all(talk);
            tick(talk, (pattern >> 16) % 64);
            if (talk->node.role == AERO_NODE_PRIMARY) {
                aero_server_expire_due(talk->server, 16);
            }
        }
    }
    struct aero_summary durable = aero_tree_summary(talk->node.tree);
    if ((choice & 4) != 0 && alive(talk)) {
        sync_all(talk);
        durable = aero_tree_summary(talk->node.tree);
        static const char lost[] = "SET lost 1\r\nDEL lost\r\nFLUSHALL\r\n";
        aero_session_on_input(talk->session, aero_slice_of(lost, sizeof lost - 1));
        aero_lsn last = aero_lsn_of(talk->node.evaluated);
        fake_node_fail(&talk->node);
        aero_lsn kept = aero_lsn_of(talk->node.durable);
        aero_server_on_failure(talk->server, kept, kept, last);
        struct aero_summary after = aero_tree_summary(talk->node.tree);
        AERO_ASSERT(after.count == durable.count && aero_u128_equal(after.digest, durable.digest));
    }
    sync_all(talk);
    audit(talk);
    struct aero_slice replies = aero_buffer_slice(&talk->output);
    while (replies.length != 0) {
        take_reply(&replies, 0);
    }
    talk_free(talk);
}

/* The forms that have options, numbers or ranges in them: a table of commands is a table of parsers. */
void fuzz_seeds(struct fuzz_seeds *seeds)
{
    static const char *const lines[] = {
        "SET k v EX 10 NX GET\r\nGET k\r\nTTL k\r\n",
        "SETRANGE k 5 abc\r\nGETRANGE k -3 -1\r\nSTRLEN k\r\nAPPEND k x\r\n",
        "INCRBY n 9223372036854775807\r\nDECRBY n -9223372036854775808\r\nINCRBYFLOAT n 1e308\r\n",
        "SETBIT b 7 1\r\nBITCOUNT b 0 -1 BIT\r\nBITPOS b 1 0 -1 BYTE\r\nBITOP AND d b b\r\n",
        "BITFIELD b SET u8 0 255 GET i64 #1 OVERFLOW FAIL INCRBY i5 100 1\r\n",
        "MSET a 1 b 2\r\nMGET a b c\r\nMSETNX c 3 d 4\r\nDEL a b\r\nEXISTS c c\r\n",
        "EXPIRE a 100 GT\r\nPEXPIREAT a 9999999999999\r\nEXPIRETIME a\r\nPERSIST a\r\n",
        "SET a 1 PX 1\r\nGETEX a EXAT 99999999999\r\nGETDEL a\r\nGETSET a 2\r\n",
        "SCAN 0 MATCH k* COUNT 10 TYPE string\r\nKEYS [a-z]?\\**\r\nRANDOMKEY\r\nDBSIZE\r\n",
        "MULTI\r\nSET a 1\r\nGET a\r\nEXEC\r\nWATCH a\r\nMULTI\r\nDISCARD\r\nUNWATCH\r\n",
        "HELLO 3 AUTH default secret SETNAME me\r\nINFO\r\nCOMMAND DOCS get\r\nCONFIG GET *\r\n",
        "AUTH secret\r\nCLIENT LIST ID 1\r\nCLIENT SETNAME a\r\nCLIENT REPLY SKIP\r\nCLIENT "
        "INFO\r\n",
        "WAIT 1 10\r\nAERO.LSN\r\nAERO.WAITLSN 11111111111111111111111111111111:5 "
        "10\r\nAERO.DIGEST\r\n",
        "RENAME a b\r\nRENAMENX a b\r\nCOPY a b DB 3 REPLACE\r\nMOVE a 2\r\nSWAPDB 0 1\r\nSELECT "
        "15\r\n",
        "LCS a b IDX MINMATCHLEN 2 WITHMATCHLEN\r\nOBJECT ENCODING a\r\nDEBUG SLEEP 0\r\nTYPE "
        "a\r\n",
        "FLUSHDB ASYNC\r\nFLUSHALL SYNC\r\nROLE\r\nTIME\r\nECHO x\r\nPING y\r\nRESET\r\nQUIT\r\n",
        "COMMAND GETKEYS SET a b\r\nCOMMAND COUNT\r\nCOMMAND INFO get set\r\nLATENCY DOCTOR\r\n",
        "*1\r\n$10\r\na\r\ncommand\r\nNOSUCH \"a\\nb\"\r\n",
        "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\nv\r\nw\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct aero_buffer bytes = {0};
        const uint8_t choice = (uint8_t)(8 * i + (i == 10 || i == 11 ? 1 : i % 3 == 2 ? 4 : 0));
        aero_buffer_append(&bytes, &choice, 1);
        aero_buffer_append_slice(&bytes, aero_slice_text(lines[i]));
        fuzz_seed(seeds, aero_buffer_slice(&bytes));
        aero_buffer_deinit(&bytes);
    }
}
