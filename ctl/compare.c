/* SPDX-License-Identifier: Apache-2.0 */
/* aeroctl compare: two nodes, two directories, or one of each.
 *
 * (LSN, chain) names a whole prefix of a history, and the digest at an LSN names a state. So two logs share a
 * history exactly as far as their chain values are equal, and two states are compared at one LSN or not at all. A
 * directory can be read at any LSN that its log reaches; a node tells only where it is now. */
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "base/config_text.h"
#include "ctl/client.h"
#include "ctl/directory.h"
#include "ctl/files.h"
#include "ctl/json.h"
#include "engine/replay.h"
#include "engine/summary.h"

#define WORDS "compare"
/* Two nodes under load are seldom at one LSN when asked: so often, with a pause between. */
#define NODE_TRIES 50
#define NODE_PAUSE_MS 50

struct finding {
    bool same_cluster;
    bool histories_compared;
    bool same_history;
    uint64_t common_lsn;   /* the histories are equal at least up to here */
    uint64_t parting_lsn;  /* they differ here; 0: nowhere seen */
    bool parting_is_exact; /* and are equal at the LSN before */
    bool states_compared;
    bool same_state;
    uint64_t state_lsn; /* where states were compared last, or the first at which they differ */
    uint64_t end_lsn[2];
};

struct side {
    const char *text; /* as given */
    bool is_node;
    struct aero_ctl_target target;
    struct aero_ctl_directory directory;
    bool open;
    struct aero_replay *replay;
};

struct compare {
    const struct aero_ctl *ctl;
    bool state;
    struct side sides[2];
    struct finding finding;
};

/* What a node says of itself, at one moment. */
struct point {
    char cluster_id[AERO_ID_TEXT_BYTES];
    uint64_t lsn;
    char chain[24];
    bool has_state;
    char digest[40];
    uint64_t entries;
};

static bool fail(const struct compare *compare, const char *subject, const char *text)
{
    aero_ctl_complain(compare->ctl, WORDS, "%s: %s", subject, text);
    return false;
}

/* ---- Two directories ---------------------------------------------------------------------------------------- */

static void complain_at(const struct compare *compare, const struct side *side,
                        const struct aero_replay_place *place)
{
    aero_ctl_complain(compare->ctl, WORDS,
                      "%s: %s offset %" PRIu64 " LSN %" PRIu64 ": %s. 'aeroctl verify' says more.",
                      side->text, place->file, place->offset, place->lsn.value, place->text);
}

static bool open_replay(struct compare *compare, struct side *side)
{
    struct aero_replay_place place = {.text = ""};
    aero_status status =
        aero_replay_open(side->directory.disk, compare->state, &side->replay, &place);
    if (!aero_is_ok(status)) {
        complain_at(compare, side, &place);
    }
    return aero_is_ok(status);
}

/* One record further. False with *out_done: the end of the log; false without: damage, complained about. */
static bool advance(const struct compare *compare, const struct side *side, bool *out_done)
{
    struct aero_wal_record record;
    struct aero_replay_place place = {.text = ""};
    aero_status status = aero_replay_next(side->replay, &record, &place);
    *out_done = status.code == AERO_NOT_FOUND;
    if (!aero_is_ok(status) && !*out_done) {
        complain_at(compare, side, &place);
    }
    return aero_is_ok(status);
}

/* Both are at one LSN. False: nothing more is to be learnt behind it. */
static bool compare_here(struct compare *compare, struct aero_position a, struct aero_position b)
{
    struct finding *finding = &compare->finding;
    struct aero_summary states[2];
    finding->histories_compared = true;
    if (a.chain != b.chain) {
        finding->same_history = false;
        finding->parting_lsn = a.lsn.value;
        finding->parting_is_exact = finding->common_lsn + 1 == a.lsn.value;
        return false;
    }
    finding->same_history = true;
    finding->common_lsn = a.lsn.value;
    if (!aero_replay_summary(compare->sides[0].replay, &states[0]) ||
        !aero_replay_summary(compare->sides[1].replay, &states[1])) {
        return true;
    }
    finding->states_compared = true;
    finding->state_lsn = a.lsn.value;
    finding->same_state = aero_summary_equal(states[0], states[1]);
    return finding->same_state;
}

static bool walk(struct compare *compare)
{
    struct side *sides = compare->sides;
    for (;;) {
        struct aero_position a = aero_replay_position(sides[0].replay);
        struct aero_position b = aero_replay_position(sides[1].replay);
        bool done = false;
        if (a.lsn.value == b.lsn.value && !compare_here(compare, a, b)) {
            return true;
        }
        if (a.lsn.value <= b.lsn.value && !advance(compare, &sides[0], &done)) {
            return done;
        }
        if (b.lsn.value <= a.lsn.value && !advance(compare, &sides[1], &done)) {
            return done;
        }
    }
}

/* The rest of each log, for its end. */
static bool find_end(struct compare *compare, size_t index)
{
    struct side *side = &compare->sides[index];
    bool done = false;
    while (advance(compare, side, &done)) {
    }
    compare->finding.end_lsn[index] = aero_replay_position(side->replay).lsn.value;
    return done;
}

static bool compare_directories(struct compare *compare)
{
    struct side *sides = compare->sides;
    if (!open_replay(compare, &sides[0]) || !open_replay(compare, &sides[1])) {
        return false;
    }
    const struct aero_manifest *a = aero_replay_manifest(sides[0].replay);
    const struct aero_manifest *b = aero_replay_manifest(sides[1].replay);
    compare->finding.same_cluster = aero_id_equal(a->cluster_id, b->cluster_id);
    if (!compare->finding.same_cluster) {
        return true;
    }
    return walk(compare) && find_end(compare, 0) && find_end(compare, 1);
}

/* ---- Nodes -------------------------------------------------------------------------------------------------- */

static uint64_t field_number(struct aero_slice lines, const char *name)
{
    char text[24];
    uint64_t value = 0;
    return aero_ctl_field_find(lines, name, text, sizeof text) && aero_text_to_integer(text, &value)
               ? value
               : 0;
}

static bool ask_node(const struct compare *compare, const struct side *side,
                     struct point *out_point, int *out_exit_code)
{
    struct aero_buffer buffer = {0};
    struct aero_slice lines;
    char role[16];
    struct point point = {.has_state = true};
    bool done = aero_ctl_ask(compare->ctl, WORDS, &side->target, "AERO.STATUS", &buffer, &lines,
                             out_exit_code);
    if (done) {
        aero_ctl_field_find(lines, "role", role, sizeof role);
        bool primary = strcmp(role, "primary") == 0;
        aero_ctl_field_find(lines, "cluster_id", point.cluster_id, sizeof point.cluster_id);
        aero_ctl_field_find(lines, primary ? "durable_chain" : "applied_chain", point.chain,
                            sizeof point.chain);
        point.lsn = field_number(lines, primary ? "durable_lsn" : "applied_lsn");
        point.has_state = aero_ctl_field_find(lines, "digest", point.digest, sizeof point.digest) &&
                          field_number(lines, "digest_lsn") == point.lsn;
        point.entries = field_number(lines, "entries");
        *out_point = point;
    }
    aero_buffer_deinit(&buffer);
    return done;
}

static void take_points(struct compare *compare, const struct point *a, const struct point *b)
{
    struct finding *finding = &compare->finding;
    finding->end_lsn[0] = a->lsn;
    finding->end_lsn[1] = b->lsn;
    finding->same_cluster = strcmp(a->cluster_id, b->cluster_id) == 0;
    if (!finding->same_cluster || a->lsn != b->lsn) {
        return;
    }
    finding->histories_compared = true;
    finding->same_history = strcmp(a->chain, b->chain) == 0;
    finding->common_lsn = finding->same_history ? a->lsn : 0;
    finding->parting_lsn = finding->same_history ? 0 : a->lsn;
    if (finding->same_history && compare->state && a->has_state && b->has_state) {
        finding->states_compared = true;
        finding->state_lsn = a->lsn;
        finding->same_state = strcmp(a->digest, b->digest) == 0 && a->entries == b->entries;
    }
}

static bool compare_nodes(struct compare *compare, int *out_exit_code)
{
    const struct finding *finding = &compare->finding;
    struct point points[2];
    for (unsigned i = 0; i < NODE_TRIES; i++) {
        if (!ask_node(compare, &compare->sides[0], &points[0], out_exit_code) ||
            !ask_node(compare, &compare->sides[1], &points[1], out_exit_code)) {
            return false;
        }
        take_points(compare, &points[0], &points[1]);
        bool settled = finding->histories_compared && !finding->same_history;
        if (!finding->same_cluster || settled || finding->states_compared ||
            (finding->histories_compared && !compare->state)) {
            return true;
        }
        poll(NULL, 0, NODE_PAUSE_MS);
    }
    return true;
}

/* ---- A node and a directory ---------------------------------------------------------------------------------- */

static void take_directory_point(struct compare *compare, struct side *side,
                                 const struct point *node)
{
    struct finding *finding = &compare->finding;
    struct aero_position here = aero_replay_position(side->replay);
    struct aero_summary summary;
    char chain[24];
    char digest[40];
    if (here.lsn.value != node->lsn) {
        return;
    }
    snprintf(chain, sizeof chain, "%016" PRIx64, here.chain);
    finding->histories_compared = true;
    finding->same_history = strcmp(chain, node->chain) == 0;
    finding->common_lsn = finding->same_history ? node->lsn : 0;
    finding->parting_lsn = finding->same_history ? 0 : node->lsn;
    if (finding->same_history && node->has_state && aero_replay_summary(side->replay, &summary)) {
        snprintf(digest, sizeof digest, "%016" PRIx64 "%016" PRIx64, summary.digest.high,
                 summary.digest.low);
        finding->states_compared = true;
        finding->state_lsn = node->lsn;
        finding->same_state = strcmp(digest, node->digest) == 0 && summary.count == node->entries;
    }
}

static bool compare_mixed(struct compare *compare, size_t node_index, int *out_exit_code)
{
    struct side *node = &compare->sides[node_index];
    struct side *directory = &compare->sides[1 - node_index];
    struct finding *finding = &compare->finding;
    struct point point;
    char cluster_id[AERO_ID_TEXT_BYTES];
    bool done = false;
    if (!ask_node(compare, node, &point, out_exit_code)) {
        return false;
    }
    *out_exit_code = AERO_EXIT_FAILURE;
    if (!open_replay(compare, directory)) {
        return false;
    }
    finding->end_lsn[node_index] = point.lsn;
    aero_id_format(aero_replay_manifest(directory->replay)->cluster_id, cluster_id);
    finding->same_cluster = strcmp(cluster_id, point.cluster_id) == 0;
    take_directory_point(compare, directory, &point);
    while (finding->same_cluster && advance(compare, directory, &done)) {
        take_directory_point(compare, directory, &point);
    }
    finding->end_lsn[1 - node_index] = aero_replay_position(directory->replay).lsn.value;
    return !finding->same_cluster || done;
}

/* ---- What it means ------------------------------------------------------------------------------------------- */

static int judge(const struct compare *compare, char *out_text, size_t text_size)
{
    const struct finding *finding = &compare->finding;
    if (!finding->same_cluster) {
        snprintf(out_text, text_size, "they belong to different clusters");
        return AERO_CTL_EXIT_DIFFERENT;
    }
    if (!finding->histories_compared) {
        snprintf(out_text, text_size,
                 "they could not be compared: one is at LSN %" PRIu64 ", the other at %" PRIu64
                 ", and they have no LSN in common. Try again when writes rest, or compare "
                 "directories.",
                 finding->end_lsn[0], finding->end_lsn[1]);
        return AERO_EXIT_FAILURE;
    }
    if (!finding->same_history && finding->parting_is_exact) {
        snprintf(out_text, text_size,
                 "their histories part at LSN %" PRIu64 ": equal up to %" PRIu64
                 ", different from there on",
                 finding->parting_lsn, finding->parting_lsn - 1);
        return AERO_CTL_EXIT_DIFFERENT;
    }
    if (!finding->same_history) {
        snprintf(out_text, text_size,
                 "their histories part at or before LSN %" PRIu64
                 "; directories whose logs reach back further tell where",
                 finding->parting_lsn);
        return AERO_CTL_EXIT_DIFFERENT;
    }
    if (finding->states_compared && !finding->same_state) {
        snprintf(out_text, text_size,
                 "one history, two states: they differ at LSN %" PRIu64
                 ". Replay each offline with 'aeroctl verify': the one that disagrees with its log "
                 "is wrong.",
                 finding->state_lsn);
        return AERO_CTL_EXIT_DIFFERENT;
    }
    if (!finding->states_compared && compare->state) {
        snprintf(out_text, text_size,
                 "one history up to LSN %" PRIu64 "; no state could be had there on both sides",
                 finding->common_lsn);
        return AERO_EXIT_FAILURE;
    }
    snprintf(out_text, text_size, "%s up to LSN %" PRIu64,
             finding->states_compared ? "one history and one state" : "one history",
             finding->common_lsn);
    return AERO_EXIT_OK;
}

static void print_result(const struct compare *compare, const char *text, bool json)
{
    const struct finding *finding = &compare->finding;
    if (!json) {
        fprintf(compare->ctl->out, "%s\n", text);
        for (size_t i = 0; finding->same_cluster && i < 2; i++) {
            fprintf(compare->ctl->out, "  %-40s at LSN %" PRIu64 "%s\n", compare->sides[i].text,
                    finding->end_lsn[i],
                    compare->sides[i].directory.in_use ? " (a daemon runs on it)" : "");
        }
        return;
    }
    struct json_object *object = json_object_new_object();
    aero_ctl_json_text(object, "text", text);
    aero_ctl_json_bool(object, "same_cluster", finding->same_cluster);
    aero_ctl_json_bool(object, "histories_compared", finding->histories_compared);
    aero_ctl_json_bool(object, "same_history", finding->same_history);
    aero_ctl_json_u64(object, "common_lsn", finding->common_lsn);
    aero_ctl_json_u64(object, "first_different_lsn", finding->parting_lsn);
    aero_ctl_json_bool(object, "first_different_is_exact", finding->parting_is_exact);
    aero_ctl_json_bool(object, "states_compared", finding->states_compared);
    aero_ctl_json_bool(object, "same_state", finding->same_state);
    aero_ctl_json_u64(object, "state_lsn", finding->state_lsn);
    if (finding->same_cluster) { /* else nobody went on to their ends */
        aero_ctl_json_u64(object, "end_lsn_a", finding->end_lsn[0]);
        aero_ctl_json_u64(object, "end_lsn_b", finding->end_lsn[1]);
    }
    aero_ctl_json_finish(compare->ctl, object);
}

/* ---- The command --------------------------------------------------------------------------------------------- */

static bool open_side(struct compare *compare, const struct aero_options *given, const char *text,
                      struct side *side, int *out_exit_code)
{
    enum aero_ctl_path_kind kind;
    side->text = text;
    *out_exit_code = AERO_EXIT_USAGE;
    if (!aero_is_ok(aero_ctl_path_kind(text, &kind, NULL)) || kind != AERO_CTL_PATH_DIRECTORY) {
        if (!aero_ctl_target_parse_call(compare->ctl, given, &side->target)) {
            return false;
        }
        side->is_node = aero_ctl_target_set(text, &side->target);
        if (!side->is_node) {
            return fail(compare, text,
                        "there is no such directory, and it is no HOST:PORT. Give the data "
                        "directory of a node (data_dir in its configuration), or a running node.");
        }
        return true;
    }
    *out_exit_code = AERO_EXIT_FAILURE;
    aero_status status = aero_ctl_directory_open(text, &side->directory);
    side->open = aero_is_ok(status);
    if (!side->open) {
        aero_ctl_directory_complain(compare->ctl, WORDS, text, status);
    }
    return side->open;
}

static void close_side(struct side *side)
{
    aero_replay_close(side->replay);
    if (side->open) {
        aero_ctl_directory_close(&side->directory);
    }
}

static bool run(struct compare *compare, int *out_exit_code)
{
    *out_exit_code = AERO_EXIT_FAILURE;
    if (compare->sides[0].is_node && compare->sides[1].is_node) {
        return compare_nodes(compare, out_exit_code);
    }
    if (!compare->sides[0].is_node && !compare->sides[1].is_node) {
        return compare_directories(compare);
    }
    return compare_mixed(compare, compare->sides[0].is_node ? 0 : 1, out_exit_code);
}

int aero_ctl_compare(const struct aero_ctl *ctl, int argc, char **argv)
{
    static const struct aero_option options[] = {
        {"no-state", NULL, NULL,
         "Compare histories only: states take as much memory as the two "
         "nodes do."},
        AERO_CTL_OPTIONS_CALL,
    };
    static const struct aero_program program = {
        .name = "aeroctl " WORDS,
        .summary = "Says whether two nodes share a history and a state, and if not, the first LSN "
                   "at which they differ. Each is the HOST:PORT of a running node, or a data "
                   "directory, best at rest.",
        .operands = "A B",
        .more_help = "Exit status: 0 they agree, 6 they differ, 3 a node does not answer, 1 they\n"
                     "could not be compared.\n",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    struct aero_options given;
    char text[512];
    int exit_code;
    if (!aero_ctl_parse(ctl, &program, argc, argv, 2, 2, &given, &exit_code)) {
        return exit_code;
    }
    struct compare compare = {.ctl = ctl, .state = !aero_options_has(&given, "no-state")};
    if (open_side(&compare, &given, given.operands[0], &compare.sides[0], &exit_code) &&
        open_side(&compare, &given, given.operands[1], &compare.sides[1], &exit_code) &&
        run(&compare, &exit_code)) {
        exit_code = judge(&compare, text, sizeof text);
        print_result(&compare, text, aero_options_has(&given, "json"));
    }
    close_side(&compare.sides[0]);
    close_side(&compare.sides[1]);
    return exit_code;
}
