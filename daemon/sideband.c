/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sideband.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "common/err.h"
#include "common/guard.h"

enum {
	/* Of data, a CPU; a power of 2. Without CAP_IPC_LOCK a user has 516 KiB a CPU in all
	 * (kernel.perf_event_mlock_kb). */
	SIDEBAND_BYTES = 64 << 10,
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

struct sideband_cpu {
	int fd;
	struct perf_event_mmap_page *page;
};

struct sideband {
	size_t n, page_bytes;
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
	s->n = n;
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
	for (size_t i = 0; i < sideband->n; i++) {
		if (sideband->cpus[i].page)
			munmap(sideband->cpus[i].page, sideband->page_bytes + SIDEBAND_BYTES);
		close(sideband->cpus[i].fd);
	}
	free(sideband);
}

int sideband_enable(struct sideband *sideband, bool on)
{
	for (size_t i = 0; i < sideband->n; i++)
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

static void on_record(const struct sideband *s, const struct sideband_cpu *cpu, uint64_t at,
		      const struct perf_event_header *header, const struct sideband_handlers *to)
{
	struct mmap2_record record;
	uint64_t time_ns;
	if (header->type == PERF_RECORD_LOST) {
		to->on_lost(to->data);
		return;
	}
	if (header->type != PERF_RECORD_MMAP2 || header->size < sizeof(record) + sizeof(time_ns))
		return;
	copy(s, cpu, at, &record, sizeof(record));
	copy(s, cpu, at + header->size - sizeof(time_ns), &time_ns, sizeof(time_ns));
	/* Memory of no file (a JIT's) has no object that could change. */
	if (record.inode && (record.protection & PROT_EXEC))
		to->on_map(to->data, record.pid, time_ns);
}

static void drain_cpu(const struct sideband *s, const struct sideband_cpu *cpu,
		      const struct sideband_handlers *to)
{
	uint64_t at = cpu->page->data_tail;
	uint64_t end = __atomic_load_n(&cpu->page->data_head, __ATOMIC_ACQUIRE);
	while (end - at >= sizeof(struct perf_event_header)) {
		struct perf_event_header header;
		copy(s, cpu, at, &header, sizeof(header));
		if (header.size < sizeof(header) || header.size > end - at)
			break; /* nothing the kernel writes: give up what is there */
		on_record(s, cpu, at, &header, to);
		at += header.size;
	}
	__atomic_store_n(&cpu->page->data_tail, end, __ATOMIC_RELEASE);
}

void sideband_drain(struct sideband *sideband, const struct sideband_handlers *handlers)
{
	for (size_t i = 0; i < sideband->n; i++)
		drain_cpu(sideband, &sideband->cpus[i], handlers);
}
