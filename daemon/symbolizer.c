/* SPDX-License-Identifier: Apache-2.0 */
/* A question goes: worker there? object open in it? then ask. The next question begins from the
 * event loop, never from within an answer, so that the link's callbacks are over by then. */
#include "daemon/symbolizer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-event.h>
#include <unistd.h>
#include "common/array.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/memory.h"
#include "daemon/asker.h"
#include "daemon/objects.h"
#include "daemon/vdso.h"

enum {
	DEATHS_MAX = 2,
	HURRY_S = 1,
	AGAIN_NS = 1000000000, /* what ends a worker later than that is its own limit */
};

struct question {
	uint32_t object;
	const uint64_t *addresses;
	size_t n;
	/* NULL: a table is wanted; with neither, it is prepared, or whoever asked is gone */
	const struct symbolizer_handlers *handlers;
	worker_link_on_table on_table;
	void *context;
	bool told;  /* of the object */
	bool hurry; /* symbols only */
	struct question *next;
};

/* What is known of an object, by its number. */
struct known {
	struct worker_opened *opened; /* in the worker that runs now; NULL: not open there */
	uint32_t debug_next;	      /* which separate debug file is tried next, in this worker */
	bool debug_done;	      /* it has one, or there is none */
	bool alt_done;		      /* the same for what dwz moved out of it */
	bool debug_fatal;	      /* a worker died of such a file */
	bool prepared;		      /* or asked about */
	bool debug_held;	      /* opened early: */
	int debug_fd;
	uint32_t deaths; /* of workers that were asked about it */
	int code;	 /* failed for ever, with words */
	char *words;
};

struct symbolizer {
	sd_event_source *next;
	sd_event *event;
	struct asker *asker;
	struct objects *objects;
	struct worker_link *link;
	int worker;			/* behind the link: its pid */
	struct question *first, **last; /* first: the one under way, when `asking` */
	uint64_t asked_ns;		/* when it began */
	bool asking;
	struct {
		struct known *at;
		uint32_t n, room;
	} known;
};

static struct known *known_of(struct symbolizer *symbolizer, uint32_t object)
{
	while (symbolizer->known.n <= object)
		array_add(&symbolizer->known);
	return &symbolizer->known.at[object];
}

static void wake(struct symbolizer *symbolizer)
{
	if (symbolizer->first && !symbolizer->asking)
		sd_event_source_set_enabled(symbolizer->next, SD_EVENT_ONESHOT);
}

static void on_dead(void *context)
{
	struct symbolizer *symbolizer = context;
	worker_link_free(steal_ptr(symbolizer->link));
	/* It took too long or says nonsense, and need not end by itself. */
	asker_end_worker(symbolizer->asker, symbolizer->worker, NULL);
	for (uint32_t i = 0; i < symbolizer->known.n; i++) {
		free(symbolizer->known.at[i].opened);
		symbolizer->known.at[i].opened = NULL;
		symbolizer->known.at[i].debug_next = 0;
		symbolizer->known.at[i].debug_done = symbolizer->known.at[i].alt_done = false;
	}
}

/* The fd of a debug file that was opened early; -1: none. */
static int take_held(struct known *known)
{
	int fd = known->debug_held ? known->debug_fd : -1;
	known->debug_held = false;
	return fd;
}

/* What may be another time, of this host or of a worker that somebody ended. */
static bool is_passing(const struct known *known, int code)
{
	return code == -EMFILE || code == -ENFILE || code == -ENOMEM || code == -EAGAIN ||
	       code == -EIO || (known->deaths && known->deaths < DEATHS_MAX);
}

static void fail_object(struct symbolizer *symbolizer, uint32_t object, int code, const char *words)
{
	struct known *known = known_of(symbolizer, object);
	if (is_passing(known, code))
		return;
	known->code = code;
	free(known->words);
	known->words = array_copy(words, strlen(words));
}

/* Takes the question out of the line; the next one begins from the loop. */
static void end(struct symbolizer *symbolizer)
{
	struct question *question = symbolizer->first;
	symbolizer->first = question->next;
	if (!symbolizer->first)
		symbolizer->last = &symbolizer->first;
	symbolizer->asking = false;
	free(question);
	wake(symbolizer);
}

static void end_failed(struct symbolizer *symbolizer, int code, const char *words)
{
	struct question question = *symbolizer->first;
	end(symbolizer);
	if (question.on_table)
		question.on_table(question.context, code, words, NULL, NULL, NULL);
	else if (question.handlers) {
		question.handlers->on_object(question.context, NULL);
		question.handlers->on_done(question.context, code, words);
	}
}

/* A worker died of the question under way: it begins again, once, unless that took long. */
static bool try_again(struct symbolizer *symbolizer, int code)
{
	struct known *known = known_of(symbolizer, symbolizer->first->object);
	if (code != -EPIPE && code != -EPROTO && code != -ETIMEDOUT)
		return false;
	if (++known->deaths >= DEATHS_MAX || clock_now_ns() - symbolizer->asked_ns > AGAIN_NS)
		return false;
	symbolizer->asking = false;
	wake(symbolizer);
	return true;
}

/* What a process says of its code changes while it runs: read anew for each question. */
static void forget_jit(struct symbolizer *symbolizer, uint32_t number)
{
	struct known *known = known_of(symbolizer, number);
	if (number == SYMBOLIZER_KERNEL ||
	    objects_get(symbolizer->objects, number)->kind != OBJECT_JIT || !known->opened)
		return;
	free(known->opened);
	known->opened = NULL;
	if (symbolizer->link)
		worker_link_close(symbolizer->link, number);
}

/* Names that came before a worker died are good; the object is not tried again. */
static void on_done(void *context, int code, const char *words)
{
	struct symbolizer *symbolizer = context;
	if (try_again(symbolizer, code))
		return;
	struct question question = *symbolizer->first;
	if (code)
		fail_object(symbolizer, question.object, code, words);
	forget_jit(symbolizer, question.object);
	end(symbolizer);
	if (question.handlers)
		question.handlers->on_done(question.context, code, words);
}

static void on_name(void *context, size_t index, const struct worker_link_name *name)
{
	struct symbolizer *symbolizer = context;
	struct question *question = symbolizer->first;
	if (question->handlers)
		question->handlers->on_name(question->context, index, name);
}

static void on_table(void *context, int code, const char *words, const struct worker_table *table,
		     const struct unwind_rule *rules, const struct unwind_row *rows)
{
	struct symbolizer *symbolizer = context;
	if (try_again(symbolizer, code))
		return;
	struct question question = *symbolizer->first;
	end(symbolizer);
	if (question.on_table)
		question.on_table(question.context, code, words, table, rules, rows);
}

static void ask(struct symbolizer *symbolizer, const struct worker_opened *opened)
{
	struct question *question = symbolizer->first;
	if (question->on_table) {
		worker_link_table(symbolizer->link, question->object, on_table, symbolizer);
		return;
	}
	if (question->handlers && !question->told)
		question->handlers->on_object(question->context, opened);
	question->told = true;
	worker_link_names(symbolizer->link, question->object, question->addresses,
			  question->handlers ? question->n : 0, on_name, on_done, symbolizer);
}

/* The question stays first in line, and begins again; without the file if that was no good. */
static void on_debug(void *context, int code, const char *words, const struct worker_opened *opened)
{
	struct symbolizer *symbolizer = context;
	struct known *known = known_of(symbolizer, symbolizer->first->object);
	if (code == -EPIPE || code == -EPROTO || code == -ETIMEDOUT)
		known->debug_fatal = true;
	if (!code && known->opened) {
		*known->opened = *opened;
		known->debug_done = true;
	}
	symbolizer->asking = false;
	wake(symbolizer);
}

/* The directory of the mapped file, "" where it is too long to be asked for. */
static void set_directory(struct broker_debug_file *wanted, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	if (n < sizeof(wanted->directory))
		memcpy(wanted->directory, path, n);
}

/* Opens what may be the object's debug file; the next one at the next call. */
static int open_debug(struct symbolizer *symbolizer, struct known *known, uint32_t number, int *fd)
{
	const struct object *object = objects_get(symbolizer->objects, number);
	const struct worker_opened *opened = known->opened;
	struct broker_debug_file wanted = {.n_build_id = opened->n_build_id,
					   .uid = object->uid,
					   .device = object->device,
					   .first = known->debug_next};
	*fd = take_held(known);
	if (*fd >= 0)
		return 0;
	memcpy(wanted.build_id, opened->build_id, sizeof(wanted.build_id));
	memcpy(wanted.link, opened->debug_link, sizeof(wanted.link));
	set_directory(&wanted, object->path);
	return asker_debug_file(symbolizer->asker, &wanted, object->pid, &known->debug_next, fd,
				NULL);
}

static int open_alt(struct symbolizer *symbolizer, const struct known *known, uint32_t number,
		    int *fd)
{
	const struct object *object = objects_get(symbolizer->objects, number);
	const struct worker_opened *opened = known->opened;
	struct broker_debug_file wanted = {
		.n_build_id = opened->n_alt_id, .uid = object->uid, .device = object->device};
	uint32_t next;
	memcpy(wanted.build_id, opened->alt_id, sizeof(wanted.build_id));
	memcpy(wanted.alt_link, opened->alt_link, sizeof(wanted.alt_link));
	return asker_debug_file(symbolizer->asker, &wanted, object->pid, &next, fd, NULL);
}

/* Whether it looks like a file of the system that we run on. */
static bool is_hosts(const struct object *object)
{
	struct stat own;
	return (!strncmp(object->path, "/usr/", 5) || !strncmp(object->path, "/lib", 4)) &&
	       !stat("/proc/self/exe", &own) && object->device == own.st_dev;
}

/* Files beside a program, or in a container, are opened as the target's user and in its root, which
 * may be gone when names are wanted: those are held from now on. The host's are everybody's. */
static void open_debug_early(struct symbolizer *symbolizer, struct known *known, uint32_t number)
{
	if (known->debug_held || known->debug_done || known->opened->has_lines ||
	    !*known->opened->debug_link || is_hosts(objects_get(symbolizer->objects, number)))
		return;
	known->debug_held = !open_debug(symbolizer, known, number, &known->debug_fd);
}

/* Gives the worker other files of the object's, once: its separate debug file where it has no
 * debugging information itself, and what dwz moved. Only for names. true: on_debug() will be
 * called. */
static bool add_debug(struct symbolizer *symbolizer, struct known *known)
{
	const struct worker_opened *opened = known->opened;
	uint32_t number = symbolizer->first->object;
	int fd guard_fd = -1;
	if (symbolizer->first->on_table || symbolizer->first->hurry || known->debug_fatal ||
	    number == SYMBOLIZER_KERNEL)
		return false;
	if (!known->debug_done && !opened->has_lines &&
	    (opened->n_build_id || *opened->debug_link)) {
		if (!open_debug(symbolizer, known, number, &fd)) {
			worker_link_debug(symbolizer->link, number, fd, on_debug, symbolizer);
			return true;
		}
		known->debug_done = true;
	}
	if (!known->alt_done && opened->n_alt_id) {
		known->alt_done = true;
		if (!open_alt(symbolizer, known, number, &fd)) {
			worker_link_alt(symbolizer->link, number, fd, on_debug, symbolizer);
			return true;
		}
	}
	return false;
}

static void on_opened(void *context, int code, const char *words,
		      const struct worker_opened *opened)
{
	struct symbolizer *symbolizer = context;
	uint32_t object = symbolizer->first->object;
	if (code == -ECANCELED) { /* the worker died between questions: another one answers */
		symbolizer->asking = false;
		wake(symbolizer);
	} else if (code) {
		if (try_again(symbolizer, code))
			return;
		fail_object(symbolizer, object, code, words);
		end_failed(symbolizer, code, words);
	} else {
		struct known *known = known_of(symbolizer, object);
		known->opened = memory_new(1, sizeof(*opened));
		*known->opened = *opened;
		open_debug_early(symbolizer, known, object);
		if (!add_debug(symbolizer, known))
			ask(symbolizer, known->opened);
	}
}

static int open_kernel(struct symbolizer *symbolizer, struct err *err)
{
	int fd guard_fd = -1;
	uint64_t stext;
	int code = asker_kallsyms(symbolizer->asker, &stext, &fd, err);
	if (!code && !stext)
		return err_set(err, -EPERM, ERR_PERMISSION,
			       "the kernel hides its addresses: CAP_SYSLOG is needed");
	if (!code)
		worker_link_open_kernel(symbolizer->link, fd, stext, on_opened, symbolizer);
	return code;
}

static int open_object(struct symbolizer *symbolizer, uint32_t number, struct err *err)
{
	if (number == SYMBOLIZER_KERNEL)
		return open_kernel(symbolizer, err);
	const struct object *object = objects_get(symbolizer->objects, number);
	if (object->kind == OBJECT_JIT) {
		if (object->fd >= 0)
			worker_link_open_jit(symbolizer->link, number, object->fd, on_opened,
					     symbolizer);
		return object->code;
	}
	if (object->kind == OBJECT_VDSO) {
		int fd guard_fd = vdso_open();
		if (fd < 0)
			return fd;
		worker_link_open_vdso(symbolizer->link, number, fd, on_opened, symbolizer);
		return 0;
	}
	if (object->fd < 0) {
		int code = object->code ? object->code : -ENOENT;
		return err_set(err, code, ERR_FAILED, "%s", objects_words(code));
	}
	worker_link_open(symbolizer->link, number, object->fd, on_opened, symbolizer);
	return 0;
}

static int start_worker(struct symbolizer *symbolizer, struct err *err)
{
	int socket;
	if (symbolizer->link)
		return 0;
	int code = asker_worker(symbolizer->asker, &socket, &symbolizer->worker, err);
	if (code)
		return code;
	symbolizer->link = worker_link_new(symbolizer->event, socket, on_dead, symbolizer);
	return symbolizer->link ? 0 : -ENOMEM;
}

/* The first question in line begins. */
static int on_next(sd_event_source *source, void *userdata)
{
	struct symbolizer *symbolizer = userdata;
	if (!symbolizer->first || symbolizer->asking)
		return 0;
	struct err err = {0};
	uint32_t object = symbolizer->first->object;
	struct known *known = known_of(symbolizer, object);
	symbolizer->asking = true;
	symbolizer->asked_ns = clock_now_ns();
	if (known->code) {
		end_failed(symbolizer, known->code, known->words);
		return 0;
	}
	int code = start_worker(symbolizer, &err);
	if (!code)
		worker_link_limit(symbolizer->link, symbolizer->first->hurry ? HURRY_S : 0);
	if (!code && known->opened) {
		if (!add_debug(symbolizer, known))
			ask(symbolizer, known->opened);
	} else if (!code)
		code = open_object(symbolizer, object, &err);
	if (code)
		end_failed(symbolizer, code, err.msg);
	return 0;
}

static void add(struct symbolizer *symbolizer, const struct question *question)
{
	struct question *new = memory_new(1, sizeof(*new));
	*new = *question;
	*symbolizer->last = new;
	symbolizer->last = &new->next;
	wake(symbolizer);
}

void symbolizer_names(struct symbolizer *symbolizer, uint32_t object, const uint64_t *addresses,
		      size_t n, const struct symbolizer_handlers *handlers, void *context)
{
	known_of(symbolizer, object)->prepared = true;
	add(symbolizer, &(struct question){.object = object,
					   .addresses = addresses,
					   .n = n,
					   .handlers = handlers,
					   .context = context});
}

bool symbolizer_prepare(struct symbolizer *symbolizer, uint32_t object)
{
	struct known *known = known_of(symbolizer, object);
	if (known->prepared)
		return false;
	known->prepared = true;
	add(symbolizer, &(struct question){.object = object});
	return true;
}

bool symbolizer_is_idle(const struct symbolizer *symbolizer)
{
	return !symbolizer->first;
}

void symbolizer_hurry(struct symbolizer *symbolizer, const void *context)
{
	for (struct question *q = symbolizer->first; q; q = q->next)
		q->hurry |= q->context == context;
}

void symbolizer_table(struct symbolizer *symbolizer, uint32_t object,
		      worker_link_on_table on_table_ready, void *context)
{
	add(symbolizer,
	    &(struct question){.object = object, .on_table = on_table_ready, .context = context});
}

/* The one under way stays in line, since its answer is; it reaches nobody. */
void symbolizer_forget(struct symbolizer *symbolizer, const void *context)
{
	for (struct question *q = symbolizer->first; q; q = q->next)
		if (q->context == context) {
			q->handlers = NULL;
			q->on_table = NULL;
			q->addresses = NULL;
			q->n = 0;
		}
}

struct symbolizer *symbolizer_new(sd_event *event, struct asker *asker, struct objects *objects)
{
	struct symbolizer *symbolizer = memory_new(1, sizeof(*symbolizer));
	symbolizer->event = event;
	symbolizer->asker = asker;
	symbolizer->objects = objects;
	symbolizer->last = &symbolizer->first;
	if (sd_event_add_defer(event, &symbolizer->next, on_next, symbolizer) < 0)
		memory_exhausted();
	sd_event_source_set_enabled(symbolizer->next, SD_EVENT_OFF);
	return symbolizer;
}

static void forget_known(struct known *known)
{
	int held guard_fd = take_held(known);
	free(known->opened);
	free(known->words);
	*known = (struct known){0};
}

bool symbolizer_clear(struct symbolizer *symbolizer)
{
	if (symbolizer->first)
		return false;
	worker_link_free(steal_ptr(symbolizer->link));
	while (symbolizer->known.n)
		forget_known(&symbolizer->known.at[--symbolizer->known.n]);
	return true;
}

void symbolizer_drop(struct symbolizer *symbolizer, uint32_t object)
{
	struct known *known = known_of(symbolizer, object);
	if (known->opened && symbolizer->link)
		worker_link_close(symbolizer->link, object);
	forget_known(known);
}

void symbolizer_free(struct symbolizer *symbolizer)
{
	if (!symbolizer)
		return;
	while (symbolizer->first) {
		struct question *question = symbolizer->first;
		symbolizer->first = question->next;
		free(question);
	}
	symbolizer_clear(symbolizer);
	free(symbolizer->known.at);
	sd_event_source_disable_unref(symbolizer->next);
	free(symbolizer);
}
