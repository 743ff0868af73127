/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/objects.h"

#include "common/clock.h"
#include "daemon/maps.h"
#include "tests/unit.h"

static uint32_t find_vdso(struct objects *objects)
{
	const struct maps_line line = {.start = 4096, .end = 8192, .kind = MAPS_VDSO};
	return objects_find(objects, NULL, 1, &line);
}

/* Takes it out of the line, as the loader does when it begins and when it is done. */
static uint32_t take_wanted(struct objects *objects)
{
	uint32_t number = objects_take_wanted(objects);
	objects_get(objects, number)->table_pending = false;
	return number;
}

static void a_table_without_room_is_wanted_after_a_while(void)
{
	static const uint64_t second_ns = 1000000000;
	struct objects *objects = objects_new();
	uint32_t number = find_vdso(objects);
	CU_ASSERT_EQUAL(take_wanted(objects), number);
	find_vdso(objects);
	CU_ASSERT_EQUAL(take_wanted(objects), 0); /* it has, or gets, none */

	uint64_t now_ns = clock_now_ns();
	objects_put_off_table(objects, number, now_ns + 3600 * second_ns);
	find_vdso(objects);
	CU_ASSERT_EQUAL(take_wanted(objects), 0);
	objects_get(objects, number)->table_after_ns = now_ns;
	find_vdso(objects);
	CU_ASSERT_EQUAL(take_wanted(objects), number);
	uint64_t pause_ns = objects_get(objects, number)->table_pause_ns;
	for (int i = 0; i < 10; i++) {
		objects_put_off_table(objects, number, now_ns);
		CU_ASSERT(objects_get(objects, number)->table_pause_ns >= pause_ns);
		pause_ns = objects_get(objects, number)->table_pause_ns;
		CU_ASSERT_EQUAL(objects_get(objects, number)->table_after_ns, now_ns + pause_ns);
	}
	CU_ASSERT_EQUAL(pause_ns, 30 * second_ns);
	objects_free(objects);
}

SUITE(objects, {"a table without room is wanted after a while",
		a_table_without_room_is_wanted_after_a_while});
