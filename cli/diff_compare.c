/* SPDX-License-Identifier: Apache-2.0 */
/* The noise of a function has two parts. Sampling: a sum of independent events, whose variance the
 * runs know (diff_run.squares). Runs: the same program does not do the same twice; how much more
 * runs of one side scatter than sampling explains (the dispersion) is measured in each function,
 * and, since that is itself uncertain with few runs, drawn towards what all have in common
 * (noise.h). That is a relative spread of runs, s: n events scatter by sampling's n and by (s n)^2,
 * so that the dispersion of a function of n events a run is 1 + s^2 n. One below 1 counts as 1.
 * To call no function of an unchanged program changed in 95 of 100 comparisons, they share the
 * chance of being wrong: one half evenly, one by their part of the time, which says nothing of
 * which side has more of it, and where a change matters and can be seen. */
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
/* Of runs that scatter by themselves as much as they do anything. */
#define SPREAD_MOST 1.0

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
	double spread;	/* the square of the runs' common relative one */
	struct noise_prior prior;
};

static double dispersion(const struct comparison *c, uint32_t function)
{
	struct sum before = sum_of(c->before, function), after = sum_of(c->after, function);
	double weight = event_weight(&before, &after);
	return (scatter(c->before, function, weight) + scatter(c->after, function, weight)) /
	       c->degrees;
}

/* Of a function, a run. */
static double events(const struct comparison *c, uint32_t function)
{
	struct sum before = sum_of(c->before, function), after = sum_of(c->after, function);
	double weight = event_weight(&before, &after);
	return weight > 0 ? (before.value + after.value) / weight / (c->before->n + c->after->n)
			  : 0;
}

/* The dispersion that the common spread gives a function of so many events. */
static double expected(const struct comparison *c, double n)
{
	return 1 + c->spread * n;
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
		double own = dispersion(c, function), common = expected(c, events(c, function));
		/* The whole has no others to be like. */
		if (function)
			own = common * noise_moderated(&c->prior, own / common, c->degrees);
		variance *= fmax(own, 1);
	} else {
		variance += DIFF_RUN_NOISE * DIFF_RUN_NOISE *
			    (delta.before * delta.before + delta.after * delta.after);
	}
	delta.noise = sqrt(variance);
	return delta;
}

/* By how much of both sides' mean what never waits for anything but a CPU differs if it does the
 * same, but had one for more of the time on one side. */
static double contention(const struct comparison *c)
{
	double before = c->before->had_cpu, after = c->after->had_cpu;
	return before > 0 && after > 0 ? 2 * fabs(after - before) / (after + before) : 0;
}

/* From one standard deviation to the most that chance explains, and contention beside it. */
static void judge(const struct comparison *c, struct diff_delta *delta, double tail, double degrees)
{
	delta->noise *= degrees > 0 ? noise_t(tail, degrees) : noise_normal(tail);
	delta->noise += contention(c) * (delta->before + delta->after) / 2;
	delta->is_sure = fabs(delta->delta) > delta->noise;
}

static void judge_functions(const struct comparison *c, struct diff_result *result, double degrees)
{
	double all = 0;
	for (uint32_t i = 0; i < result->n; i++)
		all += result->deltas[i].before + result->deltas[i].after;
	for (uint32_t i = 0; i < result->n; i++) {
		struct diff_delta *delta = &result->deltas[i];
		double part = (1.0 / result->n + (delta->before + delta->after) / all) / 2;
		judge(c, delta, CHANCE / 2 * part, degrees);
		result->n_sure += delta->is_sure;
	}
}

static double mean_rate(const struct comparison *c, uint32_t function)
{
	struct sum before = sum_of(c->before, function), after = sum_of(c->after, function);
	return (rate(&before) + rate(&after)) / 2;
}

/* Functions that tell of dispersion. */
struct sample {
	double *dispersions, *events;
	size_t n;
};

/* The common spread is what the functions scatter beyond sampling, those of many events counting
 * more: it shows in them. */
static double find_spread(struct comparison *c, const struct sample *sample)
{
	double low = 0, high = SPREAD_MOST;
	for (int step = 0; step < 60; step++) {
		double beyond = 0;
		c->spread = (low + high) / 2;
		for (size_t i = 0; i < sample->n; i++)
			beyond += sample->events[i] *
				  (sample->dispersions[i] / expected(c, sample->events[i]) - 1);
		if (beyond > 0)
			low = c->spread;
		else
			high = c->spread;
	}
	return low;
}

static void find_common(struct comparison *c, uint32_t n_functions)
{
	guard_mem double *dispersions = memory_new(n_functions, sizeof(double));
	guard_mem double *n_events = memory_new(n_functions, sizeof(double));
	struct sample sample = {dispersions, n_events, 0};
	for (uint32_t f = 1; f < n_functions; f++) {
		double n = events(c, f);
		if (n < EVENTS_MIN)
			continue;
		dispersions[sample.n] = dispersion(c, f);
		n_events[sample.n++] = n;
	}
	c->spread = find_spread(c, &sample);
	for (size_t i = 0; i < sample.n; i++)
		dispersions[i] /= expected(c, n_events[i]);
	c->prior = noise_prior(dispersions, sample.n, c->degrees);
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
	if (c.degrees > 0)
		find_common(&c, functions->n);
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
	judge(&c, &result->whole, CHANCE / 2, c.degrees);
	judge_functions(&c, result, c.degrees > 0 ? c.degrees + c.prior.degrees : 0);
	qsort(result->deltas, result->n, sizeof(*result->deltas), sure_and_large_first);
}

void diff_compare_deinit(struct diff_result *result)
{
	free(result->deltas);
	*result = (struct diff_result){0};
}
