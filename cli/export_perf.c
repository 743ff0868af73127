/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/export_perf.h"

#include "cli/frames.h"
#include "cli/owners.h"
#include "cli/report_head.h"
#include "cli/selection.h"
#include "common/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* More samples than this, which no recording has, become a record a row. */
#define RECORDS_MAX 10000000

struct script {
	FILE *out;
	const struct selection *selection;
	struct frames *frames;
	struct owners *owners;
	char *target;	  /* for rows without a comm */
	int64_t *time_ns; /* by owner: where its next record begins */
};

/* Readers take the last word in parentheses as the module: no blanks in it. */
static void put_module(FILE *out, const char *module, unsigned kind)
{
	if (kind & FRAMES_KERNEL)
		module = "[kernel.kallsyms]";
	for (const char *c = *module ? module : "[unknown]"; *c; c++)
		putc_unlocked(*c == ' ' || *c == ')' || *c == '(' ? '_' : *c, out);
}

static void put_location(const struct script *script, uint32_t location)
{
	uint32_t n;
	const uint32_t *keys = frames_of(script->frames, location, &n);
	uint64_t address = script->selection->profile->locations.at[location].address;
	for (uint32_t k = 0; k < n; k++) {
		const struct frames_key *key = frames_key(script->frames, keys[k]);
		fprintf(script->out, "\t%16" PRIx64 " %s (", address, key->name);
		if (key->kind & FRAMES_INLINED)
			fputs("inlined", script->out);
		else
			put_module(script->out, key->module, key->kind);
		fputs(")\n", script->out);
	}
}

static void put_record(const struct script *script, const struct profile_row *row, int64_t period)
{
	const struct profile *profile = script->selection->profile;
	uint32_t number = owners_of(script->owners, row->labels);
	const struct owners_one *owner = owners_get(script->owners, number);
	const struct profile_stack *stack = &profile->stacks.at[row->stack];
	int64_t time_us = script->time_ns[number] / 1000;
	const char *event =
		!strcmp(script->selection->unit, "count") ? "cpu-clock" : script->selection->type;
	fprintf(script->out, "%s %" PRId64 "/%" PRId64 " %" PRId64 ".%06" PRId64 ": %" PRId64 " ",
		*owner->name ? owner->name : script->target, owner->pid,
		owner->tid ? owner->tid : owner->pid, time_us / 1000000, time_us % 1000000, period);
	for (const char *c = event; *c; c++)
		putc_unlocked(*c > ' ' && *c != ':' ? *c : '_', script->out);
	fputs(":\n", script->out);
	for (uint32_t i = 0; i < stack->n_frames; i++)
		put_location(script, profile->frames.at[stack->first_frame + i]);
	fputc('\n', script->out);
	script->time_ns[number] = selection_add(script->time_ns[number], period);
}

void export_perf_write(FILE *out, const struct selection *selection)
{
	const struct profile *profile = selection->profile;
	struct script script = {
		.out = out,
		.selection = selection,
		.frames = frames_new(profile, FRAMES_FUNCTION | FRAMES_MODULE | FRAMES_KIND),
		.owners = owners_new(profile, OWNERS_BY_THREAD),
		.target = report_head_name(profile),
	};
	script.time_ns = memory_new(owners_end(script.owners), sizeof(int64_t));
	bool counts = !strcmp(selection->unit, "count") && selection->kept <= RECORDS_MAX;
	int64_t period = profile->period > 0 ? profile->period : 1;
	for (uint32_t i = 0; i < profile->rows.n; i++) {
		int64_t value = selection_row(selection, i);
		for (int64_t k = 0; counts && k < value; k++)
			put_record(&script, &profile->rows.at[i], period);
		if (!counts && value > 0)
			put_record(&script, &profile->rows.at[i], value);
	}
	frames_free(script.frames);
	owners_free(script.owners);
	free(script.target);
	free(script.time_ns);
}
