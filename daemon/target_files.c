/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/target_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/guard.h"
#include "common/packet.h"
#include "common/procfs.h"
#include "daemon/file_systems.h"
#include "daemon/hung.h"

GUARD_DEFINE(packet, struct packet *, packet_free)

enum {
	GOING_MS = 200, /* for a child to end that has done its work */
};

static bool has_ended(int pidfd)
{
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};
	return poll(&ended, 1, 0) != 0;
}

int target_files_pidfd(uint32_t pid, int *pidfd)
{
	if (pid == 0 || pid > INT_MAX)
		return -ESRCH;
	int fd guard_fd = pidfd_open(pid, 0);
	if (fd < 0) /* newer kernels: ENOENT for a thread */
		return errno == ENOENT ? -EINVAL : -errno;
	if (has_ended(fd))
		return -ESRCH;
	*pidfd = steal_fd(fd);
	return 0;
}

int target_files_names(int pidfd, uint32_t pid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	const int64_t named = procfs_value(path, "Pid", 0);
	if (named == -1)
		return -ESRCH;
	if (named <= 0 || named != pid)
		return -EPROTO;
	return has_ended(pidfd) ? -ESRCH : 0;
}

int target_files_process_of(uint32_t tid, uint32_t *pid)
{
	*pid = procfs_tgid(tid);
	return *pid ? 0 : -ESRCH;
}

int target_files_identity(uint32_t pid, struct target_identity *identity)
{
	char path[64], line[256];
	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	FILE *status guard_file = fopen(path, "re");
	if (!status)
		return errno == ENOENT || errno == ESRCH ? -ENOENT : -errno;
	unsigned found = 0;
	while (fgets(line, sizeof(line), status)) {
		/* "Uid:" real, effective, …; "NSpid:" from the outermost namespace inwards */
		if (sscanf(line, "Uid: %*u %u", &identity->uid) == 1)
			found |= 1;
		const char *last = strrchr(line, '\t');
		if (last && !strncmp(line, "NSpid:", 6) && sscanf(last, "%u", &identity->pid) == 1)
			found |= 2;
	}
	return found == 3 ? 0 : -ENOENT;
}

int target_files_maps(uint32_t pid, int *fd)
{
	char path[64], byte;
	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	int maps guard_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (maps >= 0) {
		/* Without memory it reads as empty. */
		*fd = pread(maps, &byte, 1, 0) == 1 ? steal_fd(maps) : -1;
		return 0;
	}
	if (errno != ESRCH && errno != ENOENT)
		return -errno;
	/* Newer kernels do not open it then. */
	snprintf(path, sizeof(path), "/proc/%u", pid);
	if (access(path, F_OK) < 0)
		return -ESRCH;
	*fd = -1;
	return 0;
}

/* Reads a number and the character after it. */
static bool parse_number(const char **at, int base, char after, uint64_t *number)
{
	char *end;
	*number = strtoull(*at, &end, base);
	if (end == *at || *end != after)
		return false;
	*at = end + 1;
	return true;
}

bool target_files_parse(const char *line, struct target_line *parsed)
{
	/* 7f0c00000000-7f0c00021000 r-xp 00001000 fd:01 1234   /path */
	struct target_line l;
	uint64_t offset, major, minor;
	const char *at = line;
	if (!parse_number(&at, 16, '-', &l.start) || !parse_number(&at, 16, ' ', &l.end))
		return false;
	if (strnlen(at, 5) < 5 || at[4] != ' ')
		return false;
	l.executable = at[2] == 'x';
	at += 5;
	if (!parse_number(&at, 16, ' ', &offset) || !parse_number(&at, 16, ':', &major) ||
	    !parse_number(&at, 16, ' ', &minor))
		return false;
	char *end;
	l.inode = strtoull(at, &end, 10);
	if (end == at || (*end != ' ' && *end != '\n'))
		return false;
	l.dev = makedev(major, minor);
	*parsed = l;
	return true;
}

/* What the kernel says now of a mapping. */
static int check_mapping(const struct target_mapping *mapping)
{
	char path[64], line[256];
	snprintf(path, sizeof(path), "/proc/%u/maps", mapping->pid);
	FILE *maps guard_file = fopen(path, "re");
	if (!maps)
		return errno == ESRCH ? -ENOENT : -errno;
	bool at_start = true; /* of a line: long paths come in pieces */
	while (fgets(line, sizeof(line), maps)) {
		struct target_line found;
		bool is_line = at_start && target_files_parse(line, &found);
		at_start = strchr(line, '\n') != NULL;
		if (!is_line || found.start != mapping->start)
			continue;
		if (found.end != mapping->end || !found.inode)
			return -ENOENT;
		if (!found.executable)
			return -EACCES;
		return found.dev == mapping->dev && found.inode == mapping->inode ? 0 : -ESTALE;
	}
	return -ENOENT;
}

/* Whether an opened file is the one that the maps named. btrfs and overlayfs tell another device
 * (and overlayfs another inode) in maps than in stat, both without a major number; there the maps,
 * read again after the opening, decide alone. */
static bool is_same(const struct target_mapping *mapping, const struct stat *stat)
{
	if (mapping->dev == stat->st_dev && mapping->inode == stat->st_ino)
		return true;
	return mapping->dev != stat->st_dev && !major(stat->st_dev);
}

/* In the child: all of these may hang. */
static int open_mapped(const void *what, int *fd)
{
	const struct target_mapping *mapping = what;
	char path[64];
	snprintf(path, sizeof(path), "/proc/%u/map_files/%lx-%lx", mapping->pid, mapping->start,
		 mapping->end);
	/* O_PATH first: opening a device or a FIFO would already do something. */
	int named guard_fd = open(path, O_PATH | O_CLOEXEC);
	if (named < 0)
		return errno == ESRCH ? -ENOENT : errno == EACCES ? -EPERM : -errno;
	struct stat stat;
	if (fstat(named, &stat) < 0) /* FUSE shows it to its user alone */
		return errno == EACCES ? -EOPNOTSUPP : -errno;
	if (!S_ISREG(stat.st_mode))
		return -ENOENT;
	if (!is_same(mapping, &stat))
		return -ESTALE;
	int code = file_systems_judge(named, stat.st_dev, mapping->pid);
	if (code)
		return code;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", named);
	int file guard_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (file < 0)
		return errno == EACCES ? -EPERM : -errno;
	code = check_mapping(mapping);
	if (code)
		return code;
	*fd = steal_fd(file);
	return 0;
}

int target_files_mapped(const struct target_mapping *mapping, int *fd)
{
	return target_files_from_disk(mapping->pid, open_mapped, mapping, fd);
}

/* What a child says of its work. */
struct said {
	int code;
	int64_t waited_ms; /* for files, not for a CPU */
};

/* Of this process since it began, by the kernel's account. */
static int64_t slept_ms(int64_t began_ms)
{
	FILE *file guard_file = fopen("/proc/self/schedstat", "re");
	long long ran_ns, queued_ns;
	if (!file || fscanf(file, "%lld %lld", &ran_ns, &queued_ns) != 2)
		return 0;
	return clock_now_ms() - began_ms - (ran_ns + queued_ns) / 1000000;
}

/* Receives what the child says, and its fd, until the deadline. */
static int await_answer(int socket, int limit_ms, int *fd, int64_t *waited_ms)
{
	struct pollfd answer = {.fd = socket, .events = POLLIN};
	int64_t left, deadline_ms = clock_now_ms() + limit_ms;
	do {
		left = deadline_ms - clock_now_ms();
		if (left < 0)
			left = 0;
	} while (poll(&answer, 1, left) < 0 && errno == EINTR);
	if (!answer.revents) {
		*waited_ms = limit_ms;
		return -ETIMEDOUT;
	}
	struct packet *packet guard(guard_packet) = packet_new();
	if (!packet)
		return -ENOMEM;
	int code = packet_receive(socket, packet);
	if (code)
		return code == -ECONNRESET ? -EIO : code;
	struct said said;
	if (packet->bytes != sizeof(said))
		return -EPROTO;
	memcpy(&said, packet->data, sizeof(said));
	if (said.code >= 0 && packet->n_fds != 1)
		return -EPROTO;
	if (said.code >= 0)
		*fd = packet_take_fd(packet, 0);
	*waited_ms = said.waited_ms;
	return said.code;
}

/* The child may hang where no signal reaches it: it must hold nothing of its parent's, whose
 * programs and sockets would outlive it, and it ends with its parent. */
static void keep_only(int fd, pid_t parent)
{
	if (fd > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, fd - 1, 0);
	close_range(fd + 1, ~0u, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
}

/* Waits a moment for a child that has answered, or was killed; false: it is still there. */
static bool has_left(pid_t child, int pidfd, int limit_ms)
{
	struct pollfd end = {.fd = pidfd, .events = POLLIN};
	bool left = pidfd >= 0 && poll(&end, 1, limit_ms) == 1;
	if (left)
		waitpid(child, NULL, 0); /* for the tests: the broker ignores SIGCHLD */
	return left;
}

struct waiting {
	int64_t ms; /* for files */
	int child;  /* pidfd of the child where it does not go away; else -1 */
};

static int ask_child(int (*open_it)(const void *what, int *fd), const void *what, int limit_ms,
		     int *fd, struct waiting *waiting)
{
	int pair[2];
	int code = packet_pair(pair);
	*waiting = (struct waiting){.child = -1};
	if (code)
		return code;
	int ours guard_fd = pair[0];
	int theirs guard_fd = pair[1];
	int64_t began_ms = clock_now_ms();
	pid_t parent = getpid(), child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		int opened = -1;
		keep_only(theirs, parent);
		struct said said = {.code = open_it(what, &opened)};
		said.waited_ms = slept_ms(began_ms);
		packet_send(theirs, &said, sizeof(said), &opened, said.code < 0 ? 0 : 1);
		_exit(EXIT_SUCCESS);
	}
	/* By its pidfd: where SIGCHLD is ignored, an ended child's number is free again. */
	int end guard_fd = pidfd_open(child, 0);
	close(steal_fd(theirs));
	code = await_answer(ours, limit_ms, fd, &waiting->ms);
	if (end >= 0)
		pidfd_send_signal(end, SIGKILL, NULL, 0);
	/* It closes what it opened: that can hang as well. */
	if (!has_left(child, end, GOING_MS))
		waiting->child = steal_fd(end);
	return code;
}

/* The user namespace that this one was made in, in place of it; 0, or negative: there is none to be
 * seen. */
static int to_parent(int *namespace)
{
	int parent = ioctl(*namespace, NS_GET_PARENT);
	if (parent < 0)
		return -errno;
	close(*namespace);
	*namespace = parent;
	return 0;
}

static bool is_ours(int namespace)
{
	struct stat ours, theirs;
	return !stat("/proc/self/ns/user", &ours) && !fstat(namespace, &theirs) &&
	       ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

int target_files_owner(uint32_t pid, uid_t *owner)
{
	char path[64];
	struct stat process;
	snprintf(path, sizeof(path), "/proc/%u", pid);
	if (stat(path, &process) < 0)
		return -ENOENT;
	*owner = process.st_uid;
	snprintf(path, sizeof(path), "/proc/%u/ns/user", pid);
	int namespace guard_fd = open(path, O_RDONLY | O_CLOEXEC);
	/* They are 32 deep at most. */
	while (namespace >= 0 && !is_ours(namespace) && !ioctl(namespace, NS_GET_OWNER_UID, owner))
		if (to_parent(&namespace))
			break;
	return 0;
}

/* The broker is one process. Who has files that hang may record still. */
static struct hung hung_files, hung_verdicts;

int target_files_in_child(const struct target_charge *charge,
			  int (*open_it)(const void *what, int *fd), const void *what, int *fd)
{
	struct hung *hung = charge->verdict ? &hung_verdicts : &hung_files;
	if (hung_has(hung, charge->owner, charge->pid, clock_now_ms()))
		return -ETIMEDOUT;
	struct waiting waiting;
	int code = ask_child(open_it, what, charge->limit_ms, fd, &waiting);
	hung_add(hung, charge->owner, charge->pid, waiting.ms, waiting.child, clock_now_ms());
	return code;
}

int target_files_from_disk(uint32_t pid, int (*open_it)(const void *what, int *fd),
			   const void *what, int *fd)
{
	struct target_charge charge = {.pid = pid, .limit_ms = TARGET_FILES_LIMIT_MS};
	if (pid && target_files_owner(pid, &charge.owner))
		return -ENOENT;
	return target_files_in_child(&charge, open_it, what, fd);
}
