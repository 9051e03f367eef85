/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/equivalence/observe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/checksum.h"
#include "engine/wal_reader.h"
#include "server/keyspace_codec.h"
#include "shipping/view.h"

/* ---- Looking ------------------------------------------------------------------------------------------------- */

static bool find(const struct aero_tree *tree, const char *key, struct aero_slice *out_value)
{
    struct aero_buffer encoded = {0};
    struct aero_slice raw;
    struct aero_entry entry;
    bool found = aero_tree_get(tree, aero_encode_key(&encoded, 0, aero_slice_text(key)), &raw);
    if (found) {
        found = aero_decode_value(raw, &entry);
        AERO_ASSERT(found);
        *out_value = entry.payload;
    }
    aero_buffer_deinit(&encoded);
    return found;
}

static void look_at_tree(const struct aero_tree *tree, struct aero_seen *seen)
{
    struct aero_slice value;
    for (uint32_t id = 0; id < AERO_TWIN_IDS_MAX; id++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", id);
        if (find(tree, key, &value)) {
            seen->present |= UINT64_C(1) << id;
        }
    }
    if (find(tree, "shared", &value)) {
        for (size_t i = 0; i < value.length; i++) {
            seen->shared = seen->shared * 10 + (uint32_t)(value.data[i] - '0');
        }
    }
    seen->summary = aero_tree_summary(tree);
}

/* The log as replay reads it: decoded, in order. */
static void look_at_log(struct aero_disk port, const struct aero_recovered *recovered,
                        struct aero_seen *seen)
{
    struct aero_wal_reader *reader;
    struct aero_wal_record record;
    seen->first_lsn = recovered->end.lsn.value + 1;
    for (size_t i = 0; i < recovered->file_count; i++) {
        const struct aero_wal_file *file = &recovered->files[i];
        aero_status status =
            aero_wal_reader_open(port, file->name, file->sealed ? 0 : file->end_offset, &reader);
        AERO_ASSERT(aero_is_ok(status));
        while (aero_is_ok(aero_wal_reader_next(reader, &record))) {
            if (record.header.lsn.value < seen->first_lsn) {
                seen->first_lsn = record.header.lsn.value;
            }
            uint64_t words[3] = {seen->commits, record.header.lsn.value,
                                 aero_checksum64(record.payload)};
            seen->commits = aero_checksum64(aero_slice_of(words, sizeof words));
        }
        aero_wal_reader_close(reader);
    }
}

void aero_look(struct aero_sim_disk *disk, struct aero_seen *out_seen)
{
    struct aero_disk port = aero_sim_disk_port(disk);
    struct aero_recovered recovered;
    *out_seen = (struct aero_seen){0};
    out_seen->status = aero_recover(port, NULL, &recovered, &out_seen->report);
    if (aero_is_ok(out_seen->status)) {
        out_seen->end_lsn = recovered.end.lsn.value;
        out_seen->floor_sequence = recovered.manifest.wal_floor_sequence;
        look_at_tree(recovered.tree, out_seen);
        look_at_log(port, &recovered, out_seen);
        aero_recovered_deinit(&recovered);
    }
}

/* ---- Lines --------------------------------------------------------------------------------------------------- */

static char *copy_text(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = aero_malloc(bytes);
    memcpy(copy, text, bytes);
    return copy;
}

/* Where `text` is, or would be. */
static size_t place_of(const struct aero_lines *lines, const char *text)
{
    size_t low = 0;
    size_t high = lines->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(lines->entries[middle].text, text) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct aero_lines *lines, size_t place, const char *text)
{
    return place < lines->count && strcmp(lines->entries[place].text, text) == 0;
}

void aero_lines_add(struct aero_lines *lines, const char *text, const char *where)
{
    size_t place = place_of(lines, text);
    if (is_at(lines, place, text)) {
        return;
    }
    if (lines->count == lines->capacity) {
        lines->capacity = lines->capacity == 0 ? 64 : 2 * lines->capacity;
        lines->entries = aero_realloc(lines->entries, lines->capacity * sizeof lines->entries[0]);
    }
    memmove(&lines->entries[place + 1], &lines->entries[place],
            (lines->count - place) * sizeof lines->entries[0]);
    lines->entries[place] = (struct aero_line){.text = copy_text(text), .where = copy_text(where)};
    lines->count++;
}

void aero_lines_deinit(struct aero_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        free(lines->entries[i].text);
        free(lines->entries[i].where);
    }
    free(lines->entries);
    *lines = (struct aero_lines){0};
}

static bool explains(const char *baseline, const char *line)
{
    while (*line != '\0' && *baseline != '\0') {
        bool lost = *line == AERO_TWIN_NOTHING || *line == AERO_TWIN_UNKNOWN;
        if (!lost && *line != *baseline) {
            return false;
        }
        line++;
        baseline++;
        if (lost && *baseline == '=') { /* the reply that did not arrive showed something */
            baseline += strspn(baseline, "=0123456789");
        }
    }
    return *line == *baseline;
}

bool aero_lines_explain(const struct aero_lines *baseline, const char *line)
{
    if (is_at(baseline, place_of(baseline, line), line)) {
        return true;
    }
    for (size_t i = 0; i < baseline->count; i++) {
        if (explains(baseline->entries[i].text, line)) {
            return true;
        }
    }
    return false;
}

/* ---- Text ---------------------------------------------------------------------------------------------------- */

static void present_text(uint64_t present, char *out_text, size_t size)
{
    size_t length = 1;
    snprintf(out_text, size, "{");
    for (uint32_t id = 0; id < AERO_TWIN_IDS_MAX; id++) {
        if ((present >> id & 1) != 0) {
            length += (size_t)snprintf(out_text + length, size - length, "%s%u",
                                       length > 1 ? " " : "", id);
        }
    }
    snprintf(out_text + length, size - length, "}");
}

void aero_seen_text(const struct aero_seen *seen, char out_text[AERO_SEEN_TEXT_MAX])
{
    char present[AERO_SEEN_TEXT_MAX - 16];
    present_text(seen->present, present, sizeof present);
    snprintf(out_text, AERO_SEEN_TEXT_MAX, "%s %s",
             seen->report.verdict == AERO_VERDICT_TORN_TAIL ? "torn" : "clean", present);
}

static bool is_there(const struct aero_seen *seen, uint32_t id)
{
    return (seen->present >> id & 1) != 0;
}

bool aero_writer_text(const struct aero_twin_story *story, const struct aero_seen *seen,
                      char client, char out_text[AERO_SEEN_TEXT_MAX])
{
    size_t length = (size_t)snprintf(out_text, AERO_SEEN_TEXT_MAX, "%c:", client);
    size_t begin = length;
    for (uint32_t i = 0; i < story->count; i++) {
        const struct aero_twin_command *command = &story->commands[i];
        if (command->client == client && command->what == 'w') {
            length += (size_t)snprintf(out_text + length, AERO_SEEN_TEXT_MAX - length, " w%u%c%c",
                                       command->id, (char)command->told,
                                       is_there(seen, command->id) ? '+' : '-');
            AERO_ASSERT(length + 16 < AERO_SEEN_TEXT_MAX);
        }
    }
    return length > begin;
}

bool aero_other_text(const struct aero_twin_command *command, char out_text[AERO_SEEN_TEXT_MAX])
{
    size_t length = (size_t)snprintf(out_text, AERO_SEEN_TEXT_MAX, "%c: %c%u%c", command->client,
                                     command->what, command->id, (char)command->told);
    if (command->told == AERO_TWIN_OK && command->what != 'c') {
        snprintf(out_text + length, AERO_SEEN_TEXT_MAX - length, "=%u", command->shown);
    }
    return command->what != 'w';
}

/* ---- Laws ---------------------------------------------------------------------------------------------------- */

void aero_laws_deinit(struct aero_laws *laws)
{
    aero_lines_deinit(&laws->ledger);
}

void aero_laws_break(struct aero_laws *laws, const char *where, const char *format, ...)
{
    va_list arguments;
    if (laws->violations++ > 20) {
        return; /* the first ones tell the story */
    }
    fprintf(stderr, "broken at [%s]: ", where);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    if (laws->stop_at_first) {
        exit(1);
    }
}

/* DET-1 over configurations: whoever has this key in the ledger has this value. */
static void agree(struct aero_laws *laws, const char *key, const char *value, const char *where)
{
    size_t place = place_of(&laws->ledger, key);
    if (!is_at(&laws->ledger, place, key)) {
        aero_lines_add(&laws->ledger, key, value);
    } else if (strcmp(laws->ledger.entries[place].where, value) != 0) {
        aero_laws_break(laws, where, "%s was %s and is %s", key, laws->ledger.entries[place].where,
                        value);
    }
}

static void judge_state(struct aero_laws *laws, const struct aero_seen *seen, const char *where)
{
    char present[AERO_SEEN_TEXT_MAX];
    char key[AERO_SEEN_TEXT_MAX + 64];
    char value[80];
    uint32_t last = 0;
    uint32_t count = 0;
    for (uint32_t id = 0; id < AERO_TWIN_IDS_MAX; id++) {
        last = is_there(seen, id) ? id : last;
        count += is_there(seen, id);
    }
    if (seen->shared != last) { /* D-2: a commit is both of its keys */
        aero_laws_break(laws, where, "write %u is there and `shared` is %u", last, seen->shared);
    }
    if (count != seen->end_lsn) {
        aero_laws_break(laws, where, "%u commits are there and the log ends at LSN %llu", count,
                        (unsigned long long)seen->end_lsn);
    }
    present_text(seen->present, present, sizeof present);
    snprintf(key, sizeof key, "%s digest", present);
    snprintf(value, sizeof value, "%016llx%016llx of %llu",
             (unsigned long long)seen->summary.digest.high,
             (unsigned long long)seen->summary.digest.low, (unsigned long long)seen->summary.count);
    agree(laws, key, value, where);
    snprintf(key, sizeof key, "%s commits from %llu", present, (unsigned long long)seen->first_lsn);
    snprintf(value, sizeof value, "%016llx", (unsigned long long)seen->commits);
    agree(laws, key, value, where);
}

static void judge_command(struct aero_laws *laws, const struct aero_twin_command *command,
                          const struct aero_seen *seen, const char *where)
{
    bool ok = command->told == AERO_TWIN_OK;
    bool writes = command->what == 'w';
    if (writes && ok && !is_there(seen, command->id)) {
        aero_laws_break(laws, where, "write %u was acknowledged and is lost (D-1)", command->id);
    }
    bool never = command->told == AERO_TWIN_NOT_WRITTEN || command->told == AERO_TWIN_REFUSED;
    if (writes && never && is_there(seen, command->id)) {
        aero_laws_break(laws, where, "write %u was said never to come back (decision 11)",
                        command->id);
    }
    if (!writes && ok && command->shown != 0 && !is_there(seen, command->shown)) {
        aero_laws_break(laws, where, "a read showed write %u, which is lost (V-1)", command->shown);
    }
}

/* A client's own order: what it was shown never goes back, and holds what it was told to have written. */
static void judge_session(struct aero_laws *laws, const struct aero_twin_story *story, char client,
                          const char *where)
{
    uint32_t known = 0;
    for (uint32_t i = 0; i < story->count; i++) {
        const struct aero_twin_command *command = &story->commands[i];
        if (command->client != client || command->told != AERO_TWIN_OK) {
            continue;
        }
        if (command->what == 'r' && command->shown < known) {
            aero_laws_break(laws, where, "client %c knew of write %u and was shown %u", client,
                            known, command->shown);
        }
        uint32_t learnt = command->what == 'w' ? command->id : command->shown;
        known = learnt > known ? learnt : known;
    }
}

void aero_laws_judge(struct aero_laws *laws, const struct aero_twin_story *story,
                     const struct aero_seen *seen, const char *where)
{
    laws->looks++;
    if (!aero_is_ok(seen->status)) {
        aero_laws_break(laws, where, "recovery refuses: %s: %s", aero_code_text(seen->status.code),
                        seen->report.text);
        return;
    }
    judge_state(laws, seen, where);
    for (uint32_t i = 0; i < story->count; i++) {
        judge_command(laws, &story->commands[i], seen, where);
    }
    for (char client = 'A'; client < 'A' + AERO_TWIN_CLIENTS; client++) {
        judge_session(laws, story, client, where);
    }
}

void aero_laws_judge_answers(struct aero_laws *laws, const struct aero_twin_story *story,
                             const char *where)
{
    for (uint32_t i = 0; i < story->count; i++) {
        const struct aero_twin_command *command = &story->commands[i];
        if (command->told != AERO_TWIN_OK) {
            aero_laws_break(laws, where, "nothing failed, and %c%c%u was answered [%c]",
                            command->client, command->what, command->id, (char)command->told);
        }
    }
}

void aero_laws_judge_proof(struct aero_laws *laws, const struct aero_primary *primary,
                           aero_lsn started_with, const struct aero_sim_disk *disk,
                           const char *where)
{
    struct aero_buffer bytes = {0};
    struct aero_proof proof = {0};
    aero_lsn durable = aero_primary_durable_lsn(primary);
    if (durable.value == started_with.value) {
        return;
    }
    bool readable = aero_sim_disk_peek(disk, AERO_PROOF_FILE, false, &bytes) &&
                    aero_is_ok(aero_proof_newest(aero_buffer_slice(&bytes), &proof));
    if (!readable || proof.end.lsn.value < durable.value) {
        aero_laws_break(laws, where, "LSN %llu is called durable, the proof says %llu (decision 5)",
                        (unsigned long long)durable.value, (unsigned long long)proof.end.lsn.value);
    }
    aero_buffer_deinit(&bytes);
}

static void judge_file(struct aero_laws *laws, const struct aero_wal_file *file, uint64_t length,
                       const struct aero_sim_disk *before, const struct aero_sim_disk *after,
                       const char *where)
{
    struct aero_buffer was = {0};
    struct aero_buffer is = {0};
    if (!aero_sim_disk_peek(before, file->name, false, &was) || was.length < length) {
        aero_laws_break(laws, where, "%s has no %llu bytes to ship", file->name,
                        (unsigned long long)length);
    } else if (!aero_sim_disk_peek(after, file->name, false, &is) || is.length < length ||
               memcmp(was.data, is.data, length) != 0) {
        aero_laws_break(laws, where, "%s: bytes that a replica may hold are gone (REP-2)",
                        file->name);
    }
    aero_buffer_deinit(&was);
    aero_buffer_deinit(&is);
}

void aero_laws_judge_shipped(struct aero_laws *laws, struct aero_primary *primary,
                             const struct aero_sim_disk *before, const struct aero_sim_disk *after,
                             uint64_t floor_sequence, const char *where)
{
    struct aero_wal_place place = aero_primary_durable_place(primary);
    const struct aero_shipping_source *source =
        aero_shipping_view_source(aero_primary_shipping_view(primary));
    for (size_t i = 0; i < source->file_count; i++) {
        const struct aero_wal_file *file = &source->files[i];
        uint64_t sequence = file->header.sequence;
        bool empty = file->header.prev_end.lsn.value >= place.position.lsn.value;
        if (sequence > place.sequence || sequence < floor_sequence || empty) {
            continue; /* a header goes once a durable record stands behind it */
        }
        judge_file(laws, file, sequence == place.sequence ? place.offset : file->end_offset, before,
                   after, where);
    }
}
