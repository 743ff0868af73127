/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/elf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "symbolizer/inflate.h"

#define PAGE 4096ull
#define NOTES_MAX (64 << 10)
#define SECTION_NAMES_MAX (16 << 20)

static int broken(struct err *err, const char *what)
{
	return err_set(err, -ENOEXEC, ERR_FAILED, "%s", what);
}

static bool inside(uint64_t offset, uint64_t bytes, uint64_t all)
{
	return offset <= all && bytes <= all - offset;
}

/* 0, or -ENOEXEC where the file ends too early (it may shrink while we read). */
static int read_at(const struct elf *elf, uint64_t offset, void *out, uint64_t bytes)
{
	if (!inside(offset, bytes, elf->bytes))
		return -ENOEXEC;
	if (elf->memory) {
		memcpy(out, elf->memory + offset, bytes);
		return 0;
	}
	for (uint64_t done = 0; done < bytes;) {
		ssize_t n =
			pread(elf->fd, (char *)out + done, bytes - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -EIO;
		if (n == 0)
			return -ENOEXEC;
		done += (uint64_t)n;
	}
	return 0;
}

int elf_read(const struct elf *elf, uint64_t offset, uint64_t bytes, uint64_t limit,
	     struct elf_bytes *out)
{
	if (!inside(offset, bytes, elf->bytes))
		return -ENOEXEC;
	if (bytes > limit)
		return -EFBIG;
	guard_mem uint8_t *data = malloc(bytes + 1);
	if (!data)
		return -ENOMEM;
	int code = read_at(elf, offset, data, bytes);
	if (code)
		return code;
	data[bytes] = 0;
	out->data = steal_ptr(data);
	out->bytes = bytes;
	return 0;
}

void elf_bytes_deinit(struct elf_bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct elf_bytes){};
}

static int unpack(const struct elf_bytes *packed, uint64_t limit, struct elf_bytes *out)
{
	Elf64_Chdr header;
	if (packed->bytes < sizeof(header))
		return -ENOEXEC;
	memcpy(&header, packed->data, sizeof(header));
	if (header.ch_size > limit)
		return -EFBIG;
	guard_mem uint8_t *data = malloc(header.ch_size + 1);
	if (!data)
		return -ENOMEM;
	int code = inflate_section(header.ch_type, packed->data + sizeof(header),
				   packed->bytes - sizeof(header), data, header.ch_size);
	if (code)
		return code;
	data[header.ch_size] = 0;
	out->data = steal_ptr(data);
	out->bytes = header.ch_size;
	return 0;
}

int elf_read_section(const struct elf *elf, const Elf64_Shdr *section, uint64_t limit,
		     struct elf_bytes *out)
{
	if (section->sh_type == SHT_NOBITS)
		return -ENODATA;
	if (!(section->sh_flags & SHF_COMPRESSED))
		return elf_read(elf, section->sh_offset, section->sh_size, limit, out);
	guard_elf_bytes struct elf_bytes packed = {};
	int code = elf_read(elf, section->sh_offset, section->sh_size, limit, &packed);
	return code ? code : unpack(&packed, limit, out);
}

int elf_read_address(const struct elf *elf, uint64_t address, uint64_t bytes, uint64_t limit,
		     struct elf_bytes *out)
{
	for (uint32_t i = 0; i < elf->n_segments; i++) {
		const Elf64_Phdr *p = &elf->segments[i];
		if (p->p_type != PT_LOAD || address < p->p_vaddr)
			continue;
		uint64_t offset;
		if (inside(address - p->p_vaddr, bytes, p->p_filesz) &&
		    !__builtin_add_overflow(p->p_offset, address - p->p_vaddr, &offset))
			return elf_read(elf, offset, bytes, limit, out);
	}
	return -ENOEXEC;
}

static const char *section_name(const struct elf *elf, const Elf64_Shdr *section)
{
	return section->sh_name < elf->section_names_bytes ? elf->section_names + section->sh_name
							   : "";
}

const Elf64_Shdr *elf_section(const struct elf *elf, const char *name)
{
	for (uint32_t i = 0; i < elf->n_sections; i++)
		if (!strcmp(section_name(elf, &elf->sections[i]), name))
			return &elf->sections[i];
	return NULL;
}

const Elf64_Shdr *elf_section_of_type(const struct elf *elf, uint32_t type)
{
	for (uint32_t i = 0; i < elf->n_sections; i++)
		if (elf->sections[i].sh_type == type)
			return &elf->sections[i];
	return NULL;
}

bool elf_is_code_segment(const Elf64_Phdr *segment)
{
	uint64_t end;
	return segment->p_type == PT_LOAD && segment->p_flags & PF_X &&
	       !__builtin_add_overflow(segment->p_vaddr, segment->p_memsz, &end) &&
	       !__builtin_add_overflow(segment->p_offset, segment->p_filesz, &end);
}

/* The whole pages that hold a segment's bytes; false where its numbers make no sense. */
static bool segment_pages(const Elf64_Phdr *p, uint64_t *first, uint64_t *end)
{
	if (__builtin_add_overflow(p->p_offset, p->p_filesz, end) ||
	    __builtin_add_overflow(*end, PAGE - 1, end))
		return false;
	*first = p->p_offset & ~(PAGE - 1);
	*end &= ~(PAGE - 1);
	return true;
}

bool elf_offset_to_address(const struct elf *elf, uint64_t offset, uint64_t *address)
{
	const Elf64_Phdr *found = NULL;
	for (uint32_t i = 0; i < elf->n_segments; i++) {
		const Elf64_Phdr *p = &elf->segments[i];
		uint64_t first, end;
		if (!elf_is_code_segment(p) || !segment_pages(p, &first, &end))
			continue;
		if (offset >= p->p_offset && offset - p->p_offset < p->p_filesz) {
			found = p;
			break;
		}
		if (!found && offset >= first && offset < end)
			found = p;
	}
	if (!found)
		return false;
	*address = offset - found->p_offset + found->p_vaddr;
	return true;
}

/* Finds the build ID among the notes [data, data + bytes) of this alignment (gABI "Note Section";
 * 8-byte notes: .note.gnu.property). */
static size_t find_build_id(const uint8_t *data, uint64_t bytes, uint64_t align,
			    uint8_t id[ELF_BUILD_ID_MAX])
{
	align = align == 8 ? 8 : 4;
	for (uint64_t at = 0; inside(at, sizeof(Elf64_Nhdr), bytes);) {
		Elf64_Nhdr note;
		memcpy(&note, data + at, sizeof(note));
		uint64_t name = at + sizeof(note);
		uint64_t text = (name + note.n_namesz + align - 1) & ~(align - 1);
		if (!inside(name, note.n_namesz, bytes) || !inside(text, note.n_descsz, bytes))
			return 0;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
		    !memcmp(data + name, "GNU", 4) && note.n_descsz &&
		    note.n_descsz <= ELF_BUILD_ID_MAX) {
			memcpy(id, data + text, note.n_descsz);
			return note.n_descsz;
		}
		at = (text + note.n_descsz + align - 1) & ~(align - 1);
	}
	return 0;
}

static size_t build_id_at(const struct elf *elf, uint64_t offset, uint64_t bytes, uint64_t align,
			  uint8_t id[ELF_BUILD_ID_MAX])
{
	guard_elf_bytes struct elf_bytes notes = {};
	if (elf_read(elf, offset, bytes, NOTES_MAX, &notes))
		return 0;
	return find_build_id(notes.data, notes.bytes, align, id);
}

size_t elf_build_id(const struct elf *elf, uint8_t id[ELF_BUILD_ID_MAX])
{
	size_t n = 0;
	/* Few files have more than three; a thousand notes of 64 KiB are a trap. */
	unsigned tries = 32;
	for (uint32_t i = 0; !n && tries && i < elf->n_segments; i++) {
		const Elf64_Phdr *p = &elf->segments[i];
		if (p->p_type == PT_NOTE && tries--)
			n = build_id_at(elf, p->p_offset, p->p_filesz, p->p_align, id);
	}
	for (uint32_t i = 0; !n && tries && i < elf->n_sections; i++) {
		const Elf64_Shdr *s = &elf->sections[i];
		if (s->sh_type == SHT_NOTE && tries--)
			n = build_id_at(elf, s->sh_offset, s->sh_size, s->sh_addralign, id);
	}
	return n;
}

static int check_header(const Elf64_Ehdr *header, struct err *err)
{
	if (memcmp(header->e_ident, ELFMAG, SELFMAG))
		return broken(err, "not an ELF file");
	if (header->e_ident[EI_CLASS] == ELFCLASS32)
		return err_set(err, -EOPNOTSUPP, ERR_FAILED, "32-bit");
	if (header->e_ident[EI_CLASS] != ELFCLASS64)
		return broken(err, "an ELF file of no known class");
	if (header->e_ident[EI_DATA] != ELFDATA2LSB)
		return err_set(err, -EOPNOTSUPP, ERR_FAILED, "big-endian");
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN && header->e_type != ET_REL)
		return broken(err, "an ELF file that is no program and no library");
	return 0;
}

/* Many sections: the counts that do not fit the header lie in section 0 (gABI, e_shnum). */
static void read_section_headers(struct elf *elf, const Elf64_Ehdr *header)
{
	uint64_t n = header->e_shnum, names = header->e_shstrndx;
	Elf64_Shdr first;
	if (!header->e_shoff || header->e_shentsize != sizeof(Elf64_Shdr) ||
	    read_at(elf, header->e_shoff, &first, sizeof(first)))
		return;
	if (!n)
		n = first.sh_size;
	if (names == SHN_XINDEX)
		names = first.sh_link;
	if (!n || n > ELF_SECTIONS_MAX)
		return;
	guard_elf_bytes struct elf_bytes table = {}, strings = {};
	if (elf_read(elf, header->e_shoff, n * sizeof(Elf64_Shdr), UINT64_MAX, &table))
		return;
	const Elf64_Shdr *sections = (const Elf64_Shdr *)table.data;
	if (names < n)
		(void)elf_read_section(elf, &sections[names], SECTION_NAMES_MAX, &strings);
	elf->sections = (Elf64_Shdr *)steal_ptr(table.data);
	elf->n_sections = (uint32_t)n;
	elf->section_names_bytes = strings.bytes;
	elf->section_names = (char *)steal_ptr(strings.data);
}

static int read_segments(struct elf *elf, const Elf64_Ehdr *header, struct err *err)
{
	if (!header->e_phnum)
		return 0;
	if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum > ELF_SEGMENTS_MAX)
		return broken(err, "broken ELF file: program headers");
	guard_elf_bytes struct elf_bytes table = {};
	int code = elf_read(elf, header->e_phoff, header->e_phnum * sizeof(Elf64_Phdr), UINT64_MAX,
			    &table);
	if (code)
		return err_set(err, code, ERR_FAILED, "broken ELF file: program headers");
	elf->segments = (Elf64_Phdr *)steal_ptr(table.data);
	elf->n_segments = header->e_phnum;
	return 0;
}

static int elf_new(int fd, uint8_t *memory, uint64_t bytes, struct elf **out, struct err *err)
{
	guard_elf struct elf *elf = calloc(1, sizeof(*elf));
	if (!elf) {
		guard_close(&fd);
		free(memory);
		return -ENOMEM;
	}
	elf->fd = fd;
	elf->memory = memory;
	elf->bytes = bytes;
	Elf64_Ehdr header;
	int code = read_at(elf, 0, &header, sizeof(header));
	if (code)
		return err_set(err, code, ERR_FAILED, "not an ELF file");
	code = check_header(&header, err);
	if (code)
		return code;
	elf->type = header.e_type;
	elf->machine = header.e_machine;
	code = read_segments(elf, &header, err);
	if (code)
		return code;
	read_section_headers(elf, &header);
	*out = steal_ptr(elf);
	return 0;
}

int elf_open(int fd_take, struct elf **out, struct err *err)
{
	guard_fd int fd = fd_take;
	if (fd < 0)
		return -EBADF;
	/* No fstat(): glibc makes it a call that takes a path, which the sandbox refuses. */
	off_t bytes = lseek(fd, 0, SEEK_END);
	if (bytes < 0)
		return broken(err, "not a regular file");
	return elf_new(steal_fd(fd), NULL, (uint64_t)bytes, out, err);
}

int elf_open_memory(uint8_t *memory_take, uint64_t bytes, struct elf **out, struct err *err)
{
	return elf_new(-1, memory_take, bytes, out, err);
}

void elf_close(struct elf *elf)
{
	if (!elf)
		return;
	guard_close(&elf->fd);
	free(elf->memory);
	free(elf->segments);
	free(elf->sections);
	free(elf->section_names);
	free(elf);
}
