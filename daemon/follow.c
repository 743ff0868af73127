/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/follow.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <unistd.h>

#include "common/guard.h"
#include "daemon/kernel_btf.h"
#include "bpf/types.h"
#include "bpf/sampler.skel.h"

static int attach(struct bpf_program *program, struct bpf_link **link)
{
	*link = bpf_program__attach(program);
	return *link ? 0 : -errno;
}

static void detach(struct bpf_link **link)
{
	bpf_link__destroy(*link);
	*link = NULL;
}

/* An empty ring a CPU, by which the programs interrupt themselves (bpf/waits.h). */
static int make_rings(const struct sampler_bpf *skeleton)
{
	uint32_t there = (uint32_t)sysconf(_SC_NPROCESSORS_CONF);
	for (uint32_t cpu = 0; cpu < there && cpu < CPUS_MAX; cpu++) {
		int fd guard_fd = bpf_map_create(BPF_MAP_TYPE_USER_RINGBUF, NULL, 0, 0,
						 (uint32_t)sysconf(_SC_PAGESIZE), NULL);
		int r = fd < 0 ? fd
			       : bpf_map_update_elem(bpf_map__fd(skeleton->maps.waits_rings), &cpu,
						     &fd, BPF_ANY);
		if (r)
			return r;
	}
	return 0;
}

int follow_init(struct follow *follow, struct sampler_bpf *skeleton)
{
	*follow = (struct follow){.skeleton = skeleton};
	return make_rings(skeleton);
}

void follow_deinit(struct follow *follow)
{
	detach(&follow->newtask);
	detach(&follow->switches);
	detach(&follow->owed);
	detach(&follow->waking);
}

/* ---- times */
static void drop_noted(const struct follow *follow, uint32_t session)
{
	struct filter_change what = {.op = FILTER_OP_DROP_NOTED, .session = session};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &what, .ctx_size_in = sizeof(what));
	bpf_prog_test_run_opts(bpf_program__fd(follow->skeleton->progs.sampler_filter), &opts);
}

static int start_timing(struct follow *follow, uint32_t session)
{
	struct sampler_bpf *s = follow->skeleton;
	if (!follow->switches) {
		drop_noted(follow, SESSIONS_MAX); /* what a birth put there as we stopped */
		int r = attach(s->progs.sampler_newtask, &follow->newtask);
		r = r ? r : attach(s->progs.sampler_switch, &follow->switches);
		if (r) {
			detach(&follow->newtask);
			return r;
		}
	}
	s->bss->timing |= 1ull << session;
	return 0;
}

static void stop_timing(struct follow *follow, uint32_t session)
{
	struct sampler_bpf *s = follow->skeleton;
	s->bss->timing &= ~(1ull << session);
	if (!s->bss->timing) {
		detach(&follow->newtask);
		detach(&follow->switches);
	}
	drop_noted(follow, session);
}

/* ---- waits */
static int read_config(const struct follow *follow, uint32_t session, struct session_config *config)
{
	return bpf_map_lookup_elem(bpf_map__fd(follow->skeleton->maps.sessions), &session, config);
}

/* Tells the programs what these sessions want together. */
static void want(const struct follow *follow, uint64_t sessions)
{
	struct waits_wanted *wanted = &follow->skeleton->bss->waits_wanted;
	struct waits_wanted sum = {.flags = SESSION_BY_POINTER};
	for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
		struct session_config config;
		if (!(sessions >> i & 1) || read_config(follow, i, &config))
			continue;
		uint32_t all = sum.flags & config.flags & SESSION_BY_POINTER;
		sum.flags = ((sum.flags | config.flags) & ~SESSION_BY_POINTER) | all;
		if (!sum.sessions || config.off_period_ns < sum.period_ns)
			sum.period_ns = config.off_period_ns;
		if (!sum.sessions)
			sum.first = i;
		uint32_t hz = config.hz && config.hz < WAIT_HZ ? config.hz : WAIT_HZ;
		sum.hz = hz > sum.hz ? hz : sum.hz;
		sum.sessions |= 1ull << i;
		sum.wakers |= config.flags & SESSION_WAKERS ? 1ull << i : 0;
	}
	wanted->period_ns = sum.period_ns < WAIT_PERIOD_NS_MAX ? sum.period_ns : WAIT_PERIOD_NS_MAX;
	wanted->flags = sum.flags;
	wanted->hz = sum.hz;
	wanted->first = sum.first;
	wanted->wakers = sum.wakers;
	__atomic_store_n(&wanted->sessions, sum.sessions, __ATOMIC_RELEASE);
}

static int start_waits(struct follow *follow, uint32_t session)
{
	struct sampler_bpf *s = follow->skeleton;
	struct session_config config;
	int r = read_config(follow, session, &config);
	if (r || !(config.flags & SESSION_OFF) || bpf_program__fd(s->progs.sampler_owed) < 0)
		return r;
	if (!follow->owed)
		r = attach(s->progs.sampler_owed, &follow->owed);
	if (!r && (config.flags & SESSION_WAKERS) && !follow->waking) {
		s->bss->wakers_preempt_count = kernel_btf_preempt_count();
		r = attach(s->progs.sampler_waking, &follow->waking);
	}
	if (!r)
		want(follow, s->bss->waits_wanted.sessions | 1ull << session);
	return r;
}

static void stop_waits(struct follow *follow, uint32_t session)
{
	const struct waits_wanted *wanted = &follow->skeleton->bss->waits_wanted;
	want(follow, wanted->sessions & ~(1ull << session));
	if (!wanted->sessions)
		detach(&follow->owed);
	if (!wanted->wakers)
		detach(&follow->waking);
}

int follow_start(struct follow *follow, uint32_t session)
{
	int r = start_timing(follow, session);
	return r ? r : start_waits(follow, session);
}

void follow_stop(struct follow *follow, uint32_t session)
{
	stop_waits(follow, session);
	stop_timing(follow, session);
}
