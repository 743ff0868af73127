/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/answers.h"

#include <stdbool.h>
#include <stdlib.h>
#include "common/array.h"

/* Of one object. A recording asks for some thousands of addresses, of about 100 bytes each. */
enum {
	BYTES_MAX = 2 << 20
};

void answers_deinit(struct answers *answers)
{
	for (uint32_t i = 1; i < answers->n; i++)
		free(answers->at[i].record);
	free(answers->at);
	index_deinit(&answers->index);
	*answers = (struct answers){0};
}

static bool same_address(const void *context, uint32_t number, const void *key)
{
	const struct answers *answers = context;
	return answers->at[number].address == *(const uint64_t *)key;
}

const struct answer *answers_find(const struct answers *answers, uint64_t address)
{
	uint32_t number = index_find(&answers->index, index_hash(&address, sizeof(address)),
				     same_address, answers, &address);
	return number ? &answers->at[number] : NULL;
}

void answers_add(struct answers *answers, uint64_t address, const void *record, size_t bytes)
{
	if (answers->bytes + bytes > BYTES_MAX)
		answers_deinit(answers);
	if (!answers->n)
		array_add(answers);
	*array_add(answers) = (struct answer){
		.address = address,
		.record = (uint8_t *)array_copy(record, bytes),
		.bytes = (uint32_t)bytes,
	};
	answers->bytes += bytes;
	index_add(&answers->index, index_hash(&address, sizeof(address)), answers->n - 1);
}
