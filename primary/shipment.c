/* SPDX-License-Identifier: Apache-2.0 */
#include "primary/shipment.h"

#include "proto/frame.h"

static bool is_enough(const struct aero_shipment *shipment)
{
    return shipment->groups >= shipment->groups_max ||
           shipment->seen.sequence != shipment->left.sequence ||
           shipment->seen.offset - shipment->left.offset >= AERO_FRAME_CHUNK_MAX;
}

bool aero_shipment_gather(struct aero_shipment *shipment, struct aero_wal_place durable,
                          bool log_is_idle)
{
    bool more =
        durable.sequence != shipment->seen.sequence || durable.offset != shipment->seen.offset;
    shipment->seen = durable;
    shipment->groups += more;
    if (shipment->groups == 0) {
        return false;
    }
    bool nothing_follows =
        log_is_idle && shipment->acknowledged.value >= shipment->left.position.lsn.value;
    if (!nothing_follows && !is_enough(shipment)) {
        return false;
    }
    aero_shipment_left(shipment);
    return true;
}

void aero_shipment_left(struct aero_shipment *shipment)
{
    shipment->groups = 0;
    shipment->left = shipment->seen;
}

void aero_shipment_on_acknowledged(struct aero_shipment *shipment, aero_lsn durable)
{
    if (durable.value > shipment->acknowledged.value) {
        shipment->acknowledged = durable;
    }
}
