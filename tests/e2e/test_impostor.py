# SPDX-License-Identifier: Apache-2.0
"""A build ID is no proof of anything: any user can write a library's into a file of his own, with false
names, rows and a false debug file beside it. That changes nothing in another user's profile."""
import contextlib
import os
import shutil
import subprocess

import pytest
from daemon import Daemon

import probe

ATTACKER = 65534  # nobody
BUILD_ID = b"\xb1" * 20  # that of every file of tests/hostile


@pytest.fixture
def files(tmp_path):
    """root's library; and below a directory of the attacker's a whole root file system: false files of
    the same name and build ID, a debug file of that build ID that lies as well, and what runs them."""
    made = tmp_path / "made"
    made.mkdir()
    assert probe.run(probe.ROOT / "build/hostile", "write", made).code == 0
    good = (made / "claims").read_bytes()
    assert BUILD_ID in good and good.count(b"survivor\0") == 1
    shutil.copy(made / "claims", tmp_path / "libvictim.so")
    jail = tmp_path / "jail"
    debug = jail / "usr/lib/debug/.build-id/b1"
    for directory in (jail / "tmp", debug, jail / "lib64"):
        directory.mkdir(parents=True)
    (jail / "libvictim.so").write_bytes(good.replace(b"survivor\0", b"impostor\0"))
    (debug / ("b1" * 19 + ".debug")).write_bytes(good.replace(b"survivor\0", b"deceiver\0"))
    shutil.copy(probe.TARGETS / "mapper", jail / "mapper")
    for line in probe.run("/usr/bin/ldd", probe.TARGETS / "mapper").out.split():
        if line.startswith("/"):
            (jail / line.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(line, jail / line.lstrip("/"))
    shutil.rmtree(made)
    for directory, _, names in os.walk(jail):
        for name in [directory, *(os.path.join(directory, n) for n in names)]:
            os.chown(name, ATTACKER, ATTACKER)
    for parent in [tmp_path, *tmp_path.parents]:
        if parent.stat().st_uid == 0 and not parent.stat().st_mode & 1:
            parent.chmod(parent.stat().st_mode | 0o11)
    return tmp_path


def user():
    os.setgroups([])
    os.setgid(ATTACKER)
    os.setuid(ATTACKER)


@contextlib.contextmanager
def impostors(files):
    """The attacker's processes: as himself, and as root of a container of his."""
    jail = files / "jail"
    contained = ["/usr/bin/unshare", "--user", "--map-root-user", f"--root={jail}", "/mapper", "60", "/libvictim.so"]
    plain = [jail / "mapper", "60", jail / "libvictim.so"]
    with contextlib.ExitStack() as stack:
        pids = []
        for command in (plain, contained):
            popen = stack.enter_context(probe.program(*command, preexec_fn=user, stderr=subprocess.DEVNULL))
            probe.wait_for(lambda: popen.poll() is not None or
                           len(os.listdir(f"/proc/{popen.pid}/task")) == 2, 10, "its thread")
            if popen.poll() is None:
                pids.append(popen.pid)
        yield pids


def names_by_pid(profile):
    found = {}
    for sample in profile.samples:
        for frame in sample.frames:
            if frame.module.endswith("libvictim.so"):
                found.setdefault(sample.labels["pid"], set()).add(frame.function)
    return found


def test_names_are_of_the_file_not_of_its_build_id(files, tmp_path):
    """One daemon, so one cache: the impostors first, then the victim; then all in one recording."""
    with Daemon(tmp_path) as server, impostors(files) as false, \
            probe.target("mapper", 60, files / "libvictim.so") as victim:
        namespaces = probe.run("/usr/bin/unshare", "--user", "/bin/true").code == 0
        assert len(false) == 1 + namespaces

        def record(name, *pids):
            out = tmp_path / f"{name}.pb.gz"
            result = server.record("-p", ",".join(str(p) for p in pids), "-F", 499, "-o", out, "1s")
            assert result.code == 0, result
            return names_by_pid(probe.Profile(out))

        for pid, names in record("false", *false).items():
            assert pid in false and names <= {"impostor", "deceiver"}, names
        assert record("victim", victim.pid) == {victim.pid: {"survivor"}}
        both = record("both", *false, victim.pid)
        assert both[victim.pid] == {"survivor"}
        assert all("survivor" not in both[pid] for pid in false)
