/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/request.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include "common/err.h"
#include "daemon/asker.h"
#include "tests/unit.h"

static const uint64_t EVERY = LOAD_WAITS | LOAD_SLEEPERS;

static int check(const Probe__Record *request, uint64_t features, struct err *err)
{
	const struct asker_rights every = {.off_cpu = true, .hz_max = UINT32_MAX};
	double hz;
	*err = (struct err){0};
	int code = request_check(request, features, err);
	if (!code)
		code = request_may(request, &every, &hz, err);
	CU_ASSERT_EQUAL(code != 0, err_is_set(err));
	return code;
}

static void refuses_what_nobody_may_ask(void)
{
	uint32_t pid = 1, cpu = CPUS_MAX;
	struct err err;
	Probe__Record request = PROBE__RECORD__INIT;
	CU_ASSERT_EQUAL(check(&request, EVERY, &err), -EINVAL); /* no target */
	request.pids = &pid;
	request.n_pids = 1;
	request.hz = 99;
	CU_ASSERT_EQUAL(check(&request, EVERY, &err), 0);
	request.comm = "two kinds";
	CU_ASSERT_EQUAL(check(&request, EVERY, &err), -EINVAL);
	CU_ASSERT_EQUAL(err.status, ERR_USAGE);
	request.comm = NULL;
	request.no_user = request.no_kernel = true;
	CU_ASSERT_EQUAL(check(&request, EVERY, &err), -EINVAL);
	request.no_user = request.no_kernel = false;
	request.cpus = &cpu;
	request.n_cpus = 1;
	CU_ASSERT_EQUAL(check(&request, EVERY, &err), -EINVAL);
	request.n_cpus = 0;
	request.mode = PROBE__RECORD__MODE__SNAPSHOT + 1; /* a later version's */
	CU_ASSERT_EQUAL(check(&request, EVERY, &err), -EINVAL);
	request.mode = (Probe__Record__Mode)-1;
	CU_ASSERT_EQUAL(check(&request, EVERY, &err), -EINVAL);
	request.mode = PROBE__RECORD__MODE__CPU;
	request.call_graph = PROBE__RECORD__CALL_GRAPH__FP + 1;
	CU_ASSERT_EQUAL(check(&request, EVERY, &err), -EINVAL);
	request.call_graph = PROBE__RECORD__CALL_GRAPH__AUTO;
	static const double bad[] = {0.001, -1, 1e9, NAN, INFINITY};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		request.hz = bad[i];
		CU_ASSERT_EQUAL(check(&request, EVERY, &err), -EINVAL);
	}
}

static void says_what_this_kernel_cannot(void)
{
	uint32_t pid = 1;
	struct err err;
	Probe__Record request = PROBE__RECORD__INIT;
	request.pids = &pid;
	request.n_pids = 1;
	request.hz = 99;
	request.mode = PROBE__RECORD__MODE__OFF;
	CU_ASSERT_EQUAL(check(&request, EVERY, &err), 0);
	CU_ASSERT_EQUAL(check(&request, LOAD_SLEEPERS, &err), -ENOTSUP);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "--mode cpu"));
	request.mode = PROBE__RECORD__MODE__WALL; /* CPU time is left */
	CU_ASSERT_EQUAL(check(&request, 0, &err), 0);
	request.mode = PROBE__RECORD__MODE__SNAPSHOT;
	CU_ASSERT_EQUAL(check(&request, LOAD_WAITS, &err), -ENOTSUP);
	CU_ASSERT_EQUAL(check(&request, LOAD_SLEEPERS, &err), 0);
}

static void keeps_to_the_clients_rights(void)
{
	struct asker_rights rights = {.hz_max = 500};
	struct err err = {0};
	double hz = 0;
	Probe__Record request = PROBE__RECORD__INIT;
	CU_ASSERT_EQUAL(request_may(&request, &rights, &hz, NULL), 0); /* -F max */
	CU_ASSERT_EQUAL(hz, 500);
	request.hz = 501;
	CU_ASSERT_EQUAL(request_may(&request, &rights, &hz, &err), -EACCES);
	CU_ASSERT_EQUAL(err.status, ERR_PERMISSION);
	CU_ASSERT_STRING_EQUAL(err.msg, "501 Hz is more than the 500 Hz allowed here");
	request.hz = 500;
	CU_ASSERT_EQUAL(request_may(&request, &rights, &hz, NULL), 0);
	request.mode = PROBE__RECORD__MODE__WALL;
	CU_ASSERT_EQUAL(request_may(&request, &rights, &hz, NULL), -EACCES);
	rights.off_cpu = true;
	CU_ASSERT_EQUAL(request_may(&request, &rights, &hz, NULL), 0);
	request.mode = PROBE__RECORD__MODE__SNAPSHOT;
	request.hz = 5;
	CU_ASSERT_EQUAL(request_may(&request, &rights, &hz, NULL), 0);
	CU_ASSERT_EQUAL(hz, 500); /* its own, or the most */
}

SUITE(request, {"refuses what nobody may ask", refuses_what_nobody_may_ask},
      {"says what this kernel cannot", says_what_this_kernel_cannot},
      {"keeps to the client's rights", keeps_to_the_clients_rights});
