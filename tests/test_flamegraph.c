/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/flamegraph_page.h"
#include "cli/flamegraph_svg.h"
#include "cli/selection.h"
#include "common/err.h"
#include "common/profile.h"
#include "tests/fixture_profile.h"
#include "tests/unit.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef int (*writer)(FILE *out, const struct profile *profile, const char *file,
		      const struct selection_wish *wish, struct err *err);

static char *write_to_text(writer write, const char *sample)
{
	char *text = NULL;
	size_t bytes;
	struct profile *profile = fixture_profile_nginx();
	int64_t values[PROFILE_COLUMNS] = {7, 7};
	fixture_profile_row(profile, "_start;</script><b>&\n", "evil<", 1, 1, values);
	FILE *out = open_memstream(&text, &bytes);
	struct selection_wish wish = {.sample = sample};
	struct err err = {0};
	int result = write(out, profile, "nginx.pb.gz", &wish, &err);
	CU_ASSERT_EQUAL(result < 0, err_is_set(&err));
	fclose(out);
	profile_free(profile);
	return text;
}

/* How many numbers were packed (cli/packed.h), and their sum. */
static int64_t sum_of(const json_t *packed, size_t *n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint64_t number = 0;
	int64_t sum = 0;
	int shift = 0;
	*n = 0;
	for (const char *text = json_string_value(packed); text && *text; text++) {
		const char *digit = strchr(digits, *text);
		CU_ASSERT_PTR_NOT_NULL_FATAL(digit);
		number |= (uint64_t)((digit - digits) & 31) << shift;
		shift += 5;
		if ((digit - digits) & 32)
			continue;
		sum += (int64_t)(number >> 1) ^ -(int64_t)(number & 1);
		number = 0;
		shift = 0;
		++*n;
	}
	CU_ASSERT_EQUAL(shift, 0);
	return sum;
}

/* The data of the page, as the page reads it. */
static json_t *data_of(const char *page)
{
	const char *begin = strstr(page, "id=\"data\">");
	CU_ASSERT_PTR_NOT_NULL_FATAL(begin);
	begin += strlen("id=\"data\">");
	const char *end = strstr(begin, "</script>");
	CU_ASSERT_PTR_NOT_NULL_FATAL(end);
	return json_loadb(begin, (size_t)(end - begin), 0, NULL);
}

static void page_is_whole(void)
{
	char *page = write_to_text(flamegraph_page_write, NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(page, "<title>nginx - flame graph</title>"));
	CU_ASSERT_PTR_NULL(strstr(page, "{{"));
	CU_ASSERT_PTR_NULL(strstr(page, "http:"));
	CU_ASSERT_PTR_NULL(strstr(page, "https:"));
	CU_ASSERT_PTR_NULL(strstr(page, "<b>"));
	CU_ASSERT_PTR_NOT_NULL(strstr(page, "class Profile"));
	CU_ASSERT_PTR_NOT_NULL(strstr(page, "default-src 'none'"));
	size_t n = strlen(page);
	CU_ASSERT_STRING_EQUAL(page + n - 8, "</html>\n");
	free(page);
}

static void data_adds_up(void)
{
	char *page = write_to_text(flamegraph_page_write, "samples");
	json_t *data = data_of(page);
	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	const json_t *values = json_object_get(data, "values");
	CU_ASSERT_EQUAL(json_array_size(values), PROFILE_COLUMNS);
	size_t n;
	CU_ASSERT_EQUAL(sum_of(json_array_get(values, COLUMN_SAMPLES), &n), 107);
	CU_ASSERT_EQUAL(n, 7);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_array_get(values, COLUMN_BLOCKED)), "");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(data, "column")), COLUMN_SAMPLES);
	CU_ASSERT_EQUAL(sum_of(json_array_get(values, COLUMN_CPU), &n), 1000000022);
	/* root, _start, main, parse, next, walk ×3, leaf, write, copy_user, rare, x, evil */
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(data, "nodes")), 14);
	sum_of(json_object_get(data, "key"), &n);
	CU_ASSERT_EQUAL(n, 14);
	sum_of(json_object_get(data, "up"), &n);
	CU_ASSERT_EQUAL(n, 14);
	/* Samples are told by distances: together no further than the last node. */
	CU_ASSERT(sum_of(json_object_get(data, "node"), &n) <= 13);
	CU_ASSERT_EQUAL(n, 7);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(data, "spent")), 7);
	json_decref(data);
	free(page);
	page = write_to_text(flamegraph_page_write, "blocked");
	CU_ASSERT_STRING_EQUAL(page, "");
	free(page);
}

/* By what all values of a column are multiples of. */
static void values_are_scaled(void)
{
	struct profile *profile = fixture_profile_waits();
	char *page = NULL;
	size_t bytes, n;
	FILE *out = open_memstream(&page, &bytes);
	struct selection_wish wish = {0};
	CU_ASSERT_EQUAL(flamegraph_page_write(out, profile, "", &wish, NULL), 0);
	fclose(out);
	json_t *data = data_of(page);
	const json_t *values = json_object_get(data, "values");
	const json_t *scales = json_object_get(data, "scales");
	CU_ASSERT_EQUAL(json_integer_value(json_array_get(scales, COLUMN_CPU)), 2670000000);
	CU_ASSERT_EQUAL(sum_of(json_array_get(values, COLUMN_CPU), &n), 1);
	int64_t scale = json_integer_value(json_array_get(scales, COLUMN_RUNNABLE));
	CU_ASSERT_EQUAL(scale, 100000000);
	CU_ASSERT_EQUAL(sum_of(json_array_get(values, COLUMN_RUNNABLE), &n) * scale, 500000000);
	json_decref(data);
	free(page);
	profile_free(profile);
}

static void picture_is_drawn(void)
{
	char *svg = write_to_text(flamegraph_svg_write, "samples");
	CU_ASSERT_PTR_NOT_NULL(strstr(svg, "<title>copy_user ([kernel]): 19, 17.8%</title>"));
	CU_ASSERT_PTR_NOT_NULL(strstr(svg,
				      "<title>_start (app): 107, 100.0%</title><rect x=\"0.0\" "
				      "y=\"108\" width=\"1200.0\" height=\"16\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(svg, "&lt;/script>&lt;b>&amp;\\x0a"));
	CU_ASSERT_STRING_EQUAL(svg + strlen(svg) - 7, "</svg>\n");
	free(svg);
}

SUITE(flamegraph, {"page is whole", page_is_whole}, {"data adds up", data_adds_up},
      {"values are scaled", values_are_scaled}, {"picture is drawn", picture_is_drawn});
