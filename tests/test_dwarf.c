/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/dwarf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbolizer/elf.h"
#include "tests/image.h"
#include "tests/unit.h"

enum {
	ADDRESSES = 1000,
};

/* Where this program begins in memory (ld). */
extern const char __executable_start;

static int open_self(struct elf **elf, struct dwarf **dwarf, char path[512])
{
	ssize_t n = readlink("/proc/self/exe", path, 511);
	path[n > 0 ? n : 0] = 0;
	CU_ASSERT_EQUAL(elf_open(open(path, O_RDONLY | O_CLOEXEC), elf, NULL), 0);
	return dwarf_new(*elf, NULL, DWARF_WORK_MAX, dwarf);
}

/* addr2line's output, a line at a time. */
struct lines {
	FILE *file;
	char line[1024]; /* the next one, "" at the end */
};
static void next_line(struct lines *lines)
{
	if (!lines->file || !fgets(lines->line, sizeof(lines->line), lines->file))
		*lines->line = 0;
	lines->line[strcspn(lines->line, "\n")] = 0;
}
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* Compares one frame, of which two lines tell: function and file:line. *files: another file (that
 * of binutils 2.40 is wrong for some rows of DWARF 5). */
static bool same_frame(struct lines *other, const struct dwarf_frame *frame, unsigned *files)
{
	char file[4096];
	size_t letters = strlen(frame->name);
	/* The symbol table names the outermost there: `f.part.0`, and what fills up behind it. */
	bool same = !letters || (!strncmp(other->line, frame->name, letters) &&
				 (!other->line[letters] || other->line[letters] == '.'));
	next_line(other);
	char *number = strrchr(other->line, ':');
	if (!number)
		return false;
	*number = 0;
	file[dwarf_file(frame, file, sizeof(file))] = 0;
	*files += strcmp(base_name(other->line), base_name(file)) != 0;
	same = same && (uint32_t)atoi(number + 1) == frame->line;
	next_line(other);
	return same;
}

/* Function, file, line and inline chain at random places of this program. */
static void agrees_with_addr2line(void)
{
	char path[512], command[700];
	guard_elf struct elf *elf = NULL;
	guard_dwarf struct dwarf *dwarf = NULL;
	CU_ASSERT_EQUAL(open_self(&elf, &dwarf, path), 0);
	const Elf64_Shdr *text = elf_section(elf, ".text");
	guard_fd int fd = -1;
	char list[] = "/tmp/probe-unit-XXXXXX";
	fd = mkstemp(list);
	uint64_t seed = 3, addresses[ADDRESSES];
	for (int i = 0; i < ADDRESSES; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		addresses[i] = text->sh_addr + (seed >> 20) % text->sh_size;
		dprintf(fd, "%#lx\n", addresses[i]);
	}
	snprintf(command, sizeof(command), "addr2line -i -f -a -e '%s' <%s", path, list);
	struct lines other = {.file = popen(command, "re")};
	unsigned wrong = 0, chains = 0, known = 0, files = 0;
	next_line(&other);
	for (int i = 0; i < ADDRESSES; i++) {
		struct dwarf_frame frames[DWARF_FRAMES_MAX];
		uint32_t n = dwarf_find(dwarf, addresses[i], frames);
		bool same = strtoull(other.line, NULL, 16) == addresses[i];
		next_line(&other);
		for (uint32_t k = 0; k < n && same; k++)
			same = same_frame(&other, &frames[k], &files);
		known += n > 0;
		chains += n > 1;
		wrong += n && (!same || (*other.line && strncmp(other.line, "0x", 2)));
		while (*other.line && strncmp(other.line, "0x", 2))
			next_line(&other);
	}
	if (other.file)
		pclose(other.file);
	unlink(list);
	CU_ASSERT_TRUE(known > ADDRESSES / 2);
	CU_ASSERT_TRUE(chains > ADDRESSES / 50);
	CU_ASSERT_TRUE(wrong <= ADDRESSES / 1000);
	CU_ASSERT_TRUE(files <= ADDRESSES / 50);
}

static void files_without_it_say_so(void)
{
	const struct image_symbol none = {"main", IMAGE_TEXT, 8, STT_FUNC, STB_GLOBAL};
	size_t bytes;
	uint8_t *image = image_new(&none, 1, &bytes);
	guard_elf struct elf *elf = NULL;
	struct dwarf *dwarf = NULL;
	CU_ASSERT_EQUAL(elf_open_memory(image, bytes, &elf, NULL), 0);
	CU_ASSERT_EQUAL(dwarf_new(elf, NULL, DWARF_WORK_MAX, &dwarf), -ENODATA);
	CU_ASSERT_PTR_NULL(dwarf);
}

static void tells_what_it_holds(void)
{
	char path[512];
	guard_elf struct elf *elf = NULL;
	guard_dwarf struct dwarf *dwarf = NULL, *busy = NULL;
	struct dwarf_frame frames[DWARF_FRAMES_MAX];
	CU_ASSERT_EQUAL(open_self(&elf, &dwarf, path), 0);
	const uint64_t info = elf_section(elf, ".debug_info")->sh_size;
	const uint64_t lines = elf_section(elf, ".debug_line")->sh_size;
	const uint64_t opened = dwarf_held_bytes(dwarf);
	CU_ASSERT_TRUE(opened >= info + lines && opened < 8 * (info + lines));
	/* A unit that is read is more than that, until it is known. */
	const uint64_t here =
		(uint64_t)(uintptr_t)tells_what_it_holds - (uint64_t)(uintptr_t)&__executable_start;
	CU_ASSERT_TRUE(dwarf_find(dwarf, here, frames) > 0);
	CU_ASSERT_STRING_EQUAL(frames[0].name, "tells_what_it_holds");
	const uint64_t read = dwarf_held_bytes(dwarf);
	CU_ASSERT_TRUE(read > opened && read < UINT64_MAX);
	CU_ASSERT_TRUE(dwarf_find(dwarf, here + 1, frames) > 0);
	CU_ASSERT_EQUAL(dwarf_held_bytes(dwarf), read);
	/* Half of the work is behind it: it is to be read anew. */
	CU_ASSERT_EQUAL(dwarf_new(elf, NULL, 64, &busy), 0);
	CU_ASSERT_EQUAL(dwarf_held_bytes(busy), UINT64_MAX);
}

SUITE(dwarf, {"agrees with addr2line", agrees_with_addr2line},
      {"files without it say so", files_without_it_say_so},
      {"tells what it holds", tells_what_it_holds});
