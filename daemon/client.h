/* SPDX-License-Identifier: Apache-2.0 */
/* One connected client, from its Hello to the last byte of its profile (common/protocol.proto). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct client;
struct engine;
struct session;

/* Takes the socket. NULL: the loop takes no more sources. */
struct client *client_new(struct engine *engine, int socket_take);
void client_free(struct client *client);
/* Every 100 ms, after the ring was drained. */
void client_tick(struct client *client);
/* Tells it that recording is over because of `msg` (the broker is gone), and closes. */
void client_fail(struct client *client, const char *msg);
/* As its own Stop would; one that does not record is let go. */
void client_stop(struct client *client);
/* It has gone, or has all it came for. */
bool client_is_over(const struct client *client);
/* Since when it has not said what it wants; UINT64_MAX: it has. */
uint64_t client_undecided_ns(const struct client *client);
/* Its recording, borrowed, or NULL. */
const struct session *client_session(const struct client *client);
/* Who connected, for people to see; 0 where it is not known. */
void client_peer(const struct client *client, uint32_t *pid, uint32_t *uid);
