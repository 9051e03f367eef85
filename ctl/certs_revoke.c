/* SPDX-License-Identifier: Apache-2.0 */
/* aeroctl certs revoke: DIR/crl.pem, and the same bytes in the folder of every node that is not revoked.
 *
 * Everything is read and judged before anything is written. Then DIR/crl.pem is first, which is what counts: it has all that
 * was ever revoked, and the folders get copies. Each file is replaced as a whole, since a daemon may read it at any time. A
 * run that fails on the way leaves older copies in some folders; another run finds what is revoked on the list already, and
 * writes all of them. One run at a time. */
#include <string.h>

#include "base/assert.h"
#include "ctl/certs_task.h"

#define WORDS "certs revoke"
#define LIST_MODE 0644

struct revocation {
    struct aero_certs_task shared;
    aero_wall_ms now;
    struct aero_buffer certificates[AERO_CERTS_NODES_MAX]; /* of the names */
    struct aero_buffer made;                               /* the new list */
    struct aero_cert_crls *made_lists;                     /* the same, parsed */
    bool failed;                                           /* to copy it to some folder */
};

static void deinit(struct revocation *revocation)
{
    for (size_t i = 0; i < revocation->shared.name_count; i++) {
        aero_buffer_deinit(&revocation->certificates[i]);
    }
    aero_buffer_deinit(&revocation->made);
    aero_cert_crls_free(revocation->made_lists);
    aero_certs_task_deinit(&revocation->shared);
}

/* ---- What there is ------------------------------------------------------------------------------------------- */

static bool open_authority(struct revocation *revocation)
{
    struct aero_certs_task *task = &revocation->shared;
    bool found;
    if (!aero_certs_read_authority(task, &found)) {
        return false;
    }
    if (!found) {
        aero_ctl_complain(task->ctl, WORDS,
                          "%s holds neither ca.crt nor ca.key: name the directory of the authority "
                          "that issued the certificate",
                          task->directory);
        return false;
    }
    aero_status status = aero_cert_check_authority(&task->authority, revocation->now);
    if (!aero_is_ok(status)) {
        aero_certs_complain_of_authority(task, status);
    }
    return aero_is_ok(status);
}

static bool read_certificate(const struct aero_certs_task *task, const char *name,
                             struct aero_buffer *out_certificate)
{
    char folder[AERO_CTL_PATH_MAX];
    bool found;
    if (!aero_certs_fits(task, task->directory, name, folder) ||
        !aero_certs_read_file(task, folder, "node.crt", out_certificate, &found)) {
        return false;
    }
    if (!found) {
        aero_ctl_complain(task->ctl, WORDS,
                          "%s/node.crt is not there: what to revoke is told by the certificate. "
                          "Put a copy of it there, or leave the name out",
                          folder);
        return false;
    }
    aero_status status = aero_cert_check_revocable(aero_buffer_slice(out_certificate),
                                                   aero_buffer_slice(&task->authority.certificate));
    if (!aero_is_ok(status)) {
        aero_ctl_complain(task->ctl, WORDS, "%s/node.crt: %s", folder,
                          status.code == AERO_CORRUPT
                              ? "there is no certificate in it (PEM is expected)"
                              : "another authority than ca.crt issued it: revoke it there");
    }
    return aero_is_ok(status);
}

static bool read_all(struct revocation *revocation)
{
    struct aero_certs_task *task = &revocation->shared;
    if (!aero_certs_lock(task) || !open_authority(revocation) || !aero_certs_read_list(task)) {
        return false;
    }
    for (size_t i = 0; i < task->name_count; i++) {
        if (!read_certificate(task, task->names[i], &revocation->certificates[i])) {
            return false;
        }
    }
    return true;
}

/* ---- The list ------------------------------------------------------------------------------------------------ */

static bool make_list(struct revocation *revocation)
{
    struct aero_certs_task *task = &revocation->shared;
    aero_status status =
        aero_cert_crls_extend(task->lists, &task->authority, revocation->certificates,
                              task->name_count, revocation->now, &revocation->made);
    if (!aero_is_ok(status)) {
        aero_certs_complain_of_authority(task, status);
        return false;
    }
    status = aero_cert_crls_read(aero_buffer_slice(&revocation->made), &revocation->made_lists);
    AERO_ASSERT(aero_is_ok(status)); /* we made it */
    return true;
}

static bool replace_list(const struct revocation *revocation, const char *folder)
{
    char path[AERO_CTL_PATH_MAX];
    AERO_ASSERT(aero_ctl_path(folder, "crl.pem", path)); /* one as long has been read */
    aero_status status =
        aero_ctl_file_replace(folder, "crl.pem", LIST_MODE, aero_buffer_slice(&revocation->made));
    return aero_certs_went_well(&revocation->shared, path, status);
}

static void print_name(const struct revocation *revocation, size_t index)
{
    const struct aero_certs_task *task = &revocation->shared;
    struct aero_slice certificate = aero_buffer_slice(&revocation->certificates[index]);
    struct aero_cert_facts facts;
    aero_status status = aero_cert_read(certificate, revocation->now, &facts);
    AERO_ASSERT(aero_is_ok(status)); /* it was read before */
    fprintf(task->ctl->out, "%s/%s/node.crt: %s, serial %s\n", task->directory, task->names[index],
            aero_cert_crls_has(task->lists, certificate) ? "was revoked already" : "revoked",
            facts.serial);
}

static bool publish(const struct revocation *revocation)
{
    const struct aero_certs_task *task = &revocation->shared;
    struct aero_cert_crl_facts facts;
    if (!replace_list(revocation, task->directory)) {
        aero_ctl_complain(task->ctl, WORDS,
                          "no node's folder has the new list: mend this, and run the same again");
        return false;
    }
    for (size_t i = 0; i < task->name_count; i++) {
        print_name(revocation, i);
    }
    aero_cert_crls_facts(revocation->made_lists, 0, revocation->now, &facts);
    fprintf(task->ctl->out, "%s/crl.pem: revokes %zu certificate%s, good until %s\n",
            task->directory, facts.revoked_count, aero_plural(facts.revoked_count),
            facts.validity.to);
    return true;
}

/* ---- Its copies ----------------------------------------------------------------------------------------------- */

/* Whether the node of that folder is one that should have the list. False, too, when that could not be found out. */
static bool wants_list(struct revocation *revocation, const char *folder)
{
    const struct aero_certs_task *task = &revocation->shared;
    struct aero_buffer authorities = {0};
    struct aero_buffer certificate = {0};
    bool is_node;
    bool has_certificate;
    bool wants = false;
    if (!aero_certs_read_file(task, folder, "ca.crt", &authorities, &is_node) ||
        !aero_certs_read_file(task, folder, "node.crt", &certificate, &has_certificate)) {
        revocation->failed = true;
    } else if (is_node &&
               !aero_cert_crls_has(revocation->made_lists, aero_buffer_slice(&certificate))) {
        /* A node refuses a list that its ca.crt does not vouch for, and with it its whole directory. */
        wants =
            aero_cert_crls_signed_by(revocation->made_lists, 0, aero_buffer_slice(&authorities));
        if (!wants) {
            fprintf(task->ctl->out, "%s: left as it is, its ca.crt is another authority's\n",
                    folder);
        }
    }
    aero_buffer_deinit(&authorities);
    aero_buffer_deinit(&certificate);
    return wants;
}

static void copy_to(struct revocation *revocation, const char *folder)
{
    if (!wants_list(revocation, folder)) {
        return;
    }
    if (replace_list(revocation, folder)) {
        fprintf(revocation->shared.ctl->out, "%s/crl.pem: the same list\n", folder);
    } else {
        revocation->failed = true;
    }
}

/* One folder that fails does not keep the others from theirs. */
static bool copy_to_all(struct revocation *revocation)
{
    const struct aero_certs_task *task = &revocation->shared;
    struct aero_buffer names = {0};
    revocation->failed = !aero_certs_went_well(task, task->directory,
                                               aero_ctl_directory_list(task->directory, &names));
    for (size_t at = 0; at < names.length; at += strlen((char *)names.data + at) + 1) {
        char folder[AERO_CTL_PATH_MAX];
        AERO_ASSERT(
            aero_ctl_path(task->directory, (char *)names.data + at, folder)); /* as listed */
        copy_to(revocation, folder);
    }
    aero_buffer_deinit(&names);
    if (revocation->failed) {
        aero_ctl_complain(task->ctl, WORDS,
                          "%s/crl.pem has everything, but not every folder has it: mend this, and "
                          "run the same again",
                          task->directory);
    }
    return !revocation->failed;
}

static bool revoke(struct revocation *revocation)
{
    if (!read_all(revocation) || !make_list(revocation) || !publish(revocation) ||
        !copy_to_all(revocation)) {
        return false;
    }
    fputs(
        "Now copy crl.pem to the certs directory of every node, next to its ca.crt. Nodes take it\n"
        "over while they run, and end their links with what is revoked.\n",
        revocation->shared.ctl->out);
    return true;
}

int aero_ctl_certs_revoke(const struct aero_ctl *ctl, int argc, char **argv)
{
    static const struct aero_option options[] = {
        {"node", "NAME", "node",
         "A node whose certificate DIR/NAME/node.crt is revoked. May be repeated; further names "
         "may follow. What a renewal left behind has a name, too: replica1.old."},
    };
    static const struct aero_program program = {
        .name = "aeroctl " WORDS,
        .summary = "Revokes nodes' certificates with the authority in DIR: makes the list "
                   "DIR/crl.pem, or extends it, and copies it to the folder of every node that is "
                   "not revoked.",
        .operands = "DIR --node NAME...",
        .more_help = "Then copy crl.pem to the certs directory of every node: they refuse\n"
                     "what is on it, and end open links with it, without a restart.\n",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    struct aero_options given;
    int exit_code;
    if (!aero_ctl_parse(ctl, &program, argc, argv, 1, SIZE_MAX, &given, &exit_code)) {
        return exit_code;
    }
    struct revocation revocation = {
        .shared = {.ctl = ctl, .words = WORDS, .directory = given.operands[0]},
        .now = ctl->clock.wall(ctl->clock.self),
    };
    if (!aero_certs_read_names(&revocation.shared, &given)) {
        return AERO_EXIT_USAGE;
    }
    exit_code = revoke(&revocation) ? AERO_EXIT_OK : AERO_EXIT_FAILURE;
    deinit(&revocation);
    return exit_code;
}
