/* SPDX-License-Identifier: Apache-2.0 */
/* The flat table: self and cumulative value a function, a source line, or a module, as the view's
 * frames are made. */
#pragma once

#include <stdio.h>

struct jsontext;
struct report_view;

void report_flat_print(FILE *out, const struct report_view *view);
/* Member "rows": […] of an open object. */
void report_flat_json(struct jsontext *json, const struct report_view *view);
