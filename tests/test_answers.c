/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/answers.h"

#include <string.h>
#include "tests/unit.h"

static void finds_what_was_added(void)
{
	struct answers answers = {0};
	CU_ASSERT_PTR_NULL(answers_find(&answers, 1));
	for (uint64_t i = 0; i < 5000; i++)
		answers_add(&answers, i * 3, &i, sizeof(i));
	uint32_t wrong = 0;
	for (uint64_t i = 0; i < 5000; i++) {
		const struct answer *answer = answers_find(&answers, i * 3);
		wrong += !answer || answer->bytes != sizeof(i) ||
			 memcmp(answer->record, &i, sizeof(i)) != 0;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_PTR_NULL(answers_find(&answers, 1));
	answers_deinit(&answers);
}

static void stays_small(void)
{
	static const char record[60 << 10];
	struct answers answers = {0};
	for (uint64_t i = 0; i < 1000; i++)
		answers_add(&answers, i, record, sizeof(record));
	CU_ASSERT_TRUE(answers.bytes <= 2 << 20);
	CU_ASSERT_PTR_NOT_NULL(answers_find(&answers, 999));
	CU_ASSERT_PTR_NULL(answers_find(&answers, 0));
	answers_deinit(&answers);
}

SUITE(answers, {"finds what was added", finds_what_was_added}, {"stays small", stays_small});
