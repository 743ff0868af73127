/* SPDX-License-Identifier: Apache-2.0 */
/* A broker with the rights it keeps, and the test in its engine's place. */
#pragma once

#include <sys/types.h>
#include "common/guard.h"
#include "daemon/asker.h"

struct serving {
	pid_t pid;
	int socket; /* to the broker, unless taken */
	int client; /* as which everything may be asked for: root's */
};

/* For a client of its own (`listening` -1), or for whoever connects to that socket. */
struct serving serving_start(int listening);
/* Closes and waits; the status that broker_run() returned. */
int serving_end(struct serving *serving);
void serving_deinit(struct serving *serving);
#define guard_serving guard(serving_deinit)

static inline void serving_free_asker(struct asker **asker)
{
	asker_free(*asker);
}
#define guard_asker guard(serving_free_asker)

/* A child that does nothing, as `uid`. */
pid_t serving_sleeper(uid_t uid);
void serving_end_sleeper(pid_t *pid);
#define guard_sleeper guard(serving_end_sleeper)
