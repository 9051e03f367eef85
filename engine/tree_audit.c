/* SPDX-License-Identifier: Apache-2.0 */
/* Believes nothing that a page carries: not its summary, its prefix, its heads or its order (decision 19). */
#include "engine/tree_priv.h"

/* Keys of the subtree are in [low, high); NULL is no bound. */
struct limits {
    const struct aero_slice *low;
    const struct aero_slice *high;
};

static bool check_frame(const struct aero_page *page)
{
    size_t slots_end = sizeof *page + page->slot_count * sizeof page->slots[0];
    if (page->size_bytes > AERO_PAGE_BYTES_MAX || page->cells_offset > page->size_bytes ||
        slots_end > page->cells_offset) {
        return false;
    }
    for (unsigned i = 0; i < page->slot_count; i++) {
        if (aero_page_cell_offset(page, i) < page->cells_offset ||
            aero_page_cell_offset(page, i) >= page->size_bytes) {
            return false;
        }
    }
    size_t cells = aero_page_range_bytes(page, 0, page->slot_count);
    cells -= page->slot_count * sizeof page->slots[0];
    return cells + page->dead_bytes == (size_t)page->size_bytes - page->cells_offset;
}

static bool check_keys(const struct aero_page *page, struct limits limits)
{
    for (unsigned i = aero_page_first(page); i < page->slot_count; i++) {
        struct aero_slice key = aero_page_key(page, i);
        if (key.length < page->prefix_length ||
            page->slots[i].head != aero_page_head(key, page->prefix_length)) {
            return false;
        }
        if (limits.low != NULL && aero_slice_compare(*limits.low, key) > 0) {
            return false;
        }
        if (limits.high != NULL && aero_slice_compare(key, *limits.high) >= 0) {
            return false;
        }
        if (i > aero_page_first(page)) {
            struct aero_slice before = aero_page_key(page, i - 1);
            if (aero_slice_compare(before, key) >= 0 ||
                memcmp(before.data, key.data, page->prefix_length) != 0) {
                return false;
            }
        }
    }
    return true;
}

static bool audit_page(const struct aero_page *page, unsigned level, struct limits limits,
                       struct aero_summary *out_sum)
{
    struct aero_summary sum = {0};
    if (page->level != level || !check_frame(page) || !check_keys(page, limits)) {
        return false;
    }
    for (unsigned i = 0; i < page->slot_count; i++) {
        struct aero_summary part = {0};
        if (level == 0) {
            /* from the bytes, not from the hash that a blob keeps */
            part.count = 1;
            part.digest = aero_entry_hash(aero_page_key(page, i), aero_page_value(page, i));
            struct aero_summary kept = aero_page_entry_summary(page, i);
            if (!aero_u128_equal(part.digest, kept.digest)) {
                return false;
            }
        } else {
            struct aero_slice low = i > 0 ? aero_page_key(page, i) : (struct aero_slice){0};
            bool last = i + 1u == page->slot_count;
            struct aero_slice high = last ? (struct aero_slice){0} : aero_page_key(page, i + 1);
            const struct aero_page *child = aero_page_child(page, i);
            struct limits narrow = {.low = i > 0 ? &low : limits.low,
                                    .high = last ? limits.high : &high};
            if (child->slot_count == 0 || !audit_page(child, level - 1, narrow, &part)) {
                return false;
            }
        }
        sum = aero_summary_add(sum, part);
    }
    *out_sum = sum;
    return sum.count == page->summary.count && aero_u128_equal(sum.digest, page->summary.digest);
}

bool aero_view_audit(const struct aero_view *view)
{
    struct aero_summary sum;
    unsigned level = view->root->level;
    return level < AERO_TREE_DEPTH_MAX && audit_page(view->root, level, (struct limits){0}, &sum);
}
