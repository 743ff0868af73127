/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/object.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/limits.h"
#include "common/worker.h"
#include "symbolizer/demangle.h"
#include "symbolizer/elf.h"
#include "symbolizer/kallsyms.h"
#include "symbolizer/plt.h"
#include "symbolizer/symbols.h"

#define VDSO_MAX (1 << 20)

struct object {
	struct elf *elf;
	struct symbols *symbols;   /* NULL: none could be read, see note */
	struct kallsyms *kallsyms; /* the kernel, which has neither elf nor symbols */
	uint64_t stext;
	char note[sizeof(((struct worker_opened *)0)->note)];
};

static void note(struct object *object, const char *text)
{
	if (!*object->note)
		snprintf(object->note, sizeof(object->note), "%s", text);
}

static const char *words(int code)
{
	switch (code) {
	case -EFBIG:
		return "too many symbols";
	case -ENOMEM:
		return "no memory for its symbols";
	default:
		return "broken symbol table";
	}
}

static void read_symbols(struct object *object)
{
	guard_symbols struct symbols *symbols = NULL;
	int code = symbols_new(object->elf, &symbols);
	if (code) {
		note(object, words(code));
		return;
	}
	code = symbols_add_table(symbols, object->elf, SHT_SYMTAB);
	if (code)
		note(object, words(code));
	code = symbols_add_table(symbols, object->elf, SHT_DYNSYM);
	if (code)
		note(object, words(code));
	code = plt_add(symbols, object->elf);
	if (code)
		note(object, "broken relocations: PLT stubs have no names");
	code = symbols_finish(symbols);
	if (code) {
		note(object, words(code));
		return;
	}
	if (!elf_section_of_type(object->elf, SHT_SYMTAB))
		note(object, "stripped: only exported functions have names");
	object->symbols = steal_ptr(symbols);
}

static int from_elf(struct elf *elf_take, struct object **out)
{
	guard_elf struct elf *elf = elf_take;
	guard_object struct object *object = calloc(1, sizeof(*object));
	if (!object)
		return -ENOMEM;
	object->elf = steal_ptr(elf);
	read_symbols(object);
	*out = steal_ptr(object);
	return 0;
}

int object_open(int fd_take, struct object **object, struct err *err)
{
	struct elf *elf;
	int code = elf_open(fd_take, &elf, err);
	return code ? code : from_elf(elf, object);
}

int object_open_memory(uint8_t *memory_take, size_t bytes, struct object **object, struct err *err)
{
	struct elf *elf;
	int code = elf_open_memory(memory_take, bytes, &elf, err);
	return code ? code : from_elf(elf, object);
}

int object_open_vdso(int fd, struct object **object, struct err *err)
{
	guard_mem uint8_t *bytes = malloc(VDSO_MAX);
	size_t n = 0;
	if (!bytes)
		return -ENOMEM;
	while (n < VDSO_MAX) {
		ssize_t got = read(fd, bytes + n, VDSO_MAX - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(err, -EIO, ERR_FAILED, "cannot read the vdso");
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return object_open_memory(steal_ptr(bytes), n, object, err);
}

int object_open_kernel(int fd, uint64_t stext, struct object **out, struct err *err)
{
	guard_object struct object *object = calloc(1, sizeof(*object));
	if (!object)
		return -ENOMEM;
	object->stext = stext;
	int code = kallsyms_new(fd, &object->kallsyms, err);
	if (code)
		return code;
	*out = steal_ptr(object);
	return 0;
}

void object_close(struct object *object)
{
	if (!object)
		return;
	symbols_free(object->symbols);
	kallsyms_free(object->kallsyms);
	elf_close(object->elf);
	free(object);
}

const struct elf *object_elf(const struct object *object)
{
	return object->elf;
}

static int compare_segments(const void *a, const void *b)
{
	const struct worker_segment *x = a, *y = b;
	return (x->vaddr > y->vaddr) - (x->vaddr < y->vaddr);
}

void object_describe(const struct object *object, struct worker_opened *opened)
{
	*opened = (struct worker_opened){};
	snprintf(opened->note, sizeof(opened->note), "%s", object->note);
	if (object->kallsyms) {
		opened->n_symbols = kallsyms_n(object->kallsyms);
		return;
	}
	const struct elf *elf = object->elf;
	opened->n_symbols = object->symbols ? symbols_n(object->symbols) : 0;
	opened->n_build_id = (uint32_t)elf_build_id(elf, opened->build_id);
	for (uint32_t i = 0; i < elf->n_segments && opened->n_segments < WORKER_SEGMENTS; i++) {
		const Elf64_Phdr *p = &elf->segments[i];
		if (elf_is_code_segment(p))
			opened->segments[opened->n_segments++] = (struct worker_segment){
				p->p_vaddr, p->p_memsz, p->p_offset, p->p_filesz};
	}
	qsort(opened->segments, opened->n_segments, sizeof(*opened->segments), compare_segments);
}

/* Appends to the record what fits a name; returns the bytes taken. */
static uint16_t put(uint8_t *at, const char *text)
{
	size_t n = strnlen(text, LIMIT_NAME_BYTES);
	memcpy(at, text, n);
	return (uint16_t)n;
}

static size_t put_line(uint8_t *at, const char *symbol, const char *module)
{
	char readable[LIMIT_NAME_BYTES];
	struct worker_line line = {};
	uint8_t *text = at + sizeof(line);
	size_t n = demangle(symbol, readable, sizeof(readable));
	line.n_name = put(text, n ? readable : symbol);
	text += line.n_name;
	line.n_system_name = n ? put(text, symbol) : 0;
	text += line.n_system_name;
	line.n_module = put(text, module);
	text += line.n_module;
	memcpy(at, &line, sizeof(line));
	return (size_t)(text - at);
}

_Static_assert(sizeof(struct worker_name) + sizeof(struct worker_line) + 3 * LIMIT_NAME_BYTES + 8 <=
		       OBJECT_RECORD_BYTES,
	       "one line fits");

size_t object_name(struct object *object, uint64_t address, void *record)
{
	struct worker_name head = {.vaddr = address};
	size_t bytes = sizeof(head);
	struct kallsyms_name kernel;
	const char *symbol = NULL;
	if (object->kallsyms) {
		if (!kallsyms_find(object->kallsyms, object->stext + address, &kernel)) {
			bytes += put_line((uint8_t *)record + bytes, kernel.name, kernel.module);
			head.n_lines = 1;
		}
	} else if (elf_offset_to_address(object->elf, address, &head.vaddr)) {
		symbol = object->symbols ? symbols_find(object->symbols, head.vaddr) : NULL;
		if (symbol) {
			bytes += put_line((uint8_t *)record + bytes, symbol, "");
			head.n_lines = 1;
		}
	}
	size_t padded = (bytes + 7) & ~(size_t)7;
	memset((uint8_t *)record + bytes, 0, padded - bytes);
	head.bytes = (uint32_t)padded;
	memcpy(record, &head, sizeof(head));
	return padded;
}
