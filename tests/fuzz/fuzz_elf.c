/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a mapped file: opened, described, named at many places, its unwind rows compiled. */
#include <stdlib.h>
#include <string.h>

#include "common/guard.h"
#include "common/worker.h"
#include "symbolizer/object.h"
#include "symbolizer/name_record.h"
#include "symbolizer/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static uint64_t record[NAME_RECORD_BYTES / sizeof(uint64_t)];
	uint8_t *copy = malloc(bytes + 1);
	if (!copy)
		return 0;
	memcpy(copy, data, bytes);
	guard_object struct object *object = NULL;
	if (object_open_memory(copy, bytes, &object, NULL))
		return 0;
	struct worker_opened opened;
	object_describe(object, &opened);
	for (uint64_t offset = 0; offset < bytes; offset += 1 + bytes / 64)
		object_name(object, offset, record);
	struct cfi_table table guard(cfi_table_deinit) = {};
	(void)table_build(object_elf(object), &table, NULL);
	return 0;
}
