/* SPDX-License-Identifier: Apache-2.0 */
/* What a client asks for (Record, protocol.proto), beside what can be and what it may. */
#pragma once

#include <stdint.h>
#include "common/protocol.pb-c.h"

struct asker_rights;
struct err;

/* 0, or words for what nobody may ask (ERR_USAGE), or this kernel cannot do. `features`: enum
 * broker_load_feature. */
int request_check(const Probe__Record *request, uint64_t features, struct err *err);
/* Whether this client may have it: ERR_PERMISSION words if not; and its frequency, the one asked
 * for or the most there is. ERR_USAGE: the host does not do that often. */
int request_may(const Probe__Record *request, const struct asker_rights *rights, double *hz,
		struct err *err);
