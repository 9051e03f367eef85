/* SPDX-License-Identifier: Apache-2.0 */
/* The link: the sender's wishes are served as the host's link thread serves them; what it sends waits in a buffer until it is
 * delivered, a piece at a time. Pieces cut headers, records and snapshot blocks. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "primary/fleet_event.h"
#include "primary/primary.h"
#include "replica/replica.h"
#include "shipping/sender.h"
#include "tests/crash/pair.h"
#include "tests/simulation/sim_clock.h"

#define PIECE_BYTES ((size_t)900)
#define REPLICA_NAME "replica"

static void tell_core(struct crash_pair *pair, const struct aero_sender_event *event)
{
    struct aero_fleet_event told;
    aero_fleet_event_copy(&told, pair->connection, REPLICA_NAME, REPLICA_NAME, pair->sender, event);
    if (event->kind == AERO_SENDER_LOSS_CLAIMED || event->kind == AERO_SENDER_LOSS_PROVEN ||
        event->kind == AERO_SENDER_EPOCH_CLASH || event->kind == AERO_SENDER_DAMAGED) {
        crash_pair_break(pair, "the link says %d: %s", (int)event->kind, event->text);
    }
    if (event->kind == AERO_SENDER_PROGRESS && event->durable.value > pair->truth.durable) {
        crash_pair_break(pair, "the replica acknowledges LSN %llu, the primary has %llu durable",
                         (unsigned long long)event->durable.value,
                         (unsigned long long)pair->truth.durable);
    }
    pair->said_closed |= event->kind == AERO_SENDER_CLOSED;
    aero_primary_on_fleet_event(pair->primary, &told);
}

static void serve_read(struct crash_pair *pair, const struct aero_sender_read *read)
{
    struct aero_disk port = crash_port_disk(&pair->node[0].machine.port);
    struct aero_disk_file *file = NULL;
    size_t length = 0;
    aero_status status = port.ops->open(port.self, read->name, AERO_DISK_READ, &file);
    if (aero_is_ok(status)) {
        status = port.ops->read(port.self, file, read->offset, read->into, read->length, &length);
        port.ops->close(port.self, file);
    }
    aero_sender_on_read(pair->sender, status, aero_is_ok(status) ? length : 0);
}

static void drive_sender(struct crash_pair *pair)
{
    bool goes_on = true;
    while (goes_on) {
        struct aero_sender_event event;
        struct aero_sender_read read;
        goes_on = false;
        while (!pair->said_closed && aero_sender_next_event(pair->sender, &event)) {
            tell_core(pair, &event);
            goes_on = true;
        }
        if (aero_sender_next_read(pair->sender, &read)) {
            serve_read(pair, &read);
            goes_on = true;
        }
        struct aero_slice output = aero_sender_output(pair->sender);
        if (output.length > 0) {
            aero_buffer_append_slice(&pair->to_replica, output);
            aero_sender_sent(pair->sender, output.length);
            goes_on = true;
        }
    }
}

static void publish(struct crash_pair *pair)
{
    struct aero_shipping_view *view = aero_primary_shipping_view(pair->primary);
    struct aero_wal_place place = aero_primary_durable_place(pair->primary);
    if (view != pair->published_view || place.sequence != pair->published_place.sequence ||
        place.offset != pair->published_place.offset) {
        aero_sender_on_wal(pair->sender, view, place);
    }
    pair->published_view = view;
    pair->published_place = place;
    aero_sender_tick(pair->sender, (aero_mono_ns){.value = pair->mono_ns});
}

void crash_link_collect(struct crash_pair *pair)
{
    if (pair->sender == NULL || !pair->flowing) {
        return;
    }
    publish(pair);
    drive_sender(pair);
    struct aero_slice output = aero_replica_link_output(pair->replica);
    if (output.length > 0) {
        aero_buffer_append_slice(&pair->to_primary, output);
        aero_replica_link_sent(pair->replica, output.length);
    }
    bool replica_ends = aero_replica_wants_close(pair->replica) && pair->to_primary.length == 0;
    bool primary_ends = pair->said_closed && pair->to_replica.length == 0;
    if (replica_ends || primary_ends) {
        crash_pair_cut(pair);
    }
}

static struct aero_slice front_piece(const struct aero_buffer *bytes)
{
    return aero_slice_of(bytes->data, bytes->length < PIECE_BYTES ? bytes->length : PIECE_BYTES);
}

/* One piece in one direction. */
bool crash_link_deliver(struct crash_pair *pair)
{
    if (pair->sender == NULL || !pair->flowing) {
        return false;
    }
    if (pair->to_primary.length > 0) {
        struct aero_slice piece = front_piece(&pair->to_primary);
        if (!pair->said_closed) {
            aero_sender_on_bytes(pair->sender, piece, (aero_mono_ns){.value = pair->mono_ns});
        }
        aero_buffer_consume(&pair->to_primary, piece.length);
        return true;
    }
    if (pair->to_replica.length > 0) {
        struct aero_slice piece = front_piece(&pair->to_replica);
        if (aero_replica_on_link_bytes(pair->replica, piece)) {
            aero_buffer_consume(&pair->to_replica, piece.length);
            return true;
        }
    }
    return false;
}

void crash_pair_connect(struct crash_pair *pair)
{
    if (pair->sender != NULL) {
        return;
    }
    for (int i = 0; i < 4 && !aero_replica_wants_link(pair->replica); i++) {
        pair->mono_ns += 120000000000U; /* longer than any backoff */
        crash_pair_settle(pair);
    }
    if (!aero_replica_wants_link(pair->replica)) {
        crash_pair_break(pair, "the replica does not want a link");
        return;
    }
    const struct aero_sender_options options = {.tail_streaming = true,
                                                .heartbeat_interval_ns = UINT64_MAX / 4,
                                                .timeout_ns = UINT64_MAX / 4};
    const struct aero_sender_peer peer = {
        .name = REPLICA_NAME,
        .allowed = true,
        .acknowledged = aero_primary_acknowledged_by(pair->primary, REPLICA_NAME),
        .link_nonce = aero_sim_draw_id(&pair->ids),
    };
    pair->connection++;
    pair->said_closed = false;
    pair->published_view = NULL;
    pair->sender =
        aero_sender_new(&options, &peer, aero_primary_shipping_view(pair->primary),
                        aero_primary_durable_place(pair->primary), (aero_mono_ns){pair->mono_ns});
    aero_replica_on_link_open(pair->replica, "primary");
}

void crash_pair_cut(struct crash_pair *pair)
{
    if (pair->sender == NULL) {
        return;
    }
    if (pair->primary != NULL && !pair->said_closed) {
        struct aero_fleet_event told = {.connection = pair->connection, .kind = AERO_SENDER_CLOSED};
        snprintf(told.name, sizeof told.name, REPLICA_NAME);
        snprintf(told.address, sizeof told.address, REPLICA_NAME);
        aero_primary_on_fleet_event(pair->primary, &told);
    }
    aero_sender_free(pair->sender);
    pair->sender = NULL;
    aero_buffer_clear(&pair->to_replica);
    aero_buffer_clear(&pair->to_primary);
    if (pair->replica != NULL) {
        aero_replica_on_link_closed(pair->replica, "cut");
    }
}
