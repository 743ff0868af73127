/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cursor.h"
#include "tests/unit.h"

static void reads_numbers(void)
{
	static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	struct cursor cursor = cursor_new(data, sizeof(data));
	CU_ASSERT_EQUAL(cursor_u8(&cursor), 1);
	CU_ASSERT_EQUAL(cursor_u16(&cursor), 0x0302);
	CU_ASSERT_EQUAL(cursor_u32(&cursor), 0x07060504);
	CU_ASSERT_EQUAL(cursor_u64(&cursor), 0x0f0e0d0c0b0a0908);
	CU_ASSERT_EQUAL(cursor_left(&cursor), 0);
	CU_ASSERT_FALSE(cursor.failed);
}

static void stays_failed(void)
{
	static const uint8_t data[] = {1, 2, 3, 4, 5};
	struct cursor cursor = cursor_new(data, sizeof(data));
	cursor_skip(&cursor, 3);
	CU_ASSERT_EQUAL(cursor_u32(&cursor), 0);
	CU_ASSERT_TRUE(cursor.failed);
	CU_ASSERT_EQUAL(cursor_u8(&cursor), 0);
	CU_ASSERT_PTR_NULL(cursor_bytes(&cursor, 0));
	CU_ASSERT_EQUAL(cursor_uleb128(&cursor), 0);
	CU_ASSERT_TRUE(cursor_part(&cursor, 0).failed);
	CU_ASSERT_TRUE(cursor.failed);
	struct cursor none = cursor_new(NULL, 0);
	CU_ASSERT_EQUAL(cursor_left(&none), 0);
	cursor_skip(&none, UINT64_MAX);
	CU_ASSERT_TRUE(none.failed);
}

static void cuts_parts(void)
{
	static const uint8_t data[] = {1, 2, 3, 4};
	struct cursor cursor = cursor_new(data, sizeof(data));
	struct cursor part = cursor_part(&cursor, 3);
	CU_ASSERT_EQUAL(cursor_left(&part), 3);
	CU_ASSERT_EQUAL(cursor_u8(&cursor), 4);
	cursor_skip(&part, 4);
	CU_ASSERT_TRUE(part.failed);
	CU_ASSERT_FALSE(cursor.failed);
	CU_ASSERT_TRUE(cursor_part(&cursor, 1).failed);
	CU_ASSERT_TRUE(cursor.failed);
}

static struct cursor over(const char *bytes)
{
	return cursor_new(bytes, strlen(bytes));
}

static void reads_uleb128(void)
{
	struct cursor cursor =
		over("\x7f\x80\x01\xe5\x8e\x26\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
	CU_ASSERT_EQUAL(cursor_uleb128(&cursor), 127);
	CU_ASSERT_EQUAL(cursor_uleb128(&cursor), 128);
	CU_ASSERT_EQUAL(cursor_uleb128(&cursor), 624485);
	CU_ASSERT_EQUAL(cursor_uleb128(&cursor), UINT64_MAX);
	CU_ASSERT_FALSE(cursor.failed);
	struct cursor wide = over("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");
	cursor_uleb128(&wide);
	CU_ASSERT_TRUE(wide.failed);
	struct cursor endless = over("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x81\x01");
	cursor_uleb128(&endless);
	CU_ASSERT_TRUE(endless.failed);
	struct cursor cut = over("\x80");
	cursor_uleb128(&cut);
	CU_ASSERT_TRUE(cut.failed);
}

static void reads_sleb128(void)
{
	struct cursor cursor = over("\x02\x7e\xff\x7e\x80\x7f\xc0\xbb\x78"
				    "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f");
	CU_ASSERT_EQUAL(cursor_sleb128(&cursor), 2);
	CU_ASSERT_EQUAL(cursor_sleb128(&cursor), -2);
	CU_ASSERT_EQUAL(cursor_sleb128(&cursor), -129);
	CU_ASSERT_EQUAL(cursor_sleb128(&cursor), -128);
	CU_ASSERT_EQUAL(cursor_sleb128(&cursor), -123456);
	CU_ASSERT_EQUAL(cursor_sleb128(&cursor), INT64_MIN);
	CU_ASSERT_FALSE(cursor.failed);
	struct cursor wide = over("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01");
	cursor_sleb128(&wide);
	CU_ASSERT_TRUE(wide.failed);
}

SUITE(cursor, {"reads numbers", reads_numbers}, {"stays failed", stays_failed},
      {"cuts parts", cuts_parts}, {"reads uleb128", reads_uleb128},
      {"reads sleb128", reads_sleb128});
