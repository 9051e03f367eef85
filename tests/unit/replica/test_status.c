/* SPDX-License-Identifier: Apache-2.0 */
/* What a replica tells of itself where Redis's clients and operators look: INFO, ROLE, AERO.STATUS. */
#include "replica/replica_priv.h"
#include "tests/unit/replica/played_primary.h"

static void expect_line(struct bench *bench, const char *command, const char *line)
{
    const char *said = ask(bench, command);
    if (strstr(said, line) == NULL) {
        fail_msg("no '%s' in %s", line, said);
    }
}

static void test_a_replica_without_data_is_loading(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    expect_line(bench, "INFO persistence", "\r\nloading:1\r\n");
    expect_line(bench, "INFO replication", "\r\nrole:slave\r\n");
    expect_line(bench, "INFO replication", "\r\nmaster_link_status:down\r\n");
    expect_line(bench, "INFO replication", "\r\naero_state:EMPTY\r\n");
    expect_line(bench, "ROLE", "connect\r\n");
    expect_status(bench, "state:EMPTY\r");
    bench_free(bench);
}

/* Of a snapshot on its way: how much of it, and that this is a synchronisation. */
static void test_a_transfer_is_told_by_its_bytes(void **state)
{
    (void)state;
    char line[64];
    struct bench *bench = bench_new();
    set_many(bench, 10);
    const struct aero_snapshot_entry *entry = snapshot(bench);
    dial(bench);
    offer(bench, entry, 0);
    tell_snapshot(bench, entry, 0, 100);
    turn(bench);
    expect_status(bench, "state:BOOTSTRAPPING\r");
    expect_status(bench, "snapshot_received_bytes:100\r");
    snprintf(line, sizeof line, "snapshot_size_bytes:%llu\r",
             (unsigned long long)entry->size_bytes);
    expect_status(bench, line);
    expect_line(bench, "INFO replication", "\r\nmaster_sync_in_progress:1\r\n");
    expect_line(bench, "ROLE", "sync\r\n");
    bench_free(bench);
}

static void test_a_replica_that_follows_tells_where_it_is(void **state)
{
    (void)state;
    char line[64];
    struct bench *bench = following(3);
    world_digest(&bench->primary);
    ship(bench);
    turn(bench);
    expect_line(bench, "INFO persistence", "\r\nloading:0\r\n");
    expect_line(bench, "INFO persistence", "\r\naero_applied_lsn:4\r\n");
    expect_line(bench, "INFO replication", "\r\nmaster_link_status:up\r\n");
    expect_line(bench, "INFO replication", "\r\nslave_repl_offset:4\r\n");
    expect_line(bench, "INFO replication", "\r\naero_state:FOLLOWING\r\n");
    expect_line(bench, "ROLE", "connected\r\n:4\r\n");
    expect_status(bench, "link:streaming\r");
    expect_status(bench, "next_action:none\r");
    expect_status(bench, "applied_lsn:4\r");
    expect_status(bench, "digests_compared:1\r");
    expect_status(bench, "digest_agreement:agrees\r");
    snprintf(line, sizeof line, "applied_chain:%016llx\r",
             (unsigned long long)bench->primary.position.chain);
    expect_status(bench, line);
    expect(bench, "AERO.STATUS now", "-ERR this command takes no arguments");
    bench_free(bench);
}

/* What the primary has and this replica does not yet. */
static void test_lag_is_what_the_primary_has_more(void **state)
{
    (void)state;
    struct aero_message alive = {.type = AERO_FRAME_HEARTBEAT};
    struct bench *bench = following(3);
    alive.as.heartbeat.durable = aero_lsn_of(10);
    tell_message(bench, &alive);
    expect_status(bench, "primary_durable_lsn:10\r");
    expect_status(bench, "lag_lsn:7\r");
    bench_free(bench);
}

/* Decision 18: of a snapshot that the log has yet to come to nothing is told as reached. */
static void test_a_replica_behind_its_snapshot_is_where_its_log_is(void **state)
{
    (void)state;
    struct bench *bench = bootstrapped(10);
    follow_to(bench, 4);
    expect_line(bench, "INFO persistence", "\r\nloading:1\r\n");
    expect_line(bench, "INFO persistence", "\r\naero_applied_lsn:4\r\n");
    expect_line(bench, "INFO replication", "\r\nslave_repl_offset:4\r\n");
    expect_line(bench, "ROLE", "sync\r\n:4\r\n");
    expect_status(bench, "applied_lsn:4\r");
    bench_free(bench);
}

static void test_refused_certificates_are_told(void **state)
{
    (void)state;
    struct bench *bench = following(1);
    expect_status(bench, "certificates:ok\r");
    aero_replica_note_certificates(bench->replica, true);
    expect_status(bench, "certificates:refused\r");
    assert_null(strstr(ask(bench, "AERO.STATUS"), "next_action:none"));
    bench_free(bench);
}

/* The manifest may be that of a later version, which knows of other reasons. */
static void test_a_halt_of_an_unknown_kind_has_an_advice(void **state)
{
    (void)state;
    struct aero_manifest manifest = {
        .node_id = WORLD_OTHER_NODE, .node_name = "beta", .role = AERO_ROLE_REPLICA};
    snprintf(manifest.halt_reason, sizeof manifest.halt_reason, "moonlight: too much of it");
    struct bench *bench = bench_on(power_disk_new());
    assert_true(aero_is_ok(aero_create(power_disk_port(bench->disk), &manifest)));
    start(bench);
    expect_status(bench, "reason:moonlight: too much of it\r");
    expect_status(bench, "next_action:read the reason; 'aeroctl reconnect' once it is resolved\r");
    bench_free(bench);
}

/* INFO's other sections are the server's; and who has no history has no incarnation. */
static void test_the_node_answers_for_itself_alone(void **state)
{
    (void)state;
    struct aero_buffer text = {0};
    struct bench *bench = bench_new();
    struct aero_node node = aero_replica_node(bench->replica);
    node.ops->info(node.self, "memory", &text);
    assert_int_equal(text.length, 0);
    assert_true(aero_id_is_none(node.ops->incarnation(node.self)));
    bench_free(bench);
    bench = following(1);
    node = aero_replica_node(bench->replica);
    assert_true(aero_id_equal(node.ops->incarnation(node.self), WORLD_INCARNATION));
    bench_free(bench);
}

static void test_damage_that_a_start_could_do_without_is_told(void **state)
{
    (void)state;
    struct aero_manifest manifest;
    struct aero_manifest_found found;
    struct bench *bench = following(3);
    struct aero_disk disk = power_disk_port(bench->disk);
    expect_status(bench, "damaged_segments:0\r");
    stop(bench);
    assert_true(aero_is_ok(aero_manifest_read(disk, &manifest, &found)));
    manifest.damaged_segments[manifest.damaged_count++] = 1;
    assert_true(aero_is_ok(aero_manifest_write(disk, &manifest)));
    aero_manifest_deinit(&manifest);
    start(bench);
    expect_status(bench, "damaged_segments:1\r");
    expect_status(bench, "next_action:nothing is lost, but older WAL is damaged: ");
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_replica_without_data_is_loading),
        cmocka_unit_test(test_a_transfer_is_told_by_its_bytes),
        cmocka_unit_test(test_a_replica_that_follows_tells_where_it_is),
        cmocka_unit_test(test_lag_is_what_the_primary_has_more),
        cmocka_unit_test(test_a_replica_behind_its_snapshot_is_where_its_log_is),
        cmocka_unit_test(test_refused_certificates_are_told),
        cmocka_unit_test(test_a_halt_of_an_unknown_kind_has_an_advice),
        cmocka_unit_test(test_the_node_answers_for_itself_alone),
        cmocka_unit_test(test_damage_that_a_start_could_do_without_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
