/* SPDX-License-Identifier: Apache-2.0 */
/* `probe doctor -p PID`: the modules of a process as a table or JSON: what is there for whole
 * stacks and names, how many walks ended in each and why, and what would help. */
#pragma once

#include <stdbool.h>

struct doctor_process;

/* `process` has run (doctor_process.h). */
void doctor_modules_print(const struct doctor_process *process, bool as_json);
