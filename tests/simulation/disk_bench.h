/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the tests of the simulated disk: one disk, and calls that must succeed. */
#ifndef AERO_TESTS_SIMULATION_DISK_BENCH_H
#define AERO_TESTS_SIMULATION_DISK_BENCH_H

#include "tests/unit/cmocka_setup.h"

#include <errno.h>
#include <string.h>

#include "tests/simulation/sim_disk.h"

#define SECTOR 512U

struct bench {
    struct aero_choice choice;
    struct aero_sim_disk *disk;
    struct aero_disk port;
};

static inline void bench_init(struct bench *bench, uint64_t seed, bool names_in_order)
{
    aero_choice_init_seed(&bench->choice, seed);
    struct aero_sim_disk_options options = {.name = "disk", .names_in_order = names_in_order};
    bench->disk = aero_sim_disk_new(&options, &bench->choice, NULL);
    bench->port = aero_sim_disk_port(bench->disk);
}

static inline void bench_deinit(struct bench *bench)
{
    aero_sim_disk_free(bench->disk);
}

static inline struct aero_disk_file *open_file(struct bench *bench, const char *name,
                                               enum aero_disk_open how)
{
    struct aero_disk_file *file = NULL;
    assert_true(aero_is_ok(bench->port.ops->open(bench->port.self, name, how, &file)));
    return file;
}

static inline void close_file(struct bench *bench, struct aero_disk_file *file)
{
    bench->port.ops->close(bench->port.self, file);
}

static inline aero_status write_bytes(struct bench *bench, struct aero_disk_file *file,
                                      uint64_t offset, const void *data, size_t length,
                                      size_t *out_written)
{
    return bench->port.ops->write(bench->port.self, file, offset, aero_slice_of(data, length),
                                  out_written);
}

static inline void write_fill(struct bench *bench, struct aero_disk_file *file, uint64_t offset,
                              char fill, size_t length)
{
    static char bytes[16384];
    size_t written = 0;
    assert_true(length <= sizeof bytes);
    memset(bytes, fill, length);
    assert_true(aero_is_ok(write_bytes(bench, file, offset, bytes, length, &written)));
    assert_int_equal(written, length);
}

static inline void sync_file(struct bench *bench, struct aero_disk_file *file)
{
    assert_true(aero_is_ok(bench->port.ops->sync(bench->port.self, file)));
}

static inline void sync_directory(struct bench *bench, const char *name)
{
    assert_true(aero_is_ok(bench->port.ops->sync_directory(bench->port.self, name)));
}

/* A file of `length` bytes `fill`, durable with its name. */
static inline struct aero_disk_file *durable_file(struct bench *bench, const char *name, char fill,
                                                  size_t length)
{
    struct aero_disk_file *file = open_file(bench, name, AERO_DISK_CREATE);
    write_fill(bench, file, 0, fill, length);
    sync_file(bench, file);
    sync_directory(bench, "");
    return file;
}

static inline void power_cycle(struct bench *bench, enum aero_sim_crash how)
{
    aero_sim_disk_crash(bench->disk, how);
    aero_sim_disk_restart(bench->disk);
}

static inline bool peek(struct bench *bench, const char *name, struct aero_buffer *out_bytes)
{
    aero_buffer_clear(out_bytes);
    return aero_sim_disk_peek(bench->disk, name, false, out_bytes);
}

/* The fill of each sector, as text: "ABBA"; '?' for a sector that is not uniform. */
static inline void sector_fills(const struct aero_buffer *bytes, char *out_text)
{
    size_t count = bytes->length / SECTOR;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *sector = bytes->data + i * SECTOR;
        out_text[i] = sector[0] == 0 ? '0' : (char)sector[0];
        for (size_t k = 1; k < SECTOR; k++) {
            if (sector[k] != sector[0]) {
                out_text[i] = '?';
            }
        }
    }
    out_text[count] = '\0';
}

#endif
