# SPDX-License-Identifier: Apache-2.0
"""`probe diff` on recordings."""
import json
import os
import re

import pytest
import terminal

import probe
from probe import TARGETS


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs of one program, two of another one."""
    tmp = tmp_path_factory.mktemp("runs")
    for i, command in enumerate([(TARGETS / "shares", 0.5)] * 2 + [(TARGETS / "deep", 0.5, 20)] * 2):
        path = tmp / f"{i}.pb.gz"
        probe.probe_ok("record", "-F", 999, "-o", path, "--", *command)
        os.utime(path, (1000 + i, 1000 + i))
    return tmp


def test_unchanged(runs):
    result = probe.probe_ok("diff", "0.pb.gz", "1.pb.gz", "--fail-over", "50%", cwd=runs)
    assert "cpu per run: " in result.out and "share_half" in result.out
    # One in twenty comparisons may call one changed that is not; hardly any two.
    assert re.search(r"^[01] of \d+ functions surely changed", result.out, re.M)


def test_changed(runs):
    files = ("0.pb.gz", "1.pb.gz", "--", "2.pb.gz", "3.pb.gz")
    result = probe.probe("diff", *files, "--json", "--by", "share", "--fail-over", 5, cwd=runs)
    assert result.code == 1 and "of the whole, over 5%" in result.err
    read = json.loads(result.out)
    gone = {f["function"]: f for f in read["functions"]}["share_half"]
    assert gone["sure"] == "less" and gone["after"] == 0 and 0.3 < gone["before"] < 0.7
    assert read["before"]["files"] == ["0.pb.gz", "1.pb.gz"] and read["run_noise"] == "measured"


@pytest.mark.parametrize("variables, colour", terminal.LOOKS)
def test_on_a_terminal(runs, tmp_path, variables, colour):
    command = f"cd {runs}; {probe.BUILD}/probe diff 0.pb.gz 1.pb.gz -- 2.pb.gz 3.pb.gz"
    with terminal.Terminal(tmp_path, command, 90, 30, PAGER="cat", **variables) as screen:
        assert re.search(" gone .* share_half ", screen.assert_looks("CHANGE", 90, colour))


def test_slower(tmp_path):
    """One function of a fifth of the work got slower. DIFF_SLOWER=20 DIFF_RUNS=5 DIFF_SECONDS=3 is the hard case."""
    percent, runs, seconds = (float(os.environ.get(f"DIFF_{name}", usual)) for name, usual in
                              (("SLOWER", 200), ("RUNS", 3), ("SECONDS", 0.3)))
    names = [f"{side}{i}.pb.gz" for side in "ab" for i in range(int(runs))]
    for name in sorted(names, key=lambda name: name[1]):  # by turns
        probe.record(tmp_path / name, "-F", 999, "--mode", "cpu", "--", TARGETS / "slower", int(1000 * seconds),
                     int(percent) if name[0] == "b" else 0)
    side = [[name for name in names if name[0] == which] for which in "ab"]
    read = json.loads(probe.probe_ok("diff", *side[0], "--", *side[1], "--json", cwd=tmp_path).out)
    found = {f["function"]: f for f in read["functions"]}
    print({name: (f["sure"], f["change_percent"]) for name, f in found.items() if f["sure"] != "no"})
    assert found["slower"]["sure"] == "more"
    assert 0.5 * percent < found["slower"]["change_percent"] < 2 * percent


def test_newest_two_and_work(runs):
    result = probe.probe_ok("diff", "--work", "1000,1000", cwd=runs)
    assert result.err == "probe: the newest two profiles here: 2.pb.gz, 3.pb.gz\n"
    assert "per unit of work" in result.out


def test_not_measured(runs):
    result = probe.probe("diff", "0.pb.gz", "1.pb.gz", "--sample", "nothing", cwd=runs)
    assert result.code == 2 and "0.pb.gz: no sample type" in result.err and result.hint
