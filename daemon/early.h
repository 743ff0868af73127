/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker needs for names is read while a recording still runs, so that at its end only
 * addresses are left to be looked up: the kernel's symbols, and the debug files of what samples
 * have met. An object at a time, when nobody else asks the worker anything; not in the first
 * seconds, when tables are wanted, and short recordings need not pay for it while they measure. */
#pragma once

#include <stdint.h>

struct sampler;
struct symbolizer;

struct early {
	uint32_t next; /* of the sampler's locations; 0: from the first on, as some are new */
};

/* At every tick. */
void early_look(struct early *early, const struct sampler *sampler, struct symbolizer *symbolizer);
