/* SPDX-License-Identifier: Apache-2.0 */
#include "common/duration.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define SECOND_NS 1000000000ull
#define LONGEST_NS (3653ull * 24 * 3600 * SECOND_NS) /* ten years */

/* Descending: 1h30m is a duration, 30m1h is not. */
static const struct unit {
	const char *name;
	uint64_t ns;
} units[] = {
	{"d", 24 * 3600 * SECOND_NS},
	{"h", 3600 * SECOND_NS},
	{"m", 60 * SECOND_NS},
	{"s", SECOND_NS},
	{"ms", 1000000},
	{"us", 1000},
	{"ns", 1},
};
enum {
	UNITS = sizeof(units) / sizeof(*units),
	SECONDS = 3
};

/* The number at *text as whole and billionths; false: there is none. Saturates. */
static bool number(const char **text, uint64_t *whole, uint64_t *billionths)
{
	const char *at = *text;
	bool any = false;
	*whole = *billionths = 0;
	for (; isdigit((unsigned char)*at); at++, any = true)
		if (*whole <= LONGEST_NS)
			*whole = *whole * 10 + (uint64_t)(*at - '0');
	if (*at == '.') {
		uint64_t place = SECOND_NS / 10;
		for (at++; isdigit((unsigned char)*at); at++, any = true, place /= 10)
			*billionths += place * (uint64_t)(*at - '0');
	}
	*text = at;
	return any;
}

/* Index of the unit at *text, from `first` on; UNITS: none. */
static unsigned unit_at(const char **text, unsigned first)
{
	size_t letters = strspn(*text, "abcdefghijklmnopqrstuvwxyz");
	for (unsigned i = first; i < UNITS; i++) {
		if (strlen(units[i].name) != letters || strncmp(*text, units[i].name, letters))
			continue;
		*text += letters;
		return i;
	}
	return UNITS;
}

int duration_parse(const char *text, bool unit_needed, uint64_t *ns)
{
	bool negative = *text == '-', too_long = false;
	unsigned next_unit = 0;
	uint64_t sum = 0;
	const char *at = text + negative;
	do {
		uint64_t whole, billionths;
		if (!number(&at, &whole, &billionths))
			return -EINVAL;
		bool bare = !*at && !next_unit && !unit_needed;
		unsigned unit = bare ? SECONDS : unit_at(&at, next_unit);
		if (unit == UNITS)
			return -EINVAL;
		next_unit = unit + 1;
		uint64_t one = units[unit].ns;
		too_long |= whole > LONGEST_NS / one;
		/* billionths * one may exceed 64 bits: a day has 86 thousand billion ns. */
		sum += too_long ? 0
				: whole * one +
					  (uint64_t)((__uint128_t)billionths * one / SECOND_NS);
	} while (*at);
	if (negative || too_long || !sum || sum > LONGEST_NS)
		return -ERANGE;
	*ns = sum;
	return 0;
}
