/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/amount.h"
#include "cli/frames.h"
#include "cli/jsontext.h"
#include "cli/report_flat.h"
#include "cli/report_head.h"
#include "cli/report_names.h"
#include "cli/report_owners.h"
#include "cli/report_times.h"
#include "cli/report_tree.h"
#include "cli/report_view.h"
#include "cli/report_wakers.h"
#include "common/err.h"
#include "common/info.pb-c.h"
#include "common/profile.h"
#include "tests/fixture_profile.h"
#include "tests/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void same_text(const char *got, const char *expected)
{
	CU_ASSERT_STRING_EQUAL(got, expected);
	if (strcmp(got, expected) != 0)
		printf("\n--- got:\n%s--- expected:\n%s", got, expected);
}

static void amounts(void)
{
	static const struct {
		const char *unit;
		int64_t total, value;
		const char *text;
	} cases[] = {
		{"nanoseconds", 19200000000, 6910000000, "6.91s"},
		{"nanoseconds", 5000000000000, 1234567000000, "1,234.57s"},
		{"nanoseconds", 5000000, 1234567, "1.23ms"},
		{"nanoseconds", 5000, 12, "0.01us"},
		{"nanoseconds", 999, -12, "-12ns"},
		{"milliseconds", 5000, 1500, "1.50s"},
		{"count", 5, 1234567, "1,234,567"},
		{"count", 5, -123, "-123"},
		{"bytes", 5 << 20, 1 << 19, "0.50 MiB"},
		{"bytes", 100, 12, "12 B"},
		{"wishes", 100, 1000, "1,000"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[AMOUNT_TEXT];
		amount_text(text, amount_scale(cases[i].unit, cases[i].total), cases[i].value);
		CU_ASSERT_STRING_EQUAL(text, cases[i].text);
	}
}

static void names_line(struct profile *profile, const char *expected)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	report_names_print(out, profile);
	fclose(out);
	same_text(text, expected);
	free(text);
}

/* By the program's own function where there is one: the kernel's has a name anyway. */
static void functions_without_names(void)
{
	struct profile *profile = profile_new_ours();
	const int64_t values[PROFILE_COLUMNS] = {8, 80}, few[PROFILE_COLUMNS] = {1, 10};
	const int64_t waits[PROFILE_COLUMNS] = {0, 0, 1000, 1000};
	fixture_profile_row(profile, "main;app+0x20", "app", 1, 1, few);
	fixture_profile_row(profile, "[kernel]!read", "app", 1, 1, few);
	fixture_profile_row(profile, "main;parse", "app", 1, 1, values);
	fixture_profile_row(profile, "main;parse;[kernel]!read", "app", 1, 1, values);
	fixture_profile_row(profile, "main;[libx.so+0x20]", "app", 1, 1, waits);
	names_line(profile, "named 94.4%, by address only 5.6%: `probe symbolize` takes names from "
			    "debug files\n");
	fixture_profile_row(profile, "main;libx.so!other+0x20", "app", 1, 1, values);
	names_line(profile, "");
	fixture_profile_row(profile, "main;libx.so!libx.so+0x20;[kernel]!read", "app", 1, 1,
			    values);
	names_line(profile, "named 73.5%, by address only 26.5%: `probe symbolize` takes names "
			    "from debug files\n");
	profile_free(profile);
}

/* The flat table as text. */
static char *flat(struct profile *profile, struct selection_wish wish, unsigned parts, size_t width,
		  bool json)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	struct frames *frames guard(guard_frames) = frames_new(profile, parts);
	struct frames *names guard(guard_frames) = frames_new(profile, FRAMES_FUNCTION);
	struct selection selection guard(selection_deinit) = {0};
	struct err err = {0};
	CU_ASSERT_EQUAL(selection_init(&selection, profile, names, &wish, &err), 0);
	struct report_view view = {.profile = profile,
				   .frames = frames,
				   .selection = &selection,
				   .min_percent = 2,
				   .by_line = parts & FRAMES_LINE,
				   .by_module = parts == FRAMES_MODULE,
				   .width = width};
	if (json) {
		struct jsontext stream = jsontext_init(out);
		jsontext_open(&stream, NULL, '{');
		report_flat_json(&stream, &view);
		jsontext_close(&stream);
	} else {
		report_flat_print(out, &view);
	}
	fclose(out);
	return text;
}

static void prints_the_flat_table(void)
{
	struct profile *profile = fixture_profile_nginx();
	char *text = flat(profile, (struct selection_wish){0}, FRAMES_FUNCTION | FRAMES_MODULE, 0,
			  false);
	same_text(text, " SELF  SELF%    CUM    CUM%  FUNCTION   MODULE\n"
			"0.40s  40.0%  0.50s   50.0%  parse      app\n"
			"0.20s  20.0%  0.30s   30.0%  walk       app\n"
			"0.19s  19.0%  0.19s   19.0%  copy_user  [kernel]\n"
			"0.10s  10.0%  0.10s   10.0%  leaf       app\n"
			"0.10s  10.0%  0.10s   10.0%  (next)     app\n"
			"0.00s   0.0%  1.00s  100.0%  _start     app\n"
			"0.00s   0.0%  1.00s  100.0%  main       app\n"
			"0.00s   0.0%  0.19s   19.0%  write      libc.so.6\n"
			"(2 more below 2%, together 0.01s self, 1.0%; --min 0 shows them)\n");
	free(text);
	profile_free(profile);
}

static void cuts_to_the_terminal(void)
{
	struct profile *profile = fixture_profile_nginx();
	char *text = flat(profile, (struct selection_wish){.focus = "^write$"},
			  FRAMES_FUNCTION | FRAMES_MODULE, 50, false);
	same_text(text, " SELF  SELF%    CUM   CUM%  FUNCTION   MODULE\n"
			"0.19s  19.0%  0.19s  19.0%  copy_user  [kernel]\n"
			"0.00s   0.0%  0.19s  19.0%  _start     app\n"
			"0.00s   0.0%  0.19s  19.0%  main       app\n"
			"0.00s   0.0%  0.19s  19.0%  write      libc.so.6\n");
	free(text);
	text = flat(profile, (struct selection_wish){.ignore = "walk|parse|rare"},
		    FRAMES_FUNCTION | FRAMES_MODULE | FRAMES_LINE, 52, false);
	same_text(text, " SELF  SELF%    CUM   CUM%  FUNCTION       MODULE\n"
			"0.19s  19.0%  0.19s  19.0%  copy_user  ..  [kernel]\n"
			"0.00s   0.0%  0.19s  19.0%  _start  _st..  app\n"
			"0.00s   0.0%  0.19s  19.0%  main  main...  app\n"
			"0.00s   0.0%  0.19s  19.0%  write  writ..  libc.so.6\n");
	free(text);
	/* The line stays as long as something of the name does. */
	text = flat(profile, (struct selection_wish){.focus = "^write$"},
		    FRAMES_FUNCTION | FRAMES_MODULE | FRAMES_LINE, 61, false);
	same_text(text, " SELF  SELF%    CUM   CUM%  FUNCTION                MODULE\n"
			"0.19s  19.0%  0.19s  19.0%  copy..  copy_user.c:10  [kernel]\n"
			"0.00s   0.0%  0.19s  19.0%  _start  _start.c:10     app\n"
			"0.00s   0.0%  0.19s  19.0%  main  main.c:10         app\n"
			"0.00s   0.0%  0.19s  19.0%  write  write.c:10       libc.so.6\n");
	free(text);
	profile_free(profile);
}

static void prints_modules(void)
{
	struct profile *profile = fixture_profile_nginx();
	char *text = flat(profile, (struct selection_wish){.sample = "samples"}, FRAMES_MODULE, 0,
			  false);
	same_text(text, "SELF  SELF%  CUM    CUM%  MODULE\n"
			"  81  81.0%  100  100.0%  app\n"
			"  19  19.0%   19   19.0%  [kernel]\n"
			"   0   0.0%   19   19.0%  libc.so.6\n");
	free(text);
	text = flat(profile, (struct selection_wish){.sample = "samples"}, FRAMES_MODULE, 0, true);
	same_text(text,
		  "{\"rows\":[\n"
		  "{\"self_count\":81,\"self_percent\":81,\"cum_count\":100,\"cum_percent\":100,"
		  "\"function\":\"app\",\"module\":\"app\"},\n"
		  "{\"self_count\":19,\"self_percent\":19,\"cum_count\":19,\"cum_percent\":19,"
		  "\"function\":\"[kernel]\",\"module\":\"[kernel]\"},\n"
		  "{\"self_count\":0,\"self_percent\":0,\"cum_count\":19,\"cum_percent\":19,"
		  "\"function\":\"libc.so.6\",\"module\":\"libc.so.6\"}]}\n");
	free(text);
	profile_free(profile);
}

static void same_owners(struct profile *profile, const char *expected)
{
	struct frames *frames guard(guard_frames) = frames_new(profile, FRAMES_FUNCTION);
	struct selection selection guard(selection_deinit) = {0};
	struct selection_wish wish = {0};
	CU_ASSERT_EQUAL(selection_init(&selection, profile, frames, &wish, NULL), 0);
	struct report_view view = {.profile = profile, .frames = frames, .selection = &selection};
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	report_owners_print(out, &view, OWNERS_BY_THREAD);
	report_owners_print(out, &view, OWNERS_BY_PROCESS);
	fclose(out);
	same_text(text, expected);
	free(text);
}

static void prints_threads(void)
{
	struct profile *profile = fixture_profile_nginx();
	same_owners(profile, "  CPU   CPU%   PID   TID  THREAD\n"
			     "0.70s  70.0%  4242  4242  nginx\n"
			     "0.30s  30.0%  4242  4243  nginx\n"
			     "  CPU    CPU%   PID  PROCESS\n"
			     "1.00s  100.0%  4242  nginx\n");
	profile_free(profile);
}

/* One that never ran is there, and what half of the waits had no room for shows. */
static void prints_threads_with_their_times(void)
{
	struct profile *profile = fixture_profile_waits();
	same_owners(profile,
		    "  CPU    CPU%  ON-CPU  STOLEN  RUNNABLE  BLOCKED   PID   TID  THREAD\n"
		    "2.67s  100.0%   2.50s   0.10s     0.40s   27.00s  4242  4242  nginx\n"
		    "0.00s    0.0%   0.10s   0.00s     0.10s   29.80s  4242  4243  nginx\n"
		    "0.00s    0.0%   0.00s   0.00s     0.00s   30.00s  4242  4244  nginx\n"
		    "  CPU    CPU%  ON-CPU  STOLEN  RUNNABLE  BLOCKED   PID  PROCESS\n"
		    "2.67s  100.0%   2.60s   0.10s     0.50s   86.80s  4242  nginx\n");
	profile_free(profile);
}

static char *times_text(const struct profile *profile)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	report_times_print(out, profile);
	fclose(out);
	return text;
}

static void accounts_for_all_time(void)
{
	struct profile *profile = fixture_profile_waits();
	char *text = times_text(profile);
	same_text(text, "thread time 90.0s: on-cpu 2.6s, stolen 0.1s, runnable 0.5s, blocked 86.8s "
			"(accounted 83.6%)\n");
	free(text);
	profile->info->samples = 350;
	text = times_text(profile);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nsamples tell of 3.5s on the CPU: not what the "
					    "kernel's account says\n"));
	free(text);
	free(profile->info->mode);
	profile->info->mode = strdup("cpu");
	text = times_text(profile);
	same_text(text, "thread time 90.0s: on-cpu 2.6s, stolen 0.1s, runnable 0.5s, blocked "
			"86.8s\n");
	free(text);
	profile_free(profile);
}

static char *wakers_text(const struct profile *profile, bool json)
{
	struct frames *frames guard(guard_frames) =
		frames_new(profile, FRAMES_FUNCTION | FRAMES_MODULE);
	struct selection selection guard(selection_deinit) = {0};
	struct selection_wish wish = {.sample = "blocked", .ignore = "^nap$"};
	CU_ASSERT_EQUAL(selection_init(&selection, profile, frames, &wish, NULL), 0);
	struct report_view view = {
		.profile = profile, .frames = frames, .selection = &selection, .min_percent = 1};
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	if (json) {
		struct jsontext stream = jsontext_init(out);
		jsontext_open(&stream, NULL, '{');
		report_wakers_json(&stream, &view);
		jsontext_close(&stream);
	} else {
		report_wakers_print(out, &view);
	}
	fclose(out);
	return text;
}

static void prints_wakers(void)
{
	struct profile *profile = fixture_profile_waits();
	CU_ASSERT_EQUAL(report_wakers_check(profile, NULL), 0);
	char *text = wakers_text(profile, false);
	same_text(text, "  TIME  TIME%  WAITS  WAITED IN, ENDED BY\n"
			"30.00s  41.7%      1  wait\n"
			"30.00s  41.7%      1    (not ended meanwhile, or not known)\n"
			"15.00s  20.8%      5  load\n"
			"15.00s  20.8%      5    [interrupt]\n"
			" 7.00s   9.7%      8  take (lock)\n"
			" 7.00s   9.7%      8    nginx (4243)\n"
			" 6.00s   8.3%      7      futex_wake < unlock < give < main\n"
			" 1.00s   1.4%      1      futex_wake < unlock < rare\n");
	free(text);
	text = wakers_text(profile, true);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "\"waits_count\":7,\"function\":\"take\",\"via\":\"lock\",\"waker\":"
			     "\"nginx (4243)\",\"waker_stack\":\"futex_wake;unlock;give;main\"}"));
	free(text);
	profile_free(profile);

	profile = fixture_profile_nginx();
	struct err err = {0};
	CU_ASSERT_EQUAL(report_wakers_check(profile, &err), -ENODATA);
	CU_ASSERT_STRING_EQUAL(err.msg, "the profile does not tell who ended waits");
	profile_free(profile);
}

static char *tree_of(enum report_tree_way way, const char *function, unsigned parts)
{
	struct profile *profile = fixture_profile_nginx();
	struct frames *frames guard(guard_frames) = frames_new(profile, parts);
	struct selection selection guard(selection_deinit) = {0};
	struct selection_wish wish = {.sample = "samples"};
	CU_ASSERT_EQUAL(selection_init(&selection, profile, frames, &wish, NULL), 0);
	struct report_view view = {.profile = profile,
				   .frames = frames,
				   .selection = &selection,
				   .min_percent = 5,
				   .by_line = parts & FRAMES_LINE,
				   .by_module = parts == FRAMES_MODULE};
	struct tree tree guard(tree_deinit) = {0};
	struct err err = {0};
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	if (report_tree_build(&tree, &view, way, function, &err) < 0)
		fputs(err.msg, out);
	else
		report_tree_print(out, &view, &tree);
	fclose(out);
	profile_free(profile);
	return text;
}

static char *tree_text(enum report_tree_way way, const char *function)
{
	return tree_of(way, function, FRAMES_FUNCTION | FRAMES_MODULE);
}

/* A module that calls itself is one step. */
static void prints_trees_of_modules(void)
{
	char *text = tree_of(REPORT_TREE_CALLS, NULL, FRAMES_MODULE);
	same_text(text, "CUM    CUM%  SELF  SELF%  MODULE\n"
			"100  100.0%    81  81.0%  app\n"
			" 19   19.0%     0   0.0%  libc.so.6\n"
			" 19   19.0%    19  19.0%  [kernel]\n"
			"(branches below 5% are not shown; --min 0 shows them)\n");
	free(text);
	text = tree_of(REPORT_TREE_CALLERS, "libd", FRAMES_MODULE);
	same_text(text, "no module \"libd\" in this profile");
	free(text);
}

static void prints_trees_of_lines(void)
{
	char *text = tree_of(REPORT_TREE_CALLEES, "write",
			     FRAMES_FUNCTION | FRAMES_MODULE | FRAMES_LINE);
	same_text(text, "CUM   CUM%  SELF  SELF%  FUNCTION                   MODULE\n"
			" 19  19.0%     0   0.0%  write  write.c:10          libc.so.6\n"
			" 19  19.0%    19  19.0%  copy_user  copy_user.c:10  [kernel]\n"
			"(branches below 5% are not shown; --min 0 shows them)\n");
	free(text);
}

static void prints_trees(void)
{
	char *text = tree_text(REPORT_TREE_CALLS, NULL);
	same_text(text, "CUM    CUM%  SELF  SELF%  FUNCTION     MODULE\n"
			"100  100.0%     0   0.0%  _start       app\n"
			"100  100.0%     0   0.0%  main         app\n"
			" 50   50.0%    40  40.0%  + parse      app\n"
			" 10   10.0%    10  10.0%    (next)     app\n"
			" 30   30.0%     0   0.0%  + walk       app\n"
			" 20   20.0%     0   0.0%    + walk     app\n"
			" 20   20.0%    20  20.0%      walk     app\n"
			" 10   10.0%    10  10.0%    + leaf     app\n"
			" 19   19.0%     0   0.0%  + write      libc.so.6\n"
			" 19   19.0%    19  19.0%    copy_user  [kernel]\n"
			"(branches below 5% are not shown; --min 0 shows them)\n");
	free(text);
	/* Recursion: each stack counts once. */
	text = tree_text(REPORT_TREE_CALLEES, "walk");
	same_text(text, "CUM   CUM%  SELF  SELF%  FUNCTION  MODULE\n"
			" 30  30.0%     0   0.0%  walk      app\n"
			" 20  20.0%     0   0.0%  + walk    app\n"
			" 20  20.0%    20  20.0%    walk    app\n"
			" 10  10.0%    10  10.0%  + leaf    app\n"
			"(branches below 5% are not shown; --min 0 shows them)\n");
	free(text);
	text = tree_text(REPORT_TREE_CALLERS, "^copy");
	same_text(text, "CUM   CUM%  SELF  SELF%  FUNCTION   MODULE\n"
			" 19  19.0%     0   0.0%  copy_user  [kernel]\n"
			" 19  19.0%     0   0.0%  write      libc.so.6\n"
			" 19  19.0%     0   0.0%  main       app\n"
			" 19  19.0%    19  19.0%  _start     app\n"
			"(branches below 5% are not shown; --min 0 shows them)\n");
	free(text);
	text = tree_text(REPORT_TREE_CALLERS, "nonsense");
	same_text(text, "no function \"nonsense\" in this profile");
	free(text);
}

static void refuses(struct profile *profile, struct selection_wish wish, const char *msg,
		    const char *hint)
{
	struct frames *names guard(guard_frames) = frames_new(profile, FRAMES_FUNCTION);
	struct selection selection = {0};
	struct err err = {0};
	CU_ASSERT(selection_init(&selection, profile, names, &wish, &err) < 0);
	CU_ASSERT_EQUAL(err.status, ERR_USAGE);
	CU_ASSERT_STRING_EQUAL(err.msg, msg);
	CU_ASSERT_STRING_EQUAL(err.hint, hint);
}

static void refuses_what_is_not_there(void)
{
	struct profile *profile = fixture_profile_nginx();
	refuses(profile, (struct selection_wish){.sample = "blocked"},
		"blocked: not measured (recorded with --mode cpu)", "record with another --mode");
	refuses(profile, (struct selection_wish){.sample = "smaples"},
		"no sample type \"smaples\" in this profile",
		"did you mean --sample samples? There are: samples, cpu, offcpu_events, blocked, "
		"runnable, wall");
	refuses(profile, (struct selection_wish){.focus = "a("},
		"not a regular expression: \"a(\": Unmatched ( or \\(", "");
	profile_free(profile);
}

static void reads_head(void)
{
	struct profile *profile = fixture_profile_nginx();
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	report_head_print(out, profile, "nginx.pb.gz", 80);
	fclose(out);
	same_text(text, "nginx (4242)  30.0s at 99 Hz  100 samples  2 lost                    "
			"nginx.pb.gz\n"
			"whole stacks 97.0%; others ended by: no row 3\n"
			"lost: ring full 2\n");
	free(text);
	profile_free(profile);
}

static void reads_head_of_waits(void)
{
	struct profile *profile = fixture_profile_waits();
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	report_head_print(out, profile, "nginx.pb.gz", 80);
	fclose(out);
	same_text(text, "nginx (4242)  30.0s at 100 Hz  267 samples  6 lost                   "
			"nginx.pb.gz\n"
			"thread time 90.0s: on-cpu 2.6s, stolen 0.1s, runnable 0.5s, blocked 86.8s "
			"(accounted 83.6%)\n"
			"whole stacks 97.0%; others ended by: no row 3\n"
			"whole stacks of waits 98.0%; others ended by: no row 2\n"
			"lost: ring full 2\n"
			"waits lost: overdue 4\n"
			"waits of less than 3.20ms: by chance, those taken stand for all 117\n");
	free(text);
	profile_free(profile);
}

SUITE(report, {"amounts", amounts}, {"functions without names", functions_without_names},
      {"prints the flat table", prints_the_flat_table},
      {"cuts to the terminal", cuts_to_the_terminal}, {"prints modules", prints_modules},
      {"prints threads", prints_threads},
      {"prints threads with their times", prints_threads_with_their_times},
      {"accounts for all time", accounts_for_all_time}, {"prints wakers", prints_wakers},
      {"prints trees", prints_trees}, {"prints trees of modules", prints_trees_of_modules},
      {"prints trees of lines", prints_trees_of_lines},
      {"refuses what is not there", refuses_what_is_not_there}, {"reads the head", reads_head},
      {"reads the head of waits", reads_head_of_waits});
