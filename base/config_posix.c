/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration files from the file system. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/config_priv.h"

static aero_status read_all(int fd, struct aero_buffer *buffer)
{
    for (;;) {
        uint8_t *room = aero_buffer_reserve(buffer, 4096);
        ssize_t count = read(fd, room, 4096);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return aero_error_errno(errno);
        }
        if (count == 0) {
            return aero_ok();
        }
        buffer->length += (size_t)count;
        if (buffer->length > AERO_CONFIG_FILE_MAX_BYTES) {
            return aero_error(AERO_LIMIT);
        }
    }
}

static void explain(const char *path, aero_status status, struct aero_config_error *out_error)
{
    char text[128];
    if (status.code == AERO_LIMIT) {
        snprintf(text, sizeof text, "is longer than %d bytes", AERO_CONFIG_FILE_MAX_BYTES);
    } else {
        snprintf(text, sizeof text, "cannot be read: %s", strerrordesc_np(status.sys_errno));
    }
    aero_config_error_text(path, text, out_error);
}

aero_status aero_config_load_file(struct aero_config *config, const char *path,
                                  struct aero_config_error *out_error)
{
    struct aero_buffer text = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    aero_status status = fd < 0 ? aero_error_errno(errno) : read_all(fd, &text);
    if (!aero_is_ok(status)) {
        explain(path, status, out_error);
    } else {
        status = aero_config_parse(config, path, aero_buffer_slice(&text), out_error);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (text.length != 0) {
        explicit_bzero(text.data, text.length); /* it may hold passwords */
    }
    aero_buffer_deinit(&text);
    return status;
}

/* Its bytes went to the first who read them. Another would find none, which is a configuration too, and one without a
 * password; or wait until somebody writes. */
aero_status aero_config_check_lasting(const char *path, struct aero_config_error *out_error)
{
    struct stat facts;
    if (stat(path, &facts) != 0 || !S_ISFIFO(facts.st_mode)) {
        return aero_ok(); /* what is wrong with others is said by who opens them */
    }
    aero_config_error_text(path, "is a pipe, which cannot be read again: a change needs a restart",
                           out_error);
    return aero_error(AERO_INVALID);
}
