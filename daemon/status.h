/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon tells of itself (`probe status`) and of the machine's processes (`probe list`).
 */
#pragma once

struct engine;
struct wire;

/* Queue the answer; as message_send(). */
int status_send(const struct engine *engine, struct wire *wire);
int status_send_list(const struct engine *engine, struct wire *wire);
