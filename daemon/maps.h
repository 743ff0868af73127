/* SPDX-License-Identifier: Apache-2.0 */
/* The executable mappings of a process, as /proc/PID/maps has them (proc_pid_maps(5)). The kernel
 * formats the numbers; the path is text that the target chose. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum maps_kind {
	MAPS_FILE,
	MAPS_ANONYMOUS, /* JIT code, thread stacks with code … */
	MAPS_VDSO,
	MAPS_OTHER, /* [vsyscall] */
};

struct maps_line {
	uint64_t start, end, offset; /* of the file, bytes */
	uint64_t dev, inode;	     /* dev as stat(2) has it */
	enum maps_kind kind;
	char *path; /* owned; "" for anonymous memory; octal escapes of the kernel undone; without
		     * " (deleted)" */
	bool deleted;
};

struct maps {
	struct maps_line *at; /* executable ones, ascending by start */
	uint32_t n, room;
};

/* Reads from the fd's start. 0; -ESRCH: the process has no memory any more (ended, kernel thread);
 * -E2BIG: more than 64 MiB of text; other negative errno. */
int maps_read(int fd, struct maps *maps);
/* The same from text; lines that are not as the kernel writes them are left out. */
void maps_parse(const char *text, size_t bytes, struct maps *maps);
void maps_deinit(struct maps *maps);
/* Gives a line with an inode (0: none) its path, and from both its kind. */
void maps_set_path(struct maps_line *line, const char *path);
/* Number of the first line that ends behind `address`, or n. */
uint32_t maps_first(const struct maps *maps, uint64_t address);
/* The line that holds the address, or NULL. */
const struct maps_line *maps_find(const struct maps *maps, uint64_t address);
