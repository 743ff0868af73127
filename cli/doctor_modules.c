/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor_modules.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor_hint.h"
#include "cli/doctor_process.h"
#include "cli/jsontext.h"
#include "cli/package.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "common/escape.h"
#include "common/guard.h"
#include "common/info.pb-c.h"
#include "common/limits.h"
#include "common/path.h"
#include "common/profile.h"
#include "common/protocol.pb-c.h"

GUARD_DEFINE(table, struct table *, table_free)

enum {
	TEXT = 512,
	BUILD_ID_SHOWN = 6, /* bytes: as short as people abbreviate commits */
};

static const char *text_of(const char *text)
{
	return text ? text : "";
}

static const char *escaped(char out[TEXT], const char *text)
{
	escape_text(out, TEXT, text_of(text), strnlen(text_of(text), LIMIT_NAME_BYTES));
	return out;
}

/* Samples whose outermost frame lies in the file: the walks that ended there, whole or not. */
static uint64_t walks_in(const struct profile *profile, const char *path)
{
	uint64_t walks = 0;
	int column = profile ? profile_find_type(profile, "samples") : -1;
	for (uint32_t i = 0; column >= 0 && i < profile->rows.n; i++) {
		const struct profile_stack *stack = &profile->stacks.at[profile->rows.at[i].stack];
		if (!stack->n_frames)
			continue;
		uint32_t root = profile->frames.at[stack->first_frame + stack->n_frames - 1];
		uint32_t mapping = profile->locations.at[root].mapping;
		if (mapping &&
		    !strcmp(profile_string(profile, profile->mappings.at[mapping].file), path))
			walks += (uint64_t)profile
					 ->values[(size_t)i * profile->types.n + (size_t)column];
	}
	return walks;
}

/* The i-th way, counted from 0, in which walks ended in the file before their root; NULL: none
 * more. */
static const Probe__Counter *failure_in(const struct profile *profile, const char *path, size_t i)
{
	const Probe__Info *info = profile ? profile->info : NULL;
	for (size_t k = 0; info && k < info->n_walk_ends; k++) {
		const Probe__Counter *end = info->walk_ends[k];
		if (strcmp(end->name, "root") != 0 && end->module &&
		    !strcmp(end->module, path_base(path)) && !i--)
			return end;
	}
	return NULL;
}

static void sum_walks(const struct profile *profile, uint64_t *whole, uint64_t *all)
{
	const Probe__Info *info = profile ? profile->info : NULL;
	*whole = *all = 0;
	for (size_t i = 0; info && i < info->n_walk_ends; i++) {
		*all += info->walk_ends[i]->value;
		if (!strcmp(info->walk_ends[i]->name, "root"))
			*whole += info->walk_ends[i]->value;
	}
}

static void build_id_text(char out[2 * 64 + 1], const Probe__Examine__Module *module, size_t most)
{
	size_t n = module->build_id.len < most ? module->build_id.len : most;
	*out = '\0';
	for (size_t i = 0; i < n && i < 64; i++)
		snprintf(out + 2 * i, 3, "%02x", module->build_id.data[i]);
}

static void rows_text(char out[TEXT], const Probe__Examine__Module *module)
{
	char count[PROGRESS_TEXT];
	if (module->rows)
		snprintf(out, TEXT, "%s", progress_count(count, module->rows));
	else
		snprintf(out, TEXT, "none");
}

/* Adds to what is in the cell; what does not fit is cut. */
__attribute__((format(printf, 2, 3))) static void add(char cell[TEXT], const char *format, ...)
{
	size_t n = strlen(cell);
	va_list args;
	va_start(args, format);
	vsnprintf(cell + n, TEXT - n, format, args);
	va_end(args);
}

static void symbols_text(char out[TEXT], const Probe__Examine__Module *module)
{
	char count[PROGRESS_TEXT], name[TEXT];
	snprintf(out, TEXT, "%s",
		 module->n_source ? progress_count(count, module->symbols) : "none");
	for (size_t i = 0; i < module->n_source; i++)
		add(out, "%s%s", i ? "+" : " ", escaped(name, module->source[i]));
}

static void walks_text(char out[TEXT], const struct profile *profile, const char *path)
{
	char count[PROGRESS_TEXT], name[TEXT];
	const Probe__Counter *failure;
	snprintf(out, TEXT, "%s", progress_count(count, walks_in(profile, path)));
	for (size_t i = 0; (failure = failure_in(profile, path, i)); i++)
		add(out, ", %s %s", progress_count(count, failure->value),
		    escaped(name, failure->name));
}

static void add_row(struct table *modules, const struct doctor_process *process,
		    const Probe__Examine__Module *module)
{
	char path[TEXT], rows[TEXT], symbols[TEXT], walks[TEXT], id[2 * 64 + 1];
	build_id_text(id, module, BUILD_ID_SHOWN);
	rows_text(rows, module);
	symbols_text(symbols, module);
	walks_text(walks, process->profile, text_of(module->path));
	const char *cells[] = {rows, symbols, walks, *id ? id : "none",
			       escaped(path, module->path)};
	table_add(modules, cells);
}

static void print_head(const struct doctor_process *process)
{
	char name[TEXT], walks[PROGRESS_TEXT], good[PROGRESS_TEXT];
	uint64_t whole, all;
	sum_walks(process->profile, &whole, &all);
	printf("%s (%" PRIu32 "), %g s at %g Hz: ", escaped(name, process->started->started->name),
	       process->pid, process->seconds, process->started->started->hz);
	if (all)
		printf("%s walks of user stacks, %s whole\n", progress_count(walks, all),
		       progress_count(good, whole));
	else
		puts("no walks of user stacks; it used no CPU time outside the kernel");
}

/* Whether frames of it were sampled; without samples each module may matter. */
static bool is_met(const struct profile *profile, const char *path)
{
	for (uint32_t i = 1; profile && i < profile->mappings.n; i++)
		if (!strcmp(profile_string(profile, profile->mappings.at[i].file), path))
			return true;
	return !profile;
}

static void print_note(const char *path, const char *between, const char *words)
{
	char name[TEXT], text[TEXT];
	printf("%s: %s%s\n", escaped(name, path_base(path)), between, escaped(text, words));
}

/* As doctor_hint_names(), with the package if this machine can tell. */
static bool hint_names(const struct doctor_process *process, const Probe__Examine__Module *module,
		       char hint[DOCTOR_HINT_BYTES])
{
	char package[PACKAGE_BYTES];
	return doctor_hint_names(
		module, package_of_process(process->pid, text_of(module->path), package), hint);
}

/* What a cell has no room for, and what would help: of names only where frames want them. */
static void print_notes(const struct doctor_process *process)
{
	const Probe__Examine *answer = process->modules->examine;
	char hint[DOCTOR_HINT_BYTES];
	bool interpreter = false; /* said once: its library says the same */
	for (size_t i = 0; i < answer->n_module; i++) {
		const Probe__Examine__Module *module = answer->module[i];
		const char *path = text_of(module->path);
		if (module->rows_note)
			print_note(path, "no unwind rows: ", module->rows_note);
		if (is_met(process->profile, path) && hint_names(process, module, hint))
			print_note(path, "-> ", hint);
		if (module->note)
			print_note(path, "names: ", module->note);
		if (!interpreter && doctor_hint_interpreter(module, hint)) {
			interpreter = true;
			print_note(path, "-> ", hint);
		}
	}
	if (answer->left_out)
		printf("%" PRIu32 " modules more are not shown\n", answer->left_out);
}

static void print(const struct doctor_process *process)
{
	static const struct table_column columns[] = {
		{"UNWIND ROWS", TABLE_RIGHT}, {"SYMBOLS", 0}, {"WALKS ENDED", 0}, {"BUILD ID", 0},
		{"MODULE", TABLE_FLEXIBLE},
	};
	const Probe__Examine *answer = process->modules->examine;
	struct table *modules guard(guard_table) =
		table_new(columns, sizeof(columns) / sizeof(*columns));
	print_head(process);
	for (size_t i = 0; i < answer->n_module; i++)
		add_row(modules, process, answer->module[i]);
	table_print(modules, stdout, terminal_width(), false);
	print_notes(process);
}

static void print_json_walks(struct jsontext *json, const struct profile *profile, const char *path)
{
	const Probe__Counter *failure;
	jsontext_int(json, "walks_ended", (int64_t)walks_in(profile, path));
	jsontext_open(json, "walks_failed", '{');
	for (size_t i = 0; (failure = failure_in(profile, path, i)); i++)
		jsontext_int(json, failure->name, (int64_t)failure->value);
	jsontext_close(json);
}

static void print_json_hints(struct jsontext *json, const struct doctor_process *process,
			     const Probe__Examine__Module *module)
{
	char hint[DOCTOR_HINT_BYTES];
	jsontext_open(json, "hints", '[');
	if (hint_names(process, module, hint))
		jsontext_string(json, NULL, hint);
	if (doctor_hint_interpreter(module, hint))
		jsontext_string(json, NULL, hint);
	jsontext_close(json);
}

static void print_json_module(struct jsontext *json, const struct doctor_process *process,
			      const Probe__Examine__Module *module)
{
	char id[2 * 64 + 1];
	build_id_text(id, module, 64);
	jsontext_open(json, NULL, '{');
	jsontext_string(json, "path", text_of(module->path));
	jsontext_string(json, "build_id", id);
	jsontext_int(json, "unwind_rows", module->rows);
	if (module->rows_note)
		jsontext_string(json, "no_rows_because", module->rows_note);
	jsontext_int(json, "symbols", module->symbols);
	jsontext_open(json, "symbol_sources", '[');
	for (size_t i = 0; i < module->n_source; i++)
		jsontext_string(json, NULL, module->source[i]);
	jsontext_close(json);
	jsontext_int(json, "has_lines", module->lines);
	if (module->note)
		jsontext_string(json, "note", module->note);
	print_json_walks(json, process->profile, text_of(module->path));
	print_json_hints(json, process, module);
	jsontext_close(json);
}

static void print_json(const struct doctor_process *process)
{
	const Probe__Examine *answer = process->modules->examine;
	struct jsontext json = jsontext_init(stdout);
	uint64_t whole, all;
	sum_walks(process->profile, &whole, &all);
	jsontext_open(&json, NULL, '{');
	jsontext_int(&json, "pid", process->pid);
	jsontext_string(&json, "name", text_of(process->started->started->name));
	jsontext_real(&json, "seconds", process->seconds);
	jsontext_real(&json, "frequency_hz", process->started->started->hz);
	jsontext_int(&json, "walks", (int64_t)all);
	jsontext_int(&json, "walks_whole", (int64_t)whole);
	jsontext_open(&json, "modules", '[');
	for (size_t i = 0; i < answer->n_module; i++)
		print_json_module(&json, process, answer->module[i]);
	jsontext_close(&json);
	jsontext_int(&json, "modules_left_out", answer->left_out);
	jsontext_close(&json);
}

void doctor_modules_print(const struct doctor_process *process, bool as_json)
{
	if (as_json)
		print_json(process);
	else
		print(process);
}
