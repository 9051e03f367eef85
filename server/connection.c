/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about the connection itself: who, which version, which database, and the end of it. */
#include "server/call.h"

#include "server/text.h"

void aero_command_ping(struct aero_call *call)
{
    if (call->argument_count > 2) {
        aero_call_arity_error(call);
    } else if (call->argument_count == 2) {
        aero_resp_bulk(&call->reply, call->arguments[1]);
    } else {
        aero_resp_simple(&call->reply, "PONG");
    }
}

void aero_command_echo(struct aero_call *call)
{
    aero_resp_bulk(&call->reply, call->arguments[1]);
}

void aero_command_select(struct aero_call *call)
{
    int64_t database;
    if (!aero_call_i64(call, 1, &database)) {
        return;
    }
    if (database < 0 || database >= AERO_DATABASE_COUNT) {
        aero_call_error(call, "ERR DB index is out of range");
        return;
    }
    call->session->database = (uint8_t)database;
    aero_call_ok(call);
}

void aero_command_quit(struct aero_call *call)
{
    aero_call_ok(call);
    aero_session_begin_close(call->session, "");
}

void aero_command_reset(struct aero_call *call)
{
    aero_session_reset(call->session);
    call->reply.version = call->session->protocol;
    aero_resp_simple(&call->reply, "RESET");
}

/* False: the error is written. */
static bool authenticate(struct aero_call *call, struct aero_slice name, struct aero_slice password)
{
    size_t user = aero_users_check(call->server, name, password);
    if (user == AERO_NO_USER) {
        aero_call_error(call, "WRONGPASS invalid username-password pair or user is disabled.");
        return false;
    }
    call->session->user = user;
    return true;
}

void aero_command_auth(struct aero_call *call)
{
    bool named = call->argument_count == 3;
    if (call->argument_count > 3) {
        aero_call_syntax_error(call);
        return;
    }
    if (!named && aero_users_default_is_open(call->server)) {
        aero_call_error(call, "ERR AUTH <password> called without any password configured for the "
                              "default user. Are you sure your configuration is correct?");
        return;
    }
    struct aero_slice name = named ? call->arguments[1] : aero_slice_text("default");
    if (authenticate(call, name, call->arguments[named ? 2 : 1])) {
        aero_call_ok(call);
    }
}

static void reply_hello(struct aero_call *call)
{
    const struct aero_node *node = &call->server->node;
    struct aero_resp_writer *reply = &call->reply;
    bool primary = node->ops->role(node->self) == AERO_NODE_PRIMARY;
    aero_resp_map(reply, 7);
    aero_resp_bulk_text(reply, "server");
    aero_resp_bulk_text(reply, "redis");
    aero_resp_bulk_text(reply, "version");
    aero_resp_bulk_text(reply, AERO_REDIS_VERSION);
    aero_resp_bulk_text(reply, "proto");
    aero_resp_integer(reply, call->session->protocol);
    aero_resp_bulk_text(reply, "id");
    aero_resp_integer(reply, (int64_t)call->session->id);
    aero_resp_bulk_text(reply, "mode");
    aero_resp_bulk_text(reply, "standalone");
    aero_resp_bulk_text(reply, "role");
    aero_resp_bulk_text(reply, primary ? "master" : "replica");
    aero_resp_bulk_text(reply, "modules");
    aero_resp_array(reply, 0);
}

struct hello_options {
    bool has_version;
    uint8_t version;
    size_t user; /* argument of AUTH's name; 0: none */
    size_t name; /* argument of SETNAME; 0: none */
};

static bool parse_hello(struct aero_call *call, struct hello_options *out_options)
{
    struct hello_options options = {0};
    if (call->argument_count >= 2) {
        int64_t version;
        if (!aero_parse_i64(call->arguments[1], &version)) {
            aero_call_error(call, "ERR Protocol version is not an integer or out of range");
            return false;
        }
        if (version != 2 && version != 3) {
            aero_call_error(call, "NOPROTO unsupported protocol version");
            return false;
        }
        options.has_version = true;
        options.version = (uint8_t)version;
    }
    for (size_t i = 2; i < call->argument_count; i++) {
        size_t left = call->argument_count - 1 - i;
        if (aero_call_is(call, i, "auth") && left >= 2) {
            options.user = i + 1;
            i += 2;
        } else if (aero_call_is(call, i, "setname") && left >= 1) {
            options.name = i + 1;
            if (!aero_client_check_name(call, call->arguments[options.name])) {
                return false;
            }
            i += 1;
        } else {
            struct aero_slice word = call->arguments[i];
            aero_call_error_f(call, "ERR Syntax error in HELLO option '%.*s'",
                              aero_call_shown(word), (const char *)word.data);
            return false;
        }
    }
    *out_options = options;
    return true;
}

void aero_command_hello(struct aero_call *call)
{
    struct hello_options options;
    if (!parse_hello(call, &options)) {
        return;
    }
    if (options.user != 0 &&
        !authenticate(call, call->arguments[options.user], call->arguments[options.user + 1])) {
        return;
    }
    if (call->session->user == AERO_NO_USER) {
        aero_call_error(call,
                        "NOAUTH HELLO must be called with the client already authenticated, "
                        "otherwise the HELLO <proto> AUTH <user> <pass> option can be used to "
                        "authenticate the client and select the RESP protocol version at the "
                        "same time");
        return;
    }
    if (options.name != 0) {
        aero_client_set_name(call->session, call->arguments[options.name]);
    }
    if (options.has_version) {
        call->session->protocol = options.version;
        call->reply.version = options.version;
    }
    reply_hello(call);
}

void aero_command_time(struct aero_call *call)
{
    uint64_t ms = call->server->wall.value;
    aero_resp_array(&call->reply, 2);
    aero_resp_bulk_u64(&call->reply, ms / 1000);
    aero_resp_bulk_u64(&call->reply, ms % 1000 * 1000);
}
