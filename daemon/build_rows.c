/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/build_rows.h"

#include <stdlib.h>
#include <string.h>
#include "common/escape.h"
#include "common/memory.h"
#include "common/profile.h"
#include "daemon/build.h"
#include "daemon/sampler.h"
#include "daemon/session.h"

struct rows {
	struct profile *profile;
	const struct sampler *sampler;
	const struct session *session;
	const uint32_t *located;
	uint32_t *labels;   /* by the tally's thread: the profile's label set */
	uint32_t truncated; /* location of the root frame of stacks that were cut; 0: none yet */
};

static uint32_t add_text(struct profile *profile, const char *text, size_t n)
{
	char clean[256];
	return profile_add_string(profile, clean, escape_text(clean, sizeof(clean), text, n));
}

/* A process is called what its main thread is called. */
static const char *comm_of(const struct session *session, const struct tally_thread *thread)
{
	for (uint32_t i = session->n_processes; i-- > 0;)
		if (session->processes[i].pid == thread->tgid)
			return session->processes[i].comm;
	for (uint32_t i = 1; i < session->tally.threads.n; i++)
		if (session->tally.threads.at[i].tid == thread->tgid)
			return session->tally.threads.at[i].comm;
	return thread->comm;
}

static uint32_t labels_of(struct rows *rows, uint32_t number)
{
	struct profile *profile = rows->profile;
	const struct tally_thread *thread = &rows->session->tally.threads.at[number];
	const char *comm = comm_of(rows->session, thread);
	if (rows->labels[number])
		return rows->labels[number];
	const struct profile_label labels[] = {
		{.key = profile_add_string(profile, "pid", 3), .number = thread->tgid},
		{.key = profile_add_string(profile, "thread_id", 9), .number = thread->tid},
		{.key = profile_add_string(profile, "thread_name", 11),
		 .text = add_text(profile, thread->comm, strlen(thread->comm))},
		{.key = profile_add_string(profile, "comm", 4),
		 .text = add_text(profile, comm, strlen(comm))},
	};
	rows->labels[number] =
		profile_add_labels(profile, labels, sizeof(labels) / sizeof(*labels));
	return rows->labels[number];
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
	uint32_t n = copy_stack(rows, row->kernel_stack, frames);
	n += copy_stack(rows, row->user_stack, frames + n);
	if (row->user_stack && end_of(rows, row->user_stack) == WALK_DEPTH)
		frames[n++] = truncated_location(rows);
	return profile_add_stack(rows->profile, frames, n);
}

/* Whether the leaf has a name; a row without any frame has none to lack. */
static bool leaf_named(const struct rows *rows, const struct tally_row *row, const bool *named)
{
	uint32_t number = row->kernel_stack ? row->kernel_stack : row->user_stack;
	const struct stacks *stacks = &rows->sampler->stacks;
	const struct stack *stack = &stacks->stacks.at[number];
	return !stack->n || named[stacks->frames.at[stack->first]];
}

void build_rows(struct profile *profile, const struct sampler *sampler,
		const struct session *session, const uint32_t *located, const bool *named,
		struct build_result *result)
{
	const struct tally *tally = &session->tally;
	struct rows rows = {
		.profile = profile,
		.sampler = sampler,
		.session = session,
		.located = located,
		.labels = memory_new(tally->threads.n, sizeof(uint32_t)),
	};
	uint64_t walked = 0, whole = 0, with_name = 0;
	for (uint32_t i = 1; i < tally->rows.n; i++) {
		const struct tally_row *row = &tally->rows.at[i];
		int64_t cpu = (int64_t)(row->samples * session->period_ns);
		int64_t values[PROFILE_COLUMNS] = {
			[COLUMN_SAMPLES] = (int64_t)row->samples,
			[COLUMN_CPU] = cpu,
			[COLUMN_WALL] = cpu,
		};
		profile_add_row(profile, stack_of(&rows, row), labels_of(&rows, row->thread),
				values);
		walked += row->user_stack ? row->samples : 0;
		whole += row->user_stack && end_of(&rows, row->user_stack) == WALK_ROOT
				 ? row->samples
				 : 0;
		with_name += leaf_named(&rows, row, named) ? row->samples : 0;
	}
	free(rows.labels);
	result->samples = tally->samples;
	result->stacks = profile->stacks.n ? profile->stacks.n - 1 : 0;
	result->whole = walked ? (double)whole / (double)walked : 1;
	result->named = tally->samples ? (double)with_name / (double)tally->samples : 1;
	profile->time_ns = session->start_time_ns;
	profile->duration_ns = (int64_t)(session->stopped_ns - session->started_ns);
	profile->period = (int64_t)session->period_ns;
}
