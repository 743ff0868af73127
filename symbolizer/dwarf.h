/* SPDX-License-Identifier: Apache-2.0 */
/* Lines and inline chains from the debugging information of one file (DWARF 2 to 5), read only as
 * far as addresses ask for it: unit headers at first, the line table and the entries of a unit at
 * its first address.
 *
 * Nothing here recurses, references are followed a few steps, offsets only rise, and all work is
 * counted: a file made to keep us busy loses its lines, and keeps the names of its symbols. Split
 * units are left out (.dwo files: their lines are here, their inline chains are not). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/guard.h"

struct dwarf;
struct dwarf_unit;
struct elf;

enum {
	DWARF_FRAMES_MAX = 64,
	DWARF_BYTES_MAX = 1 << 30, /* of all sections of a file, unpacked */
};
/* Bytes and rows looked at for one file: 2 s on an idle machine. */
#define DWARF_WORK_MAX (512ull << 20)

/* Bytes of entries looked at for names, of one file: a recording's take some MB. */
#define DWARF_NAMES_WORK_MAX (256ull << 20)

/* And the time it may take all in all, on a busy one: a request that takes WORKER_SECONDS would
 * cost the object its symbols' names, too. */
#define DWARF_TIME_MAX_NS (5ull * 1000000000)

struct dwarf_frame {
	const char *name;	  /* as written in the source, "" not known */
	const char *linkage_name; /* mangled, "" none */
	uint32_t line;		  /* 0: not known */
	uint32_t start_line;	  /* of the function; 0: not known */
	uint32_t file;		  /* for dwarf_file(); 0 with file_known false */
	bool file_known;
	struct dwarf_unit *unit;
	const char *path; /* the file's, where another source than DWARF tells of the frame */
};

/* `alt`: the file to which dwz moved entries and texts of this one, or NULL; what is wrong with it
 * costs their names. `work_max`: DWARF_WORK_MAX, but for tests. -ENODATA: the file has none;
 * -ENOEXEC, -EFBIG, -ENOMEM: not usable. Keeps no pointer to the files. */
int dwarf_new(const struct elf *elf, const struct elf *alt, uint64_t work_max,
	      struct dwarf **dwarf);
void dwarf_free(struct dwarf *dwarf);
GUARD_DEFINE(dwarf, struct dwarf *, dwarf_free)
#define guard_dwarf guard(guard_dwarf)

/* What it holds, in bytes and roughly; UINT64_MAX: its time or work is used up so far that it had
 * better be read anew. */
uint64_t dwarf_held_bytes(const struct dwarf *dwarf);

/* The chain at an ELF address, innermost first; the last one is the function itself. Returns its
 * frames, 0: nothing known. Where only the line is known there is one frame without a name. */
uint32_t dwarf_find(struct dwarf *dwarf, uint64_t address,
		    struct dwarf_frame frames[DWARF_FRAMES_MAX]);
/* The path of a frame's file, cut to `room`; returns its bytes. Relative to nothing where the unit
 * says where it was compiled. */
size_t dwarf_file(const struct dwarf_frame *frame, char *out, size_t room);
