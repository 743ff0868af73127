/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/noise.h"

#include <math.h>

/* As good as known. */
#define DEGREES_MAX 1e6
/* Equal runs have a dispersion of 0, whose logarithm would outweigh all others. */
#define DISPERSION_MIN 1e-3

double noise_normal(double tail)
{
	double low = 0, high = 40;
	for (int i = 0; i < 100; i++) {
		double middle = (low + high) / 2;
		if (0.5 * erfc(middle / sqrt(2)) > tail)
			low = middle;
		else
			high = middle;
	}
	return low;
}

double noise_t(double tail, double n)
{
	const double p = 2 * tail;
	if (n < 2)
		return 1 / tan(p * M_PI / 2);
	if (n < 2.0001)
		return sqrt(2 / (p * (2 - p)) - 2);
	double a = 1 / (n - 0.5);
	double b = 48 / (a * a);
	double c = ((20700 * a / b - 98) * a - 16) * a + 96.36;
	double d = ((94.5 / (b + c) - 3) / b + 1) * sqrt(a * M_PI / 2) * n;
	double y = pow(d * p, 2 / n);
	if (y > 0.05 + a) {
		double x = -noise_normal(tail);
		y = x * x;
		if (n < 5)
			c += 0.3 * (n - 4.5) * (x + 0.6);
		c += (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b;
		y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x;
		y = expm1(a * y * y);
	} else {
		y = ((1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3) + 0.5 / (n + 4)) *
			     y -
		     1) * (n + 1) /
			    (n + 2) +
		    1 / y;
	}
	return sqrt(n * y);
}

/* ψ(x), the derivative of log Γ(x): up to x ≥ 6 by recurrence, then its series. */
static double digamma(double x)
{
	double sum = 0;
	for (; x < 6; x++)
		sum -= 1 / x;
	double r = 1 / (x * x);
	return sum + log(x) - 0.5 / x - r * (1.0 / 12 - r * (1.0 / 120 - r / 252));
}

/* ψ'(x) likewise. */
static double trigamma(double x)
{
	double sum = 0;
	for (; x < 6; x++)
		sum += 1 / (x * x);
	double r = 1 / (x * x);
	return sum + 1 / x + r / 2 + r / x * (1.0 / 6 - r * (1.0 / 30 - r / 42));
}

/* x of ψ'(x) = value; ψ' falls. */
static double trigamma_inverse(double value)
{
	double low = 1e-3, high = DEGREES_MAX;
	for (int i = 0; i < 100; i++) {
		double middle = sqrt(low * high);
		if (trigamma(middle) > value)
			low = middle;
		else
			high = middle;
	}
	return low;
}

struct noise_prior noise_prior(const double *dispersions, size_t n, double degrees)
{
	struct noise_prior prior = {.typical = 1, .degrees = 0};
	double mean = 0, variance = 0;
	if (n < 3 || degrees < 1)
		return prior;
	const double bias = digamma(degrees / 2) - log(degrees / 2);
	for (size_t i = 0; i < n; i++)
		mean += (log(fmax(dispersions[i], DISPERSION_MIN)) - bias) / (double)n;
	for (size_t i = 0; i < n; i++) {
		double away = log(fmax(dispersions[i], DISPERSION_MIN)) - bias - mean;
		variance += away * away / (double)(n - 1);
	}
	double own = variance - trigamma(degrees / 2); /* beyond what chance explains */
	prior.degrees = own > 0 ? 2 * trigamma_inverse(own) : DEGREES_MAX;
	prior.typical = exp(mean + digamma(prior.degrees / 2) - log(prior.degrees / 2));
	return prior;
}

double noise_moderated(const struct noise_prior *prior, double dispersion, double degrees)
{
	double all = prior->degrees + degrees;
	return all > 0 ? (prior->degrees * prior->typical + degrees * dispersion) / all : 1;
}
