/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/spans.h"

#include <errno.h>
#include <stdlib.h>

#include "common/guard.h"

static void add(struct spans *spans, uint64_t start, uint64_t end, uint32_t value)
{
	if (start < end)
		spans->at[spans->n++] = (struct span){start, (uint32_t)(end - start), value};
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
			uint64_t end;
			if (__builtin_add_overflow(top->start, top->bytes, &end))
				end = UINT64_MAX;
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

int spans_lay_out(const struct span *in, uint32_t n, struct spans *out)
{
	guard_mem uint32_t *open = malloc((n + 1ul) * sizeof(*open));
	struct spans spans = {.at = malloc((2ul * n + 1) * sizeof(struct span))};
	if (!open || !spans.at) {
		free(spans.at);
		return -ENOMEM;
	}
	lay_out(in, n, open, &spans);
	*out = spans;
	return 0;
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
