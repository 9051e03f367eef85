/* SPDX-License-Identifier: Apache-2.0 */
/* A tree of three levels: the pages of a file are a list of groups, a group is a list of pages. Each of the three is shared
 * by reference and copied by whoever changes it while others hold it; each remembers the name of what it holds. */
#include "tests/simulation/sim_image.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/slice.h"

#define GROUP_PAGES 32U

/* What a page, a group or all pages of a file hold. Holes and zeros are the same: the name of nothing. */
struct name {
    bool is_known;
    struct aero_u128 value;
};

struct aero_sim_page {
    uint32_t references;
    struct name name;
    uint8_t bytes[AERO_SIM_PAGE_BYTES];
};

struct group {
    uint32_t references;
    struct name name;
    struct aero_sim_page *pages[GROUP_PAGES]; /* NULL: never written */
};

struct aero_sim_pages {
    uint32_t references;
    struct name name;
    size_t group_count;
    struct group *groups[]; /* NULL: nothing of it was written */
};

/* Stands for every page that was written and holds nothing but zeros: never changed, never counted. Segments are zero-filled
 * ahead of use, which would else be most of what a history copies. */
static struct aero_sim_page zero_page = {.name = {.is_known = true}};

/* ---- Sharing -------------------------------------------------------------------------------------------------- */

static void share_page(struct aero_sim_page *page)
{
    if (page != NULL && page != &zero_page) {
        page->references++;
    }
}

static void drop_page(struct aero_sim_page *page)
{
    if (page != NULL && page != &zero_page && --page->references == 0) {
        free(page);
    }
}

static void drop_group(struct group *group)
{
    if (group == NULL || --group->references > 0) {
        return;
    }
    for (size_t i = 0; i < GROUP_PAGES; i++) {
        drop_page(group->pages[i]);
    }
    free(group);
}

static void drop_pages(struct aero_sim_pages *pages)
{
    if (pages == NULL || --pages->references > 0) {
        return;
    }
    for (size_t i = 0; i < pages->group_count; i++) {
        drop_group(pages->groups[i]);
    }
    free(pages);
}

void aero_sim_image_deinit(struct aero_sim_image *image)
{
    drop_pages(image->pages);
    memset(image, 0, sizeof *image);
}

void aero_sim_image_copy(struct aero_sim_image *out_image, const struct aero_sim_image *from)
{
    *out_image = *from;
    if (from->pages != NULL) {
        from->pages->references++;
    }
}

/* ---- Reading -------------------------------------------------------------------------------------------------- */

static struct aero_sim_page *page_of(const struct aero_sim_image *image, size_t number)
{
    const struct aero_sim_pages *pages = image->pages;
    size_t at = number / GROUP_PAGES;
    bool has_group = pages != NULL && at < pages->group_count && pages->groups[at] != NULL;
    return has_group ? pages->groups[at]->pages[number % GROUP_PAGES] : NULL;
}

size_t aero_sim_image_read(const struct aero_sim_image *image, uint64_t offset, void *data,
                           size_t length)
{
    if (offset >= image->size_bytes) {
        return 0;
    }
    if (length > image->size_bytes - offset) {
        length = (size_t)(image->size_bytes - offset);
    }
    uint8_t *out = data;
    for (size_t done = 0; done < length;) {
        const struct aero_sim_page *page =
            page_of(image, (size_t)((offset + done) / AERO_SIM_PAGE_BYTES));
        size_t at = (size_t)((offset + done) % AERO_SIM_PAGE_BYTES);
        size_t piece = AERO_SIM_PAGE_BYTES - at;
        if (piece > length - done) {
            piece = length - done;
        }
        if (page != NULL && page != &zero_page) {
            memcpy(out + done, page->bytes + at, piece);
        } else {
            memset(out + done, 0, piece);
        }
        done += piece;
    }
    return length;
}

/* ---- Writing -------------------------------------------------------------------------------------------------- */

/* Room for `group_count` groups at least, and nobody else's. */
static struct aero_sim_pages *own_pages(struct aero_sim_image *image, size_t group_count)
{
    struct aero_sim_pages *shared = image->pages;
    size_t had = shared == NULL ? 0 : shared->group_count;
    if (shared != NULL && shared->references == 1 && group_count <= had) {
        shared->name.is_known = false;
        return shared;
    }
    group_count = group_count < had ? had : group_count;
    struct aero_sim_pages *own = aero_calloc(1, sizeof *own + group_count * sizeof own->groups[0]);
    own->references = 1;
    own->group_count = group_count;
    for (size_t i = 0; i < had; i++) {
        own->groups[i] = shared->groups[i];
        if (own->groups[i] != NULL) {
            own->groups[i]->references++;
        }
    }
    drop_pages(shared);
    image->pages = own;
    return own;
}

static struct group *own_group(struct aero_sim_pages *pages, size_t at)
{
    struct group *shared = pages->groups[at];
    if (shared != NULL && shared->references == 1) {
        shared->name.is_known = false;
        return shared;
    }
    struct group *own = aero_calloc(1, sizeof *own);
    own->references = 1;
    for (size_t i = 0; shared != NULL && i < GROUP_PAGES; i++) {
        own->pages[i] = shared->pages[i];
        share_page(own->pages[i]);
    }
    drop_group(shared);
    pages->groups[at] = own;
    return own;
}

/* Where the page hangs, in parts of the tree that are nobody else's. */
static struct aero_sim_page **own_slot(struct aero_sim_image *image, size_t number)
{
    size_t at = number / GROUP_PAGES;
    return &own_group(own_pages(image, at + 1), at)->pages[number % GROUP_PAGES];
}

/* Puts `page` in the place of what was there, which may be NULL; takes the reference. */
static void set_page(struct aero_sim_image *image, struct aero_sim_page **slot,
                     struct aero_sim_page *page)
{
    image->page_count += (page != NULL) - (size_t)(*slot != NULL);
    drop_page(*slot);
    *slot = page;
}

static uint8_t *own_bytes(struct aero_sim_image *image, size_t number)
{
    struct aero_sim_page **slot = own_slot(image, number);
    struct aero_sim_page *shared = *slot;
    if (shared != NULL && shared->references == 1) {
        shared->name.is_known = false;
        return shared->bytes;
    }
    struct aero_sim_page *own = aero_malloc(sizeof *own);
    own->references = 1;
    own->name.is_known = false;
    memcpy(own->bytes, shared == NULL ? zero_page.bytes : shared->bytes, sizeof own->bytes);
    set_page(image, slot, own);
    return own->bytes;
}

void aero_sim_image_write(struct aero_sim_image *image, uint64_t offset, const void *data,
                          size_t length)
{
    const uint8_t *in = data;
    for (size_t done = 0; done < length;) {
        size_t number = (size_t)((offset + done) / AERO_SIM_PAGE_BYTES);
        size_t at = (size_t)((offset + done) % AERO_SIM_PAGE_BYTES);
        size_t piece = AERO_SIM_PAGE_BYTES - at;
        if (piece > length - done) {
            piece = length - done;
        }
        if (piece == AERO_SIM_PAGE_BYTES && memcmp(in + done, zero_page.bytes, piece) == 0) {
            set_page(image, own_slot(image, number), &zero_page);
        } else {
            memcpy(own_bytes(image, number) + at, in + done, piece);
        }
        done += piece;
    }
    if (length > 0 && offset + length > image->size_bytes) {
        image->size_bytes = offset + length;
    }
}

void aero_sim_image_resize(struct aero_sim_image *image, uint64_t size_bytes)
{
    if (size_bytes < image->size_bytes) {
        size_t keep = (size_t)((size_bytes + AERO_SIM_PAGE_BYTES - 1) / AERO_SIM_PAGE_BYTES);
        size_t pages = image->pages == NULL ? 0 : image->pages->group_count * GROUP_PAGES;
        for (size_t i = keep; i < pages; i++) {
            if (page_of(image, i) != NULL) {
                set_page(image, own_slot(image, i), NULL);
            }
        }
        size_t at = (size_t)(size_bytes % AERO_SIM_PAGE_BYTES);
        if (at > 0 && page_of(image, keep - 1) != NULL) {
            memset(own_bytes(image, keep - 1) + at, 0, AERO_SIM_PAGE_BYTES - at);
        }
    }
    image->size_bytes = size_bytes;
}

size_t aero_sim_image_pages_missing(const struct aero_sim_image *image, uint64_t offset,
                                    size_t length)
{
    size_t missing = 0;
    if (length == 0) {
        return 0;
    }
    size_t last = (size_t)((offset + length - 1) / AERO_SIM_PAGE_BYTES);
    for (size_t i = (size_t)(offset / AERO_SIM_PAGE_BYTES); i <= last; i++) {
        missing += page_of(image, i) == NULL;
    }
    return missing;
}

/* ---- Names ---------------------------------------------------------------------------------------------------- */

static bool is_nothing(struct aero_u128 name)
{
    return name.low == 0 && name.high == 0;
}

/* The name of a list, from the names of its members; where all are nothing, so is it. */
static void fold(struct name *list, size_t index, struct aero_u128 member)
{
    if (!is_nothing(member)) {
        const uint64_t words[] = {list->value.low, list->value.high, index, member.low,
                                  member.high};
        list->value = aero_checksum128(aero_slice_of(words, sizeof words));
    }
}

static struct aero_u128 name_page(struct aero_sim_page *page)
{
    if (!page->name.is_known) {
        struct aero_slice bytes = aero_slice_of(page->bytes, sizeof page->bytes);
        page->name.is_known = true;
        page->name.value =
            aero_slice_is_zero(bytes) ? (struct aero_u128){0} : aero_checksum128(bytes);
    }
    return page->name.value;
}

static struct aero_u128 name_group(struct group *group)
{
    if (!group->name.is_known) {
        group->name = (struct name){.is_known = true};
        for (size_t i = 0; i < GROUP_PAGES; i++) {
            if (group->pages[i] != NULL) {
                fold(&group->name, i, name_page(group->pages[i]));
            }
        }
    }
    return group->name.value;
}

static struct aero_u128 name_pages(struct aero_sim_pages *pages)
{
    if (!pages->name.is_known) {
        pages->name = (struct name){.is_known = true};
        for (size_t i = 0; i < pages->group_count; i++) {
            if (pages->groups[i] != NULL) {
                fold(&pages->name, i, name_group(pages->groups[i]));
            }
        }
    }
    return pages->name.value;
}

struct aero_u128 aero_sim_image_name(const struct aero_sim_image *image)
{
    struct name name = {.value = {.low = image->size_bytes}};
    fold(&name, 0, image->pages == NULL ? (struct aero_u128){0} : name_pages(image->pages));
    return name.value;
}
