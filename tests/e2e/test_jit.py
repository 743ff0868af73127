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
const end = Date.now() + 1000 * process.argv[2]; while (Date.now() < end) outer();
"""


@contextlib.contextmanager
def node(tmp_path, *options, seconds=60):
    """Runs SCRIPT, and yields its process once it is compiled."""
    script = tmp_path / "fibonacci.js"
    script.write_text(SCRIPT)
    with probe.program(NODE, *options, script, seconds, cwd=tmp_path) as popen:
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


def check(profile):
    assert share(profile, "fibonacci ") > 0.8
    assert share(profile, "outer ") > 0.8
    assert share(profile, "[jit]") < 0.05
    frames = [f for s in profile.samples for f in s.frames if "fibonacci " in f.function]
    assert {frame.module for frame in frames} == {"[jit]"}
    assert not any("perf-PID.map" in note for note in profile.info.notes)


def test_perf_map(tmp_path):
    with node(tmp_path, "--perf-basic-prof") as target:
        _, profile = probe.record(tmp_path / "out.pb.gz", "-p", target.pid, "-F", 199, "1s")
    check(profile)


def test_dump(tmp_path):
    """Of a process that maps what it writes. Node keeps up to 2 MiB of its dump to itself: what is not in
    the file yet has no name, and is there all the same."""
    with node(tmp_path, "--perf-prof") as target:
        probe.wait_for(lambda: probe.cpu_ns(target.pid) > 1e9, 20, "node to compute")
        _, profile = probe.record(tmp_path / "out.pb.gz", "-p", target.pid, "-F", 199, "1s")
    if share(profile, "[jit]") < 0.05:
        check(profile)
    else:
        assert share(profile, "[jit]") + share(profile, "fibonacci ") > 0.8


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
