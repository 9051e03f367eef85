/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/certs_report.h"

#include <inttypes.h>
#include <stdarg.h>

#include "base/assert.h"

#define SECONDS_A_DAY 86400
#define WARN_DAYS 30

void aero_certs_warn(struct aero_certs_warnings *warnings, const char *format, ...)
{
    va_list arguments;
    AERO_ASSERT(warnings->count < sizeof warnings->text / sizeof warnings->text[0]);
    va_start(arguments, format);
    vsnprintf(warnings->text[warnings->count++], sizeof warnings->text[0], format, arguments);
    va_end(arguments);
}

void aero_certs_warn_of_dates(struct aero_certs_warnings *warnings,
                              const struct aero_cert_validity *validity, const char *consequence)
{
    if (validity->seconds_left < 0) {
        aero_certs_warn(warnings, "it has expired: %s; make a new one", consequence);
    } else if (validity->seconds_left < (int64_t)WARN_DAYS * SECONDS_A_DAY) {
        aero_certs_warn(warnings,
                        "it expires within %d days, then %s: make a new one; nodes take it over "
                        "running",
                        WARN_DAYS, consequence);
    }
    if (validity->seconds_until_valid > 0) {
        aero_certs_warn(warnings, "it is not valid yet: is this machine's clock right?");
    }
}

bool aero_certs_read_authorities(const char *folder, struct aero_certs_warnings *warnings,
                                 struct aero_buffer *out_pem)
{
    char path[AERO_CTL_PATH_MAX];
    AERO_ASSERT(aero_ctl_path(folder, "ca.crt", path)); /* shorter than those that were read */
    aero_status status = aero_ctl_file_read(path, out_pem);
    if (!aero_is_ok(status)) {
        aero_certs_warn(warnings, "ca.crt cannot be read: %s", aero_ctl_file_error(status));
    }
    return aero_is_ok(status);
}

void aero_certs_put_validity(struct aero_certs_show *show,
                             const struct aero_cert_validity *validity)
{
    int64_t days = validity->seconds_left / SECONDS_A_DAY;
    if (validity->seconds_left == INT64_MAX) {
        fprintf(show->ctl->out, "  %-12s %s on, without an end\n", "valid", validity->from);
    } else {
        fprintf(show->ctl->out, "  %-12s %s to %s, %" PRId64 " day%s left\n", "valid",
                validity->from, validity->to, days, aero_plural((uint64_t)days));
    }
}

struct json_object *aero_certs_days_left(const struct aero_cert_validity *validity)
{
    return validity->seconds_left == INT64_MAX
               ? NULL
               : json_object_new_int64(validity->seconds_left / SECONDS_A_DAY);
}

void aero_certs_put_warnings(struct aero_certs_show *show,
                             const struct aero_certs_warnings *warnings)
{
    for (size_t i = 0; i < warnings->count; i++) {
        fprintf(show->ctl->out, "  %-12s %s\n", "WARNING", warnings->text[i]);
    }
    show->shown++;
    show->warnings += warnings->count;
}

void aero_certs_put_object(struct aero_certs_show *show, struct json_object *take_object,
                           const struct aero_certs_warnings *warnings)
{
    struct json_object *texts = json_object_new_array();
    for (size_t i = 0; i < warnings->count; i++) {
        json_object_array_add(texts, json_object_new_string(warnings->text[i]));
    }
    json_object_object_add(take_object, "warnings", texts);
    json_object_array_add(show->objects, take_object);
    show->shown++;
    show->warnings += warnings->count;
}
