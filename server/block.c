/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that wait for something other than their own commits: replicas, a token's LSN, a checkpoint.
 *
 * Each is looked at again when the node reports anything (on_progress, on_durable, on_failure) and when its time is up; what
 * decides is asked from the node at that moment, so no event can be missed and none needs to say whom it concerns. */
#include "server/call.h"

#include <stdio.h>

#include "base/assert.h"

/* Whether the commit that WAIT and WAITAOF speak of is durable here. */
static bool is_local(const struct aero_session *session)
{
    return session->block.lsn.value <= session->server->hold.durable;
}

static bool look_wait(struct aero_session *session, struct aero_resp_writer *reply, bool over)
{
    struct aero_node *node = &session->server->node;
    bool local = is_local(session);
    uint32_t replicas = local ? node->ops->replicas_applied(node->self, session->block.lsn) : 0;
    if ((!local || replicas < session->block.replicas) && !over) {
        return false;
    }
    aero_resp_integer(reply, replicas);
    return true;
}

static bool look_waitaof(struct aero_session *session, struct aero_resp_writer *reply, bool over)
{
    struct aero_node *node = &session->server->node;
    bool local = is_local(session);
    uint32_t replicas = local ? node->ops->replicas_durable(node->self, session->block.lsn) : 0;
    if ((!local || replicas < session->block.replicas) && !over) {
        return false;
    }
    aero_resp_array(reply, 2);
    aero_resp_integer(reply, local);
    aero_resp_integer(reply, replicas);
    return true;
}

static bool look_token(struct aero_session *session, struct aero_resp_writer *reply, bool over)
{
    struct aero_node *node = &session->server->node;
    switch (node->ops->token_state(node->self, session->block.incarnation, session->block.lsn)) {
    case AERO_TOKEN_REACHED:
        aero_resp_simple(reply, "OK");
        return true;
    case AERO_TOKEN_LOST:
        aero_resp_error(reply, "HISTORYLOST this token's commit is on no history that this node "
                               "knows: it was lost, it belongs to another cluster, or this is a "
                               "replica that has not reached its primary since that started");
        return true;
    case AERO_TOKEN_AHEAD:
        break;
    }
    if (over) {
        char text[96];
        snprintf(text, sizeof text, "TIMEOUT the token was not reached within %llu ms",
                 (unsigned long long)session->block.timeout_ms);
        aero_resp_error(reply, text);
    }
    return over;
}

static bool look_checkpoint(struct aero_session *session, struct aero_resp_writer *reply)
{
    struct aero_node *node = &session->server->node;
    const char *error = "ERR checkpoint failed";
    switch (node->ops->checkpoint_state(node->self, session->block.ticket, &error)) {
    case AERO_JOB_RUNNING:
        return false;
    case AERO_JOB_DONE:
        aero_resp_simple(reply, "OK");
        return true;
    case AERO_JOB_FAILED:
        break;
    }
    aero_resp_error(reply, error);
    return true;
}

/* Writes the answer if there is one. A caller whose last write failed hears that first (decision 23). */
static bool look(struct aero_session *session, struct aero_resp_writer *reply)
{
    bool over = session->block.deadline_ns <= session->server->now.value;
    bool waits_for_write =
        session->block.kind == AERO_BLOCK_WAIT || session->block.kind == AERO_BLOCK_WAITAOF;
    if (waits_for_write && session->last_failure != AERO_WRITE_FINE) {
        aero_resp_error(reply, session->last_failure == AERO_WRITE_NOT_WRITTEN
                                   ? AERO_NOT_WRITTEN_TEXT
                                   : AERO_UNKNOWN_TEXT);
        return true;
    }
    if (session->block.kind == AERO_BLOCK_WAIT) {
        return look_wait(session, reply, over);
    }
    if (session->block.kind == AERO_BLOCK_WAITAOF) {
        return look_waitaof(session, reply, over);
    }
    if (session->block.kind == AERO_BLOCK_TOKEN) {
        return look_token(session, reply, over);
    }
    AERO_ASSERT(session->block.kind == AERO_BLOCK_CHECKPOINT);
    return look_checkpoint(session, reply);
}

void aero_block_forget(struct aero_session *session)
{
    aero_link_leave(&session->by_block);
    session->block.kind = AERO_BLOCK_NONE;
}

void aero_block_look(struct aero_session *session)
{
    struct aero_resp_writer reply = {.out = &session->output.bytes, .version = session->protocol};
    size_t begin = session->output.bytes.length;
    if (!look(session, &reply)) {
        return;
    }
    if (session->block.silent) {
        session->output.bytes.length = begin;
    }
    aero_block_forget(session);
    aero_session_finish_reply(session, begin, 0);
    aero_session_mark_ready(session);
    aero_session_make_runnable(session);
}

void aero_call_block(struct aero_call *call, const struct aero_block *block)
{
    struct aero_session *session = call->session;
    struct aero_server *server = call->server;
    session->block = *block;
    session->block.silent = session->reply_mode != AERO_REPLY_ON;
    if (call->in_exec) {
        /* A transaction does not wait: it answers with what is so now. */
        session->block.deadline_ns = 0;
    }
    if (look(session, &call->reply)) {
        session->block.kind = AERO_BLOCK_NONE;
        return;
    }
    aero_link_join_last(&server->blocked, &session->by_block);
    if (block->deadline_ns < server->blocked_deadline_ns) {
        server->blocked_deadline_ns = block->deadline_ns;
    }
}
