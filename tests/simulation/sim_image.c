/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/sim_image.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/slice.h"

struct aero_sim_page {
    uint32_t references;
    uint8_t bytes[AERO_SIM_PAGE_BYTES];
};

/* Stands for every page that was written and holds nothing but zeros: never changed, never counted. Segments are zero-filled
 * ahead of use, which would else be most of what a history copies. */
static struct aero_sim_page zero_page;

static bool is_counted(const struct aero_sim_page *page)
{
    return page != NULL && page != &zero_page;
}

static void drop_page(struct aero_sim_page *page)
{
    if (is_counted(page) && --page->references == 0) {
        free(page);
    }
}

void aero_sim_image_deinit(struct aero_sim_image *image)
{
    for (size_t i = 0; i < image->page_slots; i++) {
        drop_page(image->pages[i]);
    }
    free(image->pages);
    memset(image, 0, sizeof *image);
}

void aero_sim_image_copy(struct aero_sim_image *out_image, const struct aero_sim_image *from)
{
    *out_image = *from;
    out_image->pages = NULL;
    if (from->page_slots > 0) {
        size_t bytes = from->page_slots * sizeof(struct aero_sim_page *);
        out_image->pages = aero_malloc(bytes);
        memcpy(out_image->pages, from->pages, bytes);
        for (size_t i = 0; i < from->page_slots; i++) {
            if (is_counted(from->pages[i])) {
                from->pages[i]->references++;
            }
        }
    }
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
        size_t slot = (size_t)((offset + done) / AERO_SIM_PAGE_BYTES);
        size_t at = (size_t)((offset + done) % AERO_SIM_PAGE_BYTES);
        size_t piece = AERO_SIM_PAGE_BYTES - at;
        if (piece > length - done) {
            piece = length - done;
        }
        if (slot < image->page_slots && image->pages[slot] != NULL) {
            memcpy(out + done, image->pages[slot]->bytes + at, piece);
        } else {
            memset(out + done, 0, piece);
        }
        done += piece;
    }
    return length;
}

static void grow_slots(struct aero_sim_image *image, size_t slots)
{
    if (slots <= image->page_slots) {
        return;
    }
    image->pages = aero_realloc(image->pages, slots * sizeof(struct aero_sim_page *));
    memset(image->pages + image->page_slots, 0,
           (slots - image->page_slots) * sizeof(struct aero_sim_page *));
    image->page_slots = slots;
}

static struct aero_sim_page *own_page(struct aero_sim_image *image, size_t slot)
{
    struct aero_sim_page *page = image->pages[slot];
    if (is_counted(page) && page->references == 1) {
        return page;
    }
    struct aero_sim_page *own = aero_malloc(sizeof *own);
    own->references = 1;
    if (page == NULL) {
        memset(own->bytes, 0, sizeof own->bytes);
        image->page_count++;
    } else {
        memcpy(own->bytes, page->bytes, sizeof own->bytes);
        drop_page(page);
    }
    image->pages[slot] = own;
    return own;
}

static void write_page(struct aero_sim_image *image, size_t slot, const uint8_t *bytes)
{
    if (memcmp(bytes, zero_page.bytes, AERO_SIM_PAGE_BYTES) != 0) {
        memcpy(own_page(image, slot)->bytes, bytes, AERO_SIM_PAGE_BYTES);
        return;
    }
    image->page_count += image->pages[slot] == NULL;
    drop_page(image->pages[slot]);
    image->pages[slot] = &zero_page;
}

void aero_sim_image_write(struct aero_sim_image *image, uint64_t offset, const void *data,
                          size_t length)
{
    if (length == 0) {
        return;
    }
    grow_slots(image, (size_t)((offset + length - 1) / AERO_SIM_PAGE_BYTES) + 1);
    const uint8_t *in = data;
    for (size_t done = 0; done < length;) {
        size_t slot = (size_t)((offset + done) / AERO_SIM_PAGE_BYTES);
        size_t at = (size_t)((offset + done) % AERO_SIM_PAGE_BYTES);
        size_t piece = AERO_SIM_PAGE_BYTES - at;
        if (piece > length - done) {
            piece = length - done;
        }
        if (piece == AERO_SIM_PAGE_BYTES) {
            write_page(image, slot, in + done);
        } else {
            memcpy(own_page(image, slot)->bytes + at, in + done, piece);
        }
        done += piece;
    }
    if (offset + length > image->size_bytes) {
        image->size_bytes = offset + length;
    }
}

void aero_sim_image_resize(struct aero_sim_image *image, uint64_t size_bytes)
{
    if (size_bytes < image->size_bytes) {
        size_t keep = (size_t)((size_bytes + AERO_SIM_PAGE_BYTES - 1) / AERO_SIM_PAGE_BYTES);
        for (size_t i = keep; i < image->page_slots; i++) {
            if (image->pages[i] != NULL) {
                drop_page(image->pages[i]);
                image->pages[i] = NULL;
                image->page_count--;
            }
        }
        size_t at = (size_t)(size_bytes % AERO_SIM_PAGE_BYTES);
        if (at > 0 && keep <= image->page_slots && image->pages[keep - 1] != NULL) {
            memset(own_page(image, keep - 1)->bytes + at, 0, AERO_SIM_PAGE_BYTES - at);
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
    for (size_t slot = (size_t)(offset / AERO_SIM_PAGE_BYTES); slot <= last; slot++) {
        missing += slot >= image->page_slots || image->pages[slot] == NULL;
    }
    return missing;
}
