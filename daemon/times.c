/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/times.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/array.h"
#include "common/guard.h"

struct times_key {
	uint64_t start_time_ns;
	uint64_t tid;
};

void times_init(struct times *times)
{
	*times = (struct times){0};
	array_add(&times->threads); /* number 0 is none */
}

void times_deinit(struct times *times)
{
	free(times->threads.at);
	index_deinit(&times->index);
	*times = (struct times){0};
}

static bool same_thread(const void *context, uint32_t number, const void *key)
{
	const struct times *times = context;
	const struct times_key *wanted = key;
	const struct times_thread *thread = &times->threads.at[number];
	return thread->tid == wanted->tid && thread->start_time_ns == wanted->start_time_ns;
}

static uint32_t number_of(const struct times *times, const struct times_key *key)
{
	return index_find(&times->index, index_hash(key, sizeof(*key)), same_thread, times, key);
}

const struct times_thread *times_find(const struct times *times, uint32_t tid,
				      uint64_t start_time_ns)
{
	struct times_key key = {start_time_ns, tid};
	uint32_t number = number_of(times, &key);
	return number ? &times->threads.at[number] : NULL;
}

/* The thread, made where it is new: born since the beginning, or, taken later, counted from its
 * first reading on. */
static struct times_thread *note(struct times *times, const struct thread_times *from)
{
	struct times_key key = {from->start_time_ns, from->tid};
	uint32_t number = number_of(times, &key);
	if (!number) {
		bool born = from->start_time_ns >= times->begin_ns;
		*array_add(&times->threads) = (struct times_thread){
			.tgid = from->tgid,
			.tid = from->tid,
			.start_time_ns = from->start_time_ns,
			.begin_ns = born ? from->start_time_ns : from->time_ns,
			.oncpu_before_ns = born ? 0 : from->oncpu_ns,
			.runnable_before_ns = born ? 0 : from->runnable_ns,
		};
		number = times->threads.n - 1;
		index_add(&times->index, index_hash(&key, sizeof(key)), number);
	}
	struct times_thread *thread = &times->threads.at[number];
	memcpy(thread->comm, from->comm, COMM_BYTES);
	/* A leader's number and birth go to the thread of its process that calls exec. */
	if (!thread->end_ns && from->oncpu_ns >= thread->oncpu_before_ns &&
	    from->runnable_ns >= thread->runnable_before_ns) {
		thread->oncpu_ns = from->oncpu_ns - thread->oncpu_before_ns;
		thread->runnable_ns = from->runnable_ns - thread->runnable_before_ns;
	}
	return thread;
}

/* The kernel gives whole elements only, of which a read may cut the last. */
static int read_all(struct times *times, int fd,
		    void (*each)(struct times *times, const struct thread_times *thread))
{
	struct thread_times chunk[64];
	size_t have = 0;
	for (;;) {
		ssize_t n = read(fd, (char *)chunk + have, sizeof(chunk) - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : have ? -EPROTO : 0;
		have += (size_t)n;
		size_t whole = have / sizeof(chunk[0]);
		for (size_t i = 0; i < whole; i++)
			if (chunk[i].sessions & times->sessions)
				each(times, &chunk[i]);
		have -= whole * sizeof(chunk[0]);
		memmove(chunk, chunk + whole, have);
	}
}

static void on_alive(struct times *times, const struct thread_times *from)
{
	note(times, from);
}

int times_begin(struct times *times, uint32_t session, uint64_t now_ns, int fd)
{
	times->sessions = 1ull << session;
	times->begin_ns = now_ns;
	int code = read_all(times, fd, on_alive);
	for (uint32_t i = 1; i < times->threads.n; i++)
		times->threads.at[i].begin_ns = now_ns;
	return code;
}

void times_on_end(struct times *times, const struct thread_times *from)
{
	if (!(from->sessions & times->sessions) ||
	    (times->end_ns && from->start_time_ns >= times->end_ns))
		return;
	struct times_thread *thread = note(times, from);
	if (!thread->end_ns)
		thread->end_ns = from->time_ns;
}

static void on_survivor(struct times *times, const struct thread_times *from)
{
	struct times_thread *thread = note(times, from);
	if (!thread->end_ns)
		thread->end_ns = times->end_ns;
}

int times_finish(struct times *times, uint64_t now_ns, int fd)
{
	times->end_ns = now_ns;
	return read_all(times, fd, on_survivor);
}

uint32_t times_unfinished(const struct times *times)
{
	uint32_t n = 0;
	for (uint32_t i = 1; i < times->threads.n; i++)
		n += !times->threads.at[i].end_ns;
	return n;
}

uint64_t times_wall_ns(const struct times *times, const struct times_thread *thread)
{
	uint64_t end = thread->end_ns;
	if (!end || end > times->end_ns)
		end = times->end_ns;
	uint64_t wall = end > thread->begin_ns ? end - thread->begin_ns : 0;
	/* A tick that was accounted late. */
	uint64_t busy = thread->oncpu_ns + thread->runnable_ns;
	return wall > busy ? wall : busy;
}

void times_sum(const struct times *times, struct times_sum *sum)
{
	*sum = (struct times_sum){0};
	for (uint32_t i = 1; i < times->threads.n; i++) {
		const struct times_thread *thread = &times->threads.at[i];
		sum->oncpu_ns += thread->oncpu_ns;
		sum->runnable_ns += thread->runnable_ns;
		sum->wall_ns += times_wall_ns(times, thread);
	}
}
