/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/export_formats.h"

#include "cli/amount.h"
#include "cli/export_json.h"
#include "cli/export_perf.h"
#include "cli/export_speedscope.h"
#include "cli/flamegraph_page.h"
#include "cli/flamegraph_svg.h"
#include "cli/frames.h"
#include "cli/report_flat.h"
#include "cli/report_head.h"
#include "cli/report_resources.h"
#include "cli/report_view.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/info.pb-c.h"
#include "common/nearest.h"
#include "common/path.h"
#include "common/pprof.h"

#include <errno.h>
#include <string.h>

static int write_pprof(const struct export_request *request, FILE *out, struct err *err)
{
	struct profile *profile = request->profile;
	if (request->wish.sample) {
		int result = selection_column(profile, request->wish.sample, &profile->default_type,
					      err);
		if (result < 0)
			return result;
	}
	fflush(out);
	return pprof_write_gzip(profile, fileno(out), err);
}

/* What is wished of the profile, for writers that take a selection. */
static int select_wish(struct selection *selection, const struct export_request *request,
		       bool as_samples, struct err *err)
{
	struct selection_wish wish = request->wish;
	if (as_samples)
		wish.sample = folded_column(request->profile, wish.sample);
	struct frames *frames guard(guard_frames) = frames_new(request->profile, FRAMES_FUNCTION);
	return selection_init(selection, request->profile, frames, &wish, err);
}

static int write_folded(const struct export_request *request, FILE *out, struct err *err)
{
	struct selection selection guard(selection_deinit) = {0};
	int result = select_wish(&selection, request, true, err);
	if (!result)
		folded_write(out, &selection, &request->folded);
	return result;
}

static int write_speedscope(const struct export_request *request, FILE *out, struct err *err)
{
	struct selection selection guard(selection_deinit) = {0};
	int result = select_wish(&selection, request, false, err);
	if (!result)
		export_speedscope_write(out, &selection, request->name);
	return result;
}

static int write_perf(const struct export_request *request, FILE *out, struct err *err)
{
	struct selection selection guard(selection_deinit) = {0};
	int result = select_wish(&selection, request, true, err);
	if (!result)
		export_perf_write(out, &selection);
	return result;
}

static int write_text(const struct export_request *request, FILE *out, struct err *err)
{
	struct frames *frames guard(guard_frames) =
		frames_new(request->profile, FRAMES_FUNCTION | FRAMES_MODULE);
	struct selection selection guard(selection_deinit) = {0};
	int result = selection_init(&selection, request->profile, frames, &request->wish, err);
	if (result < 0)
		return result;
	struct report_view view = {
		.profile = request->profile, .frames = frames, .selection = &selection};
	char total[AMOUNT_TEXT];
	amount_alone(total, selection.unit, selection.total);
	report_head_print(out, request->profile, request->name, 0);
	fprintf(out, "%s: %s\n", selection.type, total);
	report_flat_print(out, &view);
	return 0;
}

static int write_json(const struct export_request *request, FILE *out, struct err *err)
{
	export_json_write(out, request->profile, request->name);
	return 0;
}

static int write_csv(const struct export_request *request, FILE *out, struct err *err)
{
	if (request->profile->info && request->profile->info->n_resources) {
		report_resources_csv(out, request->profile);
		return 0;
	}
	err_set(err, -ENODATA, ERR_FAILED, "%s: what the target used was not measured",
		request->name);
	err_hint(err, "csv has the resources of each second: CPU, memory, I/O; -f json has stacks");
	return -ENODATA;
}

static int write_html(const struct export_request *request, FILE *out, struct err *err)
{
	return flamegraph_page_write(out, request->profile, request->name, &request->wish, err);
}

static int write_svg(const struct export_request *request, FILE *out, struct err *err)
{
	return flamegraph_svg_write(out, request->profile, request->name, &request->wish, err);
}

static const struct export_format formats[] = {
	{"pprof", {".pb.gz", ".pprof", ".pb"}, true, true, write_pprof},
	{"folded", {".folded", ".collapsed", ".stacks"}, false, false, write_folded},
	{"json", {".json"}, false, true, write_json},
	{"speedscope", {".speedscope.json"}, false, false, write_speedscope},
	{"perf-script", {".perf"}, false, false, write_perf},
	{"csv", {".csv"}, false, true, write_csv}, /* resources alone */
	{"html", {".html", ".htm"}, false, false, write_html},
	{"svg", {".svg"}, false, false, write_svg},
	{"text", {".txt"}, false, false, write_text},
	{NULL},
};

static void list_formats(char *list, size_t room)
{
	size_t used = 0;
	for (const struct export_format *f = formats; f->name; f++) {
		int n = snprintf(list + used, room - used, "%s%s", used ? ", " : "", f->name);
		used += n > 0 && (size_t)n < room - used ? (size_t)n : 0;
	}
}

const struct export_format *export_formats_find(const char *name, struct err *err)
{
	const struct export_format *found = NULL;
	struct nearest nearest = nearest_init(name);
	int n = 0;
	for (const struct export_format *f = formats; f->name; f++) {
		if (!strcmp(f->name, name))
			return f;
		if (*name && !strncmp(f->name, name, strlen(name))) {
			found = f;
			n++;
		}
		nearest_try(&nearest, f->name);
	}
	if (n == 1)
		return found;
	char list[200] = "";
	list_formats(list, sizeof(list));
	err_set(err, -EINVAL, ERR_USAGE, "no format \"%s\"", name);
	if (nearest.best)
		err_hint(err, "did you mean -f %s? There are: %s", nearest.best, list);
	err_hint(err, "there are: %s", list);
	return NULL;
}

static size_t suffix_length(const char *file, const char *suffix)
{
	return path_has_suffix(file, suffix) ? strlen(suffix) : 0;
}

const struct export_format *export_formats_of(const char *file, struct err *err)
{
	const struct export_format *best = NULL;
	size_t longest = 0;
	for (const struct export_format *f = formats; f->name; f++)
		for (int i = 0; f->suffixes[i]; i++)
			if (suffix_length(file, f->suffixes[i]) > longest) {
				longest = suffix_length(file, f->suffixes[i]);
				best = f;
			}
	if (best)
		return best;
	char list[200] = "";
	list_formats(list, sizeof(list));
	err_set(err, -EINVAL, ERR_USAGE, "%s: the name does not say which format", file);
	err_hint(err, "choose one with -f: %s", list);
	return NULL;
}
