/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/build_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/escape.h"
#include "common/limits.h"
#include "common/memory.h"
#include "common/profile.h"
#include "daemon/build.h"
#include "daemon/event_names.h"
#include "daemon/sampler.h"
#include "daemon/session.h"

struct rows {
	struct profile *profile;
	const struct sampler *sampler;
	const struct session *session;
	const uint32_t *located;
	uint32_t *labels;     /* by the tally's thread: the label set of its samples */
	struct index leaders; /* main threads, by tgid */
	uint32_t truncated;   /* location of the root frame of stacks that were cut; 0: none yet */
};

static uint32_t add_text(struct profile *profile, const char *text, size_t n)
{
	char clean[256];
	return profile_add_string(profile, clean, escape_text(clean, sizeof(clean), text, n));
}

static bool leads(const void *context, uint32_t number, const void *tgid)
{
	const struct threads *threads = context;
	return threads->at[number].tgid == *(const uint32_t *)tgid;
}

static void find_leaders(struct rows *rows)
{
	const struct threads *threads = &rows->session->threads;
	for (uint32_t i = 1; i < threads->n; i++)
		if (threads->at[i].tid && threads->at[i].tid == threads->at[i].tgid)
			index_add(&rows->leaders,
				  index_hash(&threads->at[i].tgid, sizeof(threads->at[i].tgid)), i);
}

/* A process is called what its main thread is called. */
static const char *comm_of(const struct rows *rows, const struct thread *thread)
{
	if (thread->n_folded)
		return thread->process;
	const struct member *member = members_find(&rows->session->members, thread->tgid);
	if (member)
		return member->comm;
	const struct thread *leader = &rows->session->threads.at[index_find(
		&rows->leaders, index_hash(&thread->tgid, sizeof(thread->tgid)), leads,
		&rows->session->threads, &thread->tgid)];
	return leader->tid ? leader->comm : thread->comm;
}

enum {
	ROW_LABELS = 7,
	COLUMN_EVENT = PROFILE_COLUMNS, /* where there is one */
	VALUES,
};

static struct profile_label text_label(struct profile *profile, const char *key, const char *text)
{
	return (struct profile_label){
		.key = profile_add_string(profile, key, strlen(key)),
		.text = profile_add_string(profile, text, strlen(text)),
	};
}

static struct profile_label number_label(struct profile *profile, const char *key, uint32_t number)
{
	return (struct profile_label){.key = profile_add_string(profile, key, strlen(key)),
				      .number = number};
}

/* Their number: those that are many have no thread_id, and no pid where that has ended. */
static uint32_t label_thread(struct rows *rows, uint32_t number, struct profile_label *labels)
{
	struct profile *profile = rows->profile;
	const struct thread *thread = &rows->session->threads.at[number];
	const char *comm = comm_of(rows, thread);
	uint32_t n = 0;
	if (thread->tgid)
		labels[n++] = number_label(profile, "pid", thread->tgid);
	if (thread->tid)
		labels[n++] = number_label(profile, "thread_id", thread->tid);
	labels[n++] = (struct profile_label){
		.key = profile_add_string(profile, "thread_name", 11),
		.text = add_text(profile, thread->comm, strlen(thread->comm))};
	labels[n++] = (struct profile_label){.key = profile_add_string(profile, "comm", 4),
					     .text = add_text(profile, comm, strlen(comm))};
	return n;
}

static const char *state_name(uint32_t state)
{
	static const char *const names[WAIT_STATES] = {
		[WAIT_RUNNING] = "running",	[WAIT_RUNNABLE] = "runnable",
		[WAIT_SLEEPING] = "sleeping",	[WAIT_DISK] = "disk sleep",
		[WAIT_STOPPED] = "stopped",	[WAIT_TRACED] = "traced",
		[WAIT_THROTTLED] = "throttled",
	};
	return state < WAIT_STATES ? names[state] : "?";
}

/* "futex_wake (812)" */
static struct profile_label waker_label(struct rows *rows, uint32_t number)
{
	const struct tally_waker *waker = &rows->session->tally.wakers.at[number];
	char comm[4 * COMM_BYTES + 1], text[sizeof(comm) + 16];
	if (!waker->tid)
		return text_label(rows->profile, "waker", "[interrupt]");
	escape_text(comm, sizeof(comm), waker->comm, strlen(waker->comm));
	if (waker->tid == TALLY_WAKER_OTHERS)
		return text_label(rows->profile, "waker", comm);
	snprintf(text, sizeof(text), "%s (%" PRIu32 ")", comm, waker->tid);
	return text_label(rows->profile, "waker", text);
}

/* Names of a stack's frames, inlined ones too, leaf first. */
static struct profile_label stack_label(struct rows *rows, uint32_t number)
{
	enum {
		FRAMES_TOLD = 32
	};
	const struct profile *profile = rows->profile;
	const struct stacks *stacks = &rows->sampler->stacks;
	const struct stack *stack = &stacks->stacks.at[number];
	char text[LIMIT_NAME_BYTES];
	size_t n = 0;
	for (uint32_t i = 0; i < stack->n && i < FRAMES_TOLD; i++) {
		uint32_t located = rows->located[stacks->frames.at[stack->first + i]];
		const struct profile_location *at = &profile->locations.at[located];
		for (uint32_t k = 0; k < at->n_lines; k++) {
			const char *name = profile_function_name(
				profile, profile->lines.at[at->first_line + k].function);
			size_t bytes = strlen(name);
			if (bytes + 2 > sizeof(text) - n)
				break;
			if (n)
				text[n++] = ';';
			for (size_t j = 0; j < bytes; j++)
				text[n++] = name[j] == ';' ? ':' : name[j];
		}
	}
	text[n] = 0;
	return text_label(rows->profile, "waker_stack", text);
}

/* Of samples: the thread's. Of waits also what it waited for. */
static uint32_t labels_of(struct rows *rows, const struct tally_row *row)
{
	struct profile_label labels[ROW_LABELS];
	bool is_plain = row->state == WAIT_RUNNING && !session_is_snapshot(rows->session);
	if (is_plain && rows->labels[row->thread])
		return rows->labels[row->thread];
	uint32_t n = label_thread(rows, row->thread, labels);
	if (!is_plain)
		labels[n++] = text_label(rows->profile, "state", state_name(row->state));
	if (row->waker)
		labels[n++] = waker_label(rows, row->waker);
	if (row->stacks.waker)
		labels[n++] = stack_label(rows, row->stacks.waker);
	uint32_t number = profile_add_labels(rows->profile, labels, n);
	if (is_plain)
		rows->labels[row->thread] = number;
	return number;
}

static uint32_t truncated_location(struct rows *rows)
{
	struct profile *profile = rows->profile;
	if (!rows->truncated) {
		struct profile_line line = {
			profile_add_function(
				profile,
				&(struct profile_function){
					.name = profile_add_string(profile, "[truncated]", 11)}),
			0, 0};
		rows->truncated =
			profile_add_location(profile, &(struct profile_location){0}, &line, 1);
	}
	return rows->truncated;
}

static uint32_t copy_stack(const struct rows *rows, uint32_t number, uint32_t *out)
{
	const struct stacks *stacks = &rows->sampler->stacks;
	const struct stack *stack = &stacks->stacks.at[number];
	for (uint32_t i = 0; i < stack->n; i++)
		out[i] = rows->located[stacks->frames.at[stack->first + i]];
	return stack->n;
}

static uint8_t end_of(const struct rows *rows, uint32_t user_stack)
{
	return rows->sampler->stacks.stacks.at[user_stack].end;
}

/* Leaf first: the kernel's frames, then the user's. */
static uint32_t stack_of(struct rows *rows, const struct tally_row *row)
{
	uint32_t frames[USER_FRAMES_MAX + KERNEL_FRAMES_MAX + 1];
	uint32_t n = copy_stack(rows, row->stacks.kernel, frames);
	n += copy_stack(rows, row->stacks.user, frames + n);
	if (row->stacks.user && end_of(rows, row->stacks.user) == WALK_DEPTH)
		frames[n++] = truncated_location(rows);
	return profile_add_stack(rows->profile, frames, n);
}

/* The location of its innermost function of the program, of the kernel where it has none: what
 * names a kernel's function is there anyway. 0: it has no frame at all. */
static uint32_t leaf_of(const struct rows *rows, const struct tally_row *row)
{
	const struct stacks *stacks = &rows->sampler->stacks;
	const struct stack *user = &stacks->stacks.at[row->stacks.user];
	const struct stack *stack = user->n ? user : &stacks->stacks.at[row->stacks.kernel];
	return stack->n ? stacks->frames.at[stack->first] : 0;
}

void build_rows_add_type(struct profile *profile, const struct session *session)
{
	const char *name = session_event(session);
	profile_add_type(profile, (struct profile_type){
					  profile_add_string(profile, name, strlen(name)),
					  profile_add_string(profile, "count", strlen("count"))});
}

static void fill_values(const struct session *session, const struct tally_row *row,
			int64_t values[VALUES])
{
	memset(values, 0, VALUES * sizeof(*values));
	if (session_is_snapshot(session)) {
		values[COLUMN_SAMPLES] = (int64_t)row->taken;
	} else if (!session_is_timed(session)) {
		values[COLUMN_SAMPLES] = (int64_t)row->taken;
		values[COLUMN_EVENT] = (int64_t)row->counted;
	} else if (row->state == WAIT_RUNNING) {
		values[COLUMN_SAMPLES] = (int64_t)row->taken;
		values[COLUMN_CPU] = (int64_t)row->counted;
	} else {
		values[COLUMN_OFFCPU_EVENTS] = (int64_t)(row->waits + 0.5);
		values[COLUMN_BLOCKED] = (int64_t)(row->blocked_ns + 0.5);
		values[COLUMN_RUNNABLE] = (int64_t)(row->runnable_ns + 0.5);
	}
	values[COLUMN_WALL] = values[COLUMN_CPU] + values[COLUMN_BLOCKED] + values[COLUMN_RUNNABLE];
}

/* Of all samples and waits: those whose user stack was walked, and those of them that are whole. */
struct shares {
	uint64_t walked, whole;
};

static void add_shares(const struct rows *rows, const struct tally_row *row, struct shares *shares)
{
	shares->walked += row->stacks.user ? row->taken : 0;
	shares->whole +=
		row->stacks.user && end_of(rows, row->stacks.user) == WALK_ROOT ? row->taken : 0;
}

/* Samples, of which some lack a name: by object, whose numbers end at `n`. */
struct names {
	uint64_t taken, lacking, *of_object;
	uint32_t n;
};

static struct names names_init(const struct sampler *sampler)
{
	struct names names = {.n = 1};
	for (uint32_t i = 1; i < sampler->locations.n; i++)
		if (sampler->locations.at[i].object >= names.n)
			names.n = sampler->locations.at[i].object + 1;
	names.of_object = memory_new(names.n, sizeof(*names.of_object));
	return names;
}

/* A row without any frame has no name to lack. */
static void add_names(struct names *names, const struct rows *rows, const struct tally_row *row,
		      const bool *named)
{
	uint32_t leaf = leaf_of(rows, row);
	names->taken += row->taken;
	if (!leaf || named[leaf])
		return;
	const struct location *location = &rows->sampler->locations.at[leaf];
	names->lacking += row->taken;
	if (location->kind == LOCATION_FILE)
		names->of_object[location->object] += row->taken;
}

/* Of samples on a CPU, which are what views begin with; of all where there are none. Returns the
 * object that lacks most. */
static uint32_t count_names(const struct rows *rows, const bool *named, double *share)
{
	const struct tally *tally = &rows->session->tally;
	const bool running = tally->samples > 0;
	struct names names = names_init(rows->sampler);
	uint32_t most = 0;
	for (uint32_t i = 1; i < tally->rows.n; i++)
		if (!running || tally->rows.at[i].state == WAIT_RUNNING)
			add_names(&names, rows, &tally->rows.at[i], named);
	for (uint32_t i = 1; i < names.n; i++)
		if (names.of_object[i] > names.of_object[most])
			most = i;
	free(names.of_object);
	*share = names.taken ? 1 - (double)names.lacking / (double)names.taken : 1;
	return most;
}

uint32_t build_rows(struct profile *profile, const struct sampler *sampler,
		    const struct session *session, const uint32_t *located, const bool *named,
		    struct build_result *result)
{
	const struct tally *tally = &session->tally;
	struct rows rows = {
		.profile = profile,
		.sampler = sampler,
		.session = session,
		.located = located,
		.labels = memory_new(session->threads.n, sizeof(uint32_t)),
	};
	struct shares shares = {0};
	find_leaders(&rows);
	for (uint32_t i = 1; i < tally->rows.n; i++) {
		const struct tally_row *row = &tally->rows.at[i];
		int64_t values[VALUES];
		fill_values(session, row, values);
		profile_add_row(profile, stack_of(&rows, row), labels_of(&rows, row), values);
		add_shares(&rows, row, &shares);
	}
	uint32_t nameless = count_names(&rows, named, &result->named);
	free(rows.labels);
	index_deinit(&rows.leaders);
	result->samples = tally->samples;
	result->stacks = profile->stacks.n ? profile->stacks.n - 1 : 0;
	result->whole = shares.walked ? (double)shares.whole / (double)shares.walked : 1;
	profile->default_type = !session_is_timed(session)     ? COLUMN_EVENT
				: session_is_snapshot(session) ? COLUMN_SAMPLES
				: session_samples(session)     ? COLUMN_CPU
							       : COLUMN_BLOCKED;
	profile->time_ns = session->start_time_ns;
	profile->duration_ns = (int64_t)(session->stopped_ns - session->started_ns);
	profile->period = (int64_t)session->period_ns;
	return nameless;
}
