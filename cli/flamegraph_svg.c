/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/flamegraph_svg.h"

#include "cli/amount.h"
#include "cli/frames.h"
#include "cli/report_head.h"
#include "cli/report_tree.h"
#include "cli/report_view.h"
#include "cli/terminal.h"
#include "common/escape.h"
#include "common/guard.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

enum {
	WIDTH = 1200,
	ROW = 17,
	HEAD = 40,
	FOOT = 8,
	LETTER = 7, /* about, of the 12 px monospace font */
};
/* Narrower boxes cannot be seen. */
#define LEAST_WIDTH 0.4

struct picture {
	FILE *out;
	const struct report_view *view;
	const struct tree *tree;
	double *x;	 /* left edge by node */
	uint32_t *depth; /* by node; the root, which is not drawn: 0 */
	uint32_t deepest;
};

static void put_text(FILE *out, const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		if (text[i] == '<')
			fputs("&lt;", out);
		else if (text[i] == '&')
			fputs("&amp;", out);
		else
			putc_unlocked(text[i], out);
	}
}

static double width_of(const struct picture *picture, uint32_t node)
{
	double total = (double)picture->tree->at[0].cum;
	return total > 0 ? WIDTH * (double)picture->tree->at[node].cum / total : 0;
}

/* A parent has a smaller number than its child, so its place is known. */
static void lay_out(struct picture *picture)
{
	const struct tree_node *nodes = picture->tree->at;
	for (uint32_t node = 0; node < picture->tree->n; node++) {
		double x = picture->x[node];
		for (uint32_t child = nodes[node].first_child; child; child = nodes[child].next) {
			picture->x[child] = x;
			picture->depth[child] = picture->depth[node] + 1;
			x += width_of(picture, child);
			if (width_of(picture, child) >= LEAST_WIDTH &&
			    picture->depth[child] > picture->deepest)
				picture->deepest = picture->depth[child];
		}
	}
}

static const char *colour_of(const struct frames_key *key)
{
	static const char *const user[] = {"#f2b26b", "#eda052", "#f5c27f", "#e89a5c", "#f0ac78"};
	unsigned hash = 0;
	for (const char *c = key->module; *c; c++)
		hash = hash * 31 + (unsigned char)*c;
	if (key->kind & FRAMES_KERNEL)
		return "#8fb8de";
	if (key->kind & FRAMES_INLINED)
		return "#b7d7a0";
	return user[hash % (sizeof(user) / sizeof(*user))];
}

static void put_box(const struct picture *picture, uint32_t node)
{
	FILE *out = picture->out;
	const struct selection *selection = picture->view->selection;
	const struct frames_key *key =
		frames_key(picture->view->frames, picture->tree->at[node].key);
	double width = width_of(picture, node), x = picture->x[node];
	int y = HEAD + (int)(picture->deepest - picture->depth[node]) * ROW;
	char value[AMOUNT_TEXT], percent[AMOUNT_TEXT];
	amount_text(value, amount_scale(selection->unit, selection->total),
		    picture->tree->at[node].cum);
	amount_percent(percent, picture->tree->at[node].cum, selection->total);
	fputs("<g><title>", out);
	put_text(out, key->name, strlen(key->name));
	fputs(*key->module ? " (" : "", out);
	put_text(out, key->module, strlen(key->module));
	fprintf(out, "%s: %s, %s</title>", *key->module ? ")" : "", value, percent);
	fprintf(out, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>", x, y,
		width, ROW - 1, colour_of(key));
	size_t letters = width > 3 * LETTER ? (size_t)(width / LETTER) : 0;
	if (letters) {
		size_t bytes = terminal_cut(key->name, letters);
		fprintf(out, "<text x=\"%.1f\" y=\"%d\">", x + 2, y + ROW - 5);
		put_text(out, key->name, bytes);
		fputs("</text>", out);
	}
	fputs("</g>\n", out);
}

static void put_head(const struct picture *picture, const char *file, int height)
{
	FILE *out = picture->out;
	const struct selection *selection = picture->view->selection;
	guard_mem char *name = report_head_name(picture->view->profile);
	char total[AMOUNT_TEXT];
	amount_alone(total, selection->unit, selection->kept);
	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
		"height=\"%d\" font-family=\"monospace\" font-size=\"12\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n<text x=\"4\" y=\"18\" "
		"font-size=\"15\">",
		WIDTH, height, WIDTH, height);
	put_text(out, name, strlen(name));
	fprintf(out, "</text>\n<text x=\"4\" y=\"34\">%s: %s  ", selection->type, total);
	put_text(out, file, strlen(file));
	fputs("</text>\n", out);
}

static void draw(struct picture *picture, const char *file)
{
	uint32_t n = picture->tree->n;
	picture->x = memory_new(n, sizeof(*picture->x));
	picture->depth = memory_new(n, sizeof(*picture->depth));
	lay_out(picture);
	put_head(picture, file, HEAD + (int)picture->deepest * ROW + FOOT);
	for (uint32_t node = 1; node < n; node++)
		if (width_of(picture, node) >= LEAST_WIDTH)
			put_box(picture, node);
	fputs("</svg>\n", picture->out);
	free(picture->x);
	free(picture->depth);
}

int flamegraph_svg_write(FILE *out, const struct profile *profile, const char *file,
			 const struct selection_wish *wish, struct err *err)
{
	struct frames *frames guard(guard_frames) =
		frames_new(profile, FRAMES_FUNCTION | FRAMES_MODULE | FRAMES_KIND);
	struct selection selection guard(selection_deinit) = {0};
	int result = selection_init(&selection, profile, frames, wish, err);
	if (result < 0)
		return result;
	struct report_view view = {.profile = profile, .frames = frames, .selection = &selection};
	struct tree tree guard(tree_deinit) = {0};
	result = report_tree_build(&tree, &view, REPORT_TREE_CALLS, NULL, err);
	if (result < 0)
		return result;
	guard_mem char *shown = escape_new(file, strlen(file));
	struct picture picture = {.out = out, .view = &view, .tree = &tree};
	draw(&picture, shown);
	return 0;
}
