/* SPDX-License-Identifier: Apache-2.0 */
/* How far two measurements may differ by chance. Pure arithmetic; no input is refused. */
#pragma once

#include <stddef.h>

/* x such that a standard normal exceeds it with chance `tail` (0 < tail < 0.5). */
double noise_normal(double tail);
/* The same of Student's t with so many degrees of freedom; below 1 counts as 1.
 * G. W. Hill, Algorithm 396, Comm. ACM 13 (1970). */
double noise_t(double tail, double degrees);

/* Dispersions (measured variance ÷ that of pure sampling) of many functions, each measured with the
 * same few degrees of freedom, scatter widely by chance alone. What they have in common is a prior:
 * `typical`, worth `degrees` degrees of freedom, by the moments of their logarithms
 * (G. K. Smyth, Statistical Applications in Genetics and Molecular Biology 3 (2004), §6.2). */
struct noise_prior {
	double typical, degrees;
};
struct noise_prior noise_prior(const double *dispersions, size_t n, double degrees);
/* One function's dispersion, drawn towards the prior; it has prior->degrees + degrees. */
double noise_moderated(const struct noise_prior *prior, double dispersion, double degrees);
