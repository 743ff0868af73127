/* SPDX-License-Identifier: Apache-2.0 */
/* Samples stand for time on the CPU, stolen time too, which the threads' own times tell exactly:
 * where the two differ by more than chance allows, something is wrong with either. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session;

/* Whether they agree within four standard deviations, and what the readings allow; true also where
 * there is nothing to compare. `lost`: samples of the target. False: words are put into `text`. */
bool agreement_check(const struct session *session, uint64_t lost, char *text, size_t room);
