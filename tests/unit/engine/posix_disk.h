/* SPDX-License-Identifier: Apache-2.0 */
/* The POSIX disk over a directory of its own, and a witness that remembers. */
#ifndef AERO_TESTS_POSIX_DISK_H
#define AERO_TESTS_POSIX_DISK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/disk.h"
#include "tests/unit/cmocka_setup.h"

/* A fresh data directory under the build's temporary directory, removed again at the end. */
struct fixture {
    char directory[64];
    struct aero_disk_posix *posix;
    struct aero_disk disk;
};

static inline int set_up(void **state)
{
    struct fixture *fixture = aero_calloc(1, sizeof *fixture);
    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/aero-disk-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    assert_int_equal(aero_disk_posix_open(fixture->directory, true, &fixture->posix).code, AERO_OK);
    fixture->disk = aero_disk_posix_port(fixture->posix);
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    aero_disk_posix_close(fixture->posix);
    snprintf(command, sizeof command, "rm -rf '%s'", fixture->directory);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

static inline aero_status open_file(struct fixture *f, const char *name, enum aero_disk_open how,
                                    struct aero_disk_file **out_file)
{
    return f->disk.ops->open(f->disk.self, name, how, out_file);
}

static inline void write_file(struct fixture *f, const char *name, const char *text)
{
    struct aero_disk_file *file;
    size_t written = 0;
    assert_int_equal(open_file(f, name, AERO_DISK_CREATE, &file).code, AERO_OK);
    assert_int_equal(
        f->disk.ops->write(f->disk.self, file, 0, aero_slice_text(text), &written).code, AERO_OK);
    assert_int_equal(written, strlen(text));
    f->disk.ops->close(f->disk.self, file);
}

static inline void assert_content(struct fixture *f, const char *name, const char *text)
{
    struct aero_buffer bytes = {0};
    assert_int_equal(aero_disk_read_file(f->disk, name, 1 << 20, &bytes).code, AERO_OK);
    assert_true(aero_slice_equal(aero_buffer_slice(&bytes), aero_slice_text(text)));
    aero_buffer_deinit(&bytes);
}

struct heard {
    unsigned count;
    char said[128];
};

static inline void hear(void *self, const char *call, const char *name, aero_status status)
{
    struct heard *heard = self;
    heard->count++;
    snprintf(heard->said, sizeof heard->said, "%s %s %d", call, name, status.sys_errno);
}

static inline void let_hear(struct fixture *f, struct heard *heard)
{
    aero_disk_posix_set_witness(f->posix,
                                (struct aero_disk_witness){.refused = hear, .self = heard});
}

#define WITH_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
