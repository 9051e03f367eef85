/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/check_damage.h"

#include <string.h>

#include "base/checksum.h"
#include "engine/manifest.h"
#include "engine/segment.h"
#include "engine/snapshot.h"
#include "engine/verify.h"
#include "tests/simulation/node.h"

/* False: no such bytes. */
static bool checksum_of(const struct aero_sim_node *node, const char *name, uint64_t offset,
                        uint64_t length, uint64_t *out_checksum)
{
    struct aero_buffer bytes = {0};
    bool there =
        aero_sim_disk_peek_range(node->disk, name, false, offset, (size_t)length, &bytes) &&
        bytes.length == length;
    if (there) {
        *out_checksum = aero_checksum64(aero_buffer_slice(&bytes));
    }
    aero_buffer_deinit(&bytes);
    return there;
}

static uint64_t version_of(const struct aero_sim_node *node, const char *name)
{
    return strcmp(name, "manifest") == 0 ? aero_sim_disk_version(node->disk, name) : 0;
}

void aero_check_damage_done(struct aero_sim_world *world, uint32_t node_index, const char *name,
                            uint64_t offset, uint64_t length)
{
    struct aero_check_damage *check = &world->damage;
    struct aero_damage damage = {.node_index = node_index, .offset = offset, .length = length};
    if (check->count == AERO_DAMAGE_MAX ||
        !checksum_of(world->nodes[node_index], name, offset, length, &damage.checksum)) {
        return;
    }
    memcpy(damage.name, name, strlen(name) + 1);
    damage.version = version_of(world->nodes[node_index], name);
    check->damages[check->count++] = damage;
}

void aero_check_damage_forget(struct aero_sim_world *world, uint32_t node_index)
{
    struct aero_check_damage *check = &world->damage;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < check->count; i++) {
        if (check->damages[i].node_index != node_index) {
            check->damages[kept++] = check->damages[i];
        }
    }
    check->count = kept;
}

static void hear_finding(void *self, const struct aero_finding *finding)
{
    uint32_t *complaints = self;
    *complaints += finding->level != AERO_FINDING_NOTE;
}

static uint32_t verify(struct aero_sim_world *world, const struct aero_sim_node *node)
{
    uint32_t complaints = 0;
    struct aero_sim_disk *copy = aero_sim_disk_clone(node->disk, &world->choice);
    struct aero_verify_options options = {.state = true};
    struct aero_verify_observer observer = {.self = &complaints, .finding = hear_finding};
    struct aero_verify_report report;
    aero_status status =
        aero_verify_directory(aero_sim_disk_port(copy), &options, &observer, &report);
    complaints += !aero_is_ok(status);
    aero_sim_disk_free(copy);
    return complaints;
}

static bool names_snapshot(const struct aero_manifest *manifest, const char *name)
{
    for (size_t i = 0; i < manifest->snapshot_count; i++) {
        char named[AERO_DISK_NAME_MAX];
        aero_snapshot_name(&manifest->snapshots[i], named);
        if (strcmp(named, name) == 0) {
            return true;
        }
    }
    return false;
}

/* A segment below the manifest's floor, a snapshot that it does not name any more: nobody reads it, and its removal is on the
 * way. */
static bool is_let_go(struct aero_sim_world *world, const struct aero_sim_node *node,
                      const char *name)
{
    bool is_snapshot = strncmp(name, "snapshots/", strlen("snapshots/")) == 0;
    aero_lsn first_lsn;
    uint64_t sequence;
    bool is_segment = strncmp(name, "wal/", strlen("wal/")) == 0 &&
                      aero_segment_name_parse(name + strlen("wal/"), &first_lsn, &sequence);
    bool is_coming = strstr(name, ".tmp") != NULL; /* it has no name in the manifest yet */
    if (is_coming || (!is_snapshot && !is_segment)) {
        return false;
    }
    struct aero_manifest manifest;
    struct aero_manifest_found found;
    struct aero_sim_disk *copy = aero_sim_disk_clone(node->disk, &world->choice);
    aero_status status = aero_manifest_read(aero_sim_disk_port(copy), &manifest, &found);
    aero_sim_disk_free(copy);
    if (!aero_is_ok(status)) {
        return false;
    }
    bool let_go =
        is_snapshot ? !names_snapshot(&manifest, name) : sequence < manifest.wal_floor_sequence;
    aero_manifest_deinit(&manifest);
    return let_go;
}

void aero_check_damage_judge(struct aero_sim_world *world)
{
    struct aero_check_damage *check = &world->damage;
    for (uint32_t i = 0; i < check->count && !world->verdict.failed; i++) {
        const struct aero_damage *damage = &check->damages[i];
        const struct aero_sim_node *node = world->nodes[damage->node_index];
        uint64_t checksum;
        bool is_there =
            checksum_of(node, damage->name, damage->offset, damage->length, &checksum) &&
            checksum == damage->checksum && version_of(node, damage->name) == damage->version;
        if (!is_there || is_let_go(world, node, damage->name)) {
            continue; /* truncated, written anew, set aside */
        }
        if (verify(world, node) == 0) {
            AERO_SIM_VIOLATION(world, "damage",
                               "%s: %llu bytes of %s from %llu on are not what was written, and "
                               "verification finds nothing",
                               node->name, (unsigned long long)damage->length, damage->name,
                               (unsigned long long)damage->offset);
        }
        check->reported++;
    }
}
