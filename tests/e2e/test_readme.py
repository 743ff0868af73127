# SPDX-License-Identifier: Apache-2.0
"""Every command in README.md's code blocks is run by a test, as it stands there: those of `probe` here,
with names of its reader's put in and times made short; who runs the others, tests/package/readme says."""
import contextlib
import re
import shutil

from daemon import Daemon
from terminal import Terminal

import probe


def commands():
    """[(who runs it, command)]"""
    listed = probe.run(probe.ROOT / "tests/package/readme", "list")
    assert listed.code == 0 and not listed.err, listed
    return [tuple(line.split("\t")) for line in listed.out.splitlines()]


def test_somebody_runs_each():
    found = commands()
    assert len(found) > 30 and "make check" in found[1][1]
    assert not [command for who, command in found if who == "nobody"]
    guest = (probe.ROOT / "tests/package/guest").read_text()
    for who, command in found:
        if who == "tests/package/guest":
            assert f"readme {command.split()[0]}" in guest, command


def test_there_is_such_a_thing_to_make():
    makefiles = [probe.ROOT / "Makefile", *probe.ROOT.glob("*/*.mk"), *probe.ROOT.glob("tests/*/*.mk")]
    known = {name for path in makefiles for line in re.findall(r"^([a-z0-9 -]+):", path.read_text(), re.M)
             for name in line.split()}
    for _, command in commands():
        if command.startswith("make "):
            assert re.sub(r"\S+=(\"[^\"]*\"|\S+)", "", command).split()[1] in known, command


def as_typed(command, pid):
    """With the reader's own process, command and files, and in a shorter time."""
    for what, own in (("4242", pid), (r"\bPID\b", pid), ("CMD ARG…", f"{probe.TARGETS / 'shares'} 0.2"),
                      (r"\[FILE\]", ""), (r"\bFILE\b", "before.pb.gz"), (r"\bDIR\b", "/usr/lib/debug"),
                      (r"\b\d0s$", "300ms"), (r"\b30s -o", "1s -o")):
        command = re.sub(what, str(own), command)
    return command


def test_commands(tmp_path):
    """In the order of the README, by a daemon."""
    targets = {"redis-server": "grows", "nginx": "shares", "postgres": "shares"}
    for name, target in targets.items():
        shutil.copy(probe.TARGETS / target, tmp_path / name)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Daemon(tmp_path))
        pid = [stack.enter_context(probe.program(tmp_path / name, 10**9)).pid for name in targets][0]
        for side in ("before", "after"):
            assert server.record("-p", pid, "-o", tmp_path / f"{side}.pb.gz", "-F", 999, "300ms").code == 0
        n = 0
        for who, command in commands():
            if who != "tests/e2e/test_readme.py" or not command.startswith("probe "):
                continue
            n += 1
            typed = as_typed(command, pid)
            if typed.startswith("probe top"):
                with Terminal(tmp_path, f"{probe.BUILD}/{typed}", PROBE_SOCKET=str(server.path)) as terminal:
                    terminal.wait("grow_much")
                    terminal.keys("q")
                    terminal.wait("status 0")
                continue
            done = probe.run("/bin/bash", "-c", typed, cwd=tmp_path, env=server.environment())
            assert done.code == 0 and (done.out or "Wrote " in done.err or " -o " in typed), (typed, done)
    assert n > 15
    assert "<script" in (tmp_path / "out.html").read_text() and (tmp_path / "run.csv").stat().st_size > 50
