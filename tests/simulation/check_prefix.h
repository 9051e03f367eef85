/* SPDX-License-Identifier: Apache-2.0 */
/* A replica's WAL is a byte-for-byte prefix of its primary's (REP-2): for each segment that it has, header and records up to
 * its last whole record are the bytes that the primary has, or had before it truncated.
 *
 * "Prefix" means logical bytes (decision 25). The walk through records is this file's own: it follows lengths as
 * docs/formats.md says and trusts nothing of the engine. */
#ifndef AERO_TESTS_SIMULATION_CHECK_PREFIX_H
#define AERO_TESTS_SIMULATION_CHECK_PREFIX_H

#include <stdint.h>

#include "base/slice.h"

struct aero_sim_world;

#define AERO_PREFIX_NODES_MAX 6

struct aero_check_prefix_segment {
    uint64_t sequence;
    bool is_there;            /* else truncated since, perhaps after it had grown */
    struct aero_buffer bytes; /* of the primary: header, and as many whole records as were seen */
    /* What was looked at last: of the primary its file, of a replica its file beside that one. Files that did not change
     * since need no second look. */
    uint64_t version;
    struct {
        uint64_t own;
        uint64_t of_primary;
    } compared[AERO_PREFIX_NODES_MAX];
};

struct aero_check_prefix {
    struct aero_check_prefix_segment *segments;
    size_t count;
    size_t capacity;
};

/* Bytes of a segment's file up to the end of its last whole record; 0: not even a header. */
uint64_t aero_check_prefix_length(const struct aero_buffer *file);
void aero_check_prefix_deinit(struct aero_check_prefix *check);
/* Compares what everybody has now. */
void aero_check_prefix_look(struct aero_sim_world *world);

#endif
