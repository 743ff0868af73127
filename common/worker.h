/* SPDX-License-Identifier: Apache-2.0 */
/* The contract between the engine and a worker (probe-symbolizer): packets of common/packet.h. The
 * engine asks one thing at a time; the worker answers with one or more packets, the last one
 * marked. Everything from a worker is untrusted until checked: it has parsed a target's bytes. */
#pragma once

#include <stdint.h>

enum worker_op {
	/* object; fd 0: the mapped file. → struct worker_opened. An object opened again is
	 * replaced. value 1: the file is at rest, perhaps a debug file: its addresses are ELF
	 * addresses. */
	WORKER_OPEN = 1,
	/* object, addresses: file offsets of the instructions meant (the engine has taken 1 from
	 * return addresses); kernel: offsets from _stext → records, see worker_name */
	WORKER_NAMES,
	/* fd 0: /proc/kallsyms; value: _stext. → struct worker_opened. Its object number is 0. */
	WORKER_OPEN_KERNEL,
	/* object; the vdso has no file: fd 0 is a pipe or file with its bytes, at most 1 MiB, read
	 * to its end → struct worker_opened */
	WORKER_OPEN_VDSO,
	/* object: forget it */
	WORKER_CLOSE,
	/* object → its unwind rows, see worker_table */
	WORKER_TABLE,
	/* object; fd 0: its separate debug file → struct worker_opened of both. -ESTALE: another
	 * build ID or CRC. What it tells comes before what the object itself does. */
	WORKER_DEBUG,
	/* object; fd 0: names of code that a process made itself (jit_map.h) → struct
	 * worker_opened. Its addresses are absolute. */
	WORKER_OPEN_JIT,
	/* object; fd 0: the file to which dwz moved what its debugging information shares with
	 * others' → struct worker_opened. -ESTALE: another build ID. */
	WORKER_ALT,
};

struct worker_request {
	uint32_t op;	 /* enum worker_op */
	uint32_t object; /* the engine's number; chosen by it */
	uint64_t value;
	uint32_t n; /* WORKER_NAMES: addresses that follow, at most WORKER_ADDRESSES */
	/* 0: WORKER_SECONDS, and all that is known; else the request's own limit, and names come
	 * from symbols only, without lines and inlined functions */
	uint32_t seconds;
	uint64_t addresses[];
};

struct worker_reply {
	uint32_t op; /* of the request */
	uint32_t object;
	int32_t code;  /* 0; or negative errno, then the rest of the packet are words, UTF-8 */
	uint32_t last; /* 1: the last packet of this answer */
	uint32_t n;    /* records in this packet */
	uint32_t pad;
	uint8_t records[];
};

enum {
	WORKER_SEGMENTS = 16,
	WORKER_BUILD_ID = 32,
	WORKER_DEBUG_LINK = 64, /* names and paths of other files, with a NUL */
	WORKER_ALT_LINK = 128,
	WORKER_ADDRESSES = 4096,   /* in one request */
	WORKER_OBJECTS = 64 << 10, /* numbers of objects are below it */
	/* CPU time of one request; then the worker ends … */
	WORKER_SECONDS = 10,
	/* … and as many times that on the clock: where a target keeps all CPUs busy with many
	 * threads, a worker gets little of them. */
	WORKER_PATIENCE = 2,
};

/* Where names come from, in the order in which they are believed. */
enum worker_source {
	WORKER_SOURCE_DEBUG_FILE = 1,
	WORKER_SOURCE_SYMTAB = 2,
	WORKER_SOURCE_MINI = 4, /* .gnu_debugdata */
	WORKER_SOURCE_DYNSYM = 8,
	WORKER_SOURCE_GO = 16, /* .gopclntab; read where there is no .symtab */
};

struct worker_segment {
	uint64_t vaddr, memory_bytes, offset, file_bytes; /* executable PT_LOADs, ascending */
};
/* Record of WORKER_OPEN, WORKER_OPEN_KERNEL. */
struct worker_opened {
	uint32_t n_segments;
	uint32_t n_build_id;
	uint32_t n_symbols;
	uint32_t has_lines; /* 1: debugging information, its own or its debug file's */
	uint32_t sources;   /* of symbols: bits of enum worker_source */
	uint32_t n_alt_id;
	struct worker_segment segments[WORKER_SEGMENTS];
	uint8_t build_id[WORKER_BUILD_ID];
	char note[160]; /* what is broken, or "" */
	/* Where more may be: the name of its debug file; and, below /usr/lib/debug/.dwz, what dwz
	 * moved from the debugging information that is in use, with that file's build ID. */
	char debug_link[WORKER_DEBUG_LINK];
	char alt_link[WORKER_ALT_LINK];
	uint8_t alt_id[WORKER_BUILD_ID];
};

/* Record of WORKER_NAMES, one an address in the order asked, each padded to 8 bytes:
 * this header, then n_lines times (struct worker_line, name, system_name, file, module: the bytes
 * counted there, no NULs; each at most LIMIT_NAME_BYTES; name is not empty). n_lines 0: nothing
 * known. Innermost inline first, as in pprof. */
struct worker_name {
	uint32_t bytes; /* of the whole record with padding */
	uint32_t n_lines;
	/* ELF address; the offset as asked where there is none, and for the kernel */
	uint64_t vaddr;
	/* n_lines 0: ELF address where the nameless function begins (the call frame information
	 * knows); else, or where nothing is known, 0 */
	uint64_t start;
};
struct worker_line {
	uint32_t line;	     /* 0: not known */
	uint32_t start_line; /* of the function; 0: not known */
	uint16_t n_name;
	uint16_t n_system_name; /* mangled; 0: the same as name */
	uint16_t n_file;	/* 0: not known */
	uint16_t n_module;	/* kernel: module's name; else 0 */
};

/* Answer of WORKER_TABLE: a packet with this record alone, then packets with n rules each (struct
 * unwind_rule of common/unwind.h), then packets with n rows each (struct unwind_row), then an empty
 * one, the last. */
struct worker_table {
	uint32_t n_rules; /* at most UNWIND_RULES_MAX */
	uint32_t n_rows;  /* at most UNWIND_ROWS_MAX; by pc, ascending */
};
