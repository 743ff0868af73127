/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/err.h"
#include "common/packet.h"
#include "symbolizer/object.h"
#include "symbolizer/name_record.h"
#include "symbolizer/reply.h"
#include "symbolizer/table.h"

enum {
	KEPT_BYTES = 64 << 20, /* python3.11's takes up to 36 MB, libc's 15 */
};

struct service {
	struct object **objects; /* by the engine's number */
	uint32_t n_objects;
	struct packet *packet;
	struct reply reply;
	uint64_t record[NAME_RECORD_BYTES / sizeof(uint64_t)];
};

static void service_free(struct service *service)
{
	for (uint32_t i = 0; i < service->n_objects; i++)
		object_close(service->objects[i]);
	free(service->objects);
	packet_free(service->packet);
	free(service);
}
GUARD_DEFINE(service, struct service *, service_free)

/* The place of an object's number, or NULL: too large, no memory. */
static struct object **place(struct service *service, uint32_t number)
{
	if (number >= WORKER_OBJECTS)
		return NULL;
	if (number >= service->n_objects) {
		uint32_t n = (number + 64) & ~63u;
		void *grown = realloc(service->objects, n * sizeof(struct object *));
		if (!grown)
			return NULL;
		service->objects = grown;
		memset(service->objects + service->n_objects, 0,
		       (n - service->n_objects) * sizeof(struct object *));
		service->n_objects = n;
	}
	return &service->objects[number];
}

static void forget(struct object **slot)
{
	object_close(*slot);
	*slot = NULL;
}

static int open_object(struct service *service, const struct worker_request *request,
		       struct object **object, struct err *err)
{
	guard_fd int fd = packet_take_fd(service->packet, 0);
	if (fd < 0)
		return err_set(err, -EBADF, ERR_FAILED, "no file came with the request");
	switch (request->op) {
	case WORKER_OPEN:
		return object_open(steal_fd(fd), request->value == 1, object, err);
	case WORKER_OPEN_VDSO:
		return object_open_vdso(fd, object, err);
	case WORKER_OPEN_JIT:
		return object_open_jit(fd, object, err);
	default:
		return object_open_kernel(steal_fd(fd), request->value, object, err);
	}
}

static int describe(struct reply *reply, const struct object *object)
{
	struct worker_opened *opened = reply_room(reply, sizeof(*opened));
	object_describe(object, opened);
	reply_add(reply, sizeof(*opened));
	return reply_end(reply);
}

static int answer_open(struct service *service, const struct worker_request *request)
{
	struct reply *reply = &service->reply;
	struct err err = {};
	struct object **slot = place(service, request->object);
	if (!slot)
		return reply_fail(reply, -ENOSPC, "too many objects");
	forget(slot);
	int code = open_object(service, request, slot, &err);
	if (code)
		return reply_fail(reply, code, *err.msg ? err.msg : strerror(-code));
	return describe(reply, *slot);
}

/* Only one object holds lines of any size; small ones stay: unpacking libc's takes longer than all
 * the rest of a recording's names. */
static void rest_others(struct service *service, const struct object *object)
{
	uint64_t left = KEPT_BYTES;
	for (uint32_t i = 0; i < service->n_objects; i++) {
		struct object *other = service->objects[i];
		uint64_t bytes = other && other != object ? object_lines_bytes(other) : 0;
		if (bytes > left)
			object_rest(other);
		else
			left -= bytes;
	}
}

static int answer_names(struct service *service, const struct worker_request *request,
			struct object *object)
{
	rest_others(service, object);
	object_set_quick(object, request->seconds != 0);
	for (uint32_t i = 0; i < request->n; i++) {
		size_t bytes = object_name(object, request->addresses[i], service->record);
		memcpy(reply_room(&service->reply, bytes), service->record, bytes);
		reply_add(&service->reply, bytes);
	}
	return reply_end(&service->reply);
}

/* As many of `n` elements as fit, a packet at a time. */
static void put_array(struct reply *reply, const void *elements, uint32_t n, uint32_t size)
{
	const uint32_t most = (LIMIT_PACKET_BYTES - sizeof(struct worker_reply)) / size;
	for (uint32_t done = 0; done < n;) {
		uint32_t part = n - done < most ? n - done : most;
		memcpy(reply_room(reply, (size_t)part * size),
		       (const char *)elements + (size_t)done * size, (size_t)part * size);
		reply_add_many(reply, part, (size_t)part * size);
		reply_flush(reply);
		done += part;
	}
}

static int answer_table(struct service *service, struct object *object)
{
	struct reply *reply = &service->reply;
	struct cfi_table table guard(cfi_table_deinit) = {};
	struct err err = {};
	if (!object_elf(object))
		return reply_fail(reply, -ENODATA, "it has no table");
	int code = table_build(object_elf(object), &table, &err);
	if (code)
		return reply_fail(reply, code, *err.msg ? err.msg : strerror(-code));
	struct worker_table *sizes = reply_room(reply, sizeof(*sizes));
	*sizes = (struct worker_table){table.n_rules, table.n_rows};
	reply_add_many(reply, 1, sizeof(*sizes));
	reply_flush(reply);
	put_array(reply, table.rules, table.n_rules, sizeof(*table.rules));
	put_array(reply, table.rows, table.n_rows, sizeof(*table.rows));
	return reply_end(reply);
}

static int answer_debug(struct service *service, uint32_t op, struct object *object)
{
	struct err err = {};
	guard_fd int fd = packet_take_fd(service->packet, 0);
	int code = fd < 0	      ? -EBADF
		   : op == WORKER_ALT ? object_add_alt(object, steal_fd(fd), &err)
				      : object_add_debug(object, steal_fd(fd), &err);
	return code ? reply_fail(&service->reply, code, *err.msg ? err.msg : strerror(-code))
		    : describe(&service->reply, object);
}

static int answer(struct service *service, const struct worker_request *request)
{
	uint32_t number = request->object;
	struct object *object = number < service->n_objects ? service->objects[number] : NULL;
	switch (request->op) {
	case WORKER_OPEN:
	case WORKER_OPEN_KERNEL:
	case WORKER_OPEN_VDSO:
	case WORKER_OPEN_JIT:
		return answer_open(service, request);
	case WORKER_NAMES:
	case WORKER_TABLE:
	case WORKER_DEBUG:
	case WORKER_ALT:
		if (!object)
			return reply_fail(&service->reply, -ENOENT, "the object is not open");
		return request->op == WORKER_NAMES   ? answer_names(service, request, object)
		       : request->op == WORKER_TABLE ? answer_table(service, object)
						     : answer_debug(service, request->op, object);
	case WORKER_CLOSE:
		if (object)
			forget(&service->objects[number]);
		return reply_end(&service->reply);
	default:
		return reply_fail(&service->reply, -ENOSYS, "unknown request");
	}
}

static void set_timers(uint32_t cpu_seconds, uint32_t seconds)
{
	const struct itimerval cpu = {.it_value.tv_sec = cpu_seconds};
	(void)setitimer(ITIMER_PROF, &cpu, NULL);
	alarm(seconds);
}

static void limit_time(uint32_t wanted)
{
	const uint32_t seconds = wanted && wanted < WORKER_SECONDS ? wanted : WORKER_SECONDS;
	set_timers(seconds, WORKER_PATIENCE * seconds);
}

static void unlimit_time(void)
{
	set_timers(0, 0);
}

int service_run(int socket)
{
	struct service *service guard(guard_service) = calloc(1, sizeof(*service));
	if (!service || !(service->packet = packet_new()))
		return -ENOMEM;
	for (;;) {
		int code = packet_receive(socket, service->packet);
		if (code == -ECONNRESET)
			return 0;
		if (code)
			return code;
		const struct worker_request *request = (const void *)service->packet->data;
		size_t bytes = service->packet->bytes;
		if (bytes < sizeof(*request) || request->n > WORKER_ADDRESSES ||
		    bytes != sizeof(*request) + request->n * sizeof(uint64_t))
			return -EPROTO;
		limit_time(request->seconds);
		reply_begin(&service->reply, socket, request);
		code = answer(service, request);
		unlimit_time();
		if (code)
			return code;
	}
}
