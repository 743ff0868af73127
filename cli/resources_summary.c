/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/resources_summary.h"

#include <stdlib.h>
#include <string.h>

#include "common/guard.h"
#include "common/info.pb-c.h"
#include "common/memory.h"

#define GROWTH_SHARE 0.05
#define GROWTH_BYTES (8.0 * (1 << 20))
#define GROWTH_COUNT 16.0

enum {
	READINGS_FEWEST = 10,
	POINTS_MOST = 400 /* of which pairs are made: 80,000 slopes */
};

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return a < b ? -1 : a > b;
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

struct points {
	double x[POINTS_MOST], y[POINTS_MOST];
	size_t n;
};

/* Evenly of all readings. */
static void take_points(struct points *points, const Probe__Resources *resources,
			const Probe__Resources__Series *series)
{
	size_t all = series->n_value;
	points->n = all < POINTS_MOST ? all : POINTS_MOST;
	for (size_t i = 0; i < points->n; i++) {
		size_t at = points->n > 1 ? i * (all - 1) / (points->n - 1) : 0;
		points->x[i] = (double)resources->time_ns[at] / 1e9;
		points->y[i] = (double)series->value[at];
	}
}

static double slope_of(const struct points *points, double *scratch)
{
	size_t n = 0;
	for (size_t i = 0; i < points->n; i++)
		for (size_t k = i + 1; k < points->n; k++)
			if (points->x[k] > points->x[i])
				scratch[n++] = (points->y[k] - points->y[i]) /
					       (points->x[k] - points->x[i]);
	return n ? median(scratch, n) : 0;
}

static void find_growth(const Probe__Resources *resources, const Probe__Resources__Series *series,
			struct resources_summary *summary)
{
	struct points *points guard_mem = memory_new(1, sizeof(*points));
	double *scratch guard_mem =
		memory_new((size_t)POINTS_MOST * POINTS_MOST / 2, sizeof(double));
	take_points(points, resources, series);
	double slope = slope_of(points, scratch);
	for (size_t i = 0; i < points->n; i++)
		scratch[i] = points->y[i] - slope * (points->x[i] - points->x[0]);
	double begin = median(scratch, points->n);
	double least = strcmp(series->unit, "bytes") ? GROWTH_COUNT : GROWTH_BYTES;
	summary->growth = slope * (points->x[points->n - 1] - points->x[0]);
	summary->grows = summary->growth > least && summary->growth > GROWTH_SHARE * begin;
}

static bool times_rise(const Probe__Resources *resources)
{
	for (size_t i = 0; i < resources->n_time_ns; i++)
		if (resources->time_ns[i] <= (i ? resources->time_ns[i - 1] : 0))
			return false;
	return resources->n_time_ns > 0;
}

bool resources_summary_of(const Probe__Resources *resources, const Probe__Resources__Series *series,
			  struct resources_summary *summary)
{
	*summary = (struct resources_summary){0};
	if (!times_rise(resources) || series->n_value != resources->n_time_ns)
		return false;
	double seconds = 0, sum = 0, last = 0;
	for (size_t i = 0; i < series->n_value; i++) {
		double end = (double)resources->time_ns[i] / 1e9, span = end - last;
		double value = (double)series->value[i];
		summary->total += series->adds_up ? value : 0;
		value = series->adds_up ? value / span : value;
		summary->min = !i || value < summary->min ? value : summary->min;
		summary->max = !i || value > summary->max ? value : summary->max;
		sum += value * span;
		seconds += span;
		last = end;
	}
	summary->mean = sum / seconds;
	if (!series->adds_up && series->n_value >= READINGS_FEWEST)
		find_growth(resources, series, summary);
	return true;
}
