# SPDX-License-Identifier: Apache-2.0
"""`probe stacks`: what every thread does now, by people who look at a server that hangs."""
import contextlib
import json
import re
import subprocess

import offcpu
import pytest
import terminal
from daemon import Daemon

import probe


@contextlib.contextmanager
def asleep():
    """Eight threads: three idle, two that ended blocked, two that sleep for good, and the main one."""
    with probe.target("waits", 0.1, "idle:3", "forever:2", "naps:2", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as popen:
        assert popen.stdout.readline() == b"ready\n"
        popen.stdin.write(b"\n")
        popen.stdin.flush()
        assert b"done\n" in iter(popen.stdout.readline, b"")
        offcpu.account(popen.pid)
        yield popen


def assert_right(shown, pid):
    assert shown["pid"] == pid and shown["name"] == "waits" and shown["threads_count"] == 8
    assert not sum(shown["lost"].values())
    places = {}
    for stack in shown["stacks"]:
        functions = [f["function"] for f in stack["frames"]]
        assert stack["state"] == "sleeping"
        assert functions[-1] in ("_start", "clone3") and stack["frames"][0]["module"] == "[kernel]"
        place = next(f for f in functions if f in ("waits_idle", "waits_forever", "waits_end", "main"))
        places[place] = (len(stack["threads"]), stack["waits_in"])
    assert places == {"waits_idle": (3, "pause"), "waits_forever": (2, "pause"), "waits_end": (2, "pause"),
                      "main": (1, "read")}
    tids = {t["tid"] for stack in shown["stacks"] for t in stack["threads"]}
    assert tids == {int(t.name) for t in probe.Path(f"/proc/{pid}/task").iterdir()}


def test_threads_that_sleep():
    with asleep() as popen:
        before = offcpu.account(popen.pid)
        shown = probe.probe_ok("stacks", "-p", popen.pid, "--json").out
        assert offcpu.account(popen.pid) == before  # it has not run: it was not stopped either
        assert_right(json.loads(shown), popen.pid)
        text = probe.probe_ok("stacks", "-p", popen.pid).out
        alone = probe.probe_ok("stacks", "-p", popen.pid, "--no-group", "-U").out
    first, _, rest = text.partition("\n")
    assert first == f"waits ({popen.pid})  8 threads"
    assert re.search(r"^3 threads, sleeping in pause: idle \(\d+\), idle \(\d+\), idle \(\d+\)$", rest, re.M)
    assert re.search(r"^sleeping in read: waits \(%d\)$" % popen.pid, rest, re.M)
    assert re.search(r"^  #\d+ +waits_idle at waits\.c:\d+  waits$", rest, re.M)
    assert len(re.findall(r"^sleeping: ", alone, re.M)) == 8 and "[kernel]" not in alone


@pytest.mark.parametrize("variables, colour", terminal.LOOKS)
def test_on_a_terminal(tmp_path, variables, colour):
    """A frame a line, as it is: it may be longer than the screen is wide. Which threads, stands out."""
    with asleep() as popen:
        command = f"{probe.BUILD}/probe stacks -p {popen.pid}"
        with terminal.Terminal(tmp_path, command, 200, 60, **variables) as screen:
            text = screen.assert_looks(" threads", 200, colour)
    assert text.count("waits_idle at waits.c:") == 1 and text.count("\n  #0 ") == 4


def test_asked_of_a_daemon(tmp_path):
    with Daemon(tmp_path) as server, asleep() as popen:
        for _ in range(2):
            shown = probe.probe_ok("stacks", "-p", popen.pid, "--json", env=server.environment()).out
            assert_right(json.loads(shown), popen.pid)


def test_threads_that_run():
    """Those on a CPU, by a sample; those that want one."""
    with probe.target("waits", 20, "spin:3", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as popen:
        assert popen.stdout.readline() == b"ready\n"
        popen.stdin.write(b"\n")
        popen.stdin.flush()
        shown = json.loads(probe.probe_ok("stacks", "-p", popen.pid, "--json").out)
    spinning = [(stack["state"], [f["function"] for f in stack["frames"]], t["name"])
                for stack in shown["stacks"] for t in stack["threads"] if t["name"] == "spin"]
    assert len(spinning) == 3
    assert {state for state, _, _ in spinning} <= {"running", "runnable"}
    assert all("waits_spin" in functions for state, functions, _ in spinning if functions)
    assert sum(bool(functions) for _, functions, _ in spinning) >= 2


def test_refusals():
    assert probe.probe("stacks").code == 2
    assert probe.probe("stacks", "12").hint == "a process is -p 12"
    gone = probe.probe("stacks", "-p", 999999)
    assert gone.code == 3 and gone.err.startswith("probe: no process with PID 999999")
