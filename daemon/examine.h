/* SPDX-License-Identifier: Apache-2.0 */
/* Answers Examine (protocol.proto): the files with code that a recorded process maps, with their
 * unwind tables and sources of names. Debug files are opened, as for a recording's names. */
#pragma once

#include <stdint.h>

struct Probe__Examine;
struct examine;
struct sampler;
struct symbolizer;

/* `pid` is a target that is sampled. `on_done` is called once, from the loop or from within, and
 * not after examine_free(); the answer is borrowed. */
struct examine *examine_new(struct symbolizer *symbolizer, const struct sampler *sampler,
			    uint32_t pid,
			    void (*on_done)(void *context, struct Probe__Examine *answer),
			    void *context);
/* Also from within on_done, but not while examine_new() runs. NULL is fine. */
void examine_free(struct examine *examine);
