/* SPDX-License-Identifier: Apache-2.0 */
/* aeroctl certs init: DIR/ca.crt and ca.key, and for each node DIR/NAME/{ca.crt,node.crt,node.key}, and crl.pem when DIR has
 * one.
 *
 * Nothing that exists is written over: a name that is taken ends the command before it begins. A CA that is there is used,
 * which is how a node is added. If a write fails, what this run made for that node, or of a new CA, is removed again. */
#include <string.h>

#include "base/assert.h"
#include "base/config_text.h"
#include "ctl/certs_task.h"

#define WORDS "certs init"
#define AUTHORITY_DAYS 3650
#define NODE_DAYS 825

static bool read_days(const struct aero_certs_task *task, const struct aero_options *given,
                      uint32_t *out_days)
{
    const char *days = aero_options_value(given, "days");
    uint64_t number = NODE_DAYS;
    if (days != NULL &&
        (!aero_text_to_integer(days, &number) || number == 0 || number > AUTHORITY_DAYS)) {
        aero_ctl_complain(task->ctl, WORDS, "--days must be 1 to %d", AUTHORITY_DAYS);
        return false;
    }
    *out_days = (uint32_t)number;
    return true;
}

/* ---- The CA ------------------------------------------------------------------------------------------------ */

static bool make_file(const struct aero_certs_task *task, const char *directory, const char *name,
                      unsigned mode, const struct aero_buffer *bytes)
{
    char path[AERO_CTL_PATH_MAX];
    return aero_certs_fits(task, directory, name, path) &&
           aero_certs_went_well(task, path,
                                aero_ctl_file_create(path, mode, aero_buffer_slice(bytes)));
}

/* One that this run made, or could not. */
static void remove_file(const char *directory, const char *name)
{
    char path[AERO_CTL_PATH_MAX];
    if (aero_ctl_path(directory, name, path)) {
        aero_ctl_file_remove(path);
    }
}

static bool make_authority(struct aero_certs_task *task)
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

static bool open_authority(struct aero_certs_task *task)
{
    bool found;
    return aero_certs_read_authority(task, &found) && (found || make_authority(task));
}

/* ---- Nodes ------------------------------------------------------------------------------------------------- */

static bool names_are_free(const struct aero_certs_task *task)
{
    for (size_t i = 0; i < task->name_count; i++) {
        char path[AERO_CTL_PATH_MAX];
        enum aero_ctl_path_kind kind;
        if (!aero_certs_fits(task, task->directory, task->names[i], path) ||
            !aero_certs_went_well(task, path, aero_ctl_path_kind(path, &kind, NULL))) {
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
    static const char *const files[] = {"node.key", "node.crt", "ca.crt", "crl.pem"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        remove_file(folder, files[i]);
    }
    aero_ctl_directory_remove(folder);
}

static bool fill_folder(const struct aero_certs_task *task, const char *folder,
                        const struct aero_cert_pair *node)
{
    return make_file(task, folder, "node.key", 0600, &node->key) &&
           make_file(task, folder, "node.crt", 0644, &node->certificate) &&
           make_file(task, folder, "ca.crt", 0644, &task->authority.certificate) &&
           (task->list.length == 0 || make_file(task, folder, "crl.pem", 0644, &task->list)) &&
           aero_certs_went_well(task, folder, aero_ctl_directory_sync(folder));
}

static bool make_node(const struct aero_certs_task *task, const char *name, uint32_t days)
{
    char folder[AERO_CTL_PATH_MAX];
    struct aero_cert_pair node = {0};
    aero_wall_ms now = task->ctl->clock.wall(task->ctl->clock.self);
    aero_status status = aero_cert_issue(&task->authority, name, now, days, &node);
    if (!aero_is_ok(status)) {
        aero_certs_complain_of_authority(task, status);
        return false;
    }
    AERO_ASSERT(aero_ctl_path(task->directory, name, folder)); /* as names_are_free found */
    bool done = false;
    if (aero_certs_went_well(task, folder, aero_ctl_directory_create(folder))) {
        done = fill_folder(task, folder, &node);
        if (done) {
            fprintf(task->ctl->out, "%s: ca.crt, node.crt, node.key%s for node '%s'\n", folder,
                    task->list.length == 0 ? "" : ", crl.pem", name);
        } else {
            remove_node(folder);
        }
    }
    aero_cert_pair_deinit(&node);
    return done;
}

static bool make_directory(const struct aero_certs_task *task)
{
    aero_status status = aero_ctl_directory_create(task->directory);
    return status.code == AERO_EXISTS || aero_certs_went_well(task, task->directory, status);
}

static bool make_all(struct aero_certs_task *task, uint32_t days)
{
    if (!names_are_free(task) || !make_directory(task) || !aero_certs_lock(task) ||
        !open_authority(task) || !aero_certs_read_list(task)) {
        return false;
    }
    for (size_t i = 0; i < task->name_count; i++) {
        if (!make_node(task, task->names[i], days)) {
            return false;
        }
    }
    return aero_certs_went_well(task, task->directory, aero_ctl_directory_sync(task->directory));
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
    struct aero_certs_task task = {.ctl = ctl, .words = WORDS, .directory = given.operands[0]};
    uint32_t days;
    if (!aero_certs_read_names(&task, &given) || !read_days(&task, &given, &days)) {
        return AERO_EXIT_USAGE;
    }
    exit_code = make_all(&task, days) ? AERO_EXIT_OK : AERO_EXIT_FAILURE;
    aero_certs_task_deinit(&task);
    return exit_code;
}
