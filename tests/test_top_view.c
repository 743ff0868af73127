/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/top_view.h"

#include "cli/screen.h"
#include "common/profile.h"
#include "tests/fixture_profile.h"
#include "tests/unit.h"

#include <string.h>

static bool press(struct top_view *view, const char *keys)
{
	bool ends = false;
	for (; *keys; keys++)
		ends = top_view_key(view, *keys);
	return ends;
}

static void keys_change_the_view(void)
{
	struct top_view view = {0};
	CU_ASSERT(!press(&view, "st"));
	CU_ASSERT_EQUAL(view.order, TOTALS_BY_CUM);
	CU_ASSERT_EQUAL(view.kind, TOP_VIEW_THREADS);
	CU_ASSERT(!press(&view, "smph"));
	CU_ASSERT_EQUAL(view.order, TOTALS_BY_SELF);
	CU_ASSERT_EQUAL(view.kind, TOP_VIEW_MODULES);
	CU_ASSERT(view.paused && view.help);
	CU_ASSERT(!press(&view, "m ?x"));
	CU_ASSERT_EQUAL(view.kind, TOP_VIEW_FUNCTIONS);
	CU_ASSERT(!view.paused && !view.help);
	CU_ASSERT(press(&view, "q"));
	CU_ASSERT(top_view_key(&view, SCREEN_KEYS_END));
	CU_ASSERT(!top_view_key(&view, SCREEN_NO_KEY));
}

static void a_filter_is_typed(void)
{
	struct top_view view = {0};
	press(&view, "/qs\x7f");
	CU_ASSERT(view.typing);
	CU_ASSERT_STRING_EQUAL(view.typed, "q");
	CU_ASSERT_STRING_EQUAL(view.filter, "");
	press(&view, "\n");
	CU_ASSERT(!view.typing);
	CU_ASSERT_STRING_EQUAL(view.filter, "q");
	press(&view, "/abc\033");
	CU_ASSERT_STRING_EQUAL(view.filter, "q");
	press(&view, "/\x7f\x7f\x7f\n");
	CU_ASSERT_STRING_EQUAL(view.filter, "");
	press(&view, "/");
	for (int i = 0; i < 2 * TOP_VIEW_FILTER; i++)
		press(&view, "x");
	CU_ASSERT_EQUAL(strlen(view.typed), TOP_VIEW_FILTER - 1);
	press(&view, "\x15");
	CU_ASSERT_STRING_EQUAL(view.typed, "");
}

/* Of a CPU recording the others were not measured. */
static void columns_go_round(void)
{
	struct profile *profile = fixture_profile_nginx();
	struct top_view view = {.profile = profile};
	press(&view, "c");
	CU_ASSERT_STRING_EQUAL(view.column, "samples");
	press(&view, "c");
	CU_ASSERT_STRING_EQUAL(view.column, "cpu");
	profile_free(profile);
}

SUITE(top_view, {"keys change the view", keys_change_the_view},
      {"a filter is typed", a_filter_is_typed}, {"columns go round", columns_go_round});
