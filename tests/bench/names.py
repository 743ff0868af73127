#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Milliseconds from the end of a recording to the text of a report with all names: alone, and the first and second
recording of a daemon; beside perf's texts of as long a recording, with and without inlined functions, and what
addr2line takes for the addresses of our samples. Without debug files, which are out of sight in a mount name space of
our own, and with them, of as many units as were hit.

Environment: NAMES (redis,nginx,postgres,node,cc1plus,python), NAMES_SECONDS (10) of a recording."""
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
import daemon  # noqa: E402
import probe  # noqa: E402
import servers  # noqa: E402

SECONDS = float(os.environ.get("NAMES_SECONDS", "10"))
PERF = "/usr/bin/perf"
DEBUG_FILES = "/usr/lib/debug"
PATIENCE = 20  # seconds for each of perf's texts
FIRST_MS, AGAIN_MS, WITH_LINES_MS, UNIT_MS = 300, 100, 1000, 10
WORKER_MB = 3 << 10  # symbolizer/sandbox.c

PYTHON = """
import json, re, random, zlib, hashlib, decimal, datetime
while True:
    words = [str(random.random()) for _ in range(300)]
    text = json.dumps({w: sorted(words)[:3] for w in words[:20]})
    json.loads(text), re.sub(r"[0-9]+(\\.)", lambda m: m[1], text), {w: len(w) for w in words}
    sum(decimal.Decimal(w) for w in words[:20]), [f"{float(w):.3f}".encode() for w in words], datetime.datetime.now().isoformat()
    zlib.crc32(text.encode()), hashlib.sha1(text.encode()).hexdigest(), " ".join(words).split()
"""


@contextlib.contextmanager
def node(tmp):
    script = Path(tmp) / "script.js"
    script.write_text("function f(n) { return n < 2 ? n : f(n - 1) + f(n - 2); } for (;;) JSON.stringify([f(18), {a: f(9)}]);")
    with probe.program("/usr/bin/node", script) as popen:
        time.sleep(0.5)
        yield popen


@contextlib.contextmanager
def compiler(tmp):
    """cc1plus again and again, as its driver runs it."""
    source = ROOT / "tests/agree/sample.cc"
    with probe.program("/bin/sh", "-c", f"while :; do g++ -O2 -std=c++17 -c -o {tmp}/out.o {source}; done") as popen:
        time.sleep(0.5)
        yield popen


@contextlib.contextmanager
def python(tmp):
    with probe.program("/usr/bin/python3.11", "-c", PYTHON) as popen:
        time.sleep(0.5)
        yield popen


PROGRAMS = {"redis": probe.redis, "nginx": probe.nginx, "postgres": servers.postgres, "node": node, "cc1plus": compiler,
            "python": python}
WITH_DEBUG_FILES = {"python"}


def milliseconds_of(*command, **options):
    """None: it took longer than anybody waits."""
    began = time.monotonic()
    try:
        subprocess.run([str(c) for c in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True,
                       timeout=PATIENCE, env=probe.environment(), **options)
    except subprocess.TimeoutExpired:
        return None
    return 1e3 * (time.monotonic() - began)


def worker_mb(root_pid):
    """The most memory that a worker of these processes had."""
    most = 0
    for pid in probe.descendants(root_pid):
        with contextlib.suppress(OSError):
            if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "probe-symbolizer":
                peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
                most = max(most, int(peak[1]) / 1024)
    return most


def recorded_ms(pid, out, watched=None, **environment):
    """(ms from the signal that ends a recording to the text of its report, the worker's MB). `watched`: whose workers,
    if not the recorder's."""
    recorder = subprocess.Popen([probe.BUILD / "probe", "record", "-p", str(pid), "-F", "99", "-o", out, "--force"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                env=probe.environment(**environment))
    assert b"Profiling" in recorder.stderr.readline()
    time.sleep(SECONDS)
    began = time.monotonic()
    recorder.send_signal(probe.signal.SIGINT)
    most = 0
    while recorder.poll() is None:  # its workers end with it
        most = max(most, worker_mb(watched or recorder.pid))
        time.sleep(0.005)
    recorder.communicate(timeout=60)
    assert recorder.returncode == 0
    milliseconds = 1e3 * (time.monotonic() - began)
    return milliseconds + milliseconds_of(probe.BUILD / "probe", "report", out), max(most, worker_mb(watched) if watched else 0)


def code_segments(path):
    """(file offset, its end, address) of each."""
    listing = probe.run("/usr/bin/readelf", "-lW", path).out
    found = re.findall(r"^ +LOAD +(0x\w+) (0x\w+) 0x\w+ (0x\w+) 0x\w+ R E", listing, re.M)
    return [(int(offset, 16), int(offset, 16) + int(size, 16), int(address, 16)) for offset, address, size in found]


def addr2line_ms(profile):
    """(ms, addresses): of all addresses of files that are there."""
    asked = {}
    for frame in (f for s in profile.samples for f in s.frames):
        if frame.module.startswith("/"):
            asked.setdefault(frame.module, set()).add(frame.address)
    total, n = 0, 0
    for module, addresses in asked.items():
        if not os.path.exists(module):
            continue
        segments, text = code_segments(module), []
        for mapping in (m for m in profile.mappings.values() if profile.strings[m.get(5, 0)] == module):
            for address in addresses:
                offset = address - mapping[2] + mapping.get(4, 0)
                text += [hex(offset - start + vaddr) for start, end, vaddr in segments
                         if mapping[2] <= address < mapping[3] and start <= offset < end]
        took = milliseconds_of("/usr/bin/addr2line", "-i", "-f", "-e", module, input="\n".join(text).encode() + b"\n")
        n += len(text)
        total = None if took is None or total is None else total + took
    return total, n


def units_hit(profile):
    """Compilation units, roughly: the files of functions that nothing else is inlined into."""
    return len({(f.module, f.file) for s in profile.samples for f in s.frames if f.file})


def judge(what, value, ceiling, unit="ms"):
    print(f"  {what}: {value:.0f} {unit}, ceiling {ceiling:.0f} {unit}: {'within' if value <= ceiling else 'TOO MUCH'}", flush=True)
    return value > ceiling


def text_of(milliseconds):
    return f"over {PATIENCE} s" if milliseconds is None else f"{milliseconds:.0f} ms"


def processes_of(target):
    return {target.pid, *probe.descendants(target.pid)}


def tell_others(profile, pids, data):
    """What perf and addr2line take."""
    pids = ",".join(map(str, pids))
    subprocess.run([PERF, "record", "-q", "-g", "-F", "99", "-e", "cpu-clock", "-p", pids, "-o", data, "--", "/bin/sleep",
                    str(SECONDS)], capture_output=True, check=True)
    for verb in (("report", "--stdio"), ("script",)):
        with_inlined, without = (milliseconds_of(PERF, *verb, "-i", data, *more) for more in ((), ("--no-inline",)))
        print(f"  perf {verb[0]}: {text_of(with_inlined)}, --no-inline: {text_of(without)}")
    took, n = addr2line_ms(profile)
    print(f"  addr2line of {n:,} addresses: {text_of(took)}")


def name(program):
    with tempfile.TemporaryDirectory(prefix="bench") as tmp, PROGRAMS[program](Path(tmp)) as target:
        out, data = Path(tmp) / "out.pb.gz", Path(tmp) / "perf.data"
        pids = processes_of(target)
        alone, most = recorded_ms(target.pid, out)
        with daemon.Daemon(tmp) as server:
            (first, mb), (again, mb_again) = (recorded_ms(target.pid, out, server.pid, PROBE_SOCKET=str(server.path))
                                              for _ in range(2))
        profile = probe.Profile(out)
        units = units_hit(profile)
        print(f"{program}: {profile.total():,} samples, {len(profile.samples):,} stacks, "
              + (f"debug files, {units} units hit" if program in WITH_DEBUG_FILES else "no debug files"))
        ceiling = WITH_LINES_MS + UNIT_MS * units if program in WITH_DEBUG_FILES else FIRST_MS
        exceeded = judge("text, alone", alone, ceiling)
        exceeded |= judge("text, a daemon's first", first, ceiling)
        exceeded |= judge("text, a daemon's second", again, AGAIN_MS)
        exceeded |= judge("the worker's memory", max(most, mb, mb_again), WORKER_MB, "MB")
        tell_others(profile, pids & processes_of(target), data)  # those that stay: the others are their children
    return exceeded


def names():
    """Each in a process of its own, whose debug files are hidden unless they are wanted."""
    exceeded = False
    for program in os.environ.get("NAMES", ",".join(PROGRAMS)).split(","):
        command = ["/usr/bin/python3", "-B", __file__, program]
        if program not in WITH_DEBUG_FILES and os.path.isdir(DEBUG_FILES):
            command = ["/usr/bin/unshare", "-m", "/bin/sh", "-c", f'mount -t tmpfs none {DEBUG_FILES} && exec "$@"', "sh", *command]
        done = subprocess.run(command, check=False).returncode
        assert done in (0, 1), (program, done)
        exceeded |= done == 1
    return exceeded


if __name__ == "__main__":
    sys.exit(1 if name(sys.argv[1]) else 0)
