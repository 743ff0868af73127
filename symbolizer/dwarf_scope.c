/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/dwarf_scope.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

#include "common/guard.h"
#include "symbolizer/dwarf.h"

enum {
	DEPTH_MAX = 1024,     /* blocks in blocks: generated code has 200 */
	SCOPES_MAX = 4 << 20, /* of one unit */
	ATTRIBUTES_MAX = 256, /* of an entry whose name is looked for: compilers write 20 */
	HOPS_MAX = 16,	      /* entry → abstract origin → specification */
};

/* The walk over one unit's entries. */
struct walk {
	struct dwarf *dwarf;
	struct dwarf_unit *unit;
	const struct dwarf_abbrevs *abbrevs;
	struct dwarf_scopes *scopes;
	struct span_list spans; /* by scope */
	uint32_t scope;		/* the one being added */
	uint32_t depth;
	uint32_t function; /* the depth of the entries in the outermost function; 0: in none */
	uint32_t open[DEPTH_MAX]; /* a level's scope, index + 1; 0: none */
};

/* What an entry's attributes say of interest here. */
struct entry {
	struct dwarf_where where;
	uint64_t sibling; /* offset in .debug_info; 0: not told */
	uint32_t call_file, call_line;
};

void dwarf_scope_free(struct dwarf_scopes *scopes)
{
	if (!scopes)
		return;
	free(scopes->list);
	spans_deinit(&scopes->spans);
	free(scopes);
}
GUARD_DEFINE(scopes, struct dwarf_scopes *, dwarf_scope_free)

static void read_entry(struct walk *w, struct cursor *c, const struct dwarf_abbrev *abbrev,
		       struct entry *entry)
{
	for (uint32_t i = 0; i < abbrev->n && !c->failed; i++) {
		const struct dwarf_attribute *a = &w->abbrevs->attributes[abbrev->first + i];
		struct dwarf_value value = dwarf_form_read(w->dwarf->sections, &w->unit->format, c,
							   a->form, a->constant);
		switch (a->name) {
		case DW_AT_low_pc:
		case DW_AT_high_pc:
		case DW_AT_ranges:
			dwarf_unit_where(&entry->where, a->name, &value);
			break;
		case DW_AT_call_file:
			entry->call_file = (uint32_t)value.number;
			break;
		case DW_AT_call_line:
			entry->call_line = (uint32_t)value.number;
			break;
		case DW_AT_sibling:
			entry->sibling = value.kind == DWARF_REFERENCE ? value.number : 0;
			break;
		default:
			break;
		}
	}
}

static int on_range(void *data, uint64_t start, uint64_t end)
{
	struct walk *w = data;
	return spans_gather(&w->spans, start, end, w->scope);
}

/* A function or an inlined one: adds it if it has code. *number: its index + 1, else 0. */
static int add_scope(struct walk *w, uint64_t at, uint32_t tag, struct entry *entry,
		     uint32_t *number)
{
	struct dwarf_scopes *scopes = w->scopes;
	*number = 0;
	if (entry->where.low.kind == DWARF_OTHER && entry->where.ranges.kind == DWARF_OTHER)
		return 0;
	if (scopes->n == scopes->room) {
		uint32_t room = scopes->room ? 2 * scopes->room : 64;
		void *grown = room > SCOPES_MAX
				      ? NULL
				      : realloc(scopes->list, room * sizeof(*scopes->list));
		if (!grown)
			return -ENOMEM;
		scopes->list = grown;
		scopes->room = room;
	}
	bool inlined = tag == DW_TAG_inlined_subroutine;
	w->scope = scopes->n;
	scopes->list[scopes->n++] = (struct dwarf_scope){
		.entry = at,
		.parent = inlined && w->depth ? w->open[w->depth - 1] : 0,
		.call_file = entry->call_file,
		.call_line = entry->call_line,
	};
	*number = scopes->n;
	return dwarf_unit_ranges(w->dwarf, w->unit, &entry->where, on_range, w);
}

/* Types hold no code, but for those in functions (gcc: what a closure does): what is in them is
 * skipped where the file says how far they go. */
static bool is_type(uint32_t tag)
{
	return tag == DW_TAG_structure_type || tag == DW_TAG_class_type ||
	       tag == DW_TAG_union_type || tag == DW_TAG_enumeration_type ||
	       tag == DW_TAG_array_type || tag == DW_TAG_subroutine_type;
}

/* One entry; the cursor then stands at the next one. */
static int step(struct walk *w, struct cursor *c)
{
	const uint8_t *info = w->dwarf->sections[DWARF_INFO].data;
	const uint8_t *start = c->at;
	uint64_t code = cursor_uleb128(c);
	if (!code) {
		w->depth -= w->depth > 0;
		w->function = w->depth < w->function ? 0 : w->function;
		return 0;
	}
	const struct dwarf_abbrev *abbrev = dwarf_form_abbrev(w->abbrevs, code);
	if (!abbrev)
		return -ENOEXEC;
	struct entry entry = {};
	read_entry(w, c, abbrev, &entry);
	if (c->failed || dwarf_unit_worked(w->dwarf, (uint64_t)(c->at - start) + 2 * abbrev->n))
		return -ENOEXEC;
	uint32_t number = w->depth ? w->open[w->depth - 1] : 0;
	if (abbrev->tag == DW_TAG_subprogram || abbrev->tag == DW_TAG_inlined_subroutine) {
		int result = add_scope(w, (uint64_t)(start - info), abbrev->tag, &entry, &number);
		if (result)
			return result;
	}
	if (!abbrev->children)
		return 0;
	/* Only forward, and within the unit. */
	if (is_type(abbrev->tag) && !w->function && entry.sibling > (uint64_t)(c->at - info) &&
	    entry.sibling <= w->unit->end) {
		c->at = info + entry.sibling;
		return 0;
	}
	if (w->depth == DEPTH_MAX)
		return -ENOEXEC;
	w->open[w->depth++] = number;
	if (abbrev->tag == DW_TAG_subprogram && !w->function)
		w->function = w->depth;
	return 0;
}

static int walk_unit(struct walk *w)
{
	struct dwarf_unit *unit = w->unit;
	struct cursor c = cursor_new(w->dwarf->sections[DWARF_INFO].data + unit->first,
				     unit->end - unit->first);
	int code = 0;
	while (!code && cursor_left(&c))
		code = step(w, &c);
	if (code == -ENOMEM || !w->spans.n)
		return code;
	int laid_out = spans_sort(&w->spans); /* a scope inlined in another one behind that */
	if (!laid_out)
		laid_out = spans_lay_out(w->spans.at, w->spans.n, &w->scopes->spans);
	return laid_out ? laid_out : code;
}

int dwarf_scope_read(struct dwarf *dwarf, struct dwarf_unit *unit, struct dwarf_scopes **out)
{
	struct dwarf_scopes *scopes guard(guard_scopes) = calloc(1, sizeof(*scopes));
	guard_mem struct walk *w = calloc(1, sizeof(*w));
	const struct dwarf_abbrevs *abbrevs = dwarf_unit_abbrevs(dwarf, unit);
	if (!scopes || !w)
		return -ENOMEM;
	if (!abbrevs)
		return -ENOEXEC;
	w->dwarf = dwarf;
	w->unit = unit;
	w->abbrevs = abbrevs;
	w->scopes = scopes;
	int code = walk_unit(w);
	free(w->spans.at);
	if (code != -ENOMEM)
		*out = steal_ptr(scopes);
	return code;
}

/* Where an entry is described further: in this file, or in the one that dwz made. */
struct reference {
	uint64_t at; /* offset in .debug_info; 0: nowhere */
	bool alt;
};

static void take_name(struct dwarf_frame *frame, uint32_t name, const struct dwarf_value *value,
		      struct reference *next)
{
	bool text = value->kind == DWARF_TEXT;
	if (name == DW_AT_name && text && !*frame->name)
		frame->name = value->text;
	else if ((name == DW_AT_linkage_name || name == DW_AT_MIPS_linkage_name) && text &&
		 !*frame->linkage_name)
		frame->linkage_name = value->text;
	else if (name == DW_AT_decl_line && !frame->start_line)
		frame->start_line = (uint32_t)value->number;
	else if ((name == DW_AT_abstract_origin || name == DW_AT_specification) &&
		 (value->kind == DWARF_REFERENCE || value->kind == DWARF_REFERENCE_ALT))
		*next = (struct reference){value->number, value->kind == DWARF_REFERENCE_ALT};
}

/* Takes from one entry what is not known yet; returns the entry it refers to. */
static struct reference take_names(struct dwarf *dwarf, struct dwarf_unit *unit, uint64_t at,
				   struct dwarf_frame *frame)
{
	const struct dwarf_abbrevs *abbrevs = dwarf_unit_abbrevs(dwarf, unit);
	struct cursor c = cursor_new(dwarf->sections[DWARF_INFO].data + at, unit->end - at);
	const struct dwarf_abbrev *abbrev =
		abbrevs ? dwarf_form_abbrev(abbrevs, cursor_uleb128(&c)) : NULL;
	struct reference next = {};
	if (!abbrev || abbrev->n > ATTRIBUTES_MAX)
		return next;
	const uint8_t *start = c.at;
	for (uint32_t i = 0; i < abbrev->n && !c.failed; i++) {
		const struct dwarf_attribute *a = &abbrevs->attributes[abbrev->first + i];
		struct dwarf_value value =
			dwarf_form_read(dwarf->sections, &unit->format, &c, a->form, a->constant);
		dwarf_unit_resolve(dwarf, unit, &value);
		take_name(frame, a->name, &value, &next);
	}
	dwarf->names_work += 16 + (uint64_t)(c.at - start);
	return next;
}

void dwarf_scope_name(struct dwarf *dwarf, uint64_t entry, struct dwarf_frame *frame)
{
	struct reference here = {.at = entry};
	frame->name = frame->linkage_name = "";
	frame->start_line = 0;
	for (int hops = 0; here.at && hops < HOPS_MAX; hops++) {
		dwarf = here.alt ? dwarf->alt : dwarf;
		struct dwarf_unit *unit = dwarf ? dwarf_unit_at(dwarf, here.at) : NULL;
		/* Names of what was found are wanted also when the work is used up; abbreviations
		 * of another unit may be a long way to them. */
		if (!unit || dwarf->names_work > DWARF_NAMES_WORK_MAX ||
		    (!unit->read_abbrevs && dwarf_unit_worked(dwarf, 0)))
			return;
		here = take_names(dwarf, unit, here.at, frame);
	}
}
