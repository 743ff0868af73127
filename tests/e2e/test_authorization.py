# SPDX-License-Identifier: Apache-2.0
"""Who may record whom, beside the kernel's own verdict, with clients and targets of several uids."""
import contextlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import daemon
import pytest
import users
from daemon import Daemon
from users import LIBC, ME, MEMBER, OTHER, STRANGER

import probe

GROUP, GROUP_ID = "games", 60  # of every Debian


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("authorization")
    directory.chmod(0o755)
    with Daemon(directory, config=f"[access]\ngroup = {GROUP}\n") as running:
        yield running


pytestmark = pytest.mark.keeps_running
SHARES = probe.TARGETS / "shares"
SUBJECTS = {"root": (0, ()), "same uid": (ME, ()), "other uid": (OTHER, ()), "group member": (MEMBER, (GROUP_ID,))}


def own_namespace():
    LIBC.unshare(users.CLONE_NEWUSER)  # where the system forbids it, a plain one


HIDDEN = """import ctypes, time
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
time.sleep(600)"""
SLEEP = Path("/bin/sleep").resolve()


@pytest.fixture(scope="module")
def setuid_program(tmp_path_factory):
    """A setuid program of root's, in a file system that allows it."""
    path = tmp_path_factory.mktemp("setuid") / "setuid-after"
    shutil.copy(probe.TARGETS / "setuid", path)
    path.chmod(0o4755)
    return path


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    """One of them runs, the rest sleep: that would be CPU time of other tests."""
    setuid_sleep = tmp_path_factory.mktemp("setuid") / "sleep"
    shutil.copy(SLEEP, setuid_sleep)
    setuid_sleep.chmod(0o4755)
    with users.target(ME, SHARES, 600) as plain, users.target(ME, "/usr/bin/python3", "-c", HIDDEN) as hidden, \
            users.target(ME, setuid_sleep, 600) as setuid, users.target(STRANGER, SLEEP, 600) as other, \
            users.target(ME, SLEEP, 600, prepare=own_namespace) as namespace:
        pids = {"plain": plain.pid, "non-dumpable": hidden.pid, "setuid": setuid.pid, "other uid's": other.pid,
                "user namespace": namespace.pid}
        for name in ("non-dumpable", "setuid"):
            probe.wait_for(lambda: not users.kernel_allows(ME, pids[name]), 20, f"{name} to be so")
        yield pids


def verdict(server, pid, subject):
    """What the daemon says: True, or (exit status, words)."""
    uid, groups = SUBJECTS[subject]
    with daemon.Client(server.path, connected=users.connection(server.path, uid, groups)) as client:
        client.record(pid)
        answer = client.receive()
        if daemon.STARTED in answer:
            return True
        failed = daemon.fields(answer[daemon.FAILED])
        return failed[1], failed[2].decode()


@pytest.mark.parametrize("target", ["plain", "non-dumpable", "setuid", "other uid's", "user namespace"])
@pytest.mark.parametrize("subject", SUBJECTS)
def test_verdict_is_the_kernels(server, targets, subject, target):
    uid, groups = SUBJECTS[subject]
    pid = targets[target]
    everything = subject in ("root", "group member")
    allowed = everything or users.kernel_allows(uid, pid, groups)
    if not everything and target != "user namespace":
        assert allowed == (subject == "same uid" and target == "plain")
    said = verdict(server, pid, subject)
    if allowed:
        assert said is True
    else:
        owner = {"setuid": "root", "other uid's": f"uid {STRANGER}"}.get(target, f"uid {ME}")
        assert said == (4, f"permission denied: uid {uid} may not profile PID {pid} (owned by {owner})")


def test_program_of_a_user(server, targets):
    """The same by the program: words, hint, exit status; and what it lists is what it may."""
    def probe_as(*args):
        return users.run(ME, probe.BUILD / "probe", *args, socket_path=server.path, cwd="/")

    result = probe_as("record", "-p", 1, "-o", "-", "1s")
    assert result.code == 4 and result.err.startswith(
        f"probe: permission denied: uid {ME} may not profile PID 1 (owned by root)\n"), result
    assert f'"{GROUP}"' in result.hint and "sudo" in result.hint
    assert probe_as("record", "-a", "-o", "-", "1s").code == 4
    result = probe_as("record", "--comm", "systemd-nobody", "-o", "-", "1s")
    assert result.code == 3, result
    result = probe_as("record", "-p", targets["plain"], "-o", "-", "300ms")
    assert result.code == 0, result.err
    listed = probe_as("list", "--json")
    pids = {p["pid"] for p in json.loads(listed.out)["processes"]}
    assert targets["plain"] in pids
    assert not pids & {1, targets["non-dumpable"], targets["setuid"], targets["other uid's"]}
    # Without a daemon only root can.
    gone = users.run(ME, probe.BUILD / "probe", "record", "-p", targets["plain"], "-o", "-", "1s", cwd="/",
                     socket_path=server.path.parent / "none.sock")
    assert gone.code == 5, gone


def test_client_in_a_user_namespace_is_not_served(server, targets):
    """There its uid says less than here."""
    if not probe.has_user_namespaces():
        pytest.skip("there are no user namespaces here")
    child = os.fork()
    if child == 0:
        code = 4 if LIBC.unshare(users.CLONE_NEWUSER) else 99  # no such thing here
        with contextlib.suppress(Exception), daemon.Client(server.path) as client:
            client.record(targets["plain"])
            answer = client.receive()
            code = daemon.fields(answer[daemon.FAILED])[1] if daemon.FAILED in answer else 98
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 4


MAPS_MANY = """import mmap, os, time
maps = []
for i in range(2000):
    file = os.memfd_create("code")
    os.write(file, b"x")
    maps.append(mmap.mmap(file, 1, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC))
    os.close(file)
open("/proc/self/comm", "w").write("mapped")
time.sleep(60)"""


def record_as(server, uid, out, *args):
    with open(out, "wb") as file, users.by_fd(probe.BUILD / "probe", server.path.parent) as (paths, fds):
        done = subprocess.run([paths[0], "record", "-o", "-", *[str(a) for a in args]], stdout=file, pass_fds=fds,
                              env=probe.environment(PROBE_SOCKET=f"{paths[1]}/{server.path.name}"), cwd="/",
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=100,
                              preexec_fn=lambda: users.become(uid))
    assert done.returncode == 0, done.stderr.decode()
    return probe.Profile(out), done.stderr.decode()


def test_exec_into_a_setuid_program(server, setuid_program, tmp_path):
    """Of each child what comes before the exec, and nothing after; root sees both. 1,000 with RACES=1000."""
    races = int(os.environ.get("RACES", 80))
    counts = {}
    for uid in (ME, 0):
        with users.by_fd(setuid_program) as (paths, fds):
            with users.target(ME, probe.TARGETS / "setuid", races, *paths, pass_fds=fds) as popen:
                profile, err = record_as(server, uid, tmp_path / f"{uid}.pb.gz", "-p", popen.pid, "-F", 1999)
                assert popen.wait(60) == 0
        after = profile.total(where=lambda s: any(
            f.function == "setuid_after" or f.module.endswith("setuid-after") for f in s.frames))
        counts[uid] = profile.cum("setuid_before"), after, err
    assert counts[ME][0] > races and counts[ME][1] == 0, counts
    assert counts[0][0] > races and counts[0][1] > races, counts


def test_process_that_hides_while_it_is_recorded(server, tmp_path):
    """No more of it, a second later or two; that is said."""
    script = ("import ctypes, time\nend = time.monotonic() + 0.7\n"
              "while time.monotonic() < end: pass\nctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n"
              "while time.monotonic() < end + 60: pass")
    with users.target(ME, "/usr/bin/python3", "-c", script) as popen:
        time.sleep(0.2)
        before = probe.cpu_ns(popen.pid)
        profile, err = record_as(server, ME, tmp_path / "h.pb.gz", "-p", popen.pid, "-F", 499, "4s")
        whole = (probe.cpu_ns(popen.pid) - before) / 1e9 * 499
    assert 10 < profile.total() < 0.9 * whole, (profile.total(), whole)
    assert f"1 process was left out, which the user may not profile" in err, err


def test_process_that_maps_thousands_of_files(server):
    """All recordings wait while files are opened: of one user's only so many are.
    The last test here: it leaves its user few more to open."""
    with users.target(ME, "/usr/bin/python3", "-c", MAPS_MANY) as popen:
        comm = Path(f"/proc/{popen.pid}/comm")
        probe.wait_for(lambda: comm.read_text() == "mapped\n", 30, "its mappings")
        before = daemon.fds(server.engine())
        began = time.monotonic()
        with daemon.Client(server.path, connected=users.connection(server.path, ME)) as client:
            client.record(popen.pid)
            assert daemon.STARTED in client.receive()
            held = daemon.fds(server.engine()) - before
            # 1,024 at once, and 50 a second.
            assert 500 < held < 1200 + 50 * (time.monotonic() - began), (held, time.monotonic() - began)
