/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/record_args.h"

#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/protocol.pb-c.h"
#include "tests/unit.h"

enum {
	WORDS = 32
};

/* Splits at blanks: none of these arguments has one. */
static int split(char *line, char **argv)
{
	int argc = 0;
	for (char *word = strtok(line, " "); word && argc < WORDS - 1; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	return argc;
}

struct parsed {
	char line[256];
	char *argv[WORDS];
	struct record_args args;
	struct err err;
	int code;
};

static struct parsed *parse(struct parsed *p, const char *line)
{
	*p = (struct parsed){0};
	snprintf(p->line, sizeof(p->line), "record %s", line);
	int argc = split(p->line, p->argv);
	p->code = record_args_parse(&p->args, argc, p->argv, &p->err);
	return p;
}

static void takes(struct parsed *p, const char *line)
{
	parse(p, line);
	CU_ASSERT_EQUAL(p->code, 0);
	CU_ASSERT_STRING_EQUAL(p->err.msg, "");
}

static void as_for_perf(void)
{
	struct parsed p;
	takes(&p, "-p 42 -g -F 99 sleep 30");
	CU_ASSERT_EQUAL(p.args.target.n_pids, 1);
	CU_ASSERT_EQUAL(p.args.hz, 99);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p.args.command);
	CU_ASSERT_STRING_EQUAL(p.args.command[0], "sleep");
	CU_ASSERT_STRING_EQUAL(p.args.command[1], "30");
	CU_ASSERT_PTR_NULL(p.args.command[2]);
	CU_ASSERT_EQUAL(p.args.duration_ns, 0);
	record_args_deinit(&p.args);
}

static void words_and_options(void)
{
	struct parsed p;
	takes(&p, "-p 1,2 10s -o x.pb.gz --no-children -t 5");
	CU_ASSERT_EQUAL(p.args.duration_ns, 10000000000ull);
	CU_ASSERT_STRING_EQUAL(p.args.output.path, "x.pb.gz");
	CU_ASSERT(p.args.no_children);
	CU_ASSERT_EQUAL(p.args.target.n_pids, 2);
	CU_ASSERT_EQUAL(p.args.target.n_tids, 1);
	CU_ASSERT_PTR_NULL(p.args.command);
	record_args_deinit(&p.args);

	takes(&p, "-F 199.5 -- 30 -p 1"); /* a program may be called 30 */
	CU_ASSERT_EQUAL(p.args.hz, 199.5);
	CU_ASSERT_STRING_EQUAL(p.args.command[0], "30");
	CU_ASSERT_STRING_EQUAL(p.args.command[1], "-p");
	CU_ASSERT_EQUAL(p.args.target.n_pids, 0);
	record_args_deinit(&p.args);

	takes(&p, "-aUFmax -d 30 --call-graph=fp --cpu 0,0-0 --label a=b --label c=");
	CU_ASSERT(p.args.all && p.args.no_kernel && !p.args.no_user);
	CU_ASSERT_EQUAL(p.args.hz, 0);
	CU_ASSERT_EQUAL(p.args.duration_ns, 30000000000ull);
	CU_ASSERT_EQUAL(p.args.call_graph, PROBE__RECORD__CALL_GRAPH__FP);
	CU_ASSERT_EQUAL(p.args.n_cpus, 1);
	CU_ASSERT_EQUAL_FATAL(p.args.n_labels, 2);
	CU_ASSERT_STRING_EQUAL(p.args.labels[1], "c=");
	record_args_deinit(&p.args);

	takes(&p, "--comm nginx --wait 10s --mode cpu -f pprof --force");
	CU_ASSERT_STRING_EQUAL(p.args.comm, "nginx");
	CU_ASSERT_EQUAL(p.args.comm_wait_ns, 10000000000ull);
	CU_ASSERT(p.args.output.force);
	CU_ASSERT_EQUAL(p.args.mode, PROBE__RECORD__MODE__CPU);
	record_args_deinit(&p.args);

	takes(&p, "-p 1");
	CU_ASSERT_EQUAL(p.args.mode, PROBE__RECORD__MODE__WALL);
	record_args_deinit(&p.args);
	takes(&p, "-p 1 --cpu 0"); /* waits are of no CPU */
	CU_ASSERT_EQUAL(p.args.mode, PROBE__RECORD__MODE__CPU);
	record_args_deinit(&p.args);
}

static void waits(void)
{
	struct parsed p;
	takes(&p, "-p 1 --mode off");
	CU_ASSERT_EQUAL(p.args.mode, PROBE__RECORD__MODE__OFF);
	CU_ASSERT(!p.args.wakers);
	CU_ASSERT_EQUAL(p.args.off_period_ns, 0);
	record_args_deinit(&p.args);

	takes(&p, "-p 1 --mode=wall --wakers --off-period 10ms");
	CU_ASSERT_EQUAL(p.args.mode, PROBE__RECORD__MODE__WALL);
	CU_ASSERT(p.args.wakers);
	CU_ASSERT_EQUAL(p.args.off_period_ns, 10000000);
	record_args_deinit(&p.args);
}

static void refusals(void)
{
	static const struct {
		const char *line, *msg;
	} cases[] = {
		{"", "nothing to record"},
		{"10s", "nothing to record"},
		{"-p 1 2 3", "what is 2?"},
		{"-p 1 1.5", "what is 1.5?"},
		{"-p 1 -F 0", "-F 0: a frequency is above 0"},
		{"-p 1 -F -1", "-F -1: a frequency is above 0"},
		{"-p 1 -F nan", "-F: \"nan\" is no frequency"},
		{"-p 1 -F inf", "-F: \"inf\" is no frequency"},
		{"-p 1 -F 9x", "-F: \"9x\" is no frequency"},
		{"-p 1 -d 0", "-d 0: a duration is above 0 and below 10 years"},
		{"-p 1 -d -5s", "-d -5s: a duration is above 0 and below 10 years"},
		{"-p 1 -d 99999999999999999999s",
		 "-d 99999999999999999999s: a duration is above 0 and below 10 years"},
		{"-p 1 -d soon", "-d: \"soon\" is no duration"},
		{"-p 1 0s", "duration 0s: a duration is above 0 and below 10 years"},
		{"-p 1 5s 6s", "two durations: 6s is the second"},
		{"-p 1 5s -d 6", "two durations: 6 is the second"},
		{"-p 1 --mode cpu --wakers",
		 "--wakers is about waits, which --mode cpu leaves out"},
		{"-p 1 --mode cpu --off-period 1ms",
		 "--off-period is about waits, which --mode cpu leaves out"},
		{"-p 1 --mode off --off-period x", "--off-period: \"x\" is no duration"},
		{"-p 1 --mode of", "--mode: \"of\" is no mode"},
		{"-p 1 --call-graph lbr", "--call-graph: \"lbr\" is no way to walk stacks"},
		{"-p 1 --cpu 0-", "--cpu: \"0-\" is no list of CPUs"},
		{"-p 1 --cpu 0,", "--cpu: \"0,\" is no list of CPUs"},
		{"-p 1 --cpu 1-0", "--cpu: \"1-0\" is no list of CPUs"},
		{"-p 1 --label x", "--label: \"x\" is not KEY=VALUE"},
		{"-p 1 -U -K", "-U and -K together leave nothing"},
		{"-p 1 -a", "-a is the whole machine: it takes no other target"},
		{"-p 1 --wait 5s", "--wait belongs to --comm NAME"},
		{"-p x", "-p: \"x\" is no process number"},
		{"-p 1 --forse", "no option --forse"},
		{"-p 1 --every 10s -o x", "--every takes no -o: the files are named by their time"},
		{"--every 10s ls", "--every takes no command"},
		{"-o - ls", "-o - and a command: both write to standard output"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct parsed p;
		parse(&p, cases[i].line);
		CU_ASSERT(p.code < 0);
		CU_ASSERT_EQUAL(p.err.status, ERR_USAGE);
		CU_ASSERT_STRING_EQUAL(p.err.msg, cases[i].msg);
		record_args_deinit(&p.args);
	}
}

static void frequency_above_the_kernels(void)
{
	struct parsed p;
	parse(&p, "-p 1 -F 1e9");
	CU_ASSERT(p.code < 0);
	CU_ASSERT_EQUAL(p.err.status, ERR_USAGE);
	CU_ASSERT_PTR_NOT_NULL(strstr(p.err.msg, "-F 1e9: the kernel allows at most "));
	CU_ASSERT_PTR_NOT_NULL(strstr(p.err.msg, "kernel.perf_event_max_sample_rate"));
	record_args_deinit(&p.args);
	parse(&p, "-p 1 --cpu 8191");
	CU_ASSERT_PTR_NOT_NULL(strstr(p.err.msg, "--cpu 8191: this machine has the CPUs 0-"));
	record_args_deinit(&p.args);
}

SUITE(record_args, {"as for perf", as_for_perf}, {"words and options", words_and_options},
      {"waits", waits}, {"refusals", refusals},
      {"frequency above the kernel's", frequency_above_the_kernels});
