/* SPDX-License-Identifier: Apache-2.0 */
/* Mapped files that hold code. An object is the file itself, by (device, inode, size, mtime,
 * ctime), never a build ID, which any user can write into a file of his own. The engine keeps each
 * object's file open: names come from the mapped file, even when it was deleted or replaced since,
 * and while it is open its inode number is not given to another file. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "bpf/types.h"

struct asker;
struct maps_line;
struct objects;

struct object {
	uint64_t dev, inode, size;
	int64_t mtime_ns, ctime_ns;
	char *path;	    /* as the first mapping said; text of the target */
	int fd;		    /* -1: could not be opened (code says why), or the vdso */
	int code;	    /* 0 or why there is no fd */
	uint32_t tries;	    /* to open it */
	uint32_t table;	    /* unwind rows: number, 0: none */
	uint32_t rows;	    /* in it */
	int table_code;	    /* 0 or why there is none */
	bool table_evicted; /* it has none, for want of room or use: wanted when met again */
	bool table_pending; /* it is being made */
	uint64_t table_pause_ns, table_after_ns; /* objects_put_off_table() */
	enum {
		OBJECT_FILE,
		OBJECT_VDSO,
		OBJECT_JIT, /* code that a process made; fd: its perf map, as last seen */
	} kind;
	uint32_t pid;	 /* who mapped it first; OBJECT_JIT: whose */
	uint32_t uid;	 /* the file's owner */
	uint64_t device; /* st_dev, which is not always what maps say */
	bool gone;	 /* that process, or it runs another program */
	bool condemned;	 /* nobody mapped it then, nor has since: objects_condemn() */
	uint32_t round;	 /* when it was last seen to be unchanged */
	uint32_t next_free;
};

enum {
	OBJECTS_KEPT =
		TYPES_ENTRIES(2048, 64), /* for the next recording, though nobody maps them */
};

struct objects *objects_new(void);
void objects_free(struct objects *objects);

/* Number (from 1) of the object behind a line of pid's maps, opened by the broker when it is new. A
 * file that cannot be opened is an object all the same, known by its device and inode, and tried
 * again when it is met again, a few times: a process that ends takes the way to its files with it.
 * 0: the line has no object (anonymous memory). */
uint32_t objects_find(struct objects *objects, struct asker *asker, uint32_t pid,
		      const struct maps_line *line);
/* The number of a file that is met; 0: it has not been, or lies in no file. */
uint32_t objects_number(const struct objects *objects, const struct maps_line *line);
/* Opens the file behind a line, unless it is open: whoever maps it may end. Its table is wanted
 * when objects_find() meets it. False: it cannot be opened. */
bool objects_hold(struct objects *objects, struct asker *asker, uint32_t pid,
		  const struct maps_line *line);
/* How often a file was opened, or would have been. */
uint32_t objects_openings(const struct objects *objects);
/* From the first call to the second, what was seen of a file once holds: what is told of meanwhile
 * has happened before. */
void objects_begin_round(struct objects *objects);
void objects_end_round(struct objects *objects);
/* Number of a new object: code that this process made. It has no unwind table. Its perf map is
 * asked for at once, since the process may end before the recording does; where there is none, the
 * object `dump` counts, a jitdump that it maps (0: none). */
uint32_t objects_add_jit(struct objects *objects, struct asker *asker, uint32_t pid, uint32_t dump);
/* Opens it anew, if the process is there: it may have been replaced since. */
void objects_renew_jit(struct objects *objects, struct asker *asker, uint32_t number,
		       uint32_t dump);
/* Whether it is called jit-….dump, which a JIT maps to tell of it. */
bool objects_is_dump(const struct objects *objects, uint32_t number);
/* Borrowed; the pointer holds until the next objects_find(). */
struct object *objects_get(struct objects *objects, uint32_t number);
/* An object whose unwind table is wanted, each once: new, or mapped again after it was evicted.
 * What was met last comes first: a recording begins with what it needs. 0: none. */
uint32_t objects_take_wanted(struct objects *objects);
/* The object's table is wanted (again). */
void objects_want_table(struct objects *objects, uint32_t number);
/* For walks: its number, 0: none, MAPPING_TABLE_PENDING: it is being made. */
uint32_t objects_table(struct objects *objects, uint32_t number);
/* There was no room for the table, and nothing to give up: it is wanted again when the object is
 * met after a while, a longer one each time. Making one costs the same in vain. */
void objects_put_off_table(struct objects *objects, uint32_t number, uint64_t now_ns);
/* Whether its mapping was not what the maps had said: they change while a program is loaded. */
bool objects_is_unsettled(const struct objects *objects, uint32_t number);
/* Why a file could not be opened. */
const char *objects_words(int code);
/* The highest number. */
uint32_t objects_count(const struct objects *objects);
uint32_t objects_held(const struct objects *objects);
/* Those that are not `used`, by number, are condemned until they are met again. */
void objects_condemn(struct objects *objects, const bool *used);
/* Nobody holds its number, which will be another's. */
void objects_drop(struct objects *objects, uint32_t number);
/* Forgets all: nobody holds a number. */
void objects_clear(struct objects *objects);
