/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sideband.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "daemon/programs.h"
#include "tests/unit.h"

struct seen {
	uint32_t pid; /* looked for; 0: any */
	unsigned maps, images, lost;
	uint64_t time_ns;
	struct maps_line line; /* the last one; its path is not ours */
};

static void drain(struct sideband *sideband, struct seen *seen)
{
	const struct sideband_record *record;
	uint64_t last_ns = 0;
	seen->lost += !sideband_collect(sideband);
	while ((record = sideband_next(sideband, UINT64_MAX))) {
		CU_ASSERT(record->time_ns >= last_ns);
		last_ns = record->time_ns;
		if (seen->pid && record->pid != seen->pid)
			continue;
		seen->images += record->image;
		seen->maps += !record->image;
		seen->time_ns = record->time_ns;
		seen->line = record->line;
	}
}

static struct sideband *open_all(void)
{
	int fds[CPUS_MAX];
	size_t n = 0;
	struct err err = {0};
	for (int cpu = 0; cpu < CPUS_MAX && cpu < sysconf(_SC_NPROCESSORS_CONF); cpu++) {
		int code = programs_open_sideband(cpu, &fds[n], &err);
		CU_ASSERT(!code || code == -ENODEV);
		n += !code;
	}
	struct sideband *sideband = NULL;
	CU_ASSERT_EQUAL(sideband_open(&sideband, fds, n, &err), 0);
	return sideband;
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* A child maps this program's file `times` times executable, and data. */
static pid_t map_in_child(unsigned times)
{
	pid_t pid = fork();
	if (pid)
		return pid;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	for (unsigned i = 0; i < times; i++)
		munmap(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 4096), 4096);
	mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	_exit(0);
}

static void tells_who_maps_a_file_executable(void)
{
	struct sideband *sideband = open_all();
	if (!sideband)
		return;
	struct seen seen = {0};
	seen.pid = map_in_child(1);
	waitpid(seen.pid, NULL, 0);
	drain(sideband, &seen);
	CU_ASSERT_EQUAL(seen.maps, 0); /* disabled */

	CU_ASSERT_EQUAL(sideband_enable(sideband, true), 0);
	uint64_t before = now_ns();
	seen.pid = map_in_child(3);
	waitpid(seen.pid, NULL, 0);
	drain(sideband, &seen);
	CU_ASSERT_EQUAL(seen.maps, 3);
	CU_ASSERT(seen.time_ns >= before && seen.time_ns <= now_ns());
	drain(sideband, &seen);
	CU_ASSERT_EQUAL(seen.maps, 3);
	CU_ASSERT_EQUAL(seen.images, 0);
	CU_ASSERT_EQUAL(sideband_enable(sideband, false), 0);
	sideband_close(sideband);
}

static pid_t run_in_child(void)
{
	pid_t pid = fork();
	if (pid)
		return pid;
	execl("/bin/true", "true", (char *)NULL);
	_exit(1);
}

/* First that it is another image, then what that one has mapped: the same as the maps say. */
static void tells_of_an_exec_and_all_that_it_maps(void)
{
	struct sideband *sideband = open_all();
	if (!sideband)
		return;
	struct stat st;
	CU_ASSERT_EQUAL(stat("/bin/true", &st), 0);
	CU_ASSERT_EQUAL(sideband_enable(sideband, true), 0);
	pid_t pid = run_in_child();
	waitpid(pid, NULL, 0);
	CU_ASSERT(sideband_collect(sideband));
	const struct sideband_record *record;
	unsigned n = 0, program = 0, vdso = 0;
	while ((record = sideband_next(sideband, UINT64_MAX))) {
		if (record->pid != (uint32_t)pid)
			continue;
		CU_ASSERT_EQUAL(record->image, n == 0);
		n++;
		program += !record->image && record->line.inode == st.st_ino &&
			   record->line.dev == st.st_dev && record->line.kind == MAPS_FILE &&
			   strstr(record->line.path, "/true");
		vdso += !record->image && record->line.kind == MAPS_VDSO;
	}
	CU_ASSERT_EQUAL(program, 1);
	CU_ASSERT_EQUAL(vdso, 1);
	CU_ASSERT(n >= 5); /* with the loader and libc */
	sideband_close(sideband);
}

static void gives_only_what_is_older(void)
{
	struct sideband *sideband = open_all();
	if (!sideband)
		return;
	CU_ASSERT_EQUAL(sideband_enable(sideband, true), 0);
	waitpid(map_in_child(1), NULL, 0);
	uint64_t between = now_ns();
	pid_t pid = map_in_child(1);
	waitpid(pid, NULL, 0);
	sideband_collect(sideband);
	const struct sideband_record *record;
	while ((record = sideband_next(sideband, between)))
		CU_ASSERT(record->pid != (uint32_t)pid);
	sideband_collect(sideband);
	struct seen seen = {.pid = (uint32_t)pid};
	drain(sideband, &seen);
	CU_ASSERT_EQUAL(seen.maps, 1);
	sideband_close(sideband);
}

static void tells_what_was_lost(void)
{
	struct sideband *sideband = open_all();
	if (!sideband)
		return;
	struct seen seen = {0};
	CU_ASSERT_EQUAL(sideband_enable(sideband, true), 0);
	/* The kernel says so with the next record on that CPU that it has room for. */
	cpu_set_t all, one;
	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	pid_t pid = map_in_child(4000);
	waitpid(pid, NULL, 0);
	drain(sideband, &seen);
	pid = map_in_child(1000);
	waitpid(pid, NULL, 0);
	drain(sideband, &seen);
	sched_setaffinity(0, sizeof(all), &all);
	CU_ASSERT(seen.lost > 0);
	CU_ASSERT(seen.maps > 100);
	sideband_close(sideband);
}

/* A ring in a memfd, in the kernel's layout, with the record across the end. */
static void reads_around_the_end(void)
{
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE), data_bytes = 64 << 10;
	int fd = memfd_create("ring", MFD_CLOEXEC);
	CU_ASSERT_EQUAL(ftruncate(fd, (off_t)(page_bytes + data_bytes)), 0);
	uint8_t *memory =
		mmap(NULL, page_bytes + data_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct perf_event_mmap_page *page = (void *)memory;
	struct {
		struct perf_event_header header;
		uint32_t pid, tid;
		uint64_t start, bytes, offset, device, inode, generation;
		uint32_t protection, flags;
		char name[8];
		uint64_t time_ns;
	} record = {.header = {PERF_RECORD_MMAP2, 0, sizeof(record)},
		    .pid = 7,
		    .start = 4096,
		    .bytes = 4096,
		    .inode = 1,
		    .protection = PROT_EXEC,
		    .name = "/some",
		    .time_ns = 5};
	for (size_t i = 0; i < sizeof(record); i++)
		memory[page_bytes + (data_bytes - 24 + i) % data_bytes] = ((uint8_t *)&record)[i];
	page->data_tail = 3 * data_bytes - 24;
	page->data_head = page->data_tail + sizeof(record);

	struct sideband *sideband = NULL;
	CU_ASSERT_EQUAL(sideband_open(&sideband, &fd, 1, NULL), 0);
	struct seen seen = {.pid = 7};
	drain(sideband, &seen);
	CU_ASSERT_EQUAL(seen.maps, 1);
	CU_ASSERT_EQUAL(seen.time_ns, 5);
	CU_ASSERT_EQUAL(seen.line.end, 8192);
	CU_ASSERT_STRING_EQUAL(seen.line.path, "/some");
	CU_ASSERT_EQUAL(page->data_tail, page->data_head);

	/* Sizes that cannot be: too small for a header, beyond the head. */
	static const uint16_t sizes[] = {0, 7, 0xffff};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		record.header.size = sizes[i];
		memcpy(memory + page_bytes, &record, sizeof(record));
		page->data_tail = 0;
		page->data_head = sizeof(record);
		drain(sideband, &seen);
		CU_ASSERT_EQUAL(page->data_tail, page->data_head);
	}
	record.header.size = 24; /* too small for its type */
	memcpy(memory + page_bytes, &record, sizeof(record));
	page->data_tail = 0;
	page->data_head = 24;
	drain(sideband, &seen);
	CU_ASSERT_EQUAL(seen.maps, 1);
	sideband_close(sideband);
	munmap(memory, page_bytes + data_bytes);
}

SUITE(sideband, {"tells who maps a file executable", tells_who_maps_a_file_executable},
      {"tells of an exec and all that it maps", tells_of_an_exec_and_all_that_it_maps},
      {"gives only what is older", gives_only_what_is_older},
      {"tells what was lost", tells_what_was_lost}, {"reads around the end", reads_around_the_end});
