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

SUITE(questions, {"so many a tick for each user", so_many_a_tick_for_each_user},
      {"so many a tick in all", so_many_a_tick_in_all});
