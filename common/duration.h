/* SPDX-License-Identifier: Apache-2.0 */
/* Durations as people write them: 30s, 2m, 1h30m, 500ms, 1.5s. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* With `unit_needed` false, a bare number is seconds. 0; -EINVAL not a duration (could be a
 * command); -ERANGE zero, negative or too large (over 10 years). */
int duration_parse(const char *text, bool unit_needed, uint64_t *ns);
