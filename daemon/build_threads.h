/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of a recording in what its profile says of itself: samples, and exact times where
 * they are known. */
#pragma once

#include "common/info.pb-c.h"

struct session;

/* The threads with the most samples and time one by one, the others summed in a last one without
 * numbers. */
void build_threads_add(Probe__Info *info, const struct session *session);
