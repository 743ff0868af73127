/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/unwind_loader.h"

#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/memory.h"
#include "daemon/objects.h"
#include "daemon/spaces.h"
#include "daemon/symbolizer.h"
#include "daemon/unwind_tables.h"

struct unwind_loader {
	struct symbolizer *symbolizer;
	struct objects *objects;
	struct spaces *spaces;
	struct unwind_tables *tables;
	void (*on_ready)(void *context);
	void *context;
	uint32_t asked; /* object whose table is under way, 0: none */
	struct unwind_loader_counts counts;
};

void unwind_loader_drop(struct unwind_loader *loader, uint32_t number)
{
	struct object *object = objects_get(loader->objects, number);
	if (!object->table)
		return;
	unwind_tables_remove(loader->tables, object->table);
	object->table = object->rows = 0;
	object->table_evicted = true;
	loader->counts.evicted++;
}

/* Objects that no space maps give up their room, to be asked for again when they are mapped. */
uint32_t unwind_loader_evict(struct unwind_loader *loader)
{
	uint32_t n = objects_count(loader->objects), evicted = 0;
	bool *mapped = memory_new(n + 1, sizeof(*mapped));
	spaces_mark_objects(loader->spaces, mapped, n);
	for (uint32_t i = 1; i <= n; i++) {
		if (mapped[i] || !objects_get(loader->objects, i)->table)
			continue;
		unwind_loader_drop(loader, i);
		evicted++;
	}
	free(mapped);
	return evicted;
}

/* Room that is given up is free in a moment: asking again takes longer. With nothing to give up,
 * the object has another chance when it is mapped anew, in a while. */
static void no_room(struct unwind_loader *loader, uint32_t number)
{
	if (unwind_loader_evict(loader)) {
		objects_want_table(loader->objects, number);
		return;
	}
	loader->counts.no_room++;
	objects_put_off_table(loader->objects, number, clock_now_ns());
}

static void ask_next(struct unwind_loader *loader);

static void on_table(void *context, int code, const char *words, const struct worker_table *table,
		     const struct unwind_rule *rules, const struct unwind_row *rows)
{
	struct unwind_loader *loader = context;
	struct object *object = objects_get(loader->objects, loader->asked);
	uint32_t number = 0;
	if (!code)
		code = unwind_tables_add(loader->tables, rules, table->n_rules, rows, table->n_rows,
					 &number);
	object->table = number;
	object->rows = code ? 0 : table->n_rows;
	object->table_code = code;
	object->table_pending = false;
	if (!code) {
		object->table_pause_ns = object->table_after_ns = 0;
		loader->counts.loaded++;
	} else if (code == -ENOSPC) {
		no_room(loader, loader->asked);
	} else {
		loader->counts.failed++;
	}
	spaces_renew_table(loader->spaces, loader->asked);
	loader->asked = 0;
	ask_next(loader);
	if (!loader->asked)
		loader->on_ready(loader->context);
}

/* One at a time: names that a session waits for come in between. */
static void ask_next(struct unwind_loader *loader)
{
	loader->asked = objects_take_wanted(loader->objects);
	if (loader->asked)
		symbolizer_table(loader->symbolizer, loader->asked, on_table, loader);
}

void unwind_loader_look(struct unwind_loader *loader)
{
	if (!loader->asked)
		ask_next(loader);
}

bool unwind_loader_is_ready(const struct unwind_loader *loader)
{
	return !loader->asked;
}

void unwind_loader_count(const struct unwind_loader *loader, struct unwind_loader_counts *counts)
{
	*counts = loader->counts;
	counts->rows = unwind_tables_rows(loader->tables);
}

struct unwind_loader *unwind_loader_new(struct symbolizer *symbolizer, struct objects *objects,
					struct spaces *spaces, struct unwind_tables *tables,
					void (*on_ready)(void *context), void *context)
{
	struct unwind_loader *loader = memory_new(1, sizeof(*loader));
	*loader = (struct unwind_loader){.symbolizer = symbolizer,
					 .objects = objects,
					 .spaces = spaces,
					 .tables = tables,
					 .on_ready = on_ready,
					 .context = context};
	return loader;
}

void unwind_loader_free(struct unwind_loader *loader)
{
	if (!loader)
		return;
	symbolizer_forget(loader->symbolizer, loader);
	free(loader);
}
