/* SPDX-License-Identifier: Apache-2.0 */
/* Opening targets' files: the right one, no other, and never for ever. Runs as root. */
#include "daemon/target_files.h"
#include "daemon/file_systems.h"
#include "common/guard.h"
#include "tests/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static void parses_lines(void)
{
	struct target_line l;
	CU_ASSERT(target_files_parse(
		"7f0c0000-7f0c2000 r-xp 00001000 fd:01 1234                       /a b\n", &l));
	CU_ASSERT(l.start == 0x7f0c0000 && l.end == 0x7f0c2000 && l.inode == 1234);
	CU_ASSERT(l.executable && l.dev == makedev(0xfd, 1));
	CU_ASSERT(target_files_parse("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0   "
				     "               [vsyscall]\n",
				     &l));
	CU_ASSERT(l.start == 0xffffffffff600000 && l.executable && !l.inode);
	CU_ASSERT(target_files_parse("1000-2000 rw-p 00000000 00:00 0\n", &l));
	CU_ASSERT_FALSE(l.executable);
}

static void refuses_lines(void)
{
	static const char *const lines[] = {
		"",
		"\n",
		"7f0c0000",
		"7f0c0000-",
		"7f0c0000-7f0c2000",
		"7f0c0000-7f0c2000 r-",
		"7f0c0000-7f0c2000 r-xp",
		"7f0c0000-7f0c2000 r-xp 0 fd:01",
		"7f0c0000-7f0c2000 r-xp 0 fd:01 ",
		"7f0c0000-7f0c2000 r-xp 0 fd:01 12x",
		"7f0c0000-7f0c2000 r-xpp 0 fd:01 12 ",
		"/a/path that 1000-2000 r-xp 0 fd:01 12\n",
	};
	struct target_line l;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		CU_ASSERT_FALSE(target_files_parse(lines[i], &l));
}

/* A child that sleeps. */
static pid_t start_sleeper(void)
{
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static void end_sleeper(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
}
#define guard_sleeper guard(end_sleeper)

static void pidfds_are_checked(void)
{
	pid_t sleeper guard_sleeper = start_sleeper();
	int pidfd guard_fd = -1;
	CU_ASSERT_EQUAL(target_files_pidfd(sleeper, &pidfd), 0);
	CU_ASSERT_EQUAL(target_files_names(pidfd, sleeper), 0);
	CU_ASSERT_EQUAL(target_files_names(pidfd, getpid()), -EPROTO);
	CU_ASSERT_EQUAL(target_files_names(0, getpid()), -EPROTO);
	CU_ASSERT_EQUAL(target_files_names(1 << 20, getpid()), -EPROTO);
	kill(sleeper, SIGKILL);
	siginfo_t info;
	waitid(P_PID, sleeper, &info, WEXITED | WNOWAIT); /* a zombie */
	int none guard_fd = -1;
	CU_ASSERT_EQUAL(target_files_names(pidfd, sleeper), -ESRCH);
	CU_ASSERT_EQUAL(target_files_pidfd(sleeper, &none), -ESRCH);
	pid_t reaped = sleeper;
	end_sleeper(&sleeper);
	sleeper = 0;
	CU_ASSERT_EQUAL(target_files_names(pidfd, reaped), -ESRCH);
	CU_ASSERT_EQUAL(target_files_pidfd(0, &none), -ESRCH);
	CU_ASSERT_EQUAL(target_files_pidfd(-1, &none), -ESRCH);
	CU_ASSERT_EQUAL(none, -1);
}

struct thread {
	pthread_barrier_t barrier;
	pid_t tid;
};

static void *say_tid(void *arg)
{
	struct thread *thread = arg;
	thread->tid = gettid();
	pthread_barrier_wait(&thread->barrier);
	pthread_barrier_wait(&thread->barrier);
	return NULL;
}

static void threads_have_a_process(void)
{
	struct thread thread;
	pthread_t id;
	pthread_barrier_init(&thread.barrier, NULL, 2);
	CU_ASSERT_EQUAL(pthread_create(&id, NULL, say_tid, &thread), 0);
	pthread_barrier_wait(&thread.barrier);
	uint32_t pid = 0;
	CU_ASSERT_EQUAL(target_files_process_of(thread.tid, &pid), 0);
	CU_ASSERT_EQUAL(pid, (uint32_t)getpid());
	int pidfd guard_fd = -1;
	CU_ASSERT_EQUAL(target_files_pidfd(thread.tid, &pidfd), -EINVAL);
	pthread_barrier_wait(&thread.barrier);
	pthread_join(id, NULL);
	pthread_barrier_destroy(&thread.barrier);
	CU_ASSERT_EQUAL(target_files_process_of(0, &pid), -ESRCH);
	CU_ASSERT_EQUAL(target_files_process_of(-1, &pid), -ESRCH);
}

static void opens_maps(void)
{
	int maps guard_fd = -1;
	CU_ASSERT_EQUAL(target_files_maps(getpid(), &maps), 0);
	char line[32] = "";
	CU_ASSERT(read(maps, line, sizeof(line) - 1) > 0);
	CU_ASSERT_PTR_NOT_NULL(strchr(line, '-'));
	int none = 0;
	CU_ASSERT_EQUAL(target_files_maps(2, &none), 0); /* kthreadd */
	CU_ASSERT_EQUAL(none, -1);
	CU_ASSERT_EQUAL(target_files_maps(-1, &none), -ESRCH);
	target_files_deinit();
}

/* The mapping of this process that begins at `start`; start 0: the one that holds this code. */
static struct target_mapping find_mapping(const void *start)
{
	uint64_t here = start ? (uintptr_t)start : (uintptr_t)find_mapping;
	struct target_mapping mapping = {.pid = getpid()};
	FILE *maps guard_file = fopen("/proc/self/maps", "re");
	char line[4352];
	struct target_line l;
	while (maps && fgets(line, sizeof(line), maps)) {
		if (!target_files_parse(line, &l) || here < l.start || here >= l.end)
			continue;
		mapping.start = l.start;
		mapping.end = l.end;
		mapping.dev = l.dev;
		mapping.inode = l.inode;
	}
	return mapping;
}

static int try_mapped(struct target_mapping mapping)
{
	int fd guard_fd = -1;
	int code = target_files_mapped(&mapping, &fd);
	CU_ASSERT_EQUAL(fd >= 0, code == 0);
	return code;
}

static void opens_the_mapped_file(void)
{
	struct target_mapping mapping = find_mapping(NULL);
	int fd guard_fd = -1;
	CU_ASSERT_EQUAL(target_files_mapped(&mapping, &fd), 0);
	struct stat got, self;
	CU_ASSERT_EQUAL(fstat(fd, &got), 0);
	CU_ASSERT_EQUAL(stat("/proc/self/exe", &self), 0);
	CU_ASSERT(got.st_dev == self.st_dev && got.st_ino == self.st_ino);
	CU_ASSERT_EQUAL(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	CU_ASSERT_EQUAL(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

static void opens_nothing_else(void)
{
	struct target_mapping good = find_mapping(NULL), bad;
	bad = good, bad.inode++;
	CU_ASSERT_EQUAL(try_mapped(bad), -ESTALE);
	bad = good, bad.dev++;
	CU_ASSERT_EQUAL(try_mapped(bad), -ESTALE);
	bad = good, bad.end += 4096;
	CU_ASSERT_EQUAL(try_mapped(bad), -ENOENT);
	bad = good, bad.start = 0, bad.end = -1ull;
	CU_ASSERT_EQUAL(try_mapped(bad), -ENOENT);
	bad = good, bad.pid = 0;
	CU_ASSERT_EQUAL(try_mapped(bad), -ENOENT);
	bad = good, bad.pid = 2;
	CU_ASSERT_EQUAL(try_mapped(bad), -ENOENT);
}

static void judges_what_is_mapped(void)
{
	/* data is not code */
	static const char data[] = "x";
	struct target_mapping mapping = find_mapping(data);
	CU_ASSERT(mapping.inode != 0);
	CU_ASSERT_EQUAL(try_mapped(mapping), -EACCES);
	/* code of no file */
	void *anonymous =
		mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mapping = find_mapping(anonymous);
	CU_ASSERT_EQUAL(mapping.inode, 0);
	CU_ASSERT_EQUAL(try_mapped(mapping), -ENOENT);
	munmap(anonymous, 4096);
	/* a file whose name is gone is still the file */
	int memory guard_fd = memfd_create("a\nname 1000-2000 r-xp", MFD_CLOEXEC);
	CU_ASSERT_EQUAL(ftruncate(memory, 4096), 0);
	void *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, memory, 0);
	CU_ASSERT_EQUAL(try_mapped(find_mapping(code)), 0);
	munmap(code, 4096);
}

static void knows_whose_fuse_it_is(void)
{
	char path[] = "/tmp/probe-test-XXXXXX";
	int fd guard_fd = mkstemp(path);
	dprintf(fd,
		"22 1 254:0 / / rw,relatime - ext4 /dev/vda rw,user_id=0\n"
		"36 22 0:45 / /mnt/a rw,nosuid shared:1 - fuse.sshfs host:/a rw,user_id=1000,"
		"group_id=1000,allow_other\n"
		"37 22 0:46 / /mnt/b\\040c rw - fuse.x x,user_id=0 rw,user_id=1001,group_id=0\n"
		"38 22 0:47 / /mnt/d rw master:2 - fuse.ntfs-3g /dev/sdb rw,user_id=0,group_id=0"
		"\n"
		"39 22 0:48 / /mnt/e rw - virtiofs root rw\n"
		"40 22 0:49 / /mnt/f rw - fuse.y y rw,group_id=0\n"
		"41 22 0:50 / /mnt/g rw\n");
	static const bool of_root[] = {false, false, true, true, false, false, false};
	for (unsigned i = 0; i < sizeof(of_root); i++)
		CU_ASSERT_EQUAL(file_systems_fuse_of_root(path, makedev(0, 45 + i)), of_root[i]);
	CU_ASSERT_FALSE(file_systems_fuse_of_root("/nowhere", makedev(0, 47)));
	dev_t dev = 0;
	CU_ASSERT(file_systems_has(path, makedev(254, 0)) &&
		  file_systems_has(path, makedev(0, 50)));
	CU_ASSERT_FALSE(file_systems_has(path, makedev(0, 44)));
	CU_ASSERT(file_systems_device(path, 39, &dev) && dev == makedev(0, 48));
	CU_ASSERT_FALSE(file_systems_device(path, 42, &dev));
	unlink(path);
}

static int open_hanging(const void *fifo, int *fd)
{
	*fd = open(fifo, O_RDONLY | O_CLOEXEC);
	return *fd < 0 ? -errno : 0;
}

static int crash(const void *what, int *fd)
{
	kill(getpid(), SIGKILL);
	return 0;
}

static int fail(const void *what, int *fd)
{
	return -EXDEV;
}

/* -EXDEV: the child has none of its parent's files but what it answers on, and its own account. */
static int count_files(const void *what, int *fd)
{
	int n = 0;
	for (int i = 3; i < 1000; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n == 2 ? -EXDEV : -EBADF;
}

static int in_child(int (*open_it)(const void *what, int *fd), const void *what, int limit_ms,
		    int *fd)
{
	return target_files_in_child(&(struct target_charge){.limit_ms = limit_ms}, open_it, what,
				     fd);
}

static void the_child_holds_nothing(void)
{
	int fd = -1, more guard_fd = dup(STDIN_FILENO), even_more guard_fd = dup(STDIN_FILENO);
	CU_ASSERT(more >= 0 && even_more >= 0);
	CU_ASSERT_EQUAL(in_child(count_files, NULL, 10000, &fd), -EXDEV);
}

/* Ours, with those of other suites that a kernel lets go of late. */
static int count_children(void)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	FILE *children guard_file = fopen(path, "re");
	CU_ASSERT_PTR_NOT_NULL_FATAL(children);
	int n = 0, pid;
	while (fscanf(children, "%d", &pid) == 1)
		n++;
	return n;
}

static void ends_what_hangs(void)
{
	char directory[] = "/tmp/probe-test-XXXXXX";
	CU_ASSERT_PTR_NOT_NULL(mkdtemp(directory));
	char fifo[64];
	snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
	CU_ASSERT_EQUAL(mkfifo(fifo, 0600), 0);
	int fd = -1, before = count_children();
	CU_ASSERT_EQUAL(in_child(open_hanging, fifo, 20, &fd), -ETIMEDOUT);
	/* Nothing but a signal ends it. */
	CU_ASSERT(count_children() <= before);
	CU_ASSERT_EQUAL(in_child(crash, NULL, 10000, &fd), -EIO);
	CU_ASSERT_EQUAL(in_child(fail, NULL, 10000, &fd), -EXDEV);
	CU_ASSERT_EQUAL(fd, -1);
	CU_ASSERT(count_children() <= before);
	unlink(fifo);
	rmdir(directory);
}

/* A child as `uid`, in `depth` user namespaces, one in the other; there its number is another. -1:
 * they are forbidden here. */
static pid_t start_contained(uid_t uid, int depth)
{
	int ready[2];
	char byte = 0;
	CU_ASSERT_EQUAL(pipe(ready), 0);
	pid_t pid = fork();
	if (!pid) {
		if (setresuid(uid, uid, uid))
			_exit(1);
		while (depth-- > 0)
			if (unshare(CLONE_NEWUSER))
				_exit(1);
		(void)!write(ready[1], &byte, 1);
		close_range(3, ~0u, 0);
		for (;;)
			pause();
	}
	close(ready[1]);
	bool is_there = read(ready[0], &byte, 1) == 1;
	close(ready[0]);
	if (!is_there)
		waitpid(pid, NULL, 0);
	return is_there ? pid : -1;
}

static void knows_who_answers(void)
{
	uid_t owner = 7;
	CU_ASSERT_EQUAL(target_files_owner(0x7ffffff0, &owner), -ENOENT);
	CU_ASSERT_EQUAL(target_files_owner((uint32_t)getpid(), &owner), 0);
	CU_ASSERT_EQUAL(owner, 0);
	for (int depth = 0; depth < 4; depth++) {
		pid_t pid = start_contained(61205, depth);
		if (pid < 0)
			continue;
		CU_ASSERT_EQUAL(target_files_owner((uint32_t)pid, &owner), 0);
		CU_ASSERT_EQUAL(owner, 61205);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	target_files_deinit();
}

SUITE(target_files, {"parses lines", parses_lines}, {"refuses lines", refuses_lines},
      {"pidfds are checked", pidfds_are_checked},
      {"threads have a process", threads_have_a_process}, {"opens maps", opens_maps},
      {"opens the mapped file", opens_the_mapped_file}, {"opens nothing else", opens_nothing_else},
      {"judges what is mapped", judges_what_is_mapped}, {"ends what hangs", ends_what_hangs},
      {"the child holds nothing", the_child_holds_nothing},
      {"knows who answers", knows_who_answers}, {"knows whose fuse it is", knows_whose_fuse_it_is});
