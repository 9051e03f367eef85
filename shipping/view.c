/* SPDX-License-Identifier: Apache-2.0 */
/* One allocation for the struct, one for each array; never changed after it was made, so readers
 * need no lock. */
#include "shipping/view.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/assert.h"

struct aero_shipping_view {
    struct aero_shipping_source source;
    struct aero_history history;
    struct aero_wal_file *files;
    struct aero_snapshot_entry *snapshots;
    atomic_uint references;
};

static void *copy_array(const void *from, size_t count, size_t size)
{
    void *to = aero_calloc(count == 0 ? 1 : count, size);
    if (count > 0) {
        memcpy(to, from, count * size);
    }
    return to;
}

struct aero_shipping_view *aero_shipping_view_new(const struct aero_shipping_source *source)
{
    struct aero_shipping_view *view = aero_calloc(1, sizeof *view);
    aero_history_copy(&view->history, source->history);
    view->files = copy_array(source->files, source->file_count, sizeof *source->files);
    view->snapshots =
        copy_array(source->snapshots, source->snapshot_count, sizeof *source->snapshots);
    view->source = *source;
    view->source.history = &view->history;
    view->source.files = view->files;
    view->source.snapshots = view->snapshots;
    atomic_init(&view->references, 1);
    return view;
}

struct aero_shipping_view *aero_shipping_view_retain(struct aero_shipping_view *view)
{
    unsigned before = atomic_fetch_add_explicit(&view->references, 1, memory_order_relaxed);
    AERO_ASSERT(before > 0);
    return view;
}

void aero_shipping_view_release(struct aero_shipping_view *view)
{
    if (view == NULL ||
        atomic_fetch_sub_explicit(&view->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    aero_history_deinit(&view->history);
    free(view->files);
    free(view->snapshots);
    free(view);
}

const struct aero_shipping_source *aero_shipping_view_source(const struct aero_shipping_view *view)
{
    return &view->source;
}

const struct aero_wal_file *aero_shipping_find_file(const struct aero_shipping_source *source,
                                                    uint64_t sequence)
{
    for (size_t i = source->file_count; i > 0; i--) {
        if (source->files[i - 1].header.sequence == sequence) {
            return &source->files[i - 1];
        }
    }
    return NULL;
}
