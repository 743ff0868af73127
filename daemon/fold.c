/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/fold.h"

#include <string.h>
#include "common/array.h"
#include "common/guard.h"
#include "common/memory.h"
#include "daemon/members.h"
#include "daemon/tally.h"
#include "daemon/threads.h"
#include "daemon/times.h"

enum {
	TOLD = 4096,   /* threads (and processes) that are kept one by one */
	AT_ONCE = 512, /* below, it is not worth while */
};

struct fold {
	const struct times *times;
	const struct members *members;
	struct threads threads; /* the new ones */
	struct index folded;	/* of these, by process and name */
	struct index processes; /* of these, one each that names it */
	uint64_t before_ns;
};

static bool is_dead(const struct thread *thread, uint64_t before_ns)
{
	return thread->end_ns && thread->end_ns < before_ns;
}

static uint32_t count_dead(const struct threads *threads, uint64_t before_ns)
{
	uint32_t n = 0;
	for (uint32_t i = 1; i < threads->n; i++)
		n += !threads->at[i].n_folded && is_dead(&threads->at[i], before_ns);
	return n;
}

/* What is the same of those that become one. */
struct key {
	uint32_t tgid;
	char comm[COMM_BYTES], process[COMM_BYTES];
};

static struct key key_of(const struct thread *thread)
{
	struct key key = {.tgid = thread->tgid};
	memcpy(key.comm, thread->comm, sizeof(key.comm));
	memcpy(key.process, thread->process, sizeof(key.process));
	return key;
}

static bool same_key(const void *context, uint32_t number, const void *key)
{
	const struct threads *threads = context;
	const struct key own = key_of(&threads->at[number]);
	return !memcmp(&own, key, sizeof(own));
}

/* As an entry for many. */
static struct thread folded_of(const struct fold *fold, const struct thread *thread)
{
	const struct member *member = members_find(fold->members, thread->tgid);
	struct thread many = {
		.tgid = member && !member->alive ? 0 : thread->tgid,
		.n_folded = thread->n_folded ? thread->n_folded : 1,
		.samples = thread->samples,
		.waits = thread->waits,
		.folded = times_of(fold->times, thread),
	};
	memcpy(many.comm, thread->comm, sizeof(many.comm));
	memcpy(many.process,
	       thread->n_folded ? thread->process
	       : member		? member->comm
				: thread->comm,
	       sizeof(many.process));
	return many;
}

/* The entry of that name, made where it is new. 0: it is one too many. */
static uint32_t entry_for(struct fold *fold, const struct thread *more, bool any_more)
{
	const struct key key = key_of(more);
	uint64_t hash = index_hash(&key, sizeof(key));
	uint32_t number = index_find(&fold->folded, hash, same_key, &fold->threads, &key);
	if (number || (fold->folded.n >= TOLD && !any_more))
		return number;
	struct thread *fresh = array_add(&fold->threads);
	fresh->tgid = more->tgid;
	memcpy(fresh->comm, more->comm, sizeof(fresh->comm));
	memcpy(fresh->process, more->process, sizeof(fresh->process));
	number = fold->threads.n - 1;
	index_add(&fold->folded, hash, number);
	return number;
}

static uint32_t add_folded(struct fold *fold, const struct thread *thread)
{
	static const char others[COMM_BYTES + 1] = "[others]";
	struct thread more = folded_of(fold, thread);
	uint32_t number = entry_for(fold, &more, false);
	if (!number) { /* each has a name of its own */
		more.tgid = 0;
		memcpy(more.comm, others, sizeof(others));
		memcpy(more.process, others, sizeof(others));
		number = entry_for(fold, &more, true);
	}
	struct thread *many = &fold->threads.at[number];
	many->n_folded += more.n_folded;
	many->samples += more.samples;
	many->waits += more.waits;
	times_add(&many->folded, &more.folded);
	return number;
}

static uint32_t add(struct fold *fold, const struct thread *thread)
{
	if (thread->n_folded || is_dead(thread, fold->before_ns))
		return add_folded(fold, thread);
	*array_add(&fold->threads) = *thread;
	threads_index(&fold->threads, fold->threads.n - 1);
	return fold->threads.n - 1;
}

static bool same_process(const void *context, uint32_t number, const void *tgid)
{
	const struct threads *threads = context;
	return threads->at[number].tgid == *(const uint32_t *)tgid;
}

static bool is_named(const void *context, uint32_t pid)
{
	const struct fold *fold = context;
	return index_find(&fold->processes, index_hash(&pid, sizeof(pid)), same_process,
			  &fold->threads, &pid);
}

/* Names of processes that have ended are needed for the threads that are kept. */
static void prune(struct fold *fold, struct members *members)
{
	if (members->n <= TOLD)
		return;
	for (uint32_t i = 1; i < fold->threads.n; i++) {
		uint32_t tgid = fold->threads.at[i].tgid;
		if (tgid && !is_named(fold, tgid))
			index_add(&fold->processes, index_hash(&tgid, sizeof(tgid)), i);
	}
	members_prune(members, is_named, fold);
}

void fold_dead(struct times *times, struct tally *tally, struct members *members,
	       uint64_t before_ns)
{
	struct threads *threads = times->threads;
	if (threads->n <= TOLD || count_dead(threads, before_ns) < AT_ONCE)
		return;
	struct fold fold = {.times = times, .members = members, .before_ns = before_ns};
	uint32_t *numbers guard_mem = memory_new(threads->n, sizeof(*numbers));
	threads_init(&fold.threads);
	fold.threads.n_ever = threads->n_ever;
	for (uint32_t i = 1; i < threads->n; i++)
		numbers[i] = add(&fold, &threads->at[i]);
	tally_renumber(tally, numbers);
	prune(&fold, members);
	threads_deinit(threads);
	*threads = fold.threads;
	index_deinit(&fold.folded);
	index_deinit(&fold.processes);
}
