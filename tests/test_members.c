/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/members.h"

#include <string.h>
#include "tests/unit.h"

static bool odd(const void *context, uint32_t pid)
{
	return pid & 1;
}

static void follows_processes(void)
{
	struct members members;
	members_init(&members);
	CU_ASSERT(!members_has(&members, 7));
	CU_ASSERT_PTR_NULL(members_find(&members, 7));
	CU_ASSERT(members_add(&members, 7, "0123456789abcdefXX"));
	CU_ASSERT(!members_add(&members, 7, "again"));
	CU_ASSERT(members_has(&members, 7));
	CU_ASSERT_STRING_EQUAL(members_find(&members, 7)->comm, "0123456789abcdef");
	members_rename(&members, 7, "exec");
	members_rename(&members, 8, "nobody");
	CU_ASSERT_STRING_EQUAL(members_find(&members, 7)->comm, "exec");
	members_leave(&members, 7);
	members_leave(&members, 7);
	members_leave(&members, 8);
	CU_ASSERT(!members_has(&members, 7));
	CU_ASSERT_STRING_EQUAL(members_find(&members, 7)->comm, "exec");
	CU_ASSERT_EQUAL(members.n_alive, 0);
	CU_ASSERT(members_add(&members, 7, "next")); /* another of that number */
	CU_ASSERT_EQUAL(members.n_alive, 1);
	CU_ASSERT_EQUAL(members.n_ever, 2);
	members_leave_all(&members);
	CU_ASSERT_EQUAL(members.n_alive, 0);
	members_deinit(&members);
}

/* A hundred thousand that came and went, of which a few are used still. */
static void forgets_those_gone(void)
{
	struct members members;
	members_init(&members);
	for (uint32_t pid = 1; pid <= 100000; pid++)
		members_add(&members, pid, "short");
	for (uint32_t pid = 11; pid <= 100000; pid++)
		members_leave(&members, pid);
	for (uint32_t pid = 21; pid <= 100000; pid++)
		members_rename(&members, pid, pid <= 30 ? "kept" : "short");
	CU_ASSERT_EQUAL(members.n_alive, 10);
	members_prune(&members, odd, NULL);
	CU_ASSERT_EQUAL(members.n - 1, 10 + 49995);
	for (uint32_t pid = 1; pid <= 40; pid++) {
		const struct member *member = members_find(&members, pid);
		CU_ASSERT_EQUAL(member != NULL, pid <= 10 || (pid & 1));
		CU_ASSERT_EQUAL(members_has(&members, pid), pid <= 10);
		if (member)
			CU_ASSERT_STRING_EQUAL(member->comm,
					       pid > 20 && pid <= 30 ? "kept" : "short");
	}
	CU_ASSERT_EQUAL(members.n_ever, 100000);
	members_deinit(&members);
}

SUITE(members, {"follows processes", follows_processes},
      {"forgets those gone", forgets_those_gone});
