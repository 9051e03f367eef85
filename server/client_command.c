/* SPDX-License-Identifier: Apache-2.0 */
/* CLIENT and its subcommands. */
#include "server/call.h"

#include <stdlib.h>

#include "server/text.h"

#define NS_PER_S ((uint64_t)1000000000)

/* An owned copy, or NULL for an empty text; replaces *text. */
static void replace_text(char **text, struct aero_slice value)
{
    free(*text);
    *text = NULL;
    if (value.length != 0) {
        *text = aero_malloc(value.length + 1);
        memcpy(*text, value.data, value.length);
        (*text)[value.length] = '\0';
    }
}

bool aero_client_check_name(struct aero_call *call, struct aero_slice name)
{
    if (!aero_text_is_plain(name)) {
        aero_call_error(call, "ERR Client names cannot contain spaces, newlines or special "
                              "characters.");
        return false;
    }
    if (name.length >= AERO_CLIENT_NAME_MAX) {
        aero_call_error_f(call, "ERR Client names cannot be longer than %d bytes",
                          AERO_CLIENT_NAME_MAX - 1);
        return false;
    }
    return true;
}

void aero_client_set_name(struct aero_session *session, struct aero_slice name)
{
    replace_text(&session->name, name);
}

void aero_command_client_id(struct aero_call *call)
{
    aero_resp_integer(&call->reply, (int64_t)call->session->id);
}

void aero_command_client_setname(struct aero_call *call)
{
    if (aero_client_check_name(call, call->arguments[2])) {
        aero_client_set_name(call->session, call->arguments[2]);
        aero_call_ok(call);
    }
}

void aero_command_client_getname(struct aero_call *call)
{
    if (call->session->name == NULL) {
        aero_resp_null(&call->reply);
    } else {
        aero_resp_bulk_text(&call->reply, call->session->name);
    }
}

void aero_command_client_setinfo(struct aero_call *call)
{
    struct aero_session *session = call->session;
    struct aero_slice word = call->arguments[2];
    struct aero_slice value = call->arguments[3];
    bool is_name = aero_call_is(call, 2, "lib-name");
    if (!is_name && !aero_call_is(call, 2, "lib-ver")) {
        aero_call_error_f(call, "ERR Unrecognized option '%.*s'", aero_call_shown(word),
                          (const char *)word.data);
        return;
    }
    if (!aero_text_is_plain(value)) {
        aero_call_error_f(call, "ERR %.*s cannot contain spaces, newlines or special characters.",
                          aero_call_shown(word), (const char *)word.data);
        return;
    }
    if (value.length >= AERO_CLIENT_NAME_MAX) {
        aero_call_error_f(call, "ERR %.*s cannot be longer than %d bytes", aero_call_shown(word),
                          (const char *)word.data, AERO_CLIENT_NAME_MAX - 1);
        return;
    }
    replace_text(is_name ? &session->library_name : &session->library_version, value);
    aero_call_ok(call);
}

static const char *text_or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

/* The letters of Redis, in its order, for what a session here can be. */
#define FLAGS_TEXT 8
static void write_flags(const struct aero_session *session, char out_text[FLAGS_TEXT])
{
    const struct {
        bool is;
        char letter;
    } flags[] = {
        {session->multi.active, 'x'}, {session->block.kind != AERO_BLOCK_NONE, 'b'},
        {session->watch_dirty, 'd'},  {session->no_evict, 'e'},
        {session->no_touch, 'T'},
    };
    size_t count = 0;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (flags[i].is) {
            out_text[count++] = flags[i].letter;
        }
    }
    if (count == 0) {
        out_text[count++] = 'N';
    }
    out_text[count] = '\0';
}

/* One line as Redis writes it; buffers that we have no counterpart for are 0. */
static void describe(const struct aero_session *session, struct aero_buffer *out_text)
{
    const struct aero_server *server = session->server;
    size_t output = aero_output_pending(&session->output);
    char flags[FLAGS_TEXT];
    char command[AERO_COMMAND_FULL_NAME_MAX] = "NULL";
    write_flags(session, flags);
    if (session->last_command != NULL) {
        aero_command_full_name(session->last_command, command);
    }
    aero_buffer_printf(
        out_text, "id=%llu addr=%s laddr=%s fd=%d name=%s age=%llu idle=%llu flags=%s",
        (unsigned long long)session->id, session->peer_address, session->local_address,
        session->descriptor, text_or_empty(session->name),
        (unsigned long long)((server->now.value - session->opened.value) / NS_PER_S),
        (unsigned long long)((server->now.value - session->active.value) / NS_PER_S), flags);
    aero_buffer_printf(out_text,
                       " db=%u sub=0 psub=0 ssub=0 multi=%lld watch=%zu qbuf=%zu qbuf-free=%zu "
                       "argv-mem=0 multi-mem=%zu rbs=0 rbp=0 obl=0 oll=%u omem=%zu tot-mem=%zu "
                       "events=%s cmd=%s",
                       session->database,
                       session->multi.active ? (long long)session->multi.queued_count : -1,
                       session->watch_count, session->input.length,
                       session->input.capacity - session->input.length, session->multi.bytes.length,
                       session->output.held_count, output,
                       sizeof *session + session->input.capacity + session->output.bytes.capacity,
                       output == 0 ? "r" : "rw", command);
    aero_buffer_printf(out_text, " user=%s redir=-1 resp=%u lib-name=%s lib-ver=%s\n",
                       session->user == AERO_NO_USER ? "(none)" : server->users[session->user].name,
                       session->protocol, text_or_empty(session->library_name),
                       text_or_empty(session->library_version));
}

void aero_command_client_info(struct aero_call *call)
{
    struct aero_buffer *text = &call->server->text;
    aero_buffer_clear(text);
    describe(call->session, text);
    aero_resp_verbatim(&call->reply, aero_buffer_slice(text));
}

/* What CLIENT LIST and CLIENT KILL select by. */
struct filter {
    size_t ids;  /* argument of the first id; 0: any */
    uint64_t id; /* 0: any */
    /* NULL: any. An empty one is an address that nobody has. */
    const struct aero_slice *peer_address;
    const struct aero_slice *local_address;
    size_t user; /* AERO_NO_USER: any */
    uint64_t age_min_s;
    bool nobody; /* a type that we do not have: replica, pubsub */
    bool skip_me;
};

static const struct filter everybody = {.user = AERO_NO_USER};

/* Each session is listed once, in the order of the numbers, however often it was asked for: what CLIENT LIST ID answers
 * is bounded by the sessions. */
static bool id_is_listed(const struct aero_call *call, uint64_t id, size_t ids)
{
    for (size_t i = ids; i < call->argument_count; i++) {
        uint64_t listed;
        if (aero_parse_u64(call->arguments[i], &listed) && listed == id) {
            return true;
        }
    }
    return false;
}

static bool is_text(const struct aero_slice *wanted, const char *text)
{
    return wanted == NULL || aero_slice_equal(*wanted, aero_slice_text(text));
}

static bool matches(const struct aero_call *call, const struct filter *filter,
                    const struct aero_session *session)
{
    if (filter->nobody || session->closing || (filter->skip_me && session == call->session)) {
        return false;
    }
    if (filter->ids != 0 && !id_is_listed(call, session->id, filter->ids)) {
        return false;
    }
    if (filter->id != 0 && filter->id != session->id) {
        return false;
    }
    if (filter->user != AERO_NO_USER && filter->user != session->user) {
        return false;
    }
    return is_text(filter->peer_address, session->peer_address) &&
           is_text(filter->local_address, session->local_address) &&
           (call->server->now.value - session->opened.value) / NS_PER_S >= filter->age_min_s;
}

/* TYPE: every client here is a normal one. */
static bool parse_type(struct aero_call *call, size_t argument, struct filter *filter)
{
    static const char *const others[] = {"master", "slave", "replica", "pubsub"};
    struct aero_slice type = call->arguments[argument];
    if (aero_text_is(type, "normal")) {
        return true;
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (aero_text_is(type, others[i])) {
            filter->nobody = true;
            return true;
        }
    }
    aero_call_error_f(call, "ERR Unknown client type '%.*s'", aero_call_shown(type),
                      (const char *)type.data);
    return false;
}

/* A number that no session has is none that is listed, and no error. False: the error is written. */
static bool parse_ids(struct aero_call *call, struct filter *filter)
{
    filter->ids = 3;
    for (size_t i = filter->ids; i < call->argument_count; i++) {
        int64_t id;
        if (!aero_parse_i64(call->arguments[i], &id)) {
            aero_call_error(call, "ERR Invalid client ID");
            return false;
        }
    }
    return true;
}

/* False: the error is written. */
static bool parse_list(struct aero_call *call, struct filter *filter)
{
    if (call->argument_count == 2) {
        return true;
    }
    if (call->argument_count == 4 && aero_call_is(call, 2, "type")) {
        return parse_type(call, 3, filter);
    }
    if (call->argument_count > 3 && aero_call_is(call, 2, "id")) {
        return parse_ids(call, filter);
    }
    aero_call_syntax_error(call);
    return false;
}

void aero_command_client_list(struct aero_call *call)
{
    const struct aero_server *server = call->server;
    struct aero_buffer *text = &call->server->text;
    struct filter filter = everybody;
    if (!parse_list(call, &filter)) {
        return;
    }
    aero_buffer_clear(text);
    for (const struct aero_link *link = server->sessions.next; link != &server->sessions;
         link = link->next) {
        const struct aero_session *session = AERO_CONTAINER(link, struct aero_session, by_server);
        if (matches(call, &filter, session)) {
            describe(session, text);
        }
    }
    aero_resp_verbatim(&call->reply, aero_buffer_slice(text));
}

/* One option and its value; false: the error is written. */
static bool parse_kill_option(struct aero_call *call, size_t i, struct filter *filter)
{
    if (i + 1 == call->argument_count) {
        aero_call_syntax_error(call);
        return false;
    }
    struct aero_slice value = call->arguments[i + 1];
    if (aero_call_is(call, i, "id")) {
        if (!aero_parse_u64(value, &filter->id) || filter->id == 0) {
            aero_call_error(call, "ERR client-id should be greater than 0");
            return false;
        }
        return true;
    }
    if (aero_call_is(call, i, "maxage")) {
        if (!aero_parse_u64(value, &filter->age_min_s) || filter->age_min_s == 0) {
            aero_call_error(call, "ERR maxage should be greater than 0");
            return false;
        }
        return true;
    }
    if (aero_call_is(call, i, "type")) {
        return parse_type(call, i + 1, filter);
    }
    if (aero_call_is(call, i, "addr")) {
        filter->peer_address = &call->arguments[i + 1];
        return true;
    }
    if (aero_call_is(call, i, "laddr")) {
        filter->local_address = &call->arguments[i + 1];
        return true;
    }
    if (aero_call_is(call, i, "user")) {
        filter->user = aero_users_find(call->server, value);
        if (filter->user == AERO_NO_USER) {
            aero_call_error_f(call, "ERR No such user '%.*s'", aero_call_shown(value),
                              (const char *)value.data);
            return false;
        }
        return true;
    }
    if (aero_call_is(call, i, "skipme") &&
        (aero_text_is(value, "yes") || aero_text_is(value, "no"))) {
        filter->skip_me = aero_text_is(value, "yes");
        return true;
    }
    aero_call_syntax_error(call);
    return false;
}

/* Its own connection still gets the answer. */
static void kill(struct aero_call *call, struct aero_session *session)
{
    if (session == call->session) {
        aero_session_begin_close(session, "killed by a client");
    } else {
        aero_session_kill(session, "killed by a client");
    }
}

void aero_command_client_kill(struct aero_call *call)
{
    struct aero_server *server = call->server;
    struct filter filter = everybody;
    bool old_form = call->argument_count == 3;
    int64_t killed = 0;
    filter.skip_me = !old_form;
    if (old_form) {
        filter.peer_address = &call->arguments[2];
    }
    for (size_t i = 2; !old_form && i < call->argument_count; i += 2) {
        if (!parse_kill_option(call, i, &filter)) {
            return;
        }
    }
    for (struct aero_link *link = server->sessions.next; link != &server->sessions;
         link = link->next) {
        struct aero_session *session = AERO_CONTAINER(link, struct aero_session, by_server);
        if (matches(call, &filter, session)) {
            kill(call, session);
            killed++;
        }
    }
    if (!old_form) {
        aero_resp_integer(&call->reply, killed);
    } else if (killed == 0) {
        aero_call_error(call, "ERR No such client");
    } else {
        aero_call_ok(call);
    }
}

void aero_command_client_reply(struct aero_call *call)
{
    struct aero_session *session = call->session;
    if (aero_call_is(call, 2, "on")) {
        session->reply_mode = AERO_REPLY_ON;
        aero_call_ok(call);
    } else if (aero_call_is(call, 2, "off")) {
        session->reply_mode = AERO_REPLY_OFF;
    } else if (aero_call_is(call, 2, "skip")) {
        if (session->reply_mode != AERO_REPLY_OFF) {
            session->reply_mode = AERO_REPLY_SKIP_NEXT;
        }
    } else {
        aero_call_syntax_error(call);
    }
}

static void set_switch(struct aero_call *call, bool *out_switch)
{
    if (aero_call_is(call, 2, "on") || aero_call_is(call, 2, "off")) {
        *out_switch = aero_call_is(call, 2, "on");
        aero_call_ok(call);
    } else {
        aero_call_syntax_error(call);
    }
}

void aero_command_client_no_evict(struct aero_call *call)
{
    set_switch(call, &call->session->no_evict);
}

void aero_command_client_no_touch(struct aero_call *call)
{
    set_switch(call, &call->session->no_touch);
}

void aero_command_client_getredir(struct aero_call *call)
{
    aero_resp_integer(&call->reply, -1);
}
