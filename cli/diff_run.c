/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/diff_run.h"

#include "cli/frames.h"
#include "cli/selection.h"
#include "common/array.h"
#include "common/err.h"
#include "common/escape.h"
#include "common/guard.h"
#include "common/info.pb-c.h"
#include "common/memory.h"
#include "common/profile.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void diff_run_functions_deinit(struct diff_functions *functions)
{
	for (uint32_t i = 0; i < functions->n; i++) {
		free(functions->at[i].name);
		free(functions->at[i].module);
	}
	free(functions->at);
	index_deinit(&functions->index);
	*functions = (struct diff_functions){0};
}

void diff_run_deinit(struct diff_run *run)
{
	free(run->values);
	free(run->squares);
	free(run->labels);
	*run = (struct diff_run){0};
}

void diff_run_column_deinit(struct diff_column *column)
{
	free(column->type);
	free(column->unit);
	*column = (struct diff_column){0};
}

/* ".isra.0", ".cold": a word of a compiler, then perhaps a number; 0: none ends here. */
static size_t clone_suffix(const char *name, size_t n)
{
	static const char *const words[] = {".constprop", ".isra",     ".part",
					    ".cold",	  ".lto_priv", ".llvm"};
	size_t end = n;
	while (end && isdigit((unsigned char)name[end - 1]))
		end--;
	end = end && end < n && name[end - 1] == '.' ? end - 1 : n;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		size_t word = strlen(words[i]);
		if (end > word && !memcmp(name + end - word, words[i], word))
			return n - (end - word);
	}
	return 0;
}

uint32_t diff_run_name_bytes(const char *name)
{
	const char *clone = strstr(name, " [clone ");
	size_t n = clone && clone != name ? (size_t)(clone - name) : strlen(name);
	for (size_t suffix; (suffix = clone_suffix(name, n));)
		n -= suffix;
	return (uint32_t)n;
}

/* The name that counts, new: addresses mean nothing in another build. */
static char *common_name(const struct frames_key *key)
{
	const char *address = key->name[0] == '[' ? strstr(key->name, "+0x") : NULL;
	if (!address)
		return array_copy(key->name, diff_run_name_bytes(key->name));
	size_t n = (size_t)(address - key->name);
	char *name = memory_new(n + 2, 1);
	memcpy(name, key->name, n);
	name[n] = ']';
	return name;
}

static bool same_name(const void *context, uint32_t number, const void *key)
{
	const struct diff_functions *functions = context;
	return !strcmp(functions->at[number].name, key);
}

static uint32_t add_function(struct diff_functions *functions, char *name_take, const char *module)
{
	uint64_t hash = index_hash(name_take, strlen(name_take));
	uint32_t number = index_find(&functions->index, hash, same_name, functions, name_take);
	if (number) {
		free(name_take);
		return number;
	}
	number = functions->n;
	*array_add(functions) =
		(struct diff_function){name_take, array_copy(module, strlen(module))};
	index_add(&functions->index, hash, number);
	return number;
}

uint32_t *diff_run_map(struct diff_functions *functions, const struct frames *frames)
{
	uint32_t *map = memory_new(frames_end(frames), sizeof(*map));
	static const char none[] = "[no stack]";
	if (!functions->n)
		*array_add(functions) =
			(struct diff_function){array_copy("", 0), array_copy("", 0)};
	map[0] = add_function(functions, array_copy(none, sizeof(none) - 1), "");
	for (uint32_t key = 1; key < frames_end(frames); key++)
		map[key] = add_function(functions, common_name(frames_key(frames, key)),
					frames_key(frames, key)->module);
	return map;
}

/* The column that counts events of `column`: the nearest one before it (or itself) in "count". */
static int count_column(const struct profile *profile, uint32_t column)
{
	for (uint32_t i = column + 1; i-- > 0;)
		if (!strcmp(profile_string(profile, profile->types.at[i].unit), "count"))
			return (int)i;
	return -1;
}

/* Variance of a row's value: its events came or did not, independently. With n equal events that is
 * value² ÷ n. A profiler that takes one in `period` (of the column's unit) and scales up says more
 * events than it saw: then value × period. */
static double square_of(const struct profile *profile, const struct selection *selection,
			uint32_t row, double value, int count)
{
	bool in_periods = profile->period > 0 &&
			  profile->period_type.unit == profile->types.at[selection->column].unit;
	double by_period = in_periods ? value * (double)profile->period : 0;
	if (count < 0)
		return in_periods ? by_period : value * value;
	double events = (double)profile->values[(size_t)row * profile->types.n + (size_t)count];
	double by_events = events > 0 ? value * value / events : by_period;
	return by_events > by_period ? by_events : by_period;
}

struct sums {
	double *values, *squares; /* by stack */
};

static void sum_rows(struct sums *sums, const struct selection *selection)
{
	const struct profile *profile = selection->profile;
	int count = count_column(profile, selection->column);
	for (uint32_t row = 0; row < profile->rows.n; row++) {
		double value = (double)selection_row(selection, row);
		uint32_t stack = profile->rows.at[row].stack;
		if (value == 0)
			continue;
		sums->values[stack] += value;
		sums->squares[stack] += square_of(profile, selection, row, value, count);
	}
}

static void add_to(struct diff_run *run, uint32_t function, const struct sums *sums, uint32_t stack)
{
	run->values[function] += sums->values[stack];
	run->squares[function] += sums->squares[stack];
}

/* A function that stands several times in a stack gets the stack once. `met`: function → the stack
 * it was last met in, + 1. */
static void add_stack(struct diff_run *run, const struct profile *profile,
		      const struct frames *frames, const uint32_t *map, uint32_t *met, bool cum,
		      const struct sums *sums, uint32_t s)
{
	const struct profile_stack *stack = &profile->stacks.at[s];
	bool is_leaf = true;
	for (uint32_t i = 0; i < stack->n_frames && (is_leaf || cum); i++) {
		uint32_t n, location = profile->frames.at[stack->first_frame + i];
		const uint32_t *keys = frames_of(frames, location, &n);
		for (uint32_t k = 0; k < n && (is_leaf || cum); k++) {
			uint32_t function = map[keys[k]];
			is_leaf = false;
			if (met[function] == s + 1)
				continue;
			met[function] = s + 1;
			add_to(run, function, sums, s);
		}
	}
	if (is_leaf)
		add_to(run, map[0], sums, s);
	add_to(run, 0, sums, s);
}

static void sum_functions(struct diff_run *run, const struct profile *profile,
			  const struct frames *frames, const uint32_t *map, bool cum,
			  const struct selection *selection)
{
	guard_mem double *values = memory_new(profile->stacks.n, sizeof(double));
	guard_mem double *squares = memory_new(profile->stacks.n, sizeof(double));
	guard_mem uint32_t *met = memory_new(run->n, sizeof(uint32_t));
	struct sums sums = {values, squares};
	sum_rows(&sums, selection);
	for (uint32_t s = 0; s < profile->stacks.n; s++)
		if (values[s] != 0)
			add_stack(run, profile, frames, map, met, cum, &sums, s);
}

/* New. */
static char *join_labels(const struct Probe__Info *info)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	if (!out)
		memory_exhausted();
	for (size_t i = 0; info && i < info->n_labels; i++) {
		char *label guard_mem = escape_new(info->labels[i], strlen(info->labels[i]));
		fprintf(out, "%s%s", i ? ", " : "", label);
	}
	if (fclose(out))
		memory_exhausted();
	return text;
}

static void sum_times(struct diff_run *run, const struct Probe__Info *info)
{
	for (size_t i = 0; info && i < info->n_thread; i++) {
		const Probe__ThreadTimes *thread = info->thread[i];
		double missed = (double)thread->stolen_ns + (double)thread->runnable_ns;
		run->missed_ns += missed;
		run->wanted_ns += missed + (double)thread->oncpu_ns;
	}
}

double diff_run_missed(const struct diff_run *runs, uint32_t n)
{
	double wanted = 0, missed = 0;
	for (uint32_t i = 0; i < n; i++) {
		wanted += runs[i].wanted_ns;
		missed += runs[i].missed_ns;
	}
	return wanted > 0 ? missed / wanted : -1;
}

/* The first profile's column is that of all. */
static int agree(struct diff_column *column, const struct selection *selection, struct err *err)
{
	if (!column->type) {
		column->type = array_copy(selection->type, strlen(selection->type));
		column->unit = array_copy(selection->unit, strlen(selection->unit));
		return 0;
	}
	if (!strcmp(column->unit, selection->unit))
		return 0;
	return err_set(err, -EINVAL, ERR_FAILED, "%.60s is in %.60s here and in %.60s before",
		       column->type, selection->unit, column->unit);
}

int diff_run_init(struct diff_run *run, const struct profile *profile, const struct diff_wish *wish,
		  struct diff_functions *functions, struct diff_column *column, struct err *err)
{
	struct frames *frames guard(guard_frames) =
		frames_new(profile, FRAMES_FUNCTION | FRAMES_MODULE);
	struct selection selection guard(selection_deinit) = {0};
	struct selection_wish same = {.sample = column->type ? column->type : wish->sample};
	int result = selection_init(&selection, profile, frames, &same, err);
	if (!result)
		result = agree(column, &selection, err);
	if (result < 0)
		return result;
	guard_mem uint32_t *map = diff_run_map(functions, frames);
	const struct Probe__Info *info = profile->info;
	*run = (struct diff_run){.n = functions->n,
				 .duration_ns = profile->duration_ns,
				 .labels = join_labels(info),
				 .is_whole_run = info && info->reason &&
						 !strcmp(info->reason, "target ended")};
	sum_times(run, info);
	run->values = memory_new(run->n, sizeof(double));
	run->squares = memory_new(run->n, sizeof(double));
	sum_functions(run, profile, frames, map, wish->cum, &selection);
	if (!(run->values[0] > 0))
		return err_set(err, -ENODATA, ERR_NOTHING_SAMPLED, "there is no %.60s in it",
			       column->type);
	return 0;
}
