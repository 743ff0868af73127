# SPDX-License-Identifier: Apache-2.0
"""Names of programs that are not where their path says: in containers, deleted, replaced, in memory."""
import contextlib
import os
import shutil
import time
from pathlib import Path

import pytest

import probe

MINE = "shop::cart<long>::add"  # a function of the target that they all run


def copy(tmp_path, name="mangled"):
    return Path(shutil.copy(probe.TARGETS / name, tmp_path / "program"))


def check(tmp_path, pid, function=MINE):
    _, profile = probe.record(tmp_path / "out.pb.gz", "-F", 499, "-p", pid, "500ms")
    assert profile.share(function) > 0.9
    return profile


@contextlib.contextmanager
def inside(*command, name):
    """A command that ends up running the program `name`, whose pid is yielded."""
    def find():
        for pid in (popen.pid, *probe.descendants(popen.pid)):
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                    return pid
        return None

    with probe.program(*command) as popen:
        pid = probe.wait_for(find, 20, f"{name} to run")
        try:
            yield pid
        finally:
            with contextlib.suppress(OSError):
                os.kill(pid, 9)


def test_container(tmp_path):
    """In user, mount and PID namespaces of its own, below another root."""
    if not probe.has_user_namespaces():
        pytest.skip("there are no user namespaces here")
    root = tmp_path / "root"
    shutil.copytree("/lib64", root / "lib64", symlinks=False)
    libraries = root / "lib/x86_64-linux-gnu"
    libraries.mkdir(parents=True)
    for name in ("libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1"):
        found = next(p for d in ("/lib", "/usr/lib") for p in [Path(d, "x86_64-linux-gnu", name)] if p.exists())
        shutil.copy(found, libraries)
    copy(root)
    for path in (tmp_path, root):
        path.chmod(0o755)
    with inside("/usr/bin/unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork",
                "/usr/sbin/chroot", root, "/program", 60, name="program") as pid:
        time.sleep(0.2)
        profile = check(tmp_path, pid)
    assert "main" in profile.names()


def test_perf_map_of_a_container(tmp_path):
    """In its own /tmp, and by the number that the process has there."""
    script = ("function burn(n) { let s = 0; for (let i = 0; i < n; i++) s += i * i % 7; return s; } "
              "for (;;) burn(100000);")
    with inside("/usr/bin/unshare", *probe.own_mounts(), "--pid", "--fork", "/bin/sh", "-ec",
                'mount -t tmpfs none /tmp; cd /tmp; exec "$@"', "sh", "/usr/bin/node", "--perf-basic-prof", "-e",
                script, name="node") as pid:
        wrote = Path(f"/proc/{pid}/root/tmp/perf-1.map")
        probe.wait_for(lambda: wrote.exists() and "*burn" in wrote.read_text(errors="replace"), 20,
                       "node to compile the function")
        _, profile = probe.record(tmp_path / "out.pb.gz", "-F", 499, "-p", pid, "500ms")
    named = profile.total(where=lambda s: any(":*burn " in f.function for f in s.frames))
    assert named > 0.8 * profile.total()


def test_deleted(tmp_path):
    program = copy(tmp_path)
    with probe.program(program, 60) as target:
        program.unlink()
        check(tmp_path, target.pid)


def test_replaced(tmp_path):
    """As a package is upgraded under a running process."""
    program = copy(tmp_path)
    with probe.program(program, 60) as target:
        shutil.copy(probe.TARGETS / "shares", tmp_path / "new")
        (tmp_path / "new").rename(program)
        profile = check(tmp_path, target.pid)
    assert not any(name.startswith("share_") for name in profile.names())


def test_memfd(tmp_path):
    script = ("import os, sys; fd = os.memfd_create('program'); os.write(fd, open(sys.argv[1], 'rb').read()); "
              "os.execv(f'/proc/self/fd/{fd}', ['program', '60'])")
    with probe.program("/usr/bin/python3", "-c", script, probe.TARGETS / "mangled") as target:
        probe.wait_for(lambda: "memfd:" in os.readlink(f"/proc/{target.pid}/exe"), 20, "the program to run")
        check(tmp_path, target.pid)


def test_file_that_goes_while_it_is_recorded(tmp_path):
    program = copy(tmp_path)
    out = tmp_path / "out.pb.gz"
    with probe.program(program, 60) as target:
        with probe.Recording("-p", target.pid, "-F", 499, "-o", out, "--force") as recording:
            program.unlink()
            before = probe.cpu_ns(target.pid)
            probe.wait_for(lambda: probe.cpu_ns(target.pid) > before + 3e8, 20, "the program to compute")
            target.kill()
            assert recording.end().code == 0
    assert probe.Profile(out).share(MINE) > 0.9


def test_first_mapping_that_is_cut(tmp_path):
    """The kernel maps all of such a program by its first segment, which holds the code, and then unmaps the rest."""
    program = tmp_path / "program"
    built = probe.run("g++", "-D_GNU_SOURCE", "-iquote", probe.ROOT, "-O1", "-fno-inline", "-pthread", "-static-pie",
                      "-Wl,-z,noseparate-code", "-o", program, probe.ROOT / "tests/targets/mangled.cc")
    assert built.code == 0, built
    _, profile = probe.record(tmp_path / "out.pb.gz", "-F", 499, "--", program, 0.5)
    assert profile.share(MINE) > 0.9


SPIN = """.globl _start
.type _start,@function
_start: call spin
.size _start,.-_start
.type spin,@function
spin: jmp spin
.size spin,.-spin
"""


def test_32_bits(tmp_path):
    """They are recorded; that their code has no names is said."""
    (tmp_path / "spin.s").write_text(SPIN)
    for command in (("as", "--32", "-o", tmp_path / "spin.o", tmp_path / "spin.s"),
                    ("ld", "-m", "elf_i386", "-o", tmp_path / "spin", tmp_path / "spin.o")):
        assert probe.run(*command).code == 0
    with probe.program(tmp_path / "spin") as target:
        time.sleep(0.1)
        if target.poll() is not None:
            return  # a kernel without 32-bit programs
        _, profile = probe.record(tmp_path / "out.pb.gz", "-F", 499, "-p", target.pid, "500ms")
    assert profile.total() > 10
    assert any("spin" in note and "32" in note for note in profile.info.notes), profile.info.notes
