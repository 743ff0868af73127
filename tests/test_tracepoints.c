/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/tracepoints.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/err.h"
#include "common/guard.h"
#include "daemon/event_names.h"
#include "tests/sampling.h"
#include "tests/unit.h"

/* tracefs need not be mounted where tests run: then that is what is said. */
static bool mounted(void)
{
	return !access("/sys/kernel/tracing/events", F_OK);
}

static void finds(void)
{
	uint64_t id = 0;
	struct err err = {0};
	int code = tracepoints_id("sched:sched_process_fork", &id, &err);
	CU_ASSERT_EQUAL(code, mounted() ? 0 : -ENOENT);
	CU_ASSERT_EQUAL(id > 0, mounted());
	CU_ASSERT_EQUAL(err_is_set(&err), !mounted());
}

static void refuses(void)
{
	static const struct {
		const char *name, *hint;
	} cases[] = {
		{"sched:sched_process_frok", "did you mean sched:sched_process_fork?"},
		{"shced:sched_switch", "did you mean sched:sched_switch?"},
		{"sched:../../../../../etc/passwd", "SYSTEM:NAME, as "},
		{"../tracing/events/sched:sched_switch", "SYSTEM:NAME, as "},
		{":", "SYSTEM:NAME, as "},
		{"sched:", "SYSTEM:NAME, as "},
		{"a:b:c", "SYSTEM:NAME, as "},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t id = 7;
		struct err err = {0};
		CU_ASSERT_EQUAL(tracepoints_id(cases[i].name, &id, &err), -ENOENT);
		CU_ASSERT_EQUAL(id, 7);
		CU_ASSERT_EQUAL(err.status, mounted() ? ERR_USAGE : ERR_FAILED);
		CU_ASSERT(!mounted() || !strncmp(err.hint, cases[i].hint, strlen(cases[i].hint)));
	}
}

static void are_told_from_other_events(void)
{
	CU_ASSERT_EQUAL(event_names_find("sched:sched_switch"), EVENT_TRACEPOINT);
	CU_ASSERT_EQUAL(event_names_find("cpu-clock"), EVENT_CPU_CLOCK);
	CU_ASSERT_EQUAL(event_names_find("sched_switch"), -1);
	char longest[EVENT_NAME_BYTES + 1];
	memset(longest, ':', EVENT_NAME_BYTES);
	longest[EVENT_NAME_BYTES] = '\0';
	CU_ASSERT_EQUAL(event_names_find(longest), -1);
}

enum {
	TICKS = 20,
};

/* A program that reads where there is nothing: the kernel meets exceptions:page_fault_kernel inside
 * of a program. */
static int load_reader(void)
{
	static const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_10},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_1, .imm = -8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = 8},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_probe_read_user},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	return bpf_prog_load(BPF_PROG_TYPE_PERF_EVENT, "reader", "GPL", code,
			     sizeof(code) / sizeof(*code), NULL);
}

/* Has the program run at each tick of this thread's time on the CPU, for some. */
static void run_often(int program)
{
	const uint64_t period_ns = 1000000;
	struct perf_event_attr attr = {.size = sizeof(attr),
				       .type = PERF_TYPE_SOFTWARE,
				       .config = PERF_COUNT_SW_CPU_CLOCK,
				       .sample_period = period_ns};
	uint64_t ran_ns = 0;
	int event guard_fd =
		(int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(ioctl(event, PERF_EVENT_IOC_SET_BPF, program), 0);
	while (read(event, &ran_ns, sizeof(ran_ns)) == sizeof(ran_ns) && ran_ns < TICKS * period_ns)
		;
	CU_ASSERT(ran_ns >= TICKS * period_ns);
}

static bool kernel_counts(void)
{
	struct utsname host;
	int major = 0, minor = 0;
	uname(&host);
	return sscanf(host.release, "%d.%d", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 7));
}

/* Meets a session's tracepoint inside of programs. */
static uint64_t skip_some(struct sampling *s, uint32_t session)
{
	int event, link;
	const struct programs_event wanted = {.session = session,
					      .event = EVENT_TRACEPOINT,
					      .tracepoint = "exceptions:page_fault_kernel"};
	CU_ASSERT_EQUAL_FATAL(programs_open_event(s->programs, &wanted, 0, &event, &link, NULL), 0);
	CU_ASSERT_EQUAL(ioctl(event, PERF_EVENT_IOC_ENABLE, 0), 0);
	int program guard_fd = load_reader();
	CU_ASSERT_FATAL(program >= 0);
	run_often(program);
	close(link);
	close(event);
	return programs_skipped(s->programs, session);
}

static void counts_what_the_kernel_skips(void)
{
	if (!mounted())
		return;
	struct sampling *s = sampling_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_EQUAL(programs_skipped(s->programs, 1), 0);
	uint64_t skipped = skip_some(s, 1);
	CU_ASSERT_EQUAL(skipped > 0, kernel_counts());
	CU_ASSERT_EQUAL(programs_skipped(s->programs, 2), 0); /* it counts its own */
	CU_ASSERT_EQUAL(programs_drop(s->programs, 1), 0);
	CU_ASSERT_EQUAL(programs_skipped(s->programs, 1), 0);
	sampling_free(s);
}

SUITE(tracepoints, {"finds", finds}, {"refuses", refuses},
      {"are told from other events", are_told_from_other_events},
      {"counts what the kernel skips", counts_what_the_kernel_skips});
