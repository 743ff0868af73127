/* SPDX-License-Identifier: Apache-2.0 */
#include "common/profile_info.h"

#include "common/index.h"
#include "common/info.pb-c.h"
#include "common/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char part_note[] = "merged with a profile that does not say what it lost: "
				"counters cover a part";

Probe__Info *profile_info_copy(const Probe__Info *info)
{
	if (!info)
		return NULL;
	size_t bytes = probe__info__get_packed_size(info);
	uint8_t *packed = memory_new(bytes, 1);
	probe__info__pack(info, packed);
	Probe__Info *copy = probe__info__unpack(NULL, bytes, packed);
	free(packed);
	if (!copy)
		memory_exhausted();
	return copy;
}

/* Moves the n elements of `more` to the end of *at and frees that array. */
static void take_all(void *at, size_t *n, void *more, size_t n_more)
{
	void **to = *(void ***)at;
	if (n_more) {
		to = memory_resize(to, *n + n_more, sizeof(*to));
		memcpy(to + *n, more, n_more * sizeof(*to));
	}
	free(more);
	*(void ***)at = to;
	*n += n_more;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static bool same_text(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

/* Adds those known by (name, module), moves the others. Takes `more`. */
static void merge_counters(Probe__Counter ***at, size_t *n, Probe__Counter **more, size_t n_more)
{
	size_t left = 0;
	for (size_t i = 0; i < n_more; i++) {
		Probe__Counter *known = NULL;
		for (size_t j = 0; j < *n && !known; j++)
			if (same_text((*at)[j]->name, more[i]->name) &&
			    same_text((*at)[j]->module, more[i]->module))
				known = (*at)[j];
		if (!known) {
			more[left++] = more[i];
			continue;
		}
		known->value = sum(known->value, more[i]->value);
		probe__counter__free_unpacked(more[i], NULL);
	}
	take_all(at, n, more, left);
}

static void add_thread(Probe__ThreadTimes *to, const Probe__ThreadTimes *from)
{
#define ADD(member)                                                                                \
	do {                                                                                       \
		to->member = sum(to->member, from->member);                                        \
		to->has_##member |= from->has_##member;                                            \
	} while (0)
	ADD(samples);
	ADD(oncpu_ns);
	ADD(runnable_ns);
	ADD(blocked_ns);
	ADD(wall_ns);
#undef ADD
}

static bool same_thread(const void *context, uint32_t number, const void *key)
{
	const Probe__Info *info = context;
	const Probe__ThreadTimes *a = info->thread[number - 1], *b = key;
	return a->tid == b->tid && a->pid == b->pid && a->start_time_ns == b->start_time_ns;
}

static uint64_t thread_hash(const Probe__ThreadTimes *thread)
{
	const uint64_t words[] = {thread->pid, thread->tid, thread->start_time_ns};
	return index_hash(words, sizeof(words));
}

/* There may be very many: a server's, of all day. */
static void merge_threads(Probe__Info *into, Probe__Info *from)
{
	struct index known = {0};
	size_t left = 0;
	for (size_t i = 0; i < into->n_thread; i++)
		index_add(&known, thread_hash(into->thread[i]), (uint32_t)i + 1);
	for (size_t i = 0; i < from->n_thread; i++) {
		Probe__ThreadTimes *thread = from->thread[i];
		uint32_t number =
			index_find(&known, thread_hash(thread), same_thread, into, thread);
		if (!number) {
			from->thread[left++] = thread;
			continue;
		}
		add_thread(into->thread[number - 1], thread);
		probe__thread_times__free_unpacked(thread, NULL);
	}
	index_deinit(&known);
	take_all(&into->thread, &into->n_thread, from->thread, left);
	from->thread = NULL;
	from->n_thread = 0;
}

static void unite_texts(char ***at, size_t *n, char **more, size_t n_more)
{
	size_t left = 0;
	for (size_t i = 0; i < n_more; i++) {
		bool known = false;
		for (size_t j = 0; j < *n && !known; j++)
			known = same_text((*at)[j], more[i]);
		if (known)
			free(more[i]);
		else
			more[left++] = more[i];
	}
	take_all(at, n, more, left);
}

static void keep_if_same(char **text, const char *other)
{
	if (same_text(*text, other))
		return;
	free(*text);
	*text = NULL;
}

static void merge_descriptions(Probe__Info *into, const Probe__Info *from)
{
	keep_if_same(&into->name, from->name);
	keep_if_same(&into->mode, from->mode);
	keep_if_same(&into->reason, from->reason);
	keep_if_same(&into->host_kernel, from->host_kernel);
	keep_if_same(&into->event, from->event);
	if (into->pid != from->pid)
		into->has_pid = false;
	if (into->hz != from->hz)
		into->has_hz = false;
	into->has_whole_machine |= from->has_whole_machine;
	into->whole_machine |= from->whole_machine;
}

static void merge_numbers(Probe__Info *into, const Probe__Info *from, double into_weight,
			  double from_weight)
{
	into->has_processes |= from->has_processes;
	if (from->processes > into->processes)
		into->processes = from->processes;
	into->has_threads |= from->has_threads;
	if (from->threads > into->threads)
		into->threads = from->threads;
	into->firings = sum(into->firings, from->firings);
	into->has_firings |= from->has_firings;
	into->samples = sum(into->samples, from->samples);
	into->has_samples |= from->has_samples;
	into->own_cpu_seconds += from->own_cpu_seconds;
	into->has_own_cpu_seconds |= from->has_own_cpu_seconds;
	if (!into->has_steal_share || !from->has_steal_share) {
		into->has_steal_share = false;
		return;
	}
	double weights = into_weight + from_weight;
	if (weights > 0)
		into->steal_share =
			(into->steal_share * into_weight + from->steal_share * from_weight) /
			weights;
}

static void append_resources(Probe__Resources ***into, size_t *n, Probe__Resources **more,
			     size_t n_more)
{
	*into = memory_resize(*into, *n + n_more, sizeof(**into));
	for (size_t i = 0; i < n_more; i++)
		(*into)[(*n)++] = more[i];
	free(more);
}

static void note_part(Probe__Info *info)
{
	char **note = memory_new(1, sizeof(*note));
	*note = strdup(part_note);
	if (!*note)
		memory_exhausted();
	unite_texts(&info->notes, &info->n_notes, note, 1);
}

void profile_info_merge(Probe__Info **into_at, const Probe__Info *from_shared,
			int64_t into_duration_ns, int64_t from_duration_ns)
{
	if (!*into_at || !from_shared) {
		if (!*into_at)
			*into_at = profile_info_copy(from_shared);
		if (*into_at)
			note_part(*into_at);
		return;
	}
	Probe__Info *into = *into_at, *from = profile_info_copy(from_shared);
	merge_descriptions(into, from);
	merge_numbers(into, from, (double)into_duration_ns, (double)from_duration_ns);
	merge_threads(into, from);
#define TAKE(f, member)                                                                            \
	do {                                                                                       \
		f(&into->member, &into->n_##member, from->member, from->n_##member);               \
		from->member = NULL;                                                               \
		from->n_##member = 0;                                                              \
	} while (0)
	TAKE(merge_counters, firing);
	TAKE(merge_counters, lost);
	TAKE(merge_counters, walk_ends);
	TAKE(unite_texts, labels);
	TAKE(unite_texts, notes);
	TAKE(append_resources, resources);
#undef TAKE
	probe__info__free_unpacked(from, NULL);
}
