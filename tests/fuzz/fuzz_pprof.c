/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a stored profile. What is read must survive being written and read again, and being
 * merged into an empty profile: to the byte, since numbers follow the order in the file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/guard.h"
#include "common/pprof.h"
#include "common/profile.h"

GUARD_DEFINE(profile, struct profile *, profile_free)
#define guard_profile guard(guard_profile)

struct written {
	uint8_t *at;
	size_t n, room;
};

static void written_deinit(struct written *written)
{
	free(written->at);
}

static int append(void *context, const void *data, size_t bytes)
{
	struct written *written = context;
	if (written->n + bytes > written->room) {
		written->room = 2 * (written->n + bytes);
		written->at = realloc(written->at, written->room);
		if (!written->at)
			abort();
	}
	memcpy(written->at + written->n, data, bytes);
	written->n += bytes;
	return 0;
}

static struct written write_out(const struct profile *profile)
{
	struct written written = {0};
	if (pprof_write(profile, append, &written))
		abort();
	return written;
}

static void require_same(const struct profile *profile, const struct written *expected)
{
	struct written written guard(written_deinit) = write_out(profile);
	if (written.n != expected->n || memcmp(written.at, expected->at, written.n))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct profile *profile guard_profile = NULL;
	struct profile *back guard_profile = NULL;
	struct profile *merged guard_profile = profile_new();
	struct err err = {0};
	int code = pprof_read_bytes(data, bytes, "fuzz", &profile, &err);
	if (!code != !err_is_set(&err))
		abort();
	if (code)
		return 0;
	struct written written guard(written_deinit) = write_out(profile);
	if (pprof_read_bytes(written.at, written.n, "again", &back, NULL))
		abort();
	require_same(back, &written);
	if (profile_merge(merged, profile, NULL))
		abort();
	require_same(merged, &written);
	if (profile_merge(merged, profile, NULL) || merged->rows.n != profile->rows.n)
		abort();
	return 0;
}
