/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report_resources.h"

#include "cli/jsontext.h"
#include "cli/report_head.h"
#include "cli/resources_print.h"
#include "common/guard.h"
#include "common/info.pb-c.h"
#include "common/profile.h"

static size_t recordings(const struct profile *profile)
{
	return profile->info ? profile->info->n_resources : 0;
}

void report_resources_print(FILE *out, const struct profile *profile, size_t width)
{
	size_t n = recordings(profile);
	if (!n)
		fputs("resources: not measured\n", out);
	for (size_t i = 0; i < n; i++) {
		if (n > 1)
			fprintf(out, "%srecording %zu of %zu\n", i ? "\n" : "", i + 1, n);
		resources_print_table(out, profile->info->resources[i], width);
	}
}

void report_resources_print_growth(FILE *out, const struct profile *profile)
{
	for (size_t i = 0; i < recordings(profile); i++)
		resources_print_growth(out, profile->info->resources[i]);
}

void report_resources_json(struct jsontext *json, const struct profile *profile)
{
	jsontext_open(json, "resources", '[');
	for (size_t i = 0; i < recordings(profile); i++) {
		jsontext_open(json, NULL, '{');
		resources_print_json(json, profile->info->resources[i]);
		jsontext_close(json);
	}
	jsontext_close(json);
}

void report_resources_csv(FILE *out, const struct profile *profile)
{
	guard_mem char *name = report_head_name(profile);
	resources_print_csv_head(out);
	for (size_t i = 0; i < recordings(profile); i++)
		resources_print_csv(out, profile->info->resources[i],
				    profile->info->has_pid ? profile->info->pid : 0, name);
}
