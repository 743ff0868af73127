/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/worker_link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "common/guard.h"
#include "common/packet.h"
#include "common/unwind.h"
#include "symbolizer/sandbox.h"
#include "symbolizer/service.h"
#include "tests/image.h"
#include "tests/unit.h"

/* What the callbacks saw. */
struct seen {
	sd_event *event;
	struct worker_link *link;
	int code;
	unsigned done, dead, names, named;
	char words[160], last[256], system_name[256], module[64];
	uint64_t vaddr;
	struct worker_opened opened;
	struct worker_table table;
	struct unwind_row row;
};

static void over(struct seen *seen, int code, const char *words)
{
	seen->code = code;
	seen->done++;
	snprintf(seen->words, sizeof(seen->words), "%s", words);
	if (!worker_link_waiting(seen->link) && !worker_link_is_dead(seen->link))
		sd_event_exit(seen->event, 0);
}
static void on_opened(void *context, int code, const char *words,
		      const struct worker_opened *opened)
{
	struct seen *seen = context;
	if (opened)
		seen->opened = *opened;
	over(seen, code, words);
}
static void on_name(void *context, size_t index, const struct worker_link_name *name)
{
	struct seen *seen = context;
	CU_ASSERT_EQUAL(index, seen->names);
	seen->names++;
	seen->vaddr = name->vaddr;
	if (!name->n_lines)
		return;
	seen->named++;
	snprintf(seen->last, sizeof(seen->last), "%s", name->lines[0].name);
	snprintf(seen->system_name, sizeof(seen->system_name), "%s", name->lines[0].system_name);
	snprintf(seen->module, sizeof(seen->module), "%s", name->lines[0].module);
}
static void on_done(void *context, int code, const char *words)
{
	over(context, code, words);
}
static void on_table(void *context, int code, const char *words, const struct worker_table *table,
		     const struct unwind_rule *rules, const struct unwind_row *rows)
{
	struct seen *seen = context;
	if (table) {
		seen->table = *table;
		seen->row = rows[table->n_rows - 1];
	}
	over(seen, code, words);
}
static void on_dead(void *context)
{
	struct seen *seen = context;
	seen->dead++;
	sd_event_exit(seen->event, 0);
}

static void seen_init(struct seen *seen, int socket_take)
{
	*seen = (struct seen){};
	CU_ASSERT_TRUE(sd_event_new(&seen->event) >= 0);
	seen->link = worker_link_new(seen->event, socket_take, on_dead, seen);
	CU_ASSERT_PTR_NOT_NULL(seen->link);
}
/* Until nothing is asked any more, or the link is dead. */
static void run(struct seen *seen)
{
	CU_ASSERT_TRUE(sd_event_loop(seen->event) >= 0);
}
static void seen_deinit(struct seen *seen)
{
	worker_link_free(seen->link);
	sd_event_unref(seen->event);
}

static pid_t start_worker(int *socket)
{
	int pair[2];
	CU_ASSERT_EQUAL(packet_pair(pair), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(pair[0]);
		_exit(sandbox_enter() || service_run(pair[1]) ? 1 : 0);
	}
	close(pair[1]);
	*socket = pair[0];
	return pid;
}

static void ended_well(pid_t pid)
{
	int status = -1;
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(status, 0);
}

static const struct image_symbol image_list[] = {
	{"_ZN3foo3barEv", IMAGE_TEXT + 0x100, 0x100, STT_FUNC, STB_GLOBAL},
	{"plain", IMAGE_TEXT + 0x200, 0x100, STT_FUNC, STB_GLOBAL},
};

/* A real worker in its sandbox: a file, then many addresses (three requests), then the rest. */
static void a_worker_answers(void)
{
	enum {
		MANY = 10000
	};
	int socket;
	pid_t pid = start_worker(&socket);
	struct seen seen;
	seen_init(&seen, socket);
	size_t bytes;
	guard_mem uint8_t *image = image_new(image_list, 2, &bytes);
	guard_fd int fd = image_file(image, bytes);
	guard_mem uint64_t *addresses = calloc(MANY, sizeof(*addresses));
	unsigned expected = 0; /* addresses in `plain`; behind it nothing is named */
	for (int i = 0; i < MANY - 1; i++) {
		addresses[i] = IMAGE_OFFSET + 0x200 + (uint64_t)i % 0x200;
		expected += i % 0x200 < 0x100;
	}
	addresses[MANY - 1] = IMAGE_OFFSET + 0x110;
	expected++;
	worker_link_open(seen.link, 7, fd, on_opened, &seen);
	worker_link_names(seen.link, 7, addresses, MANY, on_name, on_done, &seen);
	worker_link_table(seen.link, 7, on_table, &seen);
	worker_link_close(seen.link, 7);
	worker_link_names(seen.link, 7, addresses, 1, on_name, on_done, &seen);
	run(&seen);
	CU_ASSERT_EQUAL(seen.done, 4);
	CU_ASSERT_EQUAL(seen.opened.n_symbols, 2);
	CU_ASSERT_EQUAL(seen.opened.n_segments, 1);
	CU_ASSERT_EQUAL(seen.opened.segments[0].vaddr, IMAGE_TEXT);
	CU_ASSERT_EQUAL(seen.names, MANY);
	CU_ASSERT_EQUAL(seen.named, expected);
	CU_ASSERT_STRING_EQUAL(seen.last, "foo::bar");
	CU_ASSERT_STRING_EQUAL(seen.system_name, "_ZN3foo3barEv");
	CU_ASSERT_EQUAL(seen.vaddr, IMAGE_TEXT + 0x110);
	CU_ASSERT_EQUAL(seen.code, -ENOENT); /* it was closed */
	CU_ASSERT_STRING_EQUAL(seen.words, "the object is not open");
	CU_ASSERT_EQUAL(seen.dead, 0);
	seen_deinit(&seen);
	ended_well(pid);
}

static void a_real_library_has_a_table(void)
{
	int socket;
	pid_t pid = start_worker(&socket);
	struct seen seen;
	seen_init(&seen, socket);
	guard_fd int fd = open(image_library("/libc.so.6"), O_RDONLY | O_CLOEXEC);
	worker_link_open(seen.link, 1, fd, on_opened, &seen);
	worker_link_table(seen.link, 1, on_table, &seen);
	run(&seen);
	CU_ASSERT_EQUAL(seen.code, 0);
	CU_ASSERT_EQUAL(seen.opened.n_build_id, 20);
	CU_ASSERT_TRUE(seen.opened.n_symbols > 1000);
	CU_ASSERT_TRUE(seen.table.n_rows > 5000);
	CU_ASSERT_EQUAL(seen.row.rule, UNWIND_NO_RULE);
	seen_deinit(&seen);
	ended_well(pid);
}

static void names_the_kernel_and_refuses_others(void)
{
	static const char text[] = "ffffffff81000000 T _stext\nffffffffc0000000 t read\t[ext4]\n"
				   "ffffffffc0000100 t end\t[ext4]\n";
	int socket;
	pid_t pid = start_worker(&socket);
	struct seen seen;
	seen_init(&seen, socket);
	guard_fd int fd = image_file(text, sizeof(text) - 1), junk = image_file("junk", 4);
	const uint64_t address = 0x3f000010;
	worker_link_open(seen.link, 3, junk, on_opened, &seen);
	worker_link_open_kernel(seen.link, fd, 0xffffffff81000000, on_opened, &seen);
	worker_link_names(seen.link, 0, &address, 1, on_name, on_done, &seen);
	run(&seen);
	CU_ASSERT_EQUAL(seen.done, 3);
	CU_ASSERT_EQUAL(seen.code, 0);
	CU_ASSERT_STRING_EQUAL(seen.last, "read");
	CU_ASSERT_STRING_EQUAL(seen.module, "ext4");
	CU_ASSERT_EQUAL(seen.vaddr, address);
	seen_deinit(&seen);
	ended_well(pid);
}

/* A question asked from a callback goes out once. */
static void ask_more(void *context, int code, const char *words, const struct worker_opened *opened)
{
	struct seen *seen = context;
	const uint64_t address = IMAGE_OFFSET + 0x210;
	worker_link_names(seen->link, 7, &address, 1, on_name, on_done, seen);
	on_opened(context, code, words, opened);
}

static void callbacks_may_ask(void)
{
	int socket;
	pid_t pid = start_worker(&socket);
	struct seen seen;
	seen_init(&seen, socket);
	size_t bytes;
	guard_mem uint8_t *image = image_new(image_list, 2, &bytes);
	guard_fd int fd = image_file(image, bytes);
	worker_link_open(seen.link, 7, fd, ask_more, &seen);
	run(&seen);
	CU_ASSERT_EQUAL(seen.done, 2);
	CU_ASSERT_STRING_EQUAL(seen.last, "plain");
	seen_deinit(&seen);
	ended_well(pid);
}

/* The end of a worker fails the question under way and those behind it, each its own way. */
static int codes[2];
static void keep_code(void *context, int code, const char *words)
{
	codes[codes[0] != 0] = code;
}

static void a_worker_ends(void)
{
	int pair[2];
	CU_ASSERT_EQUAL(packet_pair(pair), 0);
	struct seen seen;
	seen_init(&seen, pair[0]);
	const uint64_t address = 1;
	codes[0] = codes[1] = 0;
	worker_link_names(seen.link, 1, &address, 1, on_name, keep_code, &seen);
	worker_link_names(seen.link, 1, &address, 1, on_name, keep_code, &seen);
	close(pair[1]);
	run(&seen);
	CU_ASSERT_EQUAL(codes[0], -EPIPE);
	CU_ASSERT_EQUAL(codes[1], -ECANCELED);
	CU_ASSERT_EQUAL(seen.dead, 1);
	CU_ASSERT_TRUE(worker_link_is_dead(seen.link));
	worker_link_open(seen.link, 2, -1, on_opened, &seen);
	CU_ASSERT_EQUAL(seen.code, -ECANCELED);
	seen_deinit(&seen);
}

/* One question, one packet that is no answer to it: the link must die of it, and nothing else. */
static void hostile(uint32_t op, const void *packet, size_t bytes)
{
	int pair[2];
	CU_ASSERT_EQUAL(packet_pair(pair), 0);
	struct seen seen;
	seen_init(&seen, pair[0]);
	const uint64_t addresses[2] = {1, 2};
	if (op == WORKER_OPEN)
		worker_link_open(seen.link, 5, -1, on_opened, &seen);
	else if (op == WORKER_TABLE)
		worker_link_table(seen.link, 5, on_table, &seen);
	else
		worker_link_names(seen.link, 5, addresses, 2, on_name, on_done, &seen);
	CU_ASSERT_EQUAL(packet_send(pair[1], packet, bytes, NULL, 0), 0);
	run(&seen);
	CU_ASSERT_EQUAL(seen.code, -EPROTO);
	CU_ASSERT_EQUAL(seen.dead, 1);
	seen_deinit(&seen);
	close(pair[1]);
}

struct fake {
	struct worker_reply head;
	union {
		struct worker_opened opened;
		struct {
			struct worker_name name;
			struct worker_line line;
			char text[64];
		};
		struct worker_table table;
	};
};

static struct fake one_name(void)
{
	struct fake fake = {.head = {.op = WORKER_NAMES, .object = 5, .last = 1, .n = 2}};
	fake.name = (struct worker_name){.bytes = sizeof(fake.name) + sizeof(fake.line) + 8,
					 .n_lines = 1};
	fake.line.n_name = 8;
	memcpy(fake.text, "function", 8);
	return fake;
}

static void nonsense_is_refused(void)
{
	const size_t one = sizeof(struct worker_reply) + sizeof(struct worker_name) +
			   sizeof(struct worker_line) + 8;
	hostile(WORKER_NAMES, "x", 1);
	struct fake fake = one_name();
	hostile(WORKER_NAMES, &fake, one); /* two promised, one there */
	fake.head.n = 1;
	hostile(WORKER_NAMES, &fake, one); /* too few for the last packet */
	fake.head.n = 3;
	hostile(WORKER_NAMES, &fake, one);
	fake = one_name();
	fake.head.object = 6;
	hostile(WORKER_NAMES, &fake, one);
	fake = one_name();
	fake.head.code = 5;
	hostile(WORKER_NAMES, &fake, one);
	fake = one_name();
	fake.line.n_name = 0;
	hostile(WORKER_NAMES, &fake, one);
	fake = one_name();
	fake.line.n_file = 60000;
	hostile(WORKER_NAMES, &fake, sizeof(fake));
	fake = one_name();
	fake.text[3] = 0;
	hostile(WORKER_NAMES, &fake, one);
	fake = one_name();
	fake.name.n_lines = UINT32_MAX;
	hostile(WORKER_NAMES, &fake, one);
	fake = one_name();
	fake.name.bytes = 8;
	hostile(WORKER_NAMES, &fake, one);
	fake.name.bytes = UINT32_MAX & ~7u;
	hostile(WORKER_NAMES, &fake, one);
	struct fake open = {.head = {.op = WORKER_OPEN, .object = 5, .last = 1, .n = 1}};
	const size_t opened = sizeof(open.head) + sizeof(open.opened);
	hostile(WORKER_OPEN, &open, opened - 1);
	open.opened.n_segments = 17;
	hostile(WORKER_OPEN, &open, opened);
	open.opened.n_segments = 1;
	open.opened.segments[0] = (struct worker_segment){UINT64_MAX, 2, 0, 0};
	hostile(WORKER_OPEN, &open, opened);
	struct fake table = {.head = {.op = WORKER_TABLE, .object = 5, .n = 1}};
	table.table = (struct worker_table){UINT32_MAX, UINT32_MAX};
	hostile(WORKER_TABLE, &table, sizeof(table.head) + sizeof(table.table));
}

/* Every byte of a good answer, changed: dead or alive, but never a crash (ASan judges). */
static void changed_answers(void)
{
	struct fake good = one_name();
	good.head.n = 1;
	for (size_t i = 0; i < sizeof(struct worker_reply) + 48; i++) {
		int pair[2];
		CU_ASSERT_EQUAL(packet_pair(pair), 0);
		struct seen seen;
		seen_init(&seen, pair[0]);
		const uint64_t address = 1;
		worker_link_names(seen.link, 5, &address, 1, on_name, on_done, &seen);
		struct fake fake = good;
		((uint8_t *)&fake)[i] ^= 0xff;
		CU_ASSERT_EQUAL(packet_send(pair[1], &fake, sizeof(fake.head) + 48, NULL, 0), 0);
		close(pair[1]);
		run(&seen);
		CU_ASSERT_EQUAL(seen.done, 1);
		seen_deinit(&seen);
	}
}

SUITE(worker_link, {"a worker answers", a_worker_answers},
      {"a real library has a table", a_real_library_has_a_table},
      {"names the kernel and refuses others", names_the_kernel_and_refuses_others},
      {"callbacks may ask", callbacks_may_ask}, {"a worker ends", a_worker_ends},
      {"nonsense is refused", nonsense_is_refused}, {"changed answers", changed_answers});
