/* SPDX-License-Identifier: Apache-2.0 */
/* A primary's core over a disk in memory, and a replica that says what the test says. */
#ifndef AERO_TESTS_PRIMARY_BENCH_H
#define AERO_TESTS_PRIMARY_BENCH_H

#include <string.h>

#include "primary/fleet_event.h"
#include "primary/primary.h"
#include "primary/primary_priv.h"
#include "tests/unit/cmocka_setup.h"
#include "tests/unit/engine/memory_disk.h"
#include "tests/unit/kept_log.h"

#define END_LSN 10U

static inline aero_id id_of(uint8_t fill)
{
    aero_id id;
    memset(id.bytes, fill, sizeof id.bytes);
    return id;
}

static inline aero_wall_ms no_wall(void *self)
{
    (void)self;
    return (aero_wall_ms){0};
}

struct bench {
    struct memory_disk disk;
    struct aero_recovered recovered;
    struct aero_logger logger;
    struct aero_buffer log; /* of warnings and errors */
    struct aero_primary *primary;
};

/* A primary's directory whose log ends at END_LSN; replica r1 has acknowledged `acknowledged`. */
static inline struct bench *bench_new(uint64_t acknowledged)
{
    struct bench *bench = aero_calloc(1, sizeof *bench);
    const struct aero_incarnation first = {
        .epoch = {.value = 1}, .nonce = id_of(1), .node_id = id_of(9), .node_name = "p"};
    struct aero_manifest manifest = {.cluster_id = id_of(8),
                                     .node_id = id_of(9),
                                     .node_name = "p",
                                     .role = AERO_ROLE_PRIMARY,
                                     .epoch = {.value = 1},
                                     .pins = {{.node_name = "r1", .sequence = 1}},
                                     .pin_count = 1};
    manifest.pins[0].durable = aero_lsn_of(acknowledged);
    assert_true(aero_is_ok(aero_history_add_incarnation(&manifest.history, &first)));
    assert_true(aero_is_ok(aero_manifest_write(memory_disk_port(&bench->disk), &manifest)));
    bench->recovered = (struct aero_recovered){
        .manifest = manifest,
        .tree = aero_tree_new(),
        .end = {.lsn = aero_lsn_of(END_LSN), .chain = 77},
    };
    return bench;
}

static inline void begin(struct bench *bench, bool open_writes_after_cut, uint8_t incarnation)
{
    const struct aero_recovery_report report = {.evidence = "none"};
    assert_true(aero_is_ok(
        aero_primary_begin_incarnation(memory_disk_port(&bench->disk), &bench->recovered, &report,
                                       open_writes_after_cut, id_of(incarnation))));
}

static inline void start(struct bench *bench)
{
    struct aero_primary_options options = {
        .wal = {.segment_bytes = 1 << 20, .queue_bytes = 1 << 20},
        .checkpoint = {.snapshots_kept = 2, .pipelined = true},
    };
    begin(bench, false, 2);
    aero_logger_init(&bench->logger, kept_log_sink(&bench->log),
                     (struct aero_clock){.wall = no_wall}, AERO_LOG_KEY_VALUE, AERO_LOG_WARN);
    aero_server_options_default(&options.server);
    bench->primary = aero_primary_new(&options, &bench->recovered, id_of(3), &bench->logger);
}

static inline void bench_free(struct bench *bench)
{
    for (size_t i = 0; bench->primary != NULL && i < AERO_OWNER_COUNT; i++) {
        aero_disk_handles_close(memory_disk_port(&bench->disk), &bench->primary->handles[i]);
    }
    aero_primary_free(bench->primary);
    aero_buffer_deinit(&bench->log);
    aero_recovered_deinit(&bench->recovered);
    memory_disk_deinit(&bench->disk);
    free(bench);
}

/* Turns of the host until nothing moves. */
static inline void run_disk(struct bench *bench)
{
    struct aero_core_request request;
    bool moves = true;
    while (moves) {
        aero_primary_end_turn(bench->primary);
        moves = aero_primary_has_idle_work(bench->primary);
        while (aero_primary_next_request(bench->primary, &request)) {
            struct aero_disk_completion done;
            aero_disk_run(memory_disk_port(&bench->disk), request.handles, request.request, &done);
            aero_primary_on_completion(bench->primary, request.owner, &done);
            moves = true;
        }
    }
}

static inline bool takes_writes(struct bench *bench)
{
    const char *error;
    struct aero_node node = aero_primary_node(bench->primary);
    return node.ops->can_write(node.self, &error);
}

static inline void tell(struct bench *bench, const struct aero_fleet_event *event)
{
    struct aero_fleet_event told = *event;
    told.connection = 1;
    snprintf(told.name, sizeof told.name, "r1");
    snprintf(told.text, sizeof told.text, "the test says so");
    aero_primary_on_fleet_event(bench->primary, &told);
}

#endif
