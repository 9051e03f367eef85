/* SPDX-License-Identifier: Apache-2.0 */
/* Between plain structs and protobuf. Decoding goes field by field through take_* helpers, each of
 * which checks what it takes; what they copy has a fixed size, what has none (histories, raw
 * headers) is copied into the message's storage, so that nothing refers to the frame afterwards. */
#include "proto/message.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "proto/replication.pb-c.h"

#define RAW_SEGMENT_HEADER_BYTES 4096U
#define RAW_RECORD_HEADER_BYTES 64U

typedef Aero__Replication__Hello pb_hello;
typedef Aero__Replication__Verdict pb_verdict;
typedef Aero__Replication__History pb_history;
typedef Aero__Replication__Ack pb_ack;
typedef Aero__Replication__Heartbeat pb_heartbeat;
typedef Aero__Replication__FetchRecord pb_fetch_record;
typedef Aero__Replication__RecordBytes pb_record_bytes;
typedef Aero__Replication__DigestMismatch pb_digest_mismatch;
typedef Aero__Replication__Bye pb_bye;
typedef Aero__Replication__Position pb_position;
typedef Aero__Replication__Snapshot pb_snapshot;

/* ---- Encoding ---- */

/* "None" travels as no bytes. Protobuf's structs want pointers without const; packing changes
 * nothing. */
static ProtobufCBinaryData give_id(const aero_id *id)
{
    return (ProtobufCBinaryData){.len = aero_id_is_none(*id) ? 0 : sizeof id->bytes,
                                 .data = (uint8_t *)(uintptr_t)id->bytes};
}

static ProtobufCBinaryData give_slice(struct aero_slice slice)
{
    return (ProtobufCBinaryData){.len = slice.length, .data = (uint8_t *)(uintptr_t)slice.data};
}

static char *give_text(const char *text)
{
    return (char *)(uintptr_t)text;
}

static pb_position give_position(struct aero_position position)
{
    pb_position pb = AERO__REPLICATION__POSITION__INIT;
    pb.lsn = position.lsn.value;
    pb.chain = position.chain;
    return pb;
}

static void append_packed(struct aero_buffer *out, enum aero_frame_type type,
                          const ProtobufCMessage *pb)
{
    struct aero_buffer packed = {0};
    size_t length = protobuf_c_message_get_packed_size(pb);
    AERO_ASSERT(length <= aero_frame_payload_max((uint8_t)type));
    uint8_t *into = aero_buffer_reserve(&packed, length);
    packed.length = protobuf_c_message_pack(pb, into);
    aero_frame_append(out, type, aero_buffer_slice(&packed));
    aero_buffer_deinit(&packed);
}

static void append_hello(struct aero_buffer *out, const struct aero_message *message)
{
    const struct aero_message_hello *hello = &message->as.hello;
    pb_position end = give_position(hello->end);
    pb_position before = give_position(hello->segment_before);
    pb_hello pb = AERO__REPLICATION__HELLO__INIT;
    pb.protocol_version = hello->protocol_version;
    pb.cluster_id = give_id(&hello->cluster_id);
    pb.node_id = give_id(&hello->node_id);
    pb.node_name = give_text(hello->node_name);
    pb.epoch = hello->epoch.value;
    pb.history = give_slice(hello->history);
    pb.holds_nothing = hello->holds_nothing;
    pb.end_sequence = hello->end_sequence;
    pb.end_offset = hello->end_offset;
    pb.end = &end;
    pb.end_sealed = hello->end_sealed;
    pb.segment_sequence = hello->segment_sequence;
    pb.segment_before = &before;
    pb.segment_nonce = give_id(&hello->segment_nonce);
    pb.segment_incarnation = give_id(&hello->segment_incarnation);
    pb.tail_streaming = hello->tail_streaming;
    pb.snapshot_id = give_id(&hello->snapshot_id);
    pb.snapshot_verified = hello->snapshot_verified;
    pb.credit_bytes = hello->credit_bytes;
    append_packed(out, AERO_FRAME_HELLO, &pb.base);
}

static void append_verdict(struct aero_buffer *out, const struct aero_message *message)
{
    const struct aero_message_verdict *verdict = &message->as.verdict;
    pb_position fork = give_position(verdict->fork);
    pb_position position = give_position(verdict->snapshot.position);
    pb_snapshot snapshot = AERO__REPLICATION__SNAPSHOT__INIT;
    snapshot.id = give_id(&verdict->snapshot.id);
    snapshot.position = &position;
    snapshot.sequence = verdict->snapshot.sequence;
    snapshot.size_bytes = verdict->snapshot.size_bytes;
    snapshot.entry_count = verdict->snapshot.entry_count;
    snapshot.digest_low = verdict->snapshot.digest.low;
    snapshot.digest_high = verdict->snapshot.digest.high;
    pb_verdict pb = AERO__REPLICATION__VERDICT__INIT;
    pb.kind = (uint32_t)verdict->kind;
    pb.cluster_id = give_id(&verdict->cluster_id);
    pb.node_id = give_id(&verdict->node_id);
    pb.node_name = give_text(verdict->node_name);
    pb.epoch = verdict->epoch.value;
    pb.history = give_slice(verdict->history);
    pb.link_nonce = give_id(&verdict->link_nonce);
    pb.durable_lsn = verdict->durable.value;
    pb.resume_sequence = verdict->resume_sequence;
    pb.resume_offset = verdict->resume_offset;
    pb.snapshot = aero_id_is_none(verdict->snapshot.id) ? NULL : &snapshot;
    pb.snapshot_offset = verdict->snapshot_offset;
    pb.fork = &fork;
    pb.commits_mine = verdict->commits_mine;
    pb.commits_yours = verdict->commits_yours;
    pb.text = give_text(verdict->text);
    append_packed(out, AERO_FRAME_VERDICT, &pb.base);
}

static void append_ack(struct aero_buffer *out, const struct aero_message *message)
{
    const struct aero_message_ack *ack = &message->as.ack;
    pb_ack pb = AERO__REPLICATION__ACK__INIT;
    pb.link_nonce = give_id(&ack->link_nonce);
    pb.received_lsn = ack->received.value;
    pb.durable_lsn = ack->durable.value;
    pb.applied_lsn = ack->applied.value;
    pb.durable_sequence = ack->durable_sequence;
    pb.credit_bytes = ack->credit_bytes;
    append_packed(out, AERO_FRAME_ACK, &pb.base);
}

static void append_record_bytes(struct aero_buffer *out, const struct aero_message *message)
{
    const struct aero_message_record_bytes *bytes = &message->as.record_bytes;
    pb_record_bytes pb = AERO__REPLICATION__RECORD_BYTES__INIT;
    pb.after_lsn = bytes->after.value;
    pb.found = bytes->found;
    pb.segment_header = give_slice(bytes->segment_header);
    pb.record_header = give_slice(bytes->record_header);
    append_packed(out, AERO_FRAME_RECORD_BYTES, &pb.base);
}

static void append_digest_mismatch(struct aero_buffer *out, const struct aero_message *message)
{
    const struct aero_message_digest_mismatch *mismatch = &message->as.digest_mismatch;
    pb_digest_mismatch pb = AERO__REPLICATION__DIGEST_MISMATCH__INIT;
    pb.lsn = mismatch->lsn.value;
    pb.expected_low = mismatch->expected.low;
    pb.expected_high = mismatch->expected.high;
    pb.found_low = mismatch->found.low;
    pb.found_high = mismatch->found.high;
    append_packed(out, AERO_FRAME_DIGEST_MISMATCH, &pb.base);
}

static void append_bye(struct aero_buffer *out, const struct aero_message *message)
{
    const struct aero_message_bye *bye = &message->as.bye;
    pb_bye pb = AERO__REPLICATION__BYE__INIT;
    pb.code = (uint32_t)bye->code;
    pb.text = give_text(bye->text);
    append_packed(out, AERO_FRAME_BYE, &pb.base);
}

static void append_history(struct aero_buffer *out, const struct aero_message *message)
{
    pb_history pb = AERO__REPLICATION__HISTORY__INIT;
    pb.history = give_slice(message->as.history.history);
    append_packed(out, AERO_FRAME_HISTORY, &pb.base);
}

static void append_heartbeat(struct aero_buffer *out, const struct aero_message *message)
{
    pb_heartbeat pb = AERO__REPLICATION__HEARTBEAT__INIT;
    pb.durable_lsn = message->as.heartbeat.durable.value;
    append_packed(out, AERO_FRAME_HEARTBEAT, &pb.base);
}

static void append_fetch_record(struct aero_buffer *out, const struct aero_message *message)
{
    pb_fetch_record pb = AERO__REPLICATION__FETCH_RECORD__INIT;
    pb.after_lsn = message->as.fetch_record.after.value;
    append_packed(out, AERO_FRAME_FETCH_RECORD, &pb.base);
}

/* ---- Decoding ---- */

/* Any check that fails makes the whole message AERO_CORRUPT: asked once, at the end. */
struct taker {
    struct aero_buffer *storage;
    bool failed;
};

static void check(struct taker *taker, bool sound)
{
    taker->failed = taker->failed || !sound;
}

static aero_id take_id(struct taker *taker, ProtobufCBinaryData bytes)
{
    aero_id id = {{0}};
    if (bytes.len == sizeof id.bytes) {
        memcpy(id.bytes, bytes.data, sizeof id.bytes);
    } else {
        check(taker, bytes.len == 0);
    }
    return id;
}

static void take_text(struct taker *taker, const char *text, char *out_text, size_t capacity)
{
    size_t length = strlen(text);
    check(taker, length < capacity);
    for (size_t i = 0; i < length; i++) {
        check(taker, (unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
    }
    if (!taker->failed) {
        memcpy(out_text, text, length + 1);
    }
}

static struct aero_position take_position(struct taker *taker, const pb_position *pb)
{
    check(taker, pb != NULL);
    if (pb == NULL) {
        return (struct aero_position){0};
    }
    return (struct aero_position){.lsn = aero_lsn_of(pb->lsn), .chain = pb->chain};
}

/* Reserved beforehand for all slices of a message, so that earlier ones stay where they are. */
static struct aero_slice take_slice(struct taker *taker, ProtobufCBinaryData bytes)
{
    struct aero_buffer *storage = taker->storage;
    AERO_ASSERT(storage->capacity - storage->length >= bytes.len);
    size_t at = storage->length;
    aero_buffer_append(storage, bytes.data, bytes.len);
    return aero_slice_of(storage->data + at, bytes.len);
}

static void decode_hello(struct taker *taker, const ProtobufCMessage *base,
                         struct aero_message *message)
{
    const pb_hello *pb = (const pb_hello *)base;
    struct aero_message_hello *out = &message->as.hello;
    aero_buffer_reserve(taker->storage, pb->history.len + 1);
    *out = (struct aero_message_hello){
        .protocol_version = pb->protocol_version,
        .cluster_id = take_id(taker, pb->cluster_id),
        .node_id = take_id(taker, pb->node_id),
        .epoch = {.value = pb->epoch},
        .history = take_slice(taker, pb->history),
        .holds_nothing = pb->holds_nothing,
        .end_sequence = pb->end_sequence,
        .end_offset = pb->end_offset,
        .end = take_position(taker, pb->end),
        .end_sealed = pb->end_sealed,
        .segment_sequence = pb->segment_sequence,
        .segment_before = take_position(taker, pb->segment_before),
        .segment_nonce = take_id(taker, pb->segment_nonce),
        .segment_incarnation = take_id(taker, pb->segment_incarnation),
        .tail_streaming = pb->tail_streaming,
        .snapshot_id = take_id(taker, pb->snapshot_id),
        .snapshot_verified = pb->snapshot_verified,
        .credit_bytes = pb->credit_bytes,
    };
    take_text(taker, pb->node_name, out->node_name, sizeof out->node_name);
}

static struct aero_message_snapshot take_snapshot(struct taker *taker, const pb_snapshot *pb)
{
    if (pb == NULL) {
        return (struct aero_message_snapshot){.sequence = 0};
    }
    struct aero_message_snapshot snapshot = {
        .id = take_id(taker, pb->id),
        .position = take_position(taker, pb->position),
        .sequence = pb->sequence,
        .size_bytes = pb->size_bytes,
        .entry_count = pb->entry_count,
        .digest = {.low = pb->digest_low, .high = pb->digest_high},
    };
    check(taker, !aero_id_is_none(snapshot.id));
    return snapshot;
}

static void decode_verdict(struct taker *taker, const ProtobufCMessage *base,
                           struct aero_message *message)
{
    const pb_verdict *pb = (const pb_verdict *)base;
    struct aero_message_verdict *out = &message->as.verdict;
    aero_buffer_reserve(taker->storage, pb->history.len + 1);
    *out = (struct aero_message_verdict){
        .kind = (enum aero_handshake_kind)pb->kind,
        .cluster_id = take_id(taker, pb->cluster_id),
        .node_id = take_id(taker, pb->node_id),
        .epoch = {.value = pb->epoch},
        .history = take_slice(taker, pb->history),
        .link_nonce = take_id(taker, pb->link_nonce),
        .durable = aero_lsn_of(pb->durable_lsn),
        .resume_sequence = pb->resume_sequence,
        .resume_offset = pb->resume_offset,
        .snapshot = take_snapshot(taker, pb->snapshot),
        .snapshot_offset = pb->snapshot_offset,
        .fork = take_position(taker, pb->fork),
        .commits_mine = pb->commits_mine,
        .commits_yours = pb->commits_yours,
    };
    check(taker, pb->kind >= AERO_HANDSHAKE_RESUME && pb->kind <= AERO_HANDSHAKE_VERSION);
    take_text(taker, pb->node_name, out->node_name, sizeof out->node_name);
    take_text(taker, pb->text, out->text, sizeof out->text);
}

static void decode_ack(struct taker *taker, const ProtobufCMessage *base,
                       struct aero_message *message)
{
    const pb_ack *pb = (const pb_ack *)base;
    struct aero_message_ack *out = &message->as.ack;
    *out = (struct aero_message_ack){
        .link_nonce = take_id(taker, pb->link_nonce),
        .received = aero_lsn_of(pb->received_lsn),
        .durable = aero_lsn_of(pb->durable_lsn),
        .applied = aero_lsn_of(pb->applied_lsn),
        .durable_sequence = pb->durable_sequence,
        .credit_bytes = pb->credit_bytes,
    };
}

static void decode_record_bytes(struct taker *taker, const ProtobufCMessage *base,
                                struct aero_message *message)
{
    const pb_record_bytes *pb = (const pb_record_bytes *)base;
    struct aero_message_record_bytes *out = &message->as.record_bytes;
    check(taker, pb->segment_header.len == (pb->found ? RAW_SEGMENT_HEADER_BYTES : 0));
    check(taker, pb->record_header.len == (pb->found ? RAW_RECORD_HEADER_BYTES : 0));
    aero_buffer_reserve(taker->storage, pb->segment_header.len + pb->record_header.len + 1);
    *out = (struct aero_message_record_bytes){
        .after = aero_lsn_of(pb->after_lsn),
        .found = pb->found,
        .segment_header = take_slice(taker, pb->segment_header),
        .record_header = take_slice(taker, pb->record_header),
    };
}

static void decode_bye(struct taker *taker, const ProtobufCMessage *base,
                       struct aero_message *message)
{
    const pb_bye *pb = (const pb_bye *)base;
    struct aero_message_bye *out = &message->as.bye;
    check(taker, pb->code >= AERO_BYE_SHUTDOWN && pb->code <= AERO_BYE_REPLACED);
    out->code = (enum aero_bye_code)pb->code;
    take_text(taker, pb->text, out->text, sizeof out->text);
}

static void decode_history(struct taker *taker, const ProtobufCMessage *base,
                           struct aero_message *message)
{
    const pb_history *pb = (const pb_history *)base;
    check(taker, pb->history.len != 0); /* fields unknown to us, and no list */
    aero_buffer_reserve(taker->storage, pb->history.len + 1);
    message->as.history.history = take_slice(taker, pb->history);
}

static void decode_heartbeat(struct taker *taker, const ProtobufCMessage *base,
                             struct aero_message *message)
{
    (void)taker;
    message->as.heartbeat.durable = aero_lsn_of(((const pb_heartbeat *)base)->durable_lsn);
}

static void decode_fetch_record(struct taker *taker, const ProtobufCMessage *base,
                                struct aero_message *message)
{
    (void)taker;
    message->as.fetch_record.after = aero_lsn_of(((const pb_fetch_record *)base)->after_lsn);
}

static void decode_digest_mismatch(struct taker *taker, const ProtobufCMessage *base,
                                   struct aero_message *message)
{
    (void)taker;
    const pb_digest_mismatch *pb = (const pb_digest_mismatch *)base;
    message->as.digest_mismatch = (struct aero_message_digest_mismatch){
        .lsn = aero_lsn_of(pb->lsn),
        .expected = {.low = pb->expected_low, .high = pb->expected_high},
        .found = {.low = pb->found_low, .high = pb->found_high},
    };
}

/* ---- Every message ---- */

struct message_kind {
    enum aero_frame_type type;
    const ProtobufCMessageDescriptor *descriptor;
    void (*append)(struct aero_buffer *out, const struct aero_message *message);
    void (*decode)(struct taker *taker, const ProtobufCMessage *base, struct aero_message *message);
};

static const struct message_kind kinds[] = {
    {AERO_FRAME_HELLO, &aero__replication__hello__descriptor, append_hello, decode_hello},
    {AERO_FRAME_VERDICT, &aero__replication__verdict__descriptor, append_verdict, decode_verdict},
    {AERO_FRAME_HISTORY, &aero__replication__history__descriptor, append_history, decode_history},
    {AERO_FRAME_ACK, &aero__replication__ack__descriptor, append_ack, decode_ack},
    {AERO_FRAME_HEARTBEAT, &aero__replication__heartbeat__descriptor, append_heartbeat,
     decode_heartbeat},
    {AERO_FRAME_FETCH_RECORD, &aero__replication__fetch_record__descriptor, append_fetch_record,
     decode_fetch_record},
    {AERO_FRAME_RECORD_BYTES, &aero__replication__record_bytes__descriptor, append_record_bytes,
     decode_record_bytes},
    {AERO_FRAME_DIGEST_MISMATCH, &aero__replication__digest_mismatch__descriptor,
     append_digest_mismatch, decode_digest_mismatch},
    {AERO_FRAME_BYE, &aero__replication__bye__descriptor, append_bye, decode_bye},
};

/* NULL: a data frame. */
static const struct message_kind *find_kind(enum aero_frame_type type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].type == type) {
            return &kinds[i];
        }
    }
    return NULL;
}

void aero_message_append(struct aero_buffer *out, const struct aero_message *message)
{
    const struct message_kind *kind = find_kind(message->type);
    AERO_ASSERT(kind != NULL);
    kind->append(out, message);
}

/* Memory is not the world's to refuse (malloc failure aborts), so that unpack fails for bad bytes
 * only. */
static void *allocate(void *unused, size_t size)
{
    (void)unused;
    return aero_malloc(size);
}

static void release(void *unused, void *pointer)
{
    (void)unused;
    free(pointer);
}

aero_status aero_message_decode(const struct aero_frame *frame, struct aero_message *out_message)
{
    const struct message_kind *kind = find_kind(frame->type);
    if (kind == NULL) {
        return aero_error(AERO_CORRUPT);
    }
    ProtobufCAllocator allocator = {.alloc = allocate, .free = release};
    ProtobufCMessage *pb = protobuf_c_message_unpack(kind->descriptor, &allocator,
                                                     frame->payload.length, frame->payload.data);
    if (pb == NULL) {
        return aero_error(AERO_CORRUPT);
    }
    struct aero_message message = {.type = frame->type};
    struct taker taker = {.storage = &message.storage};
    kind->decode(&taker, pb, &message);
    protobuf_c_message_free_unpacked(pb, &allocator);
    if (taker.failed) {
        aero_message_deinit(&message);
        return aero_error(AERO_CORRUPT);
    }
    *out_message = message;
    return aero_ok();
}

void aero_message_deinit(struct aero_message *message)
{
    aero_buffer_deinit(&message->storage);
}

const char *aero_handshake_text(enum aero_handshake_kind kind)
{
    switch (kind) {
    case AERO_HANDSHAKE_RESUME:
        return "resume";
    case AERO_HANDSHAKE_NEED_SNAPSHOT:
        return "need-snapshot";
    case AERO_HANDSHAKE_UNAVAILABLE:
        return "unavailable";
    case AERO_HANDSHAKE_DIVERGED:
        return "diverged";
    case AERO_HANDSHAKE_PRIMARY_LOST:
        return "primary-lost";
    case AERO_HANDSHAKE_SUPERSEDED:
        return "superseded";
    case AERO_HANDSHAKE_EPOCH_CLASH:
        return "epoch-clash";
    case AERO_HANDSHAKE_UNPROVABLE:
        return "unprovable";
    case AERO_HANDSHAKE_WRONG_CLUSTER:
        return "wrong-cluster";
    case AERO_HANDSHAKE_NAME_NOT_ALLOWED:
        return "name-not-allowed";
    case AERO_HANDSHAKE_VERSION:
        return "version";
    }
    return "?";
}
