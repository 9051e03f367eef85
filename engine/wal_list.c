/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/wal_list.h"

#include <stdio.h>
#include <stdlib.h>

static void read_header(struct aero_disk disk, struct aero_wal_listed *segment)
{
    struct aero_disk_file *file;
    uint8_t bytes[AERO_SEGMENT_HEADER_BYTES];
    size_t got = 0;
    segment->header_status = disk.ops->open(disk.self, segment->name, AERO_DISK_READ, &file);
    if (!aero_is_ok(segment->header_status)) {
        return;
    }
    segment->header_status = disk.ops->read(disk.self, file, 0, bytes, sizeof bytes, &got);
    if (aero_is_ok(segment->header_status)) {
        segment->header_status =
            aero_segment_header_decode(aero_slice_of(bytes, got), &segment->header);
    }
    disk.ops->close(disk.self, file);
}

static int compare_sequences(const void *a, const void *b)
{
    uint64_t left = ((const struct aero_wal_listed *)a)->named_sequence;
    uint64_t right = ((const struct aero_wal_listed *)b)->named_sequence;
    return (left > right) - (left < right);
}

/* A segment ends where the next one says that its predecessor ended (decision 3). */
static void find_bounds(struct aero_wal_list *list)
{
    for (size_t i = 0; i + 1 < list->count; i++) {
        struct aero_wal_listed *segment = &list->segments[i];
        const struct aero_wal_listed *next = segment + 1;
        if (aero_is_ok(next->header_status) &&
            next->header.prev_sequence == segment->named_sequence) {
            segment->bound = next->header.prev_end_offset;
        }
    }
}

aero_status aero_wal_list_read(struct aero_disk disk, uint64_t floor,
                               struct aero_wal_list *out_list)
{
    struct aero_buffer entries = {0};
    struct aero_wal_list list = {0};
    aero_status status = disk.ops->list(disk.self, "wal", &entries);
    if (aero_is_ok(status)) {
        size_t entry_count = entries.length / sizeof(struct aero_disk_entry);
        const struct aero_disk_entry *entry = (const struct aero_disk_entry *)entries.data;
        list.segments = aero_calloc(entry_count + 1, sizeof *list.segments);
        for (size_t i = 0; i < entry_count; i++) {
            struct aero_wal_listed *segment = &list.segments[list.count];
            if (aero_segment_name_parse(entry[i].name, &segment->named_lsn,
                                        &segment->named_sequence) &&
                segment->named_sequence >= floor) {
                aero_segment_name(segment->named_lsn, segment->named_sequence, segment->name);
                segment->size_bytes = entry[i].size_bytes;
                read_header(disk, segment);
                list.count++;
            }
        }
        qsort(list.segments, list.count, sizeof *list.segments, compare_sequences);
        find_bounds(&list);
        *out_list = list;
    }
    aero_buffer_deinit(&entries);
    return status;
}

void aero_wal_list_deinit(struct aero_wal_list *list)
{
    free(list->segments);
    *list = (struct aero_wal_list){0};
}

void aero_wal_list_one(struct aero_disk disk, const char *name, struct aero_wal_list *out_list)
{
    struct aero_wal_listed *segment = aero_calloc(1, sizeof *segment);
    snprintf(segment->name, sizeof segment->name, "%s", name);
    read_header(disk, segment);
    if (aero_is_ok(segment->header_status)) {
        segment->named_lsn = segment->header.first_lsn;
        segment->named_sequence = segment->header.sequence;
    }
    *out_list = (struct aero_wal_list){.segments = segment, .count = 1};
}
