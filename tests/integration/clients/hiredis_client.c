/* SPDX-License-Identifier: Apache-2.0 */
/* hiredis with its defaults: binary values, nil, pipelining, an error reply.
 *     hiredis_client PORT */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void expect(int truth, const char *what)
{
    if (!truth) {
        fprintf(stderr, "hiredis_client: %s\n", what);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    expect(argc == 2, "usage: hiredis_client PORT");
    redisContext *context = redisConnect("127.0.0.1", (int)strtol(argv[1], NULL, 10));
    expect(context != NULL && context->err == 0, "connect");

    redisReply *reply = redisCommand(context, "SET %s %b", "h:key", "a\0b", (size_t)3);
    expect(reply != NULL && reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "OK") == 0,
           "SET");
    freeReplyObject(reply);
    reply = redisCommand(context, "GET h:key");
    expect(reply->type == REDIS_REPLY_STRING && reply->len == 3 &&
               memcmp(reply->str, "a\0b", 3) == 0,
           "GET");
    freeReplyObject(reply);
    reply = redisCommand(context, "NOSUCH");
    expect(reply->type == REDIS_REPLY_ERROR, "an unknown command is an error");
    freeReplyObject(reply);

    for (int i = 0; i < 100; i++) {
        redisAppendCommand(context, "INCR h:counter");
    }
    for (int i = 1; i <= 100; i++) {
        expect(redisGetReply(context, (void **)&reply) == REDIS_OK, "pipelined reply");
        expect(reply->type == REDIS_REPLY_INTEGER && reply->integer == i,
               "pipelined INCR in order");
        freeReplyObject(reply);
    }
    reply = redisCommand(context, "GET h:absent");
    expect(reply->type == REDIS_REPLY_NIL, "GET of an absent key is nil");
    freeReplyObject(reply);
    redisFree(context);
    puts("hiredis ok");
    return 0;
}
