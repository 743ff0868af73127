/* SPDX-License-Identifier: Apache-2.0 */
/* What the target used while it was recorded, in a report. */
#pragma once

#include <stddef.h>
#include <stdio.h>

struct jsontext;
struct profile;

/* `--resources`: a table a recording. */
void report_resources_print(FILE *out, const struct profile *profile, size_t width);
/* For the head: what grows as a leak does; usually nothing. */
void report_resources_print_growth(FILE *out, const struct profile *profile);
/* The member "resources": one a recording, its readings and what is made of them. */
void report_resources_json(struct jsontext *json, const struct profile *profile);
/* CSV: a line a reading. */
void report_resources_csv(FILE *out, const struct profile *profile);
