/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/symbolize_names.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli/frames.h"
#include "cli/symbolize_worker.h"
#include "common/escape.h"
#include "common/guard.h"
#include "common/limits.h"
#include "common/memory.h"
#include "common/path.h"
#include "common/profile.h"
#include "common/worker_answer.h"

struct naming {
	struct profile *profile;
	uint32_t mapping;
	const uint32_t *locations; /* by index of the question */
	struct symbolize_names *counts;
};

static bool has_name(const struct profile *profile, const struct profile_location *location)
{
	const char *file = profile_string(profile, profile->mappings.at[location->mapping].file);
	if (!location->n_lines)
		return false;
	const uint32_t outermost = location->first_line + location->n_lines - 1;
	return !frames_is_nameless(
		profile_function_name(profile, profile->lines.at[outermost].function),
		path_base(file));
}

static bool has_line(const struct profile *profile, const struct profile_location *location)
{
	return location->n_lines && profile->lines.at[location->first_line].line;
}

static uint32_t add_text(struct profile *profile, const char *text)
{
	char clean[LIMIT_NAME_BYTES];
	return profile_add_string(profile, clean,
				  escape_text(clean, sizeof(clean), text, strlen(text)));
}

static struct profile_line line_of(struct profile *profile, const struct worker_link_line *line)
{
	struct profile_function function = {.name = add_text(profile, line->name),
					    .file = add_text(profile, line->file),
					    .start_line = line->start_line};
	function.system_name =
		*line->system_name ? add_text(profile, line->system_name) : function.name;
	return (struct profile_line){profile_add_function(profile, &function), line->line, 0};
}

static void on_name(void *context, size_t index, const struct worker_link_name *name)
{
	struct naming *naming = context;
	struct profile *profile = naming->profile;
	struct profile_line lines[WORKER_LINK_LINES];
	const uint32_t number = naming->locations[index];
	const bool had_name = has_name(profile, &profile->locations.at[number]);
	const bool had_line = has_line(profile, &profile->locations.at[number]);
	const bool line = name->n_lines && name->lines[0].line;
	if (!name->n_lines || (had_line && !line))
		return;
	for (uint32_t i = 0; i < name->n_lines; i++)
		lines[i] = line_of(profile, &name->lines[i]);
	profile_set_lines(profile, number, lines, name->n_lines);
	naming->counts->named += !had_name;
	naming->counts->lines += !had_line && line;
	struct profile_mapping *mapping = &profile->mappings.at[naming->mapping];
	mapping->has_functions = true;
	if (line)
		mapping->has_line_numbers = mapping->has_filenames = mapping->has_inline_frames =
			true;
}

int symbolize_names(struct profile *profile, uint32_t mapping, struct symbolize_worker *worker,
		    struct symbolize_names *counts, struct err *err)
{
	guard_mem uint32_t *locations = memory_new(profile->locations.n, sizeof(*locations));
	guard_mem uint64_t *addresses = memory_new(profile->locations.n, sizeof(*addresses));
	*counts = (struct symbolize_names){0};
	for (uint32_t i = 1; i < profile->locations.n; i++)
		if (profile->locations.at[i].mapping == mapping) {
			locations[counts->locations] = i;
			addresses[counts->locations++] = profile->locations.at[i].address;
		}
	struct naming naming = {profile, mapping, locations, counts};
	return symbolize_worker_names(worker, addresses, counts->locations, on_name, &naming, err);
}
