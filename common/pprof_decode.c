/* SPDX-License-Identifier: Apache-2.0 */
/* Fields may come in any order (Go writes samples before the locations they name), so the unpacked
 * bytes are gone over four times: strings; what needs only strings; locations; samples. Skipping a
 * field costs next to nothing, and nothing but the profile itself and the id tables is kept. */
#include "common/pprof_decode.h"

#include "common/cursor.h"
#include "common/guard.h"
#include "common/info.pb-c.h"
#include "common/limits.h"
#include "common/memory.h"
#include "common/pprof_field.h"
#include "common/pprof_ids.h"
#include "common/profile.h"

#include <stdbool.h>
#include <string.h>

struct numbers {
	uint64_t *at;
	size_t n, room;
};

struct reader {
	struct profile *profile;
	const char *what; /* the first thing that is wrong, and the byte where its field begins */
	size_t where;
	uint32_t *strings;
	size_t n_strings, strings_room, n_mappings, n_functions, n_locations;
	struct pprof_ids mappings, functions, locations;
	uint32_t default_type; /* a string */
	uint8_t *info;	       /* all pieces of the message: one after the other is the whole */
	size_t info_bytes, info_room;
	/* Scratch, kept from message to message. */
	struct numbers ids, values;
	uint32_t *frames;
	struct profile_line *lines;
	struct profile_label *labels;
	size_t frames_room, lines_room, labels_room;
};

GUARD_DEFINE(profile, struct profile *, profile_free)
#define guard_profile guard(guard_profile)

static void reader_deinit(struct reader *reader)
{
	pprof_ids_deinit(&reader->mappings);
	pprof_ids_deinit(&reader->functions);
	pprof_ids_deinit(&reader->locations);
	free(reader->strings);
	free(reader->info);
	free(reader->ids.at);
	free(reader->values.at);
	free(reader->frames);
	free(reader->lines);
	free(reader->labels);
}

/* The first reason wins. */
static void wrong(struct reader *reader, const char *what)
{
	if (!reader->what)
		reader->what = what;
}

/* A number field's value; other ways of writing than varint are wrong. */
static uint64_t number(struct reader *reader, const struct pprof_field *field)
{
	if (field->wire == PPROF_VARINT)
		return field->value;
	wrong(reader, "a number is written as something else");
	return 0;
}

static struct cursor message(struct reader *reader, const struct pprof_field *field)
{
	if (field->wire == PPROF_BYTES)
		return field->bytes;
	wrong(reader, "a message is written as something else");
	return cursor_new(NULL, 0);
}

/* Adds the number or the packed numbers of a repeated field. */
static void take_numbers(struct reader *reader, const struct pprof_field *field,
			 struct numbers *numbers)
{
	bool is_packed = field->wire == PPROF_BYTES;
	struct cursor packed = is_packed ? field->bytes : cursor_new(NULL, 0);
	size_t most = numbers->n + (is_packed ? cursor_left(&packed) : 1);
	if (most > LIMIT_PROFILE_FRAMES)
		most = LIMIT_PROFILE_FRAMES;
	numbers->at = memory_grow(numbers->at, &numbers->room, most, sizeof(*numbers->at));
	if (!is_packed && numbers->n < most)
		numbers->at[numbers->n++] = number(reader, field);
	else if (!is_packed)
		wrong(reader, "a list of numbers is too long");
	while (cursor_left(&packed) && numbers->n < most)
		numbers->at[numbers->n++] = cursor_uleb128(&packed);
	if (cursor_left(&packed))
		wrong(reader, "a list of numbers is too long");
	if (packed.failed)
		wrong(reader, "a list of numbers is damaged");
}

static uint32_t string(struct reader *reader, const struct pprof_field *field)
{
	uint64_t index = number(reader, field);
	if (index < reader->n_strings)
		return reader->strings[index];
	if (index)
		wrong(reader, "a string index is beyond the table");
	return 0;
}

static struct profile_type read_type(struct reader *reader, struct cursor bytes)
{
	struct profile_type type = {0};
	struct pprof_field field;
	while (pprof_field_next(&bytes, &field)) {
		if (field.number == PPROF_TYPE_TYPE)
			type.type = string(reader, &field);
		else if (field.number == PPROF_TYPE_UNIT)
			type.unit = string(reader, &field);
	}
	if (bytes.failed)
		wrong(reader, "a sample type is damaged");
	return type;
}

static void add_type(struct reader *reader, struct cursor bytes)
{
	struct profile *profile = reader->profile;
	struct profile_type type = read_type(reader, bytes);
	if (profile->types.n == LIMIT_PROFILE_TYPES)
		wrong(reader, "it has too many sample types");
	else
		profile_add_type(profile, type);
}

static void add_mapping(struct reader *reader, struct cursor bytes)
{
	struct profile_mapping mapping = {0};
	uint64_t id = 0;
	struct pprof_field field;
	while (pprof_field_next(&bytes, &field)) {
		switch (field.number) {
		case PPROF_MAPPING_ID:
			id = number(reader, &field);
			break;
		case PPROF_MAPPING_START:
			mapping.start = number(reader, &field);
			break;
		case PPROF_MAPPING_LIMIT:
			mapping.limit = number(reader, &field);
			break;
		case PPROF_MAPPING_OFFSET:
			mapping.offset = number(reader, &field);
			break;
		case PPROF_MAPPING_FILE:
			mapping.file = string(reader, &field);
			break;
		case PPROF_MAPPING_BUILD_ID:
			mapping.build_id = string(reader, &field);
			break;
		case PPROF_MAPPING_HAS_FUNCTIONS:
			mapping.has_functions = number(reader, &field);
			break;
		case PPROF_MAPPING_HAS_FILENAMES:
			mapping.has_filenames = number(reader, &field);
			break;
		case PPROF_MAPPING_HAS_LINE_NUMBERS:
			mapping.has_line_numbers = number(reader, &field);
			break;
		case PPROF_MAPPING_HAS_INLINE_FRAMES:
			mapping.has_inline_frames = number(reader, &field);
			break;
		}
	}
	if (bytes.failed)
		wrong(reader, "a mapping is damaged");
	if (!pprof_ids_add(&reader->mappings, id, profile_add_mapping(reader->profile, &mapping)))
		wrong(reader, "the id of a mapping is 0 or taken");
}

static void add_function(struct reader *reader, struct cursor bytes)
{
	struct profile_function function = {0};
	uint64_t id = 0;
	struct pprof_field field;
	while (pprof_field_next(&bytes, &field)) {
		switch (field.number) {
		case PPROF_FUNCTION_ID:
			id = number(reader, &field);
			break;
		case PPROF_FUNCTION_NAME:
			function.name = string(reader, &field);
			break;
		case PPROF_FUNCTION_SYSTEM_NAME:
			function.system_name = string(reader, &field);
			break;
		case PPROF_FUNCTION_FILE:
			function.file = string(reader, &field);
			break;
		case PPROF_FUNCTION_START_LINE:
			function.start_line = (int64_t)number(reader, &field);
			break;
		}
	}
	if (bytes.failed)
		wrong(reader, "a function is damaged");
	if (!pprof_ids_add(&reader->functions, id,
			   profile_add_function(reader->profile, &function)))
		wrong(reader, "the id of a function is 0 or taken");
}

static uint32_t object(struct reader *reader, const struct pprof_ids *ids, uint64_t id,
		       const char *what)
{
	uint32_t found = id ? pprof_ids_find(ids, id) : 0;
	if (id && !found)
		wrong(reader, what);
	return found;
}

static struct profile_line read_line(struct reader *reader, struct cursor bytes)
{
	struct profile_line line = {0};
	struct pprof_field field;
	while (pprof_field_next(&bytes, &field)) {
		if (field.number == PPROF_LINE_FUNCTION)
			line.function = object(reader, &reader->functions, number(reader, &field),
					       "a location names a function that is not there");
		else if (field.number == PPROF_LINE_LINE)
			line.line = (int64_t)number(reader, &field);
		else if (field.number == PPROF_LINE_COLUMN)
			line.column = (int64_t)number(reader, &field);
	}
	if (bytes.failed)
		wrong(reader, "a line is damaged");
	return line;
}

static void add_location(struct reader *reader, struct cursor bytes)
{
	struct profile_location location = {0};
	uint64_t id = 0;
	uint32_t n = 0;
	struct pprof_field field;
	while (pprof_field_next(&bytes, &field)) {
		switch (field.number) {
		case PPROF_LOCATION_ID:
			id = number(reader, &field);
			break;
		case PPROF_LOCATION_MAPPING:
			location.mapping = object(reader, &reader->mappings, number(reader, &field),
						  "a location names a mapping that is not there");
			break;
		case PPROF_LOCATION_ADDRESS:
			location.address = number(reader, &field);
			break;
		case PPROF_LOCATION_LINE:
			reader->lines = memory_grow(reader->lines, &reader->lines_room, n + 1u,
						    sizeof(*reader->lines));
			reader->lines[n++] = read_line(reader, message(reader, &field));
			break;
		case PPROF_LOCATION_IS_FOLDED:
			location.is_folded = number(reader, &field);
			break;
		}
	}
	if (bytes.failed)
		wrong(reader, "a location is damaged");
	uint32_t added = profile_add_location(reader->profile, &location, reader->lines, n);
	if (!pprof_ids_add(&reader->locations, id, added))
		wrong(reader, "the id of a location is 0 or taken");
}

static struct profile_label read_label(struct reader *reader, struct cursor bytes)
{
	struct profile_label label = {0};
	struct pprof_field field;
	while (pprof_field_next(&bytes, &field)) {
		switch (field.number) {
		case PPROF_LABEL_KEY:
			label.key = string(reader, &field);
			break;
		case PPROF_LABEL_TEXT:
			label.text = string(reader, &field);
			break;
		case PPROF_LABEL_NUMBER:
			label.number = (int64_t)number(reader, &field);
			break;
		case PPROF_LABEL_UNIT:
			label.unit = string(reader, &field);
			break;
		}
	}
	if (bytes.failed)
		wrong(reader, "a label is damaged");
	if (label.text) {
		label.number = 0;
		label.unit = 0;
	}
	return label;
}

static uint32_t add_stack(struct reader *reader)
{
	size_t n = reader->ids.n;
	reader->frames =
		memory_grow(reader->frames, &reader->frames_room, n, sizeof(*reader->frames));
	for (size_t i = 0; i < n; i++) {
		reader->frames[i] = pprof_ids_find(&reader->locations, reader->ids.at[i]);
		if (!reader->frames[i])
			wrong(reader, "a sample names a location that is not there");
	}
	return profile_add_stack(reader->profile, reader->frames, (uint32_t)n);
}

static void add_sample(struct reader *reader, struct cursor bytes)
{
	uint32_t n_labels = 0;
	struct pprof_field field;
	reader->ids.n = reader->values.n = 0;
	while (pprof_field_next(&bytes, &field)) {
		switch (field.number) {
		case PPROF_SAMPLE_LOCATION:
			take_numbers(reader, &field, &reader->ids);
			break;
		case PPROF_SAMPLE_VALUE:
			take_numbers(reader, &field, &reader->values);
			break;
		case PPROF_SAMPLE_LABEL:
			if (n_labels == LIMIT_PROFILE_LABELS) {
				wrong(reader, "a sample has too many labels");
				break;
			}
			reader->labels = memory_grow(reader->labels, &reader->labels_room,
						     n_labels + 1u, sizeof(*reader->labels));
			reader->labels[n_labels++] = read_label(reader, message(reader, &field));
			break;
		}
	}
	if (bytes.failed)
		wrong(reader, "a sample is damaged");
	if (reader->values.n != reader->profile->types.n)
		wrong(reader, "a sample has more or fewer values than there are sample types");
	if (reader->what)
		return;
	uint32_t stack = add_stack(reader);
	uint32_t labels = profile_add_labels(reader->profile, reader->labels, n_labels);
	profile_add_row(reader->profile, stack, labels, (const int64_t *)reader->values.at);
}

/* A message that comes in pieces is their concatenation (protobuf's rule): we add to what the
 * engine wrote. */
static void add_info(struct reader *reader, struct cursor bytes)
{
	size_t n = cursor_left(&bytes);
	if (n > LIMIT_INFO_BYTES - reader->info_bytes) {
		wrong(reader, "its info message is too large");
		return;
	}
	reader->info = memory_grow(reader->info, &reader->info_room, reader->info_bytes + n + 1, 1);
	memcpy(reader->info + reader->info_bytes, bytes.at, n);
	reader->info_bytes += n;
}

static void set_info(struct reader *reader)
{
	if (!reader->info || reader->what)
		return;
	reader->profile->info = probe__info__unpack(NULL, reader->info_bytes, reader->info);
	if (!reader->profile->info)
		wrong(reader, "its info message is damaged");
}

static void add_comments(struct reader *reader, const struct pprof_field *field)
{
	reader->values.n = 0;
	take_numbers(reader, field, &reader->values);
	for (size_t i = 0; i < reader->values.n && !reader->what; i++) {
		struct pprof_field one = {.wire = PPROF_VARINT, .value = reader->values.at[i]};
		if (reader->profile->comments.n < LIMIT_PROFILE_COMMENTS)
			profile_add_comment(reader->profile, string(reader, &one));
	}
}

/* First: the strings, and how many objects there are. */
static void on_string(struct reader *reader, const struct pprof_field *field)
{
	reader->n_mappings += field->number == PPROF_MAPPING;
	reader->n_functions += field->number == PPROF_FUNCTION;
	reader->n_locations += field->number == PPROF_LOCATION;
	if (field->number != PPROF_STRING)
		return;
	struct cursor text = message(reader, field);
	if (!reader->n_strings && cursor_left(&text))
		wrong(reader, "its first string is not empty");
	reader->strings = memory_grow(reader->strings, &reader->strings_room, reader->n_strings + 1,
				      sizeof(*reader->strings));
	reader->strings[reader->n_strings++] =
		profile_add_string(reader->profile, (const char *)text.at, cursor_left(&text));
}

/* Second: what names strings only. */
static void on_head(struct reader *reader, const struct pprof_field *field)
{
	struct profile *profile = reader->profile;
	switch (field->number) {
	case PPROF_SAMPLE_TYPE:
		add_type(reader, message(reader, field));
		break;
	case PPROF_MAPPING:
		add_mapping(reader, message(reader, field));
		break;
	case PPROF_FUNCTION:
		add_function(reader, message(reader, field));
		break;
	case PPROF_DROP_FRAMES:
		profile->drop_frames = string(reader, field);
		break;
	case PPROF_KEEP_FRAMES:
		profile->keep_frames = string(reader, field);
		break;
	case PPROF_TIME:
		profile->time_ns = (int64_t)number(reader, field);
		break;
	case PPROF_DURATION:
		profile->duration_ns = (int64_t)number(reader, field);
		break;
	case PPROF_PERIOD_TYPE:
		profile->period_type = read_type(reader, message(reader, field));
		break;
	case PPROF_PERIOD:
		profile->period = (int64_t)number(reader, field);
		break;
	case PPROF_COMMENT:
		add_comments(reader, field);
		break;
	case PPROF_DEFAULT_TYPE:
		reader->default_type = string(reader, field);
		break;
	case PPROF_DOC_URL:
		profile->doc_url = string(reader, field);
		break;
	case PPROF_INFO:
		add_info(reader, message(reader, field));
		break;
	}
}

static void on_location(struct reader *reader, const struct pprof_field *field)
{
	if (field->number == PPROF_LOCATION)
		add_location(reader, message(reader, field));
}

static void on_sample(struct reader *reader, const struct pprof_field *field)
{
	if (field->number == PPROF_SAMPLE)
		add_sample(reader, message(reader, field));
}

/* One pass over the top-level fields. */
static void each_field(struct reader *reader, const void *data, size_t bytes,
		       void (*on_field)(struct reader *, const struct pprof_field *))
{
	struct cursor file = cursor_new(data, bytes);
	struct pprof_field field;
	while (!reader->what) {
		reader->where = bytes - cursor_left(&file);
		if (!pprof_field_next(&file, &field))
			break;
		on_field(reader, &field);
	}
	if (file.failed)
		wrong(reader, "no whole field begins here");
}

static void set_default_type(struct reader *reader)
{
	struct profile *profile = reader->profile;
	profile->default_type = profile->types.n - 1;
	for (uint32_t i = profile->types.n; reader->default_type && i-- > 0;)
		if (profile->types.at[i].type == reader->default_type)
			profile->default_type = i;
}

static void decode(struct reader *reader, const void *data, size_t bytes)
{
	each_field(reader, data, bytes, on_string);
	pprof_ids_init(&reader->mappings, reader->n_mappings);
	pprof_ids_init(&reader->functions, reader->n_functions);
	pprof_ids_init(&reader->locations, reader->n_locations);
	each_field(reader, data, bytes, on_head);
	if (!reader->profile->types.n)
		wrong(reader, "it has no sample types");
	each_field(reader, data, bytes, on_location);
	each_field(reader, data, bytes, on_sample);
	set_info(reader);
	if (!reader->what)
		set_default_type(reader);
}

struct profile *pprof_decode(const void *data, size_t bytes, const char **what, size_t *where)
{
	struct profile *profile guard_profile = profile_new();
	struct reader reader guard(reader_deinit) = {.profile = profile};
	decode(&reader, data, bytes);
	if (!reader.what)
		return steal_ptr(profile);
	*what = reader.what;
	*where = reader.where;
	return NULL;
}
