/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot on its way in (decision 24, FM-9.1, FM-11.2): verified as it comes, whole and durable before it counts, and
 * gone on with only where it broke. */
#include "tests/unit/replica/played_primary.h"

#include <errno.h>

/* A replica without data is offered a snapshot of ten keys; nothing of it has come. */
static struct bench *offered(const struct aero_snapshot_entry **out_entry)
{
    struct bench *bench = bench_new();
    set_many(bench, 10);
    *out_entry = snapshot(bench);
    dial(bench);
    offer(bench, *out_entry, 0);
    return bench;
}

/* Of the transfer nothing is left: the link ends for this reason, and the next Hello asks for all of it. */
static void expect_dropped(struct bench *bench, const char *reason)
{
    char line[256];
    snprintf(line, sizeof line, "link_reason:%s", reason);
    turn(bench);
    assert_true(aero_replica_wants_close(bench->replica));
    assert_false(aero_replica_wants_reopen(bench->replica));
    expect_status(bench, line);
    hang_up(bench);
    dial(bench);
    assert_true(bench->heard.hello.holds_nothing);
    assert_true(aero_id_is_none(bench->heard.hello.snapshot_id));
    assert_int_equal(bench->heard.hello.snapshot_verified, 0);
}

/* The transfer comes to its end: the new core shows the snapshot and follows the log behind it. */
static void expect_installed(struct bench *bench)
{
    turn(bench);
    reopen(bench);
    dial(bench);
    resume(bench);
    set_many(bench, 1);
    ship(bench);
    turn(bench);
    expect_primary_state(bench);
}

static void test_a_snapshot_that_is_whole_is_swapped_in(void **state)
{
    (void)state;
    const struct aero_snapshot_entry *entry;
    struct bench *bench = offered(&entry);
    tell_whole_snapshot(bench, entry, 0);
    expect_installed(bench);
    bench_free(bench);
}

/* One flipped bit, wherever it is, ends the transfer at the latest with the piece that completes its block. */
static void test_bytes_that_do_not_verify_end_the_transfer(void **state)
{
    (void)state;
    const struct aero_snapshot_entry *entry;
    struct bench *bench = offered(&entry);
    for (size_t at = 0; at < entry->size_bytes; at += 13) {
        struct aero_buffer *file = snapshot_file(bench, entry);
        file->data[at] ^= 0x40;
        tell_snapshot(bench, entry, 0, entry->size_bytes);
        expect_dropped(bench, "the primary's snapshot does not verify: ");
        file->data[at] ^= 0x40;
        offer(bench, entry, 0);
    }
    tell_whole_snapshot(bench, entry, 0);
    expect_installed(bench);
    bench_free(bench);
}

/* All of it in one gulp: what stands behind the damage is nobody's. */
static void test_what_comes_behind_damage_is_dropped(void **state)
{
    (void)state;
    const struct aero_snapshot_entry *entry;
    struct bench *bench = offered(&entry);
    struct aero_buffer frames = {0};
    struct aero_buffer *file = snapshot_file(bench, entry);
    size_t half = file->length / 2;
    file->data[0] ^= 1;
    aero_frame_append_chunk(&frames, AERO_FRAME_SNAPSHOT_CHUNK, 0, 0,
                            aero_slice_of(file->data, half));
    aero_frame_append_chunk(&frames, AERO_FRAME_SNAPSHOT_CHUNK, half, 0,
                            aero_slice_of(file->data + half, file->length - half));
    aero_frame_append(&frames, AERO_FRAME_SNAPSHOT_END, aero_slice_of(NULL, 0));
    file->data[0] ^= 1;
    tell(bench, &frames);
    expect_dropped(bench, "the primary's snapshot does not verify: ");
    offer(bench, entry, 0);
    tell_whole_snapshot(bench, entry, 0);
    expect_installed(bench);
    bench_free(bench);
}

/* All that came is sound, there is less of it than there has to be, and the primary calls it all. */
static void test_a_snapshot_without_its_end_is_not_installed(void **state)
{
    (void)state;
    const struct aero_snapshot_entry *whole;
    struct bench *bench = offered(&whole);
    struct aero_snapshot_entry cut = *whole;
    hang_up(bench);
    dial(bench);
    for (cut.size_bytes = 1; cut.size_bytes < whole->size_bytes; cut.size_bytes += 13) {
        offer(bench, &cut, 0);
        tell_whole_snapshot(bench, &cut, 0);
        expect_dropped(bench, "the snapshot ended early: ");
    }
    offer(bench, whole, 0);
    tell_whole_snapshot(bench, whole, 0);
    expect_installed(bench);
    bench_free(bench);
}

/* A primary that announces one snapshot and sends another, sound one: two of its files changed places. History: it was swapped
 * in, the next start found no snapshot that its manifest names, and the data of before were out of force. */
static void test_a_snapshot_that_was_not_announced_is_not_installed(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    set_many(bench, 7);
    const struct aero_snapshot_entry sent = *snapshot(bench);
    struct aero_snapshot_entry lies[6];
    for (unsigned i = 0; i < 6; i++) {
        lies[i] = sent;
    }
    lies[0].id = world_id(0x77);
    lies[1].position.lsn.value++;
    lies[2].position.chain++;
    lies[3].sequence++;
    lies[4].entry_count++;
    lies[5].digest.low++;
    hang_up(bench);
    for (unsigned i = 0; i < 6; i++) {
        dial(bench);
        offer(bench, &lies[i], 0);
        tell_whole_snapshot(bench, &sent, 0);
        turn(bench);
        assert_false(aero_replica_wants_reopen(bench->replica));
        expect_status(bench, "link_reason:this is not the snapshot that was announced: ");
        hang_up(bench);
    }
    restart(bench);
    expect_at(bench, AERO_REPLICA_FOLLOWING, 3);
    bench_free(bench);
}

/* An empty replica believes the cluster that the primary names: its snapshot has to name the same. */
static void test_a_snapshot_of_another_cluster_is_not_installed(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    set_many(bench, 10);
    const struct aero_snapshot_entry *entry = snapshot(bench);
    const aero_id cluster_id = bench->primary.manifest.cluster_id;
    bench->primary.manifest.cluster_id = world_id(0x78);
    dial(bench);
    offer(bench, entry, 0);
    tell_whole_snapshot(bench, entry, 0);
    expect_dropped(bench, "this is not the snapshot that was announced: ");
    bench->primary.manifest.cluster_id = cluster_id;
    offer(bench, entry, 0);
    tell_whole_snapshot(bench, entry, 0);
    expect_installed(bench);
    bench_free(bench);
}

/* The same of one that a restart broke off: only its own words about itself were kept. */
static void test_a_snapshot_is_announced_anew_after_a_restart(void **state)
{
    (void)state;
    const struct aero_snapshot_entry *entry;
    struct bench *bench = offered(&entry);
    tell_snapshot(bench, entry, 0, entry->size_bytes - 1);
    turn(bench);
    restart(bench);
    dial(bench);
    uint64_t kept = bench->heard.hello.snapshot_verified;
    assert_true(kept > 0);
    struct aero_snapshot_entry lie = *entry;
    lie.position.lsn.value++;
    offer(bench, &lie, kept);
    tell_whole_snapshot(bench, entry, kept);
    expect_dropped(bench, "this is not the snapshot that was announced: ");
    offer(bench, entry, 0);
    tell_whole_snapshot(bench, entry, 0);
    expect_installed(bench);
    bench_free(bench);
}

/* Also where the connection broke before the disk was asked to write what came, and before it had. */
static void test_a_broken_transfer_goes_on_where_it_broke(void **state)
{
    (void)state;
    for (unsigned written = 0; written < 3; written++) {
        const struct aero_snapshot_entry *entry;
        struct aero_core_request request;
        struct bench *bench = offered(&entry);
        uint64_t half = entry->size_bytes / 2;
        tell_snapshot(bench, entry, 0, half);
        if (written > 0) {
            assert_true(next_request(bench, &request));
        }
        if (written > 1) {
            finish(bench, &request);
        }
        hang_up_at_once(bench);
        wait_for_link(bench);
        dial(bench);
        assert_true(aero_id_equal(bench->heard.hello.snapshot_id, entry->id));
        assert_int_equal(bench->heard.hello.snapshot_verified, half);
        if (written == 1) {
            finish(bench, &request);
        }
        offer(bench, entry, half);
        tell_whole_snapshot(bench, entry, half);
        expect_installed(bench);
        bench_free(bench);
    }
}

/* What the disk was asked for by a transfer that was dropped counts for nothing in the next. */
static void test_a_write_of_a_dropped_transfer_is_none_of_the_next(void **state)
{
    (void)state;
    const struct aero_snapshot_entry *entry;
    struct aero_core_request request;
    struct bench *bench = offered(&entry);
    tell_snapshot(bench, entry, 0, entry->size_bytes / 2);
    assert_true(next_request(bench, &request));
    snapshot_file(bench, entry)->data[entry->size_bytes / 2] ^= 1;
    tell_snapshot(bench, entry, entry->size_bytes / 2, entry->size_bytes);
    snapshot_file(bench, entry)->data[entry->size_bytes / 2] ^= 1;
    hear(bench);
    assert_true(aero_replica_wants_close(bench->replica));
    hang_up_at_once(bench);
    wait_for_link(bench);
    dial(bench);
    assert_int_equal(bench->heard.hello.snapshot_verified, 0);
    offer(bench, entry, 0);
    tell_snapshot(bench, entry, 0, 100);
    finish(bench, &request);
    tell_whole_snapshot(bench, entry, 100);
    expect_installed(bench);
    bench_free(bench);
}

/* The Hello told of half of it; then the disk loses that half, and what the primary answers is for nobody. */
static void test_a_transfer_that_the_disk_lost_does_not_go_on(void **state)
{
    (void)state;
    const struct aero_snapshot_entry *entry;
    struct aero_core_request writing;
    struct bench *bench = offered(&entry);
    uint64_t half = entry->size_bytes / 2;
    tell_snapshot(bench, entry, 0, half);
    assert_true(next_request(bench, &writing));
    hang_up_at_once(bench);
    wait_for_link(bench);
    dial(bench);
    assert_int_equal(bench->heard.hello.snapshot_verified, half);
    bench->disk->fail_at = bench->disk->changes + 1;
    finish(bench, &writing);
    offer(bench, entry, half);
    expect_dropped(bench, "snapshots/incoming.tmp cannot be written (look");
    offer(bench, entry, 0);
    tell_whole_snapshot(bench, entry, 0);
    expect_installed(bench);
    bench_free(bench);
}

/* Where the last whole block ends of the first `length` bytes. */
static uint64_t end_of_blocks(struct bench *bench, const struct aero_snapshot_entry *entry,
                              uint64_t length)
{
    struct aero_snapshot_check *check = aero_snapshot_check_new();
    assert_true(aero_is_ok(aero_snapshot_check_feed(
        check, aero_slice_of(snapshot_file(bench, entry)->data, (size_t)length))));
    uint64_t end = aero_snapshot_check_verified(check);
    aero_snapshot_check_free(check);
    return end;
}

/* At every byte, the last one and the end that only has to be said included. */
static void test_a_restart_goes_on_behind_the_last_whole_block(void **state)
{
    (void)state;
    const struct aero_snapshot_entry *entry;
    struct bench *bench = offered(&entry);
    uint64_t size = entry->size_bytes;
    bench_free(bench);
    for (uint64_t came = 1; came <= size; came += came + 17 < size ? 17 : 1) {
        bench = offered(&entry);
        uint64_t kept = end_of_blocks(bench, entry, came);
        tell_snapshot(bench, entry, 0, came);
        turn(bench);
        restart(bench);
        dial(bench);
        assert_int_equal(aero_id_equal(bench->heard.hello.snapshot_id, entry->id), kept != 0);
        assert_int_equal(bench->heard.hello.snapshot_verified, kept);
        offer(bench, entry, kept);
        expect_status(bench, "state:BOOTSTRAPPING\r");
        tell_whole_snapshot(bench, entry, kept);
        expect_installed(bench);
        bench_free(bench);
    }
}

/* The primary has it no more: what was kept is none of the next one, which is shorter. */
static void test_a_restart_may_meet_another_snapshot(void **state)
{
    (void)state;
    const struct aero_snapshot_entry *first;
    struct bench *bench = offered(&first);
    tell_snapshot(bench, first, 0, first->size_bytes - 1);
    turn(bench);
    restart(bench);
    fork_behind(bench, 0, 1);
    const struct aero_snapshot_entry *second = snapshot(bench);
    dial(bench);
    assert_true(bench->heard.hello.snapshot_verified > 0);
    offer(bench, second, 0);
    tell_whole_snapshot(bench, second, 0);
    expect_installed(bench);
    bench_free(bench);
}

static bool has_incoming(struct bench *bench)
{
    return power_find(&bench->disk->seen, AERO_SNAPSHOT_INCOMING) != NULL;
}

/* Its space is not taken for good: by a transfer of this life or of the last, open or not. */
static void test_a_log_that_goes_on_needs_no_transfer(void **state)
{
    (void)state;
    for (unsigned lives = 1; lives <= 2; lives++) {
        const struct aero_snapshot_entry *entry;
        struct bench *bench = offered(&entry);
        tell_snapshot(bench, entry, 0, entry->size_bytes - 1);
        turn(bench);
        hang_up(bench);
        if (lives == 2) {
            restart(bench);
        }
        assert_true(has_incoming(bench));
        dial(bench);
        assert_false(aero_id_is_none(bench->heard.hello.snapshot_id));
        resume(bench);
        assert_false(has_incoming(bench));
        ship(bench);
        turn(bench);
        expect_primary_state(bench);
        hang_up(bench);
        dial(bench);
        assert_true(aero_id_is_none(bench->heard.hello.snapshot_id));
        bench_free(bench);
    }
}

/* Neither does the log stand still for it, nor a snapshot that is needed afterwards. */
static void test_a_transfer_that_cannot_be_removed_is_in_nobodys_way(void **state)
{
    (void)state;
    const struct aero_snapshot_entry *entry;
    struct bench *bench = offered(&entry);
    tell_snapshot(bench, entry, 0, entry->size_bytes - 1);
    turn(bench);
    hang_up(bench);
    dial(bench);
    tell_resume(bench);
    struct aero_core_request request;
    aero_replica_end_turn(bench->replica);
    while (next_request(bench, &request)) {
        bool removes = request.owner == AERO_OWNER_BOOTSTRAP;
        bench->disk->fail_at = removes ? bench->disk->changes + 1 : 0;
        finish(bench, &request);
    }
    bench->disk->fail_at = 0;
    assert_true(has_incoming(bench));
    turn(bench);
    ship(bench);
    turn(bench);
    expect_primary_state(bench);
    hang_up(bench);
    dial(bench);
    offer(bench, entry, 0);
    tell_whole_snapshot(bench, entry, 0);
    expect_installed(bench);
    bench_free(bench);
}

/* DET-3: a snapshot of more than the window, in more than one block. */
static void test_a_large_snapshot_comes_through_a_small_window(void **state)
{
    (void)state;
    static char value[100 << 10];
    struct bench *bench = bench_new();
    memset(value, 'v', sizeof value - 1);
    for (unsigned i = 0; i < 3 * WINDOW_BYTES / sizeof value; i++) {
        char key[16];
        snprintf(key, sizeof key, "large%u", i);
        set(bench, key, value);
    }
    const struct aero_snapshot_entry *entry = snapshot(bench);
    begin_segment(bench, true);
    dial(bench);
    offer(bench, entry, 0);
    tell_whole_snapshot(bench, entry, 0);
    turn(bench);
    reopen(bench);
    assert_int_equal(aero_tree_summary(aero_replica_tree(bench->replica)).count,
                     entry->entry_count);
    bench_free(bench);
}

/* Neither at another place of it, nor with another snapshot at that place. */
static void test_a_broken_transfer_goes_on_nowhere_else(void **state)
{
    (void)state;
    const struct aero_snapshot_entry *entry;
    struct bench *bench = offered(&entry);
    struct aero_snapshot_entry other = *entry;
    uint64_t half = entry->size_bytes / 2;
    other.id = world_id(0x77);
    tell_snapshot(bench, entry, 0, half);
    for (unsigned i = 0; i < 2; i++) {
        hang_up(bench);
        dial(bench);
        assert_int_equal(bench->heard.hello.snapshot_verified, half);
        offer(bench, i == 0 ? entry : &other, i == 0 ? half - 1 : half);
        turn(bench);
        assert_true(aero_replica_wants_close(bench->replica));
    }
    hang_up(bench);
    dial(bench);
    offer(bench, entry, half);
    tell_whole_snapshot(bench, entry, half);
    expect_installed(bench);
    bench_free(bench);
}

/* The first one broke before its first byte; the second begins at the same place, 0, and is another. */
static void test_another_snapshot_is_not_taken_for_the_one_that_broke(void **state)
{
    (void)state;
    const struct aero_snapshot_entry *first;
    struct bench *bench = offered(&first);
    hang_up(bench);
    set_many(bench, 5);
    const struct aero_snapshot_entry *second = snapshot(bench);
    dial(bench);
    assert_true(aero_id_equal(bench->heard.hello.snapshot_id, first->id));
    offer(bench, second, 0);
    tell_whole_snapshot(bench, second, 0);
    expect_installed(bench);
    bench_free(bench);
}

/* A newer one comes in the middle of the first: it begins anew, in an empty file. */
static void test_a_transfer_that_begins_anew_keeps_nothing_of_the_last(void **state)
{
    (void)state;
    const struct aero_snapshot_entry *first;
    struct bench *bench = offered(&first);
    tell_snapshot(bench, first, 0, first->size_bytes - 1);
    hang_up(bench);
    fork_behind(bench, 0, 1);
    const struct aero_snapshot_entry *second = snapshot(bench);
    dial(bench);
    offer(bench, second, 0);
    tell_whole_snapshot(bench, second, 0);
    expect_installed(bench);
    bench_free(bench);
}

/* Decision 8: of the old log nothing is read on with the new state, and until the swap the old state is served. */
static void test_a_new_snapshot_replaces_state_and_log(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    for (unsigned i = 0; i < 2; i++) { /* snapshots of its own, too */
        expect(bench, "AERO.CHECKPOINT", "");
        turn(bench);
        expect(bench, "PING", "+OK\r\n+PONG\r\n");
    }
    hang_up(bench);
    set_many(bench, 3);
    begin_segment(bench, true);
    set_many(bench, 3);
    const struct aero_snapshot_entry *entry = snapshot(bench);
    dial(bench);
    offer(bench, entry, 0);
    tell_whole_snapshot(bench, entry, 0);
    turn(bench);
    expect(bench, "GET k3", "$4\r\nat 3\r\n");
    expect(bench, "GET k4", "$-1\r\n");
    expect_installed(bench);
    struct outcome outcome = recover(bench->disk);
    assert_int_equal(outcome.status.code, AERO_OK);
    assert_int_equal(outcome.recovered.manifest.snapshot_count, 1);
    assert_true(aero_id_equal(outcome.recovered.manifest.snapshots[0].id, entry->id));
    outcome_free(&outcome);
    restart(bench);
    expect_primary_state(bench);
    bench_free(bench);
}

/* Decision 22: what fails on a temporary file is dropped, said and begun anew. */
static void test_a_disk_that_fails_costs_the_transfer_and_nothing_else(void **state)
{
    (void)state;
    unsigned failed = 0;
    for (;;) {
        const struct aero_snapshot_entry *entry;
        struct bench *bench = offered(&entry);
        bench->disk->fail_at = bench->disk->changes + failed + 1;
        tell_whole_snapshot(bench, entry, 0);
        turn(bench);
        bool ends = aero_replica_wants_reopen(bench->replica);
        if (!ends) {
            expect_dropped(bench, "snapshots/incoming.tmp cannot be written (look");
            offer(bench, entry, 0);
            tell_whole_snapshot(bench, entry, 0);
            failed++;
        }
        bench->disk->fail_at = 0;
        expect_installed(bench);
        bench_free(bench);
        if (ends) {
            break;
        }
    }
    assert_int_equal(failed, 5); /* open, write, sync, rename, sync of the directory */
}

/* What stands in the place of the file, an operator has to find and move away: a directory, a symbolic link, a FIFO. */
static void test_a_file_that_cannot_be_opened_is_named_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        aero_status status;
        const char *text;
    } cases[] = {
        {{.code = AERO_IO, .sys_errno = EISDIR}, "Is a directory; the transfer starts anew"},
        {{.code = AERO_IO, .sys_errno = ELOOP}, "Too many levels of symbolic links; the transfer"},
        {{.code = AERO_INVALID}, "invalid; the transfer starts anew"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct aero_snapshot_entry *entry;
        char reason[200];
        struct bench *bench = offered(&entry);
        power_disk_fail_call(bench->disk, 1, cases[i].status);
        tell_whole_snapshot(bench, entry, 0);
        snprintf(reason, sizeof reason,
                 "snapshots/incoming.tmp cannot be written (look whether it is a regular file, "
                 "and at the disk): %s",
                 cases[i].text);
        expect_dropped(bench, reason);
        bench_free(bench);
    }
}

/* FM-9.1: power is lost at each step of the transfer and the swap, and behind it; the next start has all of the snapshot, or
 * asks for the rest of it. */
static void test_power_lost_anywhere_leaves_all_of_a_snapshot_or_nothing(void **state)
{
    (void)state;
    bool whole = false;
    unsigned nothing = 0;
    for (uint64_t step = 1; !whole; step++) {
        const struct aero_snapshot_entry *entry;
        struct bench *bench = offered(&entry);
        power_disk_crash_at(bench->disk, step);
        tell_whole_snapshot(bench, entry, 0);
        turn(bench);
        whole = aero_replica_wants_reopen(bench->replica) && aero_is_ok(install(bench));
        power_disk_return(bench->disk, POWER_LOST, step);
        restart(bench);
        dial(bench);
        bool has_it = !bench->heard.hello.holds_nothing;
        assert_true(has_it || !whole);
        nothing += !has_it;
        if (!has_it) {
            uint64_t kept = bench->heard.hello.snapshot_verified;
            offer(bench, entry, kept);
            tell_whole_snapshot(bench, entry, kept);
            turn(bench);
            reopen(bench);
            dial(bench);
        }
        resume(bench);
        ship(bench);
        turn(bench);
        expect_primary_state(bench);
        bench_free(bench);
    }
    assert_true(nothing >= 5);
}

/* What is in flight for a transfer that was dropped is no part of what the Hello says is here. */
static void test_a_hello_counts_nothing_of_a_dropped_transfer(void **state)
{
    (void)state;
    const struct aero_snapshot_entry *entry;
    struct aero_core_request request;
    struct bench *bench = offered(&entry);
    tell_snapshot(bench, entry, 0, entry->size_bytes / 2);
    assert_true(next_request(bench, &request));
    snapshot_file(bench, entry)->data[entry->size_bytes / 2] ^= 1;
    tell_snapshot(bench, entry, entry->size_bytes / 2, entry->size_bytes);
    snapshot_file(bench, entry)->data[entry->size_bytes / 2] ^= 1;
    hear(bench);
    hang_up_at_once(bench);
    wait_for_link(bench);
    dial(bench);
    offer(bench, entry, 0);
    tell_snapshot(bench, entry, 0, 100);
    hang_up_at_once(bench);
    wait_for_link(bench);
    dial(bench);
    assert_int_equal(bench->heard.hello.snapshot_verified, 100);
    finish(bench, &request);
    offer(bench, entry, 100);
    tell_whole_snapshot(bench, entry, 100);
    expect_installed(bench);
    bench_free(bench);
}

/* The swap reads what it is about to name: a file that cannot say where it comes from is not named, and the old data stay. */
static void test_a_snapshot_that_cannot_be_read_back_is_not_swapped_in(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    set_many(bench, 7);
    const struct aero_snapshot_entry *entry = snapshot(bench);
    char name[AERO_DISK_NAME_MAX];
    hang_up(bench);
    dial(bench);
    offer(bench, entry, 0);
    tell_whole_snapshot(bench, entry, 0);
    turn(bench);
    aero_snapshot_name(entry, name);
    flip(bench->disk, name, 0);
    assert_false(aero_is_ok(install(bench)));
    restart(bench);
    expect_at(bench, AERO_REPLICA_FOLLOWING, 3);
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_snapshot_that_is_whole_is_swapped_in),
        cmocka_unit_test(test_bytes_that_do_not_verify_end_the_transfer),
        cmocka_unit_test(test_what_comes_behind_damage_is_dropped),
        cmocka_unit_test(test_a_snapshot_without_its_end_is_not_installed),
        cmocka_unit_test(test_a_snapshot_that_was_not_announced_is_not_installed),
        cmocka_unit_test(test_a_snapshot_of_another_cluster_is_not_installed),
        cmocka_unit_test(test_a_snapshot_is_announced_anew_after_a_restart),
        cmocka_unit_test(test_a_broken_transfer_goes_on_where_it_broke),
        cmocka_unit_test(test_a_broken_transfer_goes_on_nowhere_else),
        cmocka_unit_test(test_a_write_of_a_dropped_transfer_is_none_of_the_next),
        cmocka_unit_test(test_a_transfer_that_the_disk_lost_does_not_go_on),
        cmocka_unit_test(test_a_restart_goes_on_behind_the_last_whole_block),
        cmocka_unit_test(test_a_restart_may_meet_another_snapshot),
        cmocka_unit_test(test_a_log_that_goes_on_needs_no_transfer),
        cmocka_unit_test(test_a_transfer_that_cannot_be_removed_is_in_nobodys_way),
        cmocka_unit_test(test_a_large_snapshot_comes_through_a_small_window),
        cmocka_unit_test(test_another_snapshot_is_not_taken_for_the_one_that_broke),
        cmocka_unit_test(test_a_transfer_that_begins_anew_keeps_nothing_of_the_last),
        cmocka_unit_test(test_a_new_snapshot_replaces_state_and_log),
        cmocka_unit_test(test_a_disk_that_fails_costs_the_transfer_and_nothing_else),
        cmocka_unit_test(test_power_lost_anywhere_leaves_all_of_a_snapshot_or_nothing),
        cmocka_unit_test(test_a_file_that_cannot_be_opened_is_named_with_the_reason),
        cmocka_unit_test(test_a_hello_counts_nothing_of_a_dropped_transfer),
        cmocka_unit_test(test_a_snapshot_that_cannot_be_read_back_is_not_swapped_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
