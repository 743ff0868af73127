/* SPDX-License-Identifier: Apache-2.0 */
/* Readings of common/info.proto's Resources for people and for programs. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct jsontext;

struct Probe__Resources;
struct Probe__Resources__Series;

enum {
	RESOURCES_TEXT = 32
};

/* "12.3%" of cpu, "1.2 MiB", "12": one value, of what adds up: of a second. */
void resources_print_value(char out[RESOURCES_TEXT], const struct Probe__Resources__Series *series,
			   double value);
/* A table: what, least, mean, most, in all. */
void resources_print_table(FILE *out, const struct Probe__Resources *resources, size_t width);
/* A line for each that grows as a leak does (resources_summary.h). */
void resources_print_growth(FILE *out, const struct Probe__Resources *resources);
/* CSV: its head and its lines, `pid` and `name` in front. What could not be read is empty. */
void resources_print_csv_head(FILE *out);
void resources_print_csv(FILE *out, const struct Probe__Resources *resources, uint32_t pid,
			 const char *name);
/* The members "readings" and "summary" of the object that is open. */
void resources_print_json(struct jsontext *json, const struct Probe__Resources *resources);
