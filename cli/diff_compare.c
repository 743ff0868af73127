/* SPDX-License-Identifier: Apache-2.0 */
/* The noise of a function has two parts. Sampling: a sum of independent events, whose variance the
 * runs know (diff_run.squares). Runs: the same program does not do the same twice; how much more
 * runs of one side scatter than sampling explains (the dispersion) is measured in each function,
 * and, since that is itself uncertain with few runs, drawn towards what all have in common
 * (noise.h). A dispersion below 1 counts as 1. To call no function of an unchanged program changed
 * in 95 of 100 comparisons, each is judged at a chance divided by their number. */
#include "cli/diff_compare.h"

#include "cli/diff_run.h"
#include "cli/noise.h"
#include "common/guard.h"
#include "common/memory.h"

#include <math.h>
#include <string.h>

/* Meant are 5 %; small counts and few runs are not quite as normal as the arithmetic takes them. */
#define CHANCE 0.03
/* A function tells of dispersion if it has so many events a run. */
#define EVENTS_MIN 5.0

/* A function on one side: all runs together. */
struct sum {
	double value, square, per;
};

static double of(const struct diff_run *run, const double *array, uint32_t function)
{
	return function < run->n ? array[function] : 0;
}

static struct sum sum_of(const struct diff_side *side, uint32_t function)
{
	struct sum sum = {0};
	for (uint32_t i = 0; i < side->n; i++) {
		const struct diff_run *run = &side->runs[i];
		sum.value += of(run, run->values, function);
		sum.square += of(run, run->squares, function);
		sum.per += run->per;
	}
	return sum;
}

static double rate(const struct sum *sum)
{
	return sum->value / sum->per;
}

/* What one event weighs, on average; > 0 where there is any. */
static double event_weight(const struct sum *before, const struct sum *after)
{
	double value = before->value + after->value;
	return value > 0 ? (before->square + after->square) / value : 0;
}

/* Squared distances of the runs from their side's rate, in units of sampling's variance. */
static double scatter(const struct diff_side *side, uint32_t function, double weight)
{
	struct sum sum = sum_of(side, function);
	double mean = rate(&sum), distance = 0;
	if (!(mean > 0) || !(weight > 0))
		return 0;
	for (uint32_t i = 0; i < side->n; i++) {
		const struct diff_run *run = &side->runs[i];
		double away = of(run, run->values, function) / run->per - mean;
		distance += away * away * run->per / (mean * weight);
	}
	return distance;
}

struct comparison {
	const struct diff_side *before, *after;
	bool is_share;
	double degrees; /* of a dispersion; 0: one run a side */
	double whole;	/* mean of both sides' wholes */
	struct noise_prior prior;
};

static double dispersion(const struct comparison *c, uint32_t function)
{
	struct sum before = sum_of(c->before, function), after = sum_of(c->after, function);
	double weight = event_weight(&before, &after);
	if (!(c->degrees > 0))
		return 1;
	return (scatter(c->before, function, weight) + scatter(c->after, function, weight)) /
	       c->degrees;
}

/* Variance of a side's rate by sampling; one event more than were seen, since none seen does not
 * mean that none can be. Of a share: the others' events come into it as well. */
static double sampling_variance(const struct comparison *c, const struct sum *sum, double weight)
{
	double variance = (sum->square + weight * weight) / (sum->per * sum->per);
	return c->is_share ? variance * (1 - fmin(rate(sum), 1)) : variance;
}

static struct diff_delta compare(const struct comparison *c, uint32_t function)
{
	struct sum before = sum_of(c->before, function), after = sum_of(c->after, function);
	struct diff_delta delta = {
		.function = function, .before = rate(&before), .after = rate(&after)};
	double weight = event_weight(&before, &after);
	delta.delta = delta.after - delta.before;
	double variance =
		sampling_variance(c, &before, weight) + sampling_variance(c, &after, weight);
	if (c->degrees > 0) {
		double own = dispersion(c, function);
		/* The whole has no others to be like. */
		double moderated = function ? noise_moderated(&c->prior, own, c->degrees) : own;
		variance *= fmax(moderated, 1);
	} else {
		variance += DIFF_RUN_NOISE * DIFF_RUN_NOISE *
			    (delta.before * delta.before + delta.after * delta.after);
	}
	delta.noise = sqrt(variance);
	return delta;
}

/* From one standard deviation to the most that chance explains. */
static void judge(struct diff_delta *delta, double tail, double degrees)
{
	delta->noise *= degrees > 0 ? noise_t(tail, degrees) : noise_normal(tail);
	delta->is_sure = fabs(delta->delta) > delta->noise;
}

static double mean_rate(const struct comparison *c, uint32_t function)
{
	struct sum before = sum_of(c->before, function), after = sum_of(c->after, function);
	return (rate(&before) + rate(&after)) / 2;
}

static struct noise_prior find_prior(const struct comparison *c, uint32_t n_functions)
{
	guard_mem double *dispersions = memory_new(n_functions, sizeof(double));
	size_t n = 0;
	for (uint32_t f = 1; f < n_functions && c->degrees > 0; f++) {
		struct sum before = sum_of(c->before, f), after = sum_of(c->after, f);
		double weight = event_weight(&before, &after);
		double events = weight > 0 ? (before.value + after.value) / weight : 0;
		if (events >= EVENTS_MIN * (c->before->n + c->after->n))
			dispersions[n++] = dispersion(c, f);
	}
	return noise_prior(dispersions, n, c->degrees);
}

static int sure_and_large_first(const void *left, const void *right)
{
	const struct diff_delta *a = left, *b = right;
	if (a->is_sure != b->is_sure)
		return a->is_sure ? -1 : 1;
	if (fabs(a->delta) != fabs(b->delta))
		return fabs(a->delta) > fabs(b->delta) ? -1 : 1;
	return a->function < b->function ? -1 : a->function > b->function;
}

void diff_compare(struct diff_result *result, const struct diff_side *before,
		  const struct diff_side *after, const struct diff_functions *functions,
		  double min_percent, bool is_share)
{
	struct comparison c = {.before = before,
			       .after = after,
			       .is_share = is_share,
			       .degrees = before->n + after->n - 2};
	c.whole = mean_rate(&c, 0);
	c.prior = find_prior(&c, functions->n);
	*result = (struct diff_result){.is_measured = c.degrees > 0};
	result->deltas = memory_new(functions->n, sizeof(*result->deltas));
	for (uint32_t f = 1; f < functions->n; f++) {
		double mean = mean_rate(&c, f);
		if (!(mean > 0))
			continue;
		if (mean < c.whole * min_percent / 100)
			result->n_hidden++;
		else
			result->deltas[result->n++] = compare(&c, f);
	}
	result->whole = compare(&c, 0);
	judge(&result->whole, CHANCE / 2, c.degrees);
	double degrees = c.degrees > 0 ? c.degrees + c.prior.degrees : 0;
	for (uint32_t i = 0; i < result->n; i++) {
		judge(&result->deltas[i], CHANCE / 2 / result->n, degrees);
		result->n_sure += result->deltas[i].is_sure;
	}
	qsort(result->deltas, result->n, sizeof(*result->deltas), sure_and_large_first);
}

void diff_compare_deinit(struct diff_result *result)
{
	free(result->deltas);
	*result = (struct diff_result){0};
}
