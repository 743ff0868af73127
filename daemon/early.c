/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/early.h"

#include <stdbool.h>

#include "common/clock.h"
#include "daemon/locations.h"
#include "daemon/sampler.h"
#include "daemon/session.h"
#include "daemon/symbolizer.h"

static const uint64_t EARLY_NS = 3 * 1000000000ull;

static bool is_time(const struct sampler *sampler)
{
	uint64_t now = clock_now_ns();
	for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
		const struct session *session = sampler->sessions[i];
		if (session && session->state == SESSION_SAMPLING &&
		    now - session->started_ns >= EARLY_NS)
			return true;
	}
	return false;
}

/* What a process says of its own code changes until the end. */
static bool stays(const struct location *location)
{
	return location->kind == LOCATION_KERNEL ||
	       (location->kind == LOCATION_FILE && location->object);
}

void early_look(struct early *early, const struct sampler *sampler, struct symbolizer *symbolizer)
{
	const struct locations *locations = &sampler->locations;
	if (early->next > locations->n || !early->next)
		early->next = 1;
	if (early->next == locations->n || !symbolizer_is_idle(symbolizer) || !is_time(sampler))
		return;
	while (early->next < locations->n) {
		const struct location *location = &locations->at[early->next++];
		uint32_t object =
			location->kind == LOCATION_KERNEL ? SYMBOLIZER_KERNEL : location->object;
		if (stays(location) && symbolizer_prepare(symbolizer, object))
			return;
	}
}
