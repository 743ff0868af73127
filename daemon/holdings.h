/* SPDX-License-Identifier: Apache-2.0 */
/* What a recording makes the engine hold: with many threads and ever new stacks that grows as long
 * as it runs, and a client decides how long. */
#pragma once

#include <stdint.h>

struct sampler;
struct session;

/* Bytes of its rows, threads, and the stacks that these name, each counted once. Costs as much time
 * as there are rows. */
uint64_t holdings_bytes(const struct session *session);
/* What the other recordings of its user held when that was last added up: together they may hold
 * what one may. 0 for who may record every process. */
uint64_t holdings_of_others(const struct session *session);
/* Recordings of this user that are over for the broker, which counts those that run, but are named
 * still or read: each has one of the places (SESSIONS_MAX) until its client has all. Without those
 * of who may record every process. */
uint32_t holdings_ended(const struct sampler *sampler, uint32_t uid);
