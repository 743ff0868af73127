/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at the other end of a client's socket, as the kernel knows it since the connect(): read by
 * the broker itself, so that nobody's word is taken for it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

struct peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	gid_t *groups; /* supplementary */
	uint32_t n_groups;
	int pidfd;    /* of the process that connected; -1: it has ended */
	bool foreign; /* it lived in another user namespace than we, or nothing is known of that:
		       * its uid says less than the same uid here */
};

/* Fills all or nothing. peer_deinit() afterwards. */
int peer_read(int socket, struct peer *peer, struct err *err);
/* Fine on zeroed storage with pidfd -1, and twice. */
void peer_deinit(struct peer *peer);
/* Whether gid is its group or among its supplementary ones. */
bool peer_is_member(const struct peer *peer, gid_t gid);
