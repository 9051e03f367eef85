/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines of keys: EXPIRE, TTL and their relatives. */
#include "server/expire_time.h"

#include "server/text.h"

#define MS_PER_S 1000

static bool is_relative(enum aero_expire_unit unit)
{
    return unit == AERO_EXPIRE_IN_S || unit == AERO_EXPIRE_IN_MS;
}

static bool is_seconds(enum aero_expire_unit unit)
{
    return unit == AERO_EXPIRE_IN_S || unit == AERO_EXPIRE_AT_S;
}

bool aero_expire_option_take(struct aero_call *call, size_t *index,
                             struct aero_expire_option *option)
{
    static const struct {
        const char *word;
        enum aero_expire_unit unit;
    } words[] = {
        {"ex", AERO_EXPIRE_IN_S},
        {"px", AERO_EXPIRE_IN_MS},
        {"exat", AERO_EXPIRE_AT_S},
        {"pxat", AERO_EXPIRE_AT_MS},
    };
    if (*index + 1 >= call->argument_count) {
        return false;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        bool fits = option->unit == AERO_EXPIRE_NONE || option->unit == words[i].unit;
        if (fits && aero_call_is(call, *index, words[i].word)) {
            *option = (struct aero_expire_option){.unit = words[i].unit, .argument = *index + 1};
            *index += 1;
            return true;
        }
    }
    return false;
}

bool aero_expire_to_ms(const struct aero_server *server, enum aero_expire_unit unit, int64_t number,
                       int64_t *out_deadline_ms)
{
    int64_t deadline_ms = number;
    if (is_seconds(unit) && __builtin_mul_overflow(number, MS_PER_S, &deadline_ms)) {
        return false;
    }
    int64_t base_ms = is_relative(unit) ? (int64_t)aero_expiry_clock(server) : 0;
    return !__builtin_add_overflow(deadline_ms, base_ms, out_deadline_ms);
}

static void refuse_expire_time(struct aero_call *call)
{
    aero_call_error_f(call, "ERR invalid expire time in '%s' command", call->command->name);
}

bool aero_expire_option_deadline(struct aero_call *call, const struct aero_expire_option *option,
                                 uint64_t *out_deadline_ms)
{
    int64_t number;
    int64_t deadline_ms;
    if (option->unit == AERO_EXPIRE_NONE) {
        *out_deadline_ms = 0;
        return true;
    }
    if (!aero_call_i64(call, option->argument, &number)) {
        return false;
    }
    if (number <= 0 || !aero_expire_to_ms(call->server, option->unit, number, &deadline_ms)) {
        refuse_expire_time(call);
        return false;
    }
    *out_deadline_ms = (uint64_t)deadline_ms;
    return true;
}

struct conditions {
    bool only_new;
    bool only_old;
    bool only_greater;
    bool only_less;
};

static bool parse_conditions(struct aero_call *call, struct conditions *out_conditions)
{
    struct conditions c = {0};
    for (size_t i = 3; i < call->argument_count; i++) {
        if (aero_call_is(call, i, "nx")) {
            c.only_new = true;
        } else if (aero_call_is(call, i, "xx")) {
            c.only_old = true;
        } else if (aero_call_is(call, i, "gt")) {
            c.only_greater = true;
        } else if (aero_call_is(call, i, "lt")) {
            c.only_less = true;
        } else {
            struct aero_slice word = call->arguments[i];
            aero_call_error_f(call, "ERR Unsupported option %.*s", aero_call_shown(word),
                              (const char *)word.data);
            return false;
        }
    }
    if (c.only_new && (c.only_old || c.only_greater || c.only_less)) {
        aero_call_error(call,
                        "ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if (c.only_greater && c.only_less) {
        aero_call_error(call, "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    *out_conditions = c;
    return true;
}

/* `present_ms` is the deadline that the key has, 0 for none, which counts as the end of time. */
static bool conditions_hold(const struct conditions *c, uint64_t present_ms, int64_t wanted_ms)
{
    bool later = present_ms != 0 && wanted_ms > (int64_t)present_ms;
    bool earlier = present_ms == 0 || wanted_ms < (int64_t)present_ms;
    return !(c->only_new && present_ms != 0) && !(c->only_old && present_ms == 0) &&
           !(c->only_greater && !later) && !(c->only_less && !earlier);
}

static void expire(struct aero_call *call, enum aero_expire_unit unit)
{
    struct aero_slice key = call->arguments[1];
    struct conditions conditions;
    struct aero_entry entry;
    int64_t number;
    int64_t deadline_ms;
    if (!parse_conditions(call, &conditions) || !aero_call_i64(call, 2, &number)) {
        return;
    }
    if (!aero_expire_to_ms(call->server, unit, number, &deadline_ms)) {
        refuse_expire_time(call);
        return;
    }
    if (!aero_find(call, key, &entry) ||
        !conditions_hold(&conditions, entry.deadline_ms, deadline_ms)) {
        aero_resp_integer(&call->reply, 0);
        return;
    }
    if (deadline_ms <= (int64_t)aero_expiry_clock(call->server)) {
        aero_remove(call, call->session->database, key, &entry);
    } else {
        aero_store_deadline(call, key, &entry, (uint64_t)deadline_ms);
    }
    aero_resp_integer(&call->reply, 1);
}

void aero_command_expire(struct aero_call *call)
{
    expire(call, AERO_EXPIRE_IN_S);
}

void aero_command_pexpire(struct aero_call *call)
{
    expire(call, AERO_EXPIRE_IN_MS);
}

void aero_command_expireat(struct aero_call *call)
{
    expire(call, AERO_EXPIRE_AT_S);
}

void aero_command_pexpireat(struct aero_call *call)
{
    expire(call, AERO_EXPIRE_AT_MS);
}

void aero_command_persist(struct aero_call *call)
{
    struct aero_entry entry;
    bool expires = aero_find(call, call->arguments[1], &entry) && entry.deadline_ms != 0;
    if (expires) {
        aero_store_deadline(call, call->arguments[1], &entry, 0);
    }
    aero_resp_integer(&call->reply, expires);
}

enum shown {
    SHOWN_REMAINING,
    SHOWN_ABSOLUTE,
};

static void show_deadline(struct aero_call *call, enum shown shown, bool seconds)
{
    struct aero_entry entry;
    if (!aero_find_counted(call, call->arguments[1], &entry)) {
        aero_resp_integer(&call->reply, -2);
        return;
    }
    if (entry.deadline_ms == 0) {
        aero_resp_integer(&call->reply, -1);
        return;
    }
    uint64_t ms = entry.deadline_ms;
    if (shown == SHOWN_REMAINING) {
        ms -= aero_expiry_clock(call->server);
    }
    aero_resp_integer(&call->reply, (int64_t)(seconds ? (ms + MS_PER_S / 2) / MS_PER_S : ms));
}

void aero_command_ttl(struct aero_call *call)
{
    show_deadline(call, SHOWN_REMAINING, true);
}

void aero_command_pttl(struct aero_call *call)
{
    show_deadline(call, SHOWN_REMAINING, false);
}

void aero_command_expiretime(struct aero_call *call)
{
    show_deadline(call, SHOWN_ABSOLUTE, true);
}

void aero_command_pexpiretime(struct aero_call *call)
{
    show_deadline(call, SHOWN_ABSOLUTE, false);
}
