/* SPDX-License-Identifier: Apache-2.0 */
/* aeroctl salvage: brings durable records that a primary lost back from a replica's directory (decision 7).
 *
 * Both directories must be at rest. The replica's is verified first, whole, and only read; the primary's is verified at the
 * end. Without --yes nothing is changed: the report says what would be. */
#include <inttypes.h>
#include <string.h>

#include "ctl/directory.h"
#include "ctl/salvage_act.h"
#include "ctl/salvage_manifest.h"
#include "engine/verify.h"

#define WORDS "salvage"
#define UNFINISHED "aeroctl salvage was"

struct salvage {
    const struct aero_ctl *ctl;
    const char *primary_path;
    const char *replica_path;
    bool act;
    struct aero_ctl_directory replica;
    struct aero_ctl_directory primary; /* a dry run looks */
    struct aero_disk_posix *writable;  /* --yes: the primary, locked */
    bool busy;                         /* a daemon runs on one of them */
    struct aero_disk primary_disk;
    struct aero_manifest primary_manifest;
    struct aero_manifest replica_manifest;
    struct aero_salvage_log primary_log;
    struct aero_salvage_log replica_log;
    struct aero_salvage_plan plan;
};

static bool fail(const struct salvage *salvage, const char *path, const char *text)
{
    aero_ctl_complain(salvage->ctl, WORDS, "%s: %s", path, text);
    return false;
}

/* ---- Opening, and who they are -------------------------------------------------------------------------------- */

static bool refuse_busy(struct salvage *salvage, const char *path)
{
    salvage->busy = true;
    return fail(salvage, path, "a daemon runs on it: stop it first");
}

static bool open_reading(struct salvage *salvage, const char *path,
                         struct aero_ctl_directory *directory)
{
    aero_status status = aero_ctl_directory_open(path, directory);
    if (!aero_is_ok(status)) {
        aero_ctl_directory_complain(salvage->ctl, WORDS, path, status);
        return false;
    }
    if (directory->in_use) {
        return refuse_busy(salvage, path);
    }
    return true;
}

static bool open_primary(struct salvage *salvage)
{
    if (!salvage->act) {
        bool opened = open_reading(salvage, salvage->primary_path, &salvage->primary);
        salvage->primary_disk = salvage->primary.disk;
        return opened;
    }
    aero_status status = aero_disk_posix_open(salvage->primary_path, false, &salvage->writable);
    if (status.code == AERO_BUSY) {
        return refuse_busy(salvage, salvage->primary_path);
    }
    if (!aero_is_ok(status)) {
        aero_ctl_directory_complain(salvage->ctl, WORDS, salvage->primary_path, status);
        return false;
    }
    salvage->primary_disk = aero_disk_posix_port(salvage->writable);
    return true;
}

static bool read_manifest(const struct salvage *salvage, const char *path, struct aero_disk disk,
                          enum aero_role role, struct aero_manifest *out_manifest)
{
    struct aero_manifest_found found;
    aero_status status = aero_manifest_read(disk, out_manifest, &found);
    if (!aero_is_ok(status)) {
        return fail(salvage, path, "its manifest cannot be read; 'aeroctl verify' says more");
    }
    if (out_manifest->role != role) {
        return fail(salvage, path,
                    role == AERO_ROLE_PRIMARY ? "it is not the directory of a primary"
                                              : "it is not the directory of a replica");
    }
    return true;
}

static bool identify(struct salvage *salvage)
{
    if (!read_manifest(salvage, salvage->primary_path, salvage->primary_disk, AERO_ROLE_PRIMARY,
                       &salvage->primary_manifest) ||
        !read_manifest(salvage, salvage->replica_path, salvage->replica.disk, AERO_ROLE_REPLICA,
                       &salvage->replica_manifest)) {
        return false;
    }
    if (!aero_id_equal(salvage->primary_manifest.cluster_id,
                       salvage->replica_manifest.cluster_id)) {
        return fail(salvage, salvage->replica_path, "it belongs to another cluster");
    }
    if (salvage->primary_manifest.gate == AERO_GATE_SUPERSEDED) {
        return fail(salvage, salvage->primary_path,
                    "this primary was superseded: its history is no longer the one that counts");
    }
    return true;
}

/* ---- Verification --------------------------------------------------------------------------------------------- */

static void tell_damage(void *self, const struct aero_finding *finding)
{
    const struct salvage *salvage = self;
    if (finding->level == AERO_FINDING_DAMAGE) {
        aero_ctl_complain(salvage->ctl, WORDS, "%s offset %" PRIu64 " LSN %" PRIu64 ": %s",
                          finding->file, finding->offset, finding->lsn.value, finding->text);
    }
}

static bool is_sound(struct salvage *salvage, struct aero_disk disk)
{
    struct aero_verify_options options = {.state = true};
    struct aero_verify_observer observer = {.self = salvage, .finding = tell_damage};
    struct aero_verify_report report;
    aero_status status = aero_verify_directory(disk, &options, &observer, &report);
    /* uncovered: it would have to lose its manifest since that was read */
    if (!aero_is_ok(status)) {
        return false;
    }
    return report.damage_count == 0;
}

/* ---- The plan, and acting ------------------------------------------------------------------------------------- */

static void print_plan(const struct salvage *salvage)
{
    FILE *out = salvage->ctl->out;
    const struct aero_salvage_plan *plan = &salvage->plan;
    fprintf(out,
            "The primary's log is whole up to LSN %" PRIu64 "; the replica brings back %" PRIu64
            " records, to LSN %" PRIu64 ".\n",
            plan->lost_behind.lsn.value, plan->brought_count, plan->end.lsn.value);
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct aero_salvage_step *step = &plan->steps[i];
        if (step->from_replica) {
            fprintf(out, "  copy       %s, to LSN %" PRIu64 "%s\n", step->segment->listed.name,
                    step->segment->end.lsn.value,
                    step->old != NULL ? "; the primary's goes to quarantine/" : "");
        }
    }
    for (size_t i = 0; i < plan->drop_count; i++) {
        fprintf(out, "  set aside  %s, which holds no record, in quarantine/\n",
                plan->drops[i]->listed.name);
    }
}

static bool carry_out(struct salvage *salvage)
{
    struct aero_salvage_failure failure = {.step = ""};
    const struct aero_salvage_side now = {.log = &salvage->primary_log,
                                          .manifest = &salvage->primary_manifest};
    aero_status status = aero_salvage_act(salvage->primary_disk, salvage->replica.disk,
                                          &salvage->plan, &now, &failure);
    if (!aero_is_ok(status)) {
        aero_ctl_complain(salvage->ctl, WORDS,
                          "%s: %s %s: %s. The primary takes no writes until this is finished: "
                          "mend the cause and run salvage again.",
                          salvage->primary_path, failure.step, failure.file,
                          aero_ctl_status_text(status));
        return false;
    }
    return true;
}

/* What the operator has to know behind it. */
static void print_outcome(const struct salvage *salvage)
{
    struct aero_manifest after = {0};
    FILE *out = salvage->ctl->out;
    aero_salvage_manifest_make(&salvage->plan, &salvage->primary_manifest, &after);
    fprintf(out, "%s: the log ends at LSN %" PRIu64 " and verifies.\n", salvage->primary_path,
            salvage->plan.end.lsn.value);
    if (after.gate != AERO_GATE_OPEN) {
        fprintf(out, "It takes no writes yet: %s.\n", after.gate_reason);
    } else {
        fputs("Start the primary, then the replica; if it is halted: aeroctl reconnect.\n", out);
    }
    aero_manifest_deinit(&after);
}

static bool is_unfinished(const struct salvage *salvage)
{
    return salvage->primary_manifest.gate == AERO_GATE_PRIMARY_LOST &&
           strncmp(salvage->primary_manifest.gate_reason, UNFINISHED, strlen(UNFINISHED)) == 0;
}

static int follow_plan(struct salvage *salvage)
{
    if (salvage->plan.outcome == AERO_SALVAGE_REFUSED) {
        aero_ctl_complain(salvage->ctl, WORDS, "%s", salvage->plan.text);
        return AERO_CTL_EXIT_DIFFERENT;
    }
    if (salvage->plan.outcome == AERO_SALVAGE_NOTHING && !is_unfinished(salvage)) {
        fprintf(salvage->ctl->out,
                "Nothing to bring back: the primary has every record that the replica has, to LSN "
                "%" PRIu64 ".\n",
                salvage->plan.end.lsn.value);
        return AERO_EXIT_OK;
    }
    print_plan(salvage);
    if (!salvage->act) {
        fputs("Nothing was changed. To do it: the same with --yes.\n", salvage->ctl->out);
        return AERO_EXIT_OK;
    }
    if (!carry_out(salvage)) {
        return AERO_EXIT_FAILURE;
    }
    if (!is_sound(salvage, salvage->primary_disk)) {
        fail(salvage, salvage->primary_path,
             "damage remains in it, as said above. Do not start it before that is resolved.");
        return AERO_CTL_EXIT_DAMAGE;
    }
    print_outcome(salvage);
    return AERO_EXIT_OK;
}

static int run(struct salvage *salvage)
{
    if (!open_reading(salvage, salvage->replica_path, &salvage->replica) ||
        !open_primary(salvage)) {
        return salvage->busy ? AERO_CTL_EXIT_IN_USE : AERO_EXIT_FAILURE;
    }
    if (!identify(salvage)) {
        return AERO_EXIT_FAILURE;
    }
    if (!is_sound(salvage, salvage->replica.disk)) {
        fail(salvage, salvage->replica_path, "it is damaged: nothing is taken from it");
        return AERO_CTL_EXIT_DAMAGE;
    }
    const struct aero_salvage_source from_primary = {
        .disk = salvage->primary_disk, .floor = salvage->primary_manifest.wal_floor_sequence};
    const struct aero_salvage_source from_replica = {
        .disk = salvage->replica.disk, .floor = salvage->replica_manifest.wal_floor_sequence};
    if (!aero_is_ok(aero_salvage_read(&from_primary, &from_replica, &salvage->primary_log,
                                      &salvage->replica_log))) {
        fail(salvage, "wal", "a log cannot be listed");
        return AERO_EXIT_FAILURE;
    }
    const struct aero_salvage_side primary = {.log = &salvage->primary_log,
                                              .manifest = &salvage->primary_manifest};
    const struct aero_salvage_side replica = {.log = &salvage->replica_log,
                                              .manifest = &salvage->replica_manifest};
    aero_salvage_plan_make(&primary, &replica, &salvage->plan);
    return follow_plan(salvage);
}

static void clean_up(struct salvage *salvage)
{
    aero_salvage_plan_deinit(&salvage->plan);
    aero_salvage_log_deinit(&salvage->primary_log);
    aero_salvage_log_deinit(&salvage->replica_log);
    aero_manifest_deinit(&salvage->primary_manifest);
    aero_manifest_deinit(&salvage->replica_manifest);
    aero_disk_posix_close(salvage->writable);
    aero_ctl_directory_close(&salvage->primary);
    aero_ctl_directory_close(&salvage->replica);
}

int aero_ctl_salvage(const struct aero_ctl *ctl, int argc, char **argv)
{
    static const struct aero_option options[] = {
        {"primary-dir", "DIR", NULL, "The primary's data directory, at rest. Required."},
        {"replica-dir", "DIR", NULL, "The replica's data directory, at rest, only read. Required."},
        {"yes", NULL, NULL, "Do it. Without: say what would be done."},
    };
    static const struct aero_program program = {
        .name = "aeroctl " WORDS,
        .summary = "Brings records that a primary lost, though they had been durable, back from "
                   "the directory of a replica that has them. The replica is verified first; its "
                   "log must continue what is left of the primary's, exactly. The primary's may be "
                   "an older copy, also one that was started since, if it wrote nothing. What is "
                   "replaced goes to quarantine/. Then the primary takes writes again.",
        .more_help = "With several replicas, salvage from the one that is furthest.\n\n"
                     "Exit status: 0 done, or nothing to do; 5 damage; 6 two histories: nothing\n"
                     "was changed; 7 a daemon runs on one of them; 1 it could not be done.\n",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    struct aero_options given;
    int exit_code;
    if (!aero_ctl_parse(ctl, &program, argc, argv, 0, 0, &given, &exit_code)) {
        return exit_code;
    }
    struct salvage salvage = {
        .ctl = ctl,
        .primary_path = aero_options_value(&given, "primary-dir"),
        .replica_path = aero_options_value(&given, "replica-dir"),
        .act = aero_options_has(&given, "yes"),
        .primary = {.lock_fd = -1},
        .replica = {.lock_fd = -1},
    };
    if (salvage.primary_path == NULL || salvage.replica_path == NULL) {
        aero_ctl_complain(ctl, WORDS, "--primary-dir and --replica-dir are both needed");
        return AERO_EXIT_USAGE;
    }
    exit_code = run(&salvage);
    clean_up(&salvage);
    return exit_code;
}
