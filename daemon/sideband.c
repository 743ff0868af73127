/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sideband.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/array.h"
#include "common/err.h"

enum {
	/* Of data, a CPU; a power of 2. Without CAP_IPC_LOCK a user has 516 KiB a CPU in all
	 * (kernel.perf_event_mlock_kb). */
	SIDEBAND_BYTES = 64 << 10,
	NAME_MAX_BYTES = 4096 + 8, /* of a path, padded */
};

/* The fixed part of PERF_RECORD_MMAP2; then the file's name, then a sample_id of one time. */
struct mmap2_record {
	struct perf_event_header header;
	uint32_t pid, tid;
	uint64_t start, bytes, offset;
	uint32_t major, minor;
	uint64_t inode, inode_generation;
	uint32_t protection, flags;
};
/* The same of PERF_RECORD_COMM. */
struct comm_record {
	struct perf_event_header header;
	uint32_t pid, tid;
};

struct sideband_cpu {
	int fd;
	struct perf_event_mmap_page *page;
};

struct sideband {
	size_t n_cpus, page_bytes;
	struct {
		struct sideband_record *at;
		uint32_t n, room;
	} records; /* those collected, by time from `next` on */
	uint32_t next;
	struct sideband_cpu cpus[];
};

int sideband_open(struct sideband **sideband, const int *fds_take, size_t n, struct err *err)
{
	struct sideband *s = calloc(1, sizeof(*s) + n * sizeof(s->cpus[0]));
	if (!s) {
		for (size_t i = 0; i < n; i++)
			close(fds_take[i]);
		return -ENOMEM;
	}
	s->n_cpus = n;
	s->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	for (size_t i = 0; i < n; i++)
		s->cpus[i].fd = fds_take[i];
	for (size_t i = 0; i < n; i++) {
		void *page = mmap(NULL, s->page_bytes + SIDEBAND_BYTES, PROT_READ | PROT_WRITE,
				  MAP_SHARED, s->cpus[i].fd, 0);
		if (page == MAP_FAILED) {
			int code = -errno;
			sideband_close(s);
			return err_set(err, code, ERR_FAILED, "mapping an event's ring: %s",
				       strerror(-code));
		}
		s->cpus[i].page = page;
	}
	*sideband = s;
	return 0;
}

void sideband_close(struct sideband *sideband)
{
	if (!sideband)
		return;
	for (size_t i = 0; i < sideband->n_cpus; i++) {
		if (sideband->cpus[i].page)
			munmap(sideband->cpus[i].page, sideband->page_bytes + SIDEBAND_BYTES);
		close(sideband->cpus[i].fd);
	}
	for (uint32_t i = 0; i < sideband->records.n; i++)
		free(sideband->records.at[i].line.path);
	free(sideband->records.at);
	free(sideband);
}

int sideband_enable(struct sideband *sideband, bool on)
{
	for (size_t i = 0; i < sideband->n_cpus; i++)
		if (ioctl(sideband->cpus[i].fd, on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE,
			  0))
			return -errno;
	return 0;
}

/* Copies out of the ring, which a record may go around the end of. */
static void copy(const struct sideband *s, const struct sideband_cpu *cpu, uint64_t at, void *to,
		 size_t bytes)
{
	const uint8_t *data = (const uint8_t *)cpu->page + s->page_bytes;
	size_t from = at & (SIDEBAND_BYTES - 1);
	size_t first = bytes < SIDEBAND_BYTES - from ? bytes : SIDEBAND_BYTES - from;
	memcpy(to, data + from, first);
	memcpy((uint8_t *)to + first, data, bytes - first);
}

static void on_comm(struct sideband *s, const struct sideband_cpu *cpu, uint64_t at,
		    uint64_t time_ns)
{
	struct comm_record record;
	copy(s, cpu, at, &record, sizeof(record));
	*array_add(&s->records) =
		(struct sideband_record){.time_ns = time_ns, .pid = record.pid, .image = true};
}

static void on_mmap2(struct sideband *s, const struct sideband_cpu *cpu, uint64_t at,
		     uint64_t time_ns)
{
	struct mmap2_record record;
	char name[NAME_MAX_BYTES];
	copy(s, cpu, at, &record, sizeof(record));
	size_t bytes = record.header.size - sizeof(record) - sizeof(time_ns);
	if (!(record.protection & PROT_EXEC) || bytes >= sizeof(name) ||
	    record.start + record.bytes <= record.start)
		return;
	copy(s, cpu, at + sizeof(record), name, bytes);
	name[bytes] = 0;
	struct maps_line line = {
		.start = record.start,
		.end = record.start + record.bytes,
		.offset = record.offset,
		.dev = makedev(record.major, record.minor),
		.inode = record.inode,
	};
	/* As /proc/PID/maps has it, where memory of no file has no name. */
	maps_set_path(&line, strcmp(name, "//anon") ? name : "");
	*array_add(&s->records) =
		(struct sideband_record){.time_ns = time_ns, .pid = record.pid, .line = line};
}

/* False: it says that some were lost. */
static bool on_record(struct sideband *s, const struct sideband_cpu *cpu, uint64_t at,
		      const struct perf_event_header *header)
{
	uint64_t time_ns;
	if (header->type == PERF_RECORD_LOST)
		return false;
	bool mapped = header->type == PERF_RECORD_MMAP2;
	bool exec = header->type == PERF_RECORD_COMM && (header->misc & PERF_RECORD_MISC_COMM_EXEC);
	size_t fixed = mapped ? sizeof(struct mmap2_record) : sizeof(struct comm_record);
	if ((!mapped && !exec) || header->size < fixed + sizeof(time_ns))
		return true;
	copy(s, cpu, at + header->size - sizeof(time_ns), &time_ns, sizeof(time_ns));
	if (mapped)
		on_mmap2(s, cpu, at, time_ns);
	else
		on_comm(s, cpu, at, time_ns);
	return true;
}

static bool collect_cpu(struct sideband *s, const struct sideband_cpu *cpu)
{
	bool whole = true;
	uint64_t at = cpu->page->data_tail;
	uint64_t end = __atomic_load_n(&cpu->page->data_head, __ATOMIC_ACQUIRE);
	while (end - at >= sizeof(struct perf_event_header)) {
		struct perf_event_header header;
		copy(s, cpu, at, &header, sizeof(header));
		if (header.size < sizeof(header) || header.size > end - at)
			break; /* nothing the kernel writes: give up what is there */
		whole &= on_record(s, cpu, at, &header);
		at += header.size;
	}
	__atomic_store_n(&cpu->page->data_tail, end, __ATOMIC_RELEASE);
	return whole;
}

static int by_time(const void *a, const void *b)
{
	const struct sideband_record *x = a, *y = b;
	return x->time_ns < y->time_ns ? -1 : x->time_ns > y->time_ns;
}

bool sideband_collect(struct sideband *sideband)
{
	bool whole = true;
	for (uint32_t i = 0; i < sideband->next; i++)
		free(sideband->records.at[i].line.path);
	sideband->records.n -= sideband->next;
	if (sideband->next)
		memmove(sideband->records.at, sideband->records.at + sideband->next,
			sideband->records.n * sizeof(*sideband->records.at));
	sideband->next = 0;
	for (size_t i = 0; i < sideband->n_cpus; i++)
		whole &= collect_cpu(sideband, &sideband->cpus[i]);
	if (sideband->records.n)
		qsort(sideband->records.at, sideband->records.n, sizeof(*sideband->records.at),
		      by_time);
	return whole;
}

const struct sideband_record *sideband_next(struct sideband *sideband, uint64_t time_ns)
{
	if (sideband->next == sideband->records.n ||
	    sideband->records.at[sideband->next].time_ns >= time_ns)
		return NULL;
	return &sideband->records.at[sideband->next++];
}
