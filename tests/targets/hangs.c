/* SPDX-License-Identifier: Apache-2.0 */
/* A process that keeps whoever looks at it waiting, by a file system of its own (FUSE) that does
 * not answer: how another's file system can reach the locks of the process itself.
 *
 *	hangs UID maps	holds its mappings' lock: puts others in place of a changed part of such a
 *			file, which is written back first
 *	hangs UID exec	holds the lock of its exec: closes such a file in it
 *
 * It runs as UID, spins in a thread of its own, holds the lock when a byte comes on standard input,
 * and lets go at the end of that. Says "ready" when it spins; "none" where it may not mount.
 */
#include "tests/targets/busy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BYTES = 1 << 16,
	FILE_INODE = 2,
};

static void reply(int device, uint64_t unique, int error, const void *data, size_t bytes)
{
	static char whole[sizeof(struct fuse_out_header) + BYTES];
	struct fuse_out_header header = {sizeof(header) + bytes, -error, unique};
	memcpy(whole, &header, sizeof(header));
	memcpy(whole + sizeof(header), data, bytes);
	(void)!write(device, whole, sizeof(header) + bytes);
}

static struct fuse_attr attributes(uint64_t inode)
{
	return (struct fuse_attr){.ino = inode,
				  .size = inode == FILE_INODE ? BYTES : 0,
				  .mode = inode == FILE_INODE ? S_IFREG | 0666 : S_IFDIR | 0777,
				  .nlink = 1};
}

/* What writes back or closes is never answered. */
static void serve(int device, const struct fuse_in_header *in)
{
	struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096};
	struct fuse_entry_out entry = {
		.nodeid = FILE_INODE, .attr_valid = 60, .entry_valid = 60, .attr = attributes(2)};
	struct fuse_attr_out attr = {.attr_valid = 60, .attr = attributes(in->nodeid)};
	struct fuse_open_out opened = {.fh = 1};
	static const char zeros[BYTES];
	switch (in->opcode) {
	case FUSE_INIT:
		reply(device, in->unique, 0, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		reply(device, in->unique, 0, &entry, sizeof(entry));
		break;
	case FUSE_GETATTR:
		reply(device, in->unique, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
		reply(device, in->unique, 0, &opened, sizeof(opened));
		break;
	case FUSE_READ:
		reply(device, in->unique, 0, zeros, ((const struct fuse_read_in *)(in + 1))->size);
		break;
	case FUSE_WRITE:
	case FUSE_FLUSH:
	case FUSE_FSYNC:
		break;
	default:
		reply(device, in->unique, ENOSYS, NULL, 0);
	}
}

/* Until the end of standard input, or of the file system. */
static _Noreturn void be_server(int device)
{
	static char request[BYTES + 4096] __attribute__((aligned(8)));
	struct pollfd fds[2] = {{.fd = device, .events = POLLIN}, {.fd = STDIN_FILENO}};
	while (poll(fds, 2, -1) > 0 && !fds[1].revents)
		if (read(device, request, sizeof(request)) > 0)
			serve(device, (const struct fuse_in_header *)request);
	_exit(0);
}

static bool set(int context, const char *key, const char *value)
{
	return !fsconfig(context, FSCONFIG_SET_STRING, key, value, 0);
}

/* A file system of its own, which lies nowhere: also below a changed root. Its fd, or -1. */
static int mount_own(int device)
{
	char number[16];
	int context = fsopen("fuse", FSOPEN_CLOEXEC);
	snprintf(number, sizeof(number), "%d", device);
	if (context < 0 || !set(context, "fd", number) || !set(context, "rootmode", "40000") ||
	    !set(context, "user_id", "0") || !set(context, "group_id", "0") ||
	    fsconfig(context, FSCONFIG_SET_FLAG, "allow_other", NULL, 0) ||
	    fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -1;
	return fsmount(context, FSMOUNT_CLOEXEC, 0);
}

static void become(uid_t uid)
{
	if (uid && (setresgid(uid, uid, uid) || setresuid(uid, uid, uid)))
		_exit(1);
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static void *spin(void *arg)
{
	for (;;)
		BUSY_SPIN();
	return arg;
}

static void hold_maps(int file)
{
	char *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	memory[0] = 1;
	mmap(memory, BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

int main(int argc, char **argv)
{
	char byte;
	pthread_t thread;
	if (argc != 3)
		return 2;
	int device = open("/dev/fuse", O_RDWR | O_CLOEXEC), root = mount_own(device);
	if (root < 0) {
		puts("none");
		return 0;
	}
	pid_t server = fork();
	if (server == 0)
		be_server(device);
	close(device);
	int file = openat(root, "file", O_RDWR | O_CLOEXEC);
	close(root);
	become((uid_t)strtoul(argv[1], NULL, 10));
	if (file < 0 || pthread_create(&thread, NULL, spin, NULL))
		return 1;
	puts("ready");
	fflush(stdout);
	if (read(STDIN_FILENO, &byte, 1) != 1)
		return 0;
	if (!strcmp(argv[2], "maps"))
		hold_maps(file);
	else
		execl("/bin/sleep", "sleep", "0", NULL);
	return 0;
}
