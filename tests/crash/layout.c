/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/layout.h"

#include <string.h>

#include "base/le.h"

#define SEGMENT_HEADER 4096U
#define RECORD_HEADER 64U
#define FOOTER 64U
#define RECORD_MAGIC 0x43455241U
#define FOOTER_MAGIC 0x52544641U
#define SLOT_OF_MANIFEST ((uint64_t)4 << 20)
#define SLOT_OF_PROOF 4096U
#define PROOF_BYTES 104U

#define BELOW "log below the newest snapshot: "
#define REPLAYED "log that a start replays: "

/* At rest every segment with a footer has a successor, or its damage is refused. */
#define FOOTER_REASON \
    "the successor's header names the same end, LSN and chain; nothing behind it is read"

/* Two texts for each part: below what a start replays, and in it. */
enum part {
    PART_HEADER,
    PART_RECORD_HEAD,
    PART_PAYLOAD,
    PART_PADDING,
    PART_FOOTER,
    PART_BEHIND,
    PART_COUNT,
};

static const char *const parts[PART_COUNT][2] = {
    [PART_HEADER] = {BELOW "segment header", REPLAYED "segment header"},
    [PART_RECORD_HEAD] = {BELOW "record header", REPLAYED "record header"},
    [PART_PAYLOAD] = {BELOW "payload", REPLAYED "payload"},
    [PART_PADDING] = {BELOW "zeros behind a payload", REPLAYED "zeros behind a payload"},
    [PART_FOOTER] = {BELOW "footer", REPLAYED "footer"},
    [PART_BEHIND] = {BELOW "behind the end", REPLAYED "behind the end"},
};

static const char *class_of_segment(const struct crash_layout_facts *facts,
                                    const struct aero_buffer *bytes, uint64_t offset)
{
    uint64_t sequence = aero_load_u64(bytes->data + 56);
    bool below = sequence < facts->snapshot_sequence;
    if (offset < SEGMENT_HEADER) {
        return parts[PART_HEADER][!below];
    }
    size_t at = SEGMENT_HEADER;
    while (at + RECORD_HEADER <= bytes->length && aero_load_u32(bytes->data + at) == RECORD_MAGIC) {
        size_t payload = aero_load_u32(bytes->data + at + 8);
        size_t length = (RECORD_HEADER + payload + 7) & ~(size_t)7;
        bool record_below = below || (sequence == facts->snapshot_sequence &&
                                      aero_load_u64(bytes->data + at + 16) <= facts->snapshot_lsn);
        if (offset < at + length) {
            enum part part = offset < at + RECORD_HEADER             ? PART_RECORD_HEAD
                             : offset < at + RECORD_HEADER + payload ? PART_PAYLOAD
                                                                     : PART_PADDING;
            return parts[part][!record_below];
        }
        at += length;
    }
    bool has_footer =
        at + FOOTER <= bytes->length && aero_load_u32(bytes->data + at) == FOOTER_MAGIC;
    return parts[has_footer && offset < at + FOOTER ? PART_FOOTER : PART_BEHIND][!below];
}

static const char *class_of_manifest(const struct aero_buffer *bytes, uint64_t offset)
{
    uint64_t slot = offset < SLOT_OF_MANIFEST ? 0 : SLOT_OF_MANIFEST;
    uint64_t used = 48 + aero_load_u64(bytes->data + slot + 24);
    return offset - slot < used ? "manifest: a slot" : "manifest: the hole between the slots";
}

static const char *class_of_proof(const struct aero_buffer *bytes, uint64_t offset)
{
    uint64_t slot = offset / SLOT_OF_PROOF;
    bool both = bytes->length >= SLOT_OF_PROOF + PROOF_BYTES;
    bool newest = !both || aero_load_u64(bytes->data + slot * SLOT_OF_PROOF + 16) >
                               aero_load_u64(bytes->data + (1 - slot) * SLOT_OF_PROOF + 16);
    if (offset % SLOT_OF_PROOF >= PROOF_BYTES) {
        return "durable: between the slots";
    }
    return newest ? "durable: the newest slot" : "durable: the older slot";
}

const char *crash_layout_class(const struct crash_layout_facts *facts, const char *name,
                               const struct aero_buffer *bytes, uint64_t offset)
{
    if (strncmp(name, "wal/", 4) == 0) {
        return class_of_segment(facts, bytes, offset);
    }
    if (strncmp(name, "snapshots/", 10) == 0) {
        return strcmp(name, facts->newest_snapshot) == 0 ? "snapshot: the newest"
                                                         : "snapshot: the older";
    }
    if (strcmp(name, "manifest") == 0) {
        return class_of_manifest(bytes, offset);
    }
    return strcmp(name, "durable") == 0 ? class_of_proof(bytes, offset) : "another file";
}

const char *crash_layout_class_of_copy(const char *name, uint64_t from_sector, uint64_t to_sector)
{
    uint64_t distance = from_sector > to_sector ? from_sector - to_sector : to_sector - from_sector;
    bool same_place = distance == SLOT_OF_MANIFEST / 512;
    return strcmp(name, "manifest") == 0 && same_place
               ? "manifest: a slot's sector, from the other slot"
               : NULL;
}

const char *crash_layout_excuse(const char *class_text)
{
    static const struct {
        const char *class_text;
        const char *reason;
    } excuses[] = {
        {"log below the newest snapshot: footer", FOOTER_REASON},
        {"log that a start replays: footer", FOOTER_REASON},
        {"log below the newest snapshot: ", "a start does not read it; verification does, and "
                                            "nothing of it is shipped unverified (24)"},
        {"snapshot: the older",
         "a start reads it only when the newest fails; verification reads it"},
        {"durable: ", "losing it loses a proof, not data: the log says the same (decision 5)"},
        {"manifest: a slot's sector, from the other slot",
         "at rest both slots say the same; only which was written first is different"},
        {"manifest: the hole between the slots", "nothing reads it"},
        {"log that a start replays: behind the end",
         "zeros and leftovers of another nonce are no record (decision 25)"},
    };
    for (size_t i = 0; i < sizeof excuses / sizeof excuses[0]; i++) {
        if (strncmp(class_text, excuses[i].class_text, strlen(excuses[i].class_text)) == 0) {
            return excuses[i].reason;
        }
    }
    return NULL;
}
