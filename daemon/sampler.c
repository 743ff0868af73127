/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sampler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "common/clock.h"
#include "common/err.h"
#include "common/memory.h"
#include "daemon/asker.h"
#include "daemon/counters.h"
#include "daemon/objects.h"
#include "daemon/processes.h"
#include "daemon/ring.h"
#include "daemon/session.h"
#include "daemon/sideband.h"
#include "daemon/spaces.h"
#include "daemon/unwind_late.h"
#include "daemon/unwind_loader.h"
#include "daemon/unwind_tables.h"

/* For CPUs that come on line. */
static const uint64_t LOOK_NS = 1000000000;
static const uint64_t MISS_PAUSE_NS = 2000000, MISS_PAUSE_NS_MAX = 100000000;

static void on_stack(void *context, const struct stack_event *event)
{
	struct sampler *sampler = context;
	stacks_add(&sampler->stacks, event);
}

/* Whole, or longer: a copy holds 20 KiB of the stack, not all of a deep one. */
static bool late_is_better(const struct stack_event *late, const struct stack *other)
{
	return late->end == WALK_ROOT || late->end == WALK_DEPTH || late->n_frames > other->n;
}

/* The stacks of a sample or wait. `late`: its user stack, walked after it came; NULL: the one it
 * names. False: a body has not come. */
static bool find_stacks(struct sampler *sampler, const struct sample_event *event,
			struct process *process, const struct stack_event *late,
			struct tally_stacks *found)
{
	uint32_t user = 0, kernel = 0;
	if (event->user_hash)
		user = stacks_find(&sampler->stacks, event->user_hash, event->user_check, process);
	if (late && (!user || late_is_better(late, &sampler->stacks.stacks.at[user]))) {
		stacks_add(&sampler->stacks, late);
		user = stacks_find(&sampler->stacks, late->hash, late->check, process);
	}
	if (event->kernel_hash)
		kernel = stacks_find(&sampler->stacks, event->kernel_hash, event->kernel_check,
				     NULL);
	if ((event->user_hash && !user) || (event->kernel_hash && !kernel))
		return false;
	if (user && process && sampler->stacks.stacks.at[user].end == WALK_NO_MAPPING)
		processes_missed(sampler->processes, process);
	*found = (struct tally_stacks){.kernel = kernel, .user = user};
	return true;
}

static void take_sample(struct sampler *sampler, const struct sample_event *event,
			struct process *process, const struct stack_event *late)
{
	struct session *session = sampler->sessions[event->session];
	struct tally_stacks stacks;
	if (!session)
		return; /* its recording has just ended */
	if (find_stacks(sampler, event, process, late, &stacks))
		session_on_sample(session, event, stacks);
	else
		session->lost_unknown++;
}

/* The stack of who ended a wait is more: without it the wait counts all the same. */
static uint32_t waker_stack(struct sampler *sampler, const struct wait_event *wait)
{
	if (!wait->waker_hash)
		return 0;
	return stacks_find(&sampler->stacks, wait->waker_hash, wait->waker_check,
			   processes_find(sampler->processes, wait->waker_tgid));
}

static void take_wait(struct sampler *sampler, const struct wait_event *wait,
		      struct process *process, const struct stack_event *late)
{
	struct tally_stacks stacks = {0};
	bool found = find_stacks(sampler, &wait->sample, process, late, &stacks);
	if (found)
		stacks.waker = waker_stack(sampler, wait);
	for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
		struct session *session = wait->sessions >> i & 1 ? sampler->sessions[i] : NULL;
		if (!session)
			continue;
		session->lost_wakers += found && wait->waker_hash && !stacks.waker;
		session_on_wait(session, wait, found ? &stacks : NULL);
	}
}

static void take(struct sampler *sampler, const struct sample_event *event, struct process *process,
		 const struct stack_event *late)
{
	if (event->event.kind == EVENT_WAIT)
		take_wait(sampler, (const struct wait_event *)event, process, late);
	else
		take_sample(sampler, event, process, late);
}

static void on_late_sample(void *context, const struct sample_event *event,
			   const struct stack_event *stack)
{
	struct sampler *sampler = context;
	take(sampler, event, processes_find(sampler->processes, event->tgid), stack);
}

static void take_or_keep(struct sampler *sampler, const struct sample_event *event)
{
	struct process *process = NULL;
	if (event->user_hash) {
		process = processes_find(sampler->processes, event->tgid);
		if (!process)
			process = processes_add(sampler->processes, event->tgid, -1, 0);
		processes_on_sample(sampler->processes, process, event);
	}
	if (!unwind_late_keep(sampler->late, event))
		take(sampler, event, process, NULL);
	else if (process && !sampler->sideband)
		processes_missed(sampler->processes, process);
}

/* Takes note of what was mapped before that time. What was sampled of an image that is gone is
 * walked by the mappings that it had. */
static void map_until(struct sampler *sampler, uint64_t time_ns)
{
	const struct sideband_record *record;
	while (sampler->sideband && (record = sideband_next(sampler->sideband, time_ns))) {
		if (record->image)
			unwind_late_hold(sampler->late, record->pid);
		processes_on_map(sampler->processes, record);
	}
}

static void on_sample(void *context, const struct sample_event *event)
{
	struct sampler *sampler = context;
	map_until(sampler, event->time_ns);
	if (sampler->sessions[event->session])
		take_or_keep(sampler, event);
}

static void on_wait(void *context, const struct wait_event *wait)
{
	struct sampler *sampler = context;
	map_until(sampler, wait->sample.time_ns);
	for (uint32_t i = 0; i < SESSIONS_MAX; i++)
		if (sampler->sessions[i] && wait->sessions >> i & 1) {
			take_or_keep(sampler, &wait->sample);
			return;
		}
}

static void on_copy(void *context, const struct copy_event *copy)
{
	struct sampler *sampler = context;
	unwind_late_on_copy(sampler->late, copy);
}

/* Its maps are what they were at that time when all was told until then, or they were read since,
 * or 50 ms have brought no news of a change. */
static struct unwind_late_process look_up(void *context, uint32_t tgid, uint64_t time_ns)
{
	struct sampler *sampler = context;
	struct process *process = processes_find(sampler->processes, tgid);
	struct address_space *space = process ? processes_space(sampler->processes, process) : NULL;
	if (!space)
		return (struct unwind_late_process){0};
	bool known = sampler->mapped_ns > time_ns || space->read_ns > time_ns ||
		     clock_now_ns() - time_ns > 50 * 1000000;
	return (struct unwind_late_process){.space = space, .ready = known && !process->stale};
}

static void each_session(struct sampler *sampler, const struct life_event *event,
			 void (*handler)(struct session *session, uint32_t pid, const char *comm))
{
	for (uint32_t i = 0; i < SESSIONS_MAX; i++)
		if (sampler->sessions[i] && event->sessions >> i & 1)
			handler(sampler->sessions[i], event->tgid, event->comm);
}

static void on_life(void *context, const struct life_event *event)
{
	struct sampler *sampler = context;
	map_until(sampler, event->time_ns);
	const struct process *process = processes_find(sampler->processes, event->tgid);
	if (event->event.kind != EVENT_FORK && process && !process->fresh)
		unwind_late_hold(sampler->late, event->tgid);
	switch (event->event.kind) {
	case EVENT_FORK:
		processes_on_fork(sampler->processes, event);
		each_session(sampler, event, session_on_fork);
		if (event->exit_code)
			each_session(sampler, event, session_on_held);
		break;
	case EVENT_EXEC:
		processes_on_exec(sampler->processes, event);
		each_session(sampler, event, session_on_exec);
		each_session(sampler, event, session_on_held);
		break;
	case EVENT_EXIT:
		processes_on_exit(sampler->processes, event);
		each_session(sampler, event, session_on_exit);
		break;
	default:
		break;
	}
}

static void on_thread(void *context, const struct thread_times *thread)
{
	struct sampler *sampler = context;
	for (uint32_t i = 0; i < SESSIONS_MAX; i++)
		if (sampler->sessions[i] && thread->sessions >> i & 1)
			times_on_end(&sampler->sessions[i]->times, thread);
}

/* Without it, what is mapped later is learnt of at the first address that no mapping holds. */
static void open_sideband(struct sampler *sampler)
{
	int fds[CPUS_MAX];
	/* What comes or goes from here on is none of those. */
	sampler->sideband_ns = sampler->looked_ns = clock_now_ns();
	events_read_online(sampler->online);
	int n = asker_sideband(sampler->asker, fds, NULL);
	if (n > 0)
		sideband_open(&sampler->sideband, fds, (size_t)n, NULL);
}

static bool has_session(const struct sampler *sampler)
{
	for (uint32_t i = 0; i < SESSIONS_MAX; i++)
		if (sampler->sessions[i])
			return true;
	return false;
}

/* The kernel takes events from a CPU that goes away: when one has come back, or is new, nothing is
 * told of what is mapped there. Then they are opened anew, and what is mapped is read; also where
 * they could not be opened before. */
static void renew_sideband(struct sampler *sampler)
{
	bool was = sampler->sideband;
	sideband_close(sampler->sideband);
	sampler->sideband = NULL;
	open_sideband(sampler);
	if (sampler->sideband && has_session(sampler))
		sideband_enable(sampler->sideband, true);
	if (sampler->sideband || was)
		processes_on_lost_maps(sampler->processes);
}

void sampler_on_cpus(struct sampler *sampler, uint64_t gone_ns)
{
	if (sampler->sideband_ns <= gone_ns)
		renew_sideband(sampler);
}

static void follow_cpus(struct sampler *sampler)
{
	events_cpus online;
	bool new = false;
	sampler->looked_ns = clock_now_ns();
	if (!events_read_online(online))
		return;
	for (size_t i = 0; i < sizeof(online) / sizeof(online[0]); i++)
		new |= (online[i] & ~sampler->online[i]) != 0;
	memcpy(sampler->online, online, sizeof(online));
	if (new || !sampler->sideband)
		renew_sideband(sampler);
}

static void *map(int fd, size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

static int map_tables(struct sampler *sampler, const int fds[LOAD_FDS], struct err *err)
{
	sampler->configs = map(fds[LOAD_SESSIONS], SESSIONS_MAX * sizeof(*sampler->configs));
	sampler->seen = map(fds[LOAD_SEEN], SEEN_MAX * sizeof(*sampler->seen));
	if (sampler->configs && sampler->seen)
		return 0;
	return err_set(err, -errno, ERR_FAILED, "cannot map the table of sessions: %s",
		       strerror(errno));
}

static int open_parts(struct sampler *sampler, const int fds[LOAD_FDS], struct err *err)
{
	int code = map_tables(sampler, fds, err);
	if (!code)
		code = ring_open(&sampler->ring, fds[LOAD_RING], err);
	if (!code)
		code = counters_open(&sampler->counters, fds[LOAD_COUNTERS], fds[LOAD_TICKS], err);
	if (!code)
		code = spaces_new(fds[LOAD_SPACES], fds[LOAD_MAPPINGS], sampler->objects,
				  sampler->asker, &sampler->spaces, err);
	if (!code)
		code = unwind_tables_new(&fds[LOAD_UNWIND_TABLES], &sampler->tables, err);
	return code;
}

int sampler_new(struct asker *asker, struct sampler **sampler, struct err *err)
{
	int fds[LOAD_FDS];
	uint64_t features = 0;
	int code = asker_load(asker, fds, &features, err);
	if (code)
		return code;
	struct sampler *new = memory_new(1, sizeof(*new));
	new->asker = asker;
	new->features = features;
	new->objects = objects_new();
	locations_init(&new->locations);
	/* The links of fork, exec and exit live as long as the engine; the maps' fds do not have
	 * to. */
	for (int i = 0; i < 3; i++)
		new->life_links[i] = fds[LOAD_LIFE + i];
	code = open_parts(new, fds, err);
	new->ring_fd = fds[LOAD_RING];
	for (int i = 0; i < LOAD_LIFE; i++)
		if (i != LOAD_RING)
			close(fds[i]);
	new->processes = processes_new(new->spaces, new->objects, asker);
	stacks_init(&new->stacks, &new->locations, new->processes, new->seen);
	if (code) {
		sampler_free(new);
		return code;
	}
	new->late = unwind_late_new(new->objects, new->spaces, new->tables, look_up, on_late_sample,
				    new);
	open_sideband(new);
	*sampler = new;
	return 0;
}

void sampler_free(struct sampler *sampler)
{
	if (!sampler)
		return;
	for (int i = 0; i < 3; i++)
		close(sampler->life_links[i]);
	stacks_deinit(&sampler->stacks);
	locations_deinit(&sampler->locations);
	unwind_late_free(sampler->late);
	processes_free(sampler->processes);
	spaces_free(sampler->spaces);
	unwind_tables_free(sampler->tables);
	counters_close(sampler->counters);
	ring_close(sampler->ring);
	sideband_close(sampler->sideband);
	close(sampler->ring_fd);
	objects_free(sampler->objects);
	if (sampler->configs)
		munmap(sampler->configs, SESSIONS_MAX * sizeof(*sampler->configs));
	if (sampler->seen)
		munmap(sampler->seen, SEEN_MAX * sizeof(*sampler->seen));
	free(sampler);
}

/* A program wakes us for a sample of code that we may have to open while its process is there. But
 * most processes of a storm are gone by their next sample, and map what is known: while nothing is
 * learnt by it we are woken less and less, down to every other time that a CPU takes a sample. */
static void pace_misses(struct sampler *sampler)
{
	uint32_t openings = objects_openings(sampler->objects);
	uint64_t pause_ns = 2 * sampler->miss_pause_ns;
	if (openings != sampler->openings || pause_ns < MISS_PAUSE_NS)
		pause_ns = MISS_PAUSE_NS;
	sampler->openings = openings;
	sampler->miss_pause_ns = pause_ns < MISS_PAUSE_NS_MAX ? pause_ns : MISS_PAUSE_NS_MAX;
	for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
		const struct session *session = sampler->sessions[i];
		if (!session)
			continue;
		pause_ns = 2 * session->period_ns;
		if (pause_ns > sampler->miss_pause_ns)
			pause_ns = sampler->miss_pause_ns;
		sampler->configs[i].miss_pause_ns = (uint32_t)pause_ns;
	}
}

void sampler_drain(struct sampler *sampler)
{
	const struct ring_handlers handlers = {
		.data = sampler,
		.on_stack = on_stack,
		.on_sample = on_sample,
		.on_wait = on_wait,
		.on_copy = on_copy,
		.on_life = on_life,
		.on_thread = on_thread,
	};
	/* What the ring has by now, with all that was mapped until then. What arrives while we
	 * drain waits for the next time. */
	uint64_t now_ns = clock_now_ns();
	for (uint32_t i = 0; i < SESSIONS_MAX; i++)
		if (sampler->sessions[i] && sampler->sessions[i]->state == SESSION_SAMPLING)
			gaps_look(sampler->sessions[i]);
	ring_mark(sampler->ring);
	objects_begin_round(sampler->objects);
	if (sampler->sideband && !sideband_collect(sampler->sideband))
		processes_on_lost_maps(sampler->processes);
	ring_drain(sampler->ring, &handlers, RING_BYTES / sizeof(struct event));
	map_until(sampler, now_ns);
	sampler->mapped_ns = sampler->sideband ? now_ns : 0;
	processes_refresh(sampler->processes);
	objects_end_round(sampler->objects);
	pace_misses(sampler);
	if (now_ns - sampler->looked_ns > LOOK_NS && has_session(sampler))
		follow_cpus(sampler);
	unwind_loader_look(sampler->loader);
	unwind_late_run(sampler->late, unwind_loader_is_ready(sampler->loader));
}

int sampler_add_session(struct sampler *sampler, struct session *session)
{
	for (int i = 0; i < SESSIONS_MAX; i++)
		if (!sampler->sessions[i]) {
			if (!has_session(sampler))
				follow_cpus(sampler);
			sampler->sessions[i] = session;
			if (sampler->sideband)
				sideband_enable(sampler->sideband, true);
			return i;
		}
	return -1;
}

/* Nobody records: what was seen is forgotten. */
static void forget(struct sampler *sampler)
{
	stacks_clear(&sampler->stacks);
	locations_deinit(&sampler->locations);
	locations_init(&sampler->locations);
}

void sampler_remove_session(struct sampler *sampler, uint32_t slot)
{
	unwind_late_flush(sampler->late);
	sampler->sessions[slot] = NULL;
	sampler->parted++;
	if (has_session(sampler))
		return;
	if (sampler->sideband)
		sideband_enable(sampler->sideband, false);
	forget(sampler);
}
