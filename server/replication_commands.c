/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about durability, replicas and history: ROLE, WAIT, WAITAOF and AERO.*. */
#include "server/call.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/text.h"

#define NS_PER_MS ((uint64_t)1000000)
#define TIMEOUT_MS_MAX ((uint64_t)1 << 40)
#define TOKEN_ID_BYTES (AERO_ID_TEXT_BYTES - 1)

void aero_command_role(struct aero_call *call)
{
    const struct aero_node *node = &call->server->node;
    struct aero_resp_writer *reply = &call->reply;
    bool primary = node->ops->role(node->self) == AERO_NODE_PRIMARY;
    size_t count = 0;
    const struct aero_role_peer *peers = node->ops->role_peers(node->self, &count);
    uint64_t durable = node->ops->durable(node->self).value;
    if (!primary) {
        aero_resp_array(reply, 5);
        aero_resp_bulk_text(reply, "slave");
        aero_resp_bulk_text(reply, count == 0 ? "" : peers[0].host);
        aero_resp_integer(reply, count == 0 ? 0 : peers[0].port);
        aero_resp_bulk_text(reply, node->ops->role_link_state(node->self));
        aero_resp_integer(reply, (int64_t)durable);
        return;
    }
    aero_resp_array(reply, 3);
    aero_resp_bulk_text(reply, "master");
    aero_resp_integer(reply, (int64_t)durable);
    aero_resp_array(reply, count);
    for (size_t i = 0; i < count; i++) {
        char port[8];
        snprintf(port, sizeof port, "%u", peers[i].port);
        aero_resp_array(reply, 3);
        aero_resp_bulk_text(reply, peers[i].host);
        aero_resp_bulk_text(reply, port);
        aero_resp_bulk_u64(reply, peers[i].lsn);
    }
}

/* Milliseconds from now; 0 waits for ever. False: the error is written. */
static bool parse_timeout(struct aero_call *call, size_t argument, struct aero_block *block)
{
    int64_t timeout_ms;
    if (!aero_parse_i64(call->arguments[argument], &timeout_ms)) {
        aero_call_error(call, "ERR timeout is not an integer or out of range");
        return false;
    }
    if (timeout_ms < 0) {
        aero_call_error(call, "ERR timeout is negative");
        return false;
    }
    uint64_t bounded_ms =
        (uint64_t)timeout_ms < TIMEOUT_MS_MAX ? (uint64_t)timeout_ms : TIMEOUT_MS_MAX;
    block->timeout_ms = bounded_ms;
    block->deadline_ns =
        bounded_ms == 0 ? AERO_NO_DEADLINE : call->server->now.value + bounded_ms * NS_PER_MS;
    return true;
}

static bool is_primary(const struct aero_call *call)
{
    return call->server->node.ops->role(call->server->node.self) == AERO_NODE_PRIMARY;
}

void aero_command_wait(struct aero_call *call)
{
    int64_t replicas;
    struct aero_block block = {.kind = AERO_BLOCK_WAIT, .lsn = call->session->last_commit};
    if (!is_primary(call)) {
        aero_call_error(call, "ERR WAIT cannot be used with replica instances. Please also note "
                              "that since Redis 4.0 if a replica is configured to be writable "
                              "(which is not the default) writes to replicas are just local and "
                              "are not propagated.");
        return;
    }
    if (!aero_call_i64(call, 1, &replicas) || !parse_timeout(call, 2, &block)) {
        return;
    }
    replicas = replicas < 0 ? 0 : replicas;
    block.replicas = replicas < UINT32_MAX ? (uint32_t)replicas : UINT32_MAX;
    aero_call_block(call, &block);
}

void aero_command_waitaof(struct aero_call *call)
{
    int64_t local;
    int64_t replicas;
    struct aero_block block = {.kind = AERO_BLOCK_WAITAOF, .lsn = call->session->last_commit};
    if (!aero_call_i64(call, 1, &local)) {
        return;
    }
    if (local < 0 || local > 1) {
        aero_call_error(call, "ERR value is out of range, must be between 0 and 1");
        return;
    }
    if (!aero_parse_i64(call->arguments[2], &replicas) || replicas < 0) {
        aero_call_error(call, "ERR value is out of range, must be positive");
        return;
    }
    if (!parse_timeout(call, 3, &block)) {
        return;
    }
    if (!is_primary(call)) {
        aero_call_error(call, "ERR WAITAOF cannot be used with replica instances. Please also "
                              "note that writes to replicas are just local and are not "
                              "propagated.");
        return;
    }
    block.replicas = replicas < UINT32_MAX ? (uint32_t)replicas : UINT32_MAX;
    aero_call_block(call, &block);
}

/* "<incarnation>:<lsn>" of the caller's last commit, or of the evaluated state for one that committed nothing: with it,
 * AERO.WAITLSN on any node gives what the caller has seen. */
void aero_command_aero_lsn(struct aero_call *call)
{
    const struct aero_node *node = &call->server->node;
    struct aero_session *session = call->session;
    char id[AERO_ID_TEXT_BYTES];
    char token[AERO_ID_TEXT_BYTES + 1 + AERO_DECIMAL_BYTES];
    if (session->last_failure != AERO_WRITE_FINE) {
        aero_call_error(call, session->last_failure == AERO_WRITE_NOT_WRITTEN
                                  ? AERO_NOT_WRITTEN_TEXT
                                  : AERO_UNKNOWN_TEXT);
        return;
    }
    uint64_t lsn = session->last_commit.value != 0 ? session->last_commit.value
                                                   : node->ops->evaluated(node->self).value;
    aero_id_format(node->ops->incarnation(node->self), id);
    snprintf(token, sizeof token, "%s:%llu", id, (unsigned long long)lsn);
    aero_resp_bulk_text(&call->reply, token);
    call->depends = lsn;
}

static bool parse_token(struct aero_slice token, aero_id *out_incarnation, aero_lsn *out_lsn)
{
    char id[AERO_ID_TEXT_BYTES];
    if (token.length < TOKEN_ID_BYTES + 2 || token.data[TOKEN_ID_BYTES] != ':') {
        return false;
    }
    memcpy(id, token.data, TOKEN_ID_BYTES);
    id[TOKEN_ID_BYTES] = '\0';
    struct aero_slice lsn =
        aero_slice_of(token.data + TOKEN_ID_BYTES + 1, token.length - TOKEN_ID_BYTES - 1);
    return aero_id_parse(id, out_incarnation) && aero_parse_u64(lsn, &out_lsn->value);
}

void aero_command_aero_waitlsn(struct aero_call *call)
{
    struct aero_block block = {.kind = AERO_BLOCK_TOKEN};
    if (!parse_token(call->arguments[1], &block.incarnation, &block.lsn)) {
        aero_call_error(call, "ERR the token is not one of AERO.LSN");
        return;
    }
    if (parse_timeout(call, 2, &block)) {
        aero_call_block(call, &block);
    }
}

/* The state's name: LSN, digest and number of entries. Held until that state is durable. */
void aero_command_aero_digest(struct aero_call *call)
{
    const struct aero_node *node = &call->server->node;
    struct aero_summary summary = aero_tree_summary(aero_tree_now(call->server));
    uint64_t lsn = node->ops->evaluated(node->self).value;
    char digest[33];
    snprintf(digest, sizeof digest, "%016llx%016llx", (unsigned long long)summary.digest.high,
             (unsigned long long)summary.digest.low);
    aero_resp_array(&call->reply, 3);
    aero_resp_integer(&call->reply, (int64_t)lsn);
    aero_resp_bulk_text(&call->reply, digest);
    aero_resp_integer(&call->reply, (int64_t)summary.count);
    call->depends = lsn;
}

void aero_command_aero_checkpoint(struct aero_call *call)
{
    const struct aero_node *node = &call->server->node;
    struct aero_block block = {.kind = AERO_BLOCK_CHECKPOINT, .deadline_ns = AERO_NO_DEADLINE};
    const char *error = "ERR checkpoint refused";
    block.ticket = node->ops->checkpoint_begin(node->self, &error);
    if (block.ticket == 0) {
        aero_call_error(call, error);
        return;
    }
    aero_call_block(call, &block);
}

/* Any other AERO.NAME belongs to the node. */
void aero_command_aero_admin(struct aero_call *call)
{
    const struct aero_node *node = &call->server->node;
    struct aero_buffer *text = &call->server->text;
    const char *error = NULL;
    char name[AERO_COMMAND_NAME_MAX] = "";
    (void)aero_text_lower(call->arguments[0], name, sizeof name);
    const char *upper = aero_text_upper(name + strlen("aero."));
    aero_buffer_clear(text);
    bool known = node->ops->admin(node->self, upper, call->arguments + 1, call->argument_count - 1,
                                  text, &error);
    if (error != NULL) {
        aero_call_error(call, error);
    } else if (known) {
        aero_resp_verbatim(&call->reply, aero_buffer_slice(text));
    } else {
        aero_refuse_unknown_command(call);
    }
}
