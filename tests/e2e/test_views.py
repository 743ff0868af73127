# SPDX-License-Identifier: Apache-2.0
"""report, export, merge, flamegraph: what they say is what pprof says, and adds up."""
import json
import re
from collections import defaultdict
from pathlib import Path

import pytest
import terminal

import probe


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    path = tmp_path_factory.mktemp("views") / "p.pb.gz"
    _, profile = probe.record(path, "-F", 999, "--", probe.TARGETS / "shares", 0.6)
    return path, profile


def exported(path, form, *more):
    return probe.probe_ok("export", path, "-f", form, "-o", "-", *more).out


def test_numbers_equal_those_of_pprof(recorded):
    """Self and cum of every function, to the nanosecond. We tell apart functions of one name in
    several modules (clock_gettime of libc and of the vdso), pprof does not: their self adds up, their
    cum does not, since one calls the other."""
    path, _ = recorded
    ours = defaultdict(list)
    for row in json.loads(probe.probe_ok("report", "--json", path).out)["rows"]:
        ours[row["function"]].append((row["self_ns"], row["cum_ns"]))
    theirs = {}
    top = probe.pprof("-top", "-unit=ns", "-nodecount=0", "-nodefraction=0", "-edgefraction=0", path)
    for line in top.splitlines():
        match = re.match(r"\s*(\d+)(?:ns)?\s+\S+%\s+\S+%\s+(\d+)(?:ns)?\s+\S+%\s+(.*?)(?: \((?:partial-)?inline\))?$", line)
        if match:
            theirs[match[3]] = [int(match[1]), int(match[2])]
    assert theirs and {name: sum(own for own, _ in rows) for name, rows in ours.items()} == \
        {name: own for name, (own, _) in theirs.items()}
    assert all(rows[0][1] == theirs[name][1] for name, rows in ours.items() if len(rows) == 1)


def test_views_of_report(recorded, tmp_path):
    path, profile = recorded
    assert "share_half" in probe.probe_ok("report", "--tree", path).out
    assert "main" in probe.probe_ok("report", "--callers", "share_half", path).out
    assert "share_half" in probe.probe_ok("report", "--callees", "main", path).out
    for view in ("--threads", "--processes"):
        rows = json.loads(probe.probe_ok("report", view, "--json", "--sample", "samples", path).out)["rows"]
        assert sum(row["value_count"] for row in rows) == profile.total()
    focused = json.loads(probe.probe_ok("report", "--focus", "^share_half$", "--json", path).out)
    assert focused["sample"]["selected"] == profile.cum("share_half", "cpu")
    probe.record(tmp_path / "cpu.pb.gz", "--mode", "cpu", "-F", 999, "--", probe.TARGETS / "shares", 0.2)
    refused = probe.probe("report", "--sample", "blocked", tmp_path / "cpu.pb.gz")
    assert refused.code == 2 and "not measured" in refused.err


def test_formats_add_up(recorded):
    path, profile = recorded
    scope = json.loads(exported(path, "speedscope", "--sample", "samples"))["profiles"]
    assert scope[0]["endValue"] == sum(scope[0]["weights"]) == profile.total()
    assert len(re.findall(r"^\S.* cpu-clock:$", exported(path, "perf-script"), re.M)) == profile.total()
    rows = json.loads(exported(path, "json"))["rows"]
    assert sum(row["values"][0] for row in rows) == profile.total()
    folded = exported(path, "folded", "--sample", "cpu", "--annotate")
    assert sum(int(line.rsplit(" ", 1)[1]) for line in folded.splitlines()) == profile.total()


def test_merge_adds_up(recorded, tmp_path):
    path, profile = recorded
    probe.probe_ok("merge", path, path, "-o", tmp_path / "m.pb.gz")
    assert probe.Profile(tmp_path / "m.pb.gz").total("cpu") == 2 * profile.total("cpu")
    again = probe.probe("merge", path, path, "-o", tmp_path / "m.pb.gz")
    assert again.code == 1 and "--force" in again.hint


def unpack(text):
    """Numbers as cli/packed.h writes them."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for number in re.findall("[g-z0-9+/]*[A-Za-f]", text):
        value = sum((digits.index(c) & 31) << 5 * i for i, c in enumerate(number))
        yield -(value >> 1) - 1 if value & 1 else value >> 1


def test_flamegraph(recorded, tmp_path):
    """One file without a link to anywhere; its data are all samples."""
    path, profile = recorded
    probe.probe_ok("flamegraph", path, "-o", tmp_path / "f.html")
    page = (tmp_path / "f.html").read_text()
    assert "default-src 'none'" in page and not re.search(r"\b(https?:|src=|href=)", page)
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])
    assert sum(unpack(data["values"][0])) * data["scales"][0] == profile.total()
    assert "share_half" in data["names"]
    probe.probe_ok("flamegraph", path, "-o", tmp_path / "f.svg")
    assert "share_half" in (tmp_path / "f.svg").read_text()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f.html", "f.svg"]


def test_flamegraph_records_first(tmp_path):
    with probe.target("shares", 30) as popen:
        probe.probe_ok("flamegraph", "-p", popen.pid, "500ms", "-o", "out.html", cwd=tmp_path)
    assert (tmp_path / "out.html").exists() and len(list(tmp_path.glob("*.pb.gz"))) == 1


def test_what_only_waited_is_shown(tmp_path):
    """Without a wish, where there is no time on a CPU."""
    path = tmp_path / "p.pb.gz"
    with probe.program("/bin/sleep", 60) as popen:
        probe.wait_for(lambda: "hrtimer_nanosleep" in Path(f"/proc/{popen.pid}/stack").read_text(), 20, "it sleeps")
        _, profile = probe.record(path, "-p", popen.pid, "300ms")
    assert not profile.total("cpu") and profile.total("blocked")
    for view in ((), ("--tree",)):
        text = probe.probe_ok("report", *view, path).out
        assert "\nNothing was sampled on a CPU. Where it waited:\nblocked: " in text and "nanosleep" in text
    text = probe.probe_ok("report", "--sample", "cpu", path).out
    assert "Nothing was sampled" not in text and "nanosleep" not in text
    probe.probe_ok("flamegraph", path, "-o", tmp_path / "graph.svg")
    assert "nanosleep" in (tmp_path / "graph.svg").read_text()


@pytest.mark.parametrize("view", ["", "--tree"])
@pytest.mark.parametrize("variables, colour", terminal.LOOKS)
def test_on_a_terminal(recorded, tmp_path, view, variables, colour):
    """No line is longer than the screen is wide; what is large stands out, if that is wanted."""
    command = f"{probe.BUILD}/probe report {view} --no-pager {recorded[0]}"
    with terminal.Terminal(tmp_path, command, 80, 60, **variables) as screen:
        assert "share_half" in screen.assert_looks("CUM%", 80, colour)
