/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor_hint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/path.h"
#include "common/protocol.pb-c.h"

static const char *base_of(const struct Probe__Examine__Module *module)
{
	return path_base(module->path ? module->path : "");
}

static bool has_source(const struct Probe__Examine__Module *module, const char *name)
{
	for (size_t i = 0; i < module->n_source; i++)
		if (!strcmp(module->source[i], name))
			return true;
	return false;
}

/* "python3.12" → 12; -1: no Python 3 with a version. */
static int python_minor(const char *name)
{
	bool is_library = path_has_prefix(name, "libpython3.");
	if (!is_library && !path_has_prefix(name, "python3."))
		return -1;
	char *end;
	long minor = strtol(strchr(name, '.') + 1, &end, 10);
	return minor > 0 && minor < 1000 && (*end == '\0' || is_library) ? (int)minor : -1;
}

static bool is_of_libc(const char *name)
{
	static const char *const files[] = {
		"libc.so.6",	  "libm.so.6",	"ld-linux-x86-64.so.2", "libpthread.so.0",
		"libresolv.so.2", "libdl.so.2", "librt.so.1",		"libnss_files.so.2",
	};
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (!strcmp(name, files[i]))
			return true;
	return false;
}

/* What has a file, but neither its full symbols nor a debug file. */
static bool lacks_names(const struct Probe__Examine__Module *module)
{
	return *base_of(module) != '[' && module->build_id.len &&
	       !has_source(module, "debug file") && !has_source(module, ".symtab");
}

void doctor_hint_file(const char *path, const char *package, char hint[DOCTOR_HINT_BYTES])
{
	const char *name = path_base(path);
	if (package && !*package)
		snprintf(hint, DOCTOR_HINT_BYTES,
			 "for names: no package has this file: build it with -g and do not strip "
			 "it, or name its debug file to `probe symbolize`");
	else if (is_of_libc(name))
		snprintf(hint, DOCTOR_HINT_BYTES, "for names: install libc6-dbg (Debian, Ubuntu)");
	else if (python_minor(name) >= 0)
		snprintf(hint, DOCTOR_HINT_BYTES, "for names: install python3.%d-dbg (Debian)",
			 python_minor(name));
	else if (package)
		snprintf(hint, DOCTOR_HINT_BYTES,
			 "for names: install %.100s-dbgsym, if its archive has one (Debian's: "
			 "deb http://deb.debian.org/debian-debug RELEASE-debug main)",
			 package);
	else
		snprintf(hint, DOCTOR_HINT_BYTES,
			 "for names: install the -dbgsym of its package (Debian: dpkg -S %.120s)",
			 path);
}

bool doctor_hint_names(const struct Probe__Examine__Module *module, const char *package,
		       char hint[DOCTOR_HINT_BYTES])
{
	if (!lacks_names(module))
		return false;
	doctor_hint_file(module->path, package, hint);
	return true;
}

bool doctor_hint_interpreter(const struct Probe__Examine__Module *module,
			     char hint[DOCTOR_HINT_BYTES])
{
	const char *name = base_of(module), *words = NULL;
	int minor = python_minor(name);
	if (!strcmp(name, "node") || !strcmp(name, "nodejs"))
		words = "start it as `node --perf-basic-prof`, and its JavaScript has names";
	else if (minor >= 12)
		words = "start it as `python3 -X perf`, and its Python functions have names";
	else if (minor >= 0)
		words = "Python's own frames are not shown; from 3.12 on `python3 -X perf` names "
			"them";
	else if (path_has_prefix(name, "ruby") || path_has_prefix(name, "libruby"))
		words = "start it as `ruby --yjit --yjit-perf`, and its compiled code has names";
	else if (!strcmp(name, "libjvm.so"))
		words = "start it as `java -XX:+PreserveFramePointer`, and stacks with Java in "
			"them are whole; `jcmd PID Compiler.perfmap` gives its methods names";
	if (words)
		snprintf(hint, DOCTOR_HINT_BYTES, "%s", words);
	return words != NULL;
}
