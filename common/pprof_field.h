/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of protobuf messages, one after the other, and the numbers of those of
 * common/profile.proto. */
#pragma once

#include "common/cursor.h"

#include <stdbool.h>
#include <stdint.h>

enum pprof_profile_field {
	PPROF_SAMPLE_TYPE = 1,
	PPROF_SAMPLE = 2,
	PPROF_MAPPING = 3,
	PPROF_LOCATION = 4,
	PPROF_FUNCTION = 5,
	PPROF_STRING = 6,
	PPROF_DROP_FRAMES = 7,
	PPROF_KEEP_FRAMES = 8,
	PPROF_TIME = 9,
	PPROF_DURATION = 10,
	PPROF_PERIOD_TYPE = 11,
	PPROF_PERIOD = 12,
	PPROF_COMMENT = 13,
	PPROF_DEFAULT_TYPE = 14,
	PPROF_DOC_URL = 15,
	PPROF_INFO = 1000,
};
enum pprof_type_field {
	PPROF_TYPE_TYPE = 1,
	PPROF_TYPE_UNIT = 2,
};
enum pprof_sample_field {
	PPROF_SAMPLE_LOCATION = 1,
	PPROF_SAMPLE_VALUE = 2,
	PPROF_SAMPLE_LABEL = 3,
};
enum pprof_label_field {
	PPROF_LABEL_KEY = 1,
	PPROF_LABEL_TEXT = 2,
	PPROF_LABEL_NUMBER = 3,
	PPROF_LABEL_UNIT = 4,
};
enum pprof_mapping_field {
	PPROF_MAPPING_ID = 1,
	PPROF_MAPPING_START = 2,
	PPROF_MAPPING_LIMIT = 3,
	PPROF_MAPPING_OFFSET = 4,
	PPROF_MAPPING_FILE = 5,
	PPROF_MAPPING_BUILD_ID = 6,
	PPROF_MAPPING_HAS_FUNCTIONS = 7,
	PPROF_MAPPING_HAS_FILENAMES = 8,
	PPROF_MAPPING_HAS_LINE_NUMBERS = 9,
	PPROF_MAPPING_HAS_INLINE_FRAMES = 10,
};
enum pprof_location_field {
	PPROF_LOCATION_ID = 1,
	PPROF_LOCATION_MAPPING = 2,
	PPROF_LOCATION_ADDRESS = 3,
	PPROF_LOCATION_LINE = 4,
	PPROF_LOCATION_IS_FOLDED = 5,
};
enum pprof_line_field {
	PPROF_LINE_FUNCTION = 1,
	PPROF_LINE_LINE = 2,
	PPROF_LINE_COLUMN = 3,
};
enum pprof_function_field {
	PPROF_FUNCTION_ID = 1,
	PPROF_FUNCTION_NAME = 2,
	PPROF_FUNCTION_SYSTEM_NAME = 3,
	PPROF_FUNCTION_FILE = 4,
	PPROF_FUNCTION_START_LINE = 5,
};
/* How a field's value is written (the low three bits of its tag). */
enum pprof_wire {
	PPROF_VARINT = 0,
	PPROF_FIXED64 = 1,
	PPROF_BYTES = 2,
	PPROF_FIXED32 = 5,
};

struct pprof_field {
	uint64_t number, value; /* value: of varints and fixed */
	enum pprof_wire wire;
	struct cursor bytes; /* of PPROF_BYTES */
};

/* The next field of a message; false at its end and when it is damaged (message->failed). */
static inline bool pprof_field_next(struct cursor *message, struct pprof_field *field)
{
	if (!cursor_left(message))
		return false;
	uint64_t tag = cursor_uleb128(message);
	field->number = tag >> 3;
	field->wire = tag & 7;
	switch (field->wire) {
	case PPROF_VARINT:
		field->value = cursor_uleb128(message);
		break;
	case PPROF_FIXED64:
		field->value = cursor_u64(message);
		break;
	case PPROF_BYTES:
		field->bytes = cursor_part(message, cursor_uleb128(message));
		break;
	case PPROF_FIXED32:
		field->value = cursor_u32(message);
		break;
	default: /* groups are older than pprof */
		cursor_fail(message);
	}
	if (!field->number)
		cursor_fail(message);
	return !message->failed;
}
