/* SPDX-License-Identifier: Apache-2.0 */
/* A primary, a replica and what the verdict over them is. The primary "p" (node 10) has, unless a
 * test says otherwise:
 *
 *     segment 1, sealed     LSN 1 to 5     incarnation 100, epoch 1
 *     segment 2, cut        LSN 6 to 9     incarnation 100
 *     segment 3, open       LSN 10 to 14   incarnation 101, epoch 1 (a restart at LSN 9)
 *
 * and the replica "r" (node 11) the same. */
#ifndef AERO_TESTS_SHIPPING_HANDSHAKE_TABLE_H
#define AERO_TESTS_SHIPPING_HANDSHAKE_TABLE_H

#include <stdlib.h>

#include "tests/unit/shipping/fake_log.h"

struct table {
    struct fake_log primary;
    struct fake_log replica;
    struct aero_buffer hello_history;
    struct aero_handshake_verdict verdict;
    struct aero_message_hello hello;
    bool peer_denied;
    const char *certificate_name; /* NULL: the one in the Hello */
    bool must_not_seed;
    bool probe_fails;
    uint64_t my_epoch; /* 0: that of the newest incarnation */
};

static inline struct table *table_new(void)
{
    struct table *t = aero_calloc(1, sizeof *t);
    fake_log_init(&t->primary, 10, "p");
    fake_log_grow(&t->primary);
    fake_log_copy(&t->replica, &t->primary, 11, "r");
    return t;
}

static inline void table_free(struct table *t)
{
    fake_log_deinit(&t->primary);
    fake_log_deinit(&t->replica);
    aero_buffer_deinit(&t->hello_history);
    free(t);
}

/* The replica's log ends at `lsn`, and says so. */
static inline void say_hello(struct table *t, uint64_t lsn)
{
    t->hello = fake_log_hello(&t->replica, fake_log_place(&t->replica, lsn), &t->hello_history);
}

static inline struct aero_handshake_probe probe_for(const struct table *t)
{
    struct aero_handshake_probe probe = {.done = true};
    uint8_t raw[AERO_RECORD_HEADER_BYTES];
    size_t read_bytes = 0;
    probe.status = fake_log_read(&t->primary, t->verdict.probe_name, t->verdict.probe_offset, raw,
                                 sizeof raw, &read_bytes);
    if (aero_is_ok(probe.status)) {
        probe.status = aero_record_decode(aero_slice_of(raw, read_bytes), &probe.record);
    }
    if (t->probe_fails) {
        probe.status = aero_error(AERO_IO);
    }
    return probe;
}

/* Decides, reading the probe if one is asked for. */
static inline const struct aero_handshake_verdict *decide(struct table *t)
{
    struct aero_history history = {0};
    if (t->hello.history.length > 0) {
        assert_true(aero_is_ok(aero_history_decode(t->hello.history, &history)));
    }
    struct aero_shipping_source source = fake_log_source(&t->primary);
    source.must_not_seed = t->must_not_seed;
    source.epoch.value = t->my_epoch != 0 ? t->my_epoch : source.epoch.value;
    struct aero_handshake_input input = {
        .self = &source,
        .durable = t->primary.end,
        .peer_name = t->certificate_name != NULL ? t->certificate_name : t->hello.node_name,
        .peer_allowed = !t->peer_denied,
        .hello = &t->hello,
        .hello_history = &history,
    };
    aero_handshake_decide(&input, &t->verdict);
    if (t->verdict.needs_probe) {
        input.probe = probe_for(t);
        aero_handshake_decide(&input, &t->verdict);
    }
    assert_false(t->verdict.needs_probe);
    aero_history_deinit(&history);
    return &t->verdict;
}

static inline void assert_verdict(struct table *t, int row, enum aero_handshake_kind kind)
{
    const struct aero_handshake_verdict *verdict = decide(t);
    if (verdict->row != row || verdict->kind != kind) {
        fail_msg("row %d, %s (%s); expected row %d, %s", verdict->row,
                 aero_handshake_text(verdict->kind), verdict->text, row, aero_handshake_text(kind));
    }
    assert_true(strlen(verdict->text) > 0);
}

static inline void add_snapshot(struct fake_log *log, unsigned id, uint64_t lsn)
{
    struct aero_wal_place place = fake_log_place(log, lsn);
    log->snapshots[log->snapshot_count++] = (struct aero_snapshot_entry){.id = fake_id(id),
                                                                         .position = place.position,
                                                                         .sequence = place.sequence,
                                                                         .size_bytes = 1000};
}

static inline void empty_replica(struct table *t)
{
    t->hello = (struct aero_message_hello){.protocol_version = AERO_PROTOCOL_VERSION,
                                           .node_id = fake_id(11),
                                           .node_name = "r",
                                           .holds_nothing = true};
}

#endif
