/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

struct output {
	char *out;
	size_t bytes, room;
	jmp_buf full;
};

/* libiberty's printers have no way to stop them, and would run for hours on a name made for that.
 * They hold no memory but their stack (cp-demangle.c, d_demangle_callback), so leaving by longjmp
 * leaks nothing. */
static void on_text(const char *text, size_t bytes, void *opaque)
{
	struct output *output = opaque;
	if (bytes >= output->room - output->bytes)
		longjmp(output->full, 1);
	memcpy(output->out + output->bytes, text, bytes);
	output->bytes += bytes;
}

static bool is_mangled(const char *name)
{
	return name[0] == '_' && (name[1] == 'Z' || name[1] == 'R' || !strncmp(name, "__Z", 3));
}

static bool print(const char *mangled, struct output *output)
{
	if (setjmp(output->full))
		return false;
	/* Rust first: its older names are valid C++ names with a hash at the end. */
	if (rust_demangle_callback(mangled, DMGL_NO_OPTS, on_text, output))
		return true;
	output->bytes = 0;
	return cplus_demangle_v3_callback(mangled, DMGL_NO_OPTS, on_text, output);
}

size_t demangle(const char *mangled, char *out, size_t room)
{
	struct output output = {.out = out, .room = room};
	if (!room || !is_mangled(mangled) || !print(mangled, &output))
		return 0;
	out[output.bytes] = 0;
	return output.bytes;
}
