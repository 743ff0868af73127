# SPDX-License-Identifier: Apache-2.0
"""Code that a process makes while it runs, named by what the process wrote down of it."""
import contextlib
import signal
from pathlib import Path

import probe

NODE = "/usr/bin/node"
SCRIPT = """
function fibonacci(n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
function outer() { let s = 0; for (let i = 0; i < 1000; i++) s += fibonacci(18); return s; }
function more(n) { for (let i = 0; i < n; i++)
  new Function("a", `let s = ${i}; for (let j = 0; j < a; j++) s = (s * 31 + j) ^ ${i}; return s`)(3000); }
const end = Date.now() + 1000 * process.argv[2], extra = process.argv[3] | 0;
while (Date.now() < end) { outer(); more(extra); }
"""


@contextlib.contextmanager
def node(tmp_path, *options, seconds=60, extra=0):
    """Runs SCRIPT, and yields its process once it is compiled. `extra`: functions that it makes all the time."""
    script = tmp_path / "fibonacci.js"
    script.write_text(SCRIPT)
    with probe.program(NODE, *options, script, seconds, extra, cwd=tmp_path) as popen:
        wrote = Path(f"/tmp/perf-{popen.pid}.map")
        try:
            if "--perf-basic-prof" in options:
                probe.wait_for(lambda: wrote.exists() and "*outer" in wrote.read_text(errors="replace"),
                               20, "node to compile the function")
            yield popen
        finally:
            wrote.unlink(missing_ok=True)


def share(profile, words):
    """Of the samples: those with a frame of such a function."""
    return sum(sample.values["samples"] for sample in profile.samples
               if any(words in frame.function for frame in sample.frames)) / profile.total()


def check(profile, unnamed=0.05):
    assert share(profile, "fibonacci ") > 0.8
    assert share(profile, "outer ") > 0.8
    assert share(profile, "[jit]") < unnamed
    frames = [f for s in profile.samples for f in s.frames if "fibonacci " in f.function]
    assert {frame.module for frame in frames} == {"[jit]"}
    assert not any("perf-PID.map" in note for note in profile.info.notes)


def test_perf_map(tmp_path):
    with node(tmp_path, "--perf-basic-prof") as target:
        _, profile = probe.record(tmp_path / "out.pb.gz", "-p", target.pid, "-F", 199, "1s")
    check(profile)


def record_by_dump(tmp_path):
    """Of a node that has written down both functions, once it is known to; None: it does not, as happens when it
    compiled one of them at another time than others do."""
    def wrote(pid):
        dump = (tmp_path / f"jit-{pid}.dump").read_bytes()
        return b"*outer " in dump and b"*fibonacci " in dump

    with node(tmp_path, "--perf-prof", extra=60) as target:
        try:
            probe.wait_for(lambda: probe.cpu_ns(target.pid) > 1e9 and wrote(target.pid), 12, "node to write its dump")
        except AssertionError:
            return None
        for _ in range(4):  # a function that is compiled anew is named when that is written, some time later
            _, profile = probe.record(tmp_path / "out.pb.gz", "-p", target.pid, "-F", 199, "1s")
            if share(profile, "outer ") > 0.8:
                break
    return profile


def test_dump(tmp_path):
    """Of a process that maps what it writes. Node keeps up to 2 MiB of its dump to itself: functions that
    are made all the time push out those that are asked for."""
    profile = next(filter(None, (record_by_dump(tmp_path) for _ in range(4))), None)
    check(profile, unnamed=0.2)  # of the extra ones the last have no name yet


def test_a_process_that_ends_first(tmp_path):
    """Its perf map was opened when its code was first seen."""
    out = tmp_path / "out.pb.gz"
    with node(tmp_path, "--perf-basic-prof") as target:
        with probe.Recording("-p", target.pid, "-F", 199, "-o", out, "--force") as recording:
            probe.wait_for(lambda: probe.cpu_ns(target.pid) > 1.5e9, 20, "node to compute")
            target.send_signal(signal.SIGKILL)
            assert recording.end().code == 0
    check(probe.Profile(out))


def test_without_a_map(tmp_path):
    with node(tmp_path) as target:
        _, profile = probe.record(tmp_path / "out.pb.gz", "-p", target.pid, "-F", 199, "1s")
    assert share(profile, "fibonacci ") == 0
    assert share(profile, "[jit]") > 0.8
    assert any("/tmp/perf-PID.map" in note for note in profile.info.notes)
