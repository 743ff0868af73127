/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/diff.h"

#include "cli/diff_compare.h"
#include "cli/diff_print.h"
#include "cli/diff_run.h"
#include "common/array.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/memory.h"
#include "common/profile.h"
#include "tests/fixture_profile.h"
#include "tests/unit.h"

#include <errno.h>
#include <math.h>
#include <string.h>

GUARD_DEFINE(profile, struct profile *, profile_free)
#define guard_profile guard(guard_profile)

static void names(void)
{
	static const struct {
		const char *name;
		uint32_t bytes;
	} cases[] = {
		{"main", 4},
		{"dictFind.constprop.0", 8},
		{"f.isra.12", 1},
		{"f.part.0.cold", 1},
		{"f.constprop.0.isra.0", 1},
		{"g(int) [clone .constprop.0]", 6},
		{"operator.0", 10},
		{"a.b", 3},
		{".cold", 5},
		{"", 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		CU_ASSERT_EQUAL(diff_run_name_bytes(cases[i].name), cases[i].bytes);
}

static const struct diff_wish by_self, by_cum = {.cum = true};

static double value_of(const struct diff_run *run, const struct diff_functions *functions,
		       const char *name, double *square)
{
	for (uint32_t i = 1; i < run->n; i++) {
		if (strcmp(functions->at[i].name, name) != 0)
			continue;
		*square = run->squares[i];
		return run->values[i];
	}
	*square = -1;
	return -1;
}

static void adds_up(void)
{
	static const int64_t two[PROFILE_COLUMNS] = {2, 20, 0, 0, 0, 0};
	struct profile *profile guard_profile = profile_new_ours();
	struct diff_functions functions guard(diff_run_functions_deinit) = {0};
	struct diff_column column guard(diff_run_column_deinit) = {0};
	struct diff_run self guard(diff_run_deinit) = {0};
	struct diff_run cum guard(diff_run_deinit) = {0};
	double square;
	profile->period = 10;
	fixture_profile_row(profile, "main;f;f.part.0", "a", 1, 1, two);
	fixture_profile_row(profile, "main;f", "a", 1, 2, two);
	fixture_profile_row(profile, "main", "a", 1, 1, two);
	CU_ASSERT_EQUAL(diff_run_init(&self, profile, &by_self, &functions, &column, NULL), 0);
	CU_ASSERT_EQUAL(diff_run_init(&cum, profile, &by_cum, &functions, &column, NULL), 0);
	CU_ASSERT_STRING_EQUAL(column.type, "cpu");
	CU_ASSERT_EQUAL(value_of(&self, &functions, "f", &square), 40);
	CU_ASSERT_EQUAL(square, 4 * 100); /* four samples of 10 ns */
	CU_ASSERT_EQUAL(value_of(&self, &functions, "main", &square), 20);
	CU_ASSERT_EQUAL(value_of(&cum, &functions, "main", &square), 60);
	CU_ASSERT_EQUAL(value_of(&cum, &functions, "f", &square), 40);
	CU_ASSERT_EQUAL(self.values[0], 60);
	CU_ASSERT_EQUAL(self.squares[0], 600);
}

static void refuses_other_columns(void)
{
	struct profile *ours guard_profile = fixture_profile_nginx();
	struct profile *other guard_profile = profile_new();
	struct profile *empty guard_profile = profile_new_ours();
	struct diff_functions functions guard(diff_run_functions_deinit) = {0};
	struct diff_column column guard(diff_run_column_deinit) = {0};
	struct diff_run run guard(diff_run_deinit) = {0};
	struct diff_run none guard(diff_run_deinit) = {0};
	struct err err = {0};
	profile_add_type(other, (struct profile_type){profile_add_string(other, "cpu", 3),
						      profile_add_string(other, "ticks", 5)});
	const struct diff_wish blocked = {.sample = "blocked"};
	CU_ASSERT_EQUAL(diff_run_init(&none, ours, &blocked, &functions, &column, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "not measured"));
	CU_ASSERT_EQUAL(diff_run_init(&run, ours, &by_self, &functions, &column, NULL), 0);
	CU_ASSERT_EQUAL(diff_run_init(&none, other, &by_self, &functions, &column, NULL), -EINVAL);
	CU_ASSERT_EQUAL(diff_run_init(&none, empty, &by_self, &functions, &column, NULL), -ENODATA);
}

/* Simulated recordings: 30 s at 99 Hz of a program of 40 functions that keeps a CPU busy. */
enum {
	FUNCTIONS = 40,
	SAMPLES = 2970,
	RUNS = 5,
	PAIRS = 100,
};
#define PERIOD (1e9 / 99)

static uint64_t state;

static double uniform(void)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (double)(state >> 11) / 9007199254740992.0;
}

static double normal(void)
{
	return sqrt(-2 * log(1 - uniform())) * cos(2 * M_PI * uniform());
}

/* Each function's cost is `costs`, in this run by a factor of e^±spread. */
static void simulate(struct diff_run *run, const double *costs, double spread)
{
	double upto[FUNCTIONS + 1] = {0};
	for (int f = 1; f <= FUNCTIONS; f++)
		upto[f] = upto[f - 1] + costs[f] * (spread > 0 ? exp(spread * normal()) : 1);
	*run = (struct diff_run){.n = FUNCTIONS + 1, .per = 30};
	run->values = memory_new(FUNCTIONS + 1, sizeof(double));
	run->squares = memory_new(FUNCTIONS + 1, sizeof(double));
	for (int i = 0; i < SAMPLES; i++) {
		double at = uniform() * upto[FUNCTIONS];
		int low = 1, high = FUNCTIONS;
		while (low < high) {
			int middle = (low + high) / 2;
			if (at < upto[middle])
				high = middle;
			else
				low = middle + 1;
		}
		run->values[low] += PERIOD;
		run->squares[low] += PERIOD * PERIOD;
	}
	run->values[0] = SAMPLES * PERIOD;
	run->squares[0] = SAMPLES * PERIOD * PERIOD;
}

/* Of PAIRS comparisons: how many call any function changed, and how many function 1. */
struct calls {
	int any, first;
};

static struct calls compare_pairs(uint32_t runs, double slowdown, double spread)
{
	struct calls calls = {0};
	struct diff_functions functions = {0};
	double before[FUNCTIONS + 1] = {0}, after[FUNCTIONS + 1];
	for (int f = 0; f <= FUNCTIONS; f++)
		array_add(&functions);
	/* The first has a share of 20 %, the others of 7.5 to 0.2 %. */
	double rest = 0;
	for (int f = 2; f <= FUNCTIONS; f++)
		rest += before[f] = pow(0.91, f);
	before[1] = rest / 4;
	memcpy(after, before, sizeof(after));
	after[1] *= slowdown;
	for (int pair = 0; pair < PAIRS; pair++) {
		struct diff_run all[2 * RUNS];
		struct diff_result result guard(diff_compare_deinit) = {0};
		for (uint32_t i = 0; i < 2 * runs; i++)
			simulate(&all[i], i < runs ? before : after, spread);
		diff_compare(&result, &(struct diff_side){all, runs},
			     &(struct diff_side){all + runs, runs}, &functions, 0.1, false);
		calls.any += result.n_sure > 0;
		for (uint32_t i = 0; i < result.n_sure; i++)
			calls.first += result.deltas[i].function == 1 && result.deltas[i].delta > 0;
		for (uint32_t i = 0; i < 2 * runs; i++)
			diff_run_deinit(&all[i]);
	}
	diff_run_functions_deinit(&functions);
	return calls;
}

static void calls_nothing_changed_that_is_not(void)
{
	state = 42;
	CU_ASSERT(compare_pairs(1, 1, 0).any <= 5);
	CU_ASSERT(compare_pairs(1, 1, 0.03).any <= 5);
	CU_ASSERT(compare_pairs(2, 1, 0.03).any <= 5);
	CU_ASSERT(compare_pairs(RUNS, 1, 0).any <= 5);
	CU_ASSERT(compare_pairs(RUNS, 1, 0.03).any <= 5);
	CU_ASSERT(compare_pairs(RUNS, 1, 0.1).any <= 5);
}

static void finds_a_fifth_more(void)
{
	state = 43;
	CU_ASSERT(compare_pairs(RUNS, 1.2, 0).first >= 95);
	CU_ASSERT(compare_pairs(RUNS, 1.2, 0.03).first >= 95);
}

static void knows_new_and_gone(void)
{
	struct diff_functions functions guard(diff_run_functions_deinit) = {0};
	double a_values[] = {100, 100, 0}, b_values[] = {200, 0, 200};
	double a_squares[] = {100, 100, 0}, b_squares[] = {200, 0, 200};
	struct diff_run a = {.values = a_values, .squares = a_squares, .n = 3, .per = 1};
	struct diff_run b = {.values = b_values, .squares = b_squares, .n = 3, .per = 1};
	struct diff_result result guard(diff_compare_deinit) = {0};
	for (int i = 0; i < 4; i++)
		array_add(&functions);
	diff_compare(&result, &(struct diff_side){&a, 1}, &(struct diff_side){&b, 1}, &functions,
		     0.5, false);
	CU_ASSERT_EQUAL(result.n, 2);
	CU_ASSERT_EQUAL(result.n_sure, 2);
	CU_ASSERT_EQUAL(result.deltas[0].function, 2);
	CU_ASSERT_EQUAL(result.deltas[0].delta, 200);
	CU_ASSERT_EQUAL(result.deltas[1].delta, -100);
	CU_ASSERT_TRUE(result.whole.is_sure);
	CU_ASSERT_FALSE(result.is_measured);
}

static char *printed(void (*print)(FILE *, const struct diff_view *), const struct diff_view *view)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	print(out, view);
	fclose(out);
	return text;
}

static void prints(void)
{
	struct diff_functions functions = {0};
	for (int i = 0; i < 3; i++)
		*array_add(&functions) = (struct diff_function){array_copy(i == 1 ? "f" : "g", 1),
								array_copy("app", 3)};
	struct diff_delta deltas[] = {{.function = 1,
				       .before = 100014999, /* rounded twice it is 100.02 */
				       .after = 1.5e8,
				       .delta = 5e7,
				       .noise = 1e7,
				       .is_sure = true},
				      {.function = 2, .after = 1e6, .delta = 1e6, .noise = 2e6}};
	struct diff_result result = {
		.whole = {.before = 9e8, .after = 9.9e8, .delta = 9e7, .noise = 9e7},
		.deltas = deltas,
		.n = 2,
		.n_sure = 1,
		.n_hidden = 7};
	struct diff_run runs[] = {{.duration_ns = 30000000000, .labels = "v=1"},
				  {.duration_ns = 10000000000}};
	struct diff_side sides[] = {{&runs[0], 1}, {&runs[1], 1}};
	struct diff_column column = {"cpu", "nanoseconds"};
	const char *const files[] = {"a.pb.gz", "b\n.pb.gz"};
	struct diff_view view = {.result = &result,
				 .functions = &functions,
				 .column = &column,
				 .sides = sides,
				 .names = files,
				 .by = DIFF_BY_TIME,
				 .min_percent = 0.5};
	char *text guard_mem = printed(diff_print, &view);
	CU_ASSERT_STRING_EQUAL(
		text,
		"before: a.pb.gz (v=1)  30.0s\n"
		"after:  b\\x0a.pb.gz  10.0s\n"
		"cpu per second: 900.00ms before, 990.00ms after: +10.0%, noise 10.0%: "
		"no sure change\n"
		"1 of 2 functions surely changed (95% sure of all of them together)\n"
		"noise: of sampling, and 5% between runs, a guess; several files a side measure "
		"it (a1 a2 -- b1 b2)\n"
		"  BEFORE     AFTER     DELTA    NOISE  CHANGE  SURE  FUNCTION  MODULE\n"
		"100.01ms  150.00ms  +50.00ms  10.00ms  +50.0%  more  f         app\n"
		"  0.00ms    1.00ms   +1.00ms   2.00ms     new        g         app\n"
		"(7 more below 0.5% of the whole; --min 0 shows them)\n");
	char *json guard_mem = printed(diff_print_json, &view);
	CU_ASSERT_PTR_NOT_NULL(strstr(json, "\"sure\":\"more\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(json, "\"change_percent\":null"));
	CU_ASSERT_PTR_NOT_NULL(strstr(json, "\"functions_below_min\":7"));
	CU_ASSERT_PTR_NOT_NULL(strstr(json, "\"cpu_missed_percent\":null"));
	diff_run_functions_deinit(&functions);
}

/* Where others had the CPU a second says little of the program. */
static void says_contention(void)
{
	struct profile *waits guard_profile = fixture_profile_waits();
	struct profile *none guard_profile = fixture_profile_nginx();
	struct diff_functions functions guard(diff_run_functions_deinit) = {0};
	struct diff_column column guard(diff_run_column_deinit) = {0};
	struct diff_run runs[2] = {0};
	CU_ASSERT_EQUAL(diff_run_init(&runs[0], waits, &by_self, &functions, &column, NULL), 0);
	CU_ASSERT_EQUAL(diff_run_init(&runs[1], waits, &by_self, &functions, &column, NULL), 0);
	CU_ASSERT_EQUAL(runs[0].wanted_ns, 3200000000);
	CU_ASSERT_EQUAL(runs[0].missed_ns, 600000000);
	runs[1].missed_ns = 0;
	CU_ASSERT_DOUBLE_EQUAL(diff_run_missed(&runs[0], 1), 0.1875, 1e-9);
	struct diff_result result = {.whole = {.before = 1}};
	struct diff_side sides[] = {{&runs[0], 1, 0.8125}, {&runs[1], 1, 1}};
	const char *const files[] = {"a", "b"};
	struct diff_view view = {.result = &result,
				 .functions = &functions,
				 .column = &column,
				 .sides = sides,
				 .names = files,
				 .by = DIFF_BY_TIME};
	const char note[] = "without a CPU for 19% of that time before, 0% after: ";
	char *text guard_mem = printed(diff_print, &view);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, note));
	char *json guard_mem = printed(diff_print_json, &view);
	CU_ASSERT_PTR_NOT_NULL(strstr(json, "\"cpu_missed_percent\":18.75"));
	sides[0].had_cpu = 0; /* not known, or of no consequence */
	char *shares guard_mem = printed(diff_print, &view);
	CU_ASSERT_PTR_NULL(strstr(shares, "without a CPU"));
	diff_run_deinit(&runs[0]);
	diff_run_deinit(&runs[1]);
	CU_ASSERT_EQUAL(diff_run_init(&runs[0], none, &by_self, &functions, &column, NULL), 0);
	CU_ASSERT(diff_run_missed(&runs[0], 1) < 0); /* not known */
	diff_run_deinit(&runs[0]);
}

/* A program that did the same with half the CPU has not changed; one that did more has. */
static void contention_is_no_change(void)
{
	double values[] = {6e9, 6e9}, halves[] = {3e9, 3e9}, squares[] = {6e16, 6e16};
	struct diff_functions functions = {.n = 2};
	struct diff_run a = {values, squares, 2, 10}, b = {halves, squares, 2, 10};
	struct diff_side before = {&a, 1, 0.9}, after = {&b, 1, 0.45};
	struct diff_result result;
	diff_compare(&result, &before, &after, &functions, 0, false);
	CU_ASSERT_EQUAL(result.n_sure, 0);
	CU_ASSERT_FALSE(result.whole.is_sure);
	CU_ASSERT(result.whole.noise > 3e8);
	diff_compare_deinit(&result);
	before.had_cpu = after.had_cpu; /* it had as much */
	diff_compare(&result, &before, &after, &functions, 0, false);
	CU_ASSERT_EQUAL(result.n_sure, 1);
	diff_compare_deinit(&result);
}

/* Command lines that end before any file is read. */
static void refuses_command_lines(void)
{
	static const struct {
		const char *words[6];
		const char *msg;
	} cases[] = {
		{{"diff", "a"}, "one side has no file"},
		{{"diff", "a", "--"}, "one side has no file"},
		{{"diff", "a", "b", "c"}, "which files are before"},
		{{"diff", "a", "b", "--work", "1"}, "--work needs two numbers"},
		{{"diff", "a", "b", "--work", "1,2,3"}, "--work needs two numbers"},
		{{"diff", "a", "b", "--work", "1,x"}, "--work cannot be"},
		{{"diff", "a", "b", "--work", "1,0"}, "--work cannot be"},
		{{"diff", "--by", "weight"}, "--by cannot be"},
		{{"diff", "--fail-over", "-1"}, "--fail-over cannot be"},
		{{"diff", "a", "--", "b", "--min", "x"}, "--min cannot be"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err err = {0};
		char *argv[7] = {NULL};
		int argc = 0;
		for (; argc < 6 && cases[i].words[argc]; argc++)
			argv[argc] = (char *)cases[i].words[argc];
		CU_ASSERT_EQUAL(diff_command(NULL, argc, argv, &err), -EINVAL);
		CU_ASSERT_EQUAL(err.status, ERR_USAGE);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, cases[i].msg));
	}
}

/* Three functions: all, f, g; every sample weighs one. */
enum {
	MADE = 3
};

struct made {
	double values[MADE], squares[MADE];
};

static struct diff_run made_run(struct made *made, double per, double f, double g)
{
	*made = (struct made){{f + g, f, g}, {f + g, f, g}};
	return (struct diff_run){
		.values = made->values, .squares = made->squares, .n = MADE, .per = per};
}

static struct diff_delta delta_of(const struct diff_result *result, uint32_t function)
{
	for (uint32_t i = 0; i < result->n; i++)
		if (result->deltas[i].function == function)
			return result->deltas[i];
	return (struct diff_delta){0};
}

/* By the variance of one run a side: with sampling's noise of one event more than were seen, of
 * shares that of the others too, and the usual noise of runs. Both functions have the same sum of
 * both sides, so that they have the same chance of being wrong, and the same factor. */
static void knows_the_noise_of_one_run(void)
{
	const struct diff_functions functions = {.n = MADE};
	const double runs = DIFF_RUN_NOISE * DIFF_RUN_NOISE;
	for (int is_share = 0; is_share <= 1; is_share++) {
		struct made made[2];
		struct diff_run before = made_run(&made[0], 100, 16, 8);
		struct diff_run after = made_run(&made[1], 100, 0, 8);
		const struct diff_side sides[] = {{&before, 1}, {&after, 1}};
		struct diff_result result;
		diff_compare(&result, &sides[0], &sides[1], &functions, 0, is_share);
		CU_ASSERT_EQUAL_FATAL(result.n, 2);
		struct diff_delta f = delta_of(&result, 1), g = delta_of(&result, 2);
		CU_ASSERT_DOUBLE_EQUAL(f.delta, -0.16, 1e-12);
		double some = is_share ? 1 - 0.16 : 1, others = is_share ? 1 - 0.08 : 1;
		double of_f = 17e-4 * some + 1e-4 + runs * 0.16 * 0.16;
		double of_g = 2 * 9e-4 * others + runs * 2 * 0.08 * 0.08;
		CU_ASSERT_DOUBLE_EQUAL(f.noise * f.noise / (g.noise * g.noise), of_f / of_g, 1e-9);
		diff_compare_deinit(&result);
	}
}

/* Runs that are alike by chance do not make sampling exact. */
static void equal_runs_have_noise(void)
{
	const struct diff_functions functions = {.n = MADE};
	struct made made[6];
	struct diff_run runs[6];
	for (int i = 0; i < 6; i++)
		runs[i] = made_run(&made[i], 1, i < 3 ? 100 : 104, 100);
	const struct diff_side sides[] = {{runs, 3}, {runs + 3, 3}};
	struct diff_result result;
	diff_compare(&result, &sides[0], &sides[1], &functions, 0, false);
	struct diff_delta f = delta_of(&result, 1);
	CU_ASSERT_DOUBLE_EQUAL(f.delta, 4, 1e-12);
	CU_ASSERT(f.noise > 2 * sqrt(301. / 9 + 313. / 9));
	CU_ASSERT_EQUAL(result.n_sure, 0);
	diff_compare_deinit(&result);
}

SUITE(diff, {"prints", prints}, {"says contention", says_contention},
      {"contention is no change", contention_is_no_change},
      {"refuses command lines", refuses_command_lines}, {"names", names}, {"adds up", adds_up},
      {"refuses other columns", refuses_other_columns},
      {"calls nothing changed that is not", calls_nothing_changed_that_is_not},
      {"finds a fifth more", finds_a_fifth_more}, {"knows new and gone", knows_new_and_gone},
      {"knows the noise of one run", knows_the_noise_of_one_run},
      {"equal runs have noise", equal_runs_have_noise});
