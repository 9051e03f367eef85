/* SPDX-License-Identifier: Apache-2.0 */
/* The table of handshake.h as code: decide_identity has rows 1 to 4, decide_empty 5 to 7, decide_branches 8 to 13,
 * decide_proof 14 to 16, decide_place 17 to 21. Each returns true once its row has been written into the verdict; the
 * order of the calls is the order of the table. */
#include "shipping/handshake.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/position.h"
#include "engine/segment.h"

/* What the rows share about the two histories. */
struct comparison {
    const struct aero_incarnation *shared; /* the newest of the replica's that is also mine */
    struct aero_position limit;            /* where my list ends it */
    const struct aero_incarnation *branch; /* the replica's next one, not mine; NULL when none */
    size_t branch_count;                   /* entries from `branch` on */
    bool branch_has_records;               /* the replica's end is behind the branch's start */
    struct aero_position fork;             /* the last position in common if there is a branch */
};

__attribute__((format(printf, 4, 5))) static bool conclude(struct aero_handshake_verdict *out,
                                                           int row, enum aero_handshake_kind kind,
                                                           const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    out->row = row;
    out->kind = kind;
    vsnprintf(out->text, sizeof out->text, format, arguments);
    va_end(arguments);
    return true;
}

static uint64_t commits_behind(struct aero_position fork, aero_lsn end)
{
    return end.value > fork.lsn.value ? end.value - fork.lsn.value : 0;
}

static void set_fork(const struct aero_handshake_input *input, struct aero_position fork,
                     struct aero_handshake_verdict *out)
{
    out->fork = fork;
    out->commits_mine = commits_behind(fork, input->durable.position.lsn);
    out->commits_yours = commits_behind(fork, input->hello->end.lsn);
}

/* ---- Rows 1 to 4: who is this? ---- */

static bool decide_identity(const struct aero_handshake_input *input,
                            struct aero_handshake_verdict *out)
{
    const struct aero_message_hello *hello = input->hello;
    if (hello->protocol_version != AERO_PROTOCOL_VERSION) {
        return conclude(out, 1, AERO_HANDSHAKE_VERSION,
                        "protocol version %" PRIu32 " is not spoken here, only %u: install the "
                        "same release on both nodes",
                        hello->protocol_version, AERO_PROTOCOL_VERSION);
    }
    if (!input->peer_allowed || strcmp(hello->node_name, input->peer_name) != 0) {
        return conclude(out, 2, AERO_HANDSHAKE_NAME_NOT_ALLOWED,
                        "node '%s' with a certificate for '%s' may not replicate from here: name "
                        "it in the allow list, and in its certificate",
                        hello->node_name, input->peer_name);
    }
    bool same_cluster = aero_id_equal(hello->cluster_id, input->self->cluster_id);
    bool names_none = aero_id_is_none(hello->cluster_id);
    if (!same_cluster && !(hello->holds_nothing && names_none)) {
        return conclude(out, 3, AERO_HANDSHAKE_WRONG_CLUSTER,
                        "the replica's data belongs to another cluster: point it at its own "
                        "primary, or give it an empty directory");
    }
    if (aero_id_equal(hello->node_id, input->self->node_id)) {
        return conclude(out, 4, AERO_HANDSHAKE_UNPROVABLE,
                        "the replica carries this node's own id: its directory is a copy of this "
                        "one; start it on an empty directory");
    }
    return false;
}

/* ---- What I can offer ---- */

/* Whether every segment from `sequence` on is here and sound, or `sequence` is the next one to
 * come. */
static bool has_wal_from(const struct aero_shipping_source *self, uint64_t sequence)
{
    uint64_t next = 1;
    bool found = false;
    for (size_t i = 0; i < self->file_count; i++) {
        const struct aero_wal_file *file = &self->files[i];
        next = file->header.sequence + 1;
        if (file->header.sequence < sequence) {
            continue;
        }
        uint64_t expected = found ? self->files[i - 1].header.sequence + 1 : sequence;
        if (file->header.sequence != expected || file->damaged) {
            return false;
        }
        found = true;
    }
    return found || sequence == next;
}

static bool is_usable(const struct aero_shipping_source *self,
                      const struct aero_snapshot_entry *snapshot)
{
    return !self->must_not_seed && !snapshot->damaged && has_wal_from(self, snapshot->sequence);
}

/* The one whose transfer broke if it is still there, else the newest. */
static bool offer_snapshot(const struct aero_handshake_input *input, int row, const char *why,
                           struct aero_handshake_verdict *out)
{
    const struct aero_shipping_source *self = input->self;
    const struct aero_snapshot_entry *offer = NULL;
    uint64_t offset = 0;
    for (size_t i = 0; i < self->snapshot_count; i++) {
        const struct aero_snapshot_entry *snapshot = &self->snapshots[i];
        if (!is_usable(self, snapshot)) {
            continue;
        }
        offer = snapshot;
        if (aero_id_equal(snapshot->id, input->hello->snapshot_id) &&
            input->hello->snapshot_verified <= snapshot->size_bytes) {
            offset = input->hello->snapshot_verified;
            break;
        }
    }
    if (offer == NULL) {
        return false;
    }
    out->snapshot = *offer;
    out->snapshot_offset = offset;
    return conclude(out, row, AERO_HANDSHAKE_NEED_SNAPSHOT,
                    "%s: a snapshot at LSN %" PRIu64 " follows", why, offer->position.lsn.value);
}

static bool offer_nothing(const struct aero_handshake_input *input, int row,
                          struct aero_handshake_verdict *out)
{
    return conclude(
        out, row, AERO_HANDSHAKE_UNAVAILABLE, "%s",
        input->self->must_not_seed
            ? "this primary's own audit fails, so it seeds no replica: see its status"
            : "a snapshot is needed and none is usable here: 'aeroctl checkpoint' on the "
              "primary makes one");
}

static bool offer_wal(struct aero_handshake_verdict *out, int row, uint64_t sequence,
                      uint64_t offset)
{
    out->resume_sequence = sequence;
    out->resume_offset = offset;
    return conclude(out, row, AERO_HANDSHAKE_RESUME,
                    "resuming at segment %" PRIu64 ", offset %" PRIu64, sequence, offset);
}

/* ---- Rows 5 to 7: the replica holds nothing ---- */

static bool decide_empty(const struct aero_handshake_input *input,
                         struct aero_handshake_verdict *out)
{
    if (!input->hello->holds_nothing) {
        return false;
    }
    if (offer_snapshot(input, 5, "the replica is empty", out)) {
        return true;
    }
    if (!input->self->must_not_seed && has_wal_from(input->self, 1)) {
        return offer_wal(out, 6, 1, 0);
    }
    return offer_nothing(input, 7, out);
}

/* ---- Rows 8 to 13: the lists of incarnations ---- */

static bool compare_histories(const struct aero_handshake_input *input, struct comparison *out)
{
    const struct aero_history *mine = input->self->history;
    const struct aero_history *theirs = input->hello_history;
    *out = (struct comparison){0};
    size_t p;
    size_t r;
    if (!aero_history_find_shared(mine, theirs, &p, &r)) {
        return false;
    }
    out->shared = &mine->incarnations[p];
    out->limit =
        p + 1 < mine->incarnation_count ? mine->incarnations[p + 1].start : input->durable.position;
    out->branch_count = theirs->incarnation_count - r - 1;
    out->branch = out->branch_count > 0 ? &theirs->incarnations[r + 1] : NULL;
    if (out->branch != NULL) {
        out->branch_has_records = input->hello->end.lsn.value > out->branch->start.lsn.value;
        out->fork =
            out->branch->start.lsn.value < out->limit.lsn.value ? out->branch->start : out->limit;
    }
    return true;
}

static uint64_t my_epoch(const struct aero_shipping_source *self)
{
    uint64_t epoch = self->epoch.value;
    for (size_t i = 0; i < self->history->incarnation_count; i++) {
        uint64_t other = self->history->incarnations[i].epoch.value;
        epoch = other > epoch ? other : epoch;
    }
    return epoch;
}

/* Rows 9 to 11: an epoch counts only with the incarnation that argues it (decision 15). */
static bool decide_authority(const struct aero_handshake_input *input,
                             const struct comparison *comparison,
                             struct aero_handshake_verdict *out)
{
    const struct aero_history *mine = input->self->history;
    uint64_t epoch = my_epoch(input->self);
    const struct aero_incarnation *newest_of_mine =
        &mine->incarnations[mine->incarnation_count - 1];
    const struct aero_incarnation *clash = NULL;
    for (size_t i = 0; i < comparison->branch_count; i++) {
        const struct aero_incarnation *entry = &comparison->branch[i];
        if (entry->epoch.value == epoch &&
            !aero_id_equal(entry->node_id, newest_of_mine->node_id)) {
            clash = entry;
        }
    }
    if (comparison->branch_count > 0) {
        const struct aero_incarnation *newest = &comparison->branch[comparison->branch_count - 1];
        if (newest->epoch.value > epoch) {
            out->incarnation = *newest;
            set_fork(input, comparison->fork, out);
            return conclude(out, 9, AERO_HANDSHAKE_SUPERSEDED,
                            "epoch %" PRIu64 " of node '%s' supersedes epoch %" PRIu64
                            " here: the histories fork at LSN %" PRIu64 ", with %" PRIu64
                            " commits behind it here and %" PRIu64 " on that replica",
                            newest->epoch.value, newest->node_name, epoch, out->fork.lsn.value,
                            out->commits_mine, out->commits_yours);
        }
    }
    if (clash != NULL) {
        out->incarnation = *clash;
        set_fork(input, comparison->fork, out);
        return conclude(out, 10, AERO_HANDSHAKE_EPOCH_CLASH,
                        "nodes '%s' and '%s' both wrote in epoch %" PRIu64 ", from LSN %" PRIu64
                        " on: keep the directory of the one that has to give way, and start it "
                        "as a replica on an empty one",
                        clash->node_name, newest_of_mine->node_name, epoch, out->fork.lsn.value);
    }
    if (input->hello->epoch.value > epoch) {
        return conclude(out, 11, AERO_HANDSHAKE_UNPROVABLE,
                        "the replica claims epoch %" PRIu64 " and shows no incarnation of it; "
                        "here it is %" PRIu64,
                        input->hello->epoch.value, epoch);
    }
    return false;
}

/* Who wrote the branch's first record: an incarnation that ended before it wrote any is followed by one that starts where it
 * did. The claim names it, since the proof is that record in a segment of that incarnation. */
static const struct aero_incarnation *writer_of_branch(const struct comparison *comparison)
{
    const struct aero_incarnation *writer = comparison->branch;
    const struct aero_incarnation *end = comparison->branch + comparison->branch_count;
    while (writer + 1 < end && writer[1].start.lsn.value == writer->start.lsn.value) {
        writer++;
    }
    return writer;
}

/* Rows 12 and 13: records of the replica that are not on my history. */
static bool decide_suffix(const struct aero_handshake_input *input,
                          const struct comparison *comparison, struct aero_handshake_verdict *out)
{
    struct aero_position limit = comparison->limit;
    const struct aero_incarnation *branch = comparison->branch;
    bool past_limit = input->hello->end.lsn.value > limit.lsn.value;
    bool branched = comparison->branch_has_records;
    if (!past_limit && !branched) {
        return false;
    }
    /* Who wrote the first record that I do not have: the shared incarnation went on, or the branch. */
    bool shared_went_on =
        past_limit && (branch == NULL || branch->start.lsn.value > limit.lsn.value);
    bool branch_at_limit = branch != NULL && aero_position_equal(branch->start, limit);
    const struct aero_incarnation *writer =
        shared_went_on ? comparison->shared : writer_of_branch(comparison);
    set_fork(input, shared_went_on ? limit : comparison->fork, out);
    if ((shared_went_on || branch_at_limit) &&
        aero_id_equal(writer->node_id, input->self->node_id)) {
        out->incarnation = *writer;
        return conclude(out, 12, AERO_HANDSHAKE_PRIMARY_LOST,
                        "the replica holds records, from LSN %" PRIu64 " to %" PRIu64
                        ", that this primary wrote and does not have any more: keep them, and "
                        "bring them back with 'aeroctl salvage' before anything else",
                        out->fork.lsn.value + 1, out->fork.lsn.value + out->commits_yours);
    }
    return conclude(out, 13, AERO_HANDSHAKE_DIVERGED,
                    "diverged at LSN %" PRIu64 ": %" PRIu64
                    " commits behind it on the replica, %" PRIu64
                    " here: if the replica's are not needed, start it on an empty directory",
                    out->fork.lsn.value, out->commits_yours, out->commits_mine);
}

static bool decide_branches(const struct aero_handshake_input *input,
                            struct aero_handshake_verdict *out)
{
    struct comparison comparison;
    if (!compare_histories(input, &comparison)) {
        return conclude(out, 8, AERO_HANDSHAKE_UNPROVABLE,
                        "the replica's history shares no incarnation with this one: nothing "
                        "proves where they part");
    }
    if (decide_authority(input, &comparison, out) || decide_suffix(input, &comparison, out)) {
        return true;
    }
    /* For the rows that follow: at least this much is in common. */
    set_fork(input, comparison.shared->start, out);
    return false;
}

/* ---- Rows 14 to 16: is its end a place on my history? ---- */

enum knowledge {
    KNOWN_NOT,
    KNOWN_EQUAL,
    KNOWN_OTHER, /* the same LSN has another chain value here */
};

static enum knowledge compare_position(struct aero_position mine, struct aero_position theirs)
{
    if (mine.lsn.value != theirs.lsn.value) {
        return KNOWN_NOT;
    }
    return mine.chain == theirs.chain ? KNOWN_EQUAL : KNOWN_OTHER;
}

/* Every position whose chain I know without reading: ends and starts. */
static enum knowledge know_position(const struct aero_handshake_input *input,
                                    struct aero_position theirs)
{
    const struct aero_shipping_source *self = input->self;
    enum knowledge known = compare_position((struct aero_position){.chain = 0}, theirs);
    if (known == KNOWN_NOT) {
        known = compare_position(input->durable.position, theirs);
    }
    for (size_t i = 0; known == KNOWN_NOT && i < self->history->incarnation_count; i++) {
        known = compare_position(self->history->incarnations[i].start, theirs);
    }
    for (size_t i = 0; known == KNOWN_NOT && i < self->history->segment_count; i++) {
        known = compare_position(self->history->segments[i].before, theirs);
    }
    for (size_t i = 0; known == KNOWN_NOT && i < self->file_count; i++) {
        known = compare_position(self->files[i].header.prev_end, theirs);
    }
    for (size_t i = 0; known == KNOWN_NOT && i < self->snapshot_count; i++) {
        known = compare_position(self->snapshots[i].position, theirs);
    }
    return known;
}

/* My start of that segment, from the file or from the list that is kept for good. */
static bool find_start(const struct aero_shipping_source *self, uint64_t sequence,
                       struct aero_segment_start *out_start)
{
    const struct aero_wal_file *file = aero_shipping_find_file(self, sequence);
    if (file != NULL) {
        *out_start = (struct aero_segment_start){.sequence = sequence,
                                                 .before = file->header.prev_end,
                                                 .nonce = file->header.nonce,
                                                 .incarnation = file->header.incarnation};
        return true;
    }
    for (size_t i = self->history->segment_count; i > 0; i--) {
        if (self->history->segments[i - 1].sequence == sequence) {
            *out_start = self->history->segments[i - 1];
            return true;
        }
    }
    return false;
}

static bool owns_start(const struct aero_handshake_input *input)
{
    const struct aero_message_hello *hello = input->hello;
    struct aero_segment_start mine;
    return find_start(input->self, hello->segment_sequence, &mine) &&
           aero_position_equal(mine.before, hello->segment_before) &&
           aero_id_equal(mine.nonce, hello->segment_nonce) &&
           aero_id_equal(mine.incarnation, hello->segment_incarnation) &&
           hello->end.lsn.value >= mine.before.lsn.value;
}

static bool decide_proof(const struct aero_handshake_input *input,
                         struct aero_handshake_verdict *out)
{
    const struct aero_message_hello *hello = input->hello;
    enum knowledge known = know_position(input, hello->end);
    bool names_start = hello->segment_sequence != 0;
    bool proven_start = names_start && owns_start(input);
    if (proven_start) {
        set_fork(input, hello->segment_before, out);
    }
    if (known == KNOWN_OTHER) {
        return conclude(out, 14, AERO_HANDSHAKE_DIVERGED,
                        "LSN %" PRIu64 " has another chain value here: diverged somewhere behind "
                        "LSN %" PRIu64,
                        hello->end.lsn.value, out->fork.lsn.value);
    }
    bool place_contradicts =
        hello->end_sequence != 0 && hello->end_sequence != hello->segment_sequence;
    if ((names_start && !proven_start) || place_contradicts) {
        return conclude(out, 15, AERO_HANDSHAKE_UNPROVABLE,
                        "the replica's segment %" PRIu64 " does not begin as this history's: "
                        "nothing proves that its end is on it",
                        hello->segment_sequence);
    }
    if (!names_start && known != KNOWN_EQUAL) {
        return conclude(out, 16, AERO_HANDSHAKE_UNPROVABLE,
                        "nothing here proves that LSN %" PRIu64 " of the replica is on this "
                        "history",
                        hello->end.lsn.value);
    }
    return false;
}

/* ---- Rows 17 to 21: from which byte on? ---- */

/* Where my segment `file` ends: the open one at the durable place. */
static struct aero_wal_place end_of(const struct aero_handshake_input *input,
                                    const struct aero_wal_file *file)
{
    if (file->header.sequence == input->durable.sequence) {
        return input->durable;
    }
    return (struct aero_wal_place){
        .sequence = file->header.sequence, .offset = file->end_offset, .position = file->end};
}

static bool decide_snapshot(const struct aero_handshake_input *input,
                            struct aero_handshake_verdict *out)
{
    if (offer_snapshot(input, 20, "the WAL that the replica needs is no longer here", out)) {
        return true;
    }
    return offer_nothing(input, 21, out);
}

/* The state is a loaded snapshot: the replica's WAL begins at the segment that holds end + 1
 * (decision 24). */
static bool decide_first_segment(const struct aero_handshake_input *input,
                                 struct aero_handshake_verdict *out)
{
    const struct aero_shipping_source *self = input->self;
    const struct aero_message_hello *hello = input->hello;
    uint64_t sequence = hello->segment_sequence;
    /* Of two at one position the newer one: the older one may stand in a segment that is gone. */
    for (size_t i = self->snapshot_count; sequence == 0 && i > 0; i--) {
        if (aero_position_equal(self->snapshots[i - 1].position, hello->end)) {
            sequence = self->snapshots[i - 1].sequence;
        }
    }
    for (size_t i = self->file_count; sequence == 0 && i > 0; i--) {
        const struct aero_segment_header *header = &self->files[i - 1].header;
        if (header->prev_end.lsn.value <= hello->end.lsn.value) {
            sequence = header->sequence;
        }
    }
    if (sequence == 0 && hello->end.lsn.value == 0) {
        sequence = 1;
    }
    if (sequence == 0 || !has_wal_from(self, sequence)) {
        return decide_snapshot(input, out);
    }
    return offer_wal(out, 17, sequence, 0);
}

static bool decide_probe(const struct aero_handshake_input *input, const struct aero_wal_file *file,
                         struct aero_handshake_verdict *out)
{
    const struct aero_message_hello *hello = input->hello;
    const struct aero_handshake_probe *probe = &input->probe;
    if (!probe->done) {
        out->needs_probe = true;
        out->probe_offset = hello->end_offset;
        snprintf(out->probe_name, sizeof out->probe_name, "%s", file->name);
        return true;
    }
    if (!aero_is_ok(probe->status)) {
        out->damaged_here = true;
        snprintf(out->probe_name, sizeof out->probe_name, "%s", file->name);
        out->probe_offset = hello->end_offset;
        return conclude(out, 19, AERO_HANDSHAKE_UNAVAILABLE,
                        "no sound record stands at %s, offset %" PRIu64
                        ", where the replica's log ends: stop this primary and run 'aeroctl "
                        "verify' on its directory",
                        file->name, hello->end_offset);
    }
    bool follows = probe->record.lsn.value == hello->end.lsn.value + 1 &&
                   probe->record.prev_chain == hello->end.chain &&
                   probe->record.segment_nonce == aero_segment_nonce64(file->header.nonce);
    if (!follows) {
        return conclude(out, 18, AERO_HANDSHAKE_DIVERGED,
                        "LSN %" PRIu64 " here does not follow the replica's end: diverged "
                        "somewhere behind LSN %" PRIu64,
                        probe->record.lsn.value, out->fork.lsn.value);
    }
    return offer_wal(out, 17, hello->end_sequence, hello->end_offset);
}

static bool decide_place(const struct aero_handshake_input *input,
                         struct aero_handshake_verdict *out)
{
    const struct aero_shipping_source *self = input->self;
    const struct aero_message_hello *hello = input->hello;
    if (hello->end_sequence == 0) {
        return decide_first_segment(input, out);
    }
    struct aero_segment_start next;
    bool ends_segment = find_start(self, hello->end_sequence + 1, &next) &&
                        aero_position_equal(next.before, hello->end);
    const struct aero_wal_file *file = aero_shipping_find_file(self, hello->end_sequence);
    if (file == NULL && ends_segment && has_wal_from(self, next.sequence)) {
        return offer_wal(out, 17, next.sequence, 0);
    }
    if (file == NULL || !has_wal_from(self, hello->end_sequence)) {
        return decide_snapshot(input, out);
    }
    struct aero_wal_place end = end_of(input, file);
    bool at_end = hello->end_offset == end.offset && aero_position_equal(hello->end, end.position);
    bool at_start = hello->end_offset == AERO_SEGMENT_HEADER_BYTES &&
                    aero_position_equal(hello->end, file->header.prev_end);
    if (at_end || at_start) {
        out->resume_sealed = at_end && hello->end_sealed;
        return offer_wal(out, 17, hello->end_sequence, hello->end_offset);
    }
    bool inside = hello->end_offset > AERO_SEGMENT_HEADER_BYTES && hello->end_offset < end.offset &&
                  hello->end_offset % AERO_RECORD_ALIGN == 0;
    if (!inside) {
        return conclude(out, 15, AERO_HANDSHAKE_UNPROVABLE,
                        "offset %" PRIu64 " of segment %" PRIu64 " cannot be where LSN %" PRIu64
                        " ends here",
                        hello->end_offset, hello->end_sequence, hello->end.lsn.value);
    }
    return decide_probe(input, file, out);
}

void aero_handshake_decide(const struct aero_handshake_input *input,
                           struct aero_handshake_verdict *out_verdict)
{
    AERO_ASSERT(input->self->history->incarnation_count > 0);
    *out_verdict = (struct aero_handshake_verdict){.needs_probe = false};
    if (decide_identity(input, out_verdict) || decide_empty(input, out_verdict) ||
        decide_branches(input, out_verdict) || decide_proof(input, out_verdict)) {
        return;
    }
    bool decided = decide_place(input, out_verdict);
    AERO_ASSERT(decided); /* the last rows take whatever is left */
}

bool aero_handshake_loss_proven(const struct aero_shipping_source *self,
                                const struct aero_handshake_verdict *claim,
                                struct aero_slice segment_header, struct aero_slice record_header)
{
    struct aero_segment_header segment;
    struct aero_record_header record;
    if (claim->kind != AERO_HANDSHAKE_PRIMARY_LOST ||
        !aero_is_ok(aero_segment_header_decode(segment_header, &segment)) ||
        !aero_is_ok(aero_record_decode(record_header, &record))) {
        return false;
    }
    bool is_next = record.lsn.value == claim->fork.lsn.value + 1 &&
                   record.segment_nonce == aero_segment_nonce64(segment.nonce);
    bool is_mine = aero_id_equal(segment.cluster_id, self->cluster_id) &&
                   aero_id_equal(segment.incarnation, claim->incarnation.nonce) &&
                   aero_id_equal(claim->incarnation.node_id, self->node_id);
    bool begins_segment = segment.first_lsn.value == record.lsn.value;
    bool chains = begins_segment ? aero_position_equal(segment.prev_end, claim->fork) &&
                                       record.prev_chain == segment.chain0
                                 : record.prev_chain == claim->fork.chain;
    return is_next && is_mine && chains;
}

void aero_handshake_encode_history(const struct aero_history *history,
                                   struct aero_buffer *out_bytes)
{
    struct aero_history incarnations = {.incarnations = history->incarnations,
                                        .incarnation_count = history->incarnation_count};
    aero_history_encode(&incarnations, out_bytes);
}
