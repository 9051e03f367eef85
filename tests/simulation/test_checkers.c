/* SPDX-License-Identifier: Apache-2.0 */
/* A checker that cannot fail is a defect: each is shown a broken promise here, and a kept one. The search for an order
 * has a file of its own, test_check_linear.c. */
#include "tests/unit/cmocka_setup.h"

#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/le.h"
#include "tests/simulation/check_authority.h"
#include "tests/simulation/check_bounds.h"
#include "tests/simulation/check_handles.h"
#include "tests/simulation/check_history.h"
#include "tests/simulation/check_truncation.h"
#include "tests/simulation/node.h"
#include "tests/simulation/resp_lite.h"
#include "tests/simulation/story.h"
#include "tests/simulation/world.h"

static struct aero_sim_world *world_new(void)
{
    struct aero_sim_world *world = aero_calloc(1, sizeof *world);
    aero_choice_init_seed(&world->choice, 1);
    aero_sim_trace_init(&world->trace, NULL);
    return world;
}

static void world_free(struct aero_sim_world *world)
{
    for (uint32_t i = 0; i < world->node_count; i++) {
        aero_sim_disk_free(world->nodes[i]->disk);
        free(world->nodes[i]);
    }
    aero_check_ack_deinit(&world->ack);
    aero_check_monotonic_deinit(&world->monotonic);
    aero_check_digest_deinit(&world->digest);
    aero_check_prefix_deinit(&world->prefix);
    free(world);
}

/* Whether something was found since the last question. */
static bool found(struct aero_sim_world *world, const char *checker)
{
    bool failed = world->verdict.failed;
    if (failed) {
        assert_string_equal(world->verdict.checker, checker);
    }
    memset(&world->verdict, 0, sizeof world->verdict);
    return failed;
}

static void see_write(struct aero_sim_world *world, uint32_t key, uint32_t node, uint32_t write)
{
    uint8_t bytes[AERO_ACK_VALUE_MAX];
    struct aero_slice value =
        write == 0 ? aero_slice_of(NULL, 0) : aero_check_ack_value(key, write, bytes);
    aero_check_ack_seen(world, key, node, aero_check_ack_floor(world, key, node), value);
}

static void test_register_that_loses_an_acknowledged_write_is_found(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    uint32_t key = aero_check_ack_key(world, "r", AERO_ACK_REGISTER);
    uint32_t first = aero_check_ack_sent(world, key, false);
    aero_check_ack_done(world, key, first, 0);
    see_write(world, key, 0, first);
    assert_false(found(world, "ack"));
    uint32_t second = aero_check_ack_sent(world, key, false);
    aero_check_ack_done(world, key, second, 0);
    see_write(world, key, 0, first);
    assert_true(found(world, "ack"));
    see_write(world, key, 0, 0);
    assert_true(found(world, "ack"));
    see_write(world, key, 0, second);
    assert_false(found(world, "ack"));
    world_free(world);
}

static void test_register_that_revives_a_refused_write_is_found(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    uint32_t key = aero_check_ack_key(world, "r", AERO_ACK_REGISTER);
    uint32_t refused = aero_check_ack_sent(world, key, false);
    aero_check_ack_notwritten(world, key, refused);
    see_write(world, key, 0, 0);
    assert_false(found(world, "ack"));
    see_write(world, key, 0, refused);
    assert_true(found(world, "withdrawn"));
    aero_check_ack_seen(world, key, 0, 0, aero_slice_text("not ours"));
    assert_true(found(world, "ack"));
    world_free(world);
}

/* An unanswered write may count or not; once seen, it must stay. */
static void test_register_that_takes_back_what_was_seen_is_found(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    uint32_t key = aero_check_ack_key(world, "r", AERO_ACK_REGISTER);
    uint32_t write = aero_check_ack_sent(world, key, false);
    see_write(world, key, 0, 0);
    assert_false(found(world, "ack"));
    see_write(world, key, 0, write);
    assert_false(found(world, "ack"));
    see_write(world, key, 0, 0);
    assert_true(found(world, "ack"));
    world_free(world);
}

/* A replica may be behind the primary, never behind itself. */
static void test_replica_that_goes_back_is_found(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    uint32_t key = aero_check_ack_key(world, "r", AERO_ACK_REGISTER);
    for (int i = 0; i < 2; i++) {
        aero_check_ack_done(world, key, aero_check_ack_sent(world, key, false), 0);
    }
    see_write(world, key, 1, 1);
    see_write(world, key, 2, 2);
    assert_false(found(world, "ack"));
    see_write(world, key, 2, 1);
    assert_true(found(world, "monotonic"));
    see_write(world, key, 2, 0);
    assert_true(found(world, "monotonic"));
    aero_check_monotonic_forget(world, 2);
    see_write(world, key, 2, 1);
    assert_false(found(world, "monotonic"));
    world_free(world);
}

static void test_delete_that_does_not_stay_is_found(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    uint32_t key = aero_check_ack_key(world, "r", AERO_ACK_REGISTER);
    uint32_t write = aero_check_ack_sent(world, key, false);
    aero_check_ack_done(world, key, write, 0);
    aero_check_ack_done(world, key, aero_check_ack_sent(world, key, true), 0);
    see_write(world, key, 0, 0);
    assert_false(found(world, "ack"));
    see_write(world, key, 0, write);
    assert_true(found(world, "ack"));
    world_free(world);
}

static void test_half_a_transaction_is_found(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    uint8_t one[AERO_ACK_VALUE_MAX];
    uint8_t two[AERO_ACK_VALUE_MAX];
    struct aero_slice none = aero_slice_of(NULL, 0);
    uint32_t key = aero_check_ack_key(world, "p", AERO_ACK_PAIR);
    aero_check_ack_sent(world, key, false);
    aero_check_ack_sent(world, key, false);
    struct aero_slice first = aero_check_ack_value(key, 1, one);
    struct aero_slice second = aero_check_ack_value(key, 2, two);
    aero_check_ack_seen_pair(world, key, 0, 0, none, none);
    aero_check_ack_seen_pair(world, key, 0, 0, first, first);
    assert_false(found(world, "ack"));
    aero_check_ack_seen_pair(world, key, 0, 0, first, second);
    assert_true(found(world, "ack"));
    aero_check_ack_seen_pair(world, key, 0, 0, second, none);
    assert_true(found(world, "ack"));
    world_free(world);
}

static void test_counter_that_forgets_or_invents_is_found(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    uint32_t key = aero_check_ack_key(world, "n", AERO_ACK_COUNTER);
    for (uint32_t i = 1; i <= 3; i++) {
        uint32_t write = aero_check_ack_sent(world, key, false);
        if (i < 3) {
            aero_check_ack_done(world, key, write, i);
        }
    }
    aero_check_ack_seen(world, key, 0, 2, aero_slice_text("2"));
    aero_check_ack_seen(world, key, 0, 2, aero_slice_text("3"));
    assert_false(found(world, "ack"));
    aero_check_ack_seen(world, key, 0, 2, aero_slice_text("1"));
    assert_true(found(world, "ack"));
    aero_check_ack_seen(world, key, 0, 2, aero_slice_text("4"));
    assert_true(found(world, "ack"));
    aero_check_ack_done(world, key, 3, 2);
    assert_true(found(world, "ack"));
    world_free(world);
}

static void test_lock_with_two_holders_is_found(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    uint32_t key = aero_check_ack_key(world, "l", AERO_ACK_LOCK);
    aero_check_ack_sent(world, key, false);
    aero_check_ack_sent(world, key, false);
    aero_check_ack_done(world, key, 1, 0);
    see_write(world, key, 0, 1);
    assert_false(found(world, "ack"));
    see_write(world, key, 0, 2);
    assert_true(found(world, "ack"));
    see_write(world, key, 0, 0);
    assert_true(found(world, "ack"));
    aero_check_ack_done(world, key, 2, 0);
    assert_true(found(world, "ack"));
    world_free(world);
}

static void test_two_digests_at_one_lsn_are_found(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    struct aero_summary summary = {.count = 3, .digest = {.low = 7, .high = 9}};
    aero_check_digest_state(world, "primary", 500, summary);
    aero_check_digest_state(world, "replica1", 500, summary);
    assert_false(found(world, "digest"));
    summary.digest.high++;
    aero_check_digest_state(world, "replica1", 501, summary);
    assert_false(found(world, "digest"));
    aero_check_digest_state(world, "replica2", 500, summary);
    assert_true(found(world, "digest"));
    world_free(world);
}

static void test_seeing_what_is_not_durable_is_found(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    aero_check_visibility_durable(world, 10);
    aero_check_visibility_shipped(world, 1, 10);
    aero_check_visibility_applied(world, 1, 10);
    aero_check_visibility_acknowledged(world, 2, 10);
    aero_check_visibility_recovered(world, 0, 12, false);
    aero_check_visibility_recovered(world, 1, 10, false);
    assert_false(found(world, "visibility"));
    aero_check_visibility_shipped(world, 1, 13);
    assert_true(found(world, "visibility"));
    aero_check_visibility_applied(world, 1, 13);
    assert_true(found(world, "visibility"));
    aero_check_visibility_acknowledged(world, 1, 13);
    assert_true(found(world, "visibility"));
    aero_check_visibility_recovered(world, 0, 11, false);
    assert_true(found(world, "visibility"));
    aero_check_visibility_recovered(world, 2, 9, false);
    assert_true(found(world, "visibility"));
    world_free(world);
}

/* ---- Prefix -------------------------------------------------------------------------------------------------- */

static void add_node(struct aero_sim_world *world)
{
    struct aero_sim_node *node = aero_calloc(1, sizeof *node);
    struct aero_sim_disk_options options = {.name = "disk"};
    node->is_primary = world->node_count == 0;
    node->index = world->node_count;
    node->world = world;
    memcpy(node->name, node->is_primary ? "primary" : "replica", 8);
    node->disk = aero_sim_disk_new(&options, &world->choice, NULL);
    world->nodes[world->node_count++] = node;
    struct aero_disk port = aero_sim_disk_port(node->disk);
    assert_true(aero_is_ok(port.ops->make_directory(port.self, "wal")));
}

/* By docs/formats.md: a segment with records that hold one byte each. */
static void write_segment(struct aero_sim_node *node, const char *records)
{
    uint8_t bytes[4096 + 16 * 72] = "AEROSEG1";
    bytes[40] = 0xee; /* incarnation */
    bytes[56] = 1;    /* sequence */
    bytes[64] = 1;    /* first LSN */
    bytes[72] = 0xa;  /* nonce */
    size_t length = 4096;
    for (size_t i = 0; records[i] != '\0'; i++) {
        uint8_t *record = bytes + length;
        memcpy(record, "AREC", 4);
        record[4] = 1;
        record[8] = 1;
        record[16] = (uint8_t)(1 + i);
        record[32] = 0xa;
        record[64] = (uint8_t)records[i];
        aero_store_u64(record + 48, aero_checksum64(aero_slice_of(record + 64, 1)));
        aero_store_u64(record + 56, aero_checksum64(aero_slice_of(record, 56)));
        length += 72;
    }
    aero_store_u64(bytes + 4088, aero_checksum64(aero_slice_of(bytes, 4088)));
    struct aero_disk port = aero_sim_disk_port(node->disk);
    struct aero_disk_file *file = NULL;
    size_t written = 0;
    assert_true(aero_is_ok(
        port.ops->open(port.self, "wal/0000000000000001-00000001.seg", AERO_DISK_CREATE, &file)));
    assert_true(
        aero_is_ok(port.ops->write(port.self, file, 0, aero_slice_of(bytes, length), &written)));
    port.ops->close(port.self, file);
}

static void test_replica_wal_that_is_no_prefix_is_found(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    add_node(world);
    add_node(world);
    write_segment(world->nodes[0], "abcd");
    write_segment(world->nodes[1], "abc");
    aero_check_prefix_look(world);
    assert_false(found(world, "prefix"));
    assert_int_equal(world->counts.prefix_bytes, 4096 + 3 * 72);
    write_segment(world->nodes[1], "abx");
    aero_check_prefix_look(world);
    assert_true(found(world, "prefix"));
    write_segment(world->nodes[1], "abcde");
    aero_check_prefix_look(world);
    assert_true(found(world, "prefix"));
    world_free(world);
}

/* Decision 6: the segment's incarnation must be on the disk beside it. */
static void test_commit_of_an_unknown_incarnation_is_found(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    add_node(world);
    write_segment(world->nodes[0], "a");
    aero_check_history_look(world);
    assert_true(found(world, "history"));
    struct aero_disk port = aero_sim_disk_port(world->nodes[0]->disk);
    struct aero_disk_file *file = NULL;
    size_t written = 0;
    uint8_t manifest[48 + 64] = "AEROMAN1";
    aero_store_u64(manifest + 24, 64);
    manifest[48 + 20] = 0xee; /* the incarnation that write_segment names */
    assert_true(aero_is_ok(port.ops->open(port.self, "manifest", AERO_DISK_CREATE, &file)));
    assert_true(aero_is_ok(
        port.ops->write(port.self, file, 0, aero_slice_of(manifest, sizeof manifest), &written)));
    aero_check_history_look(world);
    assert_true(found(world, "history")); /* not synced yet */
    assert_true(aero_is_ok(port.ops->sync(port.self, file)));
    assert_true(aero_is_ok(port.ops->sync_directory(port.self, "")));
    aero_check_history_look(world);
    assert_false(found(world, "history"));
    port.ops->close(port.self, file);
    world_free(world);
}

static void create_file(struct aero_sim_node *node, const char *name, const uint8_t *bytes,
                        size_t length)
{
    struct aero_disk port = aero_sim_disk_port(node->disk);
    struct aero_disk_file *file = NULL;
    size_t written = 0;
    assert_true(aero_is_ok(port.ops->open(port.self, name, AERO_DISK_CREATE, &file)));
    assert_true(
        aero_is_ok(port.ops->write(port.self, file, 0, aero_slice_of(bytes, length), &written)));
    assert_true(aero_is_ok(port.ops->sync(port.self, file)));
    port.ops->close(port.self, file);
}

/* A manifest whose floor is durable as 3, and segments 2, 3, 4: the first of them may go, the second must not. */
static void test_segment_that_goes_before_the_manifest_lets_it_is_found(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    add_node(world);
    struct aero_sim_node *node = world->nodes[0];
    struct aero_disk port = aero_sim_disk_port(node->disk);
    uint8_t manifest[700] = "AEROMAN1";
    manifest[48 + 624] = 3;
    create_file(node, "manifest", manifest, sizeof manifest);
    assert_true(aero_is_ok(port.ops->sync_directory(port.self, "")));
    for (int i = 2; i <= 4; i++) {
        char name[] = "wal/0000000000000001-00000000.seg";
        name[28] = (char)('0' + i);
        create_file(node, name, manifest, 1);
    }
    aero_check_truncation_look(node);
    assert_true(aero_is_ok(port.ops->unlink(port.self, "wal/0000000000000001-00000002.seg")));
    aero_check_truncation_look(node);
    assert_false(found(world, "truncation"));
    assert_true(aero_is_ok(port.ops->unlink(port.self, "wal/0000000000000001-00000003.seg")));
    aero_check_truncation_look(node);
    assert_true(found(world, "truncation"));
    world_free(world);
}

/* What the primary has truncated is compared with what was seen of it. */
static void test_truncated_segment_is_still_compared(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    add_node(world);
    add_node(world);
    write_segment(world->nodes[0], "abc");
    aero_check_prefix_look(world);
    struct aero_disk port = aero_sim_disk_port(world->nodes[0]->disk);
    assert_true(aero_is_ok(port.ops->unlink(port.self, "wal/0000000000000001-00000001.seg")));
    write_segment(world->nodes[1], "abcd");
    aero_check_prefix_look(world);
    assert_false(found(world, "prefix"));
    write_segment(world->nodes[1], "axc");
    aero_check_prefix_look(world);
    assert_true(found(world, "prefix"));
    world_free(world);
}

/* ---- Sessions, bounds, authority, damage ------------------------------------------------------------------------ */

static void test_replica_that_breaks_a_tokens_promise_is_found(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    uint32_t key = aero_check_ack_key(world, "r", AERO_ACK_REGISTER);
    for (int i = 0; i < 2; i++) {
        aero_check_ack_done(world, key, aero_check_ack_sent(world, key, false), 0);
    }
    (void)aero_check_ack_sent(world, key, false); /* behind the token */
    aero_check_session_token(world, aero_slice_text("token"), &key, 1);
    assert_int_equal(world->session.tokens[0].floors[0].write, 2);
    see_write(world, key, 1, 1);
    assert_false(found(world, "ack"));
    aero_check_session_reached(world, 1, &world->session.tokens[0]);
    see_write(world, key, 2, 1); /* another replica promised nothing */
    see_write(world, key, 1, 2);
    assert_false(found(world, "ack"));
    see_write(world, key, 1, 1);
    assert_true(found(world, "monotonic"));
    aero_check_monotonic_forget(world, 1);
    see_write(world, key, 1, 1);
    assert_false(found(world, "ack"));
    world_free(world);
}

static void test_queue_over_its_bound_is_found(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    aero_check_bounds(world, "primary", "a queue", 10, 10);
    assert_false(found(world, "bounds"));
    aero_check_bounds(world, "primary", "a queue", 11, 10);
    assert_true(found(world, "bounds"));
    world_free(world);
}

static void test_authority_given_up_for_nothing_is_found(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    aero_check_authority_gate(world, AERO_GATE_CUT);
    assert_false(found(world, "authority"));
    aero_check_authority_gate(world, AERO_GATE_PRIMARY_LOST);
    assert_true(found(world, "authority"));
    aero_check_authority_gate(world, AERO_GATE_SUPERSEDED);
    assert_true(found(world, "authority"));
    aero_check_authority_lost(world, 5);
    aero_check_authority_gate(world, AERO_GATE_PRIMARY_LOST);
    assert_false(found(world, "authority"));
    world_free(world);
}

/* A loss is excused where a disk lied; what a replica holds of it is remembered. */
static void test_lost_records_that_a_replica_holds_are_remembered(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    for (int i = 0; i < 3; i++) {
        add_node(world);
    }
    aero_check_visibility_durable(world, 10);
    aero_check_visibility_applied(world, 1, 7);
    aero_check_visibility_applied(world, 2, 9);
    aero_check_visibility_recovered(world, 0, 8, true);
    assert_false(found(world, "visibility"));
    assert_true(world->forked);
    assert_false(world->nodes[1]->holds_lost);
    assert_true(world->nodes[2]->holds_lost);
    world_free(world);
}

/* A node with a primary's new directory. */
static struct aero_disk add_directory(struct aero_sim_world *world)
{
    add_node(world);
    struct aero_disk port = aero_sim_disk_port(world->nodes[0]->disk);
    struct aero_manifest manifest = {.role = AERO_ROLE_PRIMARY, .epoch = {.value = 1}};
    manifest.cluster_id.bytes[0] = 1;
    manifest.node_id.bytes[0] = 2;
    memcpy(manifest.node_name, "primary", 8);
    assert_true(aero_is_ok(aero_create(port, &manifest)));
    return port;
}

static void create_with(struct aero_disk port, const char *name, const char *text)
{
    struct aero_disk_file *file;
    size_t written;
    assert_true(aero_is_ok(port.ops->open(port.self, name, AERO_DISK_CREATE, &file)));
    assert_true(aero_is_ok(port.ops->write(port.self, file, 0, aero_slice_text(text), &written)));
    port.ops->close(port.self, file);
}

/* A directory without a sign of life is no report either: verification must complain about what rotted. */
static void test_damage_that_nothing_reports_is_found(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    (void)add_directory(world);
    /* Behind the manifest's body nothing is read: rot there is what nobody can report. */
    assert_true(aero_sim_disk_flip_bit(world->nodes[0]->disk, "manifest", 60000, 0));
    aero_check_damage_done(world, 0, "manifest", 60000, 1);
    aero_check_damage_judge(world);
    assert_true(found(world, "damage"));
    aero_check_damage_forget(world, 0);
    aero_check_damage_judge(world);
    assert_false(found(world, "damage"));
    assert_true(aero_sim_disk_flip_bit(world->nodes[0]->disk, "manifest", 100, 0));
    aero_check_damage_done(world, 0, "manifest", 100, 1);
    aero_check_damage_judge(world);
    assert_false(found(world, "damage"));
    assert_int_equal(world->damage.reported, 2);
    world_free(world);
}

/* History: seed 97478. What the manifest does not name any more is read by nobody; what is still coming is. */
static void test_damage_of_a_snapshot_that_is_let_go_needs_no_report(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool found;
    } cases[] = {
        {"snapshots/0000000000000001-00000000000000000000000000000001.snap", false},
        {"snapshots/0000000000000001-00000000000000000000000000000001.snap.tmp", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_sim_world *world = world_new();
        struct aero_disk port = add_directory(world);
        create_with(port, cases[i].name, "not of interest");
        aero_check_damage_done(world, 0, cases[i].name, 3, 1);
        aero_check_damage_judge(world);
        assert_int_equal(found(world, "damage"), cases[i].found);
        world_free(world);
    }
}

/* ---- Progress --------------------------------------------------------------------------------------------------- */

static bool is_missing(struct aero_sim_world *world, const char *what)
{
    bool whole = aero_check_progress_is_whole(world);
    aero_check_progress_judge(world);
    assert_int_equal(whole, !world->verdict.failed);
    bool is_it = strncmp(world->verdict.text, what, strlen(what)) == 0;
    return found(world, "progress") && is_it;
}

/* A world that is whole, and then lacks one thing after the other. */
static void test_world_that_does_not_become_whole_is_found(void **state)
{
    struct story *story = *state;
    struct aero_sim_world *world = story->world;
    pass(story, SECOND_NS);
    set(story, "a");
    world->must_reach = aero_primary_durable_lsn(world->nodes[0]->primary).value;
    aero_check_progress_judge(world);
    assert_false(found(world, "progress"));
    world->must_reach++;
    assert_true(is_missing(world, "a replica has not caught up (1)"));
    world->must_reach--;
    world->nodes[1]->holds_lost = true;
    assert_true(is_missing(world, "nobody notices what a replica holds"));
    world->nodes[1]->holds_lost = false;
    aero_sim_node_crash(world->nodes[2], AERO_SIM_KILL, SECOND_NS);
    assert_true(is_missing(world, "a replica is not up (2)"));
    aero_sim_node_replace_disk(world->nodes[2], NULL, SECOND_NS);
    while (!world->nodes[2]->alive) {
        assert_true(aero_sim_world_step(world));
    }
    assert_true(is_missing(world, "a replica does not follow (2)"));
    pass(story, 5 * SECOND_NS);
    assert_true(aero_check_progress_is_whole(world));
    aero_sim_node_crash(world->nodes[0], AERO_SIM_KILL, SECOND_NS);
    assert_true(is_missing(world, "the primary is not up"));
    world->given_up = true; /* it said why */
    assert_true(aero_check_progress_is_whole(world));
}

/* As often as one likes while time goes on, not for ever at one moment. */
static void test_what_spins_is_found_and_told_to_stop(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    for (unsigned i = 0; i < 1000000; i++) {
        world->scheduler.now_ns += i % 1000 == 0;
        assert_true(aero_check_progress_step(world, "somebody"));
    }
    assert_false(found(world, "progress"));
    unsigned steps = 0;
    while (aero_check_progress_step(world, "replica1")) {
        assert_in_range(++steps, 1, 1000000);
    }
    assert_non_null(strstr(world->verdict.text, "the last by replica1"));
    assert_true(found(world, "progress"));
    while (aero_check_progress_step(world, "somebody")) {
        assert_in_range(++world->scheduler.now_ns, 1, 1000000000);
    }
    assert_true(found(world, "progress"));
    world_free(world);
}

/* Nobody can go on where no event is left. */
static void test_world_without_events_is_found(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    unsigned steps = 0;
    while (!world->verdict.failed) {
        assert_false(aero_sim_world_step(world));
        assert_in_range(++steps, 1, 1000000);
    }
    assert_true(found(world, "progress"));
    world_free(world);
}

static void test_handle_on_two_lanes_is_found(void **state)
{
    (void)state;
    struct aero_disk_op ops[2] = {{.kind = AERO_OP_SYNC, .handle = 5},
                                  {.kind = AERO_OP_SYNC_DIRECTORY, .handle = 5}};
    struct aero_disk_request requests[2] = {{.lane = 0, .ops = ops, .op_count = 1},
                                            {.lane = 1, .ops = ops, .op_count = 1}};
    struct aero_core_request a = {.owner = AERO_OWNER_WAL, .request = &requests[0]};
    struct aero_core_request b = {.owner = AERO_OWNER_WAL, .request = &requests[1]};
    uint32_t handle = 0;
    assert_false(aero_check_handles_apart(&a, &b, &handle));
    assert_int_equal(handle, 5);
    assert_true(aero_check_handles_apart(&a, &a, &handle)); /* one lane: one after the other */
    requests[1].ops = &ops[1];                              /* works on no handle */
    assert_true(aero_check_handles_apart(&a, &b, &handle));
    requests[1].ops = ops;
    b.owner = AERO_OWNER_CHECKPOINT;
    assert_true(aero_check_handles_apart(&a, &b, &handle));
}

static void test_replies_are_parsed_whole_or_not_at_all(void **state)
{
    (void)state;
    const char *reply = "*3\r\n$2\r\nab\r\n$-1\r\n:12\r\n+next";
    size_t whole = strlen(reply) - 5;
    struct aero_slice bytes = aero_slice_text(reply);
    assert_int_equal(aero_sim_resp_length(bytes), whole);
    for (size_t length = 0; length < whole; length++) {
        assert_int_equal(aero_sim_resp_length(aero_slice_of(reply, length)), 0);
    }
    struct aero_slice first = aero_sim_resp_bulk(aero_sim_resp_element(bytes, 0));
    assert_true(aero_slice_equal(first, aero_slice_text("ab")));
    assert_null(aero_sim_resp_bulk(aero_sim_resp_element(bytes, 1)).data);
    long long number = 0;
    assert_true(aero_sim_resp_integer(aero_sim_resp_element(bytes, 2), &number));
    assert_int_equal(number, 12);
    assert_int_equal(aero_sim_resp_length(aero_slice_text("rubbish\r\n")), SIZE_MAX);
    assert_true(aero_sim_resp_is_error(aero_slice_text("-UNKNOWN x\r\n"), "UNKNOWN"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_register_that_loses_an_acknowledged_write_is_found),
        cmocka_unit_test(test_register_that_revives_a_refused_write_is_found),
        cmocka_unit_test(test_register_that_takes_back_what_was_seen_is_found),
        cmocka_unit_test(test_replica_that_goes_back_is_found),
        cmocka_unit_test(test_delete_that_does_not_stay_is_found),
        cmocka_unit_test(test_half_a_transaction_is_found),
        cmocka_unit_test(test_counter_that_forgets_or_invents_is_found),
        cmocka_unit_test(test_lock_with_two_holders_is_found),
        cmocka_unit_test(test_two_digests_at_one_lsn_are_found),
        cmocka_unit_test(test_seeing_what_is_not_durable_is_found),
        cmocka_unit_test(test_replica_wal_that_is_no_prefix_is_found),
        cmocka_unit_test(test_commit_of_an_unknown_incarnation_is_found),
        cmocka_unit_test(test_segment_that_goes_before_the_manifest_lets_it_is_found),
        cmocka_unit_test(test_truncated_segment_is_still_compared),
        cmocka_unit_test(test_replica_that_breaks_a_tokens_promise_is_found),
        cmocka_unit_test(test_queue_over_its_bound_is_found),
        cmocka_unit_test(test_authority_given_up_for_nothing_is_found),
        cmocka_unit_test(test_lost_records_that_a_replica_holds_are_remembered),
        cmocka_unit_test(test_damage_that_nothing_reports_is_found),
        cmocka_unit_test(test_damage_of_a_snapshot_that_is_let_go_needs_no_report),
        STORY(test_world_that_does_not_become_whole_is_found),
        cmocka_unit_test(test_what_spins_is_found_and_told_to_stop),
        cmocka_unit_test(test_world_without_events_is_found),
        cmocka_unit_test(test_handle_on_two_lanes_is_found),
        cmocka_unit_test(test_replies_are_parsed_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
