# SPDX-License-Identifier: Apache-2.0
"""`probe stat`, beside pidstat on the same process."""
import csv
import io
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from terminal import Terminal

import probe

STAT = f"{probe.BUILD}/probe stat"
# Works, switches, faults and writes; says what it did at its end.
WORKER = """
import mmap, os, resource, sys, tempfile, time
end, data, n = time.monotonic() + float(sys.argv[1]), b"x" * 65536, 0
with tempfile.TemporaryFile(dir=sys.argv[2]) as f:
    while time.monotonic() < end:
        m = mmap.mmap(-1, 1 << 20)
        for i in range(0, 1 << 20, 4096): m[i] = 1
        m.close()
        f.write(data); f.seek(0); sum(range(20000)); time.sleep(0.002); n += 1
"""


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    with probe.program("/usr/bin/python3", "-c", WORKER, 60, tmp_path_factory.mktemp("worker")) as popen:
        yield popen.pid


def beside_pidstat(worker, out):
    """Six seconds of both: (readings, pidstat's averages)."""
    theirs = subprocess.Popen(["pidstat", "-urw", "-h", "-p", str(worker), "6", "1"], text=True,
                              env=probe.environment(LC_ALL="C"), stdout=subprocess.PIPE)
    probe.probe_ok("stat", "-p", worker, "6s", "-o", out, "--force")
    lines = [line.split() for line in theirs.communicate(timeout=20)[0].splitlines() if line]
    head = next(line for line in lines if line[0] == "#")[1:]
    (values,) = [dict(zip(head, line)) for line in lines if line[2:3] == [str(worker)]]
    return list(csv.DictReader(out.open())), values


def differences(rows, values):
    """What differs by more than 2 % (and a tick, or a few counts)."""
    seconds = float(rows[-1]["time_s"])
    found = []
    for column, theirs, least in (("cpu_ns", float(values["%CPU"]) * 1e7, 3e6), ("minor_faults", float(values["minflt/s"]), 3),
                                  ("voluntary_switches", float(values["cswch/s"]), 1)):
        ours = sum(float(row[column]) for row in rows) / seconds
        if abs(ours - theirs) > max(0.02 * theirs, least):
            found.append((column, ours, theirs))
    rss = [int(row["rss_bytes"]) for row in rows]
    if not min(rss) * 0.98 <= int(values["RSS"]) * 1024 <= max(rss) * 1.02:
        found.append(("rss_bytes", rss, values["RSS"]))
    return found


CHILDREN = 800


def test_many_children(tmp_path):
    """A shell and all that sleep in the background."""
    script = f"i=0; while [ $i -lt {CHILDREN} ]; do sleep 100 & i=$((i + 1)); done; wait"
    shell = subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True, stdin=subprocess.DEVNULL)
    children = Path(f"/proc/{shell.pid}/task/{shell.pid}/children")
    try:
        probe.wait_for(lambda: len(children.read_text().split()) == CHILDREN, 60, "all children")
        pids = children.read_text().split()
        probe.probe_ok("stat", "-p", shell.pid, "2s", "-o", tmp_path / "stat.csv")
    finally:
        os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()
    probe.wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), 60, "their end")
    rows = list(csv.DictReader((tmp_path / "stat.csv").open()))
    assert rows and {row["processes"] for row in rows} == {str(CHILDREN + 1)}
    assert {row["threads"] for row in rows} == {str(CHILDREN + 1)}


def test_agrees_with_pidstat(worker, tmp_path):
    """The two begin some 0.1 s apart, in which a busy machine may stop either: one of three runs must agree."""
    for _ in range(3):
        rows, values = beside_pidstat(worker, tmp_path / "run.csv")
        assert {row["pid"] for row in rows} == {str(worker)} and rows[0]["name"] == "python3"
        assert 5.9 < float(rows[-1]["time_s"]) < 9
        assert all(row["threads"] == "1" and row["processes"] == "1" for row in rows)
        differ = differences(rows, values)
        if not differ:
            return
    raise AssertionError(differ)


def test_text_and_json(worker):
    with probe.target("shares", 30) as other:
        out = probe.probe_ok("stat", "-p", f"{worker},{other.pid}", "2200ms").out
        data = json.loads(probe.probe_ok("stat", "-p", other.pid, "--json", "1s").out)
    assert re.match(r" +TIME +PID +CPU% +RSS +THR +FDS ", out)
    for pid in (worker, other.pid):
        assert len(re.findall(rf"^ +[123]\.\ds +{pid} +[\d.]+% ", out, re.M)) >= 2
    assert len(re.findall(r"^USED +MIN +MEAN +MAX +TOTAL$", out, re.M)) == 2
    (one,) = data["targets"]
    assert one["name"] == "shares" and one["summary"]["cpu_ns"]["total"] > 0
    assert one["readings"]["threads"] == [1] * len(one["readings"]["time_ns"])


def test_until_it_ends(tmp_path):
    """Children that end are not forgotten: a shell and ten that each compute."""
    script = "for i in 1 2 3 4 5 6 7 8 9 10; do python3 -c 'sum(range(5000000))'; done; sleep 1.5; times >&2"
    with probe.program("/bin/sh", "-c", script, stderr=subprocess.PIPE) as popen:
        out = probe.probe_ok("stat", "-p", popen.pid, "-o", "-", timeout=60).out
        times = popen.stderr.read().decode()
    minutes = re.findall(r"(\d+)m([\d.]+)s", times)
    used = sum(60 * int(m) + float(s) for m, s in minutes)
    rows = list(csv.DictReader(io.StringIO(out)))
    ours = sum(int(row["cpu_ns"]) for row in rows) / 1e9
    # What was used before we looked is not ours: one child at the most.
    assert used * 0.85 - 0.05 <= ours <= used * 1.02 + 0.05, (ours, used)


def test_what_may_not_be_read():
    """Another user's process, without the capabilities of root: I/O and open files are not measured, and never 0."""
    nobody = ("/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/bin/sleep", 30)
    powerless = ("/usr/bin/setpriv", "--bounding-set=-all", "--inh-caps=-all", probe.BUILD / "probe")
    with probe.program(*nobody) as other:
        probe.wait_for(lambda: "sleep" in probe.Path(f"/proc/{other.pid}/comm").read_text(), 10, "sleep")
        done = probe.run(*powerless, "stat", "-p", other.pid, "1100ms", "-o", "-")
    assert done.code == 0, done
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert rows and all(row["fds"] == row["read_bytes"] == row["written_bytes"] == "" for row in rows)
    assert all(int(row["rss_bytes"]) > 0 and row["major_faults"] != "" for row in rows)


def test_an_exec_meanwhile():
    """It goes by the name of what it became."""
    with probe.program("/bin/sh", "-c", "read line; exec sleep 60", stdin=subprocess.PIPE) as popen:
        stat = subprocess.Popen([probe.BUILD / "probe", "stat", "-p", str(popen.pid), "-o", "-"], text=True,
                                env=probe.environment(), stdout=subprocess.PIPE)
        time.sleep(0.3)
        popen.stdin.write(b"\n")
        popen.stdin.close()
        probe.wait_for(lambda: Path(f"/proc/{popen.pid}/comm").read_text() == "sleep\n", 10, "exec")
        time.sleep(1.2)
        stat.send_signal(signal.SIGINT)
        rows = list(csv.DictReader(io.StringIO(stat.communicate(timeout=20)[0])))
    assert {row["name"] for row in rows} == {"sleep"}


def test_refusals(worker, tmp_path):
    assert probe.probe("stat", "-p", 4194304 - 7).code == 3
    assert probe.probe("stat").code == 2
    (tmp_path / "there").write_text("")
    there = probe.probe("stat", "-p", worker, "-o", tmp_path / "there")
    assert there.code == 1 and "--force" in there.hint


def test_on_a_terminal(worker, tmp_path):
    with Terminal(tmp_path, f"{STAT} -p {worker}", 80, 24) as terminal:
        probe.wait_for(lambda: terminal.text().count(f" {worker} ") > 1, 20, "two readings")
        terminal.keys("C-c")
        table = terminal.table("WRITTEN/s")
        assert max(map(len, table)) <= 80 and "status 0" in table
        assert any("voluntary switches/s" in line for line in table)


def test_beside_the_stacks(worker, tmp_path):
    """A recording reads the same each second; views show it, merging keeps both."""
    def left():  # times that it left a CPU by itself
        return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", Path(f"/proc/{worker}/status").read_text(), re.M)[1])
    before = left()
    _, profile = probe.record(tmp_path / "p.pb.gz", "-p", worker, "2200ms")
    most = left() - before
    (used,) = profile.info.resources
    assert len(used["time_ns"]) == len(used["cpu"]) == len(used["rss"]) >= 2
    assert 1.5e9 < used["time_ns"][-1] < 4e9 and min(used["rss"]) > 1 << 20 and set(used["threads"]) == {1}
    assert sum(used["minor_faults"]) > 100 and 0 < sum(used["voluntary_switches"]) <= most
    table = probe.probe_ok("report", "--resources", tmp_path / "p.pb.gz").out
    assert re.search(r"^USED +MIN +MEAN +MAX +TOTAL$", table, re.M) and re.search(r"^cpu +[\d.]+%", table, re.M)
    rows = list(csv.DictReader(io.StringIO(probe.probe_ok("export", tmp_path / "p.pb.gz", "-f", "csv", "-o", "-").out)))
    assert [int(row["cpu_ns"]) for row in rows] == used["cpu"]
    exported = json.loads(probe.probe_ok("export", tmp_path / "p.pb.gz", "-f", "json", "-o", "-").out)
    assert exported["resources"][0]["readings"]["rss_bytes"] == used["rss"]
    probe.probe_ok("merge", tmp_path / "p.pb.gz", tmp_path / "p.pb.gz", "-o", tmp_path / "twice.pb.gz")
    assert probe.Profile(tmp_path / "twice.pb.gz").info.resources == [used, used]


def used(profile):
    (read,) = profile.info.resources
    return read, sum(read["cpu"]) / read["time_ns"][-1]


def test_beside_threads_and_the_machine(tmp_path):
    """Of one of several threads, what it used alone; of the machine, what its processors did."""
    with probe.target("threads", 60) as popen:
        tids = probe.wait_for(lambda: (found := sorted(int(t) for t in os.listdir(f"/proc/{popen.pid}/task"))) and
                              len(found) >= 3 and found, 10, "its threads")
        def oncpu(tid):  # some live only a moment
            try:
                return int(Path(f"/proc/{popen.pid}/task/{tid}/schedstat").read_text().split()[0])
            except OSError:
                return 0
        before = {tid: oncpu(tid) for tid in tids}
        time.sleep(0.3)
        busy = max(tids, key=lambda tid: oncpu(tid) - before[tid])
        began = oncpu(busy)
        _, profile = probe.record(tmp_path / "t.pb.gz", "-t", busy, "1500ms")
        spent = oncpu(busy) - began
        read, share = used(profile)
        # Between the two looks at the thread lies more than the recording; its share is that of a part of it.
        assert 0 < sum(read["cpu"]) <= spent + 20e6 and share <= 1.05
        assert sum(read["cpu"]) >= 0.5 * profile.total("cpu") - 20e6
        assert set(read["threads"]) == {1} and not read["rss"] and not read["fds"] and read["voluntary_switches"]
        table = probe.probe_ok("report", "--resources", tmp_path / "t.pb.gz").out
        assert re.search(r"^rss +- +- +-", table, re.M)
        _, profile = probe.record(tmp_path / "a.pb.gz", "-a", "1500ms")
        read, share = used(profile)
        assert 0.2 < share <= os.cpu_count() * 1.05
        assert min(read["rss"]) > 10 << 20 and min(read["threads"]) > 1 and not read["voluntary_switches"]
