/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/programs.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/membarrier.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>

#include "common/err.h"
#include "common/guard.h"
#include "common/kernel_types.h"
#include "daemon/bounded.h"
#include "daemon/event_names.h"
#include "daemon/follow.h"
#include "daemon/tracepoints.h"
#include "bpf/sampler.skel.h"

_Static_assert((int)TAKE_CHILDREN == FILTER_CHILDREN && (int)TAKE_ON_EXEC == FILTER_ON_EXEC &&
		       (int)TAKE_THREADS == FILTER_THREADS && (int)TAKE_AGAIN == FILTER_AGAIN,
	       "the flags of a request are those of the filter");

enum {
	/* For the stacks of all that sleep: 10,000 take half a second. */
	SLEEPERS_MS = 3000,
};

struct programs {
	struct sampler_bpf *skeleton;
	struct tracepoints tracepoints;
	struct bpf_link *fork, *exec, *exit;
	struct follow follow;
	uint32_t features; /* enum broker_load_feature */
	uint64_t stext;
	uint64_t taking_all; /* sessions */
};

/* The last line of libbpf's that says something, for our own words: libbpf prints to nowhere. */
static __thread char programs_log[200];

__attribute__((format(printf, 2, 0))) static int on_log(enum libbpf_print_level level,
							const char *format, va_list args)
{
	if (level != LIBBPF_WARN)
		return 0;
	char line[sizeof(programs_log)];
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	/* What libbpf advises on any EPERM misleads. */
	if (line[0] && !strstr(line, "RLIMIT_MEMLOCK"))
		memcpy(programs_log, line, sizeof(line));
	return 0;
}

static int hint(struct err *err, int code)
{
	err_hint(err, "what works without BPF: perf record -p PID -g -F 99 sleep 30");
	return code;
}

/* `code` as words. EACCES is what the verifier says; perf_event_open's is handled there. */
static int failed(struct err *err, int code, const char *what)
{
	struct utsname host = {0};
	uname(&host);
	/* Before 5.11 to root, too: maps count as locked memory. */
	if (code == -EPERM)
		err_set(err, code, ERR_PERMISSION,
			"%s: not permitted: CAP_BPF and CAP_PERFMON (or root) are needed, "
			"and Linux 6.1 or newer; this is %s",
			what, host.release);
	else if (code == -ENOSYS)
		err_set(err, code, ERR_FAILED, "%s: this kernel has no BPF", what);
	else
		err_set(err, code, ERR_FAILED, "%s: %s%s%s%s", what, strerror(-code),
			programs_log[0] ? " (" : "", programs_log, programs_log[0] ? ")" : "");
	return hint(err, code);
}

/* 0: not shown to us. */
static uint64_t read_stext(void)
{
	FILE *file guard_file = fopen("/proc/kallsyms", "re");
	char line[256];
	while (file && fgets(line, sizeof(line), file)) {
		uint64_t address;
		char name[64];
		if (sscanf(line, "%" SCNx64 " %*c %63s", &address, name) == 2 &&
		    !strcmp(name, "_stext"))
			return address;
	}
	return 0;
}

static int attach(struct bpf_program *program, struct bpf_link **link)
{
	*link = bpf_program__attach(program);
	if (*link)
		return 0;
	return -errno;
}

/* Opens and loads what there is without `missing` (enum broker_load_feature). */
static int load_without(struct programs *p, uint32_t missing, uint64_t seed)
{
	sampler_bpf__destroy(p->skeleton);
	p->skeleton = sampler_bpf__open();
	if (!p->skeleton)
		return -errno;
	p->features = ~missing & (LOAD_WAITS | LOAD_SLEEPERS);
	bpf_program__set_autoload(p->skeleton->progs.sampler_owed, p->features & LOAD_WAITS);
	bpf_program__set_autoload(p->skeleton->progs.sampler_sleepers, p->features & LOAD_SLEEPERS);
	bpf_program__set_autoload(p->skeleton->progs.sampler_trace, false);
	p->skeleton->rodata->stext = p->stext;
	p->skeleton->rodata->hash_seed = seed;
	return sampler_bpf__load(p->skeleton);
}

/* A kernel that refuses what not every recording needs keeps the rest. */
static int load(struct programs *p, struct err *err)
{
	static const uint32_t missing[] = {0, LOAD_SLEEPERS, LOAD_WAITS,
					   LOAD_SLEEPERS | LOAD_WAITS};
	uint64_t seed = 0;
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return failed(err, -EIO, "getrandom");
	p->stext = read_stext();
	int r = -EINVAL;
	for (size_t i = 0; r && r != -EPERM && i < sizeof(missing) / sizeof(missing[0]); i++)
		r = load_without(p, missing[i], seed);
	if (r)
		return failed(err, r, "loading the BPF programs");
	r = follow_init(&p->follow, p->skeleton);
	r = r ? r : attach(p->skeleton->progs.sampler_fork, &p->fork);
	r = r ? r : attach(p->skeleton->progs.sampler_exec, &p->exec);
	r = r ? r : attach(p->skeleton->progs.sampler_exit, &p->exit);
	return r ? failed(err, r, "attaching the BPF programs") : 0;
}

int programs_load(struct programs **programs, struct err *err)
{
	libbpf_set_print(on_log);
	programs_log[0] = '\0';
	int r = kernel_types_check("/sys", err);
	if (r)
		return r;
	struct programs *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	r = load(p, err);
	if (r) {
		programs_free(p);
		return r;
	}
	*programs = p;
	return 0;
}

void programs_free(struct programs *programs)
{
	if (!programs)
		return;
	bpf_link__destroy(programs->fork);
	bpf_link__destroy(programs->exec);
	bpf_link__destroy(programs->exit);
	follow_deinit(&programs->follow);
	for (uint32_t i = 0; i < SESSIONS_MAX; i++)
		tracepoints_unload(&programs->tracepoints, i);
	sampler_bpf__destroy(programs->skeleton);
	free(programs);
}

void programs_fds(const struct programs *programs, int fds[LOAD_FDS])
{
	struct sampler_bpf *s = programs->skeleton;
	fds[LOAD_RING] = bpf_map__fd(s->maps.ring);
	fds[LOAD_SESSIONS] = bpf_map__fd(s->maps.sessions);
	fds[LOAD_SPACES] = bpf_map__fd(s->maps.spaces);
	fds[LOAD_MAPPINGS] = bpf_map__fd(s->maps.mappings);
	fds[LOAD_COUNTERS] = bpf_map__fd(s->maps.counters);
	fds[LOAD_TICKS] = bpf_map__fd(s->maps.ticks);
	fds[LOAD_SEEN] = bpf_map__fd(s->maps.seen);
	fds[LOAD_UNWIND_TABLES] = bpf_map__fd(s->maps.unwind_tables);
	fds[LOAD_UNWIND_PAGES] = bpf_map__fd(s->maps.unwind_pages);
	fds[LOAD_UNWIND_ROWS] = bpf_map__fd(s->maps.unwind_rows);
	fds[LOAD_UNWIND_RULES] = bpf_map__fd(s->maps.unwind_rules);
	fds[LOAD_LIFE] = bpf_link__fd(programs->fork);
	fds[LOAD_LIFE_EXEC] = bpf_link__fd(programs->exec);
	fds[LOAD_LIFE_EXIT] = bpf_link__fd(programs->exit);
}

uint64_t programs_stext(const struct programs *programs)
{
	return programs->stext;
}

uint32_t programs_features(const struct programs *programs)
{
	return programs->features;
}

static int open_event(struct perf_event_attr *attr, int cpu, int *event, struct err *err)
{
	attr->size = sizeof(*attr);
	attr->disabled = 1;
	int fd = (int)syscall(SYS_perf_event_open, attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd >= 0) {
		*event = fd;
		return 0;
	}
	int code = -errno;
	if (code == -ENODEV)
		return code;
	if (code == -ENOENT || code == -EOPNOTSUPP) {
		err_set(err, -ENOENT, ERR_FAILED, "this machine does not count that event");
		err_hint(err, "a virtual machine often has no counters: cpu-clock, which measures "
			      "time, is everywhere");
		return -ENOENT;
	}
	if (code != -EPERM && code != -EACCES)
		return failed(err, code, "perf_event_open");
	err_set(err, code, ERR_PERMISSION,
		"perf_event_open: not permitted: CAP_PERFMON is needed, and CAP_SYS_ADMIN where "
		"kernel.perf_event_paranoid is above 2");
	err_hint(err, "`sysctl kernel.perf_event_paranoid=2`, or CAP_SYS_ADMIN for the service by "
		      "the drop-in perf-event-paranoid.conf: probed(8)");
	return code;
}

static int attr_of_tracepoint(struct programs *programs, const struct programs_event *wanted,
			      struct perf_event_attr *attr, const struct bpf_program **program,
			      struct err *err)
{
	uint64_t id;
	int code = tracepoints_id(wanted->tracepoint, &id, err);
	if (code)
		return code;
	code = tracepoints_load(&programs->tracepoints, wanted->session, programs->skeleton,
				program);
	if (code)
		return failed(err, code, "loading the program for tracepoints");
	*attr = (struct perf_event_attr){
		.type = PERF_TYPE_TRACEPOINT, .config = id, .sample_period = 1};
	return 0;
}

static struct perf_event_attr attr_of(const struct programs_event *wanted)
{
	const struct event_name *name = &event_names[wanted->event];
	struct perf_event_attr attr = {.type = name->type, .config = name->config};
	if (wanted->event == EVENT_CPU_CLOCK) {
		attr.sample_period = wanted->period_ns;
	} else {
		attr.freq = 1;
		attr.sample_freq =
			wanted->period_ns < 1000000000 ? 1000000000 / wanted->period_ns : 1;
	}
	return attr;
}

int programs_open_event(struct programs *programs, const struct programs_event *wanted, int cpu,
			int *event, int *link, struct err *err)
{
	struct perf_event_attr attr;
	int event_fd guard_fd = -1;
	if (wanted->session >= SESSIONS_MAX)
		return -EINVAL;
	const struct bpf_program *program = programs->skeleton->progs.sampler_tick;
	int code = 0;
	if (wanted->event == EVENT_TRACEPOINT)
		code = attr_of_tracepoint(programs, wanted, &attr, &program, err);
	else
		attr = attr_of(wanted);
	if (!code)
		code = open_event(&attr, cpu, &event_fd, err);
	if (code)
		return code;
	LIBBPF_OPTS(bpf_link_create_opts, opts, .perf_event.bpf_cookie = wanted->session);
	int link_fd = bpf_link_create(bpf_program__fd(program), event_fd, BPF_PERF_EVENT, &opts);
	if (link_fd == -EEXIST)
		return err_set(err, -EBUSY, ERR_FAILED,
			       "another recording samples the tracepoint %s", wanted->tracepoint);
	if (link_fd < 0)
		return failed(err, link_fd, "attaching the sampler");
	*event = steal_fd(event_fd);
	*link = link_fd;
	return 0;
}

uint64_t programs_skipped(const struct programs *programs, uint32_t session)
{
	return session < SESSIONS_MAX ? tracepoints_skipped(&programs->tracepoints, session) : 0;
}

int programs_open_sideband(int cpu, int *event, struct err *err)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = PERF_SAMPLE_TIME,
		.sample_id_all = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.mmap = 1,
		.mmap2 = 1,
		.comm = 1,
		.comm_exec = 1,
		.watermark = 1,
		.wakeup_watermark = UINT32_MAX, /* drained on a timer */
	};
	return open_event(&attr, cpu, event, err);
}

static uint64_t *live_of(const struct programs *programs)
{
	return (uint64_t *)&programs->skeleton->bss->filter_live;
}

static void begin_session(const struct programs *programs, uint32_t session)
{
	*live_of(programs) |= 1ull << (session & (SESSIONS_MAX - 1));
}

/* When it returns, no program runs that saw the session alive. (Where the kernel cannot wait, with
 * nohz_full=, what a fork hands on in these microseconds stays.) */
static void end_session(const struct programs *programs, uint32_t session)
{
	*live_of(programs) &= ~(1ull << session);
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

/* Has the kernel change the filter; returns what the program said. */
static int change(struct programs *programs, struct filter_change what)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &what, .ctx_size_in = sizeof(what));
	int r = bpf_prog_test_run_opts(bpf_program__fd(programs->skeleton->progs.sampler_filter),
				       &opts);
	return r ? r : (int)opts.retval;
}

static int open_iterator(struct bpf_program *program, int *iterator, struct err *err)
{
	struct bpf_link *link = bpf_program__attach_iter(program, NULL);
	int fd = link ? bpf_iter_create(bpf_link__fd(link)) : -errno;
	bpf_link__destroy(link); /* the iterator holds the program */
	if (fd < 0)
		return failed(err, fd, "iterating over threads");
	*iterator = fd;
	return 0;
}

int programs_threads(struct programs *programs, uint32_t session, int *iterator, struct err *err)
{
	if (session >= SESSIONS_MAX)
		return -EINVAL;
	int r = follow_start(&programs->follow, session);
	if (r)
		return failed(err, r, "attaching to the scheduler");
	return open_iterator(programs->skeleton->progs.sampler_threads, iterator, err);
}

int programs_sleepers(struct programs *programs, uint32_t session, int *iterator, struct err *err)
{
	if (session >= SESSIONS_MAX)
		return -EINVAL;
	if (!(programs->features & LOAD_SLEEPERS))
		return err_set(err, -ENOTSUP, ERR_FAILED,
			       "this kernel does not let BPF read the stacks of threads that sleep "
			       "(iter.s/task)");
	programs->skeleton->bss->sleepers_of = 1ull << session;
	int all guard_fd = -1;
	int r = open_iterator(programs->skeleton->progs.sampler_sleepers, &all, err);
	if (r)
		return r;
	r = bounded_read(all, SLEEPERS_MS, iterator);
	return r ? failed(err, r, "reading the stacks of threads that sleep") : 0;
}

/* Not to be taken: its number may become another's, and no exit comes to remove the entry. */
static bool has_exited(uint32_t tgid)
{
	int pidfd guard_fd = (int)syscall(SYS_pidfd_open, tgid, 0);
	if (pidfd < 0)
		return errno == ESRCH || errno == EINVAL;
	struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
	return poll(&poll_fd, 1, 0) == 1;
}

void programs_drop_process(struct programs *programs, uint32_t session, uint32_t tgid)
{
	change(programs,
	       (struct filter_change){.op = FILTER_OP_DROP, .session = session, .id = tgid});
}

int programs_take(struct programs *programs, uint32_t session, uint32_t tgid, uint32_t flags,
		  struct err *err)
{
	begin_session(programs, session);
	int r = change(programs, (struct filter_change){.op = FILTER_OP_TAKE,
							.session = session,
							.id = tgid,
							.flags = flags});
	if (r == -ENOSPC)
		return err_set(err, r, ERR_FAILED, "more than %d processes at once", FILTER_MAX);
	if (r)
		return failed(err, r, "taking a process");
	if (!has_exited(tgid))
		return 0;
	programs_drop_process(programs, session, tgid);
	return err_set(err, -ESRCH, ERR_NO_PROCESS, "no process with PID %" PRIu32, tgid);
}

int programs_hold(struct programs *programs, uint32_t session, uint32_t tgid, uint32_t flags,
		  uint32_t *execs, struct err *err)
{
	begin_session(programs, session);
	int r = change(programs, (struct filter_change){.op = FILTER_OP_HOLD,
							.session = session,
							.id = tgid,
							.flags = flags});
	if (r == -ENOSPC)
		return err_set(err, r, ERR_FAILED, "more than %d processes at once", FILTER_MAX);
	if (r == -ESRCH)
		return r;
	if (r < 0)
		return failed(err, r, "taking a process");
	*execs = (uint32_t)r;
	return 0;
}

int programs_release(struct programs *programs, uint32_t session, uint32_t tgid, uint32_t flags,
		     uint32_t execs)
{
	return change(programs, (struct filter_change){.op = FILTER_OP_RELEASE,
						       .session = session,
						       .id = tgid,
						       .flags = flags,
						       .execs = execs});
}

int programs_take_thread(struct programs *programs, uint32_t session, uint32_t tid, struct err *err)
{
	int r = change(
		programs,
		(struct filter_change){.op = FILTER_OP_TAKE_THREAD, .session = session, .id = tid});
	if (r == -ENOSPC)
		return err_set(err, r, ERR_FAILED, "more than %d threads at once", THREADS_MAX);
	return r ? failed(err, r, "taking a thread") : 0;
}

static int write_everything(struct programs *programs, uint64_t bits)
{
	uint32_t zero = 0;
	int r = bpf_map_update_elem(bpf_map__fd(programs->skeleton->maps.everything), &zero, &bits,
				    BPF_ANY);
	if (!r)
		programs->taking_all = bits;
	return r;
}

int programs_take_all(struct programs *programs, uint32_t session, struct err *err)
{
	if (session >= SESSIONS_MAX)
		return -EINVAL;
	begin_session(programs, session);
	memset(programs->skeleton->bss->life_met, 0, sizeof(programs->skeleton->bss->life_met));
	int r = write_everything(programs, programs->taking_all | 1ull << session);
	return r ? failed(err, r, "taking all processes") : 0;
}

int programs_set_space(struct programs *programs, uint32_t tgid, uint32_t space)
{
	return change(programs,
		      (struct filter_change){.op = FILTER_OP_SPACE, .id = tgid, .space = space});
}

/* The keys that there are while it looks. */
static size_t read_keys(const struct bpf_map *map, uint32_t *keys, size_t max)
{
	size_t n = 0;
	while (n < max &&
	       !bpf_map_get_next_key(bpf_map__fd(map), n ? &keys[n - 1] : NULL, &keys[n]))
		n++;
	return n;
}

size_t programs_pids(struct programs *programs, uint32_t **pids)
{
	*pids = calloc(FILTER_MAX, sizeof(**pids));
	return *pids ? read_keys(programs->skeleton->maps.filter, *pids, FILTER_MAX) : 0;
}

/* Applies `op` to every key; > 0: some had the session's bit. */
static int drop_pass(struct programs *programs, const struct bpf_map *map, uint32_t *keys,
		     size_t max, struct filter_change what)
{
	size_t n = read_keys(map, keys, max);
	int found = 0;
	for (size_t i = 0; i < n; i++) {
		what.id = keys[i];
		int r = change(programs, what);
		if (r < 0)
			return r;
		found += r;
	}
	return found;
}

/* Until a pass finds none: forks may change the order of the keys while it goes by them. */
static int drop_each(struct programs *programs, const struct bpf_map *map,
		     struct filter_change what)
{
	size_t max = bpf_map__max_entries(map);
	uint32_t *keys guard_mem = calloc(max, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	int r = 1;
	for (int pass = 0; r > 0 && pass < 1000; pass++)
		r = drop_pass(programs, map, keys, max, what);
	return r > 0 ? -EBUSY : r;
}

int programs_drop(struct programs *programs, uint32_t session)
{
	if (session >= SESSIONS_MAX)
		return -EINVAL;
	end_session(programs, session);
	tracepoints_unload(&programs->tracepoints, session);
	follow_stop(&programs->follow, session);
	int r = write_everything(programs, programs->taking_all & ~(1ull << session));
	if (r)
		return r;
	r = drop_each(programs, programs->skeleton->maps.filter,
		      (struct filter_change){.op = FILTER_OP_DROP, .session = session});
	if (r)
		return r;
	return drop_each(programs, programs->skeleton->maps.threads,
			 (struct filter_change){.op = FILTER_OP_DROP_THREAD, .session = session});
}

static bool read_entry(struct programs *programs, uint32_t tgid, struct filter *entry)
{
	return !bpf_map_lookup_elem(bpf_map__fd(programs->skeleton->maps.filter), &tgid, entry);
}

uint64_t programs_judged(struct programs *programs, uint32_t tgid)
{
	struct filter entry;
	return read_entry(programs, tgid, &entry) ? (entry.take | entry.on_exec) & ~entry.keep : 0;
}

bool programs_takes(struct programs *programs, uint32_t tgid)
{
	struct filter entry;
	if (programs->taking_all)
		return true;
	return read_entry(programs, tgid, &entry) && ((entry.take | entry.on_exec) & ~entry.held);
}
