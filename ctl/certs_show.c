/* SPDX-License-Identifier: Apache-2.0 */
/* aeroctl certs show: a certificate or revocation list, a node's folder, or a folder of nodes' folders; what is wrong with
 * them. */
#include <string.h>

#include "base/assert.h"
#include "ctl/certs_show_list.h"

#define WORDS "certs show"

/* ---- Certificates ---------------------------------------------------------------------------------------------- */

static void warn_of_key(const char *folder, struct aero_slice certificate,
                        struct aero_certs_warnings *warnings)
{
    char path[AERO_CTL_PATH_MAX];
    struct aero_buffer key = {0};
    enum aero_ctl_path_kind kind;
    unsigned mode = 0;
    AERO_ASSERT(aero_ctl_path(folder, "node.key", path)); /* as long as that of node.crt */
    aero_status status = aero_ctl_path_kind(path, &kind, &mode);
    if (aero_is_ok(status)) {
        status = aero_ctl_file_read(path, &key);
    }
    if (!aero_is_ok(status)) {
        aero_certs_warn(warnings, "node.key cannot be read: %s", aero_ctl_file_error(status));
    } else if (!aero_is_ok(aero_cert_check_key(certificate, aero_buffer_slice(&key)))) {
        aero_certs_warn(warnings, "node.key is not the key of node.crt");
    } else if ((mode & 077) != 0) {
        aero_certs_warn(warnings, "node.key can be read by others: chmod 600 node.key");
    }
    aero_cert_wipe(&key);
}

static void warn_of_issuer(const char *folder, struct aero_slice certificate, aero_wall_ms now,
                           struct aero_certs_warnings *warnings)
{
    char why[AERO_CERT_TEXT_MAX];
    struct aero_buffer authority = {0};
    if (aero_certs_read_authorities(folder, warnings, &authority) &&
        !aero_is_ok(aero_cert_check_issuer(certificate, aero_buffer_slice(&authority), now, why))) {
        aero_certs_warn(warnings, "ca.crt does not vouch for it: %s", why);
    }
    aero_buffer_deinit(&authority);
}

/* By the list of its own folder, or that of the directory whose folders are shown. */
static void warn_of_revocation(const struct aero_certs_show *show, const char *folder,
                               struct aero_slice certificate, struct aero_certs_warnings *warnings)
{
    if (aero_certs_folder_revokes(folder, certificate) ||
        aero_certs_folder_revokes(show->directory, certificate)) {
        aero_certs_warn(warnings,
                        "it is revoked: nodes refuse it; make a new one, or remove this folder");
    }
}

static void put_lines(struct aero_certs_show *show, const char *path,
                      const struct aero_cert_facts *facts)
{
    FILE *out = show->ctl->out;
    fprintf(out, "%s\n", path);
    fprintf(out, "  %-12s %s%s\n", facts->is_authority ? "authority" : "node", facts->name,
            facts->is_authority ? " (signs others)" : "");
    fprintf(out, "  %-12s %s\n", "issuer", facts->issuer);
    aero_certs_put_validity(show, &facts->validity);
    fprintf(out, "  %-12s %s\n", "serial", facts->serial);
    fprintf(out, "  %-12s %s\n", "sha256", facts->fingerprint);
}

static struct json_object *make_object(const char *path, const struct aero_cert_facts *facts)
{
    struct json_object *object = json_object_new_object();
    aero_ctl_json_text(object, "file", path);
    aero_ctl_json_text(object, "name", facts->name);
    aero_ctl_json_bool(object, "authority", facts->is_authority);
    aero_ctl_json_text(object, "subject", facts->subject);
    aero_ctl_json_text(object, "issuer", facts->issuer);
    aero_ctl_json_text(object, "serial", facts->serial);
    aero_ctl_json_text(object, "not_before", facts->validity.from);
    aero_ctl_json_text(object, "not_after", facts->validity.to);
    json_object_object_add(object, "days_left", aero_certs_days_left(&facts->validity));
    aero_ctl_json_text(object, "sha256", facts->fingerprint);
    return object;
}

/* `folder`, when not NULL, holds its key and its CA. False: the PEM text holds no certificate. */
static bool show_certificate(struct aero_certs_show *show, const char *path, const char *folder,
                             struct aero_slice pem)
{
    struct aero_cert_facts facts;
    struct aero_certs_warnings warnings = {.count = 0};
    if (!aero_is_ok(aero_cert_read(pem, show->now, &facts))) {
        return false;
    }
    aero_certs_warn_of_dates(&warnings, &facts.validity, "nodes refuse it");
    if (folder != NULL) {
        warn_of_key(folder, pem, &warnings);
        warn_of_issuer(folder, pem, show->now, &warnings);
        warn_of_revocation(show, folder, pem, &warnings);
    }
    if (show->objects != NULL) {
        aero_certs_put_object(show, make_object(path, &facts), &warnings);
    } else {
        put_lines(show, path, &facts);
        aero_certs_put_warnings(show, &warnings);
    }
    return true;
}

/* ---- Files and folders ----------------------------------------------------------------------------------------- */

/* What a file should hold. */
enum content { AUTHORITY, CERTIFICATE, LISTS, ANY };

static const char *const lacks[] = {
    [AUTHORITY] = "there is no certificate in it (PEM is expected)",
    [CERTIFICATE] = "there is no certificate in it (PEM is expected)",
    [LISTS] = "there is no revocation list in it, or a damaged one (PEM is expected)",
    [ANY] = "there is neither a certificate nor a whole revocation list in it (PEM is expected)",
};

static bool show_content(struct aero_certs_show *show, const char *path, const char *folder,
                         enum content content, struct aero_slice pem)
{
    bool may_be_lists = content == LISTS || content == ANY;
    bool shown = content != LISTS && show_certificate(show, path, folder, pem);
    return shown || (may_be_lists && aero_certs_show_lists(show, path, folder, pem));
}

/* `folder`, when not NULL, holds what belongs to it. */
static void show_file(struct aero_certs_show *show, const char *path, const char *folder,
                      enum content content)
{
    struct aero_buffer pem = {0};
    const char *trouble = NULL;
    aero_status status = aero_ctl_file_read(path, &pem);
    if (!aero_is_ok(status)) {
        trouble = aero_ctl_file_error(status);
    } else if (!show_content(show, path, folder, content, aero_buffer_slice(&pem))) {
        trouble = lacks[content];
    }
    if (trouble != NULL) {
        aero_ctl_complain(show->ctl, WORDS, "%s: %s", path, trouble);
        show->failed = true;
    }
    aero_buffer_deinit(&pem);
}

/* The file of that name in the folder, if there is one: it is not for us to say that there is none when we may not look.
 * An authority stands alone: nothing of the folder belongs to it. */
static void show_if_there(struct aero_certs_show *show, const char *folder, const char *name,
                          enum content content)
{
    char path[AERO_CTL_PATH_MAX];
    enum aero_ctl_path_kind kind = AERO_CTL_PATH_NOTHING;
    if (!aero_ctl_path(folder, name, path)) {
        aero_ctl_complain(show->ctl, WORDS, "%s: the path is too long", folder);
        show->failed = true;
        return;
    }
    aero_status status = aero_ctl_path_kind(path, &kind, NULL);
    if (!aero_is_ok(status) || kind != AERO_CTL_PATH_NOTHING) {
        show_file(show, path, content == AUTHORITY ? NULL : folder, content);
    }
}

/* A node's own files, one below the other. */
static void show_node(struct aero_certs_show *show, const char *folder)
{
    show_if_there(show, folder, "node.crt", CERTIFICATE);
    show_if_there(show, folder, "crl.pem", LISTS);
}

static void show_directory(struct aero_certs_show *show, const char *directory)
{
    struct aero_buffer names = {0};
    show->directory = directory;
    show_if_there(show, directory, "ca.crt", AUTHORITY);
    show_node(show, directory);
    aero_status status = aero_ctl_directory_list(directory, &names);
    if (!aero_is_ok(status)) {
        aero_ctl_complain(show->ctl, WORDS, "%s: %s", directory, aero_ctl_status_text(status));
        show->failed = true;
    }
    for (size_t at = 0; at < names.length; at += strlen((char *)names.data + at) + 1) {
        char folder[AERO_CTL_PATH_MAX];
        AERO_ASSERT(aero_ctl_path(directory, (char *)names.data + at, folder)); /* as listed */
        show_node(show, folder);
    }
    aero_buffer_deinit(&names);
    if (show->shown == 0 && !show->failed) {
        aero_ctl_complain(show->ctl, WORDS, "%s: none of ca.crt, node.crt and crl.pem is there",
                          directory);
        show->failed = true;
    }
}

static void show_path(struct aero_certs_show *show, const char *path)
{
    enum aero_ctl_path_kind kind;
    aero_status status = aero_ctl_path_kind(path, &kind, NULL);
    if (aero_is_ok(status) && kind == AERO_CTL_PATH_DIRECTORY) {
        show_directory(show, path);
    } else {
        show_file(show, path, NULL, ANY);
    }
}

int aero_ctl_certs_show(const struct aero_ctl *ctl, int argc, char **argv)
{
    static const struct aero_option options[] = {{"json", NULL, NULL, "Print JSON."}};
    static const struct aero_program program = {
        .name = "aeroctl " WORDS,
        .summary = "Shows a certificate or a revocation list, those of a node's folder, or those "
                   "of every node below a directory: name, issuer, validity, and what is wrong.",
        .operands = "FILE|DIR",
        .more_help = "Exit status: 0 all is well, 4 there are warnings, 1 something could not be\n"
                     "read.\n",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    struct aero_options given;
    int exit_code;
    if (!aero_ctl_parse(ctl, &program, argc, argv, 1, 1, &given, &exit_code)) {
        return exit_code;
    }
    struct aero_certs_show show = {.ctl = ctl, .now = ctl->clock.wall(ctl->clock.self)};
    if (aero_options_has(&given, "json")) {
        show.objects = json_object_new_array();
    }
    show_path(&show, given.operands[0]);
    if (show.objects != NULL) {
        aero_ctl_json_finish(ctl, show.objects);
    }
    if (show.failed) {
        return AERO_EXIT_FAILURE;
    }
    return show.warnings == 0 ? AERO_EXIT_OK : AERO_CTL_EXIT_ATTENTION;
}
