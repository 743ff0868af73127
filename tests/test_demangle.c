/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/demangle.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit.h"

static void is(const char *mangled, const char *expected)
{
	char out[4096] = "";
	size_t n = demangle(mangled, out, sizeof(out));
	CU_ASSERT_EQUAL(n, strlen(expected));
	CU_ASSERT_STRING_EQUAL(n ? out : "", expected);
}

static void reads_cpp_and_rust(void)
{
	is("_ZNSt6vectorIiSaIiEE9push_backEOi",
	   "std::vector<int, std::allocator<int> >::push_back");
	is("_ZN3foo3barEv.cold", "foo::bar");
	is("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad");
	is("_RNvCs1234_7mycrate3foo", "mycrate::foo");
	is("main", "");
	is("_Z", "");
	is("", "");
	is("_start", "");
}

/* Each level names the one before it twice: the text doubles forty times. */
static void expansion_is_bounded(void)
{
	char name[1024] = "_Z1fI1AES_IS_S_E";
	size_t n = 0;
	n += (size_t)snprintf(name, sizeof(name), "_Z1fSt4pairIiiE");
	const char *codes = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	for (int i = 0; codes[i] && n + 16 < sizeof(name); i++)
		n += (size_t)snprintf(name + n, sizeof(name) - n, "S_IS%c_S%c_E", codes[i],
				      codes[i]);
	char out[4096];
	CU_ASSERT_TRUE(demangle(name, out, sizeof(out)) < sizeof(out));
	/* A type that doubles inside the printed name itself. */
	n = (size_t)snprintf(name, sizeof(name), "_ZN");
	for (int i = 0; i < 30; i++)
		n += (size_t)snprintf(name + n, sizeof(name) - n, "1aIS%c_S%c_E", codes[i],
				      codes[i]);
	snprintf(name + n, sizeof(name) - n, "1fEv");
	CU_ASSERT_TRUE(demangle(name, out, sizeof(out)) < sizeof(out));
}

static void depth_is_bounded(void)
{
	static char name[200000];
	memset(name, 'P', sizeof(name));
	memcpy(name, "_Z1f", 4);
	name[sizeof(name) - 2] = 'i';
	name[sizeof(name) - 1] = 0;
	char out[4096];
	CU_ASSERT_EQUAL(demangle(name, out, sizeof(out)), 0);
}

static void small_rooms_get_nothing(void)
{
	char out[8];
	CU_ASSERT_EQUAL(demangle("_ZN3foo3barEv", out, sizeof(out)), 0);
	CU_ASSERT_EQUAL(demangle("_ZN3foo3barEv", out, 0), 0);
	char fits[9];
	CU_ASSERT_EQUAL(demangle("_ZN3foo3barEv", fits, sizeof(fits)), 8);
}

SUITE(demangle, {"reads C++ and Rust", reads_cpp_and_rust},
      {"expansion is bounded", expansion_is_bounded}, {"depth is bounded", depth_is_bounded},
      {"small rooms get nothing", small_rooms_get_nothing});
