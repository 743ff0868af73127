# SPDX-License-Identifier: Apache-2.0
"""Targets that know what they did: what is recorded must say the same."""
import subprocess
import time

import offcpu
import pytest

import probe
from probe import TARGETS


def test_shares(tmp_path):
    """50, 30, 15 and 5 %, within 3 points at 5,000 samples and more; the count, as its own clock says."""
    def attempt():
        steal = probe.Steal()
        result, profile = probe.record(tmp_path / "p.pb.gz", "-F", 4000, "--", TARGETS / "shares", 1.4)
        return result, profile, steal.seconds()

    result, profile, stolen = probe.quiet_machine(attempt)
    assert profile.total() >= 5000
    probe.assert_counts(profile.total(), 4000, int(result.out) / 1e9, stolen)
    for function, share in (("share_half", 0.5), ("share_30", 0.3), ("share_15", 0.15), ("share_5", 0.05)):
        assert profile.share(function) == pytest.approx(share, abs=0.03), function
    assert profile.share("main") > 0.97
    profile.info.assert_reconciled()
    assert profile.info.name == "shares" and profile.info.hz == pytest.approx(4000)


def test_threads(tmp_path):
    """Each thread by its name and number, with as many samples as its own clock says."""
    steal = probe.Steal()
    result, profile = probe.record(tmp_path / "p.pb.gz", "-F", 999, "--", TARGETS / "threads", 2, 6)
    by_tid, names = profile.by_label("thread_id"), {}
    for sample in profile.samples:
        names[sample.labels["thread_id"]] = sample.labels["thread_name"]
    for line in result.out.splitlines():
        name, tid, ns = line.split()
        probe.assert_counts(by_tid[int(tid)], 999, int(ns) / 1e9, steal.seconds())
        assert names[int(tid)] == name
    assert profile.share("worker_burn") > 0.9


def test_one_thread(tmp_path):
    """-t TID: this thread and no other."""
    with probe.target("threads", 30, 4) as popen:
        time.sleep(0.2)
        tids = [int(t.name) for t in probe.Path(f"/proc/{popen.pid}/task").iterdir()]
        tid = next(t for t in tids if probe.Path(f"/proc/{popen.pid}/task/{t}/comm").read_text() == "worker-3\n")
        _, profile = probe.record(tmp_path / "p.pb.gz", "-t", tid, "-F", 999, "700ms")
    assert set(profile.by_label("thread_id")) == {tid}
    assert profile.total() > 50


def test_children(tmp_path):
    """Processes that are forked, and end, during the recording are in it, from their first moment."""
    steal = probe.Steal()
    result, profile = probe.record(tmp_path / "p.pb.gz", "-F", 999, "--", TARGETS / "forker", 2, 15)
    children, ns = (int(x) for x in result.out.split())
    assert children >= 40
    # The grandchild's stack is the child's, copied: forker_child() is in both.
    probe.assert_counts(profile.cum("forker_child"), 999, ns / 1e9, steal.seconds() + 0.1)
    assert profile.cum("forker_grandchild") == pytest.approx(profile.total() / 2, rel=0.2)


def test_no_children(tmp_path):
    with probe.target("forker", 30, 15) as popen:
        _, profile = probe.record(tmp_path / "with.pb.gz", "-p", popen.pid, "-F", 999, "2s")
        assert len(set(profile.by_label("pid")) - {popen.pid}) >= 2
        result = probe.probe("record", "-o", tmp_path / "without.pb.gz", "-p", popen.pid, "-F", 999, "--no-children", "600ms")
    if result.code == 0:
        assert set(probe.Profile(tmp_path / "without.pb.gz").by_label("pid")) <= {popen.pid}
    else:
        assert result.code == 6, result


def test_exec(tmp_path):
    """A program that replaces itself is recorded on both sides."""
    _, profile = probe.record(tmp_path / "p.pb.gz", "-F", 999, "--", TARGETS / "execer", 0.5)
    for function in ("execer_before", "execer_after"):
        assert 400 <= profile.cum(function) <= 650, function


@pytest.mark.parametrize("depth", [100, 900])
def test_deep(tmp_path, depth):
    """Every frame of a deep recursion."""
    _, profile = probe.record(tmp_path / "p.pb.gz", "-F", 499, "--", TARGETS / "deep", 0.6, depth)
    deepest = {sum(f.function in ("deep_even", "deep_odd") for f in s.frames) for s in profile.samples
               if any(f.function == "deep_leaf" for f in s.frames)}
    assert deepest == {depth + 1}
    assert profile.share("deep_leaf") > 0.9


def test_too_deep(tmp_path):
    """More frames than are kept: the leaf-most, under one root that says so."""
    _, profile = probe.record(tmp_path / "p.pb.gz", "-F", 499, "--", TARGETS / "deep", 0.6, 3000)
    cut = [s for s in profile.samples if any(f.function == "deep_even" for f in s.frames)]
    assert cut and all(s.frames[-1].function == "[truncated]" for s in cut)
    assert any("deep_leaf" in {f.function for f in s.frames} for s in cut)
    assert sum(profile.info.walk_ends.values()) > 0


def test_library_that_goes(tmp_path):
    """Frames of a library keep their names after dlclose."""
    _, profile = probe.record(tmp_path / "p.pb.gz", "-F", 999, "--", TARGETS / "plugin", 1)
    assert profile.share("plugged_work") > 0.9
    frame = next(f for s in profile.samples for f in s.frames if f.function == "plugged_work")
    assert frame.module.endswith("/libplugged.so")


def test_cxx_names(tmp_path):
    _, profile = probe.record(tmp_path / "p.pb.gz", "-F", 499, "--", TARGETS / "mangled", 0.6)
    assert profile.share("shop::cart<long>::add") > 0.9
    assert profile.share("shop::checkout") > 0.9
    frame = next(f for s in profile.samples for f in s.frames if f.function.startswith("shop::checkout"))
    assert frame.system_name.startswith("_ZN4shop8checkout")


def test_user_and_kernel(tmp_path):
    """-U leaves the kernel's frames out, -K the user's; normally a stack has both, kernel first."""
    command = ("--", "/bin/dd", "if=/dev/zero", "of=/dev/null", "bs=1M", "count=6000")
    found = {}
    for option in ("-g", "-U", "-K"):
        _, profile = probe.record(tmp_path / "p.pb.gz", "-F", 999, option, *command)
        modules = [[f.module for f in s.frames] for s in profile.samples]
        found[option] = (sum(any("[kernel" in m for m in stack) for stack in modules),
                         sum(any("[kernel" not in m for m in stack) for stack in modules))
        if option == "-g":
            mixed = [m for m in modules if any("[kernel" in x for x in m) and not all("[kernel" in x for x in m)]
            assert mixed and all("[kernel" in m[0] and "[kernel" not in m[-1] for m in mixed)
    assert found["-g"][0] and found["-g"][1]
    assert not found["-U"][0] and found["-U"][1]
    assert found["-K"][0] and not found["-K"][1]


def test_by_name(tmp_path):
    """--comm finds it, now or within --wait."""
    with probe.target("shares", 30):
        _, profile = probe.record(tmp_path / "p.pb.gz", "--comm", "shares", "-F", 999, "400ms")
    assert profile.share("share_half") > 0.3
    with probe.Recording("--comm", "shares", "--wait", "10s", "-F", 999, "-o", tmp_path / "q.pb.gz", "500ms", wait=False) as recording:
        time.sleep(0.5)
        with probe.target("shares", 30):
            result = recording.end()
    assert result.code == 0, result
    assert probe.Profile(tmp_path / "q.pb.gz").share("share_half") > 0.3


def test_several(tmp_path):
    """-p A,B and both are in it, told apart; another one is not."""
    with probe.target("shares", 30) as one, probe.target("deep", 30) as two, probe.target("deep", 30):
        _, profile = probe.record(tmp_path / "p.pb.gz", "-p", f"{one.pid},{two.pid}", "-F", 999, "700ms")
    assert set(profile.by_label("pid")) == {one.pid, two.pid}
    assert profile.cum("share_half") and profile.cum("deep_leaf")


def test_while_command_runs(tmp_path):
    """-p PID CMD: PID is recorded for as long as CMD runs, CMD is not."""
    with probe.target("shares", 30) as popen:
        result, profile = probe.record(tmp_path / "p.pb.gz", "-p", popen.pid, "-F", 999, "--", TARGETS / "deep", 0.7)
    assert set(profile.by_label("pid")) == {popen.pid}
    assert 0.65e9 <= profile.duration_ns <= result.seconds * 1e9


def test_everything(tmp_path):
    """-a: the target and the rest of the machine."""
    with probe.target("shares", 30) as popen:
        _, profile = probe.record(tmp_path / "p.pb.gz", "-a", "-F", 999, "700ms")
    # However little it gets of the CPUs: as many samples as the kernel says that it ran.
    oncpu = offcpu.of_thread(profile, popen.pid)["oncpu"]
    assert 0.5 * 999 * oncpu / 1e9 - 10 < profile.by_label("pid").get(popen.pid, 0) < 2 * 999 * oncpu / 1e9 + 10 and oncpu > 10e6
    assert profile.info.whole_machine
    profile.info.assert_reconciled()


def test_cpu_list(tmp_path):
    """--cpu 0: only what ran there."""
    with probe.program("/usr/bin/taskset", "-c", "0", TARGETS / "shares", 20) as here, \
            probe.program("/usr/bin/taskset", "-c", "1", TARGETS / "shares", 20) as there:
        time.sleep(0.1)
        _, profile = probe.record(tmp_path / "p.pb.gz", "-p", f"{here.pid},{there.pid}", "--cpu", "0", "-F", 999, "600ms")
    assert set(profile.by_label("pid")) == {here.pid}
