/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/export_file.h"
#include "cli/export_formats.h"
#include "cli/export_json.h"
#include "cli/newest.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/info.pb-c.h"
#include "common/pprof.h"
#include "common/profile.h"
#include "tests/fixture_profile.h"
#include "tests/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

static char directory[64];

static const char *path_of(const char *name)
{
	static char path[2][128];
	static int next;
	next = !next;
	snprintf(path[next], sizeof(path[next]), "%s/%s", directory, name);
	return path[next];
}

static void make_directory(void)
{
	strcpy(directory, "/tmp/test_export.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
}

/* Removes the directory; the number of files that were in it. */
static int remove_directory(void)
{
	int n = 0;
	DIR *dir = opendir(directory);
	struct dirent *entry;
	while (dir && (entry = readdir(dir)))
		if (entry->d_type == DT_REG) {
			n++;
			unlinkat(dirfd(dir), entry->d_name, 0);
		}
	if (dir)
		closedir(dir);
	rmdir(directory);
	return n;
}

static void write_file(const char *name, const struct profile *profile)
{
	guard_fd int fd = open(path_of(name), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
	CU_ASSERT_FATAL(fd >= 0);
	if (profile)
		CU_ASSERT_EQUAL(pprof_write_gzip(profile, fd, NULL), 0);
}

static void set_time(const char *name, time_t seconds)
{
	struct timespec times[2] = {{seconds, 0}, {seconds, 0}};
	CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path_of(name), times, 0), 0);
}

static void file_appears_whole(void)
{
	make_directory();
	struct export_file file = {0};
	struct err err = {0};
	CU_ASSERT_EQUAL(export_file_open(&file, path_of("a"), false, true, &err), 0);
	CU_ASSERT(access(path_of("a"), F_OK) < 0);
	fputs("text", file.out);
	CU_ASSERT_EQUAL(export_file_commit(&file, &err), 0);
	export_file_deinit(&file);
	struct stat stat;
	CU_ASSERT_EQUAL(lstat(path_of("a"), &stat), 0);
	CU_ASSERT_EQUAL(stat.st_size, 4);
	/* It exists now; with force it is replaced. */
	CU_ASSERT_EQUAL(export_file_open(&file, path_of("a"), false, true, &err), -EEXIST);
	CU_ASSERT_STRING_EQUAL(err.hint, "choose another name, or replace it with --force");
	export_file_deinit(&file);
	CU_ASSERT_EQUAL(export_file_open(&file, path_of("a"), true, true, NULL), 0);
	CU_ASSERT_EQUAL(export_file_commit(&file, NULL), 0);
	export_file_deinit(&file);
	CU_ASSERT_EQUAL(lstat(path_of("a"), &stat), 0);
	CU_ASSERT_EQUAL(stat.st_size, 0);
	CU_ASSERT_EQUAL(remove_directory(), 1);
}

static void nothing_is_left_without_a_commit(void)
{
	make_directory();
	struct export_file file = {0};
	struct err err = {0};
	CU_ASSERT_EQUAL(export_file_open(&file, path_of("a"), false, true, NULL), 0);
	export_file_deinit(&file);
	CU_ASSERT_EQUAL(export_file_open(&file, path_of("no/such"), false, true, &err), -ENOENT);
	CU_ASSERT_EQUAL(err.status, ERR_FAILED);
	export_file_deinit(&file);
	/* Somebody else makes the name while we write. */
	CU_ASSERT_EQUAL(export_file_open(&file, path_of("b"), false, true, NULL), 0);
	write_file("b", NULL);
	CU_ASSERT_EQUAL(export_file_commit(&file, NULL), -EEXIST);
	export_file_deinit(&file);
	CU_ASSERT_EQUAL(remove_directory(), 1);
}

static void chooses_formats(void)
{
	struct err err = {0};
	CU_ASSERT_STRING_EQUAL(export_formats_of("a/b.pb.gz", &err)->name, "pprof");
	CU_ASSERT_STRING_EQUAL(export_formats_of("x.json", &err)->name, "json");
	CU_ASSERT_STRING_EQUAL(export_formats_find("fold", &err)->name, "folded");
	CU_ASSERT_PTR_NULL(export_formats_of("x.jsno", &err));
	CU_ASSERT_EQUAL(err.status, ERR_USAGE);
	err = (struct err){0};
	CU_ASSERT_PTR_NULL(export_formats_find("floded", &err));
	CU_ASSERT_EQUAL(strncmp(err.hint, "did you mean -f folded?", 23), 0);
}

static void finds_the_newest_of_ours(void)
{
	make_directory();
	char name[NEWEST_NAME];
	struct profile *profile = NULL;
	struct err err = {0};
	CU_ASSERT_EQUAL(newest_read(directory, name, &profile, &err), -ENOENT);
	struct profile *ours = fixture_profile_nginx();
	write_file("old.pb.gz", ours);
	write_file("new.pb.gz", ours);
	write_file("other.pb", ours);
	probe__info__free_unpacked(ours->info, NULL);
	ours->info = NULL;
	write_file("foreign.pb.gz", ours);
	profile_free(ours);
	set_time("old.pb.gz", 1000);
	set_time("new.pb.gz", 2000);
	CU_ASSERT_EQUAL(newest_read(directory, name, &profile, NULL), 0);
	CU_ASSERT_STRING_EQUAL(name, "new.pb.gz");
	profile_free(profile);
	set_time("old.pb.gz", 3000);
	CU_ASSERT_EQUAL(newest_read(directory, name, &profile, NULL), 0);
	CU_ASSERT_STRING_EQUAL(name, "old.pb.gz");
	profile_free(profile);
	CU_ASSERT_EQUAL(remove_directory(), 4);
}

/* What jansson reads back: rows, and the sum of the samples. */
static void json_is_read_back(void)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	struct profile *profile = fixture_profile_nginx();
	int64_t values[PROFILE_COLUMNS] = {7, 7};
	fixture_profile_row(profile, "a\"b\\c\n;\xff<", "q\"", 1, 1, values);
	export_json_write(out, profile, "file \"x\"");
	profile_free(profile);
	fclose(out);
	json_t *root = json_loads(text, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(root);
	json_t *rows = json_object_get(root, "rows");
	json_int_t sum = 0;
	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *of = json_object_get(json_array_get(rows, i), "values");
		sum += json_integer_value(json_array_get(of, 0));
	}
	CU_ASSERT_EQUAL(json_array_size(rows), 7);
	CU_ASSERT_EQUAL(sum, 107);
	json_decref(root);
	free(text);
}

/* The fixture in a format, through the table as `export` does. */
static char *export_as(const char *name, const char *sample)
{
	char *text = NULL;
	size_t bytes;
	struct err err = {0};
	FILE *out = open_memstream(&text, &bytes);
	struct profile *profile = fixture_profile_nginx();
	struct export_request request = {
		.profile = profile, .name = "n.pb.gz", .wish = {.sample = sample}};
	CU_ASSERT_EQUAL(export_formats_find(name, &err)->write(&request, out, &err), 0);
	profile_free(profile);
	fclose(out);
	return text;
}

static void speedscope_has_all_threads(void)
{
	char *text = export_as("speedscope", "samples");
	json_t *root = json_loads(text, 0, NULL);
	json_t *profiles = json_object_get(root, "profiles");
	CU_ASSERT_EQUAL_FATAL(json_array_size(profiles), 3); /* all, 4242, 4243 */
	static const struct {
		const char *name;
		json_int_t sum;
		size_t n;
	} expected[] = {{"nginx", 100, 6}, {"nginx (4242)", 70, 3}, {"nginx (4243)", 30, 3}};
	for (size_t i = 0; i < 3; i++) {
		json_t *one = json_array_get(profiles, i);
		CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(one, "name")),
				       expected[i].name);
		CU_ASSERT_EQUAL(json_integer_value(json_object_get(one, "endValue")),
				expected[i].sum);
		CU_ASSERT_EQUAL(json_array_size(json_object_get(one, "samples")), expected[i].n);
		CU_ASSERT_EQUAL(json_array_size(json_object_get(one, "weights")), expected[i].n);
	}
	/* Root first: each stack of the fixture begins with _start. */
	json_t *frames = json_object_get(json_object_get(root, "shared"), "frames");
	json_t *samples = json_object_get(json_array_get(profiles, 0), "samples");
	for (size_t i = 0; i < json_array_size(samples); i++) {
		json_t *first = json_array_get(json_array_get(samples, i), 0);
		json_t *frame = json_array_get(frames, (size_t)json_integer_value(first));
		CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(frame, "name")), "_start");
	}
	json_decref(root);
	free(text);
}

static void perf_script_has_a_record_a_sample(void)
{
	char *text = export_as("perf-script", NULL);
	int records = 0;
	for (const char *at = text; (at = strstr(at, " cpu-clock:\n")); at++)
		records++;
	CU_ASSERT_EQUAL(records, 100);
	CU_ASSERT_EQUAL(strncmp(text, "nginx 4242/4242 0.000000: 10101010 cpu-clock:\n\t", 47), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, " (next) (inlined)\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, " copy_user ([kernel.kallsyms])\n\t"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, " _start (app)\n\n"));
	free(text);
}

SUITE(export, {"file appears whole", file_appears_whole},
      {"nothing is left without a commit", nothing_is_left_without_a_commit},
      {"chooses formats", chooses_formats}, {"finds the newest of ours", finds_the_newest_of_ours},
      {"json is read back", json_is_read_back},
      {"speedscope has all threads", speedscope_has_all_threads},
      {"perf script has a record a sample", perf_script_has_a_record_a_sample});
