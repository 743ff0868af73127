/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor_hint.h"

#include <string.h>

#include "common/protocol.pb-c.h"
#include "tests/unit.h"

/* A module with a build ID and one source of names. */
static Probe__Examine__Module module_of(const char *path, char **source)
{
	static uint8_t id[20];
	Probe__Examine__Module module = PROBE__EXAMINE__MODULE__INIT;
	module.path = (char *)path;
	module.has_build_id = 1;
	module.build_id.data = id;
	module.build_id.len = sizeof(id);
	module.n_source = 1;
	module.source = source;
	return module;
}

static void names(const char *path, const char *source, const char *package, const char *part)
{
	char hint[DOCTOR_HINT_BYTES] = "", *sources[] = {(char *)source};
	const Probe__Examine__Module module = module_of(path, sources);
	CU_ASSERT_EQUAL(doctor_hint_names(&module, package, hint), part != NULL);
	CU_ASSERT(!part || strstr(hint, part));
}

static void packages(void)
{
	names("/usr/lib/x86_64-linux-gnu/libc.so.6", ".dynsym", "libc6", " libc6-dbg ");
	names("/usr/lib/x86_64-linux-gnu/libc.so.6", ".dynsym", NULL, " libc6-dbg ");
	names("/usr/lib/x86_64-linux-gnu/libc.so.6", "debug file", "libc6", NULL);
	names("/usr/bin/python3.11", ".dynsym", "python3.11-minimal", " python3.11-dbg ");
	names("/usr/local/bin/python3.11", ".dynsym", "", "no package has");
	names("/opt/own", ".symtab", "", NULL);
	names("/usr/bin/xz", ".dynsym", NULL, "dpkg -S /usr/bin/xz");
	names("/usr/bin/xz", ".dynsym", "xz-utils", "install xz-utils-dbgsym,");
	names("[vdso]", ".dynsym", NULL, NULL);
}

static void interprets(const char *path, const char *part)
{
	char hint[DOCTOR_HINT_BYTES] = "", *sources[] = {".dynsym"};
	const Probe__Examine__Module module = module_of(path, sources);
	CU_ASSERT_EQUAL(doctor_hint_interpreter(&module, hint), part != NULL);
	CU_ASSERT(!part || strstr(hint, part));
}

static void interpreters(void)
{
	interprets("/usr/bin/node", "--perf-basic-prof");
	interprets("/usr/bin/python3.12", "start it as `python3 -X perf`");
	interprets("/usr/lib/libpython3.13.so.1.0", "start it as `python3 -X perf`");
	interprets("/usr/bin/python3.11", "from 3.12 on");
	interprets("/usr/lib/libruby-3.1.so.3.1", "--yjit-perf");
	interprets("/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so", "Compiler.perfmap");
	interprets("/usr/bin/python3.", NULL);
	interprets("/usr/bin/python3.9-config", NULL);
	interprets("/usr/bin/redis-server", NULL);
	interprets("", NULL);
}

SUITE(doctor_hint, {"packages with names", packages}, {"options of interpreters", interpreters});
