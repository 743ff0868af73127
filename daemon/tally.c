/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/tally.h"

#include <stdlib.h>
#include <string.h>
#include "common/array.h"

void tally_init(struct tally *tally, struct threads *threads)
{
	*tally = (struct tally){.threads = threads};
	array_add(&tally->wakers);
	array_add(&tally->rows);
}

void tally_deinit(struct tally *tally)
{
	free(tally->wakers.at);
	free(tally->rows.at);
	index_deinit(&tally->by_waker);
	index_deinit(&tally->by_row);
	*tally = (struct tally){0};
}

static uint32_t thread_of(struct tally *tally, const struct sample_event *sample)
{
	return threads_note(tally->threads, sample->tgid, sample->tid, sample->start_time_ns,
			    sample->comm);
}

#define TALLY_OTHERS "[others]"

/* Threads go by what they are, the others by their name, and beyond as many names by none. */
struct waker_key {
	uint64_t start_time_ns, tid;
	char comm[COMM_BYTES];
};

static struct waker_key waker_key(const struct tally_waker *waker)
{
	struct waker_key key = {waker->start_time_ns, waker->tid, {0}};
	if (waker->tid == TALLY_WAKER_OTHERS)
		memcpy(key.comm, waker->comm, sizeof(key.comm));
	return key;
}

static bool same_waker(const void *context, uint32_t number, const void *key)
{
	const struct tally *tally = context;
	const struct waker_key own = waker_key(&tally->wakers.at[number]);
	return !memcmp(&own, key, sizeof(own));
}

/* 0: it is one too many. */
static uint32_t add_waker(struct tally *tally, const struct tally_waker *waker)
{
	const struct waker_key key = waker_key(waker);
	uint64_t hash = index_hash(&key, sizeof(key));
	uint32_t number = index_find(&tally->by_waker, hash, same_waker, tally, &key);
	bool one = waker->tid != TALLY_WAKER_OTHERS, rest = !strcmp(waker->comm, TALLY_OTHERS);
	if (number || (one && tally->wakers.n > TALLY_WAKERS) ||
	    (!rest && tally->wakers.n > 2 * TALLY_WAKERS))
		return number;
	*array_add(&tally->wakers) = *waker;
	number = tally->wakers.n - 1;
	index_add(&tally->by_waker, hash, number);
	return number;
}

static uint32_t waker_of(struct tally *tally, const struct wait_event *wait)
{
	/* Who was only waiting for a CPU was not woken, and who waits still has yet to be. */
	if (!tally->with_wakers || wait->state == WAIT_RUNNABLE || wait->state == WAIT_THROTTLED ||
	    wait->sample.event.kind != EVENT_WAIT)
		return 0;
	struct tally_waker waker = {.tid = wait->waker_tid};
	if (waker.tid) {
		waker.start_time_ns = wait->waker_start_time_ns;
		memcpy(waker.comm, wait->waker_comm, strnlen(wait->waker_comm, COMM_BYTES));
	}
	uint32_t number = add_waker(tally, &waker);
	if (number)
		return number;
	waker.tid = TALLY_WAKER_OTHERS;
	waker.start_time_ns = 0;
	number = add_waker(tally, &waker);
	if (number)
		return number;
	memset(waker.comm, 0, sizeof(waker.comm)); /* names are the wakers' own to make up */
	memcpy(waker.comm, TALLY_OTHERS, sizeof(TALLY_OTHERS));
	return add_waker(tally, &waker);
}

static bool same_row(const void *context, uint32_t number, const void *key)
{
	const struct tally *tally = context;
	const struct tally_row *row = &tally->rows.at[number], *wanted = key;
	return row->thread == wanted->thread && row->state == wanted->state &&
	       row->waker == wanted->waker &&
	       !memcmp(&row->stacks, &wanted->stacks, sizeof(row->stacks));
}

static struct tally_row *row_of(struct tally *tally, const struct tally_row *key)
{
	const uint32_t words[] = {key->thread,	     key->stacks.kernel, key->stacks.user,
				  key->stacks.waker, key->state,	 key->waker};
	uint64_t hash = index_hash(words, sizeof(words));
	uint32_t number = index_find(&tally->by_row, hash, same_row, tally, key);
	if (!number) {
		*array_add(&tally->rows) = *key;
		number = tally->rows.n - 1;
		index_add(&tally->by_row, hash, number);
	}
	return &tally->rows.at[number];
}

void tally_add(struct tally *tally, const struct sample_event *sample, struct tally_stacks stacks,
	       uint32_t state)
{
	const struct tally_row key = {
		.thread = thread_of(tally, sample), .stacks = stacks, .state = state};
	struct tally_row *row = row_of(tally, &key);
	row->taken++;
	row->counted += sample->period;
	tally->threads->at[key.thread].samples++;
	tally->samples++;
	tally->counted += sample->period;
}

static uint64_t overlap(uint64_t begin, uint64_t end, uint64_t from, uint64_t to)
{
	if (begin < from)
		begin = from;
	if (end > to)
		end = to;
	return begin < end ? end - begin : 0;
}

void tally_add_wait(struct tally *tally, const struct wait_event *wait, struct tally_stacks stacks,
		    uint64_t begin_ns, uint64_t end_ns)
{
	uint64_t lasted = wait->blocked_ns + wait->runnable_ns, end = wait->sample.time_ns;
	uint64_t begin = end - lasted, woken = end - wait->runnable_ns;
	if (end <= begin_ns || begin >= end_ns)
		return;
	if (!tally->with_wakers)
		stacks.waker = 0;
	const struct tally_row key = {.thread = thread_of(tally, &wait->sample),
				      .stacks = stacks,
				      .state = wait->state,
				      .waker = waker_of(tally, wait)};
	struct tally_row *row = row_of(tally, &key);
	/* Shorter than its period, it was taken with chance lasted / period. */
	double weight =
		lasted && wait->period_ns > lasted ? (double)wait->period_ns / (double)lasted : 1;
	row->taken++;
	row->waits += weight;
	row->blocked_ns += weight * (double)overlap(begin, woken, begin_ns, end_ns);
	row->runnable_ns += weight * (double)overlap(woken, end, begin_ns, end_ns);
	tally->threads->at[key.thread].waits++;
	tally->waits++;
}

void tally_renumber(struct tally *tally, const uint32_t *by_old)
{
	struct tally old = *tally;
	memset(&tally->rows, 0, sizeof(tally->rows));
	tally->by_row = (struct index){0};
	array_add(&tally->rows);
	for (uint32_t i = 1; i < old.rows.n; i++) {
		const struct tally_row *from = &old.rows.at[i];
		const struct tally_row key = {.thread = by_old[from->thread],
					      .stacks = from->stacks,
					      .state = from->state,
					      .waker = from->waker};
		struct tally_row *row = row_of(tally, &key);
		row->taken += from->taken;
		row->counted += from->counted;
		row->waits += from->waits;
		row->blocked_ns += from->blocked_ns;
		row->runnable_ns += from->runnable_ns;
	}
	free(old.rows.at);
	index_deinit(&old.by_row);
}
