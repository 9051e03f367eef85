/* SPDX-License-Identifier: Apache-2.0 */
/* Prose in columns, for --help and for commented configuration files. */
#ifndef AERO_BASE_TEXT_WRAP_H
#define AERO_BASE_TEXT_WRAP_H

#include <stddef.h>
#include <stdio.h>

#define AERO_TEXT_COLUMNS 79

/* Prints words separated by single spaces and ends the line. The cursor stands at `column`;
 * following lines begin with `indent`, and no line passes AERO_TEXT_COLUMNS unless one word
 * does. */
void aero_text_wrap(FILE *out, size_t column, const char *indent, const char *text);

#endif
