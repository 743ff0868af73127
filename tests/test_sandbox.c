/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit.h"

static long try_open(void)
{
	return syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY);
}
static long try_socket(void)
{
	return syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
}
static long try_execve(void)
{
	char *const nothing[] = {NULL};
	return syscall(SYS_execve, "/bin/true", nothing, nothing);
}
static long try_kill(void)
{
	return syscall(SYS_kill, getppid(), 0);
}
static long try_fork(void)
{
	return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}
static long try_executable_memory(void)
{
	return syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);
}
static long try_memory_file(void)
{
	return syscall(SYS_memfd_create, "x", 0);
}
static long try_ptrace(void)
{
	return syscall(SYS_ptrace, 0, 0, 0, 0);
}
static long try_stat(void)
{
	char out[256];
	return syscall(SYS_newfstatat, AT_FDCWD, "/", out, 0);
}

/* In a child: 0 if the call fails with EPERM inside, 1 if not, 2 if there is no sandbox. */
static int inside(long (*call)(void))
{
	pid_t child = fork();
	if (child == 0) {
		if (sandbox_enter())
			_exit(2);
		_exit(call() == -1 && errno == EPERM ? 0 : 1);
	}
	int status = -1;
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static void refuses_every_way_out(void)
{
	long (*const calls[])(void) = {try_open,	try_socket, try_execve,
				       try_kill,	try_fork,   try_executable_memory,
				       try_memory_file, try_ptrace, try_stat};
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		CU_ASSERT_EQUAL(inside(calls[i]), 0);
}

/* What a worker needs: memory of any size, its files, its socket, the clock of alarm(). */
static long needs(void)
{
	char byte = 'x';
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	for (size_t bytes = 1; bytes < 64 << 20; bytes *= 2) {
		char *memory = malloc(bytes);
		if (!memory)
			return 0;
		memory[bytes - 1] = 1;
		free(realloc(memory, 2 * bytes));
	}
	alarm(5);
	alarm(0);
	if (recvmsg(0, &message, MSG_DONTWAIT) == -1 && errno == EPERM)
		return 0;
	if (lseek(0, 0, SEEK_END) == -1 && errno == EPERM)
		return 0;
	struct sysinfo memory;
	if (sysinfo(&memory) || !memory.totalram)
		return 0;
	errno = EPERM;
	return -1;
}

static void allows_what_a_worker_needs(void)
{
	CU_ASSERT_EQUAL(inside(needs), 0);
}

SUITE(sandbox, {"refuses every way out", refuses_every_way_out},
      {"allows what a worker needs", allows_what_a_worker_needs});
