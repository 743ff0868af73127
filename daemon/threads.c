/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/threads.h"

#include <stdlib.h>
#include <string.h>
#include "common/array.h"

struct key {
	uint64_t start_time_ns, tid;
};

void threads_init(struct threads *threads)
{
	*threads = (struct threads){0};
	array_add(threads); /* number 0 is none */
}

void threads_deinit(struct threads *threads)
{
	free(threads->at);
	index_deinit(&threads->index);
	*threads = (struct threads){0};
}

static bool same(const void *context, uint32_t number, const void *key)
{
	const struct threads *threads = context;
	const struct key *wanted = key;
	const struct thread *thread = &threads->at[number];
	return thread->tid == wanted->tid && thread->start_time_ns == wanted->start_time_ns;
}

uint32_t threads_find(const struct threads *threads, uint32_t tid, uint64_t start_time_ns)
{
	const struct key key = {start_time_ns, tid};
	return index_find(&threads->index, index_hash(&key, sizeof(key)), same, threads, &key);
}

void threads_index(struct threads *threads, uint32_t number)
{
	const struct thread *thread = &threads->at[number];
	const struct key key = {thread->start_time_ns, thread->tid};
	index_add(&threads->index, index_hash(&key, sizeof(key)), number);
}

uint32_t threads_note(struct threads *threads, uint32_t tgid, uint32_t tid, uint64_t start_time_ns,
		      const char *comm)
{
	uint32_t number = threads_find(threads, tid, start_time_ns);
	if (!number) {
		*array_add(threads) =
			(struct thread){.tgid = tgid, .tid = tid, .start_time_ns = start_time_ns};
		number = threads->n - 1;
		threads_index(threads, number);
		threads->n_ever++;
	}
	memcpy(threads->at[number].comm, comm, COMM_BYTES);
	return number;
}
