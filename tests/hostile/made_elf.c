/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/hostile/dwarf.h"
#include "tests/hostile/made.h"

enum {
	PACK_ZLIB = 1, /* ch_type */
	PACK_ZSTD = 2,
};

static struct bytes zeros(size_t n)
{
	struct bytes b = {0};
	bytes_fill(&b, 0, n);
	return b;
}

/* Packed, and freed. `claimed`: what the header says comes out. */
static struct bytes packed(struct bytes data_take, uint32_t type, uint64_t claimed)
{
	const Elf64_Chdr header = {.ch_type = type, .ch_size = claimed, .ch_addralign = 1};
	struct bytes out = {0};
	bytes_raw(&out, &header, sizeof(header));
	uLongf room = compressBound(data_take.n) + ZSTD_compressBound(data_take.n);
	uint8_t *to = memory_new(room, 1);
	if (type == PACK_ZLIB)
		assert(compress2(to, &room, data_take.at, data_take.n, 1) == Z_OK);
	else
		room = ZSTD_compress(to, room, data_take.at, data_take.n, 1);
	bytes_raw(&out, to, room);
	free(to);
	free(data_take.at);
	return out;
}

static void add_packed(struct file *file, const char *name, struct bytes data_take, uint32_t type,
		       uint64_t claimed)
{
	file_add(file, name, packed(data_take, type, claimed))->header.sh_flags = SHF_COMPRESSED;
}

static void bombs_in(struct file *file, uint32_t size, uint32_t type)
{
	struct bytes lines = dwarf_lines();
	bytes_fill(&lines, DWARF_ROW, size);
	dwarf_lines_end(&lines);
	struct bytes info = dwarf_begin(), abbrevs = dwarf_abbrevs();
	dwarf_end(&info);
	/* true; less than there is; more than there is; more than anybody has */
	add_packed(file, ".debug_line", lines, type, lines.n);
	add_packed(file, ".debug_info", info, type, info.n);
	add_packed(file, ".debug_abbrev", abbrevs, type, abbrevs.n);
	add_packed(file, ".debug_str", zeros(size), type, 16);
	add_packed(file, ".debug_line_str", zeros(size), type, 2ull * size);
	add_packed(file, ".debug_ranges", zeros(size), type, UINT64_MAX);
	add_packed(file, ".eh_frame", zeros(size), type, size);
	add_packed(file, ".rela.plt", zeros(size), type, size);
}

static void zlib_bombs(struct file *file, uint32_t size)
{
	bombs_in(file, size, PACK_ZLIB);
}

static void zstd_bombs(struct file *file, uint32_t size)
{
	bombs_in(file, size, PACK_ZSTD);
}

/* Sections of all that is read, each packed to a thousandth of what it says. */
static void bomb_everywhere(struct file *file, uint32_t size)
{
	static const char *const names[] = {".debug_info",   ".debug_abbrev", ".debug_line",
					    ".debug_str",    ".debug_addr",   ".debug_rnglists",
					    ".debug_ranges", ".debug_frame"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		add_packed(file, names[i], zeros(size), i % 2 ? PACK_ZSTD : PACK_ZLIB, size);
}

static struct bytes xz(struct bytes data_take)
{
	size_t room = lzma_stream_buffer_bound(data_take.n), n = 0;
	struct bytes out = {0};
	bytes_fill(&out, 0, room);
	assert(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, data_take.at, data_take.n, out.at,
				       &n, room) == LZMA_OK);
	out.n = n;
	free(data_take.at);
	return out;
}

/* The packed symbols of Fedora, of a size to matter. */
static void debugdata_bomb(struct file *file, uint32_t size)
{
	file_add(file, ".gnu_debugdata", xz(zeros(size)));
}

/* A good file in it, that has one itself, … */
static void debugdata_in_debugdata(struct file *file, uint32_t size)
{
	struct bytes inner = {0};
	for (int i = 0; i < 16; i++) {
		struct file box = {0};
		if (inner.n)
			file_add(&box, ".gnu_debugdata", xz(inner));
		inner = file_bytes(&box);
	}
	file_add(file, ".gnu_debugdata", xz(inner));
}

/* A header that wants a dictionary of 4 GiB. */
static void debugdata_dictionary(struct file *file, uint32_t size)
{
	struct bytes data = zeros(1000), out = {0};
	lzma_options_lzma options;
	lzma_lzma_preset(&options, 0);
	options.dict_size = 1536u << 20;
	lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, NULL}};
	uint8_t block[4096];
	size_t n = 0;
	if (lzma_stream_buffer_encode(filters, LZMA_CHECK_NONE, NULL, data.at, data.n, block, &n,
				      sizeof(block)) != LZMA_OK) {
		/* No memory to make it: the header alone is as good. */
		n = sizeof(block);
		memset(block, 0xff, n);
	}
	bytes_raw(&out, block, n);
	free(data.at);
	file_add(file, ".gnu_debugdata", out);
}

/* 4 GiB of nothing under everything that is read. */
static void sparse(struct file *file, uint32_t size)
{
	static const char *const names[] = {".debug_info", ".debug_abbrev", ".debug_line",
					    ".eh_frame",   ".debug_frame",  ".gnu_debugdata",
					    ".rela.plt",   ".plt",	    ".note.more"};
	file->sparse_bytes = 4ull << 30;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		Elf64_Shdr *header = &file_add(file, names[i], (struct bytes){0})->header;
		header->sh_offset = 1 << 20;
		header->sh_size = 3ull << 30;
		header->sh_addr = 1 << 20;
		header->sh_entsize = 24;
	}
}

/* The same as tables of symbols: there is no good one then. */
static void sparse_symbols(struct file *file, uint32_t size)
{
	file->sparse_bytes = 4ull << 30;
	file->no_symbols = true;
	const uint32_t types[] = {SHT_SYMTAB, SHT_DYNSYM};
	for (int i = 0; i < 2; i++) {
		struct file_section *table =
			file_add(file, i ? ".dynsym" : ".symtab", (struct bytes){0});
		table->header = (Elf64_Shdr){.sh_type = types[i],
					     .sh_offset = 1 << 20,
					     .sh_size = (size ? 24ull * size : 3ull << 30),
					     .sh_link = 5,
					     .sh_entsize = sizeof(Elf64_Sym)};
	}
	file_add(file, ".strtab", (struct bytes){0})->header =
		(Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = 1 << 20, .sh_size = 3ull << 30};
}

static void symbol(struct bytes *table, uint32_t name, uint64_t address, uint64_t n)
{
	const Elf64_Sym symbol = {.st_name = name,
				  .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
				  .st_shndx = 1,
				  .st_value = address,
				  .st_size = n};
	bytes_raw(table, &symbol, sizeof(symbol));
}

/* A table of dynamic symbols beside the good one. */
static void add_symbols(struct file *file, struct bytes table_take, struct bytes names_take)
{
	file_add(file, ".dynsym", table_take)->header =
		(Elf64_Shdr){.sh_type = SHT_DYNSYM, .sh_link = 6, .sh_entsize = sizeof(Elf64_Sym)};
	file_add(file, ".dynstr", names_take)->header.sh_type = SHT_STRTAB;
}

/* Symbols that lie in each other, at one place, or everywhere. */
static void many_symbols(struct file *file, uint32_t size)
{
	struct bytes table = {0}, names = {0};
	bytes_text(&names, "");
	bytes_text(&names, "a");
	for (uint32_t i = 0; i < size; i++)
		symbol(&table, 1, FILE_TEXT + i % 2048, i % 3 ? 1 + i % 4096 : UINT64_MAX);
	add_symbols(file, table, names);
}

/* All of the code under a name of all bytes, and of characters that act: C1, bidi, line separators.
 */
static void all_bytes(struct file *file, uint32_t size)
{
	struct bytes table = {0}, names = {0};
	file->no_symbols = true;
	bytes_text(&names, "");
	for (int i = 1; i < 256; i++)
		bytes_number(&names, (uint64_t)i, 1);
	bytes_text(&names, "\xc2\x9b"
			   "31m\xe2\x80\xae\xe2\x80\xa8\xe2\x81\xa6</script>");
	symbol(&table, 1, FILE_TEXT, FILE_TEXT_BYTES);
	file_add(file, ".symtab", table)->header =
		(Elf64_Shdr){.sh_type = SHT_SYMTAB, .sh_link = 4, .sh_entsize = sizeof(Elf64_Sym)};
	file_add(file, ".strtab", names)->header.sh_type = SHT_STRTAB;
}

/* Mangled names that expand or recurse: substitutions of substitutions, nested names, packs. */
static void mangled(struct file *file, uint32_t size)
{
	struct bytes table = {0}, names = {0};
	bytes_text(&names, "");
	file->no_symbols = true;
	for (uint32_t i = 0; i < 64; i++) {
		symbol(&table, (uint32_t)names.n, FILE_TEXT + 16ull * i, 16);
		bytes_raw(&names, "_Z1f", 4);
		for (uint32_t k = 0; k < size / 64; k++) {
			static const char *const pieces[] = {"PFvP", "I",     "N1aE",  "S_",
							     "T_",   "DpT",   "RK1aI", "SaISaIc",
							     "_RNv", "LZ1fvE"};
			const char *piece = pieces[(i + k % (1 + i % 5)) % 10];
			bytes_raw(&names, piece, strlen(piece));
		}
		bytes_number(&names, 0, 1);
		if (i % 2) /* the classic: each parameter is twice the one before */
			for (int k = 0; k < 40; k++)
				bytes_raw(&names, "1aIS_S_E", 8);
	}
	file_add(file, ".symtab", table)->header =
		(Elf64_Shdr){.sh_type = SHT_SYMTAB, .sh_link = 4, .sh_entsize = sizeof(Elf64_Sym)};
	file_add(file, ".strtab", names)->header.sh_type = SHT_STRTAB;
}

/* A CIE of `n` instructions. */
static void cie(struct bytes *frame, uint32_t n)
{
	const size_t at = frame->n;
	bytes_number(frame, 0, 4);
	bytes_number(frame, 0, 4);
	bytes_number(frame, 1, 1);
	bytes_text(frame, "");
	bytes_number(frame, 1, 1);
	bytes_number(frame, 0x78, 1);
	bytes_number(frame, 16, 1);
	for (uint32_t i = 0; i < n; i++)
		bytes_raw(frame, i % 2 ? "\x0b" : "\x0a", 1); /* restore, remember */
	memcpy(frame->at + at, &(uint32_t){(uint32_t)(frame->n - at - 4)}, 4);
}

static void fde(struct bytes *frame, uint64_t start, uint64_t n, uint32_t rows)
{
	const size_t at = frame->n;
	bytes_number(frame, 0, 4);
	bytes_number(frame, at + 4, 4);
	bytes_number(frame, start, 8);
	bytes_number(frame, n, 8);
	for (uint32_t i = 0; i < rows; i++) {
		bytes_number(frame, 0x41, 1);		      /* advance by 1 */
		bytes_number(frame, 0x0e | (i % 64) << 8, 2); /* CFA offset */
	}
	memcpy(frame->at + at, &(uint32_t){(uint32_t)(frame->n - at - 4)}, 4);
}

/* As many functions as there is room for at one place, with long programs. */
static void many_frames(struct file *file, uint32_t size)
{
	struct bytes frame = {0};
	cie(&frame, 1000);
	for (uint32_t i = 0; i < size; i++)
		fde(&frame, FILE_TEXT + i % 4096, 4096, 4);
	fde(&frame, FILE_TEXT, FILE_TEXT_BYTES, size);
	fde(&frame, 0, UINT64_MAX, size);
	file_add(file, ".eh_frame", frame)->header =
		(Elf64_Shdr){.sh_flags = SHF_ALLOC, .sh_addr = 0x100000, .sh_type = SHT_PROGBITS};
}

/* Each function runs its CIE's long program. */
static void frames_times_instructions(struct file *file, uint32_t size)
{
	struct bytes frame = {0};
	cie(&frame, size);
	for (uint32_t i = 0; i < size; i++)
		fde(&frame, FILE_TEXT + i % 4096, 1, 0);
	file_add(file, ".eh_frame", frame)->header =
		(Elf64_Shdr){.sh_flags = SHF_ALLOC, .sh_addr = 0x100000, .sh_type = SHT_PROGBITS};
}

/* Relocations of PLT stubs for symbols there are not, far more than stubs. */
static void many_relocations(struct file *file, uint32_t size)
{
	struct bytes relocations = {0}, table = {0}, names = {0};
	bytes_text(&names, "");
	bytes_text(&names, "called");
	symbol(&table, 1, 0, 0);
	for (uint32_t i = 0; i < size; i++) {
		const Elf64_Rela one = {0x200000 + 8ull * i,
					ELF64_R_INFO(i % 3 ? 0 : 0xffffffff, R_X86_64_JUMP_SLOT),
					0};
		bytes_raw(&relocations, &one, sizeof(one));
	}
	add_symbols(file, table, names);
	file_add(file, ".rela.plt", relocations)->header =
		(Elf64_Shdr){.sh_type = SHT_RELA, .sh_link = 5, .sh_entsize = sizeof(Elf64_Rela)};
	file_add(file, ".plt", zeros(size))->header =
		(Elf64_Shdr){.sh_type = SHT_PROGBITS,
			     .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
			     .sh_addr = 0x300000};
}

/* Go's table of functions: more than there are, in a few places, named by the table's own bytes. */
static void go_functions(struct file *file, uint32_t size)
{
	enum {
		HEADER = 72
	};
	struct bytes table = {0};
	bytes_number(&table, 0xfffffff1, 4);
	bytes_number(&table, 0x08010000, 4);
	bytes_number(&table, UINT64_MAX, 8);
	bytes_number(&table, UINT64_MAX, 8);
	bytes_number(&table, FILE_TEXT, 8);
	bytes_number(&table, HEADER, 8);
	bytes_fill(&table, 0xff, 3 * 8);
	bytes_number(&table, HEADER, 8); /* names and functions are the same bytes */
	for (uint32_t i = 0; i < size; i++) {
		bytes_number(&table, 0x01010101 + i % 64, 4);
		bytes_number(&table, 8 * (i % 1024), 4);
	}
	file_add(file, ".gopclntab", table);
}

/* One function of Go whose lines and files change again and again, for no code at all. */
static void go_runs(struct file *file, uint32_t size)
{
	enum {
		HEADER = 72,
		RUN = HEADER + 1, /* none is at 0 */
	};
	const uint64_t functions = RUN + 2ull * size;
	const uint64_t header[] = {
		0x08010000fffffff1, 1, 0, FILE_TEXT, HEADER, HEADER, HEADER, HEADER, functions};
	const uint32_t index[] = {0, 3 * 4, FILE_TEXT_BYTES};
	const uint32_t record[11] = {[5] = RUN - HEADER, [6] = RUN - HEADER, [9] = 1};
	struct bytes table = {0};
	bytes_raw(&table, header, sizeof(header));
	bytes_number(&table, 'f', 1);
	for (uint32_t i = 0; i < size; i++)
		bytes_number(&table, 2, 2);
	bytes_raw(&table, index, sizeof(index));
	bytes_raw(&table, record, sizeof(record));
	file_add(file, ".gopclntab", table);
}

/* Sections that claim more than there is, each in a way of its own. */
static void claims(struct file *file, uint32_t size)
{
	static const Elf64_Shdr lies[] = {
		{.sh_type = SHT_NOTE, .sh_offset = 0x40, .sh_size = UINT64_MAX},
		{.sh_type = SHT_DYNSYM,
		 .sh_offset = 0x40,
		 .sh_size = 1ull << 62,
		 .sh_link = 0xffff},
		{.sh_type = SHT_RELA, .sh_offset = UINT64_MAX, .sh_size = 2, .sh_link = 0xffffffff},
		{.sh_flags = SHF_ALLOC | SHF_EXECINSTR,
		 .sh_addr = UINT64_MAX,
		 .sh_size = UINT64_MAX},
		{.sh_flags = SHF_COMPRESSED, .sh_offset = 0x40, .sh_size = 1},
		{.sh_flags = SHF_ALLOC, .sh_addr = UINT64_MAX - 8, .sh_size = 1ull << 40},
	};
	static const char *const names[] = {".note.x", ".dynsym",    ".rela.plt",
					    ".x",      ".debug_str", ".eh_frame"};
	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++)
		file_add(file, names[i], (struct bytes){0})->header = lies[i];
}

const struct made made_elf[] = {
	{"zlib-bombs", zlib_bombs, 256 << 20},
	{"zstd-bombs", zstd_bombs, 256 << 20},
	{"bomb-everywhere", bomb_everywhere, 120 << 20},
	{"debugdata-bomb", debugdata_bomb, 512 << 20},
	{"debugdata-in-debugdata", debugdata_in_debugdata},
	{"debugdata-dictionary", debugdata_dictionary},
	{"sparse", sparse},
	{"sparse-symbols", sparse_symbols, 0, true},
	{"many-symbols", many_symbols, 4000000, true},
	{"mangled", mangled, 1 << 20, true},
	{"many-frames", many_frames, 2000000},
	{"frames-times-instructions", frames_times_instructions, 1000000},
	{"many-relocations", many_relocations, 2000000},
	{"go-functions", go_functions, 2000000},
	{"go-runs", go_runs, 32 << 20},
	{"claims", claims},
	{"all-bytes", all_bytes, 0, true},
	{0},
};
