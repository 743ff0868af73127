/* SPDX-License-Identifier: Apache-2.0 */
/* The engine: the process that holds sessions, aggregates samples, builds profiles and talks to
 * clients. Its own uid, no capabilities; everything privileged is asked from the broker. */
#pragma once

/* Runs as the process: serves the one client on `client_socket` (both sockets are taken), until it
 * is done or gone, or the broker is. Returns the exit status. */
int engine_run(int client_socket, int broker_socket);
