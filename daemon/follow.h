/* SPDX-License-Identifier: Apache-2.0 */
/* Which sessions have the switches of threads followed (bpf/noted.h), and which their waits
 * (bpf/waits.h): the programs for it are attached while there are any. Part of programs.c. */
#pragma once

#include <stdint.h>

struct bpf_link;
struct sampler_bpf;

struct follow {
	struct sampler_bpf *skeleton;
	struct bpf_link *newtask, *switches; /* while any session reads threads' times */
	struct bpf_link *owed;		     /* while any takes waits */
	struct bpf_link *waking;	     /* while any wants to know who ended them */
};

/* The skeleton is borrowed, and loaded. */
int follow_init(struct follow *follow, struct sampler_bpf *skeleton);
void follow_deinit(struct follow *follow);

/* The session's threads are followed from now on, and their waits told if its config has
 * SESSION_OFF and the kernel can. Again for a session that is: nothing changes. */
int follow_start(struct follow *follow, uint32_t session);
void follow_stop(struct follow *follow, uint32_t session);
