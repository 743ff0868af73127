# SPDX-License-Identifier: Apache-2.0
"""What a whole recording takes from a job that shares its only CPU with the recorder: its start, sampling, names,
writing and end. Where all CPUs are busy, this is what a service loses by it."""
import contextlib
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

import probe
from daemon import Daemon

JOB = probe.TARGETS / "job"
PERF = "/usr/bin/perf"
RECORDED = 4


@contextlib.contextmanager
def on_one_cpu():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def ways(out, daemon):
    ours = [(f"probe {hz} Hz{how}", (probe.BUILD / "probe", "record", "-F", hz, "-o", out, "--force", f"{RECORDED}s"), env)
            for how, env in (("", probe.environment()), (", service", daemon.environment())) for hz in (99, 999)]
    return [("alone", None, None), *ours,
            *((f"perf {graph} 99 Hz", (PERF, "record", "-e", "cpu-clock", "--call-graph", graph, "-F", 99, "-o", out, "--", "sleep",
                                       RECORDED), probe.environment()) for graph in ("fp", "dwarf,8192", "dwarf,65528"))]


def job_seconds(work, command=None, env=None):
    """The job's time with the recorder beside it, which must have ended before the job."""
    job = subprocess.Popen([JOB, str(work)], stdout=subprocess.PIPE, text=True)
    recorder = None
    if command:
        program, verb, *rest = map(str, command)
        recorder = subprocess.Popen([program, verb, "-p", str(job.pid), *rest], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL, env=env)
    took = float(job.stdout.read().split()[-1])
    job.wait()
    if recorder:
        assert recorder.poll() == 0, (command, recorder.poll())
    return took


def whole(rounds):
    with on_one_cpu(), tempfile.TemporaryDirectory(prefix="bench") as name, Daemon(name) as daemon:
        all_ways = ways(Path(name) / "out", daemon)
        work = int(200 * (RECORDED + 4) / min(job_seconds(200) for _ in range(3)))
        more = {name: [] for name, *_ in all_ways}
        for _ in range(rounds):
            took = {name: job_seconds(work, *how) for name, *how in all_ways}
            for name in took:
                more[name].append(took[name] - took["alone"])
    print(f"CPU time that a recording of {RECORDED} s takes in all from a job on the same CPU, {rounds} rounds")
    for name in list(more)[1:]:
        print(f"{name:22} {statistics.median(more[name]):7.3f} s  {min(more[name]):.3f} - {max(more[name]):.3f}")
    ours, theirs = more["probe 999 Hz, service"], more["perf dwarf,8192 99 Hz"]
    verdict = "below it" if max(ours) < min(theirs) else "TOO MUCH" if min(ours) > max(theirs) else "not told apart"
    print(f"probe 999 Hz of the service, ceiling that of perf dwarf,8192 99 Hz: {verdict}")
    return verdict == "TOO MUCH"
