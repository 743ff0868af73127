/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/objects.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/array.h"
#include "common/clock.h"
#include "common/index.h"
#include "common/memory.h"
#include "common/procfs.h"
#include "daemon/asker.h"
#include "daemon/maps.h"
#include "daemon/openings.h"

struct objects {
	struct object *at; /* from 1 */
	uint32_t n, room;
	uint32_t free, n_free; /* the first that was dropped, 0: none */
	struct {
		uint32_t *at, n, room;
	} wanted;	       /* their tables */
	struct index by_inode; /* dev and inode → the newest object of this inode */
	uint32_t vdso;
	uint32_t round; /* 0: none */
	uint32_t rounds;
	struct openings openings;
	uint32_t n_openings;
};

struct inode_key {
	uint64_t dev, inode;
};

enum {
	TRIES_MAX = 64
};
/* Until a table that had no room is tried again. */
static const uint64_t PAUSE_NS = 1000000000, PAUSE_NS_MAX = 30 * 1000000000ull;

static uint64_t inode_hash(uint64_t dev, uint64_t inode)
{
	struct inode_key key = {dev, inode};
	return index_hash(&key, sizeof(key));
}

struct objects *objects_new(void)
{
	struct objects *objects = memory_new(1, sizeof(*objects));
	array_add(objects); /* number 0 is "none" */
	objects->at[0].fd = -1;
	return objects;
}

void objects_clear(struct objects *objects)
{
	for (uint32_t i = 1; i < objects->n; i++) {
		free(objects->at[i].path);
		if (objects->at[i].fd >= 0)
			close(objects->at[i].fd);
	}
	memset(objects->at + 1, 0, (objects->n - 1) * sizeof(*objects->at));
	objects->n = 1;
	objects->free = objects->n_free = 0;
	objects->wanted.n = 0;
	objects->vdso = 0;
	index_deinit(&objects->by_inode);
}

void objects_free(struct objects *objects)
{
	if (!objects)
		return;
	objects_clear(objects);
	openings_deinit(&objects->openings);
	free(objects->at);
	free(objects->wanted.at);
	free(objects);
}

struct object *objects_get(struct objects *objects, uint32_t number)
{
	return &objects->at[number < objects->n ? number : 0];
}

uint32_t objects_take_wanted(struct objects *objects)
{
	return objects->wanted.n ? objects->wanted.at[--objects->wanted.n] : 0;
}

bool objects_is_unsettled(const struct objects *objects, uint32_t number)
{
	const struct object *object = &objects->at[number];
	return object->fd < 0 && object->code == -ENOENT && object->kind == OBJECT_FILE &&
	       object->tries < TRIES_MAX;
}

uint32_t objects_count(const struct objects *objects)
{
	return objects->n - 1;
}

uint32_t objects_held(const struct objects *objects)
{
	return objects->n - 1 - objects->n_free;
}

/* Without a path it was dropped before. */
static bool may_be_dropped(const struct objects *objects, uint32_t number)
{
	const struct object *object = &objects->at[number];
	return object->path && number != objects->vdso && !object->table_pending;
}

void objects_condemn(struct objects *objects, const bool *used)
{
	for (uint32_t i = 1; i < objects->n; i++)
		objects->at[i].condemned = !used[i] && may_be_dropped(objects, i);
}

void objects_drop(struct objects *objects, uint32_t number)
{
	struct object *object = &objects->at[number];
	if (object->kind == OBJECT_FILE)
		index_remove(&objects->by_inode, inode_hash(object->dev, object->inode), number);
	free(object->path);
	if (object->fd >= 0)
		close(object->fd);
	*object = (struct object){.fd = -1, .next_free = objects->free};
	objects->free = number;
	objects->n_free++;
}

static uint32_t new_number(struct objects *objects)
{
	uint32_t number = objects->free;
	if (!number) {
		array_add(objects);
		return objects->n - 1;
	}
	objects->free = objects->at[number].next_free;
	objects->n_free--;
	return number;
}

static int64_t in_ns(const struct timespec *t)
{
	return t->tv_sec * 1000000000ll + t->tv_nsec;
}

static void describe(struct object *object, const struct stat *st)
{
	object->size = (uint64_t)st->st_size;
	object->uid = st->st_uid;
	object->device = st->st_dev;
	object->mtime_ns = in_ns(&st->st_mtim);
	object->ctime_ns = in_ns(&st->st_ctim);
}

/* Whether the file is still what it was when it was opened: then its index and rows hold. ctime
 * moves also when a link to it goes away, so it alone does not count while the fd is open. */
static bool unchanged(const struct objects *objects, struct object *object)
{
	struct stat st;
	if (object->fd < 0 || (objects->round && object->round == objects->round))
		return true;
	if (fstat(object->fd, &st) || (uint64_t)st.st_size != object->size ||
	    in_ns(&st.st_mtim) != object->mtime_ns)
		return false;
	object->round = objects->round;
	return true;
}

uint32_t objects_openings(const struct objects *objects)
{
	return objects->n_openings;
}

void objects_begin_round(struct objects *objects)
{
	objects->round = ++objects->rounds ? objects->rounds : ++objects->rounds;
}

void objects_end_round(struct objects *objects)
{
	objects->round = 0;
}

static bool same_inode(const void *context, uint32_t number, const void *key)
{
	const struct objects *objects = context;
	const struct inode_key *wanted = key;
	const struct object *object = &objects->at[number];
	return object->inode == wanted->inode && object->dev == wanted->dev;
}

void objects_want_table(struct objects *objects, uint32_t number)
{
	objects->at[number].table_evicted = objects->at[number].condemned = false;
	objects->at[number].table_pending = true;
	*array_add(&objects->wanted) = number;
}

uint32_t objects_table(struct objects *objects, uint32_t number)
{
	const struct object *object = objects_get(objects, number);
	return object->table_pending ? (uint32_t)MAPPING_TABLE_PENDING : object->table;
}

/* Met again before it had its turn (it may have it now): of what a recording of everything wants,
 * which may be much, the next recording's comes first. */
static void want_sooner(struct objects *objects, uint32_t number)
{
	uint32_t n = objects->wanted.n, i = n;
	while (i && objects->wanted.at[i - 1] != number)
		i--;
	if (!i)
		return;
	memmove(&objects->wanted.at[i - 1], &objects->wanted.at[i], (n - i) * sizeof(number));
	objects->wanted.at[n - 1] = number;
}

static uint32_t add(struct objects *objects, const struct object *object)
{
	uint32_t number = new_number(objects);
	objects->at[number] = *object;
	objects->at[number].table_evicted |= object->fd >= 0;
	return number;
}

void objects_put_off_table(struct objects *objects, uint32_t number, uint64_t now_ns)
{
	struct object *object = &objects->at[number];
	uint64_t pause_ns = object->table_pause_ns ? 2 * object->table_pause_ns : PAUSE_NS;
	object->table_pause_ns = pause_ns < PAUSE_NS_MAX ? pause_ns : PAUSE_NS_MAX;
	object->table_after_ns = now_ns + object->table_pause_ns;
	object->table_evicted = true;
}

static void meet(struct objects *objects, uint32_t number)
{
	const struct object *object = &objects->at[number];
	if (object->table_pending)
		want_sooner(objects, number);
	else if (object->table_evicted &&
		 (!object->table_after_ns || clock_now_ns() >= object->table_after_ns))
		objects_want_table(objects, number);
}

static uint32_t find_vdso(struct objects *objects)
{
	if (!objects->vdso)
		objects->vdso = add(objects, &(struct object){.kind = OBJECT_VDSO,
							      .fd = -1,
							      .table_evicted = true,
							      .path = array_copy("[vdso]", 6)});
	meet(objects, objects->vdso);
	return objects->vdso;
}

bool objects_is_dump(const struct objects *objects, uint32_t number)
{
	const struct object *object = &objects->at[number];
	const char *slash = object->path ? strrchr(object->path, '/') : NULL;
	const char *end = slash ? strrchr(slash, '.') : NULL;
	return object->fd >= 0 && end && !strncmp(slash, "/jit-", 5) && !strcmp(end, ".dump");
}

void objects_renew_jit(struct objects *objects, struct asker *asker, uint32_t number, uint32_t dump)
{
	struct object *object = &objects->at[number];
	int fd;
	int code = object->gone ? -ESRCH : asker_perf_map(asker, object->pid, &fd, NULL);
	if (code && object->fd >= 0)
		return; /* the last one is better than none */
	if (code && dump) {
		fd = fcntl(objects->at[dump].fd, F_DUPFD_CLOEXEC, 3);
		code = fd < 0 ? -errno : 0;
	}
	object->code = code;
	if (code)
		return;
	if (object->fd >= 0)
		close(object->fd);
	object->fd = fd;
}

uint32_t objects_add_jit(struct objects *objects, struct asker *asker, uint32_t pid, uint32_t dump)
{
	uint32_t number = add(objects, &(struct object){.kind = OBJECT_JIT,
							.fd = -1,
							.pid = pid,
							.path = array_copy("[jit]", 5)});
	objects_renew_jit(objects, asker, number, dump);
	return number;
}

static bool may_open(struct objects *objects, uint32_t pid)
{
	struct procfs_stat process;
	return procfs_status(pid, &process) ||
	       openings_take(&objects->openings, process.uid, clock_now_ns());
}

static void open_file(struct objects *objects, struct asker *asker, uint32_t pid,
		      const struct maps_line *line, struct object *object)
{
	struct stat st;
	object->code = -E2BIG;
	if (!may_open(objects, pid))
		return;
	object->tries++;
	objects->n_openings++;
	object->code = asker_mapped_file(asker, pid, line->start, line->end, object->dev,
					 object->inode, &object->fd, NULL);
	if (!object->code && fstat(object->fd, &st))
		object->code = -errno;
	else if (!object->code)
		describe(object, &st);
}

/* Of a file that could not be opened: the process was gone, another one may be there. */
static void open_again(struct objects *objects, struct asker *asker, uint32_t pid,
		       const struct maps_line *line, uint32_t number)
{
	struct object *object = &objects->at[number];
	open_file(objects, asker, pid, line, object);
	object->table_evicted = object->fd >= 0;
}

uint32_t objects_number(const struct objects *objects, const struct maps_line *line)
{
	if (line->kind != MAPS_FILE)
		return 0;
	struct inode_key key = {line->dev, line->inode};
	return index_find(&objects->by_inode, inode_hash(key.dev, key.inode), same_inode, objects,
			  &key);
}

/* As objects_find(), of a file, without its table. */
static uint32_t find_file(struct objects *objects, struct asker *asker, uint32_t pid,
			  const struct maps_line *line)
{
	struct inode_key key = {line->dev, line->inode};
	uint64_t hash = inode_hash(key.dev, key.inode);
	uint32_t known = objects_number(objects, line);
	struct object *old = &objects->at[known];
	old->condemned = false;
	if (known && unchanged(objects, old)) {
		if (old->fd < 0 && old->tries < TRIES_MAX)
			open_again(objects, asker, pid, line, known);
		return known;
	}

	struct object object = {.dev = key.dev, .inode = key.inode, .fd = -1, .pid = pid};
	open_file(objects, asker, pid, line, &object);
	if (known && object.code)
		return known;
	object.path = array_copy(line->path, __builtin_strlen(line->path));
	uint32_t number = add(objects, &object);
	if (known)
		index_remove(&objects->by_inode, hash, known);
	index_add(&objects->by_inode, hash, number);
	return number;
}

uint32_t objects_find(struct objects *objects, struct asker *asker, uint32_t pid,
		      const struct maps_line *line)
{
	if (line->kind == MAPS_VDSO)
		return find_vdso(objects);
	if (line->kind != MAPS_FILE)
		return 0;
	uint32_t number = find_file(objects, asker, pid, line);
	meet(objects, number);
	return number;
}

bool objects_hold(struct objects *objects, struct asker *asker, uint32_t pid,
		  const struct maps_line *line)
{
	if (line->kind != MAPS_FILE)
		return true;
	return objects->at[find_file(objects, asker, pid, line)].fd >= 0;
}

const char *objects_words(int code)
{
	switch (code) {
	case -EPERM:
		return "not permitted: CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH and "
		       "CAP_CHECKPOINT_RESTORE are needed";
	case -EMFILE:
		return "out of file descriptors: RLIMIT_NOFILE (LimitNOFILE=) is too low";
	case -ENOENT:
	case -ESRCH:
		return "its process ended, or mapped something else, before it could be opened";
	case -E2BIG:
		return "its user's processes map too many files";
	case -ESTALE:
		return "another file is there by now";
	case -ETIMEDOUT:
		return "its file system hangs";
	case -EOPNOTSUPP:
		return "it is on a file system that a user serves (FUSE): such are not read";
	default:
		return strerror(-code);
	}
}
