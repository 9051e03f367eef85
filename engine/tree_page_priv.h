/* SPDX-License-Identifier: Apache-2.0 */
/* One node of the keyspace: a packed page of at most 4 KiB, leaf and inner alike.
 *
 *   0          40                    40 + 8 * slot_count         cells_offset            size_bytes
 *   | header   | slots, in key order | free                      | cells, in any order   |
 *
 * A slot holds four bytes of its key (the head) beside the cell's place, so that a search reads a few cache
 * lines of slots and one cell. The head starts behind the prefix that all keys of the page share.
 *
 *   cell of a leaf   key, varint value_length, value       long: pointer to a blob of key and value
 *   cell of an inner key, child pointer                     long: pointer to a blob of the key, child pointer
 *
 * Pointers are 8 bytes, unaligned. A cell is long, and its slot says so, if the key is longer than AERO_KEY_INLINE_MAX or
 * the value longer than AERO_VALUE_INLINE_MAX: every page holds several cells, and of a large entry a page holds (and the
 * copy for a view doubles) 16 bytes, whatever its key. The key of an inner page's slot 0 is never looked at: that child
 * takes everything below the key of slot 1.
 *
 * Invariants: PAGE-1 a page or blob with refs > 1 is immutable except for refs, which only the writer thread touches.
 *             PAGE-2 summary is the sum over the entries below. PAGE-3 keys rise strictly (from slot 1 in an inner).
 *             PAGE-4 prefix_length bytes are common to all those keys; heads follow from it.
 *             PAGE-5 no page but the root is empty. aero_view_audit checks 2 to 5. */
#ifndef AERO_ENGINE_TREE_PAGE_PRIV_H
#define AERO_ENGINE_TREE_PAGE_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "engine/tree.h"
#include "engine/tree_memory_priv.h"

#define AERO_PAGE_BYTES_MAX 4096u
/* Pages grow in these steps: half a step is what a page wastes on average. */
#define AERO_PAGE_BYTES_STEP 512u
#define AERO_KEY_INLINE_MAX 256u
#define AERO_VALUE_INLINE_MAX 256u

/* What a long cell points to. An entry's keeps the hash of the entry, so that a split never reads megabytes and an
 * overwrite never the old value. */
struct aero_blob {
    uint32_t refs;
    uint32_t length;
    struct aero_u128 hash; /* aero_entry_hash; nothing for the key of an inner page */
    uint8_t bytes[];       /* the key, then the value */
};

_Static_assert(AERO_TREE_KEY_MAX + AERO_TREE_VALUE_MAX <= UINT32_MAX, "length");

struct aero_slot {
    uint32_t
        head; /* big-endian, so that numbers compare as the bytes do; short keys end in zeros */
    uint16_t offset; /* of the cell; AERO_SLOT_LONG added if that is long */
    uint16_t key_length;
};

#define AERO_SLOT_LONG 0x8000u
_Static_assert(AERO_PAGE_BYTES_MAX < AERO_SLOT_LONG, "an offset and the mark share 16 bits");

struct aero_page {
    uint32_t refs;
    uint16_t size_bytes;
    uint16_t slot_count;
    uint16_t prefix_length;
    uint16_t cells_offset;
    uint16_t dead_bytes; /* holes among the cells */
    uint8_t level;       /* 0 is a leaf */
    bool has_blobs;      /* sticky: some cell once was long */
    struct aero_summary summary;
    struct aero_slot slots[];
};

_Static_assert(sizeof(struct aero_page) == 40, "the picture above");
_Static_assert(sizeof(struct aero_slot) == 8, "the picture above");

/* What is about to become a cell: a leaf's entry if child is NULL, and then the summary holds its hash. */
struct aero_page_entry {
    struct aero_slice key;
    struct aero_slice value;
    struct aero_page *child;
    struct aero_summary summary;
};

static inline struct aero_summary aero_summary_add(struct aero_summary a, struct aero_summary b)
{
    return (struct aero_summary){a.count + b.count, aero_u128_add(a.digest, b.digest)};
}

static inline struct aero_summary aero_summary_subtract(struct aero_summary a,
                                                        struct aero_summary b)
{
    return (struct aero_summary){a.count - b.count, aero_u128_subtract(a.digest, b.digest)};
}

static inline struct aero_blob *aero_blob_at(const uint8_t *place)
{
    struct aero_blob *blob;
    memcpy(&blob, place, sizeof blob);
    return blob;
}

static inline bool aero_page_is_long(const struct aero_page *page, unsigned index)
{
    return (page->slots[index].offset & AERO_SLOT_LONG) != 0;
}

static inline size_t aero_page_cell_offset(const struct aero_page *page, unsigned index)
{
    return page->slots[index].offset & ~AERO_SLOT_LONG;
}

static inline uint8_t *aero_page_cell(const struct aero_page *page, unsigned index)
{
    return (uint8_t *)page + aero_page_cell_offset(page, index);
}

static inline struct aero_slice aero_page_key(const struct aero_page *page, unsigned index)
{
    const uint8_t *cell = aero_page_cell(page, index);
    size_t length = page->slots[index].key_length;
    return aero_slice_of(aero_page_is_long(page, index) ? aero_blob_at(cell)->bytes : cell, length);
}

/* Where the value's bytes lie in a cell that is not long, and its length. */
static inline uint8_t *aero_page_value_place(const struct aero_page *page, unsigned index,
                                             size_t *out_length)
{
    uint8_t *place = aero_page_cell(page, index) + page->slots[index].key_length;
    size_t length = *place & 0x7f;
    for (unsigned shift = 7; (*place++ & 0x80) != 0; shift += 7) {
        length |= (size_t)(*place & 0x7f) << shift;
    }
    *out_length = length;
    return place;
}

static inline struct aero_slice aero_page_value(const struct aero_page *page, unsigned index)
{
    if (aero_page_is_long(page, index)) {
        size_t key_length = page->slots[index].key_length;
        const struct aero_blob *blob = aero_blob_at(aero_page_cell(page, index));
        return aero_slice_of(blob->bytes + key_length, blob->length - key_length);
    }
    size_t length;
    const uint8_t *place = aero_page_value_place(page, index, &length);
    return aero_slice_of(place, length);
}

/* Asks for what a long cell points to: hash and the beginning of the key. */
static inline void aero_page_prefetch_blob(const struct aero_page *page, unsigned index)
{
    if (aero_page_is_long(page, index)) {
        const uint8_t *blob = (const uint8_t *)aero_blob_at(aero_page_cell(page, index));
        __builtin_prefetch(blob);
        __builtin_prefetch(blob + sizeof(struct aero_blob) + 24); /* may lie across two lines */
    }
}

/* The same for its bytes, at most `length_max`, when the header has already come. */
static inline void aero_page_prefetch_blob_bytes(const struct aero_page *page, unsigned index,
                                                 size_t length_max)
{
    if (aero_page_is_long(page, index)) {
        const struct aero_blob *blob = aero_blob_at(aero_page_cell(page, index));
        size_t end = blob->length < length_max ? blob->length : length_max;
        for (size_t at = 0; at < end; at += 64) {
            __builtin_prefetch(blob->bytes + at);
        }
    }
}

static inline uint8_t *aero_page_child_place(const struct aero_page *page, unsigned index)
{
    size_t key_length = page->slots[index].key_length;
    return aero_page_cell(page, index) +
           (aero_page_is_long(page, index) ? sizeof(void *) : key_length);
}

static inline struct aero_page *aero_page_child(const struct aero_page *page, unsigned index)
{
    struct aero_page *child;
    memcpy(&child, aero_page_child_place(page, index), sizeof child);
    return child;
}

static inline void aero_page_set_child(struct aero_page *page, unsigned index,
                                       const struct aero_page *child)
{
    memcpy(aero_page_child_place(page, index), &child, sizeof child);
}

/* The first slot that counts in searches. */
static inline unsigned aero_page_first(const struct aero_page *page)
{
    return page->level != 0;
}

static inline size_t aero_page_gap_bytes(const struct aero_page *page)
{
    return page->cells_offset - sizeof *page - page->slot_count * sizeof page->slots[0];
}

/* What the page would need if it had no gap and no holes. */
static inline size_t aero_page_live_bytes(const struct aero_page *page)
{
    return page->size_bytes - aero_page_gap_bytes(page) - page->dead_bytes;
}

uint32_t aero_page_head(struct aero_slice key, size_t prefix_length);

/* The first slot whose key is not below `key` (slot_count if none), and whether it is `key`. */
unsigned aero_page_search(const struct aero_page *page, struct aero_slice key, bool *out_exact);

/* Asks for the lines that a search of the page will read, all at once instead of one after the other. */
static inline void aero_page_prefetch(const struct aero_page *page)
{
    for (unsigned line = 0; line < 6; line++) {
        __builtin_prefetch((const uint8_t *)page + line * 64);
    }
}

/* Asks for the cell that a search for `key` will look at first, without waiting for it. Returns its index in a page that
 * is not empty. */
unsigned aero_page_prefetch_cell(const struct aero_page *page, struct aero_slice key);

/* The child that `key` belongs to. */
static inline unsigned aero_page_search_child(const struct aero_page *page, struct aero_slice key)
{
    bool exact;
    unsigned index = aero_page_search(page, key, &exact);
    return exact ? index : index - 1;
}

/* The entry at `index` of a leaf; uses the hash that a blob keeps. */
struct aero_summary aero_page_entry_summary(const struct aero_page *page, unsigned index);

struct aero_page *aero_page_new(struct aero_tree_memory *memory, unsigned level, size_t live_bytes);
/* Frees the page alone, not what its cells refer to. */
void aero_page_free(struct aero_tree_memory *memory, struct aero_page *page);
/* A copy with refs 1 that shares blobs and children. */
struct aero_page *aero_page_clone(struct aero_tree_memory *memory, const struct aero_page *page);
/* The same entries in a page that fits `live_bytes`; frees `page`, whose refs is 1. */
struct aero_page *aero_page_resize(struct aero_tree_memory *memory, struct aero_page *page,
                                   size_t live_bytes);
/* Makes the caller owner of what the cells refer to and gives up its reference to the page itself. */
void aero_page_strip(struct aero_tree_memory *memory, struct aero_page *page);

size_t aero_page_entry_bytes(const struct aero_page_entry *entry); /* cell and slot */
size_t aero_page_range_bytes(const struct aero_page *page, unsigned from, unsigned to);

/* There must be room. The summary is the caller's business. */
void aero_page_insert(struct aero_tree_memory *memory, struct aero_page *page, unsigned position,
                      const struct aero_page_entry *entry);
/* As insert at the end, but leaves prefix and heads to a later aero_page_index. */
void aero_page_append(struct aero_tree_memory *memory, struct aero_page *page,
                      const struct aero_page_entry *entry);
/* Appends the cells [from, to) of another page, what they refer to included; then aero_page_index. */
void aero_page_append_range(struct aero_page *page, const struct aero_page *source, unsigned from,
                            unsigned to);
/* Computes prefix and heads anew. `heads_prefix`: the heads stand behind that many bytes already, and stay if that is
 * what the keys share; AERO_PAGE_NO_HEADS: they are nothing yet. */
#define AERO_PAGE_NO_HEADS SIZE_MAX
void aero_page_index(struct aero_page *page, size_t heads_prefix);

/* Takes the slots away; what the cells refer to has been moved or released. */
void aero_page_remove(struct aero_page *page, unsigned from, unsigned to);
/* Replaces an entry of a leaf by one of the same key; false when there is no room and nothing was done. */
bool aero_page_replace(struct aero_tree_memory *memory, struct aero_page *page, unsigned index,
                       const struct aero_page_entry *entry);

/* Gives up the reference that a long cell holds to its blob. */
void aero_page_release(struct aero_tree_memory *memory, struct aero_page *page, unsigned index);

#endif
