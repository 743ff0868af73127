/* SPDX-License-Identifier: Apache-2.0 */
/* How many mapped files are opened for the processes of each user. To open one costs a millisecond
 * or two, for which recordings wait; a process can map tens of thousands. Those beyond this are
 * told by offsets in them alone. Root's processes have as many as they map. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	OPENINGS_AT_ONCE = 1024, /* a browser with all its processes maps 700 */
	OPENINGS_A_SECOND = 50,	 /* again, as time goes */
};

/* Zeroed: all may be opened. */
struct openings {
	struct openings_of_user {
		uid_t uid;
		uint32_t left;
		uint64_t since_ns; /* seconds that count already */
	} * at;
	uint32_t n, room;
};

void openings_deinit(struct openings *openings);
/* True: one may be opened now, and counts. */
bool openings_take(struct openings *openings, uid_t uid, uint64_t now_ns);
