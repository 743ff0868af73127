/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/request.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "bpf/types.h"
#include "common/err.h"
#include "common/escape.h"
#include "common/limits.h"
#include "common/nearest.h"
#include "common/procfs.h"
#include "daemon/asker.h"
#include "daemon/event_names.h"
#include "daemon/snapshot.h"

static int choose_hz(const Probe__Record *request, const struct asker_rights *rights, double *hz,
		     struct err *err)
{
	const int64_t rate = procfs_setting("/proc/sys/kernel/perf_event_max_sample_rate", 0);
	const unsigned limit = rate > 0 ? (unsigned)rate : 0; /* 0: not known */
	unsigned most = limit ? limit : 999;
	if (most > rights->hz_max)
		most = rights->hz_max;
	*hz = request->hz ? request->hz : most;
	if (request->mode == PROBE__RECORD__MODE__SNAPSHOT)
		*hz = most < SNAPSHOT_HZ ? most : SNAPSHOT_HZ;
	if (!isfinite(*hz) || *hz < 0.01)
		return err_set(err, -EINVAL, ERR_USAGE, "the frequency must be at least 0.01 Hz");
	if (limit && *hz > limit) {
		err_set(err, -EINVAL, ERR_USAGE, "%g Hz is more than the %u Hz allowed here", *hz,
			limit);
		err_hint(err, "kernel.perf_event_max_sample_rate is the limit; -F max uses it");
		return -EINVAL;
	}
	if (*hz > rights->hz_max) {
		err_set(err, -EACCES, ERR_PERMISSION, "%g Hz is more than the %u Hz allowed here",
			*hz, rights->hz_max);
		err_hint(err, "the administrator's limit (probed.conf); -F max uses it");
		return -EACCES;
	}
	return 0;
}

static bool wants_waits(const Probe__Record *request)
{
	return request->mode == PROBE__RECORD__MODE__OFF ||
	       request->mode == PROBE__RECORD__MODE__WALL;
}

int request_may(const Probe__Record *request, const struct asker_rights *rights, double *hz,
		struct err *err)
{
	if (wants_waits(request) && !rights->off_cpu) {
		err_set(err, -EACCES, ERR_PERMISSION,
			"the administrator allows no recordings of what threads wait for");
		err_hint(err, "use --mode cpu");
		return -EACCES;
	}
	if (request->off_period_ns > WAIT_PERIOD_NS_MAX)
		return err_set(err, -EINVAL, ERR_USAGE, "--off-period is %.1f s at most",
			       (double)WAIT_PERIOD_NS_MAX / 1e9);
	return choose_hz(request, rights, hz, err);
}

static int refuse_event(const char *event, struct err *err)
{
	char name[64], all[256] = "";
	size_t n = 0;
	struct nearest near = nearest_init(event);
	escape_text(name, sizeof(name), event, strnlen(event, sizeof(name)));
	for (int i = 0; i < EVENT_NAMES; i++) {
		nearest_try(&near, event_names[i].name);
		if (*event_names[i].alias)
			nearest_try(&near, event_names[i].alias);
		if (n < sizeof(all))
			n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s", i ? ", " : "",
					      event_names[i].name);
	}
	err_set(err, -EINVAL, ERR_USAGE, "no event is called \"%s\"", name);
	if (near.best)
		err_hint(err, "did you mean %s?", near.best);
	else
		err_hint(err, "%s", all);
	return -EINVAL;
}

static int check_words(const Probe__Record *request, struct err *err)
{
	size_t kinds = (request->n_pids || request->n_tids) + (request->comm != NULL) +
		       (request->has_all && request->all);
	if (kinds != 1)
		return err_set(err, -EINVAL, ERR_USAGE,
			       "name what to record: -p PID, -t TID, --comm NAME, -a or a command");
	if (request->n_pids + request->n_tids > LIMIT_TARGETS)
		return err_set(err, -E2BIG, ERR_USAGE, "more than %d targets", LIMIT_TARGETS);
	if (request->no_user && request->no_kernel)
		return err_set(err, -EINVAL, ERR_USAGE, "-U and -K together leave no stacks");
	if ((unsigned)request->mode > PROBE__RECORD__MODE__SNAPSHOT ||
	    (unsigned)request->call_graph > PROBE__RECORD__CALL_GRAPH__FP) {
		err_set(err, -EINVAL, ERR_USAGE, "a way to record that this daemon does not know");
		err_hint(err, "install it and `probe` from the same version");
		return -EINVAL;
	}
	int event = request->event ? event_names_find(request->event) : EVENT_CPU_CLOCK;
	if (event < 0)
		return refuse_event(request->event, err);
	if (event != EVENT_CPU_CLOCK && request->mode != PROBE__RECORD__MODE__CPU)
		return err_set(err, -EINVAL, ERR_USAGE,
			       "where threads wait is known of time alone, not with -e");
	if (event == EVENT_TRACEPOINT && request->n_cpus)
		return err_set(err, -EINVAL, ERR_USAGE,
			       "a tracepoint is sampled on all CPUs: without --cpu");
	for (size_t i = 0; i < request->n_cpus; i++)
		if (request->cpus[i] >= CPUS_MAX)
			return err_set(err, -EINVAL, ERR_USAGE, "no CPU %u here", request->cpus[i]);
	return 0;
}

/* What this kernel's programs cannot do. Of wall, CPU time is left, and a note. */
static int check_features(const Probe__Record *request, uint64_t features, struct err *err)
{
	if (request->mode == PROBE__RECORD__MODE__SNAPSHOT && !(features & LOAD_SLEEPERS))
		return err_set(err, -ENOTSUP, ERR_FAILED,
			       "this kernel's BPF cannot read the stacks of threads that sleep");
	if (request->mode != PROBE__RECORD__MODE__OFF || (features & LOAD_WAITS))
		return 0;
	err_set(err, -ENOTSUP, ERR_FAILED, "this kernel's BPF cannot follow what threads wait for");
	err_hint(err, "--mode cpu records where they run");
	return -ENOTSUP;
}

int request_check(const Probe__Record *request, uint64_t features, struct err *err)
{
	int code = check_words(request, err);
	return code ? code : check_features(request, features, err);
}
