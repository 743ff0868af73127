/* SPDX-License-Identifier: Apache-2.0 */
/* Files made to break, hang or bloat the symbolizer, through real workers: what each may cost is
 *its own names, within 5 s and the memory that a worker has; never a crash.
 *
 *	hostile made [SIZE [NAME]]  those of made_*.c, at a SIZEth of their size (20; 1: whole)
 *	hostile write DIR        the same, small, for a process to map
 *	hostile mutants N [FIRST] [JOBS]  N real programs with a few bytes changed, from number
 *FIRST on hostile files FILE…      any files
 */
#include <assert.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/guard.h"
#include "tests/hostile/made.h"
#include "tests/hostile/mutant.h"
#include "tests/hostile/run.h"

enum {
	QUICK = 20,
	SMALL = 400,
};
#define CPU_MAX_NS (5ull * 1000000000)
#define MEMORY_MAX (3ull << 30)

/* Shared by all jobs. */
static struct {
	atomic_uint failures, files, deaths;
} * counts;

/* Judges; words for people where it failed, or where it is of interest. */
static void judge(const char *name, const char *how, const struct run_result *result, bool named)
{
	const char *wrong = NULL;
	counts->files++;
	counts->deaths += result->died;
	if (result->died && WIFSIGNALED(result->status) && WTERMSIG(result->status) != SIGALRM &&
	    WTERMSIG(result->status) != SIGPROF)
		wrong = "the worker crashed";
	else if (result->strange)
		wrong = "the worker answered nonsense";
	else if (result->cpu_ns > CPU_MAX_NS)
		wrong = "it took over 5 s";
	else if (result->peak_bytes > MEMORY_MAX)
		wrong = "it took over 3 GiB";
	else if (named && strcmp(result->name, FILE_SYMBOL) != 0)
		wrong = "the name in .symtab is lost";
	counts->failures += wrong != NULL;
	if (wrong || result->cpu_ns > CPU_MAX_NS / 10 || result->died || getenv("HOSTILE_ALL"))
		printf("%-26s %-6s %5.2f s, %4llu MiB, %u of %u named%s%s%s%s\n", name, how,
		       (double)result->cpu_ns * 1e-9, (unsigned long long)result->peak_bytes >> 20,
		       result->named, result->asked, *result->words ? ", " : "", result->words,
		       wrong ? ": " : "", wrong ? wrong : "");
}

static int plain_file(void)
{
	struct file file = {0};
	struct bytes bytes = file_bytes(&file);
	int fd = file_open(&bytes, 0);
	free(bytes.at);
	return fd;
}

/* As a mapped file, and as the debug file of a good one. */
static void run_made(struct run *run, const struct made *made, uint32_t part)
{
	struct run_result result;
	struct file file = {0};
	made->make(&file, made->size / part);
	const uint64_t sparse_bytes = file.sparse_bytes;
	struct bytes bytes = file_bytes(&file);
	int fd guard_fd = file_open(&bytes, sparse_bytes);
	int plain guard_fd = plain_file();
	free(bytes.at);
	run_rest(run);
	run_file(run, fd, -1, &result);
	judge(made->name, "mapped", &result, !made->broken_symbols);
	run_rest(run);
	run_file(run, plain, fd, &result);
	judge(made->name, "debug", &result, !made->broken_symbols);
}

/* Cut at and beside the border of every section and table. */
static void run_cut(struct run *run)
{
	struct file file = {0};
	for (const struct made *made = made_dwarf; made->name; made++)
		if (!strcmp(made->name, "deep-blocks"))
			made->make(&file, 10);
	struct bytes bytes = file_bytes(&file);
	Elf64_Ehdr header;
	memcpy(&header, bytes.at, sizeof(header));
	uint64_t cuts[3 * 64] = {0, 1, 16, 63, 64, 65, 120, header.e_shoff - 1, header.e_shoff};
	uint32_t n = 9;
	for (uint32_t i = 1; i < header.e_shnum; i++) {
		Elf64_Shdr section;
		memcpy(&section, bytes.at + header.e_shoff + i * sizeof(section), sizeof(section));
		cuts[n++] = section.sh_offset + 1;
		cuts[n++] = section.sh_offset + section.sh_size;
		cuts[n++] = header.e_shoff + i * sizeof(section);
	}
	for (uint32_t i = 0; i < n; i++) {
		struct run_result result;
		struct bytes part = {.at = bytes.at, .n = cuts[i] < bytes.n ? cuts[i] : bytes.n};
		int fd guard_fd = file_open(&part, 0);
		int plain guard_fd = plain_file();
		run_file(run, fd, -1, &result);
		judge("cut", "mapped", &result, false);
		run_file(run, plain, fd, &result);
		judge("cut", "debug", &result, true);
	}
	free(bytes.at);
}

/* What is no file at all, or none that ends. */
static void run_odd(struct run *run)
{
	struct run_result result;
	int pipe_fds[2];
	assert(pipe(pipe_fds) == 0);
	const int odd[] = {pipe_fds[0],
			   pipe_fds[1],
			   open("/dev/zero", O_RDONLY | O_CLOEXEC),
			   open("/dev/null", O_RDWR | O_CLOEXEC),
			   open("/", O_PATH | O_CLOEXEC),
			   open("/proc/self/maps", O_RDONLY | O_CLOEXEC)};
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		int plain guard_fd = plain_file();
		run_file(run, odd[i], -1, &result);
		judge("odd", "mapped", &result, false);
		run_file(run, plain, odd[i], &result);
		judge("odd", "debug", &result, true);
		close(odd[i]);
	}
}

/* `name`: only the one of that name. */
static void run_all_made(struct run *run, uint32_t part, const char *name)
{
	for (const struct made *made = made_dwarf; made->name; made++)
		if (!name || !strcmp(name, made->name))
			run_made(run, made, part);
	for (const struct made *made = made_elf; made->name; made++)
		if (!name || !strcmp(name, made->name))
			run_made(run, made, part);
	if (name)
		return;
	run_cut(run);
	run_odd(run);
}

static void write_made(const char *directory, const struct made *made)
{
	char path[4096];
	struct file file = {0};
	made->make(&file, made->size / SMALL);
	const uint64_t sparse_bytes = file.sparse_bytes;
	struct bytes bytes = file_bytes(&file);
	snprintf(path, sizeof(path), "%s/%s", directory, made->name);
	FILE *out guard_file = fopen(path, "we");
	assert(out && fwrite(bytes.at, 1, bytes.n, out) == bytes.n && !fflush(out));
	if (sparse_bytes && ftruncate(fileno(out), (off_t)sparse_bytes))
		assert(false);
	free(bytes.at);
}

static void write_all_made(const char *directory)
{
	for (const struct made *made = made_dwarf; made->name; made++)
		write_made(directory, made);
	for (const struct made *made = made_elf; made->name; made++)
		write_made(directory, made);
}

static void run_files(struct run *run, char **paths)
{
	for (; *paths; paths++) {
		struct run_result result;
		int fd guard_fd = open(*paths, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			perror(*paths);
			exit(2);
		}
		run_file(run, fd, -1, &result);
		judge(*paths, "mapped", &result, false);
		run_file(run, fd, fd, &result);
		judge(*paths, "debug", &result, false);
	}
}

static uint64_t number(char **argv, int i, uint64_t otherwise)
{
	for (int k = 0; k < i; k++)
		if (!argv[k])
			return otherwise;
	return argv[i] ? strtoull(argv[i], NULL, 10) : otherwise;
}

static void run_given(const char *command, char **argv)
{
	struct run *run = run_new();
	if (!strcmp(command, "made"))
		run_all_made(run, (uint32_t)number(argv, 2, QUICK), argv[2] ? argv[3] : NULL);
	else
		run_files(run, argv + 2);
	run_free(run);
}

/* Every `step`th one. */
static void run_mutants(uint64_t first, uint64_t n, uint64_t step)
{
	struct run *run = run_new();
	struct mutants *mutants = mutant_sources();
	for (uint64_t i = first; i < first + n; i += step) {
		struct run_result result;
		char name[300];
		const char *path;
		struct bytes bytes = mutant_make(mutants, i, &path);
		int fd guard_fd = file_open(&bytes, 0);
		free(bytes.at);
		snprintf(name, sizeof(name), "mutant %llu of %s", (unsigned long long)i, path);
		run_file(run, fd, -1, &result);
		judge(name, "mapped", &result, false);
		run_file(run, fd, fd, &result);
		judge(name, "debug", &result, false);
	}
	mutant_sources_free(mutants);
	run_free(run);
}

static void run_jobs(uint64_t n, uint64_t first, uint64_t jobs)
{
	for (uint64_t i = 0; i < jobs; i++)
		if (fork() == 0) {
			run_mutants(first + i, n - i, jobs);
			exit(0);
		}
	int status;
	while (wait(&status) > 0)
		counts->failures += status != 0;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "made";
	if (!strcmp(command, "write") && argc == 3) {
		write_all_made(argv[2]);
		return 0;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	assert(counts != MAP_FAILED);
	if (!strcmp(command, "mutants") && argc > 2)
		run_jobs(number(argv, 2, 0), number(argv, 3, 1), number(argv, 4, 1));
	else
		run_given(command, argv);
	printf("hostile %s: %u files, %u workers died, %u failures\n", command, counts->files,
	       counts->deaths, counts->failures);
	return counts->failures ? 1 : 0;
}
