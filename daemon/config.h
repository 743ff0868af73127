/* SPDX-License-Identifier: Apache-2.0 */
/* The administrator's file: sections and `key = value`, read once, while the process is root.
 *
 *	[limits]
 *	recordings = 64          at once, of everybody; 64 is the most
 *	recordings_per_uid = 32  at once, of one user */
#pragma once

#include <stdint.h>

struct err;

#define CONFIG_PATH "/etc/probe/probed.conf"

struct config {
	uint32_t recordings;
	uint32_t recordings_per_uid;
};

void config_init(struct config *config);
/* `path` NULL: CONFIG_PATH, which may be missing. ERR_USAGE with file and line for what is not
 * understood. */
int config_read(struct config *config, const char *path, struct err *err);
