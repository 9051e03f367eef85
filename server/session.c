/* SPDX-License-Identifier: Apache-2.0 */
/* A session turns bytes into commands and keeps what cannot run yet.
 *
 * Input is executed straight from the host's buffer while nothing is kept; what is left over (a command that is not
 * complete, or any bytes once the session is parked, blocked or paused) is kept in session->input, whose first byte is
 * always the first byte of a command, or of what is left of one that was too large and is let pass. Only one of the two
 * is ever looked at, so no byte is parsed twice, except those of a parked command, which runs again as a whole. */
#include "server/server_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "server/text.h"

#define INPUT_CAPACITY_KEPT ((size_t)64 * 1024)

static const char protected_text[] =
    "-DENIED AeroDB is running in protected mode because no password is set. In this mode "
    "connections are only accepted from this machine. Set requirepass (or users with passwords), "
    "or set protected_mode to no if strangers cannot reach this port.\r\n";

void aero_session_mark_ready(struct aero_session *session)
{
    if (aero_link_alone(&session->by_ready)) {
        aero_link_join_last(&session->server->ready, &session->by_ready);
    }
}

void aero_session_begin_close(struct aero_session *session, const char *reason)
{
    if (!session->closing) {
        session->closing = true;
        aero_text_copy(session->close_reason, sizeof session->close_reason, reason);
    }
    aero_session_mark_ready(session);
}

void aero_session_kill(struct aero_session *session, const char *reason)
{
    if (!session->killed) {
        session->killed = true;
        aero_text_copy(session->close_reason, sizeof session->close_reason, reason);
    }
    session->closing = true;
    aero_session_mark_ready(session);
}

static void turn_away(struct aero_session *session, const char *reply, const char *reason)
{
    aero_buffer_append(&session->output.bytes, reply, strlen(reply));
    aero_session_finish_reply(session, 0, 0);
    aero_session_begin_close(session, reason);
    session->server->stats.connections_rejected++;
}

struct aero_session *aero_session_open(struct aero_server *server,
                                       const struct aero_session_options *options)
{
    struct aero_session *session = aero_calloc(1, sizeof *session);
    session->server = server;
    session->host = options->host;
    session->id = ++server->next_session_id;
    session->descriptor = options->descriptor;
    session->protocol = 2;
    session->user = aero_users_default_is_open(server) ? 0 : AERO_NO_USER;
    session->opened = server->now;
    session->active = server->now;
    aero_text_copy(session->peer_address, sizeof session->peer_address, options->peer_address);
    aero_text_copy(session->local_address, sizeof session->local_address, options->local_address);
    aero_link_init(&session->by_server);
    aero_link_init(&session->by_ready);
    aero_link_init(&session->by_run);
    aero_link_init(&session->by_block);
    aero_link_init(&session->watches);
    aero_output_init(&session->output);
    server->stats.connections_received++;
    aero_link_join_last(&server->sessions, &session->by_server);
    if (server->session_count >= server->options.clients_max) {
        turn_away(session, "-ERR max number of clients reached\r\n",
                  "max number of clients reached");
    } else if (server->options.protected_mode && !options->trusted &&
               aero_users_default_is_open(server)) {
        turn_away(session, protected_text, "protected mode");
    } else {
        session->counted = true;
        server->session_count++;
    }
    return session;
}

void aero_session_close(struct aero_session *session)
{
    struct aero_server *server = session->server;
    AERO_ASSERT(!session->running);
    server->session_count -= session->counted;
    aero_block_forget(session);
    aero_multi_discard(session);
    aero_unwatch(session);
    aero_link_leave(&session->by_server);
    aero_link_leave(&session->by_ready);
    aero_link_leave(&session->by_run);
    aero_output_deinit(&session->output);
    aero_resp_parser_deinit(&session->parser);
    aero_buffer_deinit(&session->input);
    aero_buffer_deinit(&session->multi.bytes);
    free(session->multi.queued);
    free(session->multi.spans);
    free(session->name);
    free(session->library_name);
    free(session->library_version);
    free(session);
}

void aero_session_reset(struct aero_session *session)
{
    aero_multi_discard(session);
    aero_unwatch(session);
    session->protocol = 2;
    session->database = 0;
    session->user = aero_users_default_is_open(session->server) ? 0 : AERO_NO_USER;
    session->reply_mode = AERO_REPLY_ON;
    session->no_evict = false;
    session->no_touch = false;
    free(session->name);
    session->name = NULL;
}

void *aero_session_host(const struct aero_session *session)
{
    return session->host;
}

uint64_t aero_session_id(const struct aero_session *session)
{
    return session->id;
}

bool aero_session_over_pause_limit(const struct aero_session *session)
{
    const struct aero_server_options *options = &session->server->options;
    return aero_output_pending(&session->output) > options->output_pause_bytes ||
           session->output.held_count > options->held_count_max;
}

void aero_session_finish_reply(struct aero_session *session, size_t begin, uint64_t lsn)
{
    struct aero_server *server = session->server;
    if (lsn > server->hold.durable) {
        /* An LSN that a commit would have had that was taken back, or that a table of touched keys names too high, is
         * nobody's: the evaluated state is the newest that anybody saw. */
        uint64_t evaluated = server->node.ops->evaluated(server->node.self).value;
        lsn = lsn < evaluated ? lsn : evaluated;
        /* The node may know more than it has told us yet; never hold for what is durable. */
        aero_lsn durable = server->node.ops->durable(server->node.self);
        if (durable.value > server->hold.durable) {
            aero_server_on_durable(server, durable);
        }
    }
    server->stats.replies_held += lsn > server->hold.durable;
    if (aero_output_finish(&session->output, &server->hold, begin, lsn)) {
        aero_session_mark_ready(session);
    }
    if (aero_output_pending(&session->output) > server->options.output_bytes_max) {
        server->stats.output_limit_closes += !session->killed;
        aero_session_kill(session, "output buffer limit");
    }
}

void aero_session_make_runnable(struct aero_session *session)
{
    if ((session->input.length != 0 || session->ended) && !session->parked && !session->closing &&
        session->block.kind == AERO_BLOCK_NONE && aero_link_alone(&session->by_run)) {
        aero_link_join_last(&session->server->runnable, &session->by_run);
    }
}

static bool may_execute(struct aero_session *session)
{
    session->paused = aero_session_over_pause_limit(session);
    return !session->closing && !session->paused && !session->parked &&
           session->block.kind == AERO_BLOCK_NONE;
}

static void refuse_protocol(struct aero_session *session)
{
    struct aero_resp_writer writer = {.out = &session->output.bytes, .version = session->protocol};
    size_t begin = session->output.bytes.length;
    char text[sizeof session->parser.error + 8];
    snprintf(text, sizeof text, "ERR %s", session->parser.error);
    aero_resp_error(&writer, text);
    aero_session_finish_reply(session, begin, 0);
    aero_session_begin_close(session, session->parser.error);
}

static void park(struct aero_session *session)
{
    session->parked = true;
    aero_resp_parser_restart(&session->parser);
    aero_link_leave(&session->by_run);
    aero_link_join_last(&session->server->parked, &session->by_run);
}

/* Executes what is complete at the beginning of `bytes`; returns how many bytes are done with. */
static size_t execute_bytes(struct aero_session *session, struct aero_slice bytes)
{
    struct aero_server *server = session->server;
    size_t done = 0;
    session->running = true;
    while (done < bytes.length && may_execute(session)) {
        struct aero_resp_limits limits = {
            .bulk_bytes_max = server->options.bulk_bytes_max,
            .request_bytes_max = server->options.query_bytes_max,
            .argument_count_max = server->options.argument_count_max,
            .stranger = session->user == AERO_NO_USER,
        };
        struct aero_slice rest = aero_slice_of(bytes.data + done, bytes.length - done);
        size_t consumed;
        enum aero_resp_outcome outcome =
            aero_resp_parse(&session->parser, rest, &limits, &consumed);
        if (outcome == AERO_RESP_INCOMPLETE) {
            break;
        }
        if (outcome == AERO_RESP_INVALID) {
            refuse_protocol(session);
            break;
        }
        if (outcome == AERO_RESP_TOO_LARGE) {
            aero_execute_refused(session, session->parser.error);
        } else if (outcome == AERO_RESP_COMMAND && session->parser.argument_count != 0 &&
                   aero_execute(session, session->parser.arguments,
                                session->parser.argument_count) == AERO_EXECUTED_PARK) {
            park(session);
            break;
        }
        done += consumed;
    }
    session->running = false;
    return done;
}

/* What is kept is one command, which the parser holds to its limits, and what one read brought. */
static void keep_little(struct aero_session *session)
{
    bool is_spare = session->input.length == 0 && session->input.capacity > INPUT_CAPACITY_KEPT;
    if (session->closing || is_spare) {
        aero_buffer_deinit(&session->input);
    }
}

void aero_session_on_input(struct aero_session *session, struct aero_slice input)
{
    AERO_ASSERT(!session->running);
    session->server->stats.input_bytes += input.length;
    session->active = session->server->now;
    if (session->closing || input.length == 0) {
        return;
    }
    if (session->input.length == 0) {
        size_t done = execute_bytes(session, input);
        aero_buffer_append(&session->input, input.data + done, input.length - done);
        keep_little(session);
    } else {
        aero_buffer_append_slice(&session->input, input);
        aero_session_run(session);
    }
}

void aero_session_run(struct aero_session *session)
{
    size_t done = execute_bytes(session, aero_buffer_slice(&session->input));
    aero_buffer_consume(&session->input, done);
    keep_little(session);
    if (session->ended && may_execute(session)) {
        aero_session_begin_close(session,
                                 ""); /* what is left, if anything, is an unfinished request */
    }
}

void aero_session_on_end(struct aero_session *session)
{
    session->ended = true;
    aero_session_make_runnable(session);
}

bool aero_session_is_blocked(const struct aero_session *session)
{
    return session->block.kind != AERO_BLOCK_NONE;
}

bool aero_session_wants_input(const struct aero_session *session)
{
    return !session->closing && !session->ended && !session->parked &&
           !aero_session_is_blocked(session) && aero_link_alone(&session->by_run) &&
           !aero_session_over_pause_limit(session);
}

struct aero_slice aero_session_output(const struct aero_session *session)
{
    return aero_output_ready(&session->output);
}

void aero_session_sent(struct aero_session *session, size_t count)
{
    aero_output_sent(&session->output, count);
    session->server->stats.output_bytes += count;
    if (session->paused && !aero_session_over_pause_limit(session)) {
        session->paused = false;
        aero_session_make_runnable(session);
    }
}

bool aero_session_should_close(const struct aero_session *session)
{
    return session->killed || (session->closing && aero_output_pending(&session->output) == 0);
}

const char *aero_session_close_reason(const struct aero_session *session)
{
    return session->close_reason[0] == '\0' ? NULL : session->close_reason;
}
