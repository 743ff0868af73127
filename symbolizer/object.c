/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/object.h"

#include <errno.h>
#include <stdbool.h>
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
#include "symbolizer/table.h"

#define VDSO_MAX (1 << 20)

struct object {
	struct elf *elf;
	struct symbols *symbols;   /* NULL: none could be read, see note */
	struct kallsyms *kallsyms; /* the kernel, which has neither elf nor symbols */
	uint64_t stext;
	struct table_function *functions; /* by call frame information; read when a symbol misses */
	uint32_t n_functions;
	bool functions_read;
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
	free(object->functions);
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

/* The function that the call frame information tells of at this address, or NULL. */
static const struct table_function *find_function(struct object *object, uint64_t address)
{
	if (!object->functions_read) {
		object->functions_read = true;
		(void)table_functions(object->elf, &object->functions, &object->n_functions);
	}
	uint32_t low = 0, high = object->n_functions;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (object->functions[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	const struct table_function *f = low ? &object->functions[low - 1] : NULL;
	return f && address - f->address < f->bytes ? f : NULL;
}

/* The symbol of an ELF address. Where none reaches there, the one where the function begins; and
 * where that has none, *start tells its beginning. */
static const char *find_symbol(struct object *object, uint64_t address, uint64_t *start)
{
	const char *symbol = object->symbols ? symbols_find(object->symbols, address) : NULL;
	if (symbol)
		return symbol;
	const struct table_function *function = find_function(object, address);
	if (function && object->symbols)
		symbol = symbols_find(object->symbols, function->address);
	if (function && !symbol)
		*start = function->address;
	return symbol;
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
		symbol = find_symbol(object, head.vaddr, &head.start);
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
