/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean …?": the known word that is fewest slips of the finger away from a typed one. */
#pragma once

struct nearest {
	const char *typed; /* borrowed */
	const char *best;  /* NULL: nothing is near enough (more than a third of it is wrong) */
	int distance;
};

struct nearest nearest_init(const char *typed);
/* `word` is borrowed. The first of equally near words stays. */
void nearest_try(struct nearest *nearest, const char *word);
