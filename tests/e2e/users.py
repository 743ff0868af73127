# SPDX-License-Identifier: Apache-2.0
"""Processes of other users. What they run and write may lie where only root gets to (a temporary directory of
root's): they get it by a file descriptor."""
import contextlib
import ctypes
import os
import socket
import subprocess

import probe

CLONE_NEWUSER, PR_SET_DUMPABLE = 0x10000000, 4
ME, OTHER, MEMBER, STRANGER = 61201, 61202, 61203, 61204  # uids that nobody has
LIBC = ctypes.CDLL(None, use_errno=True)


def become(uid, groups=()):
    os.setgroups(groups)
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


@contextlib.contextmanager
def by_fd(*paths):
    """Paths that also work for who cannot get there: ([path], [fd])."""
    fds = [os.open(path, os.O_PATH) for path in paths]
    try:
        yield [f"/proc/self/fd/{fd}" for fd in fds], fds
    finally:
        for fd in fds:
            os.close(fd)


def run(uid, *args, groups=(), socket_path=None, **options):
    """Runs one of our programs, or another by its path, as uid."""
    with by_fd(args[0], *([socket_path.parent] if socket_path else [])) as (paths, fds):
        env = probe.environment(**({"PROBE_SOCKET": f"{paths[1]}/{socket_path.name}"} if socket_path else {}))
        return probe.run(paths[0], *args[1:], pass_fds=fds, env=env,
                         preexec_fn=lambda: become(uid, groups), **options)


@contextlib.contextmanager
def target(uid, program, *args, prepare=lambda: None, groups=(), pass_fds=()):
    """A program in the background, as uid. `prepare` runs in it first."""
    with by_fd(program) as (paths, fds):
        def first():
            become(uid, groups)
            prepare()

        popen = subprocess.Popen([paths[0], *[str(a) for a in args]], pass_fds=[*fds, *pass_fds], preexec_fn=first,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield popen
    finally:
        popen.kill()
        popen.wait()


@contextlib.contextmanager
def as_user(uid, groups=()):
    """This process, in effect: what it connects to now shows it as uid for ever."""
    os.setgroups(groups)
    os.setegid(uid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups([])
        LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


def connection(path, uid, groups=()):
    """A socket that is connected to `path` as uid."""
    connected = socket.socket(socket.AF_UNIX)
    with by_fd(path.parent) as (paths, _), as_user(uid, groups):
        connected.connect(f"{paths[0]}/{path.name}")
    return connected


def kernel_allows(uid, pid, groups=()):
    """The kernel's own verdict: whether a process of this uid may open the maps of the process."""
    child = os.fork()
    if child == 0:
        try:
            become(uid, groups)
            with open(f"/proc/{pid}/maps", "rb") as maps:
                os._exit(0 if maps.read(1) else 1)
        except OSError:
            os._exit(1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
