/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor_check.h"

#include "cli/daemon_link.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/kernel_types.h"
#include "common/path.h"
#include "common/procfs.h"

#include <errno.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>

enum {
	HELLO_MS = 2000
};

__attribute__((format(printf, 3, 4))) static void
say(struct doctor_check *check, enum doctor_check_result result, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(check->found, sizeof(check->found), format, args);
	va_end(args);
	check->result = result;
}

__attribute__((format(printf, 2, 3))) static void advise(struct doctor_check *check,
							 const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(check->advice, sizeof(check->advice), format, args);
	va_end(args);
}

/* What only a privileged user needs is broken only where no daemon does it for us. */
static enum doctor_check_result without_daemon(const struct doctor_check_input *input)
{
	return input->has_daemon ? DOCTOR_CHECK_NOTE : DOCTOR_CHECK_BROKEN;
}

/* First line of a small file. */
static int read_line(const char *path, char *line, size_t room)
{
	ssize_t n = procfs_read(path, line, room);
	if (n < 0)
		return (int)n;
	line[strcspn(line, "\n")] = '\0';
	return 0;
}

static void check_kernel(struct doctor_check_input *input, struct doctor_check *check)
{
	struct utsname name;
	if (uname(&name))
		return say(check, DOCTOR_CHECK_NOTE, "not known: %s", strerror(errno));
	say(check, DOCTOR_CHECK_OK, "Linux %s on %s", name.release, name.machine);
	if (strcmp(name.machine, "x86_64") != 0) {
		check->result = DOCTOR_CHECK_BROKEN;
		advise(check, "stacks can be walked on x86-64 only");
	}
}

static int connect_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	guard_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	return steal_fd(fd);
}

static void check_daemon(struct doctor_check_input *input, struct doctor_check *check)
{
	const char *path = input->socket ? input->socket : getenv("PROBE_SOCKET");
	if (!path || !*path)
		path = "/run/probe/probe.sock";
	struct daemon_link link = {0};
	struct err err = {0};
	int fd = connect_socket(path);
	int code = fd < 0 ? fd : daemon_link_greet(&link, fd, HELLO_MS, &err);
	daemon_link_close(&link);
	if (!code) {
		input->has_daemon = true;
		return say(check, DOCTOR_CHECK_OK, "answers on %s", path);
	}
	bool nobody = code == -ENOENT || code == -ECONNREFUSED || code == -ENOTDIR;
	if (nobody && !geteuid())
		return say(check, DOCTOR_CHECK_OK, "none on %s: root records without one", path);
	say(check, DOCTOR_CHECK_BROKEN, "%s: %s", path,
	    nobody	       ? "nobody listens"
	    : err_is_set(&err) ? err.msg
			       : strerror(-code));
	if (code == -EACCES)
		advise(check, "ask to be added to group \"probe\", or use sudo");
	else if (nobody)
		advise(check, "use sudo, or install and start the service probed");
	else
		advise(check, "%s", err.hint);
}

static void check_programs(struct doctor_check_input *input, struct doctor_check *check)
{
	char probed[PATH_MAX], symbolizer[PATH_MAX];
	struct err err = {0};
	if (!path_find_program(probed, "probed", &err) &&
	    !path_find_program(symbolizer, "probe-symbolizer", &err))
		return say(check, DOCTOR_CHECK_OK, "%.200s, and probe-symbolizer", probed);
	say(check, without_daemon(input), "%s", err.msg);
	advise(check, "%s", err.hint);
}

static void check_btf(struct doctor_check_input *input, struct doctor_check *check)
{
	struct err err = {0};
	if (!kernel_types_check("/sys", &err))
		return say(check, DOCTOR_CHECK_OK, "%s", KERNEL_TYPES_PATH);
	say(check, DOCTOR_CHECK_BROKEN, "%s", err.msg);
	advise(check, "%s", err.hint);
}

static uint64_t effective_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	if (syscall(SYS_capget, &header, data))
		return 0;
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

static void check_capabilities(struct doctor_check_input *input, struct doctor_check *check)
{
	static const struct {
		int number;
		const char *name;
	} needed[] = {
		{CAP_BPF, "bpf"},
		{CAP_PERFMON, "perfmon"},
		{CAP_SYS_PTRACE, "sys_ptrace"},
		{CAP_DAC_READ_SEARCH, "dac_read_search"},
		{CAP_CHECKPOINT_RESTORE, "checkpoint_restore"},
		{CAP_SYSLOG, "syslog"},
		{CAP_SETUID, "setuid"},
		{CAP_SETGID, "setgid"},
		{CAP_KILL, "kill"},
	};
	char missing[160] = "";
	uint64_t have = effective_capabilities();
	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++) {
		size_t used = strlen(missing);
		if (!(have >> needed[i].number & 1))
			snprintf(missing + used, sizeof(missing) - used, " %s", needed[i].name);
	}
	if (!*missing)
		return say(check, DOCTOR_CHECK_OK, "uid %u with all that are needed", geteuid());
	say(check, without_daemon(input), "uid %u without%s", geteuid(), missing);
	advise(check,
	       geteuid() ? "use sudo, or the daemon" : "give the container these capabilities");
}

static void check_paranoid(struct doctor_check_input *input, struct doctor_check *check)
{
	char value[32];
	int code = read_line("/proc/sys/kernel/perf_event_paranoid", value, sizeof(value));
	if (code < 0) {
		say(check, DOCTOR_CHECK_BROKEN, "not there: %s", strerror(-code));
		return advise(check, "a kernel with CONFIG_PERF_EVENTS=y is needed");
	}
	if (strtol(value, NULL, 10) <= 2)
		return say(check, DOCTOR_CHECK_OK,
			   "%s (matters only to unprivileged users of perf)", value);
	say(check, DOCTOR_CHECK_NOTE,
	    "%s: opening an event takes CAP_SYS_ADMIN, which the service has not", value);
	advise(check, "`sysctl kernel.perf_event_paranoid=2`, or CAP_SYS_ADMIN for the service by "
		      "the drop-in perf-event-paranoid.conf: probed(8)");
}

static void check_event(struct doctor_check_input *input, struct doctor_check *check)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_freq = 99,
		.freq = 1,
		.disabled = 1,
	};
	guard_fd int fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd >= 0)
		return say(check, DOCTOR_CHECK_OK, "cpu-clock can be opened on a CPU");
	int code = errno;
	say(check, without_daemon(input), "perf_event_open: %s", strerror(code));
	if (code == EACCES || code == EPERM)
		advise(check, geteuid() ? "use sudo, or the daemon"
					: "CAP_PERFMON is needed, and a container's seccomp "
					  "profile must allow perf_event_open");
}

/* The smallest program there is: return 0. */
static void check_bpf(struct doctor_check_input *input, struct doctor_check *check)
{
	const struct bpf_insn program[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	static const char license[] = "GPL";
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_PERF_EVENT,
		.insns = (uintptr_t)program,
		.insn_cnt = sizeof(program) / sizeof(*program),
		.license = (uintptr_t)license,
	};
	guard_fd int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd >= 0)
		return say(check, DOCTOR_CHECK_OK, "a program can be loaded");
	int code = errno;
	say(check, without_daemon(input), "bpf: %s", strerror(code));
	if (code == ENOSYS)
		advise(check,
		       "a kernel with CONFIG_BPF_SYSCALL=y is needed; meanwhile: perf record "
		       "-g -p PID");
	else
		advise(check, geteuid() ? "use sudo, or the daemon"
					: "CAP_BPF and CAP_PERFMON are needed, and a container's "
					  "seccomp profile must allow bpf");
}

static void check_rate(struct doctor_check_input *input, struct doctor_check *check)
{
	const char *path = "/proc/sys/kernel/perf_event_max_sample_rate";
	char value[32];
	int code = read_line(path, value, sizeof(value));
	if (code < 0)
		return say(check, DOCTOR_CHECK_NOTE, "not known: %s", strerror(-code));
	long rate = strtol(value, NULL, 10);
	say(check, rate >= 99 ? DOCTOR_CHECK_OK : DOCTOR_CHECK_NOTE, "%ld Hz", rate);
	if (rate < 99)
		advise(check, "the kernel has lowered it: sysctl kernel.perf_event_max_sample_rate="
			      "100000");
}

static void check_symbols(struct doctor_check_input *input, struct doctor_check *check)
{
	FILE *file guard(guard_fclose) = fopen("/proc/kallsyms", "re");
	char line[256];
	if (!file || !fgets(line, sizeof(line), file)) {
		say(check, DOCTOR_CHECK_NOTE, "no /proc/kallsyms: kernel functions have no names");
		return;
	}
	if (strtoull(line, NULL, 16) || input->has_daemon)
		return say(check, DOCTOR_CHECK_OK, "readable");
	say(check, DOCTOR_CHECK_NOTE, "addresses are hidden: kernel functions have no names");
	advise(check, "CAP_SYSLOG is needed, or sysctl kernel.kptr_restrict=0");
}

const struct doctor_check_entry doctor_check_table[] = {
	{"kernel", check_kernel},
	{"daemon", check_daemon},
	{"programs", check_programs},
	{"BTF", check_btf},
	{"capabilities", check_capabilities},
	{"sampling event", check_event},
	{"BPF", check_bpf},
	{"highest rate", check_rate},
	{"kernel symbols", check_symbols},
	{"perf_event_paranoid", check_paranoid},
	{NULL},
};
