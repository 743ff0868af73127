/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers for people: times, counts and sizes. A table uses one scale for all of a column, chosen
 * by its total, so that its numbers can be compared by eye. */
#pragma once

#include <stdint.h>

enum {
	AMOUNT_TEXT = 48
};

struct amount_scale {
	double divisor;
	int decimals;
	const char *suffix; /* "s", "ms", " MiB", "" */
};

/* The scale for values of pprof's unit ("nanoseconds", "count", "bytes", …) up to `total`. */
struct amount_scale amount_scale(const char *unit, int64_t total);
/* "6.91s", "1,204", "-0.50 MiB" */
void amount_text(char out[AMOUNT_TEXT], struct amount_scale scale, int64_t value);
/* The same with a scale of its own. */
void amount_alone(char out[AMOUNT_TEXT], const char *unit, int64_t value);
/* "36.0%"; of nothing: "0.0%" */
void amount_percent(char out[AMOUNT_TEXT], int64_t part, int64_t total);
/* What pprof's unit is called in JSON's names: "ns", "count", "bytes"; "" for others. */
const char *amount_json_suffix(const char *unit);
double amount_share(int64_t part, int64_t total);
