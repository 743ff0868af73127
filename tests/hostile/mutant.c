/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/hostile/mutant.h"

#include <dirent.h>
#include <elf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/array.h"
#include "common/guard.h"

enum {
	BYTES_MAX = 2 << 20,
	EDITS_MAX = 8,
};
#define DIRECTORY "/usr/bin"

struct source {
	char *path;
	struct bytes bytes;
};
struct mutants {
	struct source *at;
	uint32_t n, room;
};

/* SplitMix64: any number begins a good sequence. */
static uint64_t draw(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static struct bytes read_file(const char *path)
{
	struct bytes bytes = {0};
	char buffer[64 << 10];
	size_t n;
	guard_file FILE *file = fopen(path, "re");
	while (file && bytes.n <= BYTES_MAX && (n = fread(buffer, 1, sizeof(buffer), file)) > 0)
		bytes_raw(&bytes, buffer, n);
	return bytes;
}

static void add(struct mutants *mutants, const char *path, bool large)
{
	struct bytes bytes = read_file(path);
	if (bytes.n > sizeof(Elf64_Ehdr) && (large || bytes.n <= BYTES_MAX) &&
	    !memcmp(bytes.at, ELFMAG, SELFMAG))
		*array_add(mutants) = (struct source){array_copy(path, strlen(path)), bytes};
	else
		free(bytes.at);
}

struct mutants *mutant_sources(void)
{
	struct mutants *mutants = memory_new(1, sizeof(*mutants));
	struct dirent **names = NULL;
	int n = scandir(DIRECTORY, &names, NULL, alphasort);
	add(mutants, "/proc/self/exe", true);
	for (int i = 0; i < n; i++) {
		char path[sizeof(DIRECTORY) + sizeof(names[i]->d_name) + 1];
		snprintf(path, sizeof(path), DIRECTORY "/%s", names[i]->d_name);
		if (names[i]->d_type == DT_REG)
			add(mutants, path, false);
		free(names[i]);
	}
	free(names);
	return mutants;
}

void mutant_sources_free(struct mutants *mutants)
{
	for (uint32_t i = 0; i < mutants->n; i++) {
		free(mutants->at[i].path);
		free(mutants->at[i].bytes.at);
	}
	free(mutants->at);
	free(mutants);
}

struct area {
	uint64_t start, n;
};

/* What readers look at: not code, and not the program's own data. */
static bool is_read(const Elf64_Shdr *section)
{
	return section->sh_type != SHT_NULL && section->sh_type != SHT_NOBITS &&
	       (section->sh_type != SHT_PROGBITS ||
		!(section->sh_flags & (SHF_EXECINSTR | SHF_WRITE)));
}

/* A place to change: half of the time in the file's headers. */
static struct area choose(const struct bytes *bytes, uint64_t *state)
{
	Elf64_Ehdr header;
	Elf64_Shdr section;
	memcpy(&header, bytes->at, sizeof(header));
	const struct area tables[] = {{0, sizeof(header)},
				      {header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr)},
				      {header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr)}};
	struct area area = tables[draw(state) % 16 % 3];
	for (int tries = 0; draw(state) % 2 && tries < 8 && header.e_shnum; tries++) {
		uint64_t at = header.e_shoff + draw(state) % header.e_shnum * sizeof(section);
		if (at > bytes->n || bytes->n - at < sizeof(section))
			continue;
		memcpy(&section, bytes->at + at, sizeof(section));
		if (is_read(&section))
			area = (struct area){section.sh_offset, section.sh_size};
	}
	if (!area.n || area.start > bytes->n || area.n > bytes->n - area.start)
		area = tables[0];
	return area;
}

/* A number that readers may stumble over, in 1, 2, 4 or 8 bytes. */
static void edit(struct bytes *bytes, struct area area, uint64_t *state)
{
	const uint64_t numbers[] = {0,		 1,	     0x7f,	  0x80,	      0xff,
				    0x7fffffff,	 0x80000000, UINT32_MAX,  1ull << 62, UINT64_MAX,
				    draw(state), bytes->n,   bytes->n - 1};
	const size_t width = 1ul << draw(state) % 4;
	uint64_t at = area.start + draw(state) % area.n;
	if (draw(state) % 2)
		at &= ~(width - 1);
	if (at + width > bytes->n)
		return;
	uint64_t number = 0;
	memcpy(&number, bytes->at + at, width);
	const uint64_t choice = draw(state) % 16;
	if (choice < sizeof(numbers) / sizeof(*numbers))
		number = numbers[choice];
	else
		number += choice == 15 ? 1 : choice == 14 ? -1 : 1 << draw(state) % 16;
	memcpy(bytes->at + at, &number, width);
}

struct bytes mutant_make(const struct mutants *mutants, uint64_t number, const char **path)
{
	uint64_t state = number;
	const bool own = draw(&state) % 4 == 0; /* or there would be hardly any DWARF */
	const struct source *source = &mutants->at[own ? 0 : draw(&state) % mutants->n];
	struct bytes bytes = {0};
	*path = source->path;
	bytes_raw(&bytes, source->bytes.at, source->bytes.n);
	for (uint64_t n = 1 + draw(&state) % EDITS_MAX; n > 0; n--)
		edit(&bytes, choose(&source->bytes, &state), &state);
	if (draw(&state) % 16 == 0)
		bytes.n = draw(&state) % bytes.n;
	return bytes;
}
