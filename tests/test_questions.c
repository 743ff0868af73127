/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/questions.h"

#include "tests/unit.h"

static void so_many_a_tick_for_each_user(void)
{
	static struct questions questions;
	for (int tick = 0; tick < 3; tick++) {
		CU_ASSERT(questions_take(&questions, 1000, QUESTIONS_LIST));
		CU_ASSERT(!questions_take(&questions, 1000, QUESTIONS_LIST));
		for (int i = 0; i < QUESTIONS_OF_STATUS; i++)
			CU_ASSERT(questions_take(&questions, 1000, QUESTIONS_STATUS));
		CU_ASSERT(!questions_take(&questions, 1000, QUESTIONS_STATUS));
		CU_ASSERT(questions_take(&questions, 1001, QUESTIONS_STATUS));
		CU_ASSERT(questions_take(&questions, 1001, QUESTIONS_LIST));
		for (int i = 0; i < 1000; i++)
			CU_ASSERT(questions_take(&questions, 0,
						 i % 2 ? QUESTIONS_LIST : QUESTIONS_STATUS));
		questions_renew(&questions);
	}
}

static void so_many_a_tick_in_all(void)
{
	static struct questions questions;
	for (uid_t uid = 1; uid <= QUESTIONS_LISTS; uid++)
		CU_ASSERT(questions_take(&questions, uid, QUESTIONS_LIST));
	CU_ASSERT(!questions_take(&questions, QUESTIONS_LISTS + 1, QUESTIONS_LIST));
	for (uid_t uid = 1; uid <= QUESTIONS_USERS; uid++)
		CU_ASSERT(questions_take(&questions, uid, QUESTIONS_STATUS));
	CU_ASSERT(!questions_take(&questions, QUESTIONS_USERS + 1, QUESTIONS_STATUS));
	CU_ASSERT(questions_take(&questions, 1, QUESTIONS_STATUS));
	questions_renew(&questions);
	CU_ASSERT(questions_take(&questions, QUESTIONS_USERS + 1, QUESTIONS_LIST));
}

static void recordings_are_paid_for(void)
{
	static struct questions questions;
	const uint64_t ms = 1000000;
	uint64_t now = 1000000 * ms;
	CU_ASSERT(questions_may_begin(&questions, 1000, now));
	/* Some short ones begin at once. */
	for (int i = 0; i < 4; i++)
		questions_charge(&questions, 1000, now, 10 * ms);
	CU_ASSERT(questions_may_begin(&questions, 1000, now));
	/* After a long one others have four times as long. */
	questions_charge(&questions, 1000, now, 1000 * ms);
	questions_charge(&questions, 0, now, 1000 * ms);
	CU_ASSERT(!questions_may_begin(&questions, 1000, now + 4000 * ms));
	CU_ASSERT(questions_may_begin(&questions, 1000, now + 5000 * ms));
	CU_ASSERT(questions_may_begin(&questions, 0, now));
	/* Many others do not make it forgotten. */
	for (uint32_t uid = 2000; uid < 2500; uid++) {
		questions_charge(&questions, uid, now, ms);
		CU_ASSERT(questions_may_begin(&questions, uid, now));
	}
	questions_renew(&questions);
	CU_ASSERT(!questions_may_begin(&questions, 1000, now));
}

SUITE(questions, {"recordings are paid for", recordings_are_paid_for},
      {"so many a tick for each user", so_many_a_tick_for_each_user},
      {"so many a tick in all", so_many_a_tick_in_all});
