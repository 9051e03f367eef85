/* SPDX-License-Identifier: Apache-2.0 */
/* Cells never move on insert: a new one goes below the lowest, and only the slots shift. A removed cell leaves a
 * hole, which the next copy of the page (growth, split, merge) closes. */
#include "engine/tree_page_priv.h"

#include "base/assert.h"
#include "base/le.h"

/* XXH3-128 of key and value each, then of the 48 bytes in tree.h. */
static struct aero_u128 hash_entry(struct aero_u128 key_hash, size_t key_length,
                                   struct aero_u128 value_hash, size_t value_length)
{
    uint8_t bytes[48];
    aero_store_u64(bytes, key_length);
    aero_store_u64(bytes + 8, key_hash.low);
    aero_store_u64(bytes + 16, key_hash.high);
    aero_store_u64(bytes + 24, value_length);
    aero_store_u64(bytes + 32, value_hash.low);
    aero_store_u64(bytes + 40, value_hash.high);
    return aero_checksum128(aero_slice_of(bytes, sizeof bytes));
}

struct aero_u128 aero_entry_hash(struct aero_slice key, struct aero_slice value)
{
    return hash_entry(aero_checksum128(key), key.length, aero_checksum128(value), value.length);
}

struct aero_summary aero_page_entry_summary(const struct aero_page *page, unsigned index)
{
    if (aero_page_is_long(page, index)) {
        return (struct aero_summary){1, aero_blob_at(aero_page_cell(page, index))->hash};
    }
    size_t length;
    const uint8_t *place = aero_page_value_place(page, index, &length);
    struct aero_slice key =
        aero_slice_of(aero_page_cell(page, index), page->slots[index].key_length);
    return (struct aero_summary){1, aero_entry_hash(key, aero_slice_of(place, length))};
}

static void copy_bytes(uint8_t *out, struct aero_slice bytes)
{
    if (bytes.length != 0) {
        memcpy(out, bytes.data, bytes.length);
    }
}

static void put_blob(struct aero_tree_memory *memory, uint8_t *place,
                     const struct aero_page_entry *entry)
{
    size_t value_length = entry->child == NULL ? entry->value.length : 0;
    size_t length = entry->key.length + value_length;
    struct aero_blob *blob = aero_tree_memory_take(memory, sizeof *blob + length);
    blob->refs = 1;
    blob->length = (uint32_t)length;
    blob->hash = entry->summary.digest;
    copy_bytes(blob->bytes, entry->key);
    copy_bytes(blob->bytes + entry->key.length, aero_slice_of(entry->value.data, value_length));
    memcpy(place, &blob, sizeof blob);
}

static void release_blob(struct aero_tree_memory *memory, struct aero_blob *blob)
{
    AERO_ASSERT(blob->refs > 0);
    if (--blob->refs == 0) {
        aero_tree_memory_give(memory, blob, sizeof *blob + blob->length);
    }
}

static size_t varint_bytes(size_t value)
{
    size_t bytes = 1;
    for (; value >= 0x80; value >>= 7) {
        bytes++;
    }
    return bytes;
}

static bool is_long(const struct aero_page_entry *entry)
{
    return entry->key.length > AERO_KEY_INLINE_MAX ||
           (entry->child == NULL && entry->value.length > AERO_VALUE_INLINE_MAX);
}

static size_t cell_bytes(const struct aero_page *page, unsigned index)
{
    size_t child_bytes = page->level != 0 ? sizeof(void *) : 0;
    if (aero_page_is_long(page, index)) {
        return sizeof(void *) + child_bytes;
    }
    size_t key_length = page->slots[index].key_length;
    if (page->level != 0) {
        return key_length + child_bytes;
    }
    size_t length;
    aero_page_value_place(page, index, &length);
    return key_length + varint_bytes(length) + length;
}

size_t aero_page_entry_bytes(const struct aero_page_entry *entry)
{
    size_t key_bytes = is_long(entry) ? sizeof(void *) : entry->key.length;
    size_t tail = 0;
    if (entry->child != NULL) {
        tail = sizeof(void *);
    } else if (!is_long(entry)) {
        tail = varint_bytes(entry->value.length) + entry->value.length;
    }
    return sizeof(struct aero_slot) + key_bytes + tail;
}

size_t aero_page_range_bytes(const struct aero_page *page, unsigned from, unsigned to)
{
    size_t bytes = (to - from) * sizeof(struct aero_slot);
    for (unsigned i = from; i < to; i++) {
        bytes += cell_bytes(page, i);
    }
    return bytes;
}

/* Search. */

uint32_t aero_page_head(struct aero_slice key, size_t prefix_length)
{
    if (key.length >= prefix_length + 4) {
        uint32_t head;
        memcpy(&head, key.data + prefix_length, 4);
        return __builtin_bswap32(head);
    }
    uint32_t head = 0;
    for (size_t i = 0; i < 4; i++) {
        size_t at = prefix_length + i;
        head = head << 8 | (at < key.length ? key.data[at] : 0);
    }
    return head;
}

static struct aero_slice skip(struct aero_slice key, size_t count)
{
    return aero_slice_of(key.data + count, key.length - count);
}

/* The first slot in [from, to), which is not empty, whose head is at least `head`; no branch depends on the data. */
static unsigned search_heads(const struct aero_page *page, unsigned from, unsigned to,
                             uint32_t head)
{
    const struct aero_slot *base = page->slots + from;
    unsigned count = to - from;
    while (count > 1) {
        unsigned half = count / 2;
        base += base[half - 1].head < head ? half : 0;
        count -= half;
    }
    return (unsigned)(base - page->slots) + (base->head < head);
}

static bool head_is_at(const struct aero_page *page, unsigned low, uint32_t head)
{
    return low < page->slot_count && page->slots[low].head == head;
}

/* The slot whose key a search looks at first; `low` is what search_heads found in a page that is not empty. */
static unsigned first_probe(const struct aero_page *page, unsigned low, uint32_t head)
{
    return head_is_at(page, low, head) || low == aero_page_first(page) ? low : low - 1;
}

/* What all keys of the page share is compared with the one key whose cell is read next anyway: a cell is a cache
 * miss. Negative if `key` is below all keys of the page, positive if above. */
static int compare_prefix(const struct aero_page *page, unsigned probe, struct aero_slice key)
{
    size_t prefix = page->prefix_length;
    size_t common = key.length < prefix ? key.length : prefix;
    int order = common == 0 ? 0 : memcmp(key.data, aero_page_key(page, probe).data, common);
    return order == 0 && common < prefix ? -1 : order;
}

unsigned aero_page_search(const struct aero_page *page, struct aero_slice key, bool *out_exact)
{
    unsigned first = aero_page_first(page);
    unsigned end = page->slot_count;
    size_t prefix = page->prefix_length;
    *out_exact = false;
    if (first >= end) {
        return end;
    }
    uint32_t head = aero_page_head(key, prefix);
    unsigned low = search_heads(page, first, end, head);
    int order = compare_prefix(page, first_probe(page, low, head), key);
    if (order != 0) {
        return order < 0 ? first : end;
    }
    if (!head_is_at(page, low, head)) {
        return low;
    }
    struct aero_slice tail = skip(key, prefix);
    unsigned high = low + 1; /* the run of equal heads is nearly always one slot */
    while (high < end && page->slots[high].head == head) {
        high++;
    }
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        order = aero_slice_compare(skip(aero_page_key(page, middle), prefix), tail);
        if (order == 0) {
            *out_exact = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

unsigned aero_page_prefetch_cell(const struct aero_page *page, struct aero_slice key)
{
    unsigned first = aero_page_first(page);
    unsigned end = page->slot_count;
    if (first >= end) {
        return 0;
    }
    uint32_t head = aero_page_head(key, page->prefix_length);
    unsigned probe = first_probe(page, search_heads(page, first, end, head), head);
    __builtin_prefetch(aero_page_cell(page, probe));
    return probe;
}

/* Pages as wholes. */

static size_t round_size(size_t live_bytes)
{
    size_t steps = (live_bytes + AERO_PAGE_BYTES_STEP - 1) / AERO_PAGE_BYTES_STEP;
    AERO_ASSERT(steps * AERO_PAGE_BYTES_STEP <= AERO_PAGE_BYTES_MAX);
    return steps * AERO_PAGE_BYTES_STEP;
}

struct aero_page *aero_page_new(struct aero_tree_memory *memory, unsigned level, size_t live_bytes)
{
    size_t size = round_size(live_bytes);
    struct aero_page *page = aero_tree_memory_take(memory, size);
    *page = (struct aero_page){
        .refs = 1,
        .size_bytes = (uint16_t)size,
        .cells_offset = (uint16_t)size,
        .level = (uint8_t)level,
    };
    return page;
}

void aero_page_free(struct aero_tree_memory *memory, struct aero_page *page)
{
    aero_tree_memory_give(memory, page, page->size_bytes);
}

static void hold_content(const struct aero_page *page)
{
    for (unsigned i = 0; i < page->slot_count; i++) {
        if (aero_page_is_long(page, i)) {
            aero_blob_at(aero_page_cell(page, i))->refs++;
        }
        if (page->level != 0) {
            aero_page_child(page, i)->refs++;
        }
    }
}

struct aero_page *aero_page_clone(struct aero_tree_memory *memory, const struct aero_page *page)
{
    struct aero_page *copy = aero_tree_memory_take(memory, page->size_bytes);
    memcpy(copy, page, page->size_bytes);
    copy->refs = 1;
    if (page->level != 0 || page->has_blobs) {
        hold_content(page);
    }
    return copy;
}

void aero_page_strip(struct aero_tree_memory *memory, struct aero_page *page)
{
    if (page->refs == 1) {
        aero_page_free(memory, page);
        return;
    }
    page->refs--;
    if (page->level != 0 || page->has_blobs) {
        hold_content(page);
    }
}

/* Without holes the cells move as one block. */
static void copy_block(struct aero_page *page, const struct aero_page *source)
{
    size_t block = (size_t)source->size_bytes - source->cells_offset;
    uint16_t shift = (uint16_t)(page->size_bytes - source->size_bytes);
    page->cells_offset = (uint16_t)(page->size_bytes - block);
    memcpy((uint8_t *)page + page->cells_offset, (const uint8_t *)source + source->cells_offset,
           block);
    for (unsigned i = 0; i < source->slot_count; i++) {
        page->slots[i] = source->slots[i];
        page->slots[i].offset = (uint16_t)(page->slots[i].offset + shift); /* the mark stays */
    }
    page->slot_count = source->slot_count;
    page->prefix_length = source->prefix_length;
    page->has_blobs = source->has_blobs;
}

struct aero_page *aero_page_resize(struct aero_tree_memory *memory, struct aero_page *page,
                                   size_t live_bytes)
{
    AERO_ASSERT(page->refs == 1);
    struct aero_page *next = aero_page_new(memory, page->level, live_bytes);
    next->summary = page->summary;
    if (page->dead_bytes == 0) {
        copy_block(next, page);
    } else {
        aero_page_append_range(next, page, 0, page->slot_count);
        next->prefix_length = page->prefix_length; /* fewer keys share at least as much */
    }
    aero_page_free(memory, page);
    return next;
}

/* Cells. */

static uint8_t *take_cell(struct aero_page *page, size_t length)
{
    AERO_ASSERT(aero_page_gap_bytes(page) >= length + sizeof page->slots[0]);
    page->cells_offset = (uint16_t)(page->cells_offset - length);
    return (uint8_t *)page + page->cells_offset;
}

static void write_value(uint8_t *out, struct aero_slice value)
{
    size_t rest = value.length;
    for (; rest >= 0x80; rest >>= 7) {
        *out++ = (uint8_t)(rest | 0x80);
    }
    *out++ = (uint8_t)rest;
    copy_bytes(out, value);
}

/* Writes the cell at `cell` and makes the slot at `index` that of the entry, but for its head. */
static void write_cell(struct aero_tree_memory *memory, struct aero_page *page, unsigned index,
                       uint8_t *cell, const struct aero_page_entry *entry)
{
    struct aero_slot *slot = &page->slots[index];
    slot->offset = (uint16_t)(cell - (uint8_t *)page);
    slot->key_length = (uint16_t)entry->key.length;
    if (is_long(entry)) {
        put_blob(memory, cell, entry);
        slot->offset |= (uint16_t)AERO_SLOT_LONG;
        page->has_blobs = true;
    } else {
        copy_bytes(cell, entry->key);
    }
    if (page->level != 0) {
        memcpy(aero_page_child_place(page, index), &entry->child, sizeof entry->child);
    } else if (!is_long(entry)) {
        write_value(cell + entry->key.length, entry->value);
    }
}

static size_t common_prefix(struct aero_slice a, struct aero_slice b, size_t limit)
{
    size_t length = a.length < b.length ? a.length : b.length;
    length = length < limit ? length : limit;
    size_t i = 0;
    while (i < length && a.data[i] == b.data[i]) {
        i++;
    }
    return i;
}

static void set_heads(struct aero_page *page)
{
    for (unsigned i = aero_page_first(page); i < page->slot_count && page->has_blobs; i++) {
        aero_page_prefetch_blob(page, i);
    }
    for (unsigned i = aero_page_first(page); i < page->slot_count; i++) {
        page->slots[i].head = aero_page_head(aero_page_key(page, i), page->prefix_length);
    }
}

void aero_page_index(struct aero_page *page, size_t heads_prefix)
{
    unsigned first = aero_page_first(page);
    page->prefix_length = 0;
    if (page->slot_count > first) {
        page->prefix_length = (uint16_t)common_prefix(
            aero_page_key(page, first), aero_page_key(page, page->slot_count - 1u), SIZE_MAX);
    }
    if (page->prefix_length != heads_prefix) {
        set_heads(page);
    }
}

/* Shortens the prefix to what `key` shares with the page (PAGE-4): with the neighbour whose cell the search has just
 * read, since any key of the page will do. */
static void admit_key(struct aero_page *page, unsigned position, struct aero_slice key)
{
    unsigned first = aero_page_first(page);
    if (page->slot_count <= first) {
        page->prefix_length = (uint16_t)key.length;
        return;
    }
    unsigned neighbour = position > first ? position - 1 : position;
    size_t common = common_prefix(key, aero_page_key(page, neighbour), page->prefix_length);
    if (common < page->prefix_length) {
        page->prefix_length = (uint16_t)common;
        set_heads(page);
    }
}

void aero_page_insert(struct aero_tree_memory *memory, struct aero_page *page, unsigned position,
                      const struct aero_page_entry *entry)
{
    AERO_ASSERT(position >= aero_page_first(page) && position <= page->slot_count);
    admit_key(page, position, entry->key);
    size_t length = aero_page_entry_bytes(entry) - sizeof page->slots[0];
    uint8_t *cell = take_cell(page, length);
    struct aero_slot *slot = page->slots + position;
    memmove(slot + 1, slot, (page->slot_count - position) * sizeof *slot);
    slot->head = aero_page_head(entry->key, page->prefix_length);
    write_cell(memory, page, position, cell, entry);
    page->slot_count++;
}

void aero_page_append(struct aero_tree_memory *memory, struct aero_page *page,
                      const struct aero_page_entry *entry)
{
    size_t length = aero_page_entry_bytes(entry) - sizeof page->slots[0];
    uint8_t *cell = take_cell(page, length);
    page->slots[page->slot_count].head = 0;
    write_cell(memory, page, page->slot_count, cell, entry);
    page->slot_count++;
}

void aero_page_append_range(struct aero_page *page, const struct aero_page *source, unsigned from,
                            unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        size_t length = cell_bytes(source, i);
        uint8_t *cell = take_cell(page, length);
        memcpy(cell, aero_page_cell(source, i), length);
        struct aero_slot *slot = &page->slots[page->slot_count++];
        *slot = source->slots[i];
        slot->offset = (uint16_t)(page->cells_offset | (slot->offset & AERO_SLOT_LONG));
    }
    page->has_blobs |= source->has_blobs;
}

static void lose_cell(struct aero_page *page, size_t offset, size_t length)
{
    if (offset == page->cells_offset) {
        page->cells_offset = (uint16_t)(offset + length);
    } else {
        page->dead_bytes = (uint16_t)(page->dead_bytes + length);
    }
}

void aero_page_remove(struct aero_page *page, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        lose_cell(page, aero_page_cell_offset(page, i), cell_bytes(page, i));
    }
    memmove(page->slots + from, page->slots + to, (page->slot_count - to) * sizeof page->slots[0]);
    page->slot_count = (uint16_t)(page->slot_count - (to - from));
}

void aero_page_release(struct aero_tree_memory *memory, struct aero_page *page, unsigned index)
{
    if (aero_page_is_long(page, index)) {
        release_blob(memory, aero_blob_at(aero_page_cell(page, index)));
    }
}

/* The usual overwrite: the lengths are the same, and nothing moves. */
static bool replace_in_place(struct aero_page *page, unsigned index,
                             const struct aero_page_entry *entry)
{
    if (aero_page_is_long(page, index)) {
        struct aero_blob *blob = aero_blob_at(aero_page_cell(page, index));
        size_t key_length = entry->key.length;
        if (!is_long(entry) || blob->refs > 1 || blob->length != key_length + entry->value.length) {
            return false;
        }
        blob->hash = entry->summary.digest;
        copy_bytes(blob->bytes + key_length, entry->value);
        return true;
    }
    size_t length;
    uint8_t *place = aero_page_value_place(page, index, &length);
    if (is_long(entry) || length != entry->value.length) {
        return false;
    }
    copy_bytes(place, entry->value);
    return true;
}

bool aero_page_replace(struct aero_tree_memory *memory, struct aero_page *page, unsigned index,
                       const struct aero_page_entry *entry)
{
    if (replace_in_place(page, index, entry)) {
        return true;
    }
    size_t old_bytes = cell_bytes(page, index);
    size_t new_bytes = aero_page_entry_bytes(entry) - sizeof page->slots[0];
    if (new_bytes > old_bytes && aero_page_gap_bytes(page) < new_bytes) {
        return false;
    }
    aero_page_release(memory, page, index);
    uint8_t *cell = aero_page_cell(page, index);
    if (new_bytes > old_bytes) {
        size_t old_offset = aero_page_cell_offset(page, index);
        page->cells_offset = (uint16_t)(page->cells_offset - new_bytes);
        cell = (uint8_t *)page + page->cells_offset;
        lose_cell(page, old_offset, old_bytes);
    } else {
        page->dead_bytes = (uint16_t)(page->dead_bytes + old_bytes - new_bytes);
    }
    write_cell(memory, page, index, cell, entry);
    return true;
}
