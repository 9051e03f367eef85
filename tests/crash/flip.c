/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/flip.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/le.h"
#include "primary/primary.h"
#include "tests/crash/layout.h"
#include "tests/crash/recover.h"
#include "tests/simulation/sim_disk_priv.h"

#define PAGE 4096U

struct flipper {
    struct crash_explorer *explorer;
    struct crash_flip_report *report;
    struct aero_sim_disk *disk; /* undamaged */
    struct crash_truth truth;
    struct crash_result expected;
    struct crash_layout_facts facts;
    bool is_primary;
    uint32_t warnings; /* that verification has anyhow */
};

/* ---- The directory -------------------------------------------------------------------------------------------- */

static void make_directory(struct flipper *flipper, const struct crash_world *world)
{
    static const enum crash_step more[] = {CRASH_STEP_ROTATE, CRASH_STEP_BATCH, CRASH_STEP_PUT,
                                           CRASH_STEP_SHIP};
    static struct aero_choice quiet;
    struct crash_pair *pair = aero_calloc(1, sizeof *pair);
    pair->mutate = flipper->explorer->mutate;
    pair->mutate_self = flipper->explorer->mutate_self;
    crash_pair_begin(pair, &world->setup);
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        crash_step_run(pair, more[i]);
    }
    AERO_ASSERT(pair->broken[0] == '\0' && pair->truth.durable == pair->truth.top);
    aero_choice_init_seed(&quiet, 1);
    flipper->truth = pair->truth;
    flipper->disk =
        aero_sim_disk_clone(pair->node[flipper->is_primary ? 0 : 1].machine.disk, &quiet);
    aero_sim_disk_crash(flipper->disk, AERO_SIM_POWER_KEEP);
    aero_sim_disk_restart(flipper->disk);
    crash_pair_end(pair);
    free(pair);
}

static void learn_facts(struct flipper *flipper)
{
    struct aero_disk disk = aero_sim_disk_port(flipper->disk);
    struct aero_manifest manifest;
    struct aero_manifest_found found;
    aero_status status = aero_manifest_read(disk, &manifest, &found);
    AERO_ASSERT(aero_is_ok(status) && manifest.snapshot_count == 2);
    const struct aero_snapshot_entry *newest = &manifest.snapshots[1];
    flipper->facts.snapshot_sequence = newest->sequence;
    flipper->facts.snapshot_lsn = newest->position.lsn.value;
    aero_snapshot_name(newest, flipper->facts.newest_snapshot);
    aero_manifest_deinit(&manifest);
}

static struct aero_sim_disk *copy_disk(const struct flipper *flipper, struct aero_choice *quiet)
{
    aero_choice_init_seed(quiet, 1);
    return aero_sim_disk_clone(flipper->disk, quiet);
}

static void learn_expected(struct flipper *flipper)
{
    struct aero_choice quiet;
    struct crash_port port;
    struct aero_verify_report report;
    struct aero_finding finding;
    struct aero_sim_disk *disk = copy_disk(flipper, &quiet);
    aero_status status = crash_verify(disk, &report, &finding);
    AERO_ASSERT(aero_is_ok(status) && report.damage_count == 0);
    flipper->warnings = report.warning_count + report.note_count;
    crash_port_init(&port, disk);
    crash_recover(&port, flipper->is_primary, false, &flipper->truth, &flipper->expected);
    AERO_ASSERT(aero_is_ok(flipper->expected.status) && flipper->expected.matches);
    AERO_ASSERT(flipper->expected.end.lsn.value == flipper->truth.top);
    aero_sim_disk_free(disk);
}

/* ---- One change ----------------------------------------------------------------------------------------------- */

static void count_end(struct flipper *flipper, const char *class_text, enum crash_flip_end end)
{
    struct crash_flip_report *report = flipper->report;
    size_t i = 0;
    while (i < report->row_count && strcmp(report->rows[i].class_text, class_text) != 0) {
        i++;
    }
    if (i == report->row_count) {
        AERO_ASSERT(report->row_count < CRASH_FLIP_CLASSES_MAX);
        report->rows[report->row_count++] = (struct crash_flip_row){.class_text = class_text};
    }
    report->rows[i].ends[end]++;
}

static bool says_something(const struct crash_result *result)
{
    return result->is_damaged || result->report.older_snapshot_used ||
           result->report.manifest_slot_rewritten ||
           result->report.verdict == AERO_VERDICT_TORN_TAIL;
}

static enum crash_flip_end judge_end(const struct flipper *flipper,
                                     const struct crash_result *result,
                                     const struct aero_verify_report *verified)
{
    if (!aero_is_ok(result->status)) {
        return CRASH_FLIP_REFUSED;
    }
    if (says_something(result)) {
        return CRASH_FLIP_SAID;
    }
    bool found = verified->damage_count > 0 ||
                 verified->warning_count + verified->note_count != flipper->warnings;
    return found ? CRASH_FLIP_FOUND : CRASH_FLIP_HARMLESS;
}

static void judge_change(struct flipper *flipper, struct aero_sim_disk *disk, const char *name,
                         uint64_t offset, const char *class_text, const char *what)
{
    struct crash_explorer *explorer = flipper->explorer;
    struct aero_verify_report verified;
    struct aero_finding finding;
    struct crash_port port;
    struct crash_result result;
    aero_status status = crash_verify(disk, &verified, &finding);
    crash_port_init(&port, disk);
    crash_recover(&port, flipper->is_primary, false, &flipper->truth, &result);
    enum crash_flip_end end = judge_end(flipper, &result, &verified);
    bool damage_is_found = !aero_is_ok(status) || verified.damage_count > 0;
    const char *broken = NULL;
    if (end != CRASH_FLIP_REFUSED && !crash_result_same(&result, &flipper->expected)) {
        broken = "the start comes to another state without a word";
    } else if (end == CRASH_FLIP_REFUSED &&
               (result.report.verdict == AERO_VERDICT_CLEAN ||
                result.report.verdict == AERO_VERDICT_TORN_TAIL ||
                strlen(result.report.text) < 30 || result.report.file[0] == '\0')) {
        broken = "the start refuses without saying why";
    } else if (end == CRASH_FLIP_REFUSED && !damage_is_found) {
        broken = "the start refuses, verification finds no damage";
    } else if (end == CRASH_FLIP_HARMLESS && crash_layout_excuse(class_text) == NULL) {
        broken = "nobody says anything, and nothing excuses that";
    }
    if (broken != NULL) {
        crash_explorer_fail(explorer, "flip", "%s of %s, byte %" PRIu64 " (%s): %s; start %s %s",
                            what, name, offset, class_text, broken,
                            aero_code_text(result.status.code), result.report.text);
    }
    count_end(flipper, class_text, end);
}

/* ---- All changes of a file ------------------------------------------------------------------------------------ */

static bool is_in_a_hole(const struct aero_buffer *bytes, uint64_t offset)
{
    uint64_t start = offset / PAGE * PAGE;
    uint64_t end = start + PAGE < bytes->length ? start + PAGE : bytes->length;
    return aero_slice_is_zero(aero_slice_of(bytes->data + start, (size_t)(end - start)));
}

static void flip_bytes(struct flipper *flipper, const char *name, const struct aero_buffer *bytes,
                       uint8_t masks)
{
    struct aero_choice quiet;
    for (uint64_t offset = 0; offset < bytes->length && !flipper->explorer->failed; offset++) {
        const char *class_text = crash_layout_class(&flipper->facts, name, bytes, offset);
        for (uint32_t bit = 0; bit < 8; bit++) {
            if ((masks >> bit & 1) == 0) {
                continue;
            }
            struct aero_sim_disk *disk = copy_disk(flipper, &quiet);
            AERO_ASSERT(aero_sim_disk_flip_bit(disk, name, offset, bit));
            judge_change(flipper, disk, name, offset, class_text, "flip");
            aero_sim_disk_free(disk);
            flipper->report->flips++;
        }
        if (is_in_a_hole(bytes, offset)) {
            offset = offset / PAGE * PAGE + PAGE - 1;
        }
    }
}

static void write_sector(struct aero_sim_disk *disk, const char *name, uint64_t sector,
                         const uint8_t *data, size_t length)
{
    struct aero_sim_inode *inode = aero_sim_names_find(&disk->current, name);
    aero_sim_image_write(&inode->cache, sector * AERO_SIM_SECTOR_BYTES, data, length);
    aero_sim_image_write(&inode->durable, sector * AERO_SIM_SECTOR_BYTES, data, length);
}

static size_t sector_length(const struct aero_buffer *bytes, uint64_t sector)
{
    size_t rest = bytes->length - (size_t)sector * AERO_SIM_SECTOR_BYTES;
    return rest < AERO_SIM_SECTOR_BYTES ? rest : AERO_SIM_SECTOR_BYTES;
}

/* Of the bytes that a change of a sector makes different, the class of the first. NULL: none is. */
static const char *class_of_change(const struct flipper *flipper, const char *name,
                                   const struct aero_buffer *bytes, uint64_t sector,
                                   const uint8_t *data, size_t length, uint64_t *out_offset)
{
    uint64_t start = sector * AERO_SIM_SECTOR_BYTES;
    for (size_t i = 0; i < length; i++) {
        if (bytes->data[start + i] != data[i]) {
            *out_offset = start + i;
            return crash_layout_class(&flipper->facts, name, bytes, start + i);
        }
    }
    return NULL;
}

/* `own_class`: of this copy; NULL: that of the first byte that becomes different. */
static void overwrite_sector(struct flipper *flipper, const char *name,
                             const struct aero_buffer *bytes, uint64_t sector, const uint8_t *data,
                             size_t length, const char *own_class)
{
    struct aero_choice quiet;
    uint64_t offset;
    const char *what = aero_slice_is_zero(aero_slice_of(data, length)) ? "zeroing" : "duplication";
    const char *class_text = class_of_change(flipper, name, bytes, sector, data, length, &offset);
    if (class_text == NULL || flipper->explorer->failed) {
        return;
    }
    class_text = own_class != NULL ? own_class : class_text;
    struct aero_sim_disk *disk = copy_disk(flipper, &quiet);
    write_sector(disk, name, sector, data, length);
    judge_change(flipper, disk, name, offset, class_text, what);
    aero_sim_disk_free(disk);
    flipper->report->sectors++;
}

static void break_sector(struct flipper *flipper, const char *name, const struct aero_buffer *bytes,
                         uint64_t sector)
{
    struct aero_choice quiet;
    uint64_t offset = sector * AERO_SIM_SECTOR_BYTES;
    struct aero_sim_disk *disk = copy_disk(flipper, &quiet);
    AERO_ASSERT(aero_sim_disk_break_sector(disk, name, sector));
    judge_change(flipper, disk, name, offset,
                 crash_layout_class(&flipper->facts, name, bytes, offset), "an unreadable sector");
    aero_sim_disk_free(disk);
    flipper->report->sectors++;
}

static void change_sectors(struct flipper *flipper, const char *name,
                           const struct aero_buffer *bytes)
{
    static const uint8_t zeros[AERO_SIM_SECTOR_BYTES];
    uint64_t count = (bytes->length + AERO_SIM_SECTOR_BYTES - 1) / AERO_SIM_SECTOR_BYTES;
    for (uint64_t to = 0; to < count && !flipper->explorer->failed; to++) {
        size_t length = sector_length(bytes, to);
        if (is_in_a_hole(bytes, to * AERO_SIM_SECTOR_BYTES) && to % 8 != 0) {
            continue;
        }
        overwrite_sector(flipper, name, bytes, to, zeros, length, NULL);
        break_sector(flipper, name, bytes, to);
        for (uint64_t from = 0; from < count; from++) {
            if (is_in_a_hole(bytes, from * AERO_SIM_SECTOR_BYTES) ||
                is_in_a_hole(bytes, to * AERO_SIM_SECTOR_BYTES)) {
                continue; /* a hole's content was zeroing; a hole as target is one class */
            }
            size_t shorter = sector_length(bytes, from);
            shorter = shorter < length ? shorter : length;
            overwrite_sector(flipper, name, bytes, to, bytes->data + from * AERO_SIM_SECTOR_BYTES,
                             shorter, crash_layout_class_of_copy(name, from, to));
        }
    }
}

void crash_flip_all(const struct crash_world *world, bool primary, uint8_t masks,
                    struct crash_explorer *explorer, struct crash_flip_report *out_report)
{
    struct flipper flipper = {.explorer = explorer, .report = out_report, .is_primary = primary};
    struct aero_buffer names = {0};
    make_directory(&flipper, world);
    learn_facts(&flipper);
    learn_expected(&flipper);
    aero_sim_disk_peek_names(flipper.disk, false, &names);
    for (size_t at = 0; at < names.length; at += sizeof(struct aero_disk_entry)) {
        struct aero_disk_entry entry;
        struct aero_buffer bytes = {0};
        memcpy(&entry, names.data + at, sizeof entry);
        bool is_there = aero_sim_disk_peek(flipper.disk, entry.name, false, &bytes);
        AERO_ASSERT(is_there);
        flip_bytes(&flipper, entry.name, &bytes, masks);
        change_sectors(&flipper, entry.name, &bytes);
        aero_buffer_deinit(&bytes);
    }
    aero_buffer_deinit(&names);
    aero_sim_disk_free(flipper.disk);
}

void crash_flip_print(const struct crash_flip_report *report)
{
    printf("  %-52s %8s %8s %8s %8s\n", "what was changed", "refused", "said", "found", "harmless");
    for (size_t i = 0; i < report->row_count; i++) {
        const struct crash_flip_row *row = &report->rows[i];
        printf("  %-52s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n", row->class_text,
               row->ends[CRASH_FLIP_REFUSED], row->ends[CRASH_FLIP_SAID],
               row->ends[CRASH_FLIP_FOUND], row->ends[CRASH_FLIP_HARMLESS]);
    }
    for (size_t i = 0; i < report->row_count; i++) {
        const struct crash_flip_row *row = &report->rows[i];
        if (row->ends[CRASH_FLIP_HARMLESS] > 0) {
            printf("  harmless: %s: %s\n", row->class_text, crash_layout_excuse(row->class_text));
        }
    }
}
