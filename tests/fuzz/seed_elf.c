/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled several ways, this gives the seeds of fuzz_elf: a small file with symbols, unwind and
 * debugging information, an inline chain. It is never run. */
int add(int n);

static inline int square(int x)
{
	return x * x + 3;
}

static inline int twice(int x)
{
	return square(x) + square(x + 1);
}

int add(int n)
{
	int sum = 0;
	for (int i = 0; i < n; i++)
		sum += twice(i);
	return sum;
}

int main(void)
{
	return add(3);
}
