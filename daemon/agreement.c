/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/agreement.h"

#include <math.h>
#include <stdio.h>
#include <sys/sysinfo.h>
#include "daemon/session.h"

/* Timers that came too late for their period would have been samples like the others. */
static double late_share(const struct session *session)
{
	const struct ticks *ticks = &session->sum.ticks;
	uint64_t known =
		ticks->elsewhere + ticks->held + ticks->sampled + ticks->lost + ticks->thinned;
	uint64_t firings = session->events.firings, still = session->gaps.still_firings;
	firings -= firings > still ? still : firings;
	return known && firings > known ? (double)(firings - known) / (double)known : 0;
}

bool agreement_check(const struct session *session, uint64_t lost, char *text, size_t room)
{
	if (!session_samples(session) || !session_is_timed(session) || !session->times_known ||
	    !session->times.off_known || session->request->n_cpus)
		return true;
	const struct threads_sum exact = times_sum(&session->times);
	double period = (double)session->period_ns;
	double by_samples = (double)session->tally.counted + (double)lost * period;
	/* Which CPUs' timers came late is not known: those of idle ones do. */
	double at_most = by_samples * (1 + late_share(session));
	if (session->sum.ticks.thinned) /* as long as the longest there may have been */
		period *= 1 << THIN_MAX;
	double by_times =
		(double)(exact.oncpu_ns + exact.stolen_ns) - (double)session->gaps.threads_ns;
	double nearest = by_times < by_samples ? by_samples
			 : by_times > at_most  ? at_most
					       : by_times;
	/* Readings take a while, and may be a tick off for each CPU at both ends. */
	double ends =
		(2. * (double)session->times.tick_ns + (double)session->reading_ns) * get_nprocs();
	double beyond = fabs(nearest - by_times) - ends;
	double variance = by_times * period;
	if (beyond <= 0 || beyond * beyond <= 4. * 4. * variance)
		return true;
	snprintf(
		text, room,
		"samples stand for %.2f s on the CPU, the kernel accounts for %.2f s (%.2f s of it "
		"stolen): more than chance makes",
		by_samples / 1e9, by_times / 1e9, (double)exact.stolen_ns / 1e9);
	return false;
}
