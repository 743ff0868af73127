/* SPDX-License-Identifier: Apache-2.0 */
/* --processes and --threads: the selected column a process or thread. */
#pragma once

#include "cli/owners.h"

#include <stdio.h>

struct jsontext;
struct report_view;

void report_owners_print(FILE *out, const struct report_view *view, enum owners_by by);
/* Member "rows": […] of an open object. */
void report_owners_json(struct jsontext *json, const struct report_view *view, enum owners_by by);
