/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/kernel_names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

static const uint64_t AGE_NS = KERNEL_NAMES_AGE_S * 1000000000ull;

struct kernel_names {
	int fd;
	uint64_t stext;
	uint64_t read_ns; /* or last tried to */
	struct kallsyms *kallsyms;
};

int kernel_names_open(int fd_take, uint64_t stext, uint64_t now_ns, struct kernel_names **out,
		      struct err *err)
{
	guard_fd int fd = fd_take;
	guard_kernel_names struct kernel_names *names = calloc(1, sizeof(*names));
	if (!names)
		return -ENOMEM;
	names->fd = steal_fd(fd);
	names->stext = stext;
	names->read_ns = now_ns;
	int code = kallsyms_new(names->fd, &names->kallsyms, err);
	if (code)
		return code;
	*out = steal_ptr(names);
	return 0;
}

void kernel_names_close(struct kernel_names *names)
{
	if (!names)
		return;
	close(names->fd);
	kallsyms_free(names->kallsyms);
	free(names);
}

uint32_t kernel_names_n(const struct kernel_names *names)
{
	return kallsyms_n(names->kallsyms);
}

/* Whether there is another reading. */
static bool read_again(struct kernel_names *names, uint64_t now_ns)
{
	struct kallsyms *kallsyms = NULL;
	if (now_ns - names->read_ns < AGE_NS)
		return false;
	names->read_ns = now_ns;
	if (lseek(names->fd, 0, SEEK_SET) || kallsyms_new(names->fd, &kallsyms, NULL))
		return false;
	kallsyms_free(names->kallsyms);
	names->kallsyms = kallsyms;
	return true;
}

int kernel_names_find(struct kernel_names *names, uint64_t offset, uint64_t now_ns,
		      struct kallsyms_name *found)
{
	uint64_t address = names->stext + offset;
	struct kallsyms_name there = {"", ""};
	int code = kallsyms_find(names->kallsyms, address, &there);
	if ((code || *there.module) && read_again(names, now_ns))
		code = kallsyms_find(names->kallsyms, address, &there);
	if (!code)
		*found = there;
	return code;
}
