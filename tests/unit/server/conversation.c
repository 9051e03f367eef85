/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/server/conversation.h"

#include <stdio.h>

#include "proto/resp_command.h"
#include "proto/resp_reply.h"

#define NS_PER_MS ((uint64_t)1000000)

static void start(struct conversation *talk, struct aero_node node)
{
    talk->server = aero_server_new(&talk->options, node, talk->config);
    conversation_tick_ms(talk, 0);
}

void conversation_init(struct conversation *talk)
{
    *talk = (struct conversation){.mono_ns = 1000 * NS_PER_MS};
    aero_server_options_default(&talk->options);
    start(talk, fake_node_init(&talk->node));
}

void conversation_restart(struct conversation *talk)
{
    conversation_deinit(talk);
    start(talk, fake_node_init(&talk->node));
}

void conversation_deinit(struct conversation *talk)
{
    aero_server_free(talk->server);
    fake_node_deinit(&talk->node);
}

struct aero_session *conversation_open(struct conversation *talk)
{
    return aero_session_open(talk->server,
                             &(struct aero_session_options){.peer_address = "127.0.0.1:50000",
                                                            .local_address = "127.0.0.1:6379",
                                                            .trusted = true,
                                                            .descriptor = 9});
}

void conversation_send(struct aero_session *session, const char *line)
{
    const struct aero_resp_limits limits = {
        .bulk_bytes_max = 1 << 20, .request_bytes_max = 1 << 20, .argument_count_max = 1 << 20};
    struct aero_resp_parser parser = {0};
    struct aero_buffer text = {0};
    struct aero_buffer bytes = {0};
    struct aero_resp_writer writer = {.out = &bytes, .version = 2};
    size_t consumed;
    aero_buffer_append_slice(&text, aero_slice_text(line));
    aero_buffer_append(&text, "\n", 1);
    assert_int_equal(aero_resp_parse(&parser, aero_buffer_slice(&text), &limits, &consumed),
                     AERO_RESP_COMMAND);
    aero_resp_array(&writer, parser.argument_count);
    for (size_t i = 0; i < parser.argument_count; i++) {
        aero_resp_bulk(&writer, parser.arguments[i]);
    }
    aero_session_on_input(session, aero_buffer_slice(&bytes));
    aero_resp_parser_deinit(&parser);
    aero_buffer_deinit(&text);
    aero_buffer_deinit(&bytes);
}

void conversation_send_raw(struct aero_session *session, const char *bytes)
{
    aero_session_on_input(session, aero_slice_text(bytes));
}

/* CRLF becomes one blank, so that expectations can be read. */
static void flatten(struct aero_slice reply, struct aero_buffer *out_text)
{
    for (size_t i = 0; i < reply.length; i++) {
        bool ends = reply.data[i] == '\r' && i + 1 < reply.length && reply.data[i + 1] == '\n';
        aero_buffer_append(out_text, ends ? " " : (const char *)&reply.data[i], 1);
        i += ends;
    }
    if (out_text->length != 0 && out_text->data[out_text->length - 1] == ' ') {
        out_text->length--;
    }
    aero_buffer_append(out_text, "", 1);
}

char *conversation_take(struct aero_session *session)
{
    struct aero_slice output = aero_session_output(session);
    char *text = malloc(output.length + 1);
    assert_non_null(text);
    memcpy(text, output.data, output.length);
    text[output.length] = '\0';
    aero_session_sent(session, output.length);
    return text;
}

void conversation_expect(struct aero_session *session, const char *reply)
{
    struct aero_slice output = aero_session_output(session);
    struct aero_buffer text = {0};
    flatten(output, &text);
    assert_string_equal((const char *)text.data, reply);
    aero_session_sent(session, output.length);
    aero_buffer_deinit(&text);
}

void conversation_ask(struct conversation *talk, struct aero_session *session, const char *line,
                      const char *reply)
{
    conversation_send(session, line);
    conversation_sync(talk);
    struct aero_slice output = aero_session_output(session);
    struct aero_buffer text = {0};
    flatten(output, &text);
    if (strcmp((const char *)text.data, reply) != 0) {
        print_error("%s\n", line);
    }
    aero_buffer_deinit(&text);
    conversation_expect(session, reply);
}

void conversation_sync_to(struct conversation *talk, uint64_t lsn)
{
    fake_node_sync(&talk->node, lsn);
    aero_server_on_durable(talk->server, aero_lsn_of(lsn));
}

void conversation_sync(struct conversation *talk)
{
    conversation_sync_to(talk, talk->node.evaluated);
}

void conversation_tick_ms(struct conversation *talk, uint64_t ms)
{
    talk->mono_ns += ms * NS_PER_MS;
    talk->node.clock_ms += ms;
    aero_server_tick(talk->server, (aero_mono_ns){.value = talk->mono_ns},
                     (aero_wall_ms){.value = talk->node.clock_ms});
}

void conversation_run(const struct exchange *exchanges, size_t count)
{
    struct conversation talk;
    conversation_init(&talk);
    struct aero_session *client = conversation_open(&talk);
    for (size_t i = 0; i < count; i++) {
        conversation_ask(&talk, client, exchanges[i].line, exchanges[i].reply);
    }
    conversation_deinit(&talk);
}
