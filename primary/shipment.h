/* SPDX-License-Identifier: Apache-2.0 */
/* When the link is told to ship what became durable.
 *
 * A shipment costs a read, a frame, records of TLS, four wake-ups and a sync on the other side, whatever its size. So it is
 * made of several groups, or of a chunk's bytes. What gathered leaves earlier when nothing else would follow soon: the log
 * is idle, and some replica has made durable all that left before. No timer decides, and nothing waits longer than a few
 * syncs, of this primary or of a replica. With groups_max 1 every group leaves by itself.
 *
 *     if (aero_shipment_gather(&shipment, view, place, log_is_idle)) -> tell the link; what gathered is on its way
 *
 * To be asked in every turn of the loop, also when view and place are the same: an acknowledgement or a failed group may
 * have changed the answer. */
#ifndef AERO_PRIMARY_SHIPMENT_H
#define AERO_PRIMARY_SHIPMENT_H

#include "engine/wal_writer.h"

struct aero_shipping_view;

struct aero_shipment {
    uint32_t groups_max;
    uint32_t groups;                       /* gathered */
    struct aero_wal_place seen;            /* the end of what gathered */
    struct aero_wal_place left;            /* the end of what left */
    aero_lsn acknowledged;                 /* durable with some replica */
    const struct aero_shipping_view *view; /* that left; never followed */
};

/* `durable` never goes back. True: all of it is to be shipped now. A new view is news at once, and takes along what gathered. */
bool aero_shipment_gather(struct aero_shipment *shipment, const struct aero_shipping_view *view,
                          struct aero_wal_place durable, bool log_is_idle);
void aero_shipment_on_acknowledged(struct aero_shipment *shipment, aero_lsn durable);

#endif
