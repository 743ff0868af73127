/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/object.h"
#include "symbolizer/name_record.h"

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/worker.h"
#include "tests/image.h"
#include "tests/unit.h"

static uint64_t record[NAME_RECORD_BYTES / sizeof(uint64_t)];

/* The first line's name of the record, or "". */
static const char *name_at(struct object *object, uint64_t offset, uint64_t *vaddr)
{
	static char name[256];
	struct worker_name head;
	struct worker_line line;
	size_t bytes = object_name(object, offset, record);
	memcpy(&head, record, sizeof(head));
	CU_ASSERT_EQUAL(head.bytes, bytes);
	CU_ASSERT_EQUAL(bytes % 8, 0);
	*vaddr = head.vaddr;
	*name = 0;
	if (head.n_lines) {
		memcpy(&line, (char *)record + sizeof(head), sizeof(line));
		snprintf(name, sizeof(name), "%.*s", line.n_name,
			 (char *)record + sizeof(head) + sizeof(line));
	}
	return name;
}

static void names_by_file_offset(void)
{
	const struct image_symbol list[] = {
		{"main", IMAGE_TEXT + 0x100, 0x10, STT_FUNC, STB_GLOBAL},
		{"\x1b[31m;\xff\n", IMAGE_TEXT + 0x200, 0x10, STT_FUNC, STB_GLOBAL},
	};
	size_t bytes;
	uint64_t vaddr;
	uint8_t *image = image_new(list, 2, &bytes);
	guard_object struct object *object = NULL;
	CU_ASSERT_EQUAL(object_open_memory(image, bytes, &object, NULL), 0);
	CU_ASSERT_STRING_EQUAL(name_at(object, IMAGE_OFFSET + 0x10f, &vaddr), "main");
	CU_ASSERT_EQUAL(vaddr, IMAGE_TEXT + 0x10f);
	CU_ASSERT_STRING_EQUAL(name_at(object, IMAGE_OFFSET + 0x110, &vaddr), "");
	CU_ASSERT_EQUAL(vaddr, IMAGE_TEXT + 0x110);
	CU_ASSERT_STRING_EQUAL(name_at(object, 1ull << 40, &vaddr), "");
	CU_ASSERT_EQUAL(vaddr, 1ull << 40);
	/* Raw: who shows it escapes it. */
	CU_ASSERT_STRING_EQUAL(name_at(object, IMAGE_OFFSET + 0x200, &vaddr), "\x1b[31m;\xff\n");
	struct worker_opened opened;
	object_describe(object, &opened);
	CU_ASSERT_EQUAL(opened.n_symbols, 2);
	CU_ASSERT_EQUAL(opened.n_segments, 1);
	CU_ASSERT_EQUAL(opened.sources, WORKER_SOURCE_SYMTAB);
	CU_ASSERT_STRING_EQUAL(opened.note, "");
}

static void names_this_function(void)
{
	uint64_t vaddr;
	guard_object struct object *object = NULL;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL(object_open(fd, false, &object, NULL), 0);
	/* The file offset of our own code, from the mapping that holds it. */
	guard_file FILE *maps = fopen("/proc/self/maps", "re");
	char line[1024];
	unsigned long start, end, offset, here = (unsigned long)&names_this_function;
	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &offset) == 3 && here >= start &&
		    here < end)
			break;
	CU_ASSERT_STRING_EQUAL(name_at(object, here - start + offset, &vaddr),
			       "names_this_function");
}

static void says_what_is_missing(void)
{
	size_t bytes;
	uint8_t *image = image_new(NULL, 0, &bytes);
	Elf64_Ehdr *header = (Elf64_Ehdr *)image;
	header->e_shoff = 0;
	struct worker_opened opened;
	guard_object struct object *object = NULL;
	CU_ASSERT_EQUAL(object_open_memory(image, bytes, &object, NULL), 0);
	object_describe(object, &opened);
	CU_ASSERT_STRING_EQUAL(opened.note, "");
	CU_ASSERT_EQUAL(opened.sources, 0);
	struct err err = {};
	struct object *none = NULL;
	CU_ASSERT_EQUAL(object_open(image_file("#!/bin/sh", 9), false, &none, &err), -ENOEXEC);
	CU_ASSERT_STRING_EQUAL(err.msg, "not an ELF file");
}

/* A file whose only symbols are packed: bytes, packed by xz, become its .gnu_debugdata. */
static struct object *with_mini(const void *bytes, size_t n)
{
	size_t packed = 0, image_bytes;
	const size_t room = lzma_stream_buffer_bound(n);
	guard_mem uint8_t *out = malloc(room);
	CU_ASSERT_EQUAL(
		lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, bytes, n, out, &packed, room),
		LZMA_OK);
	const struct image_section section = {".gnu_debugdata", out, packed};
	uint8_t *image = image_with(&section, 1, &image_bytes);
	struct object *object = NULL;
	CU_ASSERT_EQUAL(object_open_memory(image, image_bytes, &object, NULL), 0);
	return object;
}

static void packed_symbols(void)
{
	const struct image_symbol list[] = {
		{"local", IMAGE_TEXT + 0x100, 0x10, STT_FUNC, STB_LOCAL}};
	size_t n;
	uint64_t vaddr;
	struct worker_opened opened;
	guard_mem uint8_t *mini = image_new(list, 1, &n);
	struct object *object = with_mini(mini, n);
	CU_ASSERT_STRING_EQUAL(name_at(object, IMAGE_OFFSET + 0x10f, &vaddr), "local");
	object_close(object);
	/* One that would grow without end, and one that is none. */
	guard_mem uint8_t *zeros = calloc(1, 80 << 20);
	object = with_mini(zeros, 80 << 20);
	object_describe(object, &opened);
	CU_ASSERT_STRING_EQUAL(opened.note, "broken .gnu_debugdata");
	object_close(object);
	object = with_mini("junk", 4);
	object_describe(object, &opened);
	CU_ASSERT_STRING_EQUAL(opened.note, "broken .gnu_debugdata");
	object_close(object);
}

static void broken_tables_cost_only_names(void)
{
	const struct image_symbol list[] = {
		{"main", IMAGE_TEXT + 0x100, 0x10, STT_FUNC, STB_GLOBAL}};
	size_t bytes;
	uint64_t vaddr;
	uint8_t *image = image_new(list, 1, &bytes);
	Elf64_Ehdr *header = (Elf64_Ehdr *)image;
	Elf64_Shdr *symbols = (Elf64_Shdr *)(image + header->e_shoff) + 2;
	symbols->sh_size = UINT64_MAX / 2;
	guard_object struct object *object = NULL;
	CU_ASSERT_EQUAL(object_open_memory(image, bytes, &object, NULL), 0);
	struct worker_opened opened;
	object_describe(object, &opened);
	CU_ASSERT_STRING_EQUAL(opened.note, "broken symbol table");
	CU_ASSERT_STRING_EQUAL(name_at(object, IMAGE_OFFSET + 0x10f, &vaddr), "");
	CU_ASSERT_EQUAL(vaddr, IMAGE_TEXT + 0x10f);
}

/* This program after strip --strip-all, and where one of its functions lies. */
struct stripped {
	struct object *object;
	uint64_t address, bytes, offset;
};

static void stripped_init(struct stripped *stripped)
{
	*stripped = (struct stripped){};
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	size_t bytes = (size_t)lseek(fd, 0, SEEK_END);
	uint8_t *self = malloc(bytes);
	CU_ASSERT_EQUAL(pread(fd, self, bytes, 0), (ssize_t)bytes);
	close(fd);
	Elf64_Ehdr *header = (Elf64_Ehdr *)self;
	Elf64_Shdr *sections = (Elf64_Shdr *)(self + header->e_shoff);
	for (int i = 0; i < header->e_shnum; i++) {
		if (sections[i].sh_type != SHT_SYMTAB)
			continue;
		const Elf64_Sym *list = (const Elf64_Sym *)(self + sections[i].sh_offset);
		const char *names = (const char *)self + sections[sections[i].sh_link].sh_offset;
		for (size_t k = 0; k < sections[i].sh_size / sizeof(*list); k++) {
			if (strcmp(names + list[k].st_name, "names_by_file_offset"))
				continue;
			const Elf64_Shdr *in = &sections[list[k].st_shndx];
			stripped->address = list[k].st_value;
			stripped->bytes = list[k].st_size;
			stripped->offset = in->sh_offset + list[k].st_value - in->sh_addr;
		}
	}
	for (int i = 0; i < header->e_shnum; i++)
		if (!(sections[i].sh_flags & SHF_ALLOC) && i != header->e_shstrndx)
			sections[i] = (Elf64_Shdr){};
	CU_ASSERT_TRUE(stripped->bytes > 16);
	CU_ASSERT_EQUAL(object_open_memory(self, bytes, &stripped->object, NULL), 0);
}

/* Every address of a function still has its start. */
static void stripped_functions_have_bounds(void)
{
	struct stripped stripped;
	uint64_t vaddr;
	stripped_init(&stripped);
	for (uint64_t i = 0; i < stripped.bytes; i++) {
		CU_ASSERT_STRING_EQUAL(name_at(stripped.object, stripped.offset + i, &vaddr), "");
		CU_ASSERT_EQUAL(((struct worker_name *)record)->start, stripped.address);
	}
	object_close(stripped.object);
}

/* The whole program is a debug file of the stripped one. */
static void debug_files_give_names_and_lines(void)
{
	struct stripped stripped;
	struct err err = {};
	uint64_t vaddr;
	stripped_init(&stripped);
	struct object *object = stripped.object;
	int other = open(image_library("/libc.so.6"), O_RDONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL(object_add_debug(object, other, &err), -ESTALE);
	CU_ASSERT_STRING_EQUAL(err.msg, "the debug file is for another build");
	CU_ASSERT_EQUAL(object_add_debug(object, image_file("junk", 4), NULL), -ENOEXEC);
	CU_ASSERT_STRING_EQUAL(name_at(object, stripped.offset, &vaddr), "");
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL(object_add_debug(object, self, NULL), 0);
	CU_ASSERT_STRING_EQUAL(name_at(object, stripped.offset, &vaddr), "names_by_file_offset");
	struct worker_line line;
	memcpy(&line, (char *)record + sizeof(struct worker_name), sizeof(line));
	CU_ASSERT_TRUE(line.line > 0);
	CU_ASSERT_TRUE(line.n_file > strlen("test_object.c"));
	CU_ASSERT_TRUE(line.start_line > 0 && line.start_line <= line.line);
	/* Without the time for them, names alone; those that are known stay. */
	object_set_quick(object, true);
	CU_ASSERT_STRING_EQUAL(name_at(object, stripped.offset + 1, &vaddr),
			       "names_by_file_offset");
	memcpy(&line, (char *)record + sizeof(struct worker_name), sizeof(line));
	CU_ASSERT_EQUAL(line.line, 0);
	CU_ASSERT_STRING_EQUAL(name_at(object, stripped.offset, &vaddr), "names_by_file_offset");
	memcpy(&line, (char *)record + sizeof(struct worker_name), sizeof(line));
	CU_ASSERT_TRUE(line.line > 0);
	object_set_quick(object, false);
	CU_ASSERT_STRING_EQUAL(name_at(object, stripped.offset + 1, &vaddr),
			       "names_by_file_offset");
	memcpy(&line, (char *)record + sizeof(struct worker_name), sizeof(line));
	CU_ASSERT_TRUE(line.line > 0);
	uint64_t held = object_lines_bytes(object);
	CU_ASSERT_TRUE(held > 1000 && held < UINT64_MAX);
	object_rest(object);
	CU_ASSERT_EQUAL(object_lines_bytes(object), 0);
	CU_ASSERT_STRING_EQUAL(name_at(object, stripped.offset, &vaddr), "names_by_file_offset");
	object_close(object);
}

/* Small files with bytes changed by a fixed sequence: no crash, no hang (ASan judges). */
static void changed_files(void)
{
	const struct image_symbol list[] = {
		{"_ZN3foo3barEv", IMAGE_TEXT + 0x100, 0x10, STT_FUNC, STB_GLOBAL},
		{"local", IMAGE_TEXT + 0x108, 0, STT_NOTYPE, STB_LOCAL},
		{"main", IMAGE_TEXT + 0x200, 0x20, STT_FUNC, STB_WEAK},
	};
	size_t bytes;
	uint64_t seed = 42;
	guard_mem uint8_t *image = image_new(list, 3, &bytes);
	for (int i = 0; i < 5000; i++) {
		uint8_t *changed = malloc(bytes);
		memcpy(changed, image, bytes);
		for (int k = 0; k <= i % 3; k++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			size_t at = (seed >> 33) % (bytes - IMAGE_TEXT_BYTES);
			at = at < IMAGE_OFFSET ? at % 128 : at + IMAGE_TEXT_BYTES;
			changed[at] = (uint8_t)(seed >> 20);
		}
		uint64_t vaddr;
		guard_object struct object *object = NULL;
		if (object_open_memory(changed, bytes, &object, NULL))
			continue;
		struct worker_opened opened;
		object_describe(object, &opened);
		for (uint64_t offset = 0; offset < bytes; offset += 0x80)
			name_at(object, offset, &vaddr);
	}
}

/* Whose numbers wrap around: the engine takes no such segment from a worker. */
static void segments_that_make_no_sense(void)
{
	size_t bytes;
	struct worker_opened opened;
	for (int i = 0; i < 2; i++) {
		uint8_t *image = image_new(NULL, 0, &bytes);
		Elf64_Phdr *segment = (void *)(image + sizeof(Elf64_Ehdr));
		*(i ? &segment->p_memsz : &segment->p_filesz) = UINT64_MAX;
		guard_object struct object *object = NULL;
		CU_ASSERT_EQUAL(object_open_memory(image, bytes, &object, NULL), 0);
		object_describe(object, &opened);
		CU_ASSERT_EQUAL(opened.n_segments, 0);
	}
}

/* A debug file has no code, and its segments no bytes: it is asked for ELF addresses. */
static void files_at_rest(void)
{
	const struct image_symbol list[] = {
		{"main", IMAGE_TEXT + 0x100, 0x10, STT_FUNC, STB_GLOBAL}};
	size_t bytes;
	uint64_t vaddr;
	guard_mem uint8_t *image = image_new(list, 1, &bytes);
	((Elf64_Phdr *)(void *)(image + sizeof(Elf64_Ehdr)))->p_filesz = 0;
	guard_object struct object *at_rest = NULL;
	CU_ASSERT_EQUAL(object_open(image_file(image, bytes), true, &at_rest, NULL), 0);
	CU_ASSERT_STRING_EQUAL(name_at(at_rest, IMAGE_TEXT + 0x108, &vaddr), "main");
	CU_ASSERT_EQUAL(vaddr, IMAGE_TEXT + 0x108);
}

SUITE(object, {"names by file offset", names_by_file_offset},
      {"names this function", names_this_function}, {"says what is missing", says_what_is_missing},
      {"packed symbols", packed_symbols},
      {"broken tables cost only names", broken_tables_cost_only_names},
      {"stripped functions have bounds", stripped_functions_have_bounds},
      {"debug files give names and lines", debug_files_give_names_and_lines},
      {"changed files", changed_files},
      {"segments that make no sense", segments_that_make_no_sense},
      {"files at rest", files_at_rest});
