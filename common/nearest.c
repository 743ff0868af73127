/* SPDX-License-Identifier: Apache-2.0 */
#include "common/nearest.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum {
	WORD_MAX = 40
};

static int least(int a, int b, int c)
{
	int m = a < b ? a : b;
	return m < c ? m : c;
}

/* Optimal string alignment: insert, delete, replace, swap neighbours. Words over WORD_MAX: far. */
static int distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	if (n > WORD_MAX || m > WORD_MAX)
		return WORD_MAX;
	int d[WORD_MAX + 1][WORD_MAX + 1] = {0};
	for (size_t i = 0; i <= n; i++)
		d[i][0] = (int)i;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = (int)j;
	for (size_t i = 1; i <= n; i++)
		for (size_t j = 1; j <= m; j++) {
			int differs = a[i - 1] != b[j - 1];
			d[i][j] =
				least(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + differs);
			bool swapped =
				i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
			if (swapped && d[i - 2][j - 2] + 1 < d[i][j])
				d[i][j] = d[i - 2][j - 2] + 1;
		}
	return d[n][m];
}

struct nearest nearest_init(const char *typed)
{
	return (struct nearest){.typed = typed, .distance = ((int)strlen(typed) + 2) / 3 + 1};
}

void nearest_try(struct nearest *nearest, const char *word)
{
	/* What was begun rightly and not finished is near, however much is missing. */
	size_t typed = strlen(nearest->typed);
	int far = typed >= 3 && !strncmp(nearest->typed, word, typed)
			  ? 1
			  : distance(nearest->typed, word);
	if (far < nearest->distance) {
		nearest->distance = far;
		nearest->best = word;
	}
}
