/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's life: answers the requests of common/worker.h one after the other, until the engine
 * closes the socket. A request that takes longer than its limits ends the process (SIGPROF,
 * SIGALRM): that costs the engine one object. */
#pragma once

/* Borrows the socket. 0 at the end of the stream; -EPROTO: not our engine; or the socket's error.
 */
int service_run(int socket);
