/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/noise.h"
#include "tests/unit.h"

#include <math.h>
#include <stdint.h>

/* Quantiles from tables. */
static void knows_the_distributions(void)
{
	CU_ASSERT_DOUBLE_EQUAL(noise_normal(0.025), 1.95996, 1e-4);
	CU_ASSERT_DOUBLE_EQUAL(noise_normal(1e-6), 4.75342, 1e-4);
	CU_ASSERT_DOUBLE_EQUAL(noise_t(0.025, 1), 12.7062, 1e-3);
	CU_ASSERT_DOUBLE_EQUAL(noise_t(0.025, 2), 4.30265, 1e-3);
	CU_ASSERT_DOUBLE_EQUAL(noise_t(0.005, 3), 5.84091, 0.01);
	CU_ASSERT_DOUBLE_EQUAL(noise_t(0.0005, 4), 8.61030, 0.02);
	CU_ASSERT_DOUBLE_EQUAL(noise_t(0.25, 3), 0.764892, 1e-4);
	CU_ASSERT_DOUBLE_EQUAL(noise_t(0.1, 3), 1.637744, 1e-3);
	CU_ASSERT_DOUBLE_EQUAL(noise_t(0.25, 4), 0.740697, 1e-4);
	CU_ASSERT_DOUBLE_EQUAL(noise_t(0.025, 8), 2.30600, 1e-3);
	CU_ASSERT_DOUBLE_EQUAL(noise_t(0.0005, 10), 4.58689, 1e-3);
	CU_ASSERT_DOUBLE_EQUAL(noise_t(0.025, 1e6), 1.95996, 1e-3);
}

static uint64_t state = 1;

static double uniform(void)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (double)(state >> 11) / 9007199254740992.0;
}

static double normal(void)
{
	return sqrt(-2 * log(1 - uniform())) * cos(2 * M_PI * uniform());
}

/* Variances of 8 degrees of freedom around `typical`, each function's own within e^±spread. */
static void make(double *dispersions, size_t n, double typical, double spread)
{
	for (size_t i = 0; i < n; i++) {
		double sum = 0, own = typical * exp(spread * normal());
		for (int j = 0; j < 8; j++) {
			double x = normal();
			sum += x * x * own / 8;
		}
		dispersions[i] = sum;
	}
}

static void finds_what_is_common(void)
{
	double dispersions[400];
	state = 1;
	make(dispersions, 400, 2, 0);
	struct noise_prior alike = noise_prior(dispersions, 400, 8);
	CU_ASSERT_DOUBLE_EQUAL(alike.typical, 2, 0.2);
	CU_ASSERT(alike.degrees > 50);
	make(dispersions, 400, 2, 1);
	struct noise_prior unlike = noise_prior(dispersions, 400, 8);
	CU_ASSERT(unlike.degrees > 0.5 && unlike.degrees < 8);
	CU_ASSERT(noise_moderated(&unlike, 100, 8) > 40);
	CU_ASSERT(noise_moderated(&alike, 100, 8) < 20);
}

static void knows_nothing_of_little(void)
{
	const double two[] = {1, 2};
	struct noise_prior none = noise_prior(two, 2, 8);
	CU_ASSERT_EQUAL(none.degrees, 0);
	CU_ASSERT_EQUAL(noise_moderated(&none, 3, 8), 3);
	CU_ASSERT_EQUAL(noise_moderated(&none, 3, 0), 1);
	const double zeros[] = {0, 0, 0, 0};
	struct noise_prior equal = noise_prior(zeros, 4, 4);
	CU_ASSERT(isfinite(equal.typical) && isfinite(equal.degrees));
}

SUITE(noise, {"knows the distributions", knows_the_distributions},
      {"finds what is common", finds_what_is_common},
      {"knows nothing of little", knows_nothing_of_little});
