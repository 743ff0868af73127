/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "cli/export_formats.h"
#include "cli/output_file.h"
#include "cli/output_gzip.h"
#include "common/err.h"
#include "common/pprof.h"
#include "common/profile.h"
#include "tests/unit.h"

enum {
	PLAIN_BYTES = 300000
};

/* A directory of the test's own, in which it works; $TMPDIR is `tmp` in it. */
struct place {
	char path[64];
	int was;
};

static struct place place_open(void)
{
	struct place place = {.was = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	strcpy(place.path, "/tmp/unit-probe-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(place.path));
	CU_ASSERT_FATAL(!chdir(place.path) && !mkdir("tmp", 0700));
	char tmp[80];
	snprintf(tmp, sizeof(tmp), "%s/tmp", place.path);
	setenv("TMPDIR", tmp, 1);
	return place;
}

static int remove_files(const char *directory)
{
	DIR *dir = opendir(directory);
	int n = 0;
	for (struct dirent *entry; dir && (entry = readdir(dir));)
		if (entry->d_type != DT_DIR && !unlinkat(dirfd(dir), entry->d_name, 0))
			n++;
	if (dir)
		closedir(dir);
	return n;
}

/* The number of files that were there. */
static int place_close(struct place *place)
{
	int n = remove_files("tmp") + remove_files(".");
	CU_ASSERT(!rmdir("tmp") && !rmdir(place->path));
	CU_ASSERT(!fchdir(place->was));
	close(place->was);
	unsetenv("TMPDIR");
	return n;
}

static void fill(struct output_profile *profile)
{
	char *plain = malloc(PLAIN_BYTES);
	for (int i = 0; i < PLAIN_BYTES; i++)
		plain[i] = (char)((unsigned)i * (unsigned)i >> 4);
	size_t room = ZSTD_compressBound(PLAIN_BYTES);
	char *packed = malloc(room);
	size_t bytes = ZSTD_compress(packed, room, plain, PLAIN_BYTES, 1);
	for (size_t at = 0; at < bytes; at += 1000)
		CU_ASSERT_EQUAL(output_profile_add(profile, packed + at,
						   bytes - at < 1000 ? bytes - at : 1000),
				0);
	CU_ASSERT_EQUAL(profile->bytes, bytes);
	free(plain);
	free(packed);
}

static bool is_whole(const char *path)
{
	gzFile file = gzopen(path, "rb");
	bool whole = file && !gzdirect(file);
	for (int i = 0; i < PLAIN_BYTES && whole; i++)
		whole = gzgetc(file) == (uint8_t)((unsigned)i * (unsigned)i >> 4);
	whole = whole && gzgetc(file) == -1;
	if (file)
		gzclose(file);
	return whole;
}

static void names(void)
{
	char out[256];
	struct output_name name = {.name = "nginx: w/;\n\x1b[1m",
				   .pid = 4242,
				   .time_s = 1795333512,
				   .suffix = ".pb.gz"};
	output_make_name(out, sizeof(out), &name, 1);
	CU_ASSERT_STRING_EQUAL(out, "nginx__w_____1m-4242-20261122T074512Z.pb.gz");
	output_make_name(out, sizeof(out), &name, 2);
	CU_ASSERT_STRING_EQUAL(out, "nginx__w_____1m-4242-20261122T074512Z-2.pb.gz");
	name = (struct output_name){.name = "..-rf", .time_s = 0, .suffix = ".pb.gz"};
	output_make_name(out, sizeof(out), &name, 1);
	CU_ASSERT_STRING_EQUAL(out, "_.-rf-19700101T000000Z.pb.gz");
	name.name = "";
	output_make_name(out, sizeof(out), &name, 1);
	CU_ASSERT_STRING_EQUAL(out, "probe-19700101T000000Z.pb.gz");
}

static void checks(void)
{
	struct place place = place_open();
	const struct {
		const char *path;
		bool force;
		int code;
		const char *msg;
	} cases[] = {
		{NULL, false, 0, ""},
		{"new.pb.gz", false, 0, ""},
		{"old.pb.gz", true, 0, ""},
		{"old.pb.gz", false, -EEXIST, "old.pb.gz exists"},
		{"tmp", true, -EISDIR, "tmp is a directory"},
		{"no/x.pb.gz", false, -ENOENT,
		 "cannot write no/x.pb.gz: No such file or directory"},
		{"old.pb.gz/x", false, -ENOTDIR, "cannot write old.pb.gz/x: Not a directory"},
		{"", false, -EINVAL, "\"\" is no name of a file"},
		{"no/", false, -EINVAL, "\"no/\" is no name of a file"},
		{"/proc/x", false, -ENOENT, "cannot write /proc/x: No such file or directory"},
		{"/dev/null", false, 0, ""},
	};
	close(open("old.pb.gz", O_CREAT | O_WRONLY, 0600));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct output output = {.path = cases[i].path, .force = cases[i].force};
		struct err err = {0};
		CU_ASSERT_EQUAL(output_check(&output, &err), cases[i].code);
		CU_ASSERT_STRING_EQUAL(err.msg, cases[i].msg);
	}
	CU_ASSERT_EQUAL(place_close(&place), 1);
}

static void default_names_never_collide(void)
{
	struct place place = place_open();
	struct output_profile profile = {0};
	fill(&profile);
	struct output output = {0};
	struct output_name name = {.name = "x", .pid = 1, .suffix = ".pb.gz"};
	const char *expected[] = {"x-1-19700101T000000Z.pb.gz", "x-1-19700101T000000Z-2.pb.gz",
				  "x-1-19700101T000000Z-3.pb.gz"};
	for (int i = 0; i < 3; i++) {
		char *path = NULL;
		uint64_t bytes = 0;
		struct err err = {0};
		CU_ASSERT_EQUAL_FATAL(output_save(&output, &profile, &name, &path, &bytes, &err),
				      OUTPUT_SAVED);
		CU_ASSERT_STRING_EQUAL(path, expected[i]);
		struct stat st;
		CU_ASSERT(!stat(path, &st) && (uint64_t)st.st_size == bytes);
		CU_ASSERT(is_whole(path));
		free(path);
	}
	output_profile_deinit(&profile);
	CU_ASSERT_EQUAL(place_close(&place), 3);
}

static void replaces_only_when_forced(void)
{
	struct place place = place_open();
	struct output_profile profile = {0};
	fill(&profile);
	close(open("old", O_CREAT | O_WRONLY, 0600));
	struct output_name name = {.name = "x", .suffix = ".pb.gz"};
	char *path = NULL;
	uint64_t bytes;
	struct err err = {0};
	/* It came into being after the check. */
	CU_ASSERT_EQUAL_FATAL(
		output_save(&(struct output){"old", false}, &profile, &name, &path, &bytes, &err),
		OUTPUT_SAVED_ELSEWHERE);
	CU_ASSERT_STRING_EQUAL(err.msg, "cannot write old: File exists");
	CU_ASSERT(is_whole(path));
	free(path);
	CU_ASSERT_EQUAL_FATAL(
		output_save(&(struct output){"old", true}, &profile, &name, &path, &bytes, &err),
		OUTPUT_SAVED);
	CU_ASSERT_STRING_EQUAL(path, "old");
	CU_ASSERT(is_whole("old"));
	free(path);
	output_profile_deinit(&profile);
	CU_ASSERT_EQUAL(place_close(&place), 2);
}

static void full_disk(void)
{
	struct place place = place_open();
	struct output_profile profile = {0};
	fill(&profile);
	struct output_name name = {.name = "x", .pid = 7, .suffix = ".pb.gz"};
	char *path = NULL, hint[320];
	uint64_t bytes;
	struct err err = {0};
	struct output output = {"/dev/full", false};
	CU_ASSERT_EQUAL(output_check(&output, &err), 0);
	CU_ASSERT_EQUAL_FATAL(output_save(&output, &profile, &name, &path, &bytes, &err),
			      OUTPUT_SAVED_ELSEWHERE);
	CU_ASSERT_STRING_EQUAL(err.msg, "cannot write /dev/full: No space left on device");
	snprintf(hint, sizeof(hint), "the profile is saved in %s", path);
	CU_ASSERT_STRING_EQUAL(err.hint, hint);
	CU_ASSERT_PTR_NOT_NULL(strstr(path, "/tmp/x-7-19700101T000000Z.pb.gz"));
	CU_ASSERT(is_whole(path));
	free(path);
	output_profile_deinit(&profile);
	CU_ASSERT_EQUAL(place_close(&place), 1);
}

/* With a hidden name (as where files without one are not known) and without. */
static void files_appear_at_once(void)
{
	struct place place = place_open();
	close(open("old", O_CREAT | O_WRONLY, 0600));
	for (int hidden = 0; hidden < 2; hidden++) {
		struct output_file file;
		CU_ASSERT_EQUAL_FATAL(output_file_open(&file, "", hidden), 0);
		CU_ASSERT_EQUAL(file.temporary != NULL, hidden);
		CU_ASSERT_EQUAL(write(file.fd, "x", 1), 1);
		CU_ASSERT_EQUAL(output_file_place(&file, "old", false), -EEXIST);
		CU_ASSERT_EQUAL(output_file_place(&file, hidden ? "new2" : "new1", false), 0);
		output_file_deinit(&file);
		CU_ASSERT_EQUAL_FATAL(output_file_open(&file, "new3", hidden), 0);
		output_file_deinit(&file); /* not placed: nothing is left */
	}
	struct stat st;
	CU_ASSERT(!stat("new1", &st) && st.st_size == 1);
	CU_ASSERT(!stat("new2", &st) && st.st_size == 1);
	CU_ASSERT(!stat("old", &st) && st.st_size == 0);
	CU_ASSERT_EQUAL(place_close(&place), 3);
}

/* As with /dev/stdout, a link to what the shell has opened. */
static void replaces_what_a_link_leads_to(void)
{
	struct place place = place_open();
	struct output_file file;
	struct stat st;
	CU_ASSERT_FATAL(!mkdir("other", 0700) && !symlink("other/old", "link"));
	int fd = open("other/old", O_CREAT | O_WRONLY | O_CLOEXEC, 0640);
	CU_ASSERT_FATAL(fd >= 0 && write(fd, "old", 3) == 3 && !close(fd));
	CU_ASSERT_EQUAL_FATAL(output_file_open(&file, "link", true), 0);
	CU_ASSERT_EQUAL(write(file.fd, "newer", 5), 5);
	CU_ASSERT_EQUAL(output_file_place(&file, "link", true), 0);
	output_file_deinit(&file);
	CU_ASSERT(!lstat("link", &st) && S_ISLNK(st.st_mode));
	CU_ASSERT(!stat("other/old", &st) && st.st_size == 5 && (st.st_mode & 0777) == 0640);
	CU_ASSERT_EQUAL(remove_files("other"), 1);
	rmdir("other");
	CU_ASSERT_EQUAL(place_close(&place), 1);
}

/* A pipe is written to, a file gives its mode to what takes its place. */
static void keeps_what_was_there(void)
{
	struct place place = place_open();
	struct output_file file;
	struct stat st;
	char byte;
	CU_ASSERT_EQUAL_FATAL(mkfifo("pipe", 0600), 0);
	int reader = open("pipe", O_RDWR | O_NONBLOCK);
	CU_ASSERT_EQUAL(output_file_look("pipe", true), OUTPUT_FILE_SPECIAL);
	CU_ASSERT_EQUAL_FATAL(output_file_open(&file, "pipe", true), 0);
	CU_ASSERT_EQUAL(write(file.fd, "x", 1), 1);
	CU_ASSERT_EQUAL(output_file_place(&file, "pipe", true), 0);
	output_file_deinit(&file);
	CU_ASSERT(!lstat("pipe", &st) && S_ISFIFO(st.st_mode));
	CU_ASSERT(read(reader, &byte, 1) == 1 && byte == 'x');
	close(reader);
	close(open("old", O_CREAT | O_WRONLY, 0600));
	chmod("old", 0640);
	CU_ASSERT_EQUAL(output_file_look("old", false), -EEXIST);
	CU_ASSERT_EQUAL_FATAL(output_file_open(&file, "old", true), 0);
	CU_ASSERT_EQUAL(output_file_place(&file, "old", true), 0);
	CU_ASSERT(!stat("old", &st) && (st.st_mode & 0777) == 0640);
	CU_ASSERT_EQUAL(symlink("nowhere", "link"), 0);
	CU_ASSERT_EQUAL(output_file_look("link", false), -EEXIST);
	CU_ASSERT_EQUAL(place_close(&place), 3);
}

/* A file size limit fails every write, as a full disk would, there and in $TMPDIR. */
static void leaves_nothing(void)
{
	struct place place = place_open();
	struct output_profile profile = {0};
	fill(&profile);
	struct rlimit old, small;
	getrlimit(RLIMIT_FSIZE, &old);
	small = (struct rlimit){.rlim_cur = 100, .rlim_max = old.rlim_max};
	void (*was)(int) = signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	char *path = NULL;
	uint64_t bytes;
	struct err err = {0};
	struct output_name name = {.name = "x", .suffix = ".pb.gz"};
	int code = output_save(&(struct output){0}, &profile, &name, &path, &bytes, &err);
	setrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, was);
	CU_ASSERT_EQUAL(code, -EFBIG);
	CU_ASSERT_STRING_EQUAL(err.msg, "cannot write to the current directory: File too large");
	CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "the profile is lost"));
	CU_ASSERT_PTR_NULL(path);
	output_profile_deinit(&profile);
	CU_ASSERT_EQUAL(place_close(&place), 0);
}

static void damaged_at_every_cut(void)
{
	struct place place = place_open();
	char packed[256];
	size_t bytes = ZSTD_compress(packed, sizeof(packed), "profile profile profile", 23, 1);
	int fd = open("out", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	uint64_t written = 0;
	for (size_t cut = 0; cut < bytes; cut++)
		CU_ASSERT_EQUAL(output_gzip_write(packed, cut, fd, &written), -EBADMSG);
	CU_ASSERT_EQUAL(output_gzip_write("no zstd at all", 14, fd, &written), -EBADMSG);
	CU_ASSERT_EQUAL(ftruncate(fd, 0), 0);
	CU_ASSERT_EQUAL(lseek(fd, 0, SEEK_SET), 0);
	CU_ASSERT_EQUAL(output_gzip_write(packed, bytes, fd, &written), 0);
	CU_ASSERT_EQUAL(lseek(fd, 0, SEEK_END), (off_t)written);
	close(fd);
	CU_ASSERT_EQUAL(place_close(&place), 1);
}

static int keep(void *context, const void *data, size_t bytes)
{
	return output_profile_add(context, data, bytes);
}

/* pprof_read_bytes() takes plain bytes too: what is tested here is who writes what. */
static void in_another_format(void)
{
	struct place place = place_open();
	struct profile *profile = profile_new_ours();
	const struct profile_function function = {.name = profile_add_string(profile, "f", 1)};
	const struct profile_line line = {.function = profile_add_function(profile, &function)};
	uint32_t location = profile_add_location(profile, &(struct profile_location){0}, &line, 1);
	const int64_t values[PROFILE_COLUMNS] = {[COLUMN_SAMPLES] = 7, [COLUMN_CPU] = 70};
	profile_add_row(profile, profile_add_stack(profile, &location, 1), 0, values);
	struct output_profile plain = {0};
	CU_ASSERT_EQUAL(pprof_write(profile, keep, &plain), 0);
	profile_free(profile);
	struct output output = {.path = "x", .format = export_formats_find("folded", NULL)};
	struct output_name name = {.name = "x", .suffix = ".folded"};
	char *path = NULL, text[100] = "";
	uint64_t bytes = 0;
	struct err err = {0};
	CU_ASSERT_EQUAL(output_save(&output, &plain, &name, &path, &bytes, &err), OUTPUT_SAVED);
	FILE *file = fopen("x", "re");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL(fread(text, 1, sizeof(text) - 1, file), bytes);
	fclose(file);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "f 7\n"));
	free(path);
	output_profile_deinit(&plain);
	CU_ASSERT_EQUAL(place_close(&place), 1);
}

SUITE(output, {"names", names}, {"checks", checks},
      {"default names never collide", default_names_never_collide},
      {"replaces only when forced", replaces_only_when_forced}, {"full disk", full_disk},
      {"files appear at once", files_appear_at_once},
      {"replaces what a link leads to", replaces_what_a_link_leads_to},
      {"keeps what was there", keeps_what_was_there}, {"leaves nothing", leaves_nothing},
      {"damaged at every cut", damaged_at_every_cut}, {"in another format", in_another_format});
