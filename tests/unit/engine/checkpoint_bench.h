/* SPDX-License-Identifier: Apache-2.0 */
/* A primary that recovered a small directory, and short words for what its checkpointer is asked. */
#ifndef AERO_TESTS_CHECKPOINT_BENCH_H
#define AERO_TESTS_CHECKPOINT_BENCH_H

#include "engine/checkpoint.h"
#include "tests/unit/engine/recovery_world.h"

struct node {
    struct power_disk *power;
    struct aero_tree *tree;
    struct aero_position end;
    uint64_t sequence;
    struct aero_checkpointer *checkpointer;
    struct aero_disk_handles handles;
    uint8_t id;
};

static const struct aero_checkpoint_options plain = {.snapshots_kept = 2,
                                                     .retention_cap_bytes = (uint64_t)1 << 30};

/* Segments of five records each. */
static inline struct power_disk *directory_of(unsigned segment_count)
{
    struct world world = primary();
    for (unsigned i = 0; i < segment_count; i++) {
        world_begin(&world, i > 0);
        world_puts(&world, 5);
    }
    world_prove(&world);
    struct power_disk *power = power_disk_clone(world.power);
    world_free(&world);
    return power;
}

static inline struct power_disk *directory(void)
{
    return directory_of(4);
}

static inline struct node start(struct power_disk *power,
                                const struct aero_checkpoint_options *options)
{
    struct node node = {.power = power, .id = 0xD0};
    struct outcome outcome = recover(power);
    assert_int_equal(outcome.status.code, AERO_OK);
    struct aero_recovered *recovered = &outcome.recovered;
    node.tree = recovered->tree;
    recovered->tree = NULL;
    node.end = recovered->end;
    node.sequence = recovered->files[recovered->file_count - 1].header.sequence;
    node.checkpointer = aero_checkpointer_new(options, recovered);
    aero_recovered_deinit(recovered);
    return node;
}

static inline void stop(struct node *node)
{
    aero_disk_handles_close(power_disk_port(node->power), &node->handles);
    aero_checkpointer_free(node->checkpointer, node->tree);
    aero_tree_free(node->tree);
}

/* Runs requests until there are none. False: the disk crashed. */
static inline bool run(struct node *node)
{
    const struct aero_disk_request *request;
    while ((request = aero_checkpointer_next_request(node->checkpointer)) != NULL) {
        struct aero_disk_completion completion;
        aero_disk_run(power_disk_port(node->power), &node->handles, request, &completion);
        if (completion.status.code == AERO_CRASHED) {
            return false;
        }
        aero_checkpointer_on_completion(node->checkpointer, &completion);
    }
    return true;
}

static inline void begin(struct node *node)
{
    aero_checkpointer_begin(node->checkpointer, world_id(node->id++), aero_view_open(node->tree),
                            node->end, node->sequence, (aero_wall_ms){.value = 1020});
}

static inline aero_status take_result(struct node *node)
{
    aero_status status = aero_error(AERO_INCOMPLETE);
    struct aero_snapshot_entry entry;
    assert_true(aero_checkpointer_take_result(node->checkpointer, &status, &entry));
    assert_int_equal(entry.position.lsn.value, node->end.lsn.value);
    assert_false(aero_checkpointer_take_result(node->checkpointer, &status, &entry));
    return status;
}

static inline size_t count_files(struct power_disk *power, const char *part)
{
    size_t count = 0;
    for (size_t i = 0; i < power->seen.count; i++) {
        count += strstr(power->seen.entry[i].name, part) != NULL;
    }
    return count;
}

#endif
