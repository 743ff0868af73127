#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What recording costs, beside `perf record -g`: a fixed CPU job alone and recorded, interleaved.

A run is the same work again and again (BENCH_SECONDS of it when nothing records), timed by itself. In
each round every way to record gets one run, in an order that changes; the ratio of a round is its time
over that round's time alone. Printed: the median of the ratios with its 95 % interval (bootstrap), CPU
seconds of all processes of the profiler while it records (of one CPU) and in all (with start, names and
writing), the most memory they had at once, the kernel memory of the BPF maps, and the time from the end of the job to a report as text.

Environment: BENCH_SECONDS (2.0) a run, BENCH_ROUNDS (9)."""
import contextlib
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
import probe  # noqa: E402

SECONDS = float(os.environ.get("BENCH_SECONDS", "2.0"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "9"))
JOB = probe.TARGETS / "job"
MEMORY_NAMES = {"mappings", "sessions", "ring", "spaces", "unwind_tables", "unwind_pages", "unwind_rows",
                "unwind_rules", "counters", "ticks", "everything", "seen", "filter", "threads", "scratch"}


class Watch(threading.Thread):
    """Samples /proc for a profiler's processes: CPU time and the memory they had at once."""

    def __init__(self, root_pid):
        super().__init__(daemon=True)
        self.root_pid = root_pid
        self.cpu, self.peak_kb, self.ended = {}, 0, threading.Event()

    def look(self):
        total = 0
        for pid in [self.root_pid, *probe.descendants(self.root_pid)]:
            with contextlib.suppress(OSError, IndexError, ValueError):
                self.cpu[pid] = max(self.cpu.get(pid, 0), probe.cpu_ns(pid))
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
        self.peak_kb = max(self.peak_kb, total)

    def run(self):
        while not self.ended.wait(0.1):
            self.look()

    def cpu_seconds(self):
        return sum(self.cpu.values()) / 1e9


def maps_bytes():
    """Of our maps in the kernel now."""
    listed = probe.run("/usr/sbin/bpftool", "map", "show", "-j")
    if listed.code or not listed.out.strip():
        return 0
    return sum(m.get("bytes_memlock", 0) for m in json.loads(listed.out)
               if m.get("name", "") in MEMORY_NAMES or m.get("name", "").startswith("sampler"))


def job_seconds(text):
    return float(text.split()[-1])


class Way:
    """One way to run the job."""

    def __init__(self, name, hz=None, tool=None):
        self.name, self.hz, self.tool = name, hz, tool
        self.times, self.ratios, self.cpu, self.all_cpu, self.peak_kb, self.text = ([] for _ in range(6))
        self.maps = 0

    def run(self, work, tmp):
        if not self.tool:
            self.times.append(job_seconds(subprocess.check_output([JOB, str(work)], text=True)))
            return
        # The job waits until the recording runs: attaching is not part of the measure.
        job = subprocess.Popen([JOB, str(work), "wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        out = tmp / f"{self.tool}.out"
        if self.tool == "probe":
            command = [probe.BUILD / "probe", "record", "-p", str(job.pid), "-g", "-F", str(self.hz), "-o", out, "--force"]
        else:
            command = ["/usr/bin/perf", "record", "-p", str(job.pid), "-g", "-F", str(self.hz), "-e", "cpu-clock", "-o", out]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        recorder = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=probe.environment())
        if self.tool == "probe":
            assert b"Profiling" in recorder.stderr.readline()
        else:
            time.sleep(0.8)
        if self.tool == "probe" and not self.maps:
            self.maps = maps_bytes()
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
        watch = Watch(recorder.pid)
        watch.look()
        at_start = watch.cpu_seconds()
        watch.start()
        job.stdin.close()
        self.times.append(job_seconds(job.stdout.read()))
        watch.look()
        self.cpu.append((watch.cpu_seconds() - at_start) / self.times[-1])
        job_usage = os.wait4(job.pid, 0)[2]
        job.returncode = 0
        recorder.communicate(timeout=60)
        watch.ended.set()
        watch.join()
        # All processes of the profiler are children that ended: the kernel's own sum.
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
        used -= job_usage.ru_utime + job_usage.ru_stime
        self.all_cpu.append(max(used, watch.cpu_seconds()))
        self.peak_kb.append(watch.peak_kb)
        self.text.append(self.time_to_text(out))

    def time_to_text(self, out):
        began = time.monotonic()
        if self.tool == "probe":
            subprocess.run([probe.BUILD / "probe", "report", out], check=True, stdout=subprocess.DEVNULL, env=probe.environment())
        else:
            subprocess.run(["/usr/bin/perf", "report", "--stdio", "-i", out], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, env=probe.environment())
        return time.monotonic() - began


def interval(values, times=4000):
    """Of the median: 95 %, by bootstrap."""
    generator = random.Random(1)
    medians = sorted(statistics.median(generator.choices(values, k=len(values))) for _ in range(times))
    return medians[int(times * 0.025)], medians[int(times * 0.975)]


def work_for(seconds):
    """Rounds of the job's work that take so long alone."""
    probe_work = 200
    took = min(job_seconds(subprocess.check_output([JOB, str(probe_work)], text=True)) for _ in range(3))
    return max(1, int(probe_work * seconds / took))


def main():
    ways = [Way("alone"), Way("probe 99 Hz", 99, "probe"), Way("probe 999 Hz", 999, "probe"), Way("perf -g 99 Hz", 99, "perf")]
    work = work_for(SECONDS)
    steal = probe.Steal()
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        for way in ways:
            way.run(work, Path(name))  # once to warm up
        for way in ways:
            way.times, way.cpu, way.all_cpu, way.peak_kb, way.text = ([] for _ in range(5))
        for i in range(ROUNDS):
            order = ways[i % len(ways):] + ways[:i % len(ways)]
            for way in order if i % 2 else reversed(order):
                way.run(work, Path(name))
            for way in ways[1:]:
                way.ratios.append(way.times[-1] / ways[0].times[-1])
    print(f"{ROUNDS} rounds of a job of {statistics.median(ways[0].times):.2f} s; "
          f"{steal.share():.1%} of the machine's time was stolen")
    print(f"{'':14} {'ratio':>7} {'95 % interval':>16} {'CPU':>7} {'CPU in all':>10} {'peak PSS':>9} {'BPF maps':>9} {'to text':>8}")
    for way in ways[1:]:
        low, high = interval(way.ratios)
        maps = f"{way.maps / 1e6:.1f} MB" if way.maps else "-"
        print(f"{way.name:14} {statistics.median(way.ratios):7.4f} {low:7.4f} - {high:.4f} "
              f"{statistics.median(way.cpu):7.2%} {statistics.median(way.all_cpu):8.3f} s {max(way.peak_kb) / 1e3:6.1f} MB {maps:>9} {statistics.median(way.text):6.2f} s")
    ours = ways[1]
    judged = (("CPU at 99 Hz", statistics.median(ours.cpu) * 100, "%", 2.0, 0.5), ("peak memory at 99 Hz", max(ours.peak_kb) / 1e3, "MB", 64, 40))
    exceeded = False
    for what, value, unit, ceiling, aim in judged:
        verdict = "within the aim" if value <= aim else "within the ceiling" if value <= ceiling else "TOO MUCH"
        exceeded |= value > ceiling
        print(f"{what}: {value:.2f} {unit}, ceiling {ceiling} {unit}, aim {aim} {unit}: {verdict}")
    return 1 if exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
