/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the worker while a recording runs; no worker is started, since no loop runs. */
#include "daemon/early.h"

#include <systemd/sd-event.h>

#include "common/clock.h"
#include "daemon/sampler.h"
#include "daemon/session.h"
#include "daemon/symbolizer.h"
#include "tests/unit.h"

struct scene {
	sd_event *event;
	struct session session;
	struct sampler sampler;
	struct symbolizer *symbolizer;
	struct early early;
};

/* A recording that has run for so long, and no location yet. */
static void begin(struct scene *scene, uint64_t seconds)
{
	*scene = (struct scene){0};
	CU_ASSERT_FATAL(sd_event_new(&scene->event) >= 0);
	locations_init(&scene->sampler.locations);
	scene->session.state = SESSION_SAMPLING;
	scene->session.started_ns = clock_now_ns() - seconds * 1000000000;
	scene->sampler.sessions[1] = &scene->session;
	scene->symbolizer = symbolizer_new(scene->event, NULL, NULL);
}

static void end(struct scene *scene)
{
	symbolizer_free(scene->symbolizer);
	locations_deinit(&scene->sampler.locations);
	sd_event_unref(scene->event);
}

static void meet(struct scene *scene, uint32_t kind, uint32_t object)
{
	const struct location location = {.kind = kind, .object = object, .address = object + 1};
	locations_add(&scene->sampler.locations, &location);
}

/* Whether something was asked, and up to which location it looked. */
static void look(struct scene *scene, bool asks, uint32_t next)
{
	early_look(&scene->early, &scene->sampler, scene->symbolizer);
	CU_ASSERT_EQUAL(symbolizer_is_idle(scene->symbolizer), !asks);
	CU_ASSERT_EQUAL(scene->early.next, next);
}

static void not_at_once(void)
{
	struct scene scene;
	begin(&scene, 1);
	meet(&scene, LOCATION_KERNEL, 0);
	look(&scene, false, 1);
	scene.session.started_ns -= 4000000000;
	look(&scene, true, 2);
	end(&scene);
}

static void one_at_a_time(void)
{
	struct scene scene;
	begin(&scene, 60);
	meet(&scene, LOCATION_FILE, 3);
	meet(&scene, LOCATION_KERNEL, 0);
	look(&scene, true, 2);
	look(&scene, true, 2);
	end(&scene);
}

/* Names of code that a process makes are asked for at the end, and once is enough for the others.
 */
static void passes_over(void)
{
	struct scene scene;
	begin(&scene, 60);
	meet(&scene, LOCATION_ANONYMOUS, 5);
	meet(&scene, LOCATION_UNKNOWN, 0);
	meet(&scene, LOCATION_FILE, 0);
	look(&scene, false, 4);
	CU_ASSERT_TRUE(symbolizer_prepare(scene.symbolizer, 3));
	CU_ASSERT_FALSE(symbolizer_prepare(scene.symbolizer, 3));
	end(&scene);
}

/* Nobody recorded for a while. */
static void begins_anew(void)
{
	struct scene scene;
	begin(&scene, 60);
	scene.early.next = 1000;
	meet(&scene, LOCATION_KERNEL, 0);
	look(&scene, true, 2);
	end(&scene);
}

SUITE(early, {"not at once", not_at_once}, {"one object at a time", one_at_a_time},
      {"passes over", passes_over}, {"begins anew", begins_anew});
