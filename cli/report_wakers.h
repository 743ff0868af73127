/* SPDX-License-Identifier: Apache-2.0 */
/* --wakers: for each function that waited, who ended its waits, by thread and stack. A lock that is
 * fought for shows its holders. */
#pragma once

#include <stdio.h>

struct err;
struct jsontext;
struct profile;
struct report_view;

/* -ENODATA with words: the profile does not tell of wakers. */
int report_wakers_check(const struct profile *profile, struct err *err);
void report_wakers_print(FILE *out, const struct report_view *view);
/* Member "rows": […] of an open object. */
void report_wakers_json(struct jsontext *json, const struct report_view *view);
