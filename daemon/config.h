/* SPDX-License-Identifier: Apache-2.0 */
/* The administrator's file, and after it those in FILE.d whose names end in .conf, in their order;
 * the last word on a key counts. Sections and `key = value`, read as root when the daemon starts
 * and on SIGHUP. A recording keeps what held when it began.
 *
 *	[access]
 *	who = everybody          each user may record what is theirs by the kernel's own rules; or
 *	                         "group": only members of the group; or "root". Root may always
 *	group = probe            its members may record every process; "none": there is no such
 *	                         group. The one of this name need not be there, another has to
 *	[limits]
 *	recordings = 64          at once, of everybody; 64 is the most
 *	recordings_per_uid = 32  at once, of one user
 *	frequency = 1000000      Hz, the most of any recording (besides the kernel's own limit)
 *	frequency_per_uid = 2000 Hz of all the recordings of one user who may not record every
 *	                         process: events fire on every CPU, whoever runs there
 *	off_cpu = yes            "no": nobody records what threads wait for
 *	max_overhead = 0         percent of one CPU that sampling may cost in all, 0: no
 *	                         ceiling; near it fewer ticks become samples
 *	recording_mb = 512       what a recording may make the daemon hold; then it ends
 */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct err;

#define CONFIG_PATH "/etc/probe/probed.conf"
#define CONFIG_GROUP "probe"

enum config_who {
	CONFIG_EVERYBODY,
	CONFIG_GROUP_ONLY,
	CONFIG_ROOT_ONLY,
};

struct config {
	uint32_t recordings;
	uint32_t recordings_per_uid;
	uint32_t frequency, frequency_per_uid;
	uint32_t off_cpu;
	uint32_t recording_mb;
	uint32_t max_overhead;
	uint32_t who; /* enum config_who */
	gid_t group;  /* CONFIG_NO_GROUP: none */
	char group_name[64];
};
static const gid_t CONFIG_NO_GROUP = (gid_t)-1;

/* What holds without a file: looks the group up. */
void config_init(struct config *config);
/* As a file that would set what holds. */
void config_print(const struct config *config, FILE *file);
/* `path` NULL: CONFIG_PATH, which may be missing. ERR_USAGE with file and line for what is not
 * understood, and nothing changed. */
int config_read(struct config *config, const char *path, struct err *err);
