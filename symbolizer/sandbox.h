/* SPDX-License-Identifier: Apache-2.0 */
/* The walls around a process that parses a target's bytes: it can talk on the sockets it has, read
 * the files it was given, and use memory and time within limits; no call opens, creates, connects,
 * executes or signals anything (seccomp; Landlock where the kernel has it). */
#pragma once

/* For good. 0, or negative errno: then nothing of a target may be parsed. Calls that are not
 * allowed fail with EPERM. In a build with sanitizers memory is not limited, and writing reports to
 * stderr is allowed. */
int sandbox_enter(void);
