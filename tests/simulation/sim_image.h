/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of one simulated file, sparse: pages that were never written read as zeros and cost nothing. Images share
 * whatever is equal in them until one of them is written, so that copying a disk, or forgetting a cache, costs nothing, and
 * naming what a file holds costs what was changed since it was last named. */
#ifndef AERO_TESTS_SIMULATION_SIM_IMAGE_H
#define AERO_TESTS_SIMULATION_SIM_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/checksum.h"

#define AERO_SIM_PAGE_BYTES 4096U
#define AERO_SIM_SECTOR_BYTES 512U

struct aero_sim_pages;

struct aero_sim_image {
    struct aero_sim_pages *pages; /* NULL: none was written */
    size_t page_count;            /* that were written */
    uint64_t size_bytes;
};

/* Zero-initialised is an empty file. */
void aero_sim_image_deinit(struct aero_sim_image *image);
void aero_sim_image_copy(struct aero_sim_image *out_image, const struct aero_sim_image *from);

/* Reads what there is, up to the size; returns the count. */
size_t aero_sim_image_read(const struct aero_sim_image *image, uint64_t offset, void *data,
                           size_t length);
/* Grows the size where needed. */
void aero_sim_image_write(struct aero_sim_image *image, uint64_t offset, const void *data,
                          size_t length);
/* Grows with zeros or cuts; what was cut never comes back. */
void aero_sim_image_resize(struct aero_sim_image *image, uint64_t size_bytes);
/* Pages that a write of this range would have to allocate. */
size_t aero_sim_image_pages_missing(const struct aero_sim_image *image, uint64_t offset,
                                    size_t length);
/* Equal for files of equal bytes, however they came to be. */
struct aero_u128 aero_sim_image_name(const struct aero_sim_image *image);

#endif
