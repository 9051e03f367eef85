/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/certs_task.h"

#include <string.h>

#include "base/assert.h"

void aero_certs_task_deinit(struct aero_certs_task *task)
{
    aero_cert_pair_deinit(&task->authority);
    aero_buffer_deinit(&task->list);
    aero_cert_crls_free(task->lists);
    if (task->is_locked) {
        aero_ctl_directory_unlock(task->lock);
    }
}

bool aero_certs_went_well(const struct aero_certs_task *task, const char *path, aero_status status)
{
    bool well = aero_is_ok(status);
    if (!well) {
        aero_ctl_complain(task->ctl, task->words, "%s: %s", path, aero_ctl_file_error(status));
    }
    return well;
}

bool aero_certs_fits(const struct aero_certs_task *task, const char *directory, const char *name,
                     char out_path[AERO_CTL_PATH_MAX])
{
    bool fitting = aero_ctl_path(directory, name, out_path);
    if (!fitting) {
        aero_ctl_complain(task->ctl, task->words, "%s: the path is too long", directory);
    }
    return fitting;
}

bool aero_certs_read_file(const struct aero_certs_task *task, const char *directory,
                          const char *name, struct aero_buffer *out_bytes, bool *out_found)
{
    char path[AERO_CTL_PATH_MAX];
    if (!aero_certs_fits(task, directory, name, path)) {
        return false;
    }
    aero_status status = aero_ctl_file_read(path, out_bytes);
    *out_found = status.code != AERO_NOT_FOUND;
    return status.code == AERO_NOT_FOUND || aero_certs_went_well(task, path, status);
}

bool aero_certs_lock(struct aero_certs_task *task)
{
    aero_status status = aero_ctl_directory_lock(task->directory, &task->lock);
    task->is_locked = aero_is_ok(status);
    if (status.code == AERO_BUSY) {
        aero_ctl_complain(task->ctl, task->words,
                          "%s: another aeroctl certs works there. Nothing was done: run this again "
                          "when that one has ended",
                          task->directory);
    }
    return status.code != AERO_BUSY;
}

/* ---- Names ------------------------------------------------------------------------------------------------- */

static bool add_name(struct aero_certs_task *task, const char *name)
{
    if (!aero_cert_name_valid(name)) {
        aero_ctl_complain(task->ctl, task->words,
                          "'%s' is no name for a node: 1 to %d letters, digits, '-', '_' and '.', "
                          "beginning with a letter or digit",
                          name, AERO_CERT_NAME_MAX - 1);
        return false;
    }
    for (size_t i = 0; i < task->name_count; i++) {
        if (strcmp(task->names[i], name) == 0) {
            aero_ctl_complain(task->ctl, task->words, "node '%s' is named twice", name);
            return false;
        }
    }
    if (task->name_count == AERO_CERTS_NODES_MAX) {
        aero_ctl_complain(task->ctl, task->words, "at most %d nodes at a time",
                          AERO_CERTS_NODES_MAX);
        return false;
    }
    task->names[task->name_count++] = name;
    return true;
}

bool aero_certs_read_names(struct aero_certs_task *task, const struct aero_options *given)
{
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
        aero_ctl_complain(task->ctl, task->words, "--node NAME is missing: which nodes?");
    }
    return task->name_count != 0;
}

/* ---- The CA and its list ------------------------------------------------------------------------------------- */

bool aero_certs_read_authority(struct aero_certs_task *task, bool *out_found)
{
    bool certificate_found;
    bool key_found;
    if (!aero_certs_read_file(task, task->directory, "ca.crt", &task->authority.certificate,
                              &certificate_found) ||
        !aero_certs_read_file(task, task->directory, "ca.key", &task->authority.key, &key_found)) {
        return false;
    }
    if (certificate_found != key_found) {
        aero_ctl_complain(task->ctl, task->words,
                          "%s holds only %s: bring the other back, or use another directory",
                          task->directory, key_found ? "ca.key, not ca.crt" : "ca.crt, not ca.key");
        return false;
    }
    *out_found = key_found;
    return true;
}

/* What a link that leads nowhere was meant to lead to may come back: a new list would not have what that one revokes. */
static bool is_nothing(const struct aero_certs_task *task, const char *name)
{
    char path[AERO_CTL_PATH_MAX];
    AERO_ASSERT(aero_ctl_path(task->directory, name, path)); /* it was looked for before */
    bool taken = aero_ctl_path_is_taken(path);
    if (taken) {
        aero_ctl_complain(task->ctl, task->words,
                          "%s is a link that leads nowhere: put the list there, or remove the link "
                          "to begin a new one",
                          path);
    }
    return !taken;
}

bool aero_certs_read_list(struct aero_certs_task *task)
{
    bool found;
    if (!aero_certs_read_file(task, task->directory, "crl.pem", &task->list, &found)) {
        return false;
    }
    if (!found) {
        return is_nothing(task, "crl.pem");
    }
    aero_status status = aero_cert_crls_read(aero_buffer_slice(&task->list), &task->lists);
    if (aero_is_ok(status)) {
        status =
            aero_cert_crls_check_own(task->lists, aero_buffer_slice(&task->authority.certificate));
    }
    if (!aero_is_ok(status)) {
        aero_ctl_complain(task->ctl, task->words,
                          "%s/crl.pem: %s. It is not written over: bring a whole one back from a "
                          "node or a backup, or move it away to begin a new one, which will not "
                          "have what this one revokes",
                          task->directory,
                          status.code == AERO_CORRUPT    ? "no revocation list, or a damaged one"
                          : status.code == AERO_MISMATCH ? "ca.crt did not sign it"
                                                         : "not one list of everything revoked, as "
                                                           "this command makes them");
    }
    return aero_is_ok(status);
}

static const char *trouble_of_authority(aero_status status)
{
    switch (status.code) {
    case AERO_CORRUPT:
        return "not a certificate and its key: bring back the two that belong together";
    case AERO_MISMATCH:
        return "not a CA, or it has expired: begin a new one in another directory";
    case AERO_UNSUPPORTED:
        return "the certificate does not allow to sign revocation lists (key usage): have one made "
               "for the same key that does";
    default:
        return "OpenSSL could not sign with them: one that certs init makes can";
    }
}

void aero_certs_complain_of_authority(const struct aero_certs_task *task, aero_status status)
{
    aero_ctl_complain(task->ctl, task->words, "%s/ca.crt and ca.key: %s", task->directory,
                      trouble_of_authority(status));
}
