/* SPDX-License-Identifier: Apache-2.0 */
/* Directories: what the kernel shows, what is on the disk, and the changes between the two. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/simulation/sim_disk_priv.h"

static size_t find_place(const struct aero_sim_names *names, const char *name, bool *out_found)
{
    size_t low = 0;
    size_t high = names->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(names->entries[middle].name, name);
        if (order == 0) {
            *out_found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *out_found = false;
    return low;
}

struct aero_sim_inode *aero_sim_names_find(const struct aero_sim_names *names, const char *name)
{
    bool found;
    size_t place = find_place(names, name, &found);
    return found ? names->entries[place].inode : NULL;
}

static void remove_at(struct aero_sim_disk *disk, struct aero_sim_names *names, size_t place)
{
    struct aero_sim_inode *inode = names->entries[place].inode;
    names->count--;
    memmove(&names->entries[place], &names->entries[place + 1],
            (names->count - place) * sizeof names->entries[0]);
    aero_sim_inode_release(disk, inode);
}

static void insert_at(struct aero_sim_names *names, size_t place, const char *name,
                      struct aero_sim_inode *inode)
{
    if (names->count == names->capacity) {
        names->capacity = names->capacity == 0 ? 16 : 2 * names->capacity;
        names->entries = aero_realloc(names->entries, names->capacity * sizeof names->entries[0]);
    }
    memmove(&names->entries[place + 1], &names->entries[place],
            (names->count - place) * sizeof names->entries[0]);
    names->count++;
    struct aero_sim_name *entry = &names->entries[place];
    memset(entry, 0, sizeof *entry);
    AERO_ASSERT(strlen(name) < sizeof entry->name);
    memcpy(entry->name, name, strlen(name));
    entry->inode = inode;
}

void aero_sim_names_set(struct aero_sim_disk *disk, struct aero_sim_names *names, const char *name,
                        struct aero_sim_inode *inode)
{
    bool found;
    size_t place = find_place(names, name, &found);
    if (inode != NULL) {
        inode->references++; /* before the release below: it may be the same one */
    }
    if (found && inode != NULL) {
        struct aero_sim_inode *old = names->entries[place].inode;
        names->entries[place].inode = inode;
        aero_sim_inode_release(disk, old);
    } else if (found) {
        remove_at(disk, names, place);
    } else if (inode != NULL) {
        insert_at(names, place, name, inode);
    }
}

void aero_sim_names_clear(struct aero_sim_disk *disk, struct aero_sim_names *names)
{
    while (names->count > 0) {
        remove_at(disk, names, names->count - 1);
    }
    free(names->entries);
    memset(names, 0, sizeof *names);
}

void aero_sim_names_copy(struct aero_sim_names *to, const struct aero_sim_names *from,
                         struct aero_sim_inode *const *inodes)
{
    AERO_ASSERT(to->count == 0);
    if (to->capacity < from->count) {
        to->capacity = from->count + 1; /* a recovery makes one name at a time */
        to->entries = aero_realloc(to->entries, to->capacity * sizeof to->entries[0]);
    }
    for (size_t i = 0; i < from->count; i++) {
        to->entries[i] = from->entries[i];
        to->entries[i].inode = inodes[from->entries[i].inode->index];
        to->entries[i].inode->references++;
    }
    to->count = from->count;
}

void aero_sim_append_entry(struct aero_buffer *out_entries, const char *name, uint64_t size_bytes,
                           bool is_other)
{
    struct aero_disk_entry entry;
    memset(&entry, 0, sizeof entry);
    memcpy(entry.name, name, strlen(name) + 1);
    entry.size_bytes = size_bytes;
    entry.is_other = is_other;
    aero_buffer_append(out_entries, &entry, sizeof entry);
}

bool aero_sim_name_is_in(const char *name, const char *directory)
{
    const char *slash = strrchr(name, '/');
    size_t length = slash == NULL ? 0 : (size_t)(slash - name);
    return length == strlen(directory) && memcmp(name, directory, length) == 0;
}

static void apply_change(struct aero_sim_disk *disk, struct aero_sim_names *names,
                         const struct aero_sim_name_change *change)
{
    for (uint32_t i = 0; i < change->set_count; i++) {
        aero_sim_names_set(disk, names, change->set[i].name, change->set[i].inode);
    }
}

void aero_sim_names_change(struct aero_sim_disk *disk, const struct aero_sim_name_change *change)
{
    disk->name_changes++;
    apply_change(disk, &disk->current, change);
    if (disk->change_count == disk->change_capacity) {
        disk->change_capacity = disk->change_capacity == 0 ? 8 : 2 * disk->change_capacity;
        disk->changes =
            aero_realloc(disk->changes, disk->change_capacity * sizeof disk->changes[0]);
    }
    disk->changes[disk->change_count++] = *change;
    for (uint32_t i = 0; i < change->set_count; i++) {
        if (change->set[i].inode != NULL) {
            change->set[i].inode->references++;
        }
    }
}

static void take_set(struct aero_sim_disk *disk, struct aero_sim_name_change *change, uint32_t i)
{
    struct aero_sim_inode *inode = change->set[i].inode;
    change->set_count--;
    memmove(&change->set[i], &change->set[i + 1], (change->set_count - i) * sizeof change->set[0]);
    if (inode != NULL) {
        aero_sim_inode_release(disk, inode);
    }
}

static void remove_change(struct aero_sim_disk *disk, size_t index)
{
    struct aero_sim_name_change *change = &disk->changes[index];
    while (change->set_count > 0) {
        take_set(disk, change, change->set_count - 1);
    }
    disk->change_count--;
    memmove(change, change + 1, (disk->change_count - index) * sizeof *change);
}

/* An older change must not undo a younger one that became durable first. */
static void supersede_before(struct aero_sim_disk *disk, size_t index)
{
    const struct aero_sim_name_change *newer = &disk->changes[index];
    for (size_t k = 0; k < index; k++) {
        struct aero_sim_name_change *older = &disk->changes[k];
        for (uint32_t i = older->set_count; i-- > 0;) {
            for (uint32_t j = 0; j < newer->set_count; j++) {
                if (strcmp(older->set[i].name, newer->set[j].name) == 0) {
                    take_set(disk, older, i);
                    break;
                }
            }
        }
    }
}

static bool change_touches(const struct aero_sim_name_change *change, const char *directory)
{
    for (uint32_t i = 0; i < change->set_count; i++) {
        if (aero_sim_name_is_in(change->set[i].name, directory)) {
            return true;
        }
    }
    return false;
}

void aero_sim_directory_sync(struct aero_sim_disk *disk, const char *directory)
{
    for (size_t i = 0; i < disk->change_count;) {
        if (change_touches(&disk->changes[i], directory)) {
            apply_change(disk, &disk->durable, &disk->changes[i]);
            supersede_before(disk, i);
            remove_change(disk, i);
        } else {
            i++;
        }
    }
}

void aero_sim_directory_sync_failed(struct aero_sim_disk *disk, const char *directory)
{
    for (size_t i = 0; i < disk->change_count;) {
        if (!change_touches(&disk->changes[i], directory)) {
            i++;
            continue;
        }
        if (aero_choice_below(disk->choice, 2) == 1) {
            apply_change(disk, &disk->durable, &disk->changes[i]);
            supersede_before(disk, i);
        }
        remove_change(disk, i);
    }
}

static size_t draw_journal_length(struct aero_sim_disk *disk, enum aero_sim_crash how)
{
    switch (how) {
    case AERO_SIM_POWER_LOSE:
        return 0;
    case AERO_SIM_POWER_KEEP:
        return disk->change_count;
    default:
        return (size_t)aero_choice_below(disk->choice, disk->change_count + 1);
    }
}

/* A directory that never became durable takes everything in it along. */
static void drop_orphans(struct aero_sim_disk *disk)
{
    for (size_t i = disk->durable.count; i-- > 0;) {
        char parent[AERO_DISK_NAME_MAX];
        memcpy(parent, disk->durable.entries[i].name, sizeof parent);
        char *slash = strrchr(parent, '/');
        if (slash == NULL) {
            continue;
        }
        *slash = '\0';
        const struct aero_sim_inode *directory = aero_sim_names_find(&disk->durable, parent);
        if (directory == NULL || !directory->is_directory) {
            remove_at(disk, &disk->durable, i);
        }
    }
}

void aero_sim_names_crash(struct aero_sim_disk *disk, enum aero_sim_crash how)
{
    bool each_for_itself = how == AERO_SIM_POWER && !disk->names_in_order;
    size_t kept = each_for_itself ? 0 : draw_journal_length(disk, how);
    for (size_t i = 0; i < disk->change_count; i++) {
        bool keep = each_for_itself ? aero_choice_below(disk->choice, 2) == 1 : i < kept;
        if (keep) {
            apply_change(disk, &disk->durable, &disk->changes[i]);
        }
    }
    while (disk->change_count > 0) {
        remove_change(disk, disk->change_count - 1);
    }
    drop_orphans(disk);
    struct aero_sim_names before = disk->current;
    disk->current = (struct aero_sim_names){0};
    aero_sim_names_copy(&disk->current, &disk->durable, disk->inodes);
    aero_sim_names_clear(disk, &before); /* behind it: an inode may be in both */
}
