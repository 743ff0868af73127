/* SPDX-License-Identifier: Apache-2.0 */
/* How `probe stat` shows its readings: a line each as they come, a table of what was least and most
 * at the end, CSV and JSON. */
#pragma once

#include "cli/resources.h"

#include <stdint.h>
#include <stdio.h>

struct stat_one {
	uint32_t pid;
	char name[64]; /* escaped */
	struct resources resources;
};

/* The heads of the columns; cut to `width` (0: not). */
void stat_print_head(FILE *out, size_t width);
/* The last reading of one. */
void stat_print_line(FILE *out, const struct stat_one *one, size_t width);
/* Minimum, mean and maximum of each, and what grows. */
void stat_print_summary(FILE *out, const struct stat_one *ones, size_t n, size_t width);
void stat_print_csv(FILE *out, const struct stat_one *ones, size_t n);
void stat_print_json(FILE *out, const struct stat_one *ones, size_t n);
