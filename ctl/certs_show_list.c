/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/certs_show_list.h"

#include "base/assert.h"

static void warn_of_signer(const char *folder, const struct aero_cert_crls *lists, size_t index,
                           struct aero_certs_warnings *warnings)
{
    struct aero_buffer authorities = {0};
    if (aero_certs_read_authorities(folder, warnings, &authorities) &&
        !aero_cert_crls_signed_by(lists, index, aero_buffer_slice(&authorities))) {
        aero_certs_warn(warnings, "ca.crt did not sign it: nodes refuse it");
    }
    aero_buffer_deinit(&authorities);
}

static void put_lines(struct aero_certs_show *show, const char *path,
                      const struct aero_cert_crls *lists, size_t index,
                      const struct aero_cert_crl_facts *facts)
{
    FILE *out = show->ctl->out;
    fprintf(out, "%s\n", path);
    fprintf(out, "  %-12s %zu certificate%s\n", "revokes", facts->revoked_count,
            aero_plural(facts->revoked_count));
    fprintf(out, "  %-12s %s\n", "issuer", facts->issuer);
    aero_certs_put_validity(show, &facts->validity);
    for (size_t i = 0; i < facts->revoked_count; i++) {
        char serial[AERO_CERT_SERIAL_MAX];
        aero_cert_crls_serial(lists, index, i, serial);
        fprintf(out, "  %-12s %s\n", "serial", serial);
    }
}

static struct json_object *make_object(const char *path, const struct aero_cert_crls *lists,
                                       size_t index, const struct aero_cert_crl_facts *facts)
{
    struct json_object *object = json_object_new_object();
    struct json_object *serials = json_object_new_array();
    bool ends = facts->validity.seconds_left != INT64_MAX;
    aero_ctl_json_text(object, "file", path);
    aero_ctl_json_text(object, "issuer", facts->issuer);
    aero_ctl_json_text(object, "this_update", facts->validity.from);
    json_object_object_add(object, "next_update",
                           ends ? json_object_new_string(facts->validity.to) : NULL);
    json_object_object_add(object, "days_left", aero_certs_days_left(&facts->validity));
    for (size_t i = 0; i < facts->revoked_count; i++) {
        char serial[AERO_CERT_SERIAL_MAX];
        aero_cert_crls_serial(lists, index, i, serial);
        json_object_array_add(serials, json_object_new_string(serial));
    }
    json_object_object_add(object, "revoked", serials);
    return object;
}

static void show_one(struct aero_certs_show *show, const char *path, const char *folder,
                     const struct aero_cert_crls *lists, size_t index)
{
    struct aero_certs_warnings warnings = {.count = 0};
    struct aero_cert_crl_facts facts;
    aero_cert_crls_facts(lists, index, show->now, &facts);
    aero_certs_warn_of_dates(&warnings, &facts.validity, "nodes refuse every peer");
    if (facts.is_delta) {
        aero_certs_warn(&warnings, "it is a delta: nodes refuse it; put the complete list there");
    }
    if (folder != NULL) {
        warn_of_signer(folder, lists, index, &warnings);
    }
    if (show->objects != NULL) {
        aero_certs_put_object(show, make_object(path, lists, index, &facts), &warnings);
    } else {
        put_lines(show, path, lists, index, &facts);
        aero_certs_put_warnings(show, &warnings);
    }
}

bool aero_certs_show_lists(struct aero_certs_show *show, const char *path, const char *folder,
                           struct aero_slice pem)
{
    struct aero_cert_crls *lists;
    if (!aero_is_ok(aero_cert_crls_read(pem, &lists))) {
        return false;
    }
    for (size_t i = 0; i < aero_cert_crls_count(lists); i++) {
        show_one(show, path, folder, lists, i);
    }
    aero_cert_crls_free(lists);
    return true;
}

bool aero_certs_folder_revokes(const char *folder, struct aero_slice certificate)
{
    char path[AERO_CTL_PATH_MAX];
    struct aero_buffer pem = {0};
    struct aero_cert_crls *lists = NULL;
    AERO_ASSERT(aero_ctl_path(folder, "crl.pem", path)); /* shorter than that of node.crt */
    bool read = aero_is_ok(aero_ctl_file_read(path, &pem)) &&
                aero_is_ok(aero_cert_crls_read(aero_buffer_slice(&pem), &lists));
    bool revoked = read && aero_cert_crls_has(lists, certificate);
    aero_cert_crls_free(lists);
    aero_buffer_deinit(&pem);
    return revoked;
}
