/* SPDX-License-Identifier: Apache-2.0 */
/* What a client is told of its recording (common/protocol.proto): that it began, how it goes, and
 * how it ended. Each queues at most one message; results as message_send()'s. */
#pragma once

#include <stdint.h>

struct build;
struct build_result;
struct session;
struct wire;

/* Zeroed before the first use. */
struct news {
	uint64_t told_ns; /* CLOCK_MONOTONIC: the last of them */
	uint64_t counted; /* nanoseconds (or events) that the tally had then */
};

/* The recording samples from now on. */
int news_started(struct news *news, const struct session *session, struct wire *wire);
/* Every half second, else 0 and nothing said. `build`: NULL while samples come in; afterwards the
 * one that names them. */
int news_progress(struct news *news, const struct session *session, const struct build *build,
		  struct wire *wire);
/* `result`: what was built, of which the profile itself is not looked at. */
int news_finished(const struct session *session, const struct build_result *result,
		  struct wire *wire);
