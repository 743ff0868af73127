/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to real workers, which a process in the broker's place starts: those of the kernel,
 * which needs no file that is mapped. */
#include "daemon/symbolizer.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "common/packet.h"
#include "daemon/asker.h"
#include "symbolizer/sandbox.h"
#include "symbolizer/service.h"
#include "tests/image.h"
#include "tests/unit.h"

static const uint64_t STEXT = 0xffffffff81000000;
static const char KALLSYMS[] = "ffffffff81000000 T _stext\n"
			       "ffffffff81000100 t do_something\n";

struct scene {
	pid_t broker;
	sd_event *event;
	struct asker *asker;
	struct symbolizer *symbolizer;
	unsigned objects, names, done;
	int code;
	char name[64];
};

static int start_worker(void)
{
	int pair[2];
	if (packet_pair(pair))
		return -1;
	if (fork() == 0) {
		close(pair[0]);
		_exit(sandbox_enter() || service_run(pair[1]) ? 1 : 0);
	}
	close(pair[1]);
	return pair[0];
}

/* What of the broker is asked here. */
static void be_broker(int socket)
{
	struct packet *packet = packet_new();
	while (packet && !packet_receive(socket, packet)) {
		const struct broker_request *request = (const void *)packet->data;
		struct broker_reply reply = {.value = STEXT};
		int fd = request->op == BROKER_WORKER	  ? start_worker()
			 : request->op == BROKER_KALLSYMS ? image_file(KALLSYMS, strlen(KALLSYMS))
							  : -1;
		packet_send(socket, &reply, sizeof(reply), &fd, fd >= 0);
		if (fd >= 0)
			close(fd);
	}
	_exit(0);
}

static void on_object(void *context, const struct worker_opened *opened)
{
	struct scene *scene = context;
	scene->objects += opened != NULL;
}

static void on_name(void *context, size_t index, const struct worker_link_name *name)
{
	struct scene *scene = context;
	scene->names++;
	snprintf(scene->name, sizeof(scene->name), "%s", name->n_lines ? name->lines[0].name : "");
}

static void on_done(void *context, int code, const char *words)
{
	struct scene *scene = context;
	scene->done++;
	scene->code = code;
}

static const struct symbolizer_handlers handlers = {on_object, on_name, on_done};

static void begin(struct scene *scene)
{
	int pair[2];
	*scene = (struct scene){0};
	CU_ASSERT_FATAL(!packet_pair(pair));
	scene->broker = fork();
	if (scene->broker == 0) {
		close(pair[0]);
		be_broker(pair[1]);
	}
	close(pair[1]);
	scene->asker = asker_new(pair[0]);
	CU_ASSERT_FATAL(scene->asker && sd_event_new(&scene->event) >= 0);
	scene->symbolizer = symbolizer_new(scene->event, scene->asker, NULL);
}

static void end(struct scene *scene)
{
	symbolizer_free(scene->symbolizer);
	sd_event_unref(scene->event);
	asker_free(scene->asker);
	CU_ASSERT_EQUAL(waitpid(scene->broker, NULL, 0), scene->broker);
}

/* Until an answer is whole. */
static void wait_for_answer(struct scene *scene)
{
	unsigned done = scene->done;
	while (scene->done == done && sd_event_run(scene->event, UINT64_MAX) >= 0)
		;
}

static const uint64_t address = 0x108;

static void ask(struct scene *scene)
{
	symbolizer_names(scene->symbolizer, SYMBOLIZER_KERNEL, &address, 1, &handlers, scene);
}

static void names(void)
{
	struct scene scene;
	begin(&scene);
	CU_ASSERT(symbolizer_is_idle(scene.symbolizer));
	ask(&scene);
	CU_ASSERT(!symbolizer_is_idle(scene.symbolizer));
	wait_for_answer(&scene);
	CU_ASSERT(symbolizer_is_idle(scene.symbolizer));
	CU_ASSERT_EQUAL(scene.code, 0);
	CU_ASSERT_EQUAL(scene.objects, 1);
	CU_ASSERT_EQUAL(scene.names, 1);
	CU_ASSERT_STRING_EQUAL(scene.name, "do_something");
	end(&scene);
}

/* Nobody would answer what is under way: it is answered first. */
static void keeps_what_is_asked(void)
{
	struct scene scene;
	begin(&scene);
	ask(&scene);
	CU_ASSERT(!symbolizer_clear(scene.symbolizer)); /* in line */
	sd_event_run(scene.event, UINT64_MAX);
	CU_ASSERT_EQUAL(scene.done, 0);
	CU_ASSERT(!symbolizer_clear(scene.symbolizer)); /* with the worker */
	wait_for_answer(&scene);
	CU_ASSERT_EQUAL(scene.code, 0);
	CU_ASSERT_STRING_EQUAL(scene.name, "do_something");
	CU_ASSERT(symbolizer_clear(scene.symbolizer));
	end(&scene);
}

/* Another worker answers after all was forgotten. */
static void begins_anew(void)
{
	struct scene scene;
	begin(&scene);
	for (unsigned i = 1; i <= 3; i++) {
		ask(&scene);
		wait_for_answer(&scene);
		CU_ASSERT_EQUAL(scene.code, 0);
		CU_ASSERT_EQUAL(scene.names, i);
		CU_ASSERT(symbolizer_clear(scene.symbolizer));
	}
	end(&scene);
}

/* Who asked is gone: no call comes, and the others have their answers. */
static void forgets_who_asked(void)
{
	struct scene scene, gone = {0};
	begin(&scene);
	symbolizer_names(scene.symbolizer, SYMBOLIZER_KERNEL, &address, 1, &handlers, &gone);
	ask(&scene);
	symbolizer_forget(scene.symbolizer, &gone);
	wait_for_answer(&scene);
	CU_ASSERT_EQUAL(gone.objects + gone.names + gone.done, 0);
	CU_ASSERT_EQUAL(scene.names, 1);
	end(&scene);
}

SUITE(symbolizer, {"names", names}, {"keeps what is asked", keeps_what_is_asked},
      {"begins anew", begins_anew}, {"forgets who asked", forgets_who_asked});
