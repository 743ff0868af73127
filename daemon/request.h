/* SPDX-License-Identifier: Apache-2.0 */
/* What a client may ask for. */
#pragma once

#include <stdint.h>
#include "common/protocol.pb-c.h"

struct err;

/* 0 and the frequency that is meant, or negative errno with words (ERR_USAGE for what nobody may
 * ask). `features`: enum broker_load_feature, of this kernel. */
int request_check(const Probe__Record *request, uint64_t features, double *hz, struct err *err);
