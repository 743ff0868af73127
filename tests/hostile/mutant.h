/* SPDX-License-Identifier: Apache-2.0 */
/* Real programs with a few bytes changed where readers look: the same for the same number. */
#pragma once

#include <stdint.h>

#include "tests/bytes.h"

struct mutants;

/* From all ELF programs of /usr/bin up to 2 MiB, and this one, which has debugging information and
 * is taken every fourth time. */
struct mutants *mutant_sources(void);
void mutant_sources_free(struct mutants *mutants);
/* free() its bytes. *path: of the original, borrowed. */
struct bytes mutant_make(const struct mutants *mutants, uint64_t number, const char **path);
