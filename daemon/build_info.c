/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/build_info.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include "common/array.h"
#include "common/escape.h"
#include "common/info.pb-c.h"
#include "common/memory.h"
#include "common/path.h"
#include "common/profile.h"
#include "daemon/agreement.h"
#include "daemon/build.h"
#include "daemon/build_threads.h"
#include "daemon/event_names.h"
#include "daemon/objects.h"
#include "daemon/sampler.h"
#include "daemon/session.h"
#include "daemon/unwind_loader.h"

enum {
	NOTES_MAX = 100,
};

/* protobuf-c frees what it finds: everything in the message is on the heap. */
Probe__Info *build_info_new(void)
{
	Probe__Info *info = memory_new(1, sizeof(*info));
	probe__info__init(info);
	info->has_version = 1;
	info->version = 1;
	return info;
}

static char *copy_text(const char *text)
{
	return array_copy(text, strlen(text));
}

void build_info_add_note(Probe__Info *info, const char *path, int code, const char *note)
{
	char text[1024];
	if (info->n_notes == NOTES_MAX)
		return;
	snprintf(text, sizeof(text), "%.500s: %.400s", path, *note ? note : strerror(-code));
	info->notes = memory_resize(info->notes, info->n_notes + 1, sizeof(*info->notes));
	info->notes[info->n_notes++] = escape_new(text, strlen(text));
}

static void add_counter(Probe__Counter ***list, size_t *n, const char *name, const char *module,
			uint64_t value)
{
	Probe__Counter *counter = memory_new(1, sizeof(*counter));
	probe__counter__init(counter);
	counter->name = copy_text(name);
	counter->module = module ? escape_new(module, strlen(module)) : NULL;
	counter->value = value;
	*list = memory_resize(*list, *n + 1, sizeof(**list));
	(*list)[(*n)++] = counter;
}

/* Whosever they were, so that they are not among the target's losses. */
static void add_skipped(Probe__Info *info, uint64_t skipped)
{
	char text[96];
	snprintf(text, sizeof(text),
		 "%" PRIu64 " hits, of any process, were skipped: they met a BPF program at work",
		 skipped);
	info->firings += skipped;
	add_counter(&info->firing, &info->n_firing, "skipped_in_bpf", NULL, skipped);
	build_info_add_note(info, "tracepoint", 0, text);
}

/* What became of the firings: with the samples in this file they add up. */
static void add_firings(Probe__Info *info, const struct session *session,
			struct build_result *result)
{
	struct counters_item items[COUNTERS_FIRINGS];
	const struct ticks *ticks = &session->sum.ticks;
	uint64_t samples = session->tally.samples;
	info->has_firings = info->has_samples = 1;
	info->firings = counters_firings(ticks, session->events.firings, items);
	struct counters_item *late = &items[COUNTERS_FIRINGS - 1];
	uint64_t still = session->gaps.still_firings;
	if (still > late->value)
		still = late->value;
	late->value -= still;
	if (still)
		add_counter(&info->firing, &info->n_firing, "machine_still", NULL, still);
	info->samples = samples;
	for (int i = 0; i < COUNTERS_FIRINGS; i++) {
		if (!items[i].value)
			continue;
		add_counter(&info->firing, &info->n_firing, items[i].name, NULL, items[i].value);
		if (strcmp(items[i].name, "elsewhere") != 0 &&
		    strcmp(items[i].name, "thinned") != 0 &&
		    strcmp(items[i].name, "not_delivered") != 0)
			add_counter(&info->lost, &info->n_lost, items[i].name, NULL,
				    items[i].value);
	}
	if (session->skipped)
		add_skipped(info, session->skipped);
	uint64_t unmatched = ticks->sampled > samples ? ticks->sampled - samples : 0;
	if (unmatched) {
		add_counter(&info->firing, &info->n_firing, "stack_not_received", NULL, unmatched);
		add_counter(&info->lost, &info->n_lost, "stack_not_received", NULL, unmatched);
	}
	result->lost = ticks->held + ticks->lost + unmatched;
}

/* The file that a stack's outermost frame lies in. */
static const char *module_of(const struct sampler *sampler, const struct stack *stack)
{
	if (!stack->n)
		return "";
	uint32_t number = sampler->stacks.frames.at[stack->first + stack->n - 1];
	const struct location *location = &sampler->locations.at[number];
	if (location->kind != LOCATION_FILE)
		return location->kind == LOCATION_ANONYMOUS ? "[jit]" : "[anon]";
	return path_base(objects_get(sampler->objects, location->object)->path);
}

static void add_up(Probe__Counter ***list, size_t *n, const char *name, const char *module,
		   uint64_t value)
{
	for (size_t i = 0; i < *n; i++) {
		Probe__Counter *counter = (*list)[i];
		if (!strcmp(counter->name, name) &&
		    !strcmp(counter->module ? counter->module : "", module ? module : "")) {
			counter->value += value;
			return;
		}
	}
	add_counter(list, n, name, module, value);
}

static void add_walk_ends(Probe__Info *info, const struct sampler *sampler,
			  const struct session *session)
{
	for (uint32_t i = 1; i < session->tally.rows.n; i++) {
		const struct tally_row *row = &session->tally.rows.at[i];
		const struct stack *stack = &sampler->stacks.stacks.at[row->stacks.user];
		if (!row->stacks.user)
			continue;
		const char *module = stack->end == WALK_ROOT ? NULL : module_of(sampler, stack);
		if (row->state == WAIT_RUNNING)
			add_up(&info->walk_ends, &info->n_walk_ends, counters_end_name(stack->end),
			       module, row->taken);
		else
			add_up(&info->wait_walk_ends, &info->n_wait_walk_ends,
			       counters_end_name(stack->end), module, row->taken);
	}
}

static void add_wait(Probe__Info *info, const char *name, uint64_t n, uint64_t ns)
{
	add_counter(&info->wait, &info->n_wait, name, NULL, n);
	add_counter(&info->wait_ns, &info->n_wait_ns, name, NULL, ns);
}

/* What became of the waits. They are counted for all sessions together; those of which a body never
 * came are this one's, of those sent. */
static void add_waits(Probe__Info *info, const struct session *session, struct build_result *result)
{
	const struct counters_sum *sum = &session->sum;
	if (!session_waits(session)) {
		if (session->request->mode == PROBE__RECORD__MODE__WALL)
			build_info_add_note(info, "off-CPU", 0,
					    "not recorded: this kernel's BPF cannot follow waits");
		return;
	}
	for (unsigned i = 0; i < WAITS; i++)
		add_wait(info, counters_wait_name(i), sum->waits[i], sum->waits_ns[i]);
	add_wait(info, "stack_not_received", session->lost_waits, session->lost_waits_ns);
	char text[80];
	if (session->lost_wakers && session->request->wakers) {
		snprintf(text, sizeof(text), "of %" PRIu64 " the stack of who ended them is lost",
			 session->lost_wakers);
		build_info_add_note(info, "waits", 0, text);
	}
	if (session->lost_sleepers) {
		snprintf(text, sizeof(text),
			 "of %" PRIu32 " threads asleep at the end no stack is known",
			 session->lost_sleepers);
		build_info_add_note(info, "waits", 0, text);
	}
	info->has_off_period_ns = true;
	info->off_period_ns = session->off_period_ns;
	info->off_hook = copy_text("irq_work");
	result->lost += session_lost_waits(session);
}

static const char *mode_of(const struct session *session)
{
	if (session_is_snapshot(session))
		return "snapshot";
	if (!session_samples(session))
		return "off";
	return session_waits(session) ? "wall" : "cpu";
}

static const char *reason_of(const struct session *session)
{
	switch (session->reason) {
	case PROBE__FINISHED__REASON__DURATION:
		return "duration";
	case PROBE__FINISHED__REASON__TARGET_ENDED:
		return "target ended";
	default:
		return "stopped";
	}
}

static void add_comment(struct profile *profile, const char *text)
{
	*array_add(&profile->comments) = profile_add_string(profile, text, strlen(text));
}

static void add_comments(struct profile *profile, const struct session *session,
			 const struct build_result *result)
{
	char text[256];
	char rate[64];
	if (session_hz(session) > 0)
		snprintf(rate, sizeof(rate), "%s at %g Hz", session_event(session), session->hz);
	else
		snprintf(rate, sizeof(rate), "every %s", session_event(session));
	snprintf(text, sizeof(text), "probe " VERSION ": %s%s for %.1f s",
		 session_is_snapshot(session) ? "one stack a thread"
		 : session_samples(session)   ? rate
					      : "off-CPU",
		 session_samples(session) && session_waits(session) ? " and off-CPU" : "",
		 (double)profile->duration_ns / 1e9);
	add_comment(profile, text);
	snprintf(text, sizeof(text), "%.1f%% of the user stacks whole, %llu samples lost",
		 100 * result->whole, (unsigned long long)result->lost);
	add_comment(profile, text);
}

static void add_target(Probe__Info *info, const struct session *session)
{
	const Probe__Record *request = session->request;
	info->name = request->all ? copy_text("all processes")
				  : escape_new(session->name,
					       strnlen(session->name, sizeof(session->name)));
	info->has_pid = info->has_whole_machine = 1;
	info->has_hz = session_samples(session) && session_hz(session) > 0;
	info->pid = session->first_pid;
	info->whole_machine = request->all;
	info->hz = session->hz;
	info->has_processes = info->has_threads = 1;
	info->processes = session->members.n_ever;
	info->threads = session->threads.n_ever;
	info->labels = memory_new(request->n_labels, sizeof(*info->labels));
	for (size_t i = 0; i < request->n_labels; i++)
		info->labels[info->n_labels++] =
			escape_new(request->labels[i], strlen(request->labels[i]));
}

/* What the memory for unwind tables had no room for: walks end in these objects. */
static void add_table_notes(Probe__Info *info, const struct sampler *sampler)
{
	struct unwind_loader_counts counts;
	char text[80];
	unwind_loader_count(sampler->loader, &counts);
	if (!counts.no_room)
		return;
	snprintf(text, sizeof(text), "no room for %u objects, %u were evicted", counts.no_room,
		 counts.evicted);
	build_info_add_note(info, "unwind tables", 0, text);
}

/* What did not fit anywhere, meanwhile, and so is in no sum. */
static void add_counter_notes(Probe__Info *info, const struct session *session)
{
	const struct counters_sum *sum = &session->sum;
	static const struct {
		enum counter counter;
		const char *of, *words;
	} notes[] = {
		{COUNTER_FILTER_FULL, "processes",
		 "forked ones did not fit among those recorded: nothing of them is here"},
		{COUNTER_THREADS_FULL, "thread times",
		 "threads did not fit among those noted: their times are not known"},
		{COUNTER_RING_FULL_LIFE, "ring full",
		 "forks, execs and ends of processes and threads were not told"},
		{COUNTER_NO_KERNEL_STACK, "kernel stacks", "could not be taken"},
	};
	for (size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++) {
		char text[120];
		uint64_t n = sum->counter[notes[i].counter];
		if (notes[i].counter == COUNTER_THREADS_FULL)
			n += session->times.unnoted;
		snprintf(text, sizeof(text), "%llu %s", (unsigned long long)n, notes[i].words);
		if (n)
			build_info_add_note(info, notes[i].of, 0, text);
	}
}

static void on_gap(void *context, const char *what, const char *words)
{
	build_info_add_note(context, what, 0, words);
}

/* Time that nothing was sampled in. */
static void add_gap_notes(Probe__Info *info, const struct session *session)
{
	const struct events *events = &session->events;
	char text[120];
	snprintf(text, sizeof(text),
		 "%" PRIu32 " came on line: nothing was sampled there for at most %.1f s",
		 events->n_gaps, (double)events->gaps_ns / 1e9);
	if (events->n_gaps)
		build_info_add_note(info, "CPUs", 0, text);
	gaps_each(&session->gaps, on_gap, info);
}

void build_info(struct profile *profile, const struct sampler *sampler,
		const struct session *session, struct build_result *result)
{
	Probe__Info *info = profile->info;
	struct utsname host;
	add_target(info, session);
	info->mode = copy_text(mode_of(session));
	if (session_samples(session))
		info->event = copy_text(session_event(session));
	info->reason = copy_text(reason_of(session));
	info->host_kernel = copy_text(uname(&host) ? "" : host.release);
	info->has_steal_share = 1;
	info->steal_share =
		session->all_time ? (double)session->stolen / (double)session->all_time : 0;
	if (!session_is_snapshot(session)) {
		add_firings(info, session, result);
		char text[160];
		if (!agreement_check(session, result->lost, text, sizeof(text)))
			build_info_add_note(info, "samples and times differ", 0, text);
	}
	add_waits(info, session, result);
	add_walk_ends(info, sampler, session);
	add_table_notes(info, sampler);
	add_counter_notes(info, session);
	add_gap_notes(info, session);
	build_threads_add(info, session);
	char note[128];
	if (session->sum.ticks.thinned) {
		snprintf(note, sizeof(note),
			 "at fewer than %g Hz for a time, to cost no more than max_overhead: %u %% "
			 "of a CPU",
			 session->hz, session->rights.overhead_percent);
		build_info_add_note(info, "sampled", 0, note);
	}
	if (session_note(session, note, sizeof(note)))
		build_info_add_note(info, "recording", 0, note);
	if (session->times_problem[0])
		build_info_add_note(info, "times and waits are not known", 0,
				    session->times_problem);
	uint32_t untold = times_unfinished(&session->times);
	if (session->times_known && untold) {
		char text[80];
		snprintf(text, sizeof(text), "of %u threads that ended nothing is known", untold);
		build_info_add_note(info, "thread times", 0, text);
	}
	add_comments(profile, session, result);
}
