/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text_wrap.h"

#include <stdbool.h>
#include <string.h>

void aero_text_wrap(FILE *out, size_t column, const char *indent, const char *text)
{
    size_t word_length = 0;
    bool is_first = true;
    for (; *text != '\0'; text += word_length) {
        text += strspn(text, " ");
        word_length = strcspn(text, " ");
        if (word_length == 0) {
            break;
        }
        if (!is_first && column + 1 + word_length > AERO_TEXT_COLUMNS) {
            fprintf(out, "\n%s", indent);
            column = strlen(indent);
        } else if (!is_first) {
            fputc(' ', out);
            column++;
        }
        fwrite(text, 1, word_length, out);
        column += word_length;
        is_first = false;
    }
    fputc('\n', out);
}
