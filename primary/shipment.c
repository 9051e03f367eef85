/* SPDX-License-Identifier: Apache-2.0 */
#include "primary/shipment.h"

#include "engine/segment.h"
#include "proto/frame.h"

/* The first records of a segment make the one before it whole: without tail streaming only they let it be shipped. */
static bool begins_segment(const struct aero_shipment *shipment)
{
    return shipment->seen.sequence != shipment->left.sequence ||
           shipment->left.offset <= AERO_SEGMENT_HEADER_BYTES;
}

static bool is_enough(const struct aero_shipment *shipment)
{
    return shipment->groups >= shipment->groups_max || begins_segment(shipment) ||
           shipment->seen.offset - shipment->left.offset >= AERO_FRAME_CHUNK_MAX;
}

/* Nothing else would take along what gathered soon. */
static bool nothing_follows(const struct aero_shipment *shipment, bool log_is_idle)
{
    return log_is_idle && shipment->acknowledged.value >= shipment->left.position.lsn.value;
}

bool aero_shipment_gather(struct aero_shipment *shipment, const struct aero_shipping_view *view,
                          struct aero_wal_place durable, bool log_is_idle)
{
    bool more =
        durable.sequence != shipment->seen.sequence || durable.offset != shipment->seen.offset;
    shipment->seen = durable;
    shipment->groups += more;
    bool due =
        shipment->groups > 0 && (nothing_follows(shipment, log_is_idle) || is_enough(shipment));
    if (!due && view == shipment->view) {
        return false;
    }
    shipment->groups = 0;
    shipment->left = durable;
    shipment->view = view;
    return true;
}

void aero_shipment_on_acknowledged(struct aero_shipment *shipment, aero_lsn durable)
{
    if (durable.value > shipment->acknowledged.value) {
        shipment->acknowledged = durable;
    }
}
