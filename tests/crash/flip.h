/* SPDX-License-Identifier: Apache-2.0 */
/* Every single byte of a small data directory changed, every sector zeroed, made unreadable, and overwritten with every other
 * sector of its file. The directories are a primary's and its replica's, made by the production cores: several segments,
 * two snapshots.
 *
 * Each change has to end in one of
 *
 *   refused      the start refuses: it names a file, and says what to do
 *   said         the start comes to exactly the acknowledged state and says what it met: an older snapshot used, a slot of the
 *                manifest rewritten, a segment marked damaged, bytes set aside
 *   found        the start comes to exactly that state without a word; verification finds the change
 *   harmless     nobody says anything: only where crash_layout_excuse has a reason
 *
 * and never in another state. Verification has to find damage wherever a start refuses, and where it finds none a start has to
 * work. */
#ifndef AERO_TESTS_CRASH_FLIP_H
#define AERO_TESTS_CRASH_FLIP_H

#include "tests/crash/explore.h"
#include "tests/crash/histories.h"

#define CRASH_FLIP_CLASSES_MAX 48U

enum crash_flip_end {
    CRASH_FLIP_REFUSED,
    CRASH_FLIP_SAID,
    CRASH_FLIP_FOUND,
    CRASH_FLIP_HARMLESS,
    CRASH_FLIP_END_COUNT,
};

struct crash_flip_row {
    const char *class_text;
    uint64_t ends[CRASH_FLIP_END_COUNT];
};

struct crash_flip_report {
    uint64_t flips;
    uint64_t sectors;
    struct crash_flip_row rows[CRASH_FLIP_CLASSES_MAX];
    size_t row_count;
};

/* `masks`: which bits are flipped, one after the other; 0x40: one a byte. Of holes between slots a byte a page is taken. */
void crash_flip_all(const struct crash_world *world, bool primary, uint8_t masks,
                    struct crash_explorer *explorer, struct crash_flip_report *out_report);
void crash_flip_print(const struct crash_flip_report *report);

#endif
