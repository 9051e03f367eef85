/* SPDX-License-Identifier: Apache-2.0 */
#include "base/units.h"

#include <string.h>

void aero_id_format(aero_id id, char out_text[AERO_ID_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < sizeof id.bytes; i++) {
        out_text[2 * i] = digits[id.bytes[i] >> 4];
        out_text[2 * i + 1] = digits[id.bytes[i] & 15];
    }
    out_text[AERO_ID_TEXT_BYTES - 1] = '\0';
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return -1;
}

bool aero_id_parse(const char *text, aero_id *out_id)
{
    aero_id id;
    if (strlen(text) != AERO_ID_TEXT_BYTES - 1) {
        return false;
    }
    for (unsigned i = 0; i < sizeof id.bytes; i++) {
        int high = digit_value(text[2 * i]);
        int low = digit_value(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        id.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *out_id = id;
    return true;
}
