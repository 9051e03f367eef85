/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "tests/equivalence/pair_priv.h"

static void add_line(struct aero_pair *pair, const char *point, const char *who, const char *text,
                     const char *where)
{
    char line[AERO_SEEN_TEXT_MAX + 96];
    snprintf(line, sizeof line, "%s\t%s%s", point, who, text);
    aero_lines_add(&pair->out->seen, line, where);
}

/* Where the primary stops, and behind a fault, it and its clients see something, too. The last client is the plain
 * system's alone. */
static void add_primary_lines(struct aero_pair *pair, const char *point,
                              const struct aero_seen *seen, const char *where)
{
    char text[AERO_SEEN_TEXT_MAX];
    aero_seen_text(seen, text);
    add_line(pair, point, "primary ", text, where);
    for (char client = 'A'; client <= 'C'; client++) {
        if (aero_writer_text(&pair->story, seen, client, text)) {
            add_line(pair, point, "", text, where);
        }
    }
}

static void add_lines(struct aero_pair *pair, const char *point, const struct aero_seen *primary,
                      const struct aero_seen *replica, const char *where)
{
    char text[AERO_SEEN_TEXT_MAX];
    aero_seen_text(replica, text);
    add_line(pair, point, "", text, where);
    if (pair->plan.happened || strncmp(point, "primary", 7) == 0) {
        add_primary_lines(pair, point, primary, where);
    }
}

/* REP-2, by bytes: what the replica recovers of each segment stands in the primary's file of that name. */
static void judge_prefix(struct aero_pair *pair, struct aero_sim_disk *replica,
                         const struct aero_sim_disk *primary, const char *where)
{
    struct aero_recovered recovered;
    struct aero_recovery_report report;
    aero_status status = aero_recover(aero_sim_disk_port(replica), NULL, &recovered, &report);
    AERO_ASSERT(aero_is_ok(status));
    for (size_t i = 0; i < recovered.file_count; i++) {
        const struct aero_wal_file *file = &recovered.files[i];
        struct aero_buffer mine = {0};
        struct aero_buffer theirs = {0};
        bool has = aero_sim_disk_peek(replica, file->name, false, &mine);
        AERO_ASSERT(has && mine.length >= file->end_offset);
        if (!aero_sim_disk_peek(primary, file->name, false, &theirs) ||
            theirs.length < file->end_offset ||
            memcmp(mine.data, theirs.data, (size_t)file->end_offset) != 0) {
            aero_laws_break(pair->out->laws, where, "%s is no prefix of the primary's (REP-2)",
                            file->name);
        }
        aero_buffer_deinit(&mine);
        aero_buffer_deinit(&theirs);
    }
    aero_recovered_deinit(&recovered);
}

void aero_pair_look(struct aero_pair *pair, const char *point, struct aero_sim_disk *primary,
                    struct aero_sim_disk *replica, const char *how)
{
    struct aero_seen primary_seen;
    struct aero_seen replica_seen;
    char where[160];
    snprintf(where, sizeof where, "%s switches %x: %s, %s", pair->list->name, pair->switches, point,
             how);
    pair->out->outcomes++;
    aero_sim_disk_restart(primary);
    aero_sim_disk_restart(replica);
    aero_look(primary, &primary_seen);
    aero_look(replica, &replica_seen);
    aero_laws_judge(pair->out->laws, &pair->story, &primary_seen, where);
    const struct aero_twin_story nothing = {0};
    aero_laws_judge(pair->out->laws, &nothing, &replica_seen, where);
    if (aero_is_ok(primary_seen.status) && aero_is_ok(replica_seen.status)) {
        if (replica_seen.end_lsn > primary_seen.end_lsn) {
            aero_laws_break(
                pair->out->laws, where, "the replica is at LSN %llu, the primary at %llu",
                (unsigned long long)replica_seen.end_lsn, (unsigned long long)primary_seen.end_lsn);
        }
        uint64_t shown =
            pair->replica.core != NULL ? aero_replica_applied_lsn(pair->replica.core).value : 0;
        if (replica_seen.end_lsn < shown) { /* decision 18 */
            aero_laws_break(pair->out->laws, where,
                            "the replica showed LSN %llu and has %llu after a crash",
                            (unsigned long long)shown, (unsigned long long)replica_seen.end_lsn);
        }
        if (!pair->plan.is_over) {
            add_lines(pair, point, &primary_seen, &replica_seen, where);
        }
        judge_prefix(pair, replica, primary, where);
    }
}
