/* SPDX-License-Identifier: Apache-2.0 */
/* Which files are taken for debug files. Runs as root. */
#include "daemon/debug_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/guard.h"
#include "daemon/broker.h"
#include "tests/unit.h"

static void there_are_none_for_unknown_ids(void)
{
	struct broker_debug_file wanted = {.build_id = {0xff, 0xfe, '/', '.', '.', '/'}};
	uint32_t next = 7;
	int fd = -1;
	for (wanted.n_build_id = 0; wanted.n_build_id <= 33; wanted.n_build_id += 11)
		CU_ASSERT_EQUAL(debug_files_open(&wanted, 0, &next, &fd), -ENOENT);
	CU_ASSERT_EQUAL(debug_files_open(&wanted, (uint32_t)getpid(), &next, &fd), -ENOENT);
	CU_ASSERT_EQUAL(fd, -1);
	CU_ASSERT_EQUAL(next, 7);
}

/* A directory with a file `name` in it and in its .debug; removed afterwards. */
struct place {
	char directory[32], file[64], below[64];
};

static void place_init(struct place *place, const char *name)
{
	strcpy(place->directory, "/tmp/probe-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL(mkdtemp(place->directory));
	CU_ASSERT_EQUAL(chmod(place->directory, 0755), 0);
	snprintf(place->file, sizeof(place->file), "%s/%s", place->directory, name);
	snprintf(place->below, sizeof(place->below), "%s/.debug", place->directory);
	CU_ASSERT_EQUAL(mkdir(place->below, 0755), 0);
	snprintf(place->below, sizeof(place->below), "%s/.debug/%s", place->directory, name);
	for (int i = 0; i < 2; i++) {
		int fd guard_fd =
			open(i ? place->below : place->file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		CU_ASSERT_EQUAL(write(fd, i ? "below" : "beside", i ? 5 : 6), i ? 5 : 6);
		CU_ASSERT_EQUAL(fchmod(fd, 0644), 0);
	}
}

static void place_deinit(struct place *place)
{
	unlink(place->file);
	unlink(place->below);
	*strrchr(place->below, '/') = '\0';
	rmdir(place->below);
	rmdir(place->directory);
}
#define guard_place guard(place_deinit)

static struct broker_debug_file link_of(const struct place *place)
{
	struct broker_debug_file wanted = {.uid = 0};
	strcpy(wanted.link, strrchr(place->file, '/') + 1);
	strcpy(wanted.directory, place->directory);
	return wanted;
}

/* What this process's user finds first from wanted->first on, "": nothing; in the first root, the
 * second one being the same. */
static void finds_as(struct broker_debug_file *wanted, pid_t pid, const char *text)
{
	char bytes[16] = "";
	int fd guard_fd = -1;
	wanted->device = 1;
	int code = debug_files_open(wanted, (uint32_t)pid, &wanted->first, &fd);
	CU_ASSERT_EQUAL(code, *text ? 0 : -ENOENT);
	if (!code)
		CU_ASSERT_EQUAL(read(fd, bytes, sizeof(bytes) - 1), (ssize_t)strlen(text));
	CU_ASSERT_STRING_EQUAL(bytes, text);
}

static void finds(struct broker_debug_file *wanted, const char *text)
{
	finds_as(wanted, getpid(), text);
}

static void links_lead_beside_and_below(void)
{
	struct place place guard_place = {};
	place_init(&place, "program.debug");
	struct broker_debug_file wanted = link_of(&place);
	finds(&wanted, "beside");
	finds(&wanted, "below");
	finds(&wanted, "");
	wanted = link_of(&place);
	strcpy(wanted.link, "../program.debug");
	finds(&wanted, "");
	/* In the target's root, which is this one, only on the mapped file's device. */
	struct stat stat;
	int fd guard_fd = -1;
	uint32_t next;
	wanted = link_of(&place);
	wanted.first = DEBUG_FILES_CANDIDATES / 2;
	wanted.device = 1;
	CU_ASSERT_EQUAL(debug_files_open(&wanted, (uint32_t)getpid(), &next, &fd), -ENOENT);
	CU_ASSERT_EQUAL(lstat(place.file, &stat), 0);
	wanted.device = stat.st_dev;
	CU_ASSERT_EQUAL(debug_files_open(&wanted, (uint32_t)getpid(), &next, &fd), 0);
}

static void only_what_is_fit(void)
{
	struct place place guard_place = {};
	place_init(&place, "program.debug");
	struct broker_debug_file wanted;
	const struct {
		mode_t mode;
		uid_t owner, of_program;
		bool fit;
	} files[] = {
		{0644, 0, 0, true},  {0664, 0, 0, false}, {0646, 0, 0, false}, {0600, 0, 0, true},
		{0644, 5, 0, false}, {0644, 5, 5, true},  {0664, 5, 5, true},  {0646, 5, 5, false},
		{0644, 0, 5, true},  {0644, 6, 5, false},
	};
	unlink(place.below);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		CU_ASSERT_EQUAL(chown(place.file, files[i].owner, 0), 0);
		CU_ASSERT_EQUAL(chmod(place.file, files[i].mode), 0);
		wanted = link_of(&place);
		wanted.uid = files[i].of_program;
		finds(&wanted, files[i].fit ? "beside" : "");
	}
	CU_ASSERT_EQUAL(chown(place.file, 0, 0), 0);
	CU_ASSERT_EQUAL(chmod(place.file, 0644), 0);
	CU_ASSERT_EQUAL(chmod(place.directory, 0700), 0); /* others do not come there */
	wanted = link_of(&place);
	finds(&wanted, "beside");
	wanted = link_of(&place);
	finds_as(&wanted, 0, "");
	CU_ASSERT_EQUAL(chmod(place.directory, 0755), 0);
	wanted = link_of(&place);
	finds_as(&wanted, 0, "beside");
	unlink(place.file);
	CU_ASSERT_EQUAL(mkfifo(place.file, 0644), 0);
	wanted = link_of(&place);
	finds(&wanted, "");
}

/* Nothing but what is called so: the engine could ask for any other file. */
static void only_by_their_names(void)
{
	struct place place guard_place = {};
	place_init(&place, "program.txt");
	struct broker_debug_file wanted = link_of(&place);
	finds(&wanted, "");
}

SUITE(debug_files, {"there are none for unknown IDs", there_are_none_for_unknown_ids},
      {"links lead beside and below", links_lead_beside_and_below},
      {"only what is fit", only_what_is_fit}, {"only by their names", only_by_their_names});
