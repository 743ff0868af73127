# SPDX-License-Identifier: Apache-2.0
"""Runs the built programs, programs to record, and reads what was recorded: by `go tool pprof`, and by
a reader of the pprof format of its own, so that our codec is never its own judge."""
import contextlib
import dataclasses
import gzip
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PROBE_BUILD", ROOT / "build"))
TARGETS = ROOT / "build/targets"
NPM = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "probe/npm"  # packaging/install-npm
PROGRAMS = ("probe", "probed", "probe-symbolizer")


@dataclasses.dataclass
class Result:
    code: int
    out: str
    err: str
    seconds: float

    @property
    def hint(self):
        return "".join(re.findall(r"^  hint: (.*)$", self.err, re.M))


def environment(**more):
    """A user's: no colour settings, no terminal, our programs first."""
    keep = ("HOME", "LANG", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS")
    env = {k: os.environ[k] for k in keep if k in os.environ}
    env["PATH"] = f"{BUILD}:/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
    env.update(more)
    return env


def run(*args, timeout=60, text=True, **options):
    """Runs a command to its end. `cwd`, `env`, `stdin` as in subprocess."""
    began = time.monotonic()
    done = subprocess.run([str(a) for a in args], capture_output=True, timeout=timeout,
                          env=options.pop("env", environment()),
                          stdin=options.pop("stdin", subprocess.DEVNULL), **options)
    out, err = done.stdout, done.stderr
    if text:
        out, err = out.decode("utf-8", "surrogateescape"), err.decode("utf-8", "surrogateescape")
    return Result(done.returncode, out, err, time.monotonic() - began)


def probe(*args, **options):
    """Runs `probe ARGS` with the programs in build/."""
    return run(BUILD / "probe", *args, **options)


def probe_ok(*args, **options):
    result = probe(*args, **options)
    assert result.code == 0, f"probe {args}: {result}"
    return result


def record(out, *args, **options):
    """Records into `out` and reads it back: (Result, Profile)."""
    result = probe_ok("record", "-o", out, "--force", *args, **options)
    return result, Profile(out)


class Recording:
    """`probe record` in the background, once it samples."""

    def __init__(self, *args, cwd=None, wait=True):
        self.popen = subprocess.Popen([str(a) for a in (BUILD / "probe", "record", *args)], cwd=cwd,
                                      env=environment(), stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.pid = self.popen.pid
        self.err = b""
        if wait:
            self.err = self.popen.stderr.readline()
            assert b"Profiling" in self.err, self.err + self.popen.stderr.read()

    def end(self, sig=None, timeout=30):
        """Signals it (None: waits for its own end)."""
        if sig is not None:
            self.popen.send_signal(sig)
        out, err = self.popen.communicate(timeout=timeout)
        return Result(self.popen.returncode, out.decode("utf-8", "surrogateescape"),
                      (self.err + err).decode("utf-8", "surrogateescape"), 0)

    def processes(self, name):
        """The pids of our program `name` below this probe, oldest first."""
        found = []
        for pid in descendants(self.pid):
            with contextlib.suppress(OSError):
                if Path(os.readlink(f"/proc/{pid}/exe")).name == name:
                    found.append(pid)
        return sorted(found)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        self.popen.stdout.close()
        self.popen.stderr.close()


def own_mounts():
    """Options of unshare(1) for mounts of one's own. Below a changed root it cannot say how they spread."""
    usual = ["--mount"]
    return usual if run("/usr/bin/unshare", *usual, "/bin/true").code == 0 else [*usual, "--propagation", "unchanged"]


def has_user_namespaces():
    """There are none below a changed root."""
    return run("/usr/bin/unshare", "--user", "/bin/true").code == 0


def wait_for(condition, seconds, what):
    """The condition's first true value, looked for until `seconds` are over."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited {seconds} s in vain for {what}"
        time.sleep(0.02)


# Programs to record.

@contextlib.contextmanager
def program(*args, ready=None, **options):
    """A program in the background, ended by its pid. Yields the Popen."""
    popen = subprocess.Popen([str(a) for a in args], stdin=options.pop("stdin", subprocess.DEVNULL),
                             stdout=options.pop("stdout", subprocess.DEVNULL),
                             stderr=options.pop("stderr", subprocess.DEVNULL),
                             env=options.pop("env", environment()), **options)
    try:
        if ready:
            wait_for(ready, 20, f"{args[0]} to be ready")
        yield popen
    finally:
        if popen.poll() is None:
            popen.terminate()
            try:
                popen.wait(10)
            except subprocess.TimeoutExpired:
                popen.kill()
        popen.wait()


def target(name, *args, **options):
    """One of tests/targets/."""
    return program(TARGETS / name, *args, **options)


def yield_cpus(*pids):
    """From now on processes that spin run when nobody else wants to: what they are recorded for is done."""
    for pid in pids:
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):
                os.setpriority(os.PRIO_PROCESS, int(task), 19)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def redis(tmp, load=True):
    """redis-server under redis-benchmark. Yields the server's Popen."""
    port = free_port()
    server = ("/usr/bin/redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
              "--appendonly", "no", "--dir", tmp)
    bench = ("/usr/bin/redis-benchmark", "-h", "127.0.0.1", "-p", port, "-t", "set,get,lpush",
             "-c", "20", "-P", "8", "-r", "100000", "-n", "1000000000", "-q")
    with program(*server, ready=lambda: answers(port)) as popen:
        if not load:
            yield popen
            return
        with program(*bench):
            time.sleep(0.2)
            yield popen


@contextlib.contextmanager
def nginx(tmp):
    """nginx with two workers under wrk. Yields the master's pid file and Popen."""
    port = free_port()
    tmp = Path(tmp)
    for part in ("html", "t"):
        (tmp / part).mkdir(exist_ok=True)
    (tmp / "html/index.html").write_text("x" * 2000)
    paths = "".join(f"{kind}_temp_path {tmp}/t/{kind};\n" for kind in
                    ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (tmp / "nginx.conf").write_text(f"""daemon off; master_process on; worker_processes 2; user root;
pid {tmp}/nginx.pid; error_log {tmp}/error.log;
events {{ worker_connections 512; }}
http {{ access_log {tmp}/access.log; {paths}
server {{ listen 127.0.0.1:{port} reuseport; root {tmp}/html; gzip on; gzip_min_length 1; gzip_types *; }} }}
""")
    with program("/usr/sbin/nginx", "-c", tmp / "nginx.conf", "-e", tmp / "error.log",
                 ready=lambda: answers(port)) as master:
        with program("/usr/bin/wrk", "-t1", "-c16", "-d3600", "-H", "Accept-Encoding: gzip",
                     f"http://127.0.0.1:{port}/"):
            time.sleep(0.2)
            yield master


PYTHON_LOOP = """
import sys, time
def inner(n):
    return sum(i * i for i in range(n))
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    inner(2000)
print(time.process_time_ns())
"""
SQL = ("with recursive t(i, x) as (select 1, 1.0 union all select i + 1, x * 1.0000001 + i % 7 from t "
       "limit {n}) select count(*), sum(x), max(i) from t where x > 3;")


def python_loop(seconds=3600):
    return program("/usr/bin/python3", "-c", PYTHON_LOOP, seconds)


# The machine.

def descendants(pid):
    """All processes below pid."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, IndexError):
                stat = Path(f"/proc/{entry}/stat").read_text(errors="replace")
                children.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(entry))
    found, todo = [], [pid]
    while todo:
        for child in children.get(todo.pop(), []):
            found.append(child)
            todo.append(child)
    return found


def cpu_ns(pids):
    """On-CPU time of processes with all their threads, by the scheduler's own account."""
    total = 0
    for pid in [pids] if isinstance(pids, int) else pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                total += int((task / "schedstat").read_text().split()[0])
    return total


class Steal:
    """Of all CPUs since it was made: seconds stolen, and as a share of the time."""

    def __init__(self):
        self.before = self.read()

    @staticmethod
    def read():
        numbers = [int(x) for x in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return numbers[7] / os.sysconf("SC_CLK_TCK"), sum(numbers) / os.sysconf("SC_CLK_TCK")

    def seconds(self):
        return self.read()[0] - self.before[0]

    def share(self):
        stolen, total = self.read()
        return (stolen - self.before[0]) / max(total - self.before[1], 1e-9)


def quiet_machine(attempt):
    """Runs attempt() again while the machine had more than 10 % of its time stolen: at most 3 times."""
    for _ in range(3):
        steal = Steal()
        result = attempt()
        if steal.share() <= 0.10:
            return result
    raise AssertionError(f"machine: {steal.share():.0%} of its time was stolen in each of 3 runs")


def assert_counts(samples, hz, cpu_seconds, stolen_seconds):
    """samples x period = on-CPU time, including what was stolen of it, within max(2 %, 4 sigma)."""
    expected = cpu_seconds * hz
    slack = max(0.02 * expected, 4 * expected ** 0.5)
    low, high = expected - slack, expected + stolen_seconds * hz + slack
    assert low <= samples <= high, (f"{samples} samples at {hz} Hz; {cpu_seconds:.3f} s on CPU and "
                                    f"{stolen_seconds:.3f} s stolen are {low:.0f} to {high:.0f}")


def our_processes(build=None):
    """Processes that run one of our programs: {pid: name}."""
    found = {}
    build = str(build or BUILD)
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                exe = os.readlink(f"/proc/{entry}/exe")
                if exe.startswith(build) and Path(exe).name in PROGRAMS:
                    found[int(entry)] = Path(exe).name
    return found


def bpf_objects():
    """BPF programs, maps and links that our processes hold, by their fds: {("prog", id), …}."""
    found = set()
    for pid in our_processes():
        with contextlib.suppress(OSError):
            for path in Path(f"/proc/{pid}/fdinfo").iterdir():
                with contextlib.suppress(OSError):
                    for kind, number in re.findall(r"^(prog|map|link)_id:\s*(\d+)", path.read_text(), re.M):
                        found.add((kind, int(number)))
    return found


def still_there(objects):
    """Those of these BPF objects that the kernel still has."""
    import json
    found = set()
    for kind in ("prog", "map", "link"):
        listed = run("/usr/sbin/bpftool", kind, "show", "-j")
        # A link may go while they are listed: bpftool fails and is asked again.
        if listed.code == 0 and listed.out.strip():
            found |= {(kind, o["id"]) for o in json.loads(listed.out)}
        else:
            found |= {o for o in objects if o[0] == kind}
    return found & objects


# Profiles.

def pprof(*args, **options):
    """`go tool pprof`, which must have nothing to complain of."""
    result = run("/usr/bin/go", "tool", "pprof", "-symbolize=none", *args, **options)
    assert result.code == 0, result
    complaints = [line for line in result.err.splitlines()
                  if line and not re.match(r"(Main binary filename|File|Build ID|Type|Time|Generating report)", line)]
    assert not complaints, complaints
    return result.out


def pprof_top(*args):
    """[(function, flat, cum)] with values in the unit shown by -unit."""
    out = pprof("-top", "-nodecount=0", "-nodefraction=0", "-edgefraction=0", "-unit=ms", *args)
    rows = []
    for line in out.splitlines():
        match = re.match(r"\s*(-?[\d.]+)(?:ms)?\s+\S+%\s+\S+%\s+(-?[\d.]+)(?:ms)?\s+\S+%\s+(.*?)(?: \(inline\))?$", line)
        if match:
            rows.append((match[3], float(match[1]), float(match[2])))
    return rows


def fields(data):
    """The fields of a protobuf message: yields (number, value), value an int or bytes."""
    i, n = 0, len(data)

    def varint(i):
        value = shift = 0
        while True:
            byte = data[i]
            i += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, i
            shift += 7

    while i < n:
        key, i = varint(i)
        kind = key & 7
        if kind == 0:
            value, i = varint(i)
        elif kind == 1:
            value, i = data[i:i + 8], i + 8
        elif kind == 2:
            size, i = varint(i)
            assert size <= n - i, "cut"
            value, i = data[i:i + size], i + size
        elif kind == 5:
            value, i = data[i:i + 4], i + 4
        else:
            raise AssertionError(f"wire type {kind}")
        yield key >> 3, value


def numbers(value):
    """A repeated number, packed or not."""
    if isinstance(value, int):
        return [value]
    found, i = [], 0
    while i < len(value):
        number = shift = 0
        while True:
            byte = value[i]
            i += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        found.append(number)
    return found


@dataclasses.dataclass
class Frame:
    function: str
    system_name: str
    file: str
    line: int
    module: str
    address: int


@dataclasses.dataclass
class Sample:
    frames: list  # leaf first, inlined ones resolved
    values: dict  # by type
    labels: dict


class Profile:
    """A pprof file, read whole."""

    def __init__(self, path):
        data = Path(path).read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        self.raw = data
        top = {}
        for number, value in fields(data):
            top.setdefault(number, []).append(value)
        self.strings = [v.decode("utf-8", "surrogateescape") for v in top.get(6, [])]
        text = lambda m, k: self.strings[m.get(k, 0)]
        plain = lambda v: dict(fields(v))
        self.types = [text(plain(v), 1) for v in top.get(1, [])]
        self.units = [text(plain(v), 2) for v in top.get(1, [])]
        self.mappings = {plain(v)[1]: plain(v) for v in top.get(3, [])}
        self.functions = {plain(v)[1]: plain(v) for v in top.get(5, [])}
        self.time_ns, self.duration_ns = (top.get(k, [0])[0] for k in (9, 10))
        self.period = top.get(12, [0])[0]
        self.comments = [self.strings[i] for v in top.get(13, []) for i in numbers(v)]
        self.default_type = self.strings[top.get(14, [0])[0]]
        locations = {}
        for value in top.get(4, []):
            location, lines = {}, []
            for number, inner in fields(value):
                if number == 4:
                    lines.append(plain(inner))
                else:
                    location[number] = inner
            module = text(self.mappings.get(location.get(2, 0), {}), 5)
            locations[location[1]] = [
                Frame(text(self.functions[line[1]], 2), text(self.functions[line[1]], 3),
                      text(self.functions[line[1]], 4), line.get(2, 0), module, location.get(3, 0))
                for line in lines] or [Frame("", "", "", 0, module, location.get(3, 0))]
        self.samples = []
        for value in top.get(2, []):
            ids, values, labels = [], [], {}
            for number, inner in fields(value):
                if number == 1:
                    ids += numbers(inner)
                elif number == 2:
                    values += numbers(inner)
                elif number == 3:
                    label = plain(inner)
                    labels[text(label, 1)] = text(label, 2) if label.get(2) else label.get(3, 0)
            frames = [frame for i in ids for frame in locations[i]]
            self.samples.append(Sample(frames, dict(zip(self.types, values)), labels))
        self.info = Info(b"".join(top[1000])) if 1000 in top else None

    def total(self, kind="samples", where=lambda s: True):
        return sum(s.values.get(kind, 0) for s in self.samples if where(s))

    def cum(self, function, kind="samples"):
        """Of all samples with the function anywhere in the stack."""
        return self.total(kind, lambda s: any(f.function == function for f in s.frames))

    def self(self, function, kind="samples"):
        return self.total(kind, lambda s: s.frames and s.frames[0].function == function)

    def share(self, function):
        return self.cum(function) / max(self.total(), 1)

    def by_label(self, label):
        sums = {}
        for sample in self.samples:
            key = sample.labels.get(label)
            if sample.values.get("samples"):
                sums[key] = sums.get(key, 0) + sample.values["samples"]
        return sums

    def names(self):
        return {f.function for s in self.samples for f in s.frames}


def packed(data):
    """The numbers of a packed field of varints."""
    values, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            values.append(value)
            value = shift = 0
    return values


def resources(data):
    """A Resources message: {"time_ns": […], name: […]}."""
    found = {}
    for number, value in fields(data):
        if number == 1:
            found["time_ns"] = packed(value)
        else:
            parts = dict(fields(value))
            found[parts[1].decode()] = packed(parts.get(4, b""))
    return found


class Info:
    """Field 1000 of a profile of ours: common/info.proto."""
    TEXTS = {2: "name", 4: "mode", 6: "reason", 17: "host_kernel", 20: "event", 26: "off_hook"}
    NUMBERS = {1: "version", 3: "pid", 7: "processes", 8: "threads", 9: "firings", 10: "samples",
               19: "whole_machine", 25: "off_period_ns"}
    DOUBLES = {5: "hz", 14: "steal_share", 18: "own_cpu_seconds"}
    COUNTERS = {11: "firing", 12: "lost", 13: "walk_ends", 22: "wait", 23: "wait_ns", 24: "wait_walk_ends"}

    def __init__(self, data):
        import struct
        for name in [*self.TEXTS.values(), *self.NUMBERS.values(), *self.DOUBLES.values()]:
            setattr(self, name, None)
        for name in self.COUNTERS.values():
            setattr(self, name, {})
        self.labels, self.notes, self.thread, self.resources = [], [], [], []
        self.wait_ends = {}  # (reason, module): how many
        for number, value in fields(data):
            if number in self.TEXTS:
                setattr(self, self.TEXTS[number], value.decode())
            elif number in self.NUMBERS:
                setattr(self, self.NUMBERS[number], value)
            elif number in self.DOUBLES:
                setattr(self, self.DOUBLES[number], struct.unpack("<d", value)[0])
            elif number in self.COUNTERS:
                counter = dict(fields(value))
                name = counter[1].decode()
                sums = getattr(self, self.COUNTERS[number])
                sums[name] = sums.get(name, 0) + counter[2]
                if number == 24:
                    self.wait_ends[name, counter.get(3, b"").decode()] = counter[2]
            elif number == 15:
                self.thread.append(dict(fields(value)))
            elif number == 16:
                self.labels.append(value.decode())
            elif number == 21:
                self.notes.append(value.decode())
            elif number == 30:
                self.resources.append(resources(value))

    def assert_reconciled(self):
        """Every firing is a sample or has a named reason not to be one."""
        accounted = self.samples + sum(self.firing.values())
        assert accounted == self.firings, (self.firings, self.samples, self.firing)


def clean_up(path):
    shutil.rmtree(path, ignore_errors=True)


SIGNALS = {"INT": signal.SIGINT, "TERM": signal.SIGTERM, "HUP": signal.SIGHUP, "KILL": signal.SIGKILL}
