/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's status as Prometheus' text format, version 0.0.4, for node_exporter's textfile
 * collector. The names are for good: whoever draws them relies on them. */
#pragma once

#include <stdio.h>
#include "common/protocol.pb-c.h"

void status_prometheus(const Probe__Status *status, FILE *file);
