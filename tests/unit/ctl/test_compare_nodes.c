/* SPDX-License-Identifier: Apache-2.0 */
/* aeroctl compare where one or both sides are nodes: what each says of itself at one moment decides, and what is not
 * said is not taken for equal. */
#include "tests/unit/ctl/data_bench.h"
#include "tests/unit/ctl/node_bench.h"

#include <inttypes.h>

#define LINES_MAX 512

/* What a node would say; a field is left out where it is NULL. */
struct said {
    const char *role;
    const char *cluster_id;
    const char *lsn;
    const char *chain;
    const char *digest;
    const char *digest_lsn;
    const char *entries;
};

static void add_line(char *lines, const char *name, const char *value)
{
    size_t length = strlen(lines);
    if (value != NULL) {
        snprintf(lines + length, LINES_MAX - length, "%s:%s\r\n", name, value);
    }
}

static void say(const struct said *said, char out_reply[LINES_MAX])
{
    char lines[LINES_MAX] = "";
    bool primary = said->role != NULL && strcmp(said->role, "primary") == 0;
    add_line(lines, "role", said->role);
    add_line(lines, "cluster_id", said->cluster_id);
    add_line(lines, primary ? "durable_lsn" : "applied_lsn", said->lsn);
    add_line(lines, primary ? "durable_chain" : "applied_chain", said->chain);
    add_line(lines, "digest", said->digest);
    add_line(lines, "digest_lsn", said->digest_lsn);
    add_line(lines, "entries", said->entries);
    node_bulk(out_reply, LINES_MAX, lines);
}

/* A node that says that, again and again. */
struct talker {
    struct fake_node *node;
    char reply[LINES_MAX];
};

static void talker_start(struct talker *talker, const struct said *said)
{
    say(said, talker->reply);
    talker->node = node_bind();
    talker->node->answers[0] = talker->reply;
    talker->node->repeats = true;
    node_run(talker->node, node_serve);
}

static const struct said primary_at_9 = {.role = "primary",
                                         .cluster_id = "77",
                                         .lsn = "9",
                                         .chain = "ab",
                                         .digest = "d1",
                                         .digest_lsn = "9",
                                         .entries = "5"};
static const struct said replica_at_9 = {.role = "replica",
                                         .cluster_id = "77",
                                         .lsn = "9",
                                         .chain = "ab",
                                         .digest = "d1",
                                         .digest_lsn = "9",
                                         .entries = "5"};

/* ---- Two nodes -------------------------------------------------------------------------------------------------- */

static int compare_said(struct ctl_bench *bench, const struct said *a, const struct said *b)
{
    struct talker talkers[2];
    talker_start(&talkers[0], a);
    talker_start(&talkers[1], b);
    int exit_code = CTL_RUN(bench, "compare", talkers[0].node->address, talkers[1].node->address);
    node_stop(talkers[0].node);
    node_stop(talkers[1].node);
    return exit_code;
}

static void test_two_nodes_agree_when_all_is_equal_at_one_lsn(void **state)
{
    struct ctl_bench *bench = *state;
    assert_int_equal(compare_said(bench, &primary_at_9, &replica_at_9), AERO_EXIT_OK);
    EXPECT_OUT(bench, "one history and one state up to LSN 9");
}

static void test_any_difference_of_two_nodes_is_told(void **state)
{
    struct ctl_bench *bench = *state;
    struct said cases[4];
    const char *const texts[] = {"they belong to different clusters", "part at or before LSN 9",
                                 "two states: they differ at LSN 9",
                                 "two states: they differ at LSN 9"};
    for (size_t i = 0; i < 4; i++) {
        cases[i] = replica_at_9;
    }
    cases[0].cluster_id = "78";
    cases[1].chain = "ac";
    cases[2].digest = "d2";
    cases[3].entries = "6";
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(compare_said(bench, &primary_at_9, &cases[i]), AERO_CTL_EXIT_DIFFERENT);
        EXPECT_OUT(bench, texts[i]);
        assert_int_equal(compare_said(bench, &cases[i], &primary_at_9), AERO_CTL_EXIT_DIFFERENT);
        EXPECT_OUT(bench, texts[i]);
    }
}

static void test_clusters_told_apart_have_no_ends_in_json(void **state)
{
    struct ctl_bench *bench = *state;
    struct talker talkers[2];
    struct said other = replica_at_9;
    other.cluster_id = "78";
    talker_start(&talkers[0], &primary_at_9);
    talker_start(&talkers[1], &other);
    assert_int_equal(
        CTL_RUN(bench, "compare", "--json", talkers[0].node->address, talkers[1].node->address),
        AERO_CTL_EXIT_DIFFERENT);
    EXPECT_OUT(bench, "\"same_cluster\": false");
    assert_null(strstr(bench->out, "end_lsn"));
    node_stop(talkers[0].node);
    node_stop(talkers[1].node);
}

/* Under load they are seldom at one LSN: they are asked again until they are. A digest of another LSN than the node's is
 * waited for, too, on either side. */
static void test_two_nodes_are_asked_until_they_are_at_one_lsn(void **state)
{
    struct ctl_bench *bench = *state;
    char replies[4][LINES_MAX];
    struct said behind = replica_at_9;
    struct said stale_primary = primary_at_9;
    struct said silent_replica = replica_at_9;
    behind.lsn = "8";
    stale_primary.digest_lsn = "8";
    silent_replica.digest = NULL;
    say(&behind, replies[0]);
    say(&replica_at_9, replies[1]);
    say(&silent_replica, replies[2]);
    struct fake_node *replica = node_bind();
    for (size_t i = 0; i < 3; i++) {
        replica->answers[i] = replies[i];
    }
    replica->answers[3] = replies[1];
    struct fake_node *primary = node_bind();
    char stale[LINES_MAX];
    say(&stale_primary, stale);
    say(&primary_at_9, replies[3]);
    primary->answers[0] = stale;
    primary->answers[1] = stale;
    primary->answers[2] = replies[3];
    primary->answers[3] = replies[3];
    node_run(replica, node_serve);
    node_run(primary, node_serve);
    assert_int_equal(CTL_RUN(bench, "compare", primary->address, replica->address), AERO_EXIT_OK);
    EXPECT_OUT(bench, "one history and one state up to LSN 9");
    assert_int_equal(primary->next, 4);
    assert_int_equal(replica->next, 4);
    node_stop(primary);
    node_stop(replica);
}

static void test_without_state_two_nodes_agree_at_the_first_lsn_in_common(void **state)
{
    struct ctl_bench *bench = *state;
    struct talker talkers[2];
    talker_start(&talkers[0], &primary_at_9);
    talker_start(&talkers[1], &replica_at_9);
    assert_int_equal(
        CTL_RUN(bench, "compare", "--no-state", talkers[0].node->address, talkers[1].node->address),
        AERO_EXIT_OK);
    EXPECT_OUT(bench, "one history up to LSN 9");
    assert_int_equal(talkers[0].node->accepted, 1);
    node_stop(talkers[0].node);
    node_stop(talkers[1].node);
}

/* A number that is none, or none at all, is LSN 0: in common with nobody who has records. They are asked for as long as it
 * takes, and then not called equal. */
static void test_nodes_without_an_lsn_in_common_are_not_called_equal(void **state)
{
    struct ctl_bench *bench = *state;
    struct said garbled = replica_at_9;
    struct said silent = primary_at_9;
    garbled.lsn = "nine";
    silent.lsn = NULL;
    silent.chain = "cd";
    assert_int_equal(compare_said(bench, &silent, &garbled), AERO_CTL_EXIT_DIFFERENT);
    EXPECT_OUT(bench, "part at or before LSN 0");
    assert_int_equal(compare_said(bench, &primary_at_9, &garbled), AERO_EXIT_FAILURE);
    EXPECT_OUT(bench, "one is at LSN 9, the other at 0, and they have no LSN in common");
}

static void test_a_node_that_does_not_answer_ends_it(void **state)
{
    struct ctl_bench *bench = *state;
    struct talker talker;
    struct fake_node *deaf = node_bind();
    talker_start(&talker, &primary_at_9);
    assert_int_equal(CTL_RUN(bench, "compare", talker.node->address, deaf->address),
                     AERO_CTL_EXIT_UNREACHABLE);
    assert_int_equal(CTL_RUN(bench, "compare", deaf->address, talker.node->address),
                     AERO_CTL_EXIT_UNREACHABLE);
    assert_string_equal(bench->out, "");
    node_stop(talker.node);
    node_free(deaf);
}

/* ---- A node and a directory --------------------------------------------------------------------------------------- */

#define NODE_LSN 300
#define LAST_LSN 450

/* What the node is to say of NODE_LSN: the truth, until the test changes it. */
struct truth {
    char lsn[24];
    char cluster_id[AERO_ID_TEXT_BYTES];
    char chain[24];
    char digest[40];
    char entries[24];
    struct said said;
};

static void truth_take(struct truth *truth, const struct data_bench *data)
{
    struct aero_summary summary = aero_tree_summary(data->tree);
    snprintf(truth->lsn, sizeof truth->lsn, "%" PRIu64, data->end.lsn.value);
    aero_id_format(data->manifest.cluster_id, truth->cluster_id);
    snprintf(truth->chain, sizeof truth->chain, "%016" PRIx64, data->end.chain);
    snprintf(truth->digest, sizeof truth->digest, "%016" PRIx64 "%016" PRIx64, summary.digest.high,
             summary.digest.low);
    snprintf(truth->entries, sizeof truth->entries, "%" PRIu64, summary.count);
    truth->said = (struct said){.role = "primary",
                                .cluster_id = truth->cluster_id,
                                .lsn = truth->lsn,
                                .chain = truth->chain,
                                .digest = truth->digest,
                                .digest_lsn = truth->lsn,
                                .entries = truth->entries};
}

/* A log from LSN 1, or from behind 200, where only a snapshot above the node's LSN holds a state. */
static struct data_bench *make_directory(struct ctl_bench *bench, bool truncated,
                                         struct truth *out_truth)
{
    char first[AERO_DISK_NAME_MAX];
    struct data_bench *data = data_begin(bench, "d", AERO_ROLE_REPLICA, 7);
    data_incarnation(data, 1);
    data_segment(data, 11);
    memcpy(first, data->segment, sizeof first);
    data_put_to(data, 200);
    data_segment(data, 12);
    data_put_to(data, NODE_LSN);
    truth_take(out_truth, data);
    data_put_to(data, 400);
    if (truncated) {
        data_snapshot(data, 51);
        data_remove(data, first);
    }
    data_put_to(data, LAST_LSN);
    data_prove(data, 2);
    data_end(data);
    return data;
}

static int compare_directory(struct ctl_bench *bench, const struct said *said, const char *option,
                             bool node_first)
{
    struct talker talker;
    talker_start(&talker, said);
    const char *a = node_first ? talker.node->address : "@d";
    const char *b = node_first ? "@d" : talker.node->address;
    int exit_code = CTL_RUN(bench, "compare", option, a, b);
    node_stop(talker.node);
    return exit_code;
}

static void test_a_directory_agrees_with_a_node_at_the_nodes_lsn(void **state)
{
    struct ctl_bench *bench = *state;
    struct truth truth;
    data_free(make_directory(bench, false, &truth));
    for (int node_first = 0; node_first < 2; node_first++) {
        assert_int_equal(compare_directory(bench, &truth.said, "--timeout=5s", node_first != 0),
                         AERO_EXIT_OK);
        EXPECT_OUT(bench, "one history and one state up to LSN 300");
        EXPECT_OUT(bench, "at LSN 450");
        assert_int_equal(compare_directory(bench, &truth.said, "--no-state", node_first != 0),
                         AERO_EXIT_OK);
        EXPECT_OUT(bench, "one history up to LSN 300");
    }
}

static void test_any_difference_of_a_node_from_a_directory_is_told(void **state)
{
    struct ctl_bench *bench = *state;
    struct truth truth;
    data_free(make_directory(bench, false, &truth));
    struct said cases[6];
    const struct {
        int exit_code;
        const char *text;
    } expected[] = {
        {AERO_CTL_EXIT_DIFFERENT, "different clusters"},
        {AERO_CTL_EXIT_DIFFERENT, "part at or before LSN 300"},
        {AERO_CTL_EXIT_DIFFERENT, "two states: they differ at LSN 300"},
        {AERO_CTL_EXIT_DIFFERENT, "two states: they differ at LSN 300"},
        {AERO_EXIT_FAILURE, "one history up to LSN 300; no state could be had"},
        {AERO_EXIT_FAILURE, "no LSN in common"},
    };
    for (size_t i = 0; i < 6; i++) {
        cases[i] = truth.said;
    }
    cases[0].cluster_id = "77";
    cases[1].chain = "0000000000000001";
    cases[2].digest = "d2";
    cases[3].entries = "1";
    cases[4].digest = NULL;
    cases[5].lsn = "451";
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(compare_directory(bench, &cases[i], "--timeout=5s", i % 2 != 0),
                         expected[i].exit_code);
        EXPECT_OUT(bench, expected[i].text);
    }
}

/* The directory's state begins above the node's LSN: the histories are compared, and that is not called agreement. */
static void test_a_directory_without_a_state_at_the_nodes_lsn_says_so(void **state)
{
    struct ctl_bench *bench = *state;
    struct truth truth;
    data_free(make_directory(bench, true, &truth));
    assert_int_equal(compare_directory(bench, &truth.said, "--timeout=5s", true),
                     AERO_EXIT_FAILURE);
    EXPECT_OUT(bench, "one history up to LSN 300; no state could be had there on both sides");
}

/* Damage behind the node's LSN: what was compared before it is no answer. */
static void test_damage_in_the_directory_ends_it(void **state)
{
    struct ctl_bench *bench = *state;
    struct truth truth;
    struct data_bench *data = make_directory(bench, false, &truth);
    data_flip(data, "wal/0000000000000001-00000001.seg", 5000);
    assert_int_equal(compare_directory(bench, &truth.said, "--timeout=5s", true),
                     AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "0000000000000001-00000001.seg");
    assert_string_equal(bench->out, "");
    data_remove(data, "manifest");
    assert_int_equal(compare_directory(bench, &truth.said, "--timeout=5s", false),
                     AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "there is no manifest that can be used");
    data_free(data);
}

static void test_a_directory_is_not_read_for_a_node_that_does_not_answer(void **state)
{
    struct ctl_bench *bench = *state;
    struct truth truth;
    struct fake_node *deaf = node_bind();
    data_free(make_directory(bench, false, &truth));
    assert_int_equal(CTL_RUN(bench, "compare", "@d", deaf->address), AERO_CTL_EXIT_UNREACHABLE);
    assert_int_equal(CTL_RUN(bench, "compare", deaf->address, "@d"), AERO_CTL_EXIT_UNREACHABLE);
    node_free(deaf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CTL_TEST(test_two_nodes_agree_when_all_is_equal_at_one_lsn),
        CTL_TEST(test_any_difference_of_two_nodes_is_told),
        CTL_TEST(test_clusters_told_apart_have_no_ends_in_json),
        CTL_TEST(test_two_nodes_are_asked_until_they_are_at_one_lsn),
        CTL_TEST(test_without_state_two_nodes_agree_at_the_first_lsn_in_common),
        CTL_TEST(test_nodes_without_an_lsn_in_common_are_not_called_equal),
        CTL_TEST(test_a_node_that_does_not_answer_ends_it),
        CTL_TEST(test_a_directory_agrees_with_a_node_at_the_nodes_lsn),
        CTL_TEST(test_any_difference_of_a_node_from_a_directory_is_told),
        CTL_TEST(test_a_directory_without_a_state_at_the_nodes_lsn_says_so),
        CTL_TEST(test_damage_in_the_directory_ends_it),
        CTL_TEST(test_a_directory_is_not_read_for_a_node_that_does_not_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
