/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pprof.h"

#include "common/err.h"
#include "common/guard.h"
#include "common/info.pb-c.h"
#include "common/pprof_unpack.h"
#include "common/profile.h"
#include "tests/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>

GUARD_DEFINE(profile, struct profile *, profile_free)
#define guard_profile guard(guard_profile)

struct bytes {
	uint8_t *at;
	size_t n;
};
static void bytes_deinit(struct bytes *bytes)
{
	free(bytes->at);
}
#define guard_bytes guard(bytes_deinit)

static int append(void *context, const void *data, size_t n)
{
	struct bytes *bytes = context;
	bytes->at = realloc(bytes->at, bytes->n + n);
	memcpy(bytes->at + bytes->n, data, n);
	bytes->n += n;
	return 0;
}

static struct bytes written(const struct profile *profile)
{
	struct bytes bytes = {0};
	CU_ASSERT_EQUAL(pprof_write(profile, append, &bytes), 0);
	return bytes;
}

static uint32_t text(struct profile *profile, const char *string)
{
	return profile_add_string(profile, string, strlen(string));
}

/* Two stacks, an inline chain, labels of both kinds, negative numbers, info: a bit of everything.
 */
static struct profile *new_small(void)
{
	struct profile *profile = profile_new_ours();
	struct profile_mapping mapping = {.start = 0x1000,
					  .limit = 0x5000,
					  .offset = 0x800,
					  .file = text(profile, "/usr/bin/a"),
					  .build_id = text(profile, "c0ffee"),
					  .has_functions = true,
					  .has_inline_frames = true};
	struct profile_function f = {.name = text(profile, "f(int)"),
				     .system_name = text(profile, "_Z1fi"),
				     .file = text(profile, "f.cc"),
				     .start_line = 7};
	struct profile_function g = {.name = text(profile, "g")};
	struct profile_line lines[] = {
		{.function = profile_add_function(profile, &f), .line = 9},
		{.function = profile_add_function(profile, &g), .column = 3}};
	struct profile_location location = {.mapping = profile_add_mapping(profile, &mapping),
					    .address = 0xffffffffffff1000};
	uint32_t frames[] = {profile_add_location(profile, &location, lines, 2), 0};
	struct profile_location bare = {.address = 0x2000, .is_folded = true};
	frames[1] = profile_add_location(profile, &bare, NULL, 0);
	struct profile_label labels[] = {
		{.key = text(profile, "tid"), .number = -42, .unit = text(profile, "id")},
		{.key = text(profile, "comm"), .text = text(profile, "a")}};
	const int64_t values[PROFILE_COLUMNS] = {3, 30000000, 0, -1, INT64_MIN, INT64_MAX};
	uint32_t stack = profile_add_stack(profile, frames, 2);
	profile_add_row(profile, stack, profile_add_labels(profile, labels, 2), values);
	profile_add_row(profile, profile_add_stack(profile, frames, 1), 0, values);
	profile_add_row(profile, 0, 0, values);
	profile_add_comment(profile, text(profile, "for people"));
	profile->time_ns = 1764382542000000000;
	profile->duration_ns = 30000000000;
	profile->period = 10101010;
	profile->doc_url = text(profile, "https://example.org/");
	profile->info = malloc(sizeof(Probe__Info));
	probe__info__init(profile->info);
	profile->info->name = strdup("a");
	profile->info->has_samples = true;
	profile->info->samples = 6;
	return profile;
}

static struct profile *read_back(const void *data, size_t n)
{
	struct profile *profile = NULL;
	struct err err = {0};
	int code = pprof_read_bytes(data, n, "test", &profile, &err);
	CU_ASSERT_EQUAL(code, 0);
	CU_ASSERT_STRING_EQUAL(err.msg, "");
	return profile;
}

/* Numbering follows the order in the file, so equal profiles give equal bytes. */
static void assert_same(const struct profile *profile, const struct bytes *expected)
{
	struct bytes bytes guard_bytes = written(profile);
	CU_ASSERT_EQUAL(bytes.n, expected->n);
	CU_ASSERT(bytes.n == expected->n && !memcmp(bytes.at, expected->at, bytes.n));
}

static void round_trip(void)
{
	struct profile *profile guard_profile = new_small();
	struct bytes bytes guard_bytes = written(profile);
	struct profile *back guard_profile = read_back(bytes.at, bytes.n);
	CU_ASSERT_PTR_NOT_NULL_FATAL(back);
	assert_same(back, &bytes);
	CU_ASSERT_EQUAL(back->default_type, COLUMN_CPU);
	CU_ASSERT_EQUAL(back->rows.n, 3);
	CU_ASSERT_EQUAL(back->values[COLUMN_RUNNABLE], INT64_MIN);
	CU_ASSERT_EQUAL(back->duration_ns, 30000000000);
	CU_ASSERT_EQUAL(back->info->samples, 6);
	CU_ASSERT_EQUAL(back->locations.at[1].n_lines, 2);
	CU_ASSERT_STRING_EQUAL(profile_function_name(back, back->lines.at[0].function), "f(int)");
	CU_ASSERT_STRING_EQUAL(profile_string(back, back->mappings.at[1].build_id), "c0ffee");
}

static void many_rows(void)
{
	struct profile *profile guard_profile = profile_new_ours();
	for (uint32_t i = 0; i < 3000; i++) {
		uint32_t frames[200];
		const int64_t values[PROFILE_COLUMNS] = {i};
		for (uint32_t j = 0; j < 200; j++)
			frames[j] = profile_add_location(
				profile, &(struct profile_location){.address = (i * j) % 5000 + 1},
				NULL, 0);
		profile_add_row(profile, profile_add_stack(profile, frames, i % 200 + 1), 0,
				values);
	}
	struct bytes bytes guard_bytes = written(profile);
	CU_ASSERT(bytes.n > 4 * 65536);
	struct profile *back guard_profile = read_back(bytes.at, bytes.n);
	CU_ASSERT_PTR_NOT_NULL_FATAL(back);
	CU_ASSERT_EQUAL(back->rows.n, profile->rows.n);
	assert_same(back, &bytes);
}

static void through_a_gzip_file(void)
{
	struct profile *profile guard_profile = new_small();
	struct profile *back guard_profile = NULL;
	struct bytes bytes guard_bytes = written(profile);
	int fd guard_fd = memfd_create("pprof", MFD_CLOEXEC);
	CU_ASSERT_EQUAL(pprof_write_gzip(profile, fd, NULL), 0);
	uint8_t magic[2] = {0};
	CU_ASSERT_EQUAL(pread(fd, magic, 2, 0), 2);
	CU_ASSERT(magic[0] == 0x1f && magic[1] == 0x8b);
	lseek(fd, 0, SEEK_SET);
	CU_ASSERT_EQUAL(pprof_read(fd, "test", &back, NULL), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(back);
	assert_same(back, &bytes);
}

static void says_why_it_cannot_write(void)
{
	struct profile *profile guard_profile = new_small();
	struct err err = {0};
	int fd guard_fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL(pprof_write_gzip(profile, fd, &err), -ENOSPC);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "No space left"));
}

static struct bytes gzipped(const void *data, size_t n)
{
	struct bytes packed = {malloc(n + 1024), n + 1024};
	z_stream stream = {.next_in = (void *)data,
			   .avail_in = (uInt)n,
			   .next_out = packed.at,
			   .avail_out = (uInt)packed.n};
	deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
	CU_ASSERT_EQUAL(deflate(&stream, Z_FINISH), Z_STREAM_END);
	packed.n -= stream.avail_out;
	deflateEnd(&stream);
	return packed;
}

/* Cut in two, packed apart, put together: gzip members, zstd frames. */
static void reads_concatenated_parts(void)
{
	struct profile *profile guard_profile = new_small();
	struct bytes bytes guard_bytes = written(profile);
	struct bytes gzip guard_bytes = gzipped(bytes.at, 50);
	struct bytes tail guard_bytes = gzipped(bytes.at + 50, bytes.n - 50);
	append(&gzip, tail.at, tail.n);
	struct profile *back guard_profile = read_back(gzip.at, gzip.n);
	CU_ASSERT_PTR_NOT_NULL_FATAL(back);
	assert_same(back, &bytes);

	uint8_t zstd[4096];
	size_t first = ZSTD_compress(zstd, sizeof(zstd), bytes.at, 70, 1);
	size_t second =
		ZSTD_compress(zstd + first, sizeof(zstd) - first, bytes.at + 70, bytes.n - 70, 1);
	struct profile *again guard_profile = read_back(zstd, first + second);
	CU_ASSERT_PTR_NOT_NULL_FATAL(again);
	assert_same(again, &bytes);
}

static int code_of(const void *data, size_t n, struct err *err)
{
	struct profile *profile guard_profile = NULL;
	*err = (struct err){0};
	int code = pprof_read_bytes(data, n, "x.pb", &profile, err);
	CU_ASSERT((code == 0) == (profile != NULL));
	CU_ASSERT((code == 0) == !err_is_set(err));
	return code;
}

/* Every cut and every flipped byte gives a clean failure or a profile that can be written. */
static void survives_damage(void)
{
	struct profile *profile guard_profile = new_small();
	struct bytes bytes guard_bytes = written(profile);
	struct bytes gzip guard_bytes = gzipped(bytes.at, bytes.n);
	struct err err;
	for (size_t n = 0; n < bytes.n; n++) {
		uint8_t *cut guard_mem = malloc(n + 1);
		memcpy(cut, bytes.at, n);
		int code = code_of(cut, n, &err);
		CU_ASSERT(code == 0 || code == -EBADMSG);
	}
	for (size_t n = 0; n < gzip.n; n++)
		CU_ASSERT_EQUAL(code_of(gzip.at, n, &err), -EBADMSG);
	static const uint8_t masks[] = {0x01, 0x08, 0x80, 0xff};
	for (size_t i = 0; i < bytes.n * sizeof(masks); i++) {
		struct profile *damaged guard_profile = NULL;
		uint8_t *at = &bytes.at[i / sizeof(masks)], mask = masks[i % sizeof(masks)];
		*at ^= mask;
		if (!pprof_read_bytes(bytes.at, bytes.n, "x.pb", &damaged, NULL)) {
			struct bytes again guard_bytes = written(damaged);
			struct profile *back guard_profile = read_back(again.at, again.n);
			CU_ASSERT_PTR_NOT_NULL(back);
		}
		*at ^= mask;
	}
	for (size_t i = 0; i < gzip.n; i++) {
		gzip.at[i] ^= 0x10;
		int code = code_of(gzip.at, gzip.n, &err);
		CU_ASSERT(code == 0 || code == -EBADMSG); /* some header bytes mean nothing */
		gzip.at[i] ^= 0x10;
	}
}

static void says_what_is_wrong(void)
{
	struct err err;
	CU_ASSERT_EQUAL(code_of("", 0, &err), -EBADMSG);
	CU_ASSERT_STRING_EQUAL(err.msg, "x.pb: empty file");
	CU_ASSERT_EQUAL(code_of("hello, world\n", 13, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "not a pprof profile"));
	CU_ASSERT_EQUAL(code_of("\x1f\x8b\x08", 3, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "cut short"));
	CU_ASSERT_EQUAL(code_of("\x28\xb5\x2f\xfd", 4, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "cut short"));
	CU_ASSERT_EQUAL(code_of("\x32\x00", 2, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "no sample types"));
}

#define FILE_OF(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})
/* sample_type {type: 1, unit: 0} and string_table "", "n" */
#define TYPE 0x0a, 2, 8, 1
#define STRINGS 0x32, 0, 0x32, 1, 'n'

#define SAMPLE(...) 0x12, sizeof((const uint8_t[]){__VA_ARGS__}), __VA_ARGS__
#define LOCATION(...) 0x22, sizeof((const uint8_t[]){__VA_ARGS__}), __VA_ARGS__

/* Samples before what they name, as Go writes them; numbers one by one; fields nobody knows. */
static void takes_any_order(void)
{
	struct profile *profile guard_profile = read_back(
		FILE_OF(TYPE, SAMPLE(8, 5, 8, 9, 16, 7, 0x78, 1), LOCATION(8, 5, 0x22, 2, 8, 3),
			LOCATION(8, 9), 0x2a, 4, 8, 3, 16, 1, 0xa2, 0x1f, 1, 0, STRINGS));
	CU_ASSERT_PTR_NOT_NULL_FATAL(profile);
	CU_ASSERT_EQUAL(profile->rows.n, 1);
	CU_ASSERT_EQUAL(profile->values[0], 7);
	CU_ASSERT_EQUAL(profile->stacks.at[1].n_frames, 2);
	CU_ASSERT_STRING_EQUAL(profile_function_name(profile, profile->lines.at[0].function), "n");
	CU_ASSERT_STRING_EQUAL(profile_string(profile, profile->types.at[0].type), "n");
	CU_ASSERT_PTR_NULL(profile->info);
}

/* Without a default, or with one that is not there, the last column; else the first of that name.
 */
static void finds_the_default_type(void)
{
	struct profile *none guard_profile = read_back(FILE_OF(TYPE, TYPE, STRINGS));
	struct profile *named guard_profile = read_back(FILE_OF(TYPE, TYPE, 0x70, 1, STRINGS));
	struct profile *other guard_profile =
		read_back(FILE_OF(TYPE, TYPE, 0x70, 2, STRINGS, 0x32, 1, 'x'));
	CU_ASSERT(none && none->default_type == 1);
	CU_ASSERT(named && named->default_type == 0);
	CU_ASSERT(other && other->default_type == 1);
}

static void refuses(const char *what, const uint8_t *file, size_t n)
{
	struct err err;
	CU_ASSERT_EQUAL(code_of(file, n, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, what));
}

static void refuses_what_does_not_fit(void)
{
	refuses("a location that is not there", FILE_OF(STRINGS, TYPE, SAMPLE(8, 5, 16, 7)));
	refuses("a location that is not there", FILE_OF(STRINGS, TYPE, SAMPLE(8, 0, 16, 7)));
	refuses("a function that is not there",
		FILE_OF(STRINGS, TYPE, LOCATION(8, 5, 0x22, 2, 8, 3)));
	refuses("a mapping that is not there", FILE_OF(STRINGS, TYPE, LOCATION(8, 5, 16, 3)));
	refuses("0 or taken", FILE_OF(STRINGS, TYPE, LOCATION(8, 5), LOCATION(8, 5)));
	refuses("0 or taken", FILE_OF(STRINGS, TYPE, LOCATION(8, 1), LOCATION(8, 1)));
	refuses("0 or taken", FILE_OF(STRINGS, TYPE, 0x1a, 0));
	refuses("0 or taken", FILE_OF(STRINGS, TYPE, 0x2a, 2, 8, 0));
	refuses("string index", FILE_OF(STRINGS, 0x0a, 2, 8, 2));
	refuses("string index", FILE_OF(0x0a, 2, 8, 1));
	refuses("more or fewer values", FILE_OF(STRINGS, TYPE, SAMPLE(16, 7, 16, 8)));
	refuses("more or fewer values", FILE_OF(STRINGS, TYPE, 0x12, 0));
	refuses("list of numbers is damaged", FILE_OF(STRINGS, TYPE, SAMPLE(18, 1, 0x80)));
	refuses("not empty", FILE_OF(0x32, 1, 'n', 0x0a, 2, 8, 0));
	refuses("written as something else", FILE_OF(STRINGS, TYPE, 0x10, 1));
	refuses("no whole field", FILE_OF(STRINGS, TYPE, 0x12, 0xff, 0xff, 0xff, 0xff, 0x7f));
	refuses("no whole field", FILE_OF(STRINGS, TYPE, 0x02, 0));
	refuses("no whole field", FILE_OF(STRINGS, TYPE, 0x0b));
	refuses("info message", FILE_OF(STRINGS, TYPE, 0xc2, 0x3e, 1, 0xff));
}

static void refuses_too_much(void)
{
	struct bytes types guard_bytes = {0};
	for (int i = 0; i < 65; i++)
		append(&types, FILE_OF(TYPE));
	append(&types, FILE_OF(STRINGS));
	refuses("too many sample types", types.at, types.n);

	/* One sample of 70,000 locations: the list's length is known from its bytes. */
	struct bytes deep guard_bytes = {0};
	append(&deep,
	       FILE_OF(STRINGS, TYPE, LOCATION(8, 1), 0x12, 0xf6, 0xa2, 4, 0x0a, 0xf0, 0xa2, 4));
	uint8_t *ids guard_mem = malloc(70000);
	memset(ids, 1, 70000);
	append(&deep, ids, 70000);
	append(&deep, FILE_OF(16, 7));
	refuses("too long", deep.at, deep.n);
}

static void stops_a_bomb(void)
{
	uint8_t *zeros guard_mem = calloc(1, 4 << 20);
	struct bytes gzip guard_bytes = gzipped(zeros, 4 << 20);
	uint8_t *out = NULL;
	size_t n = 0;
	struct err err = {0};
	CU_ASSERT_EQUAL(pprof_unpack(gzip.at, gzip.n, 1 << 20, "x", &out, &n, &err), -EFBIG);
	CU_ASSERT_STRING_EQUAL(err.msg, "x: more than 1 MiB unpacked, which is too large");
	CU_ASSERT_EQUAL(pprof_unpack(gzip.at, gzip.n, (4 << 20) - 1, "x", &out, &n, NULL), -EFBIG);
	CU_ASSERT_PTR_NULL(out);
	CU_ASSERT_EQUAL(pprof_unpack(gzip.at, gzip.n, 4 << 20, "x", &out, &n, NULL), 0);
	CU_ASSERT_EQUAL(n, 4 << 20);
	free(out);
	size_t room = ZSTD_compressBound(4 << 20);
	uint8_t *zstd guard_mem = malloc(room);
	size_t packed = ZSTD_compress(zstd, room, zeros, 4 << 20, 1);
	CU_ASSERT_EQUAL(pprof_unpack(zstd, packed, 1 << 20, "x", &out, &n, NULL), -EFBIG);
	CU_ASSERT_EQUAL(pprof_unpack(zstd, packed, 4 << 20, "x", &out, &n, NULL), 0);
	CU_ASSERT_EQUAL(n, 4 << 20);
	free(out);
}

static int fails_second_time(void *context, const void *data, size_t bytes)
{
	int *calls = context;
	return ++*calls == 2 ? -EPIPE : 0;
}

static void stops_when_the_sink_fails(void)
{
	struct profile *profile guard_profile = profile_new_ours();
	int calls = 0;
	for (int i = 0; i < 40000; i++) {
		char name[32];
		profile_add_string(profile, name,
				   (size_t)snprintf(name, sizeof(name), "name %d", i));
	}
	CU_ASSERT_EQUAL(pprof_write(profile, fails_second_time, &calls), -EPIPE);
	CU_ASSERT_EQUAL(calls, 2);
}

SUITE(pprof, {"round trip", round_trip}, {"many rows", many_rows},
      {"through a gzip file", through_a_gzip_file},
      {"says why it cannot write", says_why_it_cannot_write},
      {"reads concatenated parts", reads_concatenated_parts}, {"survives damage", survives_damage},
      {"says what is wrong", says_what_is_wrong}, {"takes any order", takes_any_order},
      {"finds the default type", finds_the_default_type},
      {"refuses what does not fit", refuses_what_does_not_fit},
      {"refuses too much", refuses_too_much}, {"stops a bomb", stops_a_bomb},
      {"stops when the sink fails", stops_when_the_sink_fails});
