/* SPDX-License-Identifier: Apache-2.0 */
/* One object of the engine in a worker: a mapped file with its index of names, the vdso, the
 * kernel, or what a process says of the code that it made itself. What goes wrong with its names is
 * a note; what goes wrong with the file is an error. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/guard.h"

struct elf;
struct err;
struct object;
struct worker_opened;

/* Takes the fd, also when it fails. Codes of elf_open(). `at_rest`: addresses are ELF addresses,
 * not file offsets, which a debug file does not have. */
int object_open(int fd_take, bool at_rest, struct object **object, struct err *err);
/* The same for a file in memory, which it takes. */
int object_open_memory(uint8_t *memory_take, size_t bytes, struct object **object, struct err *err);
/* Reads the vdso's bytes from the fd (borrowed), a pipe or a file. */
int object_open_vdso(int fd, struct object **object, struct err *err);
/* `stext`: the address that kernel frames are relative to. Takes the fd. Codes of kallsyms_new().
 */
int object_open_kernel(int fd_take, uint64_t stext, struct object **object, struct err *err);
/* The fd is borrowed. Codes of jit_map_new(). */
int object_open_jit(int fd, struct object **object, struct err *err);
/* Takes the fd of a separate debug file. -ESTALE: it is for another build; codes of elf_open(). */
int object_add_debug(struct object *object, int fd_take, struct err *err);
/* The same for what dwz moved out of its debugging information. */
int object_add_alt(struct object *object, int fd_take, struct err *err);
void object_close(struct object *object);
GUARD_DEFINE(object, struct object *, object_close)
#define guard_object guard(guard_object)

/* NULL where there is no file: the kernel, code that a process made. */
const struct elf *object_elf(const struct object *object);
void object_describe(const struct object *object, struct worker_opened *opened);

/* Writes the record of one address (name_record.h) into `record`, which is aligned to 8 and has
 * NAME_RECORD_BYTES; returns its bytes. */
size_t object_name(struct object *object, uint64_t address, void *record);
/* From here on names come from symbols only. */
void object_set_quick(struct object *object, bool quick);
/* Lets go of debugging information, which is read again when it is needed. */
void object_rest(struct object *object);
/* What that would free, roughly; UINT64_MAX: it had better be read anew for the next request. */
uint64_t object_lines_bytes(const struct object *object);
