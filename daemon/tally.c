/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/tally.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "common/array.h"

void tally_init(struct tally *tally)
{
	*tally = (struct tally){0};
	array_add(&tally->threads);
	array_add(&tally->rows);
}

void tally_deinit(struct tally *tally)
{
	free(tally->threads.at);
	free(tally->rows.at);
	index_deinit(&tally->by_thread);
	index_deinit(&tally->by_row);
	*tally = (struct tally){0};
}

struct thread_key {
	uint64_t start_time_ns, tid;
};

static bool same_thread(const void *context, uint32_t number, const void *key)
{
	const struct tally *tally = context;
	const struct thread_key *wanted = key;
	const struct tally_thread *thread = &tally->threads.at[number];
	return thread->tid == wanted->tid && thread->start_time_ns == wanted->start_time_ns;
}

static uint32_t thread_of(struct tally *tally, const struct sample_event *sample)
{
	struct thread_key key = {sample->start_time_ns, sample->tid};
	uint64_t hash = index_hash(&key, sizeof(key));
	uint32_t number = index_find(&tally->by_thread, hash, same_thread, tally, &key);
	if (!number) {
		*array_add(&tally->threads) = (struct tally_thread){
			.tgid = sample->tgid,
			.tid = sample->tid,
			.start_time_ns = sample->start_time_ns,
		};
		number = tally->threads.n - 1;
		index_add(&tally->by_thread, hash, number);
	}
	struct tally_thread *thread = &tally->threads.at[number];
	thread->samples++;
	memcpy(thread->comm, sample->comm, COMM_BYTES);
	return number;
}

static bool same_row(const void *context, uint32_t number, const void *key)
{
	const struct tally *tally = context;
	return !memcmp(&tally->rows.at[number], key, 3 * sizeof(uint32_t));
}

void tally_add(struct tally *tally, const struct sample_event *sample, uint32_t kernel_stack,
	       uint32_t user_stack)
{
	uint32_t key[3] = {thread_of(tally, sample), kernel_stack, user_stack};
	uint64_t hash = index_hash(key, sizeof(key));
	uint32_t number = index_find(&tally->by_row, hash, same_row, tally, key);
	if (!number) {
		*array_add(&tally->rows) = (struct tally_row){
			.thread = key[0], .kernel_stack = key[1], .user_stack = key[2]};
		number = tally->rows.n - 1;
		index_add(&tally->by_row, hash, number);
	}
	tally->rows.at[number].samples++;
	tally->samples++;
}
