/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stacks_view.h"

#include "cli/frames.h"
#include "cli/jsontext.h"
#include "cli/report_head.h"
#include "cli/tree.h"
#include "common/escape.h"
#include "common/info.pb-c.h"
#include "common/memory.h"
#include "common/profile.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STACK_PARTS (FRAMES_FUNCTION | FRAMES_MODULE | FRAMES_LINE | FRAMES_KIND)

enum {
	THREADS_SHOWN = 20, /* of those that share a stack, by name */
};

struct thread {
	int64_t pid, tid;
	uint32_t name, state; /* strings of the profile */
	uint32_t stack;
	uint32_t group; /* equal: the same functions and state; a node of a tree */
	uint32_t size;	/* threads in its group */
	int64_t first;	/* the lowest tid in it */
};

struct view {
	const struct profile *profile;
	struct frames *frames;
	struct thread *threads; /* those of a group side by side */
	uint32_t n;
};

static void read_labels(const struct profile *profile, uint32_t labels, struct thread *thread)
{
	const struct profile_labels *set = &profile->label_sets.at[labels];
	for (uint32_t i = 0; labels && i < set->n_labels; i++) {
		const struct profile_label *label = &profile->label.at[set->first_label + i];
		const char *key = profile_string(profile, label->key);
		if (!strcmp(key, "pid"))
			thread->pid = label->number;
		else if (!strcmp(key, "thread_id"))
			thread->tid = label->number;
		else if (!strcmp(key, "thread_name"))
			thread->name = label->text;
		else if (!strcmp(key, "state"))
			thread->state = label->text;
	}
}

/* A path of the tree: its frames from the leaf, its state. */
static uint32_t group_of(const struct view *view, struct tree *tree, const struct thread *thread)
{
	const struct profile *profile = view->profile;
	const struct profile_stack *stack = &profile->stacks.at[thread->stack];
	uint32_t node = 0;
	for (uint32_t i = 0; i < stack->n_frames; i++) {
		uint32_t n;
		const uint32_t *keys =
			frames_of(view->frames, profile->frames.at[stack->first_frame + i], &n);
		for (uint32_t k = 0; k < n; k++)
			node = tree_child(tree, node, keys[k]);
	}
	return tree_child(tree, node, frames_end(view->frames) + thread->state);
}

static int by_group(const void *left, const void *right)
{
	const struct thread *a = left, *b = right;
	if (a->size != b->size)
		return a->size > b->size ? -1 : 1;
	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	return a->tid < b->tid ? -1 : a->tid > b->tid;
}

struct size {
	uint32_t n;
	int64_t first;
};

/* The largest groups first. */
static void sort(struct view *view, const struct stacks_wish *wish)
{
	struct tree tree guard(tree_deinit) = {0};
	tree_init(&tree);
	for (uint32_t i = 0; i < view->n; i++)
		view->threads[i].group =
			wish->separate ? i : group_of(view, &tree, &view->threads[i]);
	uint32_t groups = tree.n > view->n ? tree.n : view->n;
	guard_mem struct size *sizes = memory_new(groups, sizeof(*sizes));
	for (uint32_t i = 0; i < view->n; i++) {
		struct size *size = &sizes[view->threads[i].group];
		if (!size->n++ || view->threads[i].tid < size->first)
			size->first = view->threads[i].tid;
	}
	for (uint32_t i = 0; i < view->n; i++) {
		view->threads[i].size = sizes[view->threads[i].group].n;
		view->threads[i].first = sizes[view->threads[i].group].first;
	}
	qsort(view->threads, view->n, sizeof(*view->threads), by_group);
}

static struct view view_init(const struct profile *profile, const struct stacks_wish *wish)
{
	struct view view = {
		.profile = profile,
		.frames = frames_new(profile, STACK_PARTS),
		.threads = memory_new(profile->rows.n, sizeof(*view.threads)),
		.n = profile->rows.n,
	};
	for (uint32_t i = 0; i < view.n; i++) {
		view.threads[i].stack = profile->rows.at[i].stack;
		read_labels(profile, profile->rows.at[i].labels, &view.threads[i]);
	}
	sort(&view, wish);
	return view;
}

static void view_deinit(struct view *view)
{
	frames_free(view->frames);
	free(view->threads);
}

/* "epoll_wait" of "__x64_sys_epoll_wait" */
static const char *system_call(const char *function)
{
	static const char *const before[] = {"__x64_sys_", "__ia32_sys_", "__arm64_sys_",
					     "__do_sys_",  "__se_sys_",	  "ksys_"};
	for (size_t i = 0; i < sizeof(before) / sizeof(*before); i++)
		if (!strncmp(function, before[i], strlen(before[i])))
			return function + strlen(before[i]);
	return NULL;
}

/* What is in every thread that is off the CPU. */
static bool is_scheduler(const char *function)
{
	return strstr(function, "schedule") != NULL;
}

/* What it waits in: the system call, else where the kernel is; NULL: not in the kernel. */
static const char *reason_of(const struct view *view, const struct thread *thread)
{
	const struct profile *profile = view->profile;
	const struct profile_stack *stack = &profile->stacks.at[thread->stack];
	const char *top = NULL;
	for (uint32_t i = 0; i < stack->n_frames; i++) {
		uint32_t n;
		const uint32_t *keys =
			frames_of(view->frames, profile->frames.at[stack->first_frame + i], &n);
		for (uint32_t k = 0; k < n; k++) {
			const struct frames_key *key = frames_key(view->frames, keys[k]);
			if (!(key->kind & FRAMES_KERNEL))
				return top;
			if (system_call(key->name))
				return system_call(key->name);
			if (!top && !is_scheduler(key->name))
				top = key->name;
		}
	}
	return top;
}

static const char *state_of(const struct view *view, const struct thread *thread)
{
	return thread->state ? profile_string(view->profile, thread->state) : "running";
}

/* Where it waits; one that wants the CPU waits for nothing else. */
static const char *place_of(const struct view *view, const struct thread *thread)
{
	const char *state = state_of(view, thread);
	bool waits = strcmp(state, "running") != 0 && strcmp(state, "runnable") != 0;
	return waits ? reason_of(view, thread) : NULL;
}

static void print_thread(FILE *out, const struct view *view, const struct thread *thread)
{
	const char *name = profile_string(view->profile, thread->name);
	guard_mem char *escaped = escape_new(name, strlen(name));
	fprintf(out, "%s (%" PRId64 ")", *escaped ? escaped : "?", thread->tid);
}

/* "3 threads, sleeping in futex: a (1), b (2), c (3)" */
static void print_group_head(FILE *out, const struct view *view, const struct thread *group,
			     const struct stacks_wish *wish)
{
	const char *place = place_of(view, group);
	guard_mem char *state = escape_new(state_of(view, group), strlen(state_of(view, group)));
	fputs(wish->colour ? "\033[1m" : "", out);
	if (group->size > 1)
		fprintf(out, "%" PRIu32 " threads, ", group->size);
	fprintf(out, "%s%s%s: ", state, place ? " in " : "", place ? place : "");
	uint32_t shown = group->size > THREADS_SHOWN + 1 ? THREADS_SHOWN : group->size;
	for (uint32_t i = 0; i < shown; i++) {
		fputs(i ? ", " : "", out);
		print_thread(out, view, &group[i]);
	}
	if (shown < group->size)
		fprintf(out, ", and %" PRIu32 " more, which --json names", group->size - shown);
	fputs(wish->colour ? "\033[m\n" : "\n", out);
}

static void print_frame(FILE *out, const struct frames_key *key, uint32_t number)
{
	fprintf(out, "  #%-3" PRIu32 " %s", number, key->name);
	if (key->kind & FRAMES_INLINED)
		fputs(" (inlined)", out);
	if (*key->file)
		fprintf(out, " at %s:%" PRId64, key->file, key->line);
	if (*key->module)
		fprintf(out, "  %s", key->module);
	fputc('\n', out);
}

static void print_stack(FILE *out, const struct view *view, uint32_t number)
{
	const struct profile *profile = view->profile;
	const struct profile_stack *stack = &profile->stacks.at[number];
	uint32_t shown = 0, n;
	for (uint32_t i = 0; i < stack->n_frames; i++) {
		const uint32_t *keys =
			frames_of(view->frames, profile->frames.at[stack->first_frame + i], &n);
		for (uint32_t k = 0; k < n; k++)
			print_frame(out, frames_key(view->frames, keys[k]), shown++);
	}
	if (!shown)
		fputs("  [no stack]\n", out);
}

/* The profile is a file. */
static char *escaped_name(const Probe__Counter *counter)
{
	const char *name = counter->name ? counter->name : "";
	return escape_new(name, strlen(name));
}

/* Threads without a row, or with a stack that is cut, are no secret. */
static void print_lost(FILE *out, const Probe__Info *info)
{
	for (size_t i = 0; info && i < info->n_lost; i++) {
		guard_mem char *name = escaped_name(info->lost[i]);
		if (info->lost[i]->value)
			fprintf(out, "lost: %s %" PRIu64 "\n", name, info->lost[i]->value);
	}
}

void stacks_view_print(FILE *out, const struct profile *profile, const struct stacks_wish *wish)
{
	struct view view = view_init(profile, wish);
	guard_mem char *name = report_head_name(profile);
	fprintf(out, "%s", name);
	if (profile->info && profile->info->pid)
		fprintf(out, " (%" PRIu32 ")", profile->info->pid);
	fprintf(out, "  %" PRIu32 " %s\n", view.n, view.n == 1 ? "thread" : "threads");
	print_lost(out, profile->info);
	for (uint32_t i = 0; i < view.n; i += view.threads[i].size) {
		fputc('\n', out);
		print_group_head(out, &view, &view.threads[i], wish);
		print_stack(out, &view, view.threads[i].stack);
	}
	view_deinit(&view);
}

static void json_frame(struct jsontext *json, const struct frames_key *key)
{
	jsontext_open(json, NULL, '{');
	jsontext_escaped(json, "function", key->name);
	jsontext_escaped(json, "module", key->module);
	if (*key->file) {
		jsontext_escaped(json, "source", key->file);
		jsontext_int(json, "line", key->line);
	}
	if (key->kind & FRAMES_KERNEL)
		jsontext_int(json, "kernel", 1);
	if (key->kind & FRAMES_INLINED)
		jsontext_int(json, "inlined", 1);
	jsontext_close(json);
}

static void json_frames(struct jsontext *json, const struct view *view, uint32_t number)
{
	const struct profile *profile = view->profile;
	const struct profile_stack *stack = &profile->stacks.at[number];
	uint32_t n;
	jsontext_open(json, "frames", '[');
	for (uint32_t i = 0; i < stack->n_frames; i++) {
		const uint32_t *keys =
			frames_of(view->frames, profile->frames.at[stack->first_frame + i], &n);
		for (uint32_t k = 0; k < n; k++)
			json_frame(json, frames_key(view->frames, keys[k]));
	}
	jsontext_close(json);
}

static void json_group(struct jsontext *json, const struct view *view, const struct thread *group)
{
	const char *place = place_of(view, group);
	jsontext_open(json, NULL, '{');
	jsontext_string(json, "state", state_of(view, group));
	if (place)
		jsontext_escaped(json, "waits_in", place);
	jsontext_open(json, "threads", '[');
	for (uint32_t i = 0; i < group->size; i++) {
		jsontext_open(json, NULL, '{');
		jsontext_int(json, "pid", group[i].pid);
		jsontext_int(json, "tid", group[i].tid);
		jsontext_string(json, "name", profile_string(view->profile, group[i].name));
		jsontext_close(json);
	}
	jsontext_close(json);
	json_frames(json, view, group->stack);
	jsontext_close(json);
}

void stacks_view_json(FILE *out, const struct profile *profile, const struct stacks_wish *wish)
{
	struct view view = view_init(profile, wish);
	struct jsontext json = jsontext_init(out);
	guard_mem char *name = report_head_name(profile);
	jsontext_open(&json, NULL, '{');
	jsontext_escaped(&json, "name", name);
	if (profile->info && profile->info->pid)
		jsontext_int(&json, "pid", profile->info->pid);
	jsontext_int(&json, "time_ns", profile->time_ns);
	jsontext_int(&json, "threads_count", view.n);
	jsontext_open(&json, "lost", '{');
	for (size_t i = 0; profile->info && i < profile->info->n_lost; i++) {
		guard_mem char *key = escaped_name(profile->info->lost[i]);
		jsontext_int(&json, key, (int64_t)profile->info->lost[i]->value);
	}
	jsontext_close(&json);
	jsontext_open(&json, "stacks", '[');
	for (uint32_t i = 0; i < view.n; i += view.threads[i].size)
		json_group(&json, &view, &view.threads[i]);
	jsontext_close(&json);
	jsontext_close(&json);
	view_deinit(&view);
}
