/* SPDX-License-Identifier: Apache-2.0 */
/* The private message of a recording's profile (common/info.proto) and its comments for people. */
#pragma once

struct Probe__Info;
struct build_result;
struct profile;
struct sampler;
struct session;

struct Probe__Info *build_info_new(void);
/* For people: `path` could not be read, and why. */
void build_info_add_note(struct Probe__Info *info, const char *path, int code, const char *note);
/* Fills info and comments; result's samples, whole and named are known, lost is set here. */
void build_info(struct profile *profile, const struct sampler *sampler,
		const struct session *session, struct build_result *result);
