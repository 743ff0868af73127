/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/object.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/limits.h"
#include "common/worker.h"
#include "symbolizer/answers.h"
#include "symbolizer/debug_link.h"
#include "symbolizer/dwarf.h"
#include "symbolizer/elf.h"
#include "symbolizer/go_lines.h"
#include "symbolizer/go_names.h"
#include "symbolizer/go_table.h"
#include "symbolizer/inflate.h"
#include "symbolizer/jit_map.h"
#include "symbolizer/kernel_names.h"
#include "symbolizer/plt.h"
#include "symbolizer/name_record.h"
#include "symbolizer/symbols.h"
#include "symbolizer/table.h"
#include "symbolizer/table_signal.h"

#define VDSO_MAX (1 << 20)
#define MINI_MAX (64 << 20) /* .gnu_debugdata: function names only */

struct object {
	struct elf *elf;
	bool at_rest;		     /* asked for by ELF addresses */
	struct elf *debug;	     /* its separate debug file, or NULL */
	struct elf *alt;	     /* what dwz moved from its debugging information, or NULL */
	struct symbols *symbols;     /* NULL: none could be read, see note */
	struct kernel_names *kernel; /* which has neither elf nor symbols */
	struct jit_map *jit;	     /* code that a process made; the same holds for it */
	struct table_function *functions; /* by call frame information; read when a symbol misses */
	uint32_t n_functions;
	bool functions_read;
	struct dwarf *dwarf; /* NULL: none, or not read */
	struct go_lines *go; /* NULL: it is no Go program, or not read */
	bool lines_read;     /* both of these */
	bool quick;	     /* debugging information is left alone */
	struct answers answers;
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

/* Gathers the symbols of a table; what goes wrong is a note. */
static void add_table(struct object *object, struct symbols *symbols, const struct elf *elf,
		      uint32_t type)
{
	int code = symbols_add_table(symbols, elf, type);
	if (code)
		note(object, words(code));
}

/* .gnu_debugdata: an ELF file packed with xz that has the symbols which strip took out, as Fedora's
 * programs carry it. */
static void add_mini(struct object *object, struct symbols *symbols)
{
	const Elf64_Shdr *section = elf_section(object->elf, ".gnu_debugdata");
	guard_elf_bytes struct elf_bytes packed = {};
	guard_mem uint8_t *bytes = NULL;
	guard_elf struct elf *mini = NULL;
	uint64_t n = 0;
	if (!section)
		return;
	int code = elf_read_section(object->elf, section, MINI_MAX, &packed);
	if (!code)
		code = inflate_xz(packed.data, packed.bytes, MINI_MAX, &bytes, &n);
	if (!code)
		code = elf_open_memory(steal_ptr(bytes), n, &mini, NULL);
	if (code)
		note(object, "broken .gnu_debugdata");
	else
		add_table(object, symbols, mini, SHT_SYMTAB);
}

/* Has a name only where there is a whole symbol table, and is in every stack of a handler. */
static void add_signal_returns(const struct object *object, struct symbols *symbols)
{
	struct table_signal_place places[TABLE_SIGNAL_PLACES];
	const uint32_t n = table_signal_places(object->elf, places);
	for (uint32_t i = 0; i < n; i++) /* looked up one byte before, as it is returned to */
		(void)symbols_add(symbols, places[i].address - 1, TABLE_SIGNAL_BYTES + 1,
				  "__restore_rt");
}

static void read_symbols(struct object *object)
{
	guard_symbols struct symbols *symbols = NULL;
	int code = symbols_new(object->elf, &symbols);
	if (!code && object->debug)
		add_table(object, symbols, object->debug, SHT_SYMTAB);
	if (!code) {
		add_table(object, symbols, object->elf, SHT_SYMTAB);
		add_mini(object, symbols);
		add_table(object, symbols, object->elf, SHT_DYNSYM);
		if (plt_add(symbols, object->elf))
			note(object, "broken relocations: PLT stubs have no names");
		if (!object->debug && !elf_section_of_type(object->elf, SHT_SYMTAB) &&
		    go_names_add(symbols, object->elf))
			note(object, "broken .gopclntab");
		add_signal_returns(object, symbols);
		code = symbols_finish(symbols);
	}
	if (code) {
		note(object, words(code));
		return;
	}
	symbols_free(object->symbols);
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

int object_open(int fd_take, bool at_rest, struct object **object, struct err *err)
{
	struct elf *elf;
	int code = elf_open(fd_take, &elf, err);
	if (!code)
		code = from_elf(elf, object);
	if (!code)
		(*object)->at_rest = at_rest;
	return code;
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

static bool has_lines(const struct elf *elf)
{
	const Elf64_Shdr *info = elf_section(elf, ".debug_info");
	return info && info->sh_type != SHT_NOBITS;
}

/* By build ID where both have one; else by the CRC of the link. */
static bool belongs(const struct elf *elf, const struct elf *debug)
{
	uint8_t id[ELF_BUILD_ID_MAX], wanted[ELF_BUILD_ID_MAX];
	size_t n = elf_build_id(elf, wanted), has = elf_build_id(debug, id);
	char name[WORKER_DEBUG_LINK];
	uint32_t crc;
	if (n && has)
		return n == has && !memcmp(id, wanted, n);
	debug_link_read(elf, name, &crc);
	return *name && debug_link_matches(debug, crc);
}

int object_add_debug(struct object *object, int fd_take, struct err *err)
{
	guard_elf struct elf *debug = NULL;
	int code = elf_open(fd_take, &debug, err);
	if (code)
		return code;
	if (!object->elf || !belongs(object->elf, debug))
		return err_set(err, -ESTALE, ERR_FAILED, "the debug file is for another build");
	object_rest(object);
	answers_deinit(&object->answers);
	elf_close(object->debug);
	object->debug = steal_ptr(debug);
	*object->note = 0;
	read_symbols(object);
	return 0;
}

/* The file whose debugging information is in use. */
static const struct elf *dwarf_file_of(const struct object *object)
{
	return object->debug && has_lines(object->debug) ? object->debug : object->elf;
}

int object_add_alt(struct object *object, int fd_take, struct err *err)
{
	guard_elf struct elf *alt = NULL;
	int code = elf_open(fd_take, &alt, err);
	if (code)
		return code;
	uint8_t id[ELF_BUILD_ID_MAX], wanted[WORKER_BUILD_ID];
	char name[WORKER_ALT_LINK];
	size_t n = object->elf ? debug_link_read_alt(dwarf_file_of(object), name, wanted) : 0;
	if (!n || elf_build_id(alt, id) != n || memcmp(id, wanted, n) != 0)
		return err_set(err, -ESTALE, ERR_FAILED, "the dwz file is for another build");
	object_rest(object);
	answers_deinit(&object->answers);
	elf_close(object->alt);
	object->alt = steal_ptr(alt);
	return 0;
}

int object_open_kernel(int fd_take, uint64_t stext, struct object **out, struct err *err)
{
	guard_fd int fd = fd_take;
	guard_object struct object *object = calloc(1, sizeof(*object));
	if (!object)
		return -ENOMEM;
	int code = kernel_names_open(steal_fd(fd), stext, clock_now_ns(), &object->kernel, err);
	if (code)
		return code;
	*out = steal_ptr(object);
	return 0;
}

int object_open_jit(int fd, struct object **out, struct err *err)
{
	guard_object struct object *object = calloc(1, sizeof(*object));
	if (!object)
		return -ENOMEM;
	int code = jit_map_new(fd, &object->jit, err);
	if (code)
		return code;
	if (jit_map_is_cut(object->jit))
		note(object, "too large: names are missing");
	*out = steal_ptr(object);
	return 0;
}

void object_close(struct object *object)
{
	if (!object)
		return;
	answers_deinit(&object->answers);
	free(object->functions);
	object_rest(object);
	elf_close(object->alt);
	symbols_free(object->symbols);
	kernel_names_close(object->kernel);
	jit_map_free(object->jit);
	elf_close(object->debug);
	elf_close(object->elf);
	free(object);
}

const struct elf *object_elf(const struct object *object)
{
	return object->elf;
}

static uint32_t sources_of(const struct elf *elf)
{
	uint32_t sources = 0;
	if (elf_section_of_type(elf, SHT_SYMTAB))
		sources |= WORKER_SOURCE_SYMTAB;
	else if (go_table_is_in(elf))
		sources |= WORKER_SOURCE_GO;
	if (elf_section(elf, ".gnu_debugdata"))
		sources |= WORKER_SOURCE_MINI;
	if (elf_section_of_type(elf, SHT_DYNSYM))
		sources |= WORKER_SOURCE_DYNSYM;
	return sources;
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
	if (!object->elf) {
		opened->n_symbols =
			object->jit ? jit_map_n(object->jit) : kernel_names_n(object->kernel);
		return;
	}
	const struct elf *elf = object->elf;
	opened->n_symbols = object->symbols ? symbols_n(object->symbols) : 0;
	opened->has_lines = has_lines(dwarf_file_of(object));
	opened->sources = sources_of(elf) | (object->debug ? WORKER_SOURCE_DEBUG_FILE : 0);
	uint32_t crc;
	debug_link_read(elf, opened->debug_link, &crc);
	opened->n_alt_id = (uint32_t)debug_link_read_alt(dwarf_file_of(object), opened->alt_link,
							 opened->alt_id);
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

static void put_chain(struct name_record *record, struct object *object, uint64_t address,
		      const char *symbol)
{
	struct dwarf_frame frames[DWARF_FRAMES_MAX];
	if (!object->lines_read && !object->quick) {
		object->lines_read = true;
		(void)dwarf_new(dwarf_file_of(object), object->alt, DWARF_WORK_MAX, &object->dwarf);
		(void)go_lines_new(object->elf, &object->go);
	}
	uint32_t n =
		object->dwarf && !object->quick ? dwarf_find(object->dwarf, address, frames) : 0;
	if (!n && object->go && !object->quick)
		n = go_lines_find(object->go, address, frames);
	if (n)
		name_record_chain(record, frames, n, symbol);
	else if (symbol)
		name_record_line(record, symbol, &(struct name_record_details){"", "", "", 0, 0});
}

static void put_kernel(struct name_record *record, struct object *object, uint64_t address)
{
	struct kallsyms_name found;
	if (!kernel_names_find(object->kernel, address, clock_now_ns(), &found))
		name_record_line(record, found.name,
				 &(struct name_record_details){
					 .name = found.name, .file = "", .module = found.module});
}

static void put_jit(struct name_record *record, const struct object *object, uint64_t address)
{
	const char *name = jit_map_find(object->jit, address);
	if (name)
		name_record_line(
			record, "",
			&(struct name_record_details){.name = name, .file = "", .module = ""});
}

static size_t make_record(struct object *object, uint64_t address, void *bytes)
{
	struct name_record record;
	name_record_begin(&record, bytes, address);
	if (object->kernel) {
		put_kernel(&record, object, address);
	} else if (object->jit) {
		put_jit(&record, object, address);
	} else if (object->at_rest ||
		   elf_offset_to_address(object->elf, address, &record.head.vaddr)) {
		uint64_t start = 0;
		const char *symbol = find_symbol(object, record.head.vaddr, &start);
		put_chain(&record, object, record.head.vaddr, symbol);
		record.head.start = record.head.n_lines ? 0 : start;
	}
	return name_record_end(&record);
}

size_t object_name(struct object *object, uint64_t address, void *bytes)
{
	const struct answer *known = answers_find(&object->answers, address);
	if (known) {
		memcpy(bytes, known->record, known->bytes);
		return known->bytes;
	}
	size_t n = make_record(object, address, bytes);
	if (!object->quick && !object->kernel) /* whose modules come and go */
		answers_add(&object->answers, address, bytes, n);
	return n;
}

void object_set_quick(struct object *object, bool quick)
{
	object->quick = quick;
}

void object_rest(struct object *object)
{
	dwarf_free(object->dwarf);
	go_lines_free(object->go);
	object->dwarf = NULL;
	object->go = NULL;
	object->lines_read = false;
}

uint64_t object_lines_bytes(const struct object *object)
{
	const uint64_t lines = object->dwarf ? dwarf_held_bytes(object->dwarf) : 0;
	const uint64_t go = object->go ? go_lines_held_bytes(object->go) : 0;
	if (lines == UINT64_MAX || go == UINT64_MAX)
		return UINT64_MAX;
	return object->lines_read && !object->dwarf && !object->go ? UINT64_MAX : lines + go;
}
