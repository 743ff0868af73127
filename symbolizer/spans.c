/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/spans.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/guard.h"
#include "symbolizer/sort.h"

int spans_gather(struct span_list *list, uint64_t start, uint64_t end, uint32_t value)
{
	if (list->n == list->room) {
		uint32_t room = list->room ? 2 * list->room : 256;
		void *grown =
			room > SPAN_LIST_MAX ? NULL : realloc(list->at, room * sizeof(*list->at));
		if (!grown)
			return -ENOMEM;
		list->at = grown;
		list->room = room;
	}
	uint64_t bytes = end - start;
	list->at[list->n++] =
		(struct span){start, bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes, value};
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->value > y->value) - (x->value < y->value);
}

int spans_sort(struct span_list *list)
{
	return sort_records(list->at, list->n, sizeof(*list->at), compare);
}

static void add(struct spans *spans, uint64_t start, uint64_t end, uint32_t value)
{
	if (start < end)
		spans->at[spans->n++] = (struct span){start, (uint32_t)(end - start), value};
}

static uint64_t end_of(const struct span *span)
{
	uint64_t end;
	return __builtin_add_overflow(span->start, span->bytes, &end) ? UINT64_MAX : end;
}

/* `open` is a stack of those begun and not ended, the last begun on top: the one on top has the
 * addresses. Each ends one piece and cuts at most one: 2 n + 1 pieces. */
static void lay_out(const struct span *in, uint32_t n, uint32_t *open, struct spans *out)
{
	uint32_t depth = 0;
	uint64_t at = 0;
	for (uint32_t i = 0; i <= n; i++) {
		uint64_t start = i < n ? in[i].start : UINT64_MAX;
		while (depth) {
			const struct span *top = &in[open[depth - 1]];
			uint64_t end = end_of(top);
			if (end > start) {
				add(out, at, start, top->value);
				break;
			}
			add(out, at, end, top->value);
			at = end > at ? end : at;
			depth--;
		}
		at = start;
		open[depth++] = i;
	}
}

/* A heap of spans by number, the highest value on top. */
struct heap {
	const struct span *in;
	uint32_t *at, n;
};

static bool above(const struct heap *heap, uint32_t i, uint32_t k)
{
	return heap->in[heap->at[i]].value > heap->in[heap->at[k]].value;
}

static void swap(struct heap *heap, uint32_t i, uint32_t k)
{
	uint32_t held = heap->at[i];
	heap->at[i] = heap->at[k];
	heap->at[k] = held;
}

static void heap_add(struct heap *heap, uint32_t number)
{
	uint32_t i = heap->n++;
	heap->at[i] = number;
	for (; i && above(heap, i, (i - 1) / 2); i = (i - 1) / 2)
		swap(heap, i, (i - 1) / 2);
}

static void heap_drop(struct heap *heap)
{
	heap->at[0] = heap->at[--heap->n];
	for (uint32_t i = 0;;) {
		uint32_t best = i, left = 2 * i + 1;
		if (left < heap->n && above(heap, left, best))
			best = left;
		if (left + 1 < heap->n && above(heap, left + 1, best))
			best = left + 1;
		if (best == i)
			return;
		swap(heap, i, best);
		i = best;
	}
}

/* From start to start: the top of the heap has the addresses, as far as it reaches. Each step ends
 * a span or reaches the next start: 2 n + 1 pieces. */
static void lay_out_latest(const struct span *in, uint32_t n, uint32_t *room, struct spans *out)
{
	struct heap heap = {.in = in, .at = room};
	uint64_t at = 0;
	for (uint32_t i = 0; i <= n; i++) {
		uint64_t start = i < n ? in[i].start : UINT64_MAX;
		while (heap.n && at < start) {
			const struct span *top = &in[heap.at[0]];
			uint64_t end = end_of(top);
			if (end <= at) {
				heap_drop(&heap);
				continue;
			}
			end = end < start ? end : start;
			add(out, at, end, top->value);
			at = end;
		}
		at = start;
		if (i < n)
			heap_add(&heap, i);
	}
}

typedef void lay_out_by(const struct span *in, uint32_t n, uint32_t *room, struct spans *out);

static int lay_out_with(lay_out_by *by, const struct span *in, uint32_t n, struct spans *out)
{
	guard_mem uint32_t *room = malloc((n + 1ul) * sizeof(*room));
	struct spans spans = {.at = malloc((2ul * n + 1) * sizeof(struct span))};
	if (!room || !spans.at) {
		free(spans.at);
		return -ENOMEM;
	}
	by(in, n, room, &spans);
	*out = spans;
	return 0;
}

int spans_lay_out(const struct span *in, uint32_t n, struct spans *out)
{
	return lay_out_with(lay_out, in, n, out);
}

int spans_lay_out_latest(const struct span *in, uint32_t n, struct spans *out)
{
	return lay_out_with(lay_out_latest, in, n, out);
}

void spans_deinit(struct spans *spans)
{
	free(spans->at);
	*spans = (struct spans){};
}

const struct span *spans_find(const struct spans *spans, uint64_t address)
{
	uint32_t low = 0, high = spans->n;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (spans->at[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	const struct span *span = low ? &spans->at[low - 1] : NULL;
	return span && address - span->start < span->bytes ? span : NULL;
}
