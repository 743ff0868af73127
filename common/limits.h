/* SPDX-License-Identifier: Apache-2.0 */
/* Every limit on what comes from outside, with its reason. */
#pragma once

/* Bytes of one name (symbol, path, comm) in a profile of ours: longer ones are cut, which no
 * person reads to the end anyway; template names of 4 KiB exist. */
#define LIMIT_NAME_BYTES 4096
/* One frame of the client protocol: a profile chunk fits. */
#define LIMIT_WIRE_BYTES (1 << 20)
/* One that the daemon takes: a thousand targets and more labels than anybody reads. Others wait
 * while it is unpacked. */
#define LIMIT_REQUEST_BYTES (64 << 10)
/* What a frame may unpack to, in frames of the most bytes: so many small pieces would cost time. */
#define LIMIT_UNPACKED_FRAMES 4
/* One packet between broker, engine and workers (SOCK_SEQPACKET). */
#define LIMIT_PACKET_BYTES (64 << 10)
/* File descriptors in one packet; the kernel's own limit is 253 (SCM_MAX_FD). */
#define LIMIT_PACKET_FDS 128
/* Targets named in one request. */
#define LIMIT_TARGETS 1024
/* Bytes of a profile that is read, unpacked: a gzip bomb ends here. Ten million rows fit. */
#define LIMIT_PROFILE_BYTES (1ull << 30)
/* Sample types of a profile that is read; ours have 6, Go's heap profiles 4. */
#define LIMIT_PROFILE_TYPES 64
/* Frames of one stack in a profile that is read, and other numbers in one list there. Other
 * profilers keep at most some thousand. */
#define LIMIT_PROFILE_FRAMES (64 << 10)
/* Labels of one sample in a profile that is read. */
#define LIMIT_PROFILE_LABELS 1024
/* Comments of a profile that are kept: they are for people, and are compared one by one. */
#define LIMIT_PROFILE_COMMENTS 256
/* The info message of a profile: 100,000 threads fit. */
#define LIMIT_INFO_BYTES (8 << 20)
/* Text of /proc/PID/maps: the kernel's 65,530 mappings with long names of files. */
#define LIMIT_MAPS_BYTES (64 << 20)
/* Clients of the daemon at once; one more is refused with a line. Together with the bytes below
 * this bounds what clients can make the engine hold to 272 MiB, and to 4 MiB while they behave. */
#define LIMIT_CLIENTS 256
/* Of these, of one user who is not root. */
#define LIMIT_CLIENTS_PER_UID 64
/* Bytes queued for one client that reads slowly. */
#define LIMIT_CLIENT_QUEUE_BYTES (1 << 20)
/* Seconds until a client has said Hello and what it wants; a person does not wait that long. */
#define LIMIT_HANDSHAKE_SECONDS 5
/* Seconds without a byte taken by a client for which bytes are waiting. */
#define LIMIT_STALL_SECONDS 30
