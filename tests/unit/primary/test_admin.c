/* SPDX-License-Identifier: Apache-2.0 */
/* What operators ask a primary, and the decisions that only they can take (decisions 7, 15, 21). */
#include "tests/unit/primary/primary_bench.h"

#include <errno.h>

/* The text of the answer or of the refusal; the bench's until the next one. */
static const char *ask(struct bench *bench, const char *name, const char *const *arguments,
                       struct aero_buffer *out_reply)
{
    struct aero_node node = aero_primary_node(bench->primary);
    struct aero_slice slices[4];
    size_t count = 0;
    for (; arguments[count] != NULL; count++) {
        slices[count] = aero_slice_text(arguments[count]);
    }
    const char *error = NULL;
    aero_buffer_clear(out_reply);
    assert_true(node.ops->admin(node.self, name, slices, count, out_reply, &error));
    aero_buffer_append(out_reply, "", 1);
    return error != NULL ? error : (const char *)out_reply->data;
}

#define WITH(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void test_open_writes_takes_the_one_decision_that_is_waited_for(void **state)
{
    (void)state;
    static const char other[] =
        "ERR writes are not waiting for this decision; see 'aeroctl status'";
    static const char usage[] = "ERR the arguments are none, or DISCARD and a number of records";
    static const char lost[] =
        "ERR 3 records are lost here that had been durable; if no replica can "
        "bring back what is lost, give it up with 'aeroctl open-writes --discard 3'";
    static const char opened[] = "writes:open\r\nnext_action:\r\n";
    const struct {
        enum aero_write_gate gate;
        const char *arguments[4];
        const char *answer;
        enum aero_write_gate gate_then;
    } cases[] = {
        {AERO_GATE_CUT, {"discard", "3"}, other, AERO_GATE_CUT},
        {AERO_GATE_CUT, {"3"}, usage, AERO_GATE_CUT},
        {AERO_GATE_CUT, {NULL}, opened, AERO_GATE_OPEN},
        {AERO_GATE_PRIMARY_LOST, {NULL}, lost, AERO_GATE_PRIMARY_LOST},
        {AERO_GATE_PRIMARY_LOST, {"discard", "2"}, lost, AERO_GATE_PRIMARY_LOST},
        {AERO_GATE_PRIMARY_LOST, {"discard", "3x"}, usage, AERO_GATE_PRIMARY_LOST},
        {AERO_GATE_PRIMARY_LOST, {"keep", "3"}, usage, AERO_GATE_PRIMARY_LOST},
        {AERO_GATE_PRIMARY_LOST, {"discard"}, usage, AERO_GATE_PRIMARY_LOST},
        {AERO_GATE_PRIMARY_LOST, {"discard", "3", "3"}, usage, AERO_GATE_PRIMARY_LOST},
        {AERO_GATE_PRIMARY_LOST, {"discard", "3"}, opened, AERO_GATE_OPEN},
        {AERO_GATE_SUPERSEDED, {NULL}, other, AERO_GATE_SUPERSEDED},
        {AERO_GATE_SUPERSEDED, {"discard", "3"}, other, AERO_GATE_SUPERSEDED},
        {AERO_GATE_OPEN, {NULL}, other, AERO_GATE_OPEN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench *bench = bench_new(0);
        struct aero_buffer reply = {0};
        bench->recovered.manifest.gate = cases[i].gate;
        bench->recovered.manifest.lost_count = cases[i].gate == AERO_GATE_PRIMARY_LOST ? 3 : 0;
        snprintf(bench->recovered.manifest.gate_reason,
                 sizeof bench->recovered.manifest.gate_reason, "%s",
                 cases[i].gate == AERO_GATE_OPEN ? "" : "the test says so");
        start(bench);
        assert_string_equal(ask(bench, "OPENWRITES", cases[i].arguments, &reply), cases[i].answer);
        run_disk(bench);
        assert_int_equal(aero_primary_manifest(bench->primary)->gate, cases[i].gate_then);
        assert_int_equal(takes_writes(bench), cases[i].gate_then == AERO_GATE_OPEN);
        aero_buffer_deinit(&reply);
        bench_free(bench);
    }
}

static void test_one_lost_record_is_said_in_the_singular(void **state)
{
    (void)state;
    struct bench *bench = bench_new(END_LSN + 1);
    struct aero_buffer reply = {0};
    start(bench);
    const char *answer = ask(bench, "OPENWRITES", WITH("discard", "2"), &reply);
    assert_non_null(strstr(answer, "ERR 1 record is lost here"));
    aero_buffer_deinit(&reply);
    bench_free(bench);
}

/* Nobody is expected to bring back what was given up; a replica that is behind stays where it is. */
static void test_discard_lowers_the_pins_above_the_end_and_no_other(void **state)
{
    (void)state;
    struct bench *bench = bench_new(END_LSN + 3);
    struct aero_manifest *manifest = &bench->recovered.manifest;
    struct aero_buffer reply = {0};
    manifest->pins[1] = (struct aero_pin){.node_name = "r2", .sequence = 1};
    manifest->pins[1].durable = aero_lsn_of(END_LSN - 1);
    manifest->pin_count = 2;
    start(bench);
    assert_false(takes_writes(bench));
    ask(bench, "OPENWRITES", WITH("discard", "3"), &reply);
    run_disk(bench);
    assert_int_equal(aero_primary_acknowledged_by(bench->primary, "r1").value, END_LSN);
    assert_int_equal(aero_primary_acknowledged_by(bench->primary, "r2").value, END_LSN - 1);
    assert_int_equal(aero_primary_manifest(bench->primary)->lost_count, 0);
    assert_true(takes_writes(bench));
    aero_buffer_deinit(&reply);
    bench_free(bench);
}

/* Decision 21, as the operator sees it. */
static void test_confirm_clock_lets_expiry_run_again(void **state)
{
    (void)state;
    struct bench *bench = bench_new(0);
    struct aero_buffer reply = {0};
    bench->recovered.expiry_clock.value = 5000;
    start(bench);
    bench->primary->expiry_jump_max_ms = 1000;
    aero_primary_tick(bench->primary, (aero_mono_ns){0}, (aero_wall_ms){7000});
    assert_non_null(strstr(ask(bench, "STATUS", WITH(), &reply), "\r\nexpiry:suspended\r\n"));
    assert_string_equal(ask(bench, "CONFIRMCLOCK", WITH("now"), &reply),
                        "ERR this command takes no arguments");
    assert_non_null(strstr(ask(bench, "STATUS", WITH(), &reply), "\r\nexpiry:suspended\r\n"));
    assert_string_equal(ask(bench, "CONFIRMCLOCK", WITH(), &reply), "expiry:running\r\n");
    assert_non_null(strstr(ask(bench, "STATUS", WITH(), &reply), "\r\nexpiry:running\r\n"));
    aero_primary_tick(bench->primary, (aero_mono_ns){1}, (aero_wall_ms){7000});
    assert_int_equal(aero_pipeline_clock(bench->primary->pipeline).value, 7000);
    aero_buffer_deinit(&reply);
    bench_free(bench);
}

static void test_info_has_the_sections_of_the_node_and_no_other(void **state)
{
    (void)state;
    struct bench *bench = bench_new(0);
    struct aero_buffer text = {0};
    start(bench);
    struct aero_node node = aero_primary_node(bench->primary);
    node.ops->info(node.self, "memory", &text);
    assert_int_equal(text.length, 0);
    node.ops->info(node.self, "replication", &text);
    assert_memory_equal(text.data, "role:master\r\n", 13);
    aero_buffer_clear(&text);
    node.ops->info(node.self, "persistence", &text);
    assert_memory_equal(text.data, "loading:0\r\n", 11);
    aero_buffer_deinit(&text);
    bench_free(bench);
}

/* A snapshot that was found damaged is never used, so an operator must not count on it. */
static void test_status_counts_whole_snapshots_only(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        bool damaged[2];
        const char *said;
    } cases[] = {
        {0, {false, false}, "\nsnapshots:0\r\nsnapshot_lsn:0\r\n"},
        {2, {false, false}, "\nsnapshots:2\r\nsnapshot_lsn:6\r\n"},
        {2, {false, true}, "\nsnapshots:1\r\nsnapshot_lsn:3\r\n"},
        {2, {true, false}, "\nsnapshots:1\r\nsnapshot_lsn:6\r\n"},
        {2, {true, true}, "\nsnapshots:0\r\nsnapshot_lsn:0\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench *bench = bench_new(0);
        struct aero_buffer reply = {0};
        bench->recovered.manifest.snapshot_count = (uint32_t)cases[i].count;
        for (size_t n = 0; n < cases[i].count; n++) {
            bench->recovered.manifest.snapshots[n] =
                (struct aero_snapshot_entry){.id = id_of((uint8_t)(20 + n)),
                                             .position = {.lsn = aero_lsn_of(3 * (n + 1))},
                                             .damaged = cases[i].damaged[n]};
        }
        start(bench);
        assert_non_null(strstr(ask(bench, "STATUS", WITH(), &reply), cases[i].said));
        aero_buffer_deinit(&reply);
        bench_free(bench);
    }
}

static bool shows_damage(struct bench *bench, const char *file, uint64_t offset)
{
    struct aero_buffer reply = {0};
    char line[AERO_DISK_NAME_MAX + 96];
    const char *status = ask(bench, "STATUS", WITH(), &reply);
    snprintf(line, sizeof line, "\r\ndamage_met:%s at offset %llu\r\n", file,
             (unsigned long long)offset);
    bool shown = strstr(status, line) != NULL;
    assert_true(shown || strstr(status, "\r\ndamage_met:\r\n") != NULL);
    assert_int_equal(shown, strstr(status, "next_action:a replica waits for bytes that") != NULL);
    aero_buffer_deinit(&reply);
    return shown;
}

/* Bytes that do not verify wait for an operator for as long as they are there; what could not be read for want of something else
 * does not, and neither does a file that is gone. */
static void test_status_shows_damage_that_a_replica_met(void **state)
{
    (void)state;
    struct bench *bench = bench_new(0);
    char snapshot[AERO_DISK_NAME_MAX];
    const struct aero_snapshot_entry entry = {.id = id_of(20), .position = {.lsn = aero_lsn_of(3)}};
    bench->recovered.manifest.snapshots[0] = entry;
    bench->recovered.manifest.snapshot_count = 1;
    aero_snapshot_name(&entry, snapshot);
    start(bench);
    run_disk(bench);
    size_t count;
    const struct aero_wal_file *files =
        aero_checkpointer_files(bench->primary->checkpointer, &count);
    assert_int_equal(count, 1);
    const struct {
        const char *file;
        aero_status status;
        bool shown;
    } cases[] = {
        {"gone", aero_error(AERO_CORRUPT), false},
        {files[0].name, aero_error_errno(EMFILE), false},
        {files[0].name, aero_error(AERO_CORRUPT), true},
        {files[0].name, aero_error_errno(EIO), true},
        {snapshot, aero_error(AERO_CORRUPT), true},
        {"gone", aero_error(AERO_CORRUPT), false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_fleet_event event = {
            .kind = AERO_SENDER_DAMAGED, .offset = 100 + i, .status = cases[i].status};
        snprintf(event.file, sizeof event.file, "%s", cases[i].file);
        tell(bench, &event);
        assert_int_equal(shows_damage(bench, cases[i].file, 100 + i), cases[i].shown);
    }
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_writes_takes_the_one_decision_that_is_waited_for),
        cmocka_unit_test(test_one_lost_record_is_said_in_the_singular),
        cmocka_unit_test(test_discard_lowers_the_pins_above_the_end_and_no_other),
        cmocka_unit_test(test_confirm_clock_lets_expiry_run_again),
        cmocka_unit_test(test_info_has_the_sections_of_the_node_and_no_other),
        cmocka_unit_test(test_status_counts_whole_snapshots_only),
        cmocka_unit_test(test_status_shows_damage_that_a_replica_met),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
