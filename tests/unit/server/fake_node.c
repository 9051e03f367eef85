/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/server/fake_node.h"

#define OPERATION_OVERHEAD 16

static struct fake_node *self_of(void *self)
{
    return self;
}

static enum aero_node_role role(void *self)
{
    return self_of(self)->role;
}

static bool can_read(void *self, const char **out_error)
{
    *out_error = self_of(self)->read_error;
    return self_of(self)->read_error == NULL;
}

static bool can_write(void *self, const char **out_error)
{
    *out_error = self_of(self)->write_error;
    if (self_of(self)->role == AERO_NODE_REPLICA) {
        *out_error = "READONLY You can't write against a read only replica.";
        return false;
    }
    return self_of(self)->write_error == NULL;
}

static const struct aero_tree *tree(void *self)
{
    return self_of(self)->tree;
}

static aero_lsn evaluated(void *self)
{
    return aero_lsn_of(self_of(self)->evaluated);
}

static aero_lsn durable(void *self)
{
    return aero_lsn_of(self_of(self)->durable);
}

static bool is_touched(const struct fake_touch *touch, struct aero_slice key)
{
    struct aero_slice from = aero_buffer_slice(&touch->from);
    if (touch->to.length == 0) {
        return aero_slice_equal(from, key);
    }
    return aero_slice_compare(key, from) >= 0 &&
           aero_slice_compare(key, aero_buffer_slice(&touch->to)) < 0;
}

static aero_lsn touched(void *self, struct aero_slice key)
{
    const struct fake_node *node = self;
    uint64_t lsn = 0;
    for (size_t i = 0; i < node->touch_count; i++) {
        if (node->touches[i].lsn > lsn && is_touched(&node->touches[i], key)) {
            lsn = node->touches[i].lsn;
        }
    }
    return aero_lsn_of(lsn);
}

static aero_wall_ms expiry_clock(void *self)
{
    return (aero_wall_ms){.value = self_of(self)->clock_ms};
}

static bool has_room(void *self, size_t bytes)
{
    struct fake_node *node = self;
    AERO_ASSERT(bytes <= node->commit_bytes_max);
    if (node->full || (node->room_bytes != 0 && bytes > node->room_bytes)) {
        return false;
    }
    if (bytes > node->room_granted) {
        node->room_granted = bytes;
    }
    return true;
}

static size_t commit_bytes_max(void *self)
{
    return self_of(self)->commit_bytes_max;
}

static void begin(void *self)
{
    AERO_ASSERT(!self_of(self)->open);
    self_of(self)->open = true;
    self_of(self)->pending_bytes = 0;
    self_of(self)->pending_changes = 0;
}

static void touch(struct fake_node *node, struct aero_slice from, struct aero_slice to)
{
    AERO_ASSERT(node->touch_count < FAKE_TOUCHES_MAX);
    struct fake_touch *entry = &node->touches[node->touch_count++];
    *entry = (struct fake_touch){.lsn = node->evaluated + 1};
    aero_buffer_append_slice(&entry->from, from);
    aero_buffer_append_slice(&entry->to, to);
}

static void change(struct fake_node *node, const struct aero_operation *operation)
{
    AERO_ASSERT(node->open);
    AERO_ASSERT(node->role == AERO_NODE_PRIMARY);
    node->pending_bytes += operation->key.length + operation->value.length + OPERATION_OVERHEAD;
    node->pending_changes++;
    AERO_ASSERT(node->pending_bytes <= node->commit_bytes_max);
    touch(node, operation->key,
          operation->kind == AERO_DELETE_RANGE ? operation->value : (struct aero_slice){0});
    aero_apply(node->tree, operation, node->undo);
}

static void put(void *self, struct aero_slice key, struct aero_slice value)
{
    change(self, &(struct aero_operation){.kind = AERO_PUT, .key = key, .value = value});
}

static bool erase(void *self, struct aero_slice key)
{
    struct aero_slice value;
    if (!aero_tree_get(self_of(self)->tree, key, &value)) {
        return false;
    }
    change(self, &(struct aero_operation){.kind = AERO_DELETE, .key = key});
    return true;
}

static void erase_range(void *self, struct aero_slice from, struct aero_slice to)
{
    change(self, &(struct aero_operation){.kind = AERO_DELETE_RANGE, .key = from, .value = to});
}

static size_t pending_bytes(void *self)
{
    return self_of(self)->pending_bytes;
}

static aero_lsn commit(void *self)
{
    struct fake_node *node = self;
    AERO_ASSERT(node->open);
    AERO_ASSERT(node->pending_bytes <= node->room_granted);
    node->open = false;
    node->room_granted = 0;
    if (node->pending_changes == 0) {
        return aero_lsn_of(0);
    }
    node->evaluated++;
    node->commits++;
    aero_undo_mark(node->undo, aero_lsn_of(node->evaluated));
    return aero_lsn_of(node->evaluated);
}

static void forget_touches(struct fake_node *node, uint64_t from, uint64_t to)
{
    size_t kept = 0;
    for (size_t i = 0; i < node->touch_count; i++) {
        struct fake_touch *entry = &node->touches[i];
        if (entry->lsn >= from && entry->lsn <= to) {
            aero_buffer_deinit(&entry->from);
            aero_buffer_deinit(&entry->to);
        } else {
            node->touches[kept++] = *entry;
        }
    }
    node->touch_count = kept;
}

static void node_abort(void *self)
{
    struct fake_node *node = self;
    AERO_ASSERT(node->open);
    node->open = false;
    forget_touches(node, node->evaluated + 1, UINT64_MAX);
    aero_undo_rollback(node->undo, aero_lsn_of(node->evaluated), node->tree);
}

static uint32_t replicas_applied(void *self, aero_lsn lsn)
{
    return lsn.value <= self_of(self)->replicas_at ? self_of(self)->applied_replicas : 0;
}

static uint32_t replicas_durable(void *self, aero_lsn lsn)
{
    return lsn.value <= self_of(self)->replicas_at ? self_of(self)->durable_replicas : 0;
}

static aero_id incarnation(void *self)
{
    return self_of(self)->incarnation;
}

static enum aero_token_state token_state(void *self, aero_id id, aero_lsn lsn)
{
    const struct fake_node *node = self;
    if (!aero_id_equal(id, node->incarnation) && !aero_id_equal(id, node->known_incarnation)) {
        return AERO_TOKEN_LOST;
    }
    return lsn.value <= node->durable ? AERO_TOKEN_REACHED : AERO_TOKEN_AHEAD;
}

static uint64_t checkpoint_begin(void *self, const char **out_error)
{
    *out_error = self_of(self)->checkpoint_error;
    return self_of(self)->checkpoint_error == NULL ? 7 : 0;
}

static enum aero_job_state checkpoint_state(void *self, uint64_t ticket, const char **out_error)
{
    AERO_ASSERT(ticket == 7);
    *out_error = "ERR checkpoint failed: no space left";
    return self_of(self)->checkpoint;
}

static void info(void *self, const char *section, struct aero_buffer *out_text)
{
    (void)self;
    if (strcmp(section, "persistence") == 0) {
        aero_buffer_append_slice(out_text, aero_slice_text("loading:0\r\n"));
    } else {
        aero_buffer_append_slice(out_text, aero_slice_text("role:master\r\n"));
    }
}

static bool admin(void *self, const char *name, const struct aero_slice *arguments,
                  size_t argument_count, struct aero_buffer *out_reply, const char **out_error)
{
    (void)self;
    (void)arguments;
    if (strcmp(name, "STATUS") != 0) {
        return false;
    }
    if (argument_count != 0) {
        *out_error = "ERR AERO.STATUS takes no arguments";
        return true;
    }
    aero_buffer_append_slice(out_reply, aero_slice_text("state: serving\n"));
    return true;
}

static struct aero_role_peer *role_peers(void *self, size_t *out_count)
{
    static struct aero_role_peer peer = {.host = "replica-1", .port = 7001, .lsn = 5};
    *out_count = self_of(self)->peerless ? 0 : 1;
    return &peer;
}

static const char *role_link_state(void *self)
{
    (void)self;
    return "connected";
}

struct aero_node fake_node_init(struct fake_node *node)
{
    static const struct aero_node_ops ops = {
        .role = role,
        .can_read = can_read,
        .can_write = can_write,
        .tree = tree,
        .evaluated = evaluated,
        .durable = durable,
        .touched = touched,
        .depends = touched,
        .expiry_clock = expiry_clock,
        .has_room = has_room,
        .commit_bytes_max = commit_bytes_max,
        .begin = begin,
        .put = put,
        .erase = erase,
        .erase_range = erase_range,
        .pending_bytes = pending_bytes,
        .commit = commit,
        .abort = node_abort,
        .replicas_applied = replicas_applied,
        .replicas_durable = replicas_durable,
        .incarnation = incarnation,
        .token_state = token_state,
        .checkpoint_begin = checkpoint_begin,
        .checkpoint_state = checkpoint_state,
        .info = info,
        .admin = admin,
        .role_peers = role_peers,
        .role_link_state = role_link_state,
    };
    *node = (struct fake_node){
        .tree = aero_tree_new(),
        .undo = aero_undo_new(),
        .clock_ms = 1000000,
        .commit_bytes_max = (size_t)1 << 20,
        .incarnation = {{0xaa, 1}},
        .known_incarnation = {{0xbb, 2}},
    };
    return (struct aero_node){.ops = &ops, .self = node};
}

void fake_node_deinit(struct fake_node *node)
{
    forget_touches(node, 0, UINT64_MAX);
    aero_undo_free(node->undo, node->tree);
    aero_tree_free(node->tree);
}

void fake_node_sync(struct fake_node *node, uint64_t lsn)
{
    AERO_ASSERT(lsn <= node->evaluated);
    node->durable = lsn;
    forget_touches(node, 0, lsn);
    aero_undo_forget(node->undo, aero_lsn_of(lsn), node->tree);
}

void fake_node_fail(struct fake_node *node)
{
    aero_undo_rollback(node->undo, aero_lsn_of(node->durable), node->tree);
    forget_touches(node, 0, UINT64_MAX);
    node->evaluated = node->durable;
}

void fake_node_apply(struct fake_node *node, struct aero_slice key, struct aero_slice value)
{
    const struct aero_operation operation = {.kind = AERO_PUT, .key = key, .value = value};
    aero_apply(node->tree, &operation, NULL);
    node->evaluated++;
    node->durable = node->evaluated;
}
