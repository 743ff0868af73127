/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a recording's profile: its tally, with stacks as locations of the profile. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct build_result;
struct profile;
struct sampler;
struct session;

/* The column of an event that is not time: "page-faults/count". Before the first row. */
void build_rows_add_type(struct profile *profile, const struct session *session);
/* `located`: the profile's location by the sampler's; `named`: whether that has a name. Fills
 * samples, stacks, whole and named of the result. Returns the object of most without a name, 0:
 * none that is a file. */
uint32_t build_rows(struct profile *profile, const struct sampler *sampler,
		    const struct session *session, const uint32_t *located, const bool *named,
		    struct build_result *result);
