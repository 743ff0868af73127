/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/record_args.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/export_formats.h"
#include "cli/options.h"
#include "common/duration.h"
#include "common/err.h"
#include "common/limits.h"
#include "common/memory.h"
#include "common/procfs.h"
#include "common/protocol.pb-c.h"

#define DEFAULT_HZ 99.0
/* Of an event that is not time, samples are of all processes on a CPU, not of the targets alone. */
#define EVENT_HZ 999.0
enum {
	DEFAULT_MODE = PROBE__RECORD__MODE__WALL,
	MODE_NOT_GIVEN = -1,
};
#define MAX_RATE_FILE "/proc/sys/kernel/perf_event_max_sample_rate"

enum {
	LABELS_MOST = 64,
	CPUS_MOST = 8192 /* NR_CPUS of distributions */
};

enum {
	OPTION_COMM = OPTIONS_LONG,
	OPTION_WAIT,
	OPTION_MODE,
	OPTION_WAKERS,
	OPTION_OFF_PERIOD,
	OPTION_CALL_GRAPH,
	OPTION_CPU,
	OPTION_LABEL,
	OPTION_EVERY,
	OPTION_NO_CHILDREN,
	OPTION_FORCE,
	OPTION_JSON,
};

static const char usage[] =
	"usage: probe record -p PID[,PID] [OPTIONS] [DURATION | [--] CMD...]\n"
	"       probe record [OPTIONS] [--] CMD...\n"
	"Records where the targets spend their time, until DURATION (30s, 2m) is over, CMD or the\n"
	"targets end, or Ctrl-C.";

static const struct option table[] = {
	{"pid", 'p', "PID[,PID]", "these processes, their threads and descendants"},
	{"tid", 't', "TID[,TID]", "these threads alone"},
	{"comm", OPTION_COMM, "NAME", "the processes of this name"},
	{"wait", OPTION_WAIT, "DURATION", "wait so long for one of that name"},
	{"all", 'a', NULL, "the whole machine"},
	{"no-children", OPTION_NO_CHILDREN, NULL, "without the descendants"},
	{"frequency", 'F', "HZ|max", "samples a second of CPU time (99); of -e, on each CPU (999)"},
	{"event", 'e', "EVENT",
	 "what is sampled instead of time: page-faults, cycles, sched:sched_switch, …"},
	{"mode", OPTION_MODE, "cpu|off|wall",
	 "time on the CPU, time waiting for something, or both (wall)"},
	{"wakers", OPTION_WAKERS, NULL, "also who ended each wait"},
	{"off-period", OPTION_OFF_PERIOD, "DURATION",
	 "of shorter waits some stand for all (as few as keep it cheap)"},
	{"stacks", 'g', NULL, NULL}, /* perf's -g: they are always recorded */
	{"call-graph", OPTION_CALL_GRAPH, "auto|dwarf|fp", "how stacks are walked (auto)"},
	{"user", 'U', NULL, "user code alone"},
	{"kernel", 'K', NULL, "kernel code alone"},
	{"cpu", OPTION_CPU, "LIST", "on these CPUs alone: 0-3,7"},
	{"label", OPTION_LABEL, "KEY=VALUE", "a note kept in the profile"},
	{"duration", 'd', "DURATION", "end after 30 or 30s"},
	{"every", OPTION_EVERY, "DURATION", "a new file for each so long"},
	{"output", 'o', "FILE|-", "where the profile goes (NAME-PID-TIME.pb.gz)"},
	{"format", 'f', "FORMAT", "as of `probe export` (by the suffix of FILE, else pprof)"},
	{"force", OPTION_FORCE, NULL, "replace FILE"},
	{"json", OPTION_JSON, NULL, "errors as JSON"},
	{NULL},
};

void record_args_deinit(struct record_args *args)
{
	target_deinit(&args->target);
	free(args->cpus);
	free(args->labels);
	*args = (struct record_args){0};
}

static int parse_hz(const char *text, double *hz, struct err *err)
{
	if (!strcmp(text, "max")) {
		*hz = 0;
		return 0;
	}
	char *end;
	double value = strtod(text, &end);
	if (end == text || *end || !isfinite(value) || isspace((unsigned char)*text)) {
		err_set(err, -EINVAL, ERR_USAGE, "-F: \"%s\" is no frequency", text);
		err_hint(err, "samples a second, as 99, or max");
		return -EINVAL;
	}
	if (value <= 0)
		return err_set(err, -EINVAL, ERR_USAGE, "-F %s: a frequency is above 0", text);
	double most = (double)procfs_setting(MAX_RATE_FILE, 0);
	if (most > 0 && value > most) {
		err_set(err, -EINVAL, ERR_USAGE,
			"-F %s: the kernel allows at most %.0f Hz "
			"(kernel.perf_event_max_sample_rate)",
			text, most);
		err_hint(err, "-F max takes as many as are allowed");
		return -EINVAL;
	}
	*hz = value;
	return 0;
}

static int parse_duration(const char *option, const char *text, uint64_t *ns, struct err *err)
{
	int code = duration_parse(text, false, ns);
	if (code == -ERANGE)
		return err_set(err, code, ERR_USAGE,
			       "%s %s: a duration is above 0 and below 10 years", option, text);
	if (code < 0) {
		err_set(err, code, ERR_USAGE, "%s: \"%s\" is no duration", option, text);
		err_hint(err, "30s, 2m, 1h30m, 500ms");
	}
	return code;
}

struct choice {
	const char *name;
	int value;
};

static bool choose(const struct choice *choices, size_t n, const char *text, int *value)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(text, choices[i].name)) {
			*value = choices[i].value;
			return true;
		}
	}
	return false;
}

static int parse_mode(const char *text, int *mode, struct err *err)
{
	static const struct choice modes[] = {
		{"cpu", PROBE__RECORD__MODE__CPU},
		{"off", PROBE__RECORD__MODE__OFF},
		{"wall", PROBE__RECORD__MODE__WALL},
	};
	if (choose(modes, sizeof(modes) / sizeof(*modes), text, mode))
		return 0;
	err_set(err, -EINVAL, ERR_USAGE, "--mode: \"%s\" is no mode", text);
	err_hint(err, "cpu (where it runs), off (where it waits) or wall (both)");
	return -EINVAL;
}

static int parse_call_graph(const char *text, int *call_graph, struct err *err)
{
	static const struct choice ways[] = {
		{"auto", PROBE__RECORD__CALL_GRAPH__AUTO},
		{"dwarf", PROBE__RECORD__CALL_GRAPH__DWARF},
		{"fp", PROBE__RECORD__CALL_GRAPH__FP},
	};
	if (choose(ways, sizeof(ways) / sizeof(*ways), text, call_graph))
		return 0;
	err_set(err, -EINVAL, ERR_USAGE, "--call-graph: \"%s\" is no way to walk stacks", text);
	err_hint(err, "auto, dwarf or fp");
	return -EINVAL;
}

/* Digits at *text; negative: none. Saturates at CPUS_MOST. */
static long parse_cpu(const char **text)
{
	long cpu = -1;
	for (; isdigit((unsigned char)**text); ++*text) {
		cpu = (cpu < 0 ? 0 : cpu) * 10 + (**text - '0');
		cpu = cpu < CPUS_MOST ? cpu : CPUS_MOST;
	}
	return cpu;
}

static void add_cpu(struct record_args *args, uint32_t cpu)
{
	for (size_t i = 0; i < args->n_cpus; i++)
		if (args->cpus[i] == cpu)
			return;
	args->cpus = memory_resize(args->cpus, args->n_cpus + 1, sizeof(*args->cpus));
	args->cpus[args->n_cpus++] = cpu;
}

static int parse_cpus(struct record_args *args, const char *text, struct err *err)
{
	long there = sysconf(_SC_NPROCESSORS_CONF);
	const char *at = text;
	do {
		long first = parse_cpu(&at), last = first;
		if (*at == '-') {
			at++;
			last = parse_cpu(&at);
		}
		if (first < 0 || last < first || (*at && *at != ',')) {
			err_set(err, -EINVAL, ERR_USAGE, "--cpu: \"%s\" is no list of CPUs", text);
			err_hint(err, "0-3,7");
			return -EINVAL;
		}
		if (last >= there)
			return err_set(err, -EINVAL, ERR_USAGE,
				       "--cpu %s: this machine has the CPUs 0-%ld", text,
				       there - 1);
		for (long cpu = first; cpu <= last; cpu++)
			add_cpu(args, (uint32_t)cpu);
	} while (*at++);
	return 0;
}

static int add_label(struct record_args *args, const char *text, struct err *err)
{
	const char *equals = strchr(text, '=');
	if (!equals || equals == text || strlen(text) > LIMIT_NAME_BYTES)
		return err_set(err, -EINVAL, ERR_USAGE, "--label: \"%.100s\" is not KEY=VALUE",
			       text);
	if (args->n_labels == LABELS_MOST)
		return err_set(err, -EINVAL, ERR_USAGE, "more than %d labels", LABELS_MOST);
	args->labels = memory_resize(args->labels, args->n_labels + 1, sizeof(*args->labels));
	args->labels[args->n_labels++] = (char *)text;
	return 0;
}

/* pprof needs no writer: it is what the engine sends. */
static const struct export_format *other_than_pprof(const struct export_format *format)
{
	return format && strcmp(format->name, "pprof") != 0 ? format : NULL;
}

static int parse_format(struct record_args *args, const char *text, struct err *err)
{
	const struct export_format *format = export_formats_find(text, err);
	args->format_given = format != NULL;
	args->output.format = other_than_pprof(format);
	return format ? 0 : -EINVAL;
}

/* A positional DURATION, or a bare number where somebody typed several PIDs. 1: neither, so CMD
 * begins here. */
static int take_word(struct record_args *args, const char *word, struct err *err)
{
	uint64_t ns;
	bool number =
		*word && word[strspn(word, "0123456789.")] == '\0' && strpbrk(word, "0123456789");
	if (number) {
		err_set(err, -EINVAL, ERR_USAGE, "what is %s?", word);
		err_hint(err,
			 "several PIDs are -p 1,2,3 or -p \"$(pgrep NAME)\"; a duration needs its "
			 "unit: %ss",
			 word);
		return -EINVAL;
	}
	int code = duration_parse(word, true, &ns);
	if (code == -EINVAL)
		return 1;
	if (code < 0)
		return parse_duration("duration", word, &ns, err);
	if (args->duration_ns)
		return err_set(err, -EINVAL, ERR_USAGE, "two durations: %s is the second", word);
	args->duration_ns = ns;
	return 0;
}

static int take_option(struct record_args *args, int option, const char *value, struct err *err)
{
	switch (option) {
	case 'p':
		return target_add_pids(&args->target, value, err);
	case 't':
		return target_add_tids(&args->target, value, err);
	case OPTION_COMM:
		args->comm = value;
		return *value ? 0 : err_set(err, -EINVAL, ERR_USAGE, "--comm: the name is empty");
	case OPTION_WAIT:
		return parse_duration("--wait", value, &args->comm_wait_ns, err);
	case 'F':
		return parse_hz(value, &args->hz, err);
	case 'e':
		args->event = value;
		return 0;
	case OPTION_MODE:
		return parse_mode(value, &args->mode, err);
	case OPTION_OFF_PERIOD:
		return parse_duration("--off-period", value, &args->off_period_ns, err);
	case OPTION_CALL_GRAPH:
		return parse_call_graph(value, &args->call_graph, err);
	case OPTION_CPU:
		return parse_cpus(args, value, err);
	case OPTION_LABEL:
		return add_label(args, value, err);
	case 'd':
		if (args->duration_ns)
			return err_set(err, -EINVAL, ERR_USAGE, "two durations: %s is the second",
				       value);
		return parse_duration("-d", value, &args->duration_ns, err);
	case OPTION_EVERY:
		return parse_duration("--every", value, &args->every_ns, err);
	case 'o':
		args->output.path = value;
		return 0;
	case 'f':
		return parse_format(args, value, err);
	default:
		break;
	}
	bool *flag = option == 'a'		    ? &args->all
		     : option == 'U'		    ? &args->no_kernel
		     : option == 'K'		    ? &args->no_user
		     : option == OPTION_NO_CHILDREN ? &args->no_children
		     : option == OPTION_WAKERS	    ? &args->wakers
		     : option == OPTION_FORCE	    ? &args->output.force
		     : option == OPTION_JSON	    ? &args->json
						    : NULL;
	if (flag)
		*flag = true;
	return 0;
}

static int check(const struct record_args *args, struct err *err)
{
	bool named = args->target.n_pids || args->target.n_tids || args->comm;
	if (!named && !args->all && !args->command) {
		err_set(err, -EINVAL, ERR_USAGE, "nothing to record");
		err_hint(err, "-p PID, --comm NAME, -a, or a command to run");
		return -EINVAL;
	}
	if (args->comm && (args->target.n_pids || args->target.n_tids))
		return err_set(err, -EINVAL, ERR_USAGE, "--comm takes no PID or TID beside it");
	if (named && args->all)
		return err_set(err, -EINVAL, ERR_USAGE,
			       "-a is the whole machine: it takes no other target");
	if (args->no_user && args->no_kernel)
		return err_set(err, -EINVAL, ERR_USAGE, "-U and -K together leave nothing");
	bool off = args->mode != PROBE__RECORD__MODE__CPU;
	if (!off && (args->wakers || args->off_period_ns)) {
		err_set(err, -EINVAL, ERR_USAGE, "%s is about waits, which --mode cpu leaves out",
			args->wakers ? "--wakers" : "--off-period");
		err_hint(err, "--mode wall, or --mode off");
		return -EINVAL;
	}
	if (args->event && off) {
		err_set(err, -EINVAL, ERR_USAGE, "-e counts what happens, not time: --mode cpu");
		return -EINVAL;
	}
	if (args->comm_wait_ns && !args->comm)
		return err_set(err, -EINVAL, ERR_USAGE, "--wait belongs to --comm NAME");
	if (args->target.n_pids + args->target.n_tids > LIMIT_TARGETS)
		return err_set(err, -EINVAL, ERR_USAGE, "more than %d targets", LIMIT_TARGETS);
	if (args->every_ns && (args->command || args->output.path))
		return err_set(err, -EINVAL, ERR_USAGE, "--every takes no %s",
			       args->command ? "command" : "-o: the files are named by their time");
	if (args->command && output_is_stdout(&args->output)) {
		err_set(err, -EINVAL, ERR_USAGE,
			"-o - and a command: both write to standard output");
		err_hint(err, "-o FILE");
		return -EINVAL;
	}
	return 0;
}

int record_args_parse(struct record_args *args, int argc, char **argv, struct err *err)
{
	*args = (struct record_args){
		.hz = NAN, .call_graph = PROBE__RECORD__CALL_GRAPH__AUTO, .mode = MODE_NOT_GIVEN};
	struct options options = options_init(usage, table, argc, argv);
	int got, code = 0;
	bool dashes = false;
	while (!args->command && (got = options_next(&options, err)) > 0) {
		if (got == OPTIONS_HELP)
			return RECORD_ARGS_HELP;
		if (got == OPTIONS_DASHES) {
			dashes = true;
			continue;
		}
		if (got == OPTIONS_WORD) {
			code = dashes ? 1 : take_word(args, options.value, err);
			if (code == 1)
				args->command = argv + options.at - 1;
		} else {
			code = take_option(args, got, options.value, err);
		}
		if (code < 0)
			return code;
	}
	if (!args->command && got < 0)
		return got;
	if (!args->format_given && args->output.path)
		args->output.format = other_than_pprof(export_formats_of(args->output.path, NULL));
	args->whole_ns = args->duration_ns;
	if (isnan(args->hz))
		args->hz = args->event ? EVENT_HZ : DEFAULT_HZ;
	if (args->mode == MODE_NOT_GIVEN)
		args->mode = args->event || args->n_cpus ? PROBE__RECORD__MODE__CPU : DEFAULT_MODE;
	return check(args, err);
}
