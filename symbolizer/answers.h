/* SPDX-License-Identifier: Apache-2.0 */
/* Records that were made for addresses of an object: the same ones are asked for by each recording
 * of a daemon, and the debugging information that they came from is not kept. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "common/index.h"

struct answer {
	uint64_t address;
	uint8_t *record;
	uint32_t bytes;
};
struct answers {
	struct answer *at; /* from 1 */
	uint32_t n, room;
	struct index index;
	size_t bytes; /* of all records */
};

void answers_deinit(struct answers *answers);
/* NULL: not known. */
const struct answer *answers_find(const struct answers *answers, uint64_t address);
/* Copies the record. All are forgotten first where there would be too many. */
void answers_add(struct answers *answers, uint64_t address, const void *record, size_t bytes);
