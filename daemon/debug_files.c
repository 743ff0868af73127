/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/debug_files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/guard.h"
#include "daemon/broker.h"
#include "daemon/privileges.h"
#include "daemon/file_systems.h"
#include "daemon/target_files.h"

enum {
	ID_MIN = 2,
	NOBODY = 65534,
};

/* Where it may lie, below a root. */
enum kind {
	BY_BUILD_ID,
	BESIDE,
	BESIDE_BELOW, /* in .debug/ */
	BY_DIRECTORY, /* below /usr/lib/debug */
	BY_ALT_LINK,
	KINDS,
};
_Static_assert(DEBUG_FILES_CANDIDATES == 2 * KINDS, "in two roots");

struct wanted {
	const struct broker_debug_file *file;
	uint32_t pid;
};

static bool is_debug_name(const char *name)
{
	const char *dot = strrchr(name, '.');
	return dot && (!strcmp(dot, ".debug") || !strcmp(dot, ".dbg"));
}

static int build_id_path(const struct broker_debug_file *file, char *path, size_t room)
{
	if (file->n_build_id < ID_MIN || file->n_build_id > sizeof(file->build_id))
		return -ENOENT;
	int at = snprintf(path, room, "usr/lib/debug/.build-id/%02x/", file->build_id[0]);
	for (uint32_t i = 1; i < file->n_build_id; i++)
		at += snprintf(path + at, room - (size_t)at, "%02x", file->build_id[i]);
	snprintf(path + at, room - (size_t)at, ".debug");
	return 0;
}

/* Texts of the request have their NUL: operations.c has checked. */
static int make_path(const struct broker_debug_file *file, enum kind kind, char *path, size_t room)
{
	if (kind == BY_BUILD_ID)
		return build_id_path(file, path, room);
	const char *name = kind == BY_ALT_LINK ? file->alt_link : file->link;
	if (!is_debug_name(name))
		return -ENOENT;
	if (kind == BY_ALT_LINK) {
		snprintf(path, room, "usr/lib/debug/.dwz/%s", name);
		return 0;
	}
	if (strchr(name, '/') || *file->directory != '/')
		return -ENOENT;
	snprintf(path, room, "%s%s/%s%s", kind == BY_DIRECTORY ? "usr/lib/debug" : "",
		 file->directory, kind == BESIDE_BELOW ? ".debug/" : "", name);
	return 0;
}

static bool is_fit(const struct broker_debug_file *file, const struct stat *stat, uint32_t pid)
{
	/* A user's own group is his own; root's has members. */
	mode_t others = stat->st_uid ? S_IWOTH : S_IWGRP | S_IWOTH;
	return S_ISREG(stat->st_mode) && (stat->st_uid == 0 || stat->st_uid == file->uid) &&
	       !(stat->st_mode & others) && (!pid || stat->st_dev == file->device);
}

/* `pid`: the root is this process's; 0: the host's. */
static int open_below(int root, const char *path, const struct broker_debug_file *file,
		      uint32_t pid, int *fd)
{
	/* O_PATH first: opening a device or a FIFO would already do something. */
	struct open_how how = {.flags = O_PATH | O_CLOEXEC,
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	struct stat stat;
	int named guard_fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	if (named < 0 || fstat(named, &stat) < 0 || !is_fit(file, &stat, pid) ||
	    file_systems_judge(named, stat.st_dev, pid))
		return -ENOENT;
	char again[64];
	snprintf(again, sizeof(again), "/proc/self/fd/%d", named);
	*fd = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return *fd < 0 ? -ENOENT : 0;
}

/* In a child, because file systems hang. Its result is the candidate behind the one it found. */
static int open_first(const void *what, int *fd)
{
	const struct wanted *wanted = what;
	char path[sizeof(wanted->file->directory) + sizeof(wanted->file->alt_link) + 64];
	snprintf(path, sizeof(path), "/proc/%u/root", wanted->pid);
	int host guard_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int target guard_fd = wanted->pid ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	struct target_identity identity = {.uid = NOBODY};
	if (wanted->pid && target_files_identity(wanted->pid, &identity))
		return -ENOENT;
	if (privileges_act_as(identity.uid, identity.uid, NULL, 0))
		return -EPERM;
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* went with the privileges */
	for (uint32_t i = wanted->file->first; i < DEBUG_FILES_CANDIDATES; i++) {
		int root = i < KINDS ? host : target;
		if (root >= 0 && !make_path(wanted->file, i % KINDS, path, sizeof(path)) &&
		    !open_below(root, path, wanted->file, i < KINDS ? 0 : wanted->pid, fd))
			return (int)i + 1;
	}
	return -ENOENT;
}

static bool has_end(const char *text, size_t room)
{
	return memchr(text, 0, room) != NULL;
}

bool debug_files_valid(const struct broker_debug_file *wanted)
{
	return wanted->n_build_id <= sizeof(wanted->build_id) &&
	       has_end(wanted->link, sizeof(wanted->link)) &&
	       has_end(wanted->alt_link, sizeof(wanted->alt_link)) &&
	       has_end(wanted->directory, sizeof(wanted->directory));
}

int debug_files_open(const struct broker_debug_file *wanted, uint32_t pid, uint32_t *next, int *fd)
{
	const struct wanted what = {wanted, pid};
	int code = target_files_from_disk(pid, open_first, &what, fd);
	if (code < 0)
		return code;
	*next = (uint32_t)code;
	return 0;
}
