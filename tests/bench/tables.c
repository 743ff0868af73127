/* SPDX-License-Identifier: Apache-2.0 */
/* What the unwind rows of a file cost, as a worker makes them:
 *
 *	tables FILE…		prints "FILE US ROWS RULES BYTES" for each: the median of five times
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "common/guard.h"
#include "symbolizer/elf.h"
#include "symbolizer/table.h"

enum {
	TIMES = 5
};

struct cost {
	uint64_t us[TIMES];
	uint64_t rows, rules, bytes;
};

static uint64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ull + now.tv_nsec / 1000;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* From a closed file to its rows. */
static int measure(const char *path, struct cost *cost, int i, struct err *err)
{
	uint64_t began = now_us();
	struct elf *elf guard_elf = NULL;
	struct cfi_table table guard(cfi_table_deinit) = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, ERR_FAILED, "%s", strerror(errno));
	int code = elf_open(fd, &elf, err);
	if (!code)
		code = table_build(elf, &table, err);
	if (code)
		return code;
	cost->us[i] = now_us() - began;
	cost->rows = table.n_rows;
	cost->rules = table.n_rules;
	cost->bytes = table.n_rows * sizeof(*table.rows) + table.n_rules * sizeof(*table.rules);
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct cost cost = {0};
		struct err err = {0};
		for (int j = 0; j < TIMES; j++) {
			if (measure(argv[i], &cost, j, &err)) {
				fprintf(stderr, "%s: %s\n", argv[i], err.msg);
				return 1;
			}
		}
		qsort(cost.us, TIMES, sizeof(*cost.us), by_number);
		printf("%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", argv[i],
		       cost.us[TIMES / 2], cost.rows, cost.rules, cost.bytes);
	}
	return 0;
}
