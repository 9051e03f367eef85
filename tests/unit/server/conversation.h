/* SPDX-License-Identifier: Apache-2.0 */
/* Clients talking to one server over a fake node: a test says what a client sends and what it must have received. */
#ifndef AERO_TESTS_UNIT_SERVER_CONVERSATION_H
#define AERO_TESTS_UNIT_SERVER_CONVERSATION_H

#include "tests/unit/cmocka_setup.h"

#include <stdlib.h>

#include "server/server.h"
#include "tests/unit/server/fake_node.h"

struct conversation {
    struct fake_node node;
    struct aero_server *server;
    struct aero_server_options options;
    struct aero_server_config config; /* nothing, unless a test sets it before a restart */
    uint64_t mono_ns;
};

/* Starts the server with what `talk->options` says (set by conversation_init to the defaults). */
void conversation_init(struct conversation *talk);
void conversation_restart(struct conversation *talk);
void conversation_deinit(struct conversation *talk);

struct aero_session *conversation_open(struct conversation *talk);
/* A line of words, quoted as for redis-cli, sent as an array of bulk strings. */
void conversation_send(struct aero_session *session, const char *line);
/* Bytes as they are. */
void conversation_send_raw(struct aero_session *session, const char *bytes);
/* What may leave now is exactly this text, and is taken; the CRLF of RESP are written as spaces... one each. */
void conversation_expect(struct aero_session *session, const char *reply);
/* What may leave now, as it is, with a NUL; the caller frees it. */
char *conversation_take(struct aero_session *session);
/* Sends, makes durable whatever that committed, and expects. */
void conversation_ask(struct conversation *talk, struct aero_session *session, const char *line,
                      const char *reply);
/* Everything evaluated becomes durable, and the server hears it. */
void conversation_sync(struct conversation *talk);
void conversation_sync_to(struct conversation *talk, uint64_t lsn);
void conversation_tick_ms(struct conversation *talk, uint64_t ms);

/* Lines and what they answer, to a server of their own. */
struct exchange {
    const char *line;
    const char *reply;
};
void conversation_run(const struct exchange *exchanges, size_t count);
#define CONVERSATION_RUN(exchanges) \
    conversation_run(exchanges, sizeof(exchanges) / sizeof((exchanges)[0]))

#endif
