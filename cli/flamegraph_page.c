/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/flamegraph_page.h"

#include "cli/flamegraph_data.h"
#include "cli/report_head.h"
#include "cli/selection.h"
#include "common/guard.h"
#include "common/profile.h"

#include <string.h>

/* A source of the page as text in this program; the Makefile knows that we depend on it. */
#define EMBED(name, path)                                                                          \
	__asm__(".pushsection .rodata\n"                                                           \
		"page_" #name ":\n\t.incbin \"" path "\"\n\t.byte 0\n"                             \
		".popsection\n");                                                                  \
	extern const char page_##name[] __attribute__((visibility("hidden")))

EMBED(html, "cli/page/flamegraph.html");
EMBED(css, "cli/page/flamegraph.css");
EMBED(model, "cli/page/model.js");
EMBED(view, "cli/page/view.js");
EMBED(strip, "cli/page/strip.js");
EMBED(script, "cli/page/flamegraph.js");

/* What a placeholder of the page, `{{NAME}}`, stands for. */
struct part {
	const char *name;
	const char *text; /* NULL: the data */
};

static char *title_of(const struct profile *profile)
{
	guard_mem char *name = report_head_name(profile);
	size_t room = 6 * strlen(name) + 1, n = 0;
	char *title = malloc(room);
	for (const char *c = name; title && *c; c++) {
		const char *entity = *c == '<' ? "&lt;" : *c == '&' ? "&amp;" : NULL;
		if (entity)
			n += (size_t)snprintf(title + n, room - n, "%s", entity);
		else
			title[n++] = *c;
	}
	if (title)
		title[n] = '\0';
	return title;
}

static int write_page(FILE *out, const struct profile *profile, const char *file,
		      const struct selection_wish *wish, const struct flamegraph_extra *extra,
		      struct err *err)
{
	uint32_t column;
	int checked = selection_column(profile, wish->sample, &column, err);
	if (checked < 0) /* before anything is written */
		return checked;
	guard_mem char *title = title_of(profile);
	const char *shown = extra ? extra->title : title ? title : "";
	const struct part parts[] = {{"TITLE", shown},	    {"CSS", page_css},
				     {"MODEL", page_model}, {"VIEW", page_view},
				     {"STRIP", page_strip}, {"SCRIPT", page_script},
				     {"DATA", NULL}};
	const char *text = page_html, *open;
	while ((open = strstr(text, "{{"))) {
		fwrite(text, 1, (size_t)(open - text), out);
		text = strstr(open, "}}") + 2;
		for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
			if (strncmp(open + 2, parts[i].name, strlen(parts[i].name)) != 0)
				continue;
			if (parts[i].text) {
				fputs(parts[i].text, out);
				continue;
			}
			int result = flamegraph_data_write(out, profile, file, wish, extra, err);
			if (result < 0)
				return result;
		}
	}
	fputs(text, out);
	return 0;
}

int flamegraph_page_write(FILE *out, const struct profile *profile, const char *file,
			  const struct selection_wish *wish, struct err *err)
{
	return write_page(out, profile, file, wish, NULL, err);
}

int flamegraph_page_write_extra(FILE *out, const struct profile *profile,
				const struct flamegraph_extra *extra, struct err *err)
{
	struct selection_wish all = {0};
	return write_page(out, profile, "", &all, extra, err);
}
