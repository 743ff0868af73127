/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/worker_link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "common/guard.h"
#include "common/memory.h"
#include "common/packet.h"
#include "common/unwind.h"

struct question {
	struct question *next;
	struct worker_request head;
	int fd;		     /* -1: none */
	uint64_t *addresses; /* names: all of them */
	size_t n, sent, named;
	struct worker_table table; /* table: as announced; what has come of it */
	struct unwind_rule *rules;
	struct unwind_row *rows;
	uint32_t n_rules, n_rows;
	worker_link_on_opened on_opened;
	worker_link_on_name on_name;
	worker_link_on_done on_done;
	worker_link_on_table on_table;
	void *context;
};

struct worker_link {
	int socket; /* -1: dead */
	sd_event_source *readable, *timeout;
	struct packet *packet;
	struct question *first, **last; /* the first one has been sent */
	size_t waiting;
	uint32_t seconds; /* of a request; 0: the worker's own limit */
	bool settling;	  /* a callback is running; the next question goes out behind it */
	void (*on_dead)(void *context);
	void *context;
	struct worker_link_name name;
	struct worker_answer_text text;
};

static void question_free(struct question *question)
{
	guard_close(&question->fd);
	free(question->addresses);
	free(question->rules);
	free(question->rows);
	free(question);
}

/* Calls back for the last time. */
static void question_end(struct question *q, int code, const char *words,
			 const struct worker_opened *opened)
{
	if (q->on_opened)
		q->on_opened(q->context, code, words, opened);
	if (q->on_done)
		q->on_done(q->context, code, words);
	if (q->on_table)
		q->on_table(q->context, code, words, code ? NULL : &q->table,
			    code ? NULL : q->rules, code ? NULL : q->rows);
	question_free(q);
}

static struct question *pop(struct worker_link *link)
{
	struct question *question = link->first;
	link->first = question->next;
	if (!link->first)
		link->last = &link->first;
	link->waiting--;
	return question;
}

/* Whoever asks from within a callback finds a dead link, so the queue only shrinks. */
static void die(struct worker_link *link, int code, const char *words)
{
	guard_close(&link->socket);
	sd_event_source_set_enabled(link->readable, SD_EVENT_OFF);
	sd_event_source_set_enabled(link->timeout, SD_EVENT_OFF);
	while (link->first) {
		question_end(pop(link), code, words, NULL);
		code = -ECANCELED;
		words = "the worker ended before";
	}
	link->on_dead(link->context);
}

/* Sends the (next part of the) first question. */
static int ask(struct worker_link *link)
{
	struct question *q = link->first;
	size_t left = q->n - q->sent;
	size_t n = left < WORKER_ADDRESSES ? left : WORKER_ADDRESSES;
	struct {
		struct worker_request head;
		uint64_t addresses[WORKER_ADDRESSES];
	} request = {.head = q->head};
	request.head.n = (uint32_t)n;
	request.head.seconds = link->seconds;
	if (n)
		memcpy(request.addresses, q->addresses + q->sent, n * sizeof(uint64_t));
	q->sent += n;
	sd_event_source_set_time_relative(link->timeout, WORKER_LINK_TIMEOUT_S * 1000000ull);
	sd_event_source_set_enabled(link->timeout, SD_EVENT_ONESHOT);
	return packet_send(link->socket, &request, sizeof(request.head) + n * sizeof(uint64_t),
			   &q->fd, q->fd >= 0 ? 1 : 0);
}

/* The first question is over; the next one goes out. */
static int settle(struct worker_link *link, int code, const char *words,
		  const struct worker_opened *opened)
{
	sd_event_source_set_enabled(link->timeout, SD_EVENT_OFF);
	link->settling = true;
	question_end(pop(link), code, words, opened);
	link->settling = false;
	return link->first ? ask(link) : 0;
}

static int on_opened(struct worker_link *link, const struct worker_answer *answer)
{
	struct worker_opened opened;
	int code = worker_answer_opened(answer, &opened);
	return code ? code : settle(link, 0, "", &opened);
}

static int on_names(struct worker_link *link, const struct worker_answer *answer)
{
	struct question *q = link->first;
	if (answer->head.n > q->sent - q->named)
		return -EPROTO;
	size_t at = 0;
	for (uint32_t i = 0; i < answer->head.n; i++) {
		int code = worker_answer_name(answer, &at, &link->text, &link->name);
		if (code)
			return code;
		q->on_name(q->context, q->named++, &link->name);
	}
	if (at != answer->bytes || (answer->head.last && q->named != q->sent))
		return -EPROTO;
	if (!answer->head.last)
		return 0;
	return q->sent < q->n ? ask(link) : settle(link, 0, "", NULL);
}

/* Appends n elements of `size` to an array of `all`, of which *have have come. */
static int append(void *array, uint32_t *have, uint32_t all, const struct worker_answer *answer,
		  size_t size)
{
	uint32_t n = answer->head.n;
	if (!n || n > all - *have || answer->bytes != n * size)
		return -EPROTO;
	memcpy((char *)array + *have * size, answer->records, answer->bytes);
	*have += n;
	return 0;
}

static int on_table(struct worker_link *link, const struct worker_answer *answer)
{
	struct question *q = link->first;
	if (!q->rules) {
		if (worker_answer_table(answer, &q->table) || answer->head.last)
			return -EPROTO;
		q->rules = memory_new(q->table.n_rules, sizeof(*q->rules));
		q->rows = memory_new(q->table.n_rows, sizeof(*q->rows));
		return 0;
	}
	if (!answer->head.last && q->n_rules < q->table.n_rules)
		return append(q->rules, &q->n_rules, q->table.n_rules, answer, sizeof(*q->rules));
	if (!answer->head.last)
		return append(q->rows, &q->n_rows, q->table.n_rows, answer, sizeof(*q->rows));
	if (answer->bytes || q->n_rows != q->table.n_rows ||
	    !worker_answer_rules_ok(q->rules, q->n_rules) ||
	    !worker_answer_rows_ok(q->rows, q->n_rows, q->n_rules))
		return -EPROTO;
	return settle(link, 0, "", NULL);
}

static int on_packet(struct worker_link *link)
{
	struct worker_answer answer;
	if (!link->first)
		return -EPROTO;
	int code = worker_answer_read(link->packet->data, link->packet->bytes, &link->first->head,
				      &answer);
	if (code)
		return code;
	if (answer.head.code) {
		char words[160];
		worker_answer_words(&answer, words);
		return settle(link, answer.head.code, words, NULL);
	}
	switch (answer.head.op) {
	case WORKER_NAMES:
		return on_names(link, &answer);
	case WORKER_TABLE:
		return on_table(link, &answer);
	case WORKER_CLOSE:
		return answer.bytes || !answer.head.last ? -EPROTO : settle(link, 0, "", NULL);
	default:
		return on_opened(link, &answer);
	}
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct worker_link *link = context;
	/* A few packets a turn: the loop has other work, too. */
	for (int i = 0; i < 16; i++) {
		int code = packet_receive(link->socket, link->packet);
		if (code == -EAGAIN)
			return 0;
		if (code == -EPROTO) {
			die(link, -EPROTO, "the worker sent nonsense");
			return 0;
		}
		if (code) {
			die(link, -EPIPE, "the worker ended");
			return 0;
		}
		code = on_packet(link);
		if (code) {
			die(link, code == -EPROTO ? -EPROTO : -EPIPE,
			    code == -EPROTO ? "the worker sent nonsense" : "the worker ended");
			return 0;
		}
	}
	return 0;
}

static int on_timeout(sd_event_source *source, uint64_t now, void *context)
{
	die(context, -ETIMEDOUT, "the worker took too long");
	return 0;
}

struct worker_link *worker_link_new(sd_event *event, int socket_take,
				    void (*on_dead)(void *context), void *context)
{
	guard_fd int socket = socket_take;
	struct worker_link *link = calloc(1, sizeof(*link));
	if (!link)
		return NULL;
	link->socket = -1;
	link->last = &link->first;
	link->on_dead = on_dead;
	link->context = context;
	link->packet = packet_new();
	int flags = fcntl(socket, F_GETFL);
	if (!link->packet || flags < 0 || fcntl(socket, F_SETFL, flags | O_NONBLOCK) ||
	    sd_event_add_io(event, &link->readable, socket, EPOLLIN, on_readable, link) < 0 ||
	    sd_event_add_time_relative(event, &link->timeout, CLOCK_MONOTONIC, 0, 0, on_timeout,
				       link) < 0) {
		worker_link_free(link);
		return NULL;
	}
	sd_event_source_set_enabled(link->timeout, SD_EVENT_OFF);
	link->socket = steal_fd(socket);
	return link;
}

void worker_link_free(struct worker_link *link)
{
	if (!link)
		return;
	sd_event_source_disable_unref(link->readable);
	sd_event_source_disable_unref(link->timeout);
	while (link->first)
		question_free(pop(link));
	guard_close(&link->socket);
	packet_free(link->packet);
	free(link);
}

bool worker_link_is_dead(const struct worker_link *link)
{
	return link->socket < 0;
}

size_t worker_link_waiting(const struct worker_link *link)
{
	return link->waiting;
}

static struct question *question_new(uint32_t op, uint32_t object, int fd, void *context)
{
	struct question *question = memory_new(1, sizeof(*question));
	question->head = (struct worker_request){.op = op, .object = object};
	question->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	question->context = context;
	return question;
}

static void enqueue(struct worker_link *link, struct question *question)
{
	if (link->socket < 0) {
		question_end(question, -ECANCELED, "the worker ended before", NULL);
		return;
	}
	*link->last = question;
	link->last = &question->next;
	link->waiting++;
	/* A worker that is gone is found by on_readable(), which is no callback of the asker's. */
	if (link->first == question && !link->settling)
		(void)ask(link);
}

static void open_as(struct worker_link *link, struct question *question,
		    worker_link_on_opened on_opened_cb)
{
	question->on_opened = on_opened_cb;
	enqueue(link, question);
}

void worker_link_open(struct worker_link *link, uint32_t object, int fd,
		      worker_link_on_opened on_opened_cb, void *context)
{
	open_as(link, question_new(WORKER_OPEN, object, fd, context), on_opened_cb);
}

void worker_link_open_vdso(struct worker_link *link, uint32_t object, int fd,
			   worker_link_on_opened on_opened_cb, void *context)
{
	open_as(link, question_new(WORKER_OPEN_VDSO, object, fd, context), on_opened_cb);
}

void worker_link_open_jit(struct worker_link *link, uint32_t object, int fd,
			  worker_link_on_opened on_opened_cb, void *context)
{
	open_as(link, question_new(WORKER_OPEN_JIT, object, fd, context), on_opened_cb);
}

void worker_link_open_kernel(struct worker_link *link, int fd, uint64_t stext,
			     worker_link_on_opened on_opened_cb, void *context)
{
	struct question *question = question_new(WORKER_OPEN_KERNEL, 0, fd, context);
	question->head.value = stext;
	open_as(link, question, on_opened_cb);
}

void worker_link_limit(struct worker_link *link, uint32_t seconds)
{
	link->seconds = seconds;
}

void worker_link_names(struct worker_link *link, uint32_t object, const uint64_t *addresses,
		       size_t n, worker_link_on_name on_name, worker_link_on_done on_done,
		       void *context)
{
	struct question *question = question_new(WORKER_NAMES, object, -1, context);
	question->addresses = memory_new(n, sizeof(*addresses));
	if (n)
		memcpy(question->addresses, addresses, n * sizeof(*addresses));
	question->n = n;
	question->on_name = on_name;
	question->on_done = on_done;
	enqueue(link, question);
}

void worker_link_table(struct worker_link *link, uint32_t object, worker_link_on_table on_table_cb,
		       void *context)
{
	struct question *question = question_new(WORKER_TABLE, object, -1, context);
	question->on_table = on_table_cb;
	enqueue(link, question);
}

void worker_link_debug(struct worker_link *link, uint32_t object, int fd,
		       worker_link_on_opened on_opened_cb, void *context)
{
	open_as(link, question_new(WORKER_DEBUG, object, fd, context), on_opened_cb);
}

void worker_link_alt(struct worker_link *link, uint32_t object, int fd,
		     worker_link_on_opened on_opened_cb, void *context)
{
	open_as(link, question_new(WORKER_ALT, object, fd, context), on_opened_cb);
}

void worker_link_close(struct worker_link *link, uint32_t object)
{
	enqueue(link, question_new(WORKER_CLOSE, object, -1, NULL));
}
