/* SPDX-License-Identifier: Apache-2.0 */
/* One connected client, from its Hello to the last byte of its profile (common/protocol.proto). */
#pragma once

#include <stdbool.h>

struct client;
struct engine;

/* Takes the socket. NULL: the loop takes no more sources. */
struct client *client_new(struct engine *engine, int socket_take);
void client_free(struct client *client);
/* Every 100 ms, after the ring was drained. */
void client_tick(struct client *client);
/* Tells it that recording is over because of `msg` (the broker is gone), and closes. */
void client_fail(struct client *client, const char *msg);
/* It has gone, or has all it came for. */
bool client_is_over(const struct client *client);
