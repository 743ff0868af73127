/* SPDX-License-Identifier: Apache-2.0 */
/* A recorded profile into an open file, in any of the formats of export_formats.h. */
#pragma once

#include <stdint.h>

struct err;
struct export_format;
struct output_profile;

/* `format` NULL: pprof, which is passed through as a stream; the others are made from the whole.
 * `name`: the file's, for people. *bytes: what was written. -EBADMSG: the profile is damaged; other
 * negative errno: what write() or the format (with words) said. */
int output_write(const struct export_format *format, const struct output_profile *profile,
		 const char *name, int fd, uint64_t *bytes, struct err *err);
