/* SPDX-License-Identifier: Apache-2.0 */
/* Touches new pages: of each four, three in grow_much() and one in grow_little(). Ends after PAGES
 * pages and prints how many faults that took by the kernel's own account.
 *
 *	grows PAGES
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum {
	PAGE = 4096,
	AT_ONCE = 500,
};

static char *pages(size_t n)
{
	char *memory =
		mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		exit(1);
	madvise(memory, n * PAGE, MADV_NOHUGEPAGE);
	return memory;
}

__attribute__((noinline)) static void grow_little(volatile char *memory)
{
	for (size_t i = 0; i < AT_ONCE; i++)
		memory[i * PAGE] = 1;
}

__attribute__((noinline)) static void grow_much(volatile char *memory)
{
	for (size_t i = 0; i < 3 * AT_ONCE; i++)
		memory[i * PAGE] = 1;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 1000;
	struct rusage usage;
	for (long done = 0; done < n; done += 4 * AT_ONCE) {
		char *memory = pages(4 * AT_ONCE);
		grow_much(memory);
		grow_little(memory + 3 * AT_ONCE * PAGE);
		munmap(memory, 4 * AT_ONCE * PAGE);
	}
	getrusage(RUSAGE_SELF, &usage);
	printf("%ld\n", usage.ru_minflt);
	return 0;
}
