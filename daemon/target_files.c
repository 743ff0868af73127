/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/target_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/guard.h"
#include "common/limits.h"
#include "common/procfs.h"
#include "daemon/errand.h"
#include "daemon/file_systems.h"
#include "daemon/hung.h"

/* For processes in user namespaces that do not let themselves be looked at: all together. */
static const uid_t NOBODYS = (uid_t)-1;

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
		if (sscanf(line, "Uid: %u %u", &identity->starter, &identity->uid) == 2)
			found |= 1;
		const char *last = strrchr(line, '\t');
		if (last && !strncmp(line, "NSpid:", 6) && sscanf(last, "%u", &identity->pid) == 1)
			found |= 2;
	}
	return found == 3 ? 0 : -ENOENT;
}

int target_files_copy(int from, int *to)
{
	char part[64 << 10];
	size_t all = 0;
	ssize_t n;
	int copy guard_fd = memfd_create("maps", MFD_CLOEXEC);
	if (copy < 0)
		return -errno;
	while ((n = read(from, part, sizeof(part))) > 0) {
		if (write(copy, part, (size_t)n) != n)
			return -EIO;
		all += (size_t)n;
		if (all > LIMIT_MAPS_BYTES)
			return -E2BIG;
	}
	if (n < 0 || lseek(copy, 0, SEEK_SET) < 0)
		return -errno;
	*to = all ? steal_fd(copy) : -1;
	return 0;
}

static int read_maps(uint32_t pid, int *fd)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	int maps guard_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (maps >= 0)
		return target_files_copy(maps, fd); /* without memory it reads as empty */
	if (errno != ESRCH && errno != ENOENT)
		return -errno;
	/* Newer kernels do not open it then. */
	snprintf(path, sizeof(path), "/proc/%u", pid);
	return access(path, F_OK) < 0 ? -ESRCH : 0;
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

/* The broker is one process. Who has files that hang may record still. */
static struct hung hung_files, hung_verdicts;
/* Its child for what it asks again and again. */
static struct errand reader;

int target_files_ask(const struct target_charge *charge, struct errand *errand,
		     const struct errand_kind *kind, const void *context, const void *request,
		     int *fd)
{
	struct hung *hung = charge->verdict ? &hung_verdicts : &hung_files;
	if (hung_has(hung, charge->owner, charge->pid, clock_now_ms()))
		return -ETIMEDOUT;
	struct errand_wait wait;
	int code = errand_ask(errand, kind, context, request, charge->limit_ms, fd, &wait);
	hung_add(hung, charge->owner, charge->pid, wait.ms, wait.stuck, clock_now_ms());
	return code;
}

struct opening {
	int (*open_it)(const void *what, int *fd);
	const void *what;
};

static int open_once(const void *context, const void *request, int *fd)
{
	const struct opening *opening = context;
	return opening->open_it(opening->what, fd);
}

int target_files_in_child(const struct target_charge *charge,
			  int (*open_it)(const void *what, int *fd), const void *what, int *fd)
{
	static const struct errand_kind kind = {.run = open_once, .bytes = 1};
	const struct opening opening = {open_it, what};
	struct errand once = {0};
	int stuck;
	int code = target_files_ask(charge, &once, &kind, &opening, "", fd);
	errand_end(&once, &stuck);
	if (stuck >= 0)
		hung_add(charge->verdict ? &hung_verdicts : &hung_files, charge->owner, charge->pid,
			 0, stuck, clock_now_ms());
	return code >= 0 && *fd < 0 ? -EIO : code;
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

/* Who made the outermost of the namespaces that a process is in, in a file. */
static int find_maker(uint32_t pid, int *fd)
{
	char path[64];
	uid_t owner = NOBODYS;
	snprintf(path, sizeof(path), "/proc/%u/ns/user", pid);
	int namespace guard_fd = open(path, O_RDONLY | O_CLOEXEC);
	/* They are 32 deep at most. */
	while (namespace >= 0 && !is_ours(namespace) && !ioctl(namespace, NS_GET_OWNER_UID, &owner))
		if (to_parent(&namespace))
			break;
	int file guard_fd = memfd_create("owner", MFD_CLOEXEC);
	if (file < 0 || pwrite(file, &owner, sizeof(owner), 0) != sizeof(owner))
		return -EIO;
	*fd = steal_fd(file);
	return 0;
}

enum asks {
	ASKS_MAPS,
	ASKS_MAKER,
};
struct question {
	enum asks asks;
	uint32_t pid;
};

static int answer(const void *context, const void *request, int *fd)
{
	const struct question *question = request;
	return (question->asks == ASKS_MAPS ? read_maps : find_maker)(question->pid, fd);
}

static int ask_reader(enum asks asks, const struct target_charge *charge, int *fd)
{
	static const struct errand_kind kind = {.run = answer, .bytes = sizeof(struct question)};
	const struct question question = {asks, charge->pid};
	return target_files_ask(charge, &reader, &kind, NULL, &question, fd);
}

void target_files_deinit(void)
{
	errand_end(&reader, NULL);
}

int target_files_owner(uint32_t pid, uid_t *owner)
{
	const struct target_charge charge = {NOBODYS, pid, TARGET_FILES_LIMIT_MS};
	struct target_identity identity = {0};
	int file guard_fd = -1;
	if (target_files_identity(pid, &identity))
		return -ENOENT;
	*owner = identity.starter;
	if (procfs_shares_users(pid))
		return 0;
	/* The process may keep who looks for that waiting. */
	*owner = NOBODYS;
	if (!ask_reader(ASKS_MAKER, &charge, &file) && file >= 0)
		(void)!pread(file, owner, sizeof(*owner), 0);
	return 0;
}

int target_files_maps(uint32_t pid, int *fd)
{
	struct target_charge charge = {.pid = pid, .limit_ms = TARGET_FILES_LIMIT_MS};
	if (target_files_owner(pid, &charge.owner))
		return -ESRCH;
	return ask_reader(ASKS_MAPS, &charge, fd);
}

int target_files_from_disk(uint32_t pid, int (*open_it)(const void *what, int *fd),
			   const void *what, int *fd)
{
	struct target_charge charge = {.pid = pid, .limit_ms = TARGET_FILES_LIMIT_MS};
	if (pid && target_files_owner(pid, &charge.owner))
		return -ENOENT;
	return target_files_in_child(&charge, open_it, what, fd);
}
