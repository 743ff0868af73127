/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stacks_view.h"

#include "common/info.pb-c.h"
#include "common/profile.h"
#include "tests/fixture_profile.h"
#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>

static struct profile *snapshot(void)
{
	static const char lock[] =
		"_start;main;take;libc.so.6!lock;[kernel.kallsyms]!entry;[kernel.kallsyms]!"
		"__x64_sys_futex;[kernel.kallsyms]!futex_wait;[kernel.kallsyms]!schedule";
	static const struct {
		const char *stack;
		int64_t tid;
		const char *state;
	} rows[] = {
		{"_start;main;work", 10, "running"},
		{"_start;main;load;[kernel.kallsyms]!fault;[kernel.kallsyms]!io_schedule", 11,
		 "disk sleep"},
		{lock, 12, "sleeping"},
		{"", 13, "runnable"},
		{lock, 14, "sleeping"},
	};
	struct profile *profile = profile_new_ours();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct fixture_wait wait = {rows[i].state, "", NULL, 1, 0, 0};
		fixture_profile_wait(profile, rows[i].stack, rows[i].tid, &wait);
	}
	return profile;
}

static char *text_of(const struct profile *profile, bool separate, bool json)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	const struct stacks_wish wish = {.separate = separate};
	if (json)
		stacks_view_json(out, profile, &wish);
	else
		stacks_view_print(out, profile, &wish);
	fclose(out);
	return text;
}

static void together(void)
{
	struct profile *profile = snapshot();
	char *text = text_of(profile, false, false);
	static const char expected[] = "app  5 threads\n"
				       "\n"
				       "2 threads, sleeping in futex: nginx (12), nginx (14)\n"
				       "  #0   schedule at schedule.c:10  [kernel]\n"
				       "  #1   futex_wait at futex_wait.c:10  [kernel]\n"
				       "  #2   __x64_sys_futex at __x64_sys_futex.c:10  [kernel]\n"
				       "  #3   entry at entry.c:10  [kernel]\n"
				       "  #4   lock at lock.c:10  libc.so.6\n"
				       "  #5   take at take.c:10  app\n"
				       "  #6   main at main.c:10  app\n"
				       "  #7   _start at _start.c:10  app\n"
				       "\n"
				       "running: nginx (10)\n"
				       "  #0   work at work.c:10  app\n"
				       "  #1   main at main.c:10  app\n"
				       "  #2   _start at _start.c:10  app\n"
				       "\n"
				       "disk sleep in fault: nginx (11)\n";
	CU_ASSERT(!strncmp(text, expected, strlen(expected)));
	if (strncmp(text, expected, strlen(expected)) != 0)
		printf("\n%s", text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nrunnable: nginx (13)\n  [no stack]\n"));
	free(text);
	profile_free(profile);
}

/* A line of 60 kB says less than one that ends. */
static void crowds(void)
{
	struct profile *profile = profile_new_ours();
	struct fixture_wait wait = {"sleeping", "", NULL, 1, 0, 0};
	for (int tid = 1; tid <= 30; tid++)
		fixture_profile_wait(profile, "_start;main;wait", tid, &wait);
	char *text = text_of(profile, false, false), *json = text_of(profile, false, true);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "nginx (19), nginx (20), and 10 more, which --json names\n"));
	CU_ASSERT_PTR_NULL(strstr(text, "(21)"));
	CU_ASSERT_PTR_NOT_NULL(strstr(json, "\"tid\":30,"));
	free(text);
	free(json);
	profile_free(profile);
}

static void alone(void)
{
	struct profile *profile = snapshot();
	char *text = text_of(profile, true, false);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nsleeping in futex: nginx (12)\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nsleeping in futex: nginx (14)\n"));
	CU_ASSERT_PTR_NULL(strstr(text, "2 threads"));
	free(text);
	profile_free(profile);
}

static void as_json(void)
{
	struct profile *profile = snapshot();
	char *text = text_of(profile, false, true);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"threads_count\":5"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"state\":\"sleeping\",\"waits_in\":\"futex\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "{\"pid\":4242,\"tid\":14,\"name\":\"nginx\"}"));
	CU_ASSERT_PTR_NULL(strstr(text, "\"state\":\"running\",\"waits_in\""));
	free(text);
	profile_free(profile);
}

/* What a file says is lost, and how it calls it. */
static void control_bytes_are_told(void)
{
	struct profile *profile = snapshot();
	Probe__Counter lost = PROBE__COUNTER__INIT, nameless = PROBE__COUNTER__INIT;
	Probe__Counter *all[] = {&lost, &nameless};
	Probe__Info info = PROBE__INFO__INIT, *was = profile->info;
	lost.name = (char *)"a\x1b[2J\"b";
	lost.value = nameless.value = 3;
	info.lost = all;
	info.n_lost = 2;
	profile->info = &info;
	for (int json = 0; json < 2; json++) {
		char *text = text_of(profile, false, json);
		CU_ASSERT_PTR_NULL(strchr(text, '\x1b'));
		CU_ASSERT_PTR_NOT_NULL(strstr(text, json ? "[2J\\\"b\":3" : "[2J\"b 3\n"));
		free(text);
	}
	profile->info = was;
	profile_free(profile);
}

SUITE(stacks_view, {"names some of a crowd", crowds},
      {"control bytes are told", control_bytes_are_told}, {"together", together}, {"alone", alone},
      {"as JSON", as_json});
