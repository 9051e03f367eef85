/* SPDX-License-Identifier: Apache-2.0 */
/* aeroctl certs init: DIR/ca.crt and ca.key, and for each node DIR/NAME/{ca.crt,node.crt,node.key}.
 *
 * Nothing that exists is written over: a name that is taken ends the command before it begins. A CA that is there is used,
 * which is how a node is added. If a write fails, what this run made for that node, or of a new CA, is removed again. */
#include <string.h>

#include "base/assert.h"
#include "base/config_text.h"
#include "ctl/cert.h"
#include "ctl/ctl.h"
#include "ctl/files.h"

#define WORDS "certs init"
#define NODES_MAX 128
#define AUTHORITY_DAYS 3650
#define NODE_DAYS 825

struct task {
    const struct aero_ctl *ctl;
    const char *directory;
    const char *names[NODES_MAX];
    size_t name_count;
    uint32_t days;
    struct aero_cert_pair authority;
};

/* Else says what is wrong with the path. */
static bool went_well(const struct task *task, const char *path, aero_status status)
{
    bool well = aero_is_ok(status);
    if (!well) {
        aero_ctl_complain(task->ctl, WORDS, "%s: %s", path, aero_ctl_file_error(status));
    }
    return well;
}

static bool fits(const struct task *task, const char *directory, const char *name,
                 char out_path[AERO_CTL_PATH_MAX])
{
    bool fitting = aero_ctl_path(directory, name, out_path);
    if (!fitting) {
        aero_ctl_complain(task->ctl, WORDS, "%s: the path is too long", directory);
    }
    return fitting;
}

/* ---- What was asked for ------------------------------------------------------------------------------------ */

static bool add_name(struct task *task, const char *name)
{
    if (!aero_cert_name_valid(name)) {
        aero_ctl_complain(task->ctl, WORDS,
                          "'%s' is no name for a node: 1 to %d letters, digits, '-', '_' and '.', "
                          "beginning with a letter or digit",
                          name, AERO_CERT_NAME_MAX - 1);
        return false;
    }
    for (size_t i = 0; i < task->name_count; i++) {
        if (strcmp(task->names[i], name) == 0) {
            aero_ctl_complain(task->ctl, WORDS, "node '%s' is named twice", name);
            return false;
        }
    }
    if (task->name_count == NODES_MAX) {
        aero_ctl_complain(task->ctl, WORDS, "at most %d nodes at a time", NODES_MAX);
        return false;
    }
    task->names[task->name_count++] = name;
    return true;
}

/* Names stand behind --node, which may be repeated, and behind DIR. */
static bool read_request(struct task *task, const struct aero_options *given)
{
    const char *days = aero_options_value(given, "days");
    uint64_t number = NODE_DAYS;
    for (size_t i = 0; i < given->setting_count; i++) {
        if (!add_name(task, given->settings[i].value)) {
            return false;
        }
    }
    for (size_t i = 1; i < given->operand_count; i++) {
        if (!add_name(task, given->operands[i])) {
            return false;
        }
    }
    if (task->name_count == 0) {
        aero_ctl_complain(task->ctl, WORDS, "--node NAME is missing: which nodes?");
        return false;
    }
    if (days != NULL &&
        (!aero_text_to_integer(days, &number) || number == 0 || number > AUTHORITY_DAYS)) {
        aero_ctl_complain(task->ctl, WORDS, "--days must be 1 to %d", AUTHORITY_DAYS);
        return false;
    }
    task->days = (uint32_t)number;
    return true;
}

/* ---- The CA ------------------------------------------------------------------------------------------------ */

static bool read_into(const struct task *task, const char *name, struct aero_buffer *out_bytes,
                      bool *out_found)
{
    char path[AERO_CTL_PATH_MAX];
    if (!fits(task, task->directory, name, path)) {
        return false;
    }
    aero_status status = aero_ctl_file_read(path, out_bytes);
    *out_found = status.code != AERO_NOT_FOUND;
    return status.code == AERO_NOT_FOUND || went_well(task, path, status);
}

static bool make_file(const struct task *task, const char *directory, const char *name,
                      unsigned mode, const struct aero_buffer *bytes)
{
    char path[AERO_CTL_PATH_MAX];
    return fits(task, directory, name, path) &&
           went_well(task, path, aero_ctl_file_create(path, mode, aero_buffer_slice(bytes)));
}

/* One that this run made, or could not. */
static void remove_file(const char *directory, const char *name)
{
    char path[AERO_CTL_PATH_MAX];
    if (aero_ctl_path(directory, name, path)) {
        aero_ctl_file_remove(path);
    }
}

static bool make_authority(struct task *task)
{
    aero_wall_ms now = task->ctl->clock.wall(task->ctl->clock.self);
    aero_status status = aero_cert_make_authority(now, AUTHORITY_DAYS, &task->authority);
    if (!aero_is_ok(status)) {
        aero_ctl_complain(task->ctl, WORDS, "OpenSSL could not make a CA");
        return false;
    }
    if (!make_file(task, task->directory, "ca.key", 0600, &task->authority.key)) {
        return false;
    }
    if (!make_file(task, task->directory, "ca.crt", 0644, &task->authority.certificate)) {
        remove_file(task->directory, "ca.key"); /* half a CA would be in the way of the next run */
        return false;
    }
    fprintf(task->ctl->out, "%s/ca.crt, ca.key: a new CA, good for %d days\n", task->directory,
            AUTHORITY_DAYS);
    return true;
}

static bool open_authority(struct task *task)
{
    bool certificate_found;
    bool key_found;
    if (!read_into(task, "ca.crt", &task->authority.certificate, &certificate_found) ||
        !read_into(task, "ca.key", &task->authority.key, &key_found)) {
        return false;
    }
    if (!certificate_found && !key_found) {
        return make_authority(task);
    }
    if (certificate_found && key_found) {
        return true;
    }
    aero_ctl_complain(task->ctl, WORDS,
                      "%s holds only %s: bring the other back, or use another directory",
                      task->directory, key_found ? "ca.key, not ca.crt" : "ca.crt, not ca.key");
    return false;
}

/* ---- Nodes ------------------------------------------------------------------------------------------------- */

static bool names_are_free(const struct task *task)
{
    for (size_t i = 0; i < task->name_count; i++) {
        char path[AERO_CTL_PATH_MAX];
        enum aero_ctl_path_kind kind;
        if (!fits(task, task->directory, task->names[i], path) ||
            !went_well(task, path, aero_ctl_path_kind(path, &kind, NULL))) {
            return false;
        }
        if (kind != AERO_CTL_PATH_NOTHING) {
            aero_ctl_complain(task->ctl, WORDS,
                              "%s exists and is not written over. Nothing was done. Remove it to "
                              "have new certificates for '%s', or leave the name out.",
                              path, task->names[i]);
            return false;
        }
    }
    return true;
}

static void remove_node(const char *folder)
{
    static const char *const files[] = {"node.key", "node.crt", "ca.crt"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        remove_file(folder, files[i]);
    }
    aero_ctl_directory_remove(folder);
}

static bool fill_folder(const struct task *task, const char *folder,
                        const struct aero_cert_pair *node)
{
    return make_file(task, folder, "node.key", 0600, &node->key) &&
           make_file(task, folder, "node.crt", 0644, &node->certificate) &&
           make_file(task, folder, "ca.crt", 0644, &task->authority.certificate) &&
           went_well(task, folder, aero_ctl_directory_sync(folder));
}

static bool make_node(const struct task *task, const char *name)
{
    char folder[AERO_CTL_PATH_MAX];
    struct aero_cert_pair node = {0};
    aero_wall_ms now = task->ctl->clock.wall(task->ctl->clock.self);
    aero_status status = aero_cert_issue(&task->authority, name, now, task->days, &node);
    if (!aero_is_ok(status)) {
        aero_ctl_complain(task->ctl, WORDS, "%s/ca.crt and ca.key: %s", task->directory,
                          status.code == AERO_CORRUPT    ? "not a certificate and its key"
                          : status.code == AERO_MISMATCH ? "not a CA, or it has expired"
                                                         : "OpenSSL could not sign with them");
        return false;
    }
    AERO_ASSERT(aero_ctl_path(task->directory, name, folder)); /* as names_are_free found */
    bool done = false;
    if (went_well(task, folder, aero_ctl_directory_create(folder))) {
        done = fill_folder(task, folder, &node);
        if (done) {
            fprintf(task->ctl->out, "%s: ca.crt, node.crt, node.key for node '%s'\n", folder, name);
        } else {
            remove_node(folder);
        }
    }
    aero_cert_pair_deinit(&node);
    return done;
}

static bool make_directory(const struct task *task)
{
    aero_status status = aero_ctl_directory_create(task->directory);
    return status.code == AERO_EXISTS || went_well(task, task->directory, status);
}

static bool make_all(struct task *task)
{
    if (!names_are_free(task) || !make_directory(task) || !open_authority(task)) {
        return false;
    }
    for (size_t i = 0; i < task->name_count; i++) {
        if (!make_node(task, task->names[i])) {
            return false;
        }
    }
    return went_well(task, task->directory, aero_ctl_directory_sync(task->directory));
}

int aero_ctl_certs_init(const struct aero_ctl *ctl, int argc, char **argv)
{
    static const struct aero_option options[] = {
        {"node", "NAME", "node",
         "A node to make a certificate for: DIR/NAME with ca.crt, node.crt and node.key, which "
         "is what --certs of a daemon wants. May be repeated; further names may follow."},
        {"days", "N", NULL, "How long the nodes' certificates are good for. Default: 825."},
    };
    static const struct aero_program program = {
        .name = "aeroctl " WORDS,
        .summary = "Makes a certificate authority for development in DIR, unless there is one, and "
                   "a folder with a certificate and a key for each node. Writes over nothing.",
        .operands = "DIR --node NAME...",
        .more_help = "DIR/ca.key can make certificates that every node trusts: keep it off the\n"
                     "nodes. Copy to a node only its own folder.\n",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    struct aero_options given;
    int exit_code;
    if (!aero_ctl_parse(ctl, &program, argc, argv, 1, SIZE_MAX, &given, &exit_code)) {
        return exit_code;
    }
    struct task task = {.ctl = ctl, .directory = given.operands[0]};
    if (!read_request(&task, &given)) {
        return AERO_EXIT_USAGE;
    }
    exit_code = make_all(&task) ? AERO_EXIT_OK : AERO_EXIT_FAILURE;
    aero_cert_pair_deinit(&task.authority);
    return exit_code;
}
