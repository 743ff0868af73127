/* SPDX-License-Identifier: Apache-2.0 */
/* Loads every BPF program and prints how many instructions the kernel's verifier had to look at, of
 * the million that it allows. Fails beyond a quarter of that: other kernels' verifiers may need
 * more. With an argument: the whole of what the verifier says of that program, if it is refused. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/types.h"
#include "bpf/sampler.skel.h"

enum {
	VERIFY_MAX = 250000,
	VERIFY_PROGRAMS = 32,
	VERIFY_LOG_BYTES = 16 << 20,
	VERIFY_LOG_STATS = 4, /* BPF_LOG_STATS of linux/bpf_verifier.h */
};

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

/* False: too many, or not loaded. */
static bool tell(const struct bpf_program *program, const char *log, const char *wanted)
{
	const char *name = bpf_program__name(program), *at = strstr(log, "processed ");
	unsigned n = at ? (unsigned)strtoul(at + strlen("processed "), NULL, 10) : 0;
	if (wanted && !strcmp(wanted, name))
		puts(log);
	printf("%-18s %7u instructions%s\n", name, n,
	       !at		? ": not loaded"
	       : n > VERIFY_MAX ? ": too many"
				: "");
	return at && n <= VERIFY_MAX;
}

int main(int argc, char **argv)
{
	static char *logs[VERIFY_PROGRAMS];
	libbpf_set_print(quiet);
	struct sampler_bpf *skeleton = sampler_bpf__open();
	if (!skeleton)
		return EXIT_FAILURE;
	struct bpf_program *program;
	int n = 0;
	bpf_object__for_each_program(program, skeleton->obj)
	{
		bool wanted = argc > 1 && !strcmp(argv[1], bpf_program__name(program));
		logs[n] = calloc(1, VERIFY_LOG_BYTES);
		if (!logs[n])
			return EXIT_FAILURE;
		bpf_program__set_log_level(program, wanted ? 2 : VERIFY_LOG_STATS);
		bpf_program__set_log_buf(program, logs[n++], VERIFY_LOG_BYTES);
		if (n == VERIFY_PROGRAMS)
			break;
	}
	int code = sampler_bpf__load(skeleton);
	bool good = !code;
	n = 0;
	bpf_object__for_each_program(program, skeleton->obj)
	{
		good &= tell(program, logs[n], argc > 1 ? argv[1] : NULL);
		free(logs[n++]);
		if (n == VERIFY_PROGRAMS)
			break;
	}
	sampler_bpf__destroy(skeleton);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
