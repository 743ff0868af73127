/* SPDX-License-Identifier: Apache-2.0 */
/* A whole profile as JSON, for programs without a pprof reader:
 *
 *	{"profile": {…}, "sample_types": [{"type", "unit"}], "frames": [{"function", "module",
 *	 "source", "line", "inlined", "kernel"}], "rows": [{"values": […], "labels": {…},
 *	 "stack": [numbers of frames, leaf first]}]}
 */
#pragma once

#include <stdio.h>

struct profile;

void export_json_write(FILE *out, const struct profile *profile, const char *name);
