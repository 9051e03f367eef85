/* SPDX-License-Identifier: Apache-2.0 */
/* aeroctl verify: every finding as it is found, then one line that says it all. */
#include <inttypes.h>
#include <string.h>

#include "ctl/directory.h"
#include "ctl/json.h"
#include "engine/verify.h"

#define WORDS "verify"

struct show {
    const struct aero_ctl *ctl;
    struct json_object *findings; /* NULL: print lines */
    uint64_t permille;            /* last shown; UINT64_MAX: nothing */
    char file[AERO_DISK_NAME_MAX];
};

static const char *level_text(enum aero_finding_level level)
{
    switch (level) {
    case AERO_FINDING_NOTE:
        return "note";
    case AERO_FINDING_WARNING:
        return "warning";
    case AERO_FINDING_DAMAGE:
        return "damage";
    }
    return "?";
}

static void clear_progress(struct show *show)
{
    if (show->permille != UINT64_MAX) {
        fputs("\r\033[K", show->ctl->err);
        show->permille = UINT64_MAX;
    }
}

static void show_progress(void *self, const char *file, uint64_t done_bytes, uint64_t total_bytes)
{
    struct show *show = self;
    /* What a node wrote meanwhile was not counted. */
    uint64_t permille = done_bytes >= total_bytes ? 1000 : done_bytes * 1000 / total_bytes;
    if (permille == show->permille) {
        return;
    }
    show->permille = permille;
    fprintf(show->ctl->err, "\r\033[K%5.1f %%  %s", (double)permille / 10, file);
    fflush(show->ctl->err);
}

static void print_finding(struct show *show, const struct aero_finding *finding)
{
    fprintf(show->ctl->out, "%s: %s", level_text(finding->level), finding->file);
    if (finding->offset != 0 || finding->level == AERO_FINDING_DAMAGE) {
        fprintf(show->ctl->out, " offset %" PRIu64, finding->offset);
    }
    if (finding->lsn.value != 0) {
        fprintf(show->ctl->out, " LSN %" PRIu64, finding->lsn.value);
    }
    fprintf(show->ctl->out, ": %s\n", finding->text);
}

static void show_finding(void *self, const struct aero_finding *finding)
{
    struct show *show = self;
    clear_progress(show);
    if (show->findings == NULL) {
        print_finding(show, finding);
        return;
    }
    struct json_object *row = json_object_new_object();
    aero_ctl_json_text(row, "level", level_text(finding->level));
    aero_ctl_json_text(row, "file", finding->file);
    aero_ctl_json_u64(row, "offset", finding->offset);
    aero_ctl_json_u64(row, "lsn", finding->lsn.value);
    aero_ctl_json_text(row, "text", finding->text);
    json_object_array_add(show->findings, row);
}

static const char *verdict_text(const struct aero_verify_report *report)
{
    return report->damage_count != 0    ? "DAMAGED"
           : report->warning_count != 0 ? "sound, with warnings"
                                        : "sound";
}

static void print_report(const struct show *show, const char *path,
                         const struct aero_verify_report *report, bool moving)
{
    FILE *out = show->ctl->out;
    fprintf(out, "%s: %s%s\n", path, verdict_text(report),
            moving ? " (a node is at work on it: of a moving target)" : "");
    fprintf(out,
            "  %" PRIu32 " segment%s with %" PRIu64 " record%s to LSN %" PRIu64
            ", chain %016" PRIx64 "; %" PRIu32 " snapshot%s\n",
            report->segment_count, aero_plural(report->segment_count), report->record_count,
            aero_plural(report->record_count), report->end.lsn.value, report->end.chain,
            report->snapshot_count, aero_plural(report->snapshot_count));
    if (report->state_known) {
        fprintf(out,
                "  state at LSN %" PRIu64 ": %" PRIu64 " %s, digest %016" PRIx64 "%016" PRIx64
                "; %" PRIu64 " digest record%s with it\n",
                report->state_position.lsn.value, report->state.count,
                report->state.count == 1 ? "entry" : "entries", report->state.digest.high,
                report->state.digest.low, report->digest_count,
                report->digest_count == 1 ? " agrees" : "s agree");
    }
}

static void put_report(const struct show *show, const char *path,
                       const struct aero_verify_report *report, bool moving)
{
    struct json_object *object = json_object_new_object();
    aero_ctl_json_text(object, "directory", path);
    aero_ctl_json_bool(object, "sound", report->damage_count == 0);
    aero_ctl_json_bool(object, "moving", moving);
    aero_ctl_json_u64(object, "damage", report->damage_count);
    aero_ctl_json_u64(object, "warnings", report->warning_count);
    aero_ctl_json_u64(object, "segments", report->segment_count);
    aero_ctl_json_u64(object, "snapshots", report->snapshot_count);
    aero_ctl_json_u64(object, "records", report->record_count);
    aero_ctl_json_u64(object, "digests_compared", report->digest_count);
    aero_ctl_json_id(object, "cluster_id", report->cluster_id);
    aero_ctl_json_u64(object, "end_lsn", report->end.lsn.value);
    aero_ctl_json_hex(object, "end_chain", report->end.chain);
    if (report->state_known) {
        char digest[40];
        snprintf(digest, sizeof digest, "%016" PRIx64 "%016" PRIx64, report->state.digest.high,
                 report->state.digest.low);
        aero_ctl_json_u64(object, "state_lsn", report->state_position.lsn.value);
        aero_ctl_json_u64(object, "entries", report->state.count);
        aero_ctl_json_text(object, "digest", digest);
    }
    json_object_object_add(object, "findings", show->findings);
    aero_ctl_json_finish(show->ctl, object);
}

static int verify_open(const struct aero_ctl *ctl, const struct aero_options *given,
                       const struct aero_ctl_directory *directory)
{
    const char *path = given->operands[0];
    struct show show = {.ctl = ctl, .permille = UINT64_MAX};
    struct aero_verify_report report;
    struct aero_verify_options options = {.state = !aero_options_has(given, "no-state"),
                                          .moving = directory->in_use};
    struct aero_verify_observer observer = {
        .self = &show,
        .finding = show_finding,
        .progress = ctl->show_progress ? show_progress : NULL,
    };
    if (aero_options_has(given, "json")) {
        show.findings = json_object_new_array();
    }
    aero_status status = aero_verify_directory(directory->disk, &options, &observer, &report);
    clear_progress(&show);
    if (!aero_is_ok(status)) {
        json_object_put(show.findings);
        aero_ctl_complain(ctl, WORDS,
                          "%s: there is neither a manifest nor a log: is it the data "
                          "directory of a node?",
                          path);
        return AERO_EXIT_FAILURE;
    }
    if (show.findings != NULL) {
        put_report(&show, path, &report, directory->in_use);
    } else {
        print_report(&show, path, &report, directory->in_use);
    }
    return report.damage_count == 0 ? AERO_EXIT_OK : AERO_CTL_EXIT_DAMAGE;
}

int aero_ctl_verify(const struct aero_ctl *ctl, int argc, char **argv)
{
    static const struct aero_option options[] = {
        {"no-state", NULL, NULL,
         "Only checksums and chains: do not replay the log, which takes as "
         "much memory as a running node."},
        {"in-use", NULL, NULL,
         "Go on although a daemon runs on the directory. What is found is "
         "then of a moving target: files may go while they are read, and the "
         "log may end anywhere behind what the node has proven durable."},
        {"json", NULL, NULL, "Print JSON."},
    };
    static const struct aero_program program = {
        .name = "aeroctl " WORDS,
        .summary = "Verifies a node's data directory without changing a byte: the manifest, the "
                   "proof of durability, every record of the log in its place, every snapshot, and "
                   "that the state replayed from them has the digests that the log says.",
        .operands = "DIR",
        .more_help =
            "No daemon can start on DIR meanwhile.\n\n"
            "Exit status: 0 sound (warnings included), 5 damaged, 7 a daemon runs on DIR, 1\n"
            "it could not be read.\n",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    struct aero_options given;
    struct aero_ctl_directory directory;
    int exit_code;
    if (!aero_ctl_parse(ctl, &program, argc, argv, 1, 1, &given, &exit_code)) {
        return exit_code;
    }
    aero_status status = aero_ctl_directory_open(given.operands[0], &directory);
    if (!aero_is_ok(status)) {
        aero_ctl_directory_complain(ctl, WORDS, given.operands[0], status);
        return AERO_EXIT_FAILURE;
    }
    if (directory.in_use && !aero_options_has(&given, "in-use")) {
        aero_ctl_complain(ctl, WORDS,
                          "%s: a daemon runs on it. Stop it, or verify a moving target with "
                          "--in-use.",
                          given.operands[0]);
        exit_code = AERO_CTL_EXIT_IN_USE;
    } else {
        exit_code = verify_open(ctl, &given, &directory);
    }
    aero_ctl_directory_close(&directory);
    return exit_code;
}
