/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report_times.h"

#include "cli/jsontext.h"
#include "common/info.pb-c.h"
#include "common/profile.h"

#include <math.h>
#include <string.h>

struct times {
	double oncpu_ns, stolen_ns, runnable_ns, blocked_ns, wall_ns;
	bool stolen_known;
	bool off;	    /* time off the CPU was recorded … */
	double in_rows_ns;  /* … and the rows have this */
	double samples, hz; /* 0: not known, or not of this recording alone */
};

static double sum_of(const struct profile *profile, const char *type)
{
	double sum = 0;
	int column = profile_find_type(profile, type);
	for (uint32_t i = 0; column >= 0 && i < profile->rows.n; i++)
		sum += (double)profile->values[(size_t)i * profile->types.n + (size_t)column];
	return sum;
}

static struct times times_of(const struct profile *profile)
{
	const Probe__Info *info = profile->info;
	const char *mode = info->mode ? info->mode : "";
	struct times times = {.off = !strcmp(mode, "off") || !strcmp(mode, "wall")};
	for (size_t i = 0; i < info->n_thread; i++) {
		const Probe__ThreadTimes *thread = info->thread[i];
		times.oncpu_ns += (double)thread->oncpu_ns;
		times.stolen_ns += (double)thread->stolen_ns;
		times.stolen_known |= thread->has_stolen_ns;
		times.runnable_ns += (double)thread->runnable_ns;
		times.blocked_ns += (double)thread->blocked_ns;
		times.wall_ns += (double)thread->wall_ns;
	}
	if (times.off)
		times.in_rows_ns = sum_of(profile, "blocked") + sum_of(profile, "runnable");
	if (!strcmp(mode, "wall") && info->has_hz && info->has_samples) {
		times.samples = (double)info->samples;
		times.hz = info->hz;
	}
	return times;
}

/* What waits stand for others may be more than those were. */
static double accounted(const struct times *times)
{
	return fmin(100, 100 * (times->oncpu_ns + times->stolen_ns + times->in_rows_ns) /
				 times->wall_ns);
}

/* A sample is a period on the CPU, as the timer sees it: it counts what was stolen, the account
 * does not. More than chance and a little of interrupts off: one of them is wrong. */
static bool disagree(const struct times *times)
{
	double least = times->oncpu_ns / 1e9 * times->hz;
	double most = (times->oncpu_ns + times->stolen_ns) / 1e9 * times->hz;
	return times->hz > 0 && (times->samples < least - 4 * sqrt(least) - 0.02 * least ||
				 times->samples > most + 4 * sqrt(most) + 0.02 * most);
}

void report_times_print(FILE *out, const struct profile *profile)
{
	struct times times = times_of(profile);
	if (times.wall_ns <= 0)
		return;
	fprintf(out, "thread time %.1fs: on-cpu %.1fs, ", times.wall_ns / 1e9,
		times.oncpu_ns / 1e9);
	if (times.stolen_ns >= 5e7) /* what would be 0.1 s */
		fprintf(out, "stolen %.1fs, ", times.stolen_ns / 1e9);
	fprintf(out, "runnable %.1fs, blocked %.1fs", times.runnable_ns / 1e9,
		times.blocked_ns / 1e9);
	if (times.off)
		fprintf(out, " (accounted %.1f%%)", accounted(&times));
	fputc('\n', out);
	if (disagree(&times))
		fprintf(out,
			"samples tell of %.1fs on the CPU: not what the kernel's account says\n",
			times.samples / times.hz);
}

void report_times_json(struct jsontext *json, const struct profile *profile)
{
	struct times times = times_of(profile);
	if (times.wall_ns <= 0)
		return;
	jsontext_open(json, "thread_time", '{');
	jsontext_int(json, "total_ns", (int64_t)times.wall_ns);
	jsontext_int(json, "oncpu_ns", (int64_t)times.oncpu_ns);
	if (times.stolen_known)
		jsontext_int(json, "stolen_ns", (int64_t)times.stolen_ns);
	jsontext_int(json, "runnable_ns", (int64_t)times.runnable_ns);
	jsontext_int(json, "blocked_ns", (int64_t)times.blocked_ns);
	if (times.off)
		jsontext_real(json, "accounted_percent", accounted(&times));
	jsontext_close(json);
}
