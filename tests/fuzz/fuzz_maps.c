/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as /proc/PID/maps, whose paths a target chooses: every line makes sense, and is found
 * by its addresses where they ascend. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/maps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct maps maps = {0};
	maps_parse((const char *)data, bytes, &maps);
	bool ascend = true;
	for (uint32_t i = 0; i < maps.n; i++) {
		if (maps.at[i].start >= maps.at[i].end || !maps.at[i].path ||
		    strlen(maps.at[i].path) > bytes)
			abort();
		ascend &= !i || maps.at[i].start >= maps.at[i - 1].end;
	}
	for (uint32_t i = 0; i < maps.n; i++) {
		const struct maps_line *found = maps_find(&maps, maps.at[i].start);
		if (ascend && found != &maps.at[i])
			abort();
		if (maps_first(&maps, maps.at[i].end) > maps.n)
			abort();
	}
	maps_deinit(&maps);
	return 0;
}
