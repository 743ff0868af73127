/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/amount.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct step {
	double divisor;
	const char *suffix;
};
static const struct step times[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1, "ns"}};
static const struct step sizes[] = {
	{0x1p40, " TiB"}, {0x1p30, " GiB"}, {0x1p20, " MiB"}, {0x1p10, " KiB"}, {1, " B"}};

/* Nanoseconds in one of a unit of time, 0: not time. pprof knows these names and short forms. */
static double unit_ns(const char *unit)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {{"nanoseconds", 1},   {"microseconds", 1e3}, {"milliseconds", 1e6},
		     {"seconds", 1e9},	   {"nanosecond", 1},	  {"ns", 1},
		     {"us", 1e3},	   {"ms", 1e6},		  {"s", 1e9},
		     {"microsecond", 1e3}, {"millisecond", 1e6},  {"second", 1e9}};
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (!strcmp(units[i].name, unit))
			return units[i].ns;
	return 0;
}

static bool is_bytes(const char *unit)
{
	return !strcmp(unit, "bytes") || !strcmp(unit, "byte") || !strcmp(unit, "b");
}

static struct amount_scale pick(const struct step *steps, size_t n, double size, double one)
{
	size_t i = 0;
	while (i + 1 < n && size < steps[i].divisor)
		i++;
	bool whole = steps[i].divisor <= one;
	return (struct amount_scale){steps[i].divisor / one, whole ? 0 : 2, steps[i].suffix};
}

struct amount_scale amount_scale(const char *unit, int64_t total)
{
	double size = fabs((double)total);
	double ns = unit_ns(unit);
	if (ns > 0)
		return pick(times, sizeof(times) / sizeof(*times), size * ns, ns);
	if (is_bytes(unit))
		return pick(sizes, sizeof(sizes) / sizeof(*sizes), size, 1);
	return (struct amount_scale){1, 0, ""};
}

/* Puts a comma before every third digit of the whole part. */
static void with_commas(char out[AMOUNT_TEXT], const char *digits)
{
	const char *point = strchr(digits, '.');
	size_t whole = point ? (size_t)(point - digits) : strlen(digits);
	size_t to = 0;
	for (size_t i = 0; digits[i] && to + 2 < AMOUNT_TEXT; i++) {
		bool digit = i < whole && digits[i] != '-';
		if (digit && i && digits[i - 1] != '-' && (whole - i) % 3 == 0)
			out[to++] = ',';
		out[to++] = digits[i];
	}
	out[to] = '\0';
}

void amount_text(char out[AMOUNT_TEXT], struct amount_scale scale, int64_t value)
{
	char digits[AMOUNT_TEXT];
	if (scale.divisor == 1) /* not through a double: exact */
		snprintf(digits, sizeof(digits), "%lld", (long long)value);
	else
		snprintf(digits, sizeof(digits), "%.*f", scale.decimals,
			 (double)value / scale.divisor);
	with_commas(out, digits);
	strncat(out, scale.suffix, AMOUNT_TEXT - strlen(out) - 1);
}

void amount_alone(char out[AMOUNT_TEXT], const char *unit, int64_t value)
{
	amount_text(out, amount_scale(unit, value), value);
}

double amount_share(int64_t part, int64_t total)
{
	return total ? 100.0 * (double)part / (double)total : 0;
}

void amount_percent(char out[AMOUNT_TEXT], int64_t part, int64_t total)
{
	snprintf(out, AMOUNT_TEXT, "%.1f%%", amount_share(part, total));
}

const char *amount_json_suffix(const char *unit)
{
	if (is_bytes(unit))
		return "bytes";
	if (!strcmp(unit, "count"))
		return "count";
	return unit_ns(unit) == 1 ? "ns" : "";
}
