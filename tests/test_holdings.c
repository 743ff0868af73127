/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/holdings.h"

#include "daemon/sampler.h"
#include "daemon/session.h"
#include "tests/unit.h"

/* Recordings of one user may hold together what one may. */
static void a_user_holds_with_all_recordings(void)
{
	static struct sampler sampler;
	static struct session sessions[4];
	static const uint32_t uids[] = {1000, 1000, 1001, 1000};
	for (int i = 0; i < 4; i++) {
		sessions[i].sampler = &sampler;
		sessions[i].uid = uids[i];
		sessions[i].held_bytes = 1ull << (32 + i);
		sampler.sessions[(i + 1) * 15] = &sessions[i];
	}
	CU_ASSERT_EQUAL(holdings_of_others(&sessions[0]), (1ull << 33) + (1ull << 35));
	CU_ASSERT_EQUAL(holdings_of_others(&sessions[3]), (1ull << 32) + (1ull << 33));
	CU_ASSERT_EQUAL(holdings_of_others(&sessions[2]), 0);
	sessions[0].rights.everything = true;
	CU_ASSERT_EQUAL(holdings_of_others(&sessions[0]), 0);
}

static void counts_what_a_user_has_not_read(void)
{
	static struct sampler sampler;
	static struct session sessions[5];
	for (int i = 0; i < 5; i++) {
		sessions[i].uid = 1000;
		sessions[i].state = SESSION_STOPPED;
		sampler.sessions[i ? SESSIONS_MAX - i : 0] = &sessions[i];
	}
	sessions[1].state = SESSION_SAMPLING;
	sessions[2].uid = 1001;
	sessions[3].rights.everything = true;
	CU_ASSERT_EQUAL(holdings_ended(&sampler, 1000), 2);
	CU_ASSERT_EQUAL(holdings_ended(&sampler, 1001), 1);
	CU_ASSERT_EQUAL(holdings_ended(&sampler, 0), 0);
}

SUITE(holdings, {"counts what a user has not read", counts_what_a_user_has_not_read},
      {"a user holds with all recordings", a_user_holds_with_all_recordings});
