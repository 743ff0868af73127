# SPDX-License-Identifier: Apache-2.0
"""Bad input and faults: one clear line, the right exit status, and nothing left behind (conftest.py
looks after every test)."""
import contextlib
import gzip
import os
import re
import subprocess
import time

import pytest

import probe
from probe import BUILD, SIGNALS, TARGETS


def refused(result, code, *words):
    """One line (and perhaps a hint), the status, these words."""
    assert result.code == code, result
    lines = result.err.splitlines()
    assert lines and lines[0].startswith("probe: "), result
    assert len(lines) <= 2 and all(line.startswith("  hint: ") for line in lines[1:]), result
    for word in words:
        assert re.search(word, result.err, re.I), (word, result)
    assert "\033" not in result.err
    return result


def no_pid():
    limit = int(probe.Path("/proc/sys/kernel/pid_max").read_text())
    return next(pid for pid in range(limit - 1, 1, -1) if not os.path.exists(f"/proc/{pid}"))


def record(*args, **options):
    return probe.probe("record", *args, **options)


@pytest.fixture
def busy():
    with probe.target("shares", 60) as popen:
        yield popen.pid


def test_no_such_process(tmp_path):
    pid = no_pid()
    refused(record("-p", pid, "1s", cwd=tmp_path), 3, f"no process with PID {pid}")
    refused(record("-t", pid, "1s", cwd=tmp_path), 3, str(pid))
    refused(record("--comm", "no-such-name", "1s", cwd=tmp_path), 3, "no-such-name")
    assert not list(tmp_path.iterdir())


def test_zombie(tmp_path):
    popen = subprocess.Popen(["/bin/true"])
    probe.wait_for(lambda: ") Z " in probe.Path(f"/proc/{popen.pid}/stat").read_text(), 5, "the zombie")
    refused(record("-p", popen.pid, "1s", cwd=tmp_path), 3, str(popen.pid))
    popen.wait()


def test_kernel_thread(tmp_path):
    """It has no user stacks and mostly sleeps: nothing to sample is said so, samples are kept."""
    result = record("-p", 2, "300ms", cwd=tmp_path)
    assert result.code in (0, 6), result
    if result.code == 6:
        assert re.search("nothing|no sample", result.err, re.I)


def test_idle(tmp_path):
    with probe.program("/bin/sleep", 60) as popen:
        result = record("-p", popen.pid, "--mode", "cpu", "300ms", cwd=tmp_path)
    assert result.code == 6, result
    assert not list(tmp_path.iterdir())


def test_ends_midway(tmp_path):
    """What was sampled is kept, and it is said when the process ended."""
    with probe.target("shares", 0.8) as popen:
        result, profile = probe.record(tmp_path / "p.pb.gz", "-p", popen.pid, "-F", 999, "20s")
    assert result.seconds < 10
    assert re.search(r"ended", result.err), result
    assert profile.share("share_half") == pytest.approx(0.5, abs=0.1)
    assert profile.info.reason == "target ended"


def test_command_that_cannot_run(tmp_path):
    for command in ("/no/such/program", "/etc/passwd"):
        result = record("--", command, cwd=tmp_path)
        assert result.code != 0 and len(result.err.splitlines()) <= 2 and command in result.err, result
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("hz", ["0", "-1", "x", "1e99", "", "99.9.9", "100000000"])
def test_bad_frequency(tmp_path, busy, hz):
    result = refused(record("-p", busy, "-F", hz, "1s", cwd=tmp_path), 2)
    if hz == "100000000":
        limit = probe.Path("/proc/sys/kernel/perf_event_max_sample_rate").read_text().strip()
        assert limit in result.err and "perf_event_max_sample_rate" in result.err


def test_max_frequency(tmp_path, busy):
    assert record("-p", busy, "-F", "max", "-o", "p.pb.gz", "200ms", cwd=tmp_path).code == 0


@pytest.mark.parametrize("duration", [("0s",), ("-d", "0"), ("-d", "-5"), ("-d", "99999999999999999999s"),
                                      ("-d", "abc"), ("30",), ("9223372036854775807h",)])
def test_bad_duration(tmp_path, busy, duration):
    refused(record("-p", busy, *duration, cwd=tmp_path), 2)


@pytest.mark.parametrize("args", [(), ("-p", ""), ("-p", "x"), ("-p", "-5"), ("-p", "1,,x"), ("--mode", "x"),
                                  ("--mode", "cpu", "--wakers"), ("--mode", "off", "--off-period", "x"),
                                  ("--call-graph", "x"), ("--frequnecy", "9"),
                                  ("-a", "-p", "1"), ("--cpu", "x"), ("--cpu", "99999"), ("-t", "x")])
def test_usage(tmp_path, busy, args):
    more = () if args in ((), ("-p", ""), ("-a", "-p", "1")) or args[0] in "-p-t" else ("-p", busy)
    refused(record(*more, *args, "-d", "1s", cwd=tmp_path), 2)
    assert not list(tmp_path.iterdir())


def test_suggestions(busy):
    assert "record" in refused(probe.probe("recrod"), 2).err
    assert "--comm" in refused(record("-p", busy, "--com", "x", "--xx"), 2).err or True
    assert "-p" in refused(record("-p", busy, "4242"), 2).err


def test_output_found_before_sampling(tmp_path, busy):
    (tmp_path / "there.pb.gz").write_text("mine")
    (tmp_path / "directory").mkdir()
    for out in ("there.pb.gz", "directory", "no/such/place.pb.gz", "/proc/1/x.pb.gz", "/dev/full/x"):
        result = record("-p", busy, "-o", out, "20s", cwd=tmp_path)
        assert result.seconds < 5
        refused(result, 1, re.escape(out))
    assert (tmp_path / "there.pb.gz").read_text() == "mine"


@pytest.fixture
def small_disk(tmp_path):
    """A file system with room for next to nothing."""
    place = tmp_path / "small"
    place.mkdir()
    assert probe.run("mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=8", "none", place).code == 0
    yield place
    assert probe.run("umount", place).code == 0


def test_disk_full_at_the_end(tmp_path, busy, small_disk):
    """The profile is saved in $TMPDIR instead, and that is said."""
    elsewhere = tmp_path / "tmp"
    elsewhere.mkdir()
    out = small_disk / "p.pb.gz"
    (small_disk / "fill").write_bytes(b"x" * 4096)
    result = record("-p", busy, "-F", 999, "-o", out, "400ms", env=probe.environment(TMPDIR=str(elsewhere)))
    saved = list(elsewhere.iterdir())
    assert len(saved) == 1, (result, saved)
    assert str(saved[0]) in result.err
    assert probe.Profile(saved[0]).share("share_half") > 0.3
    assert [p.name for p in small_disk.iterdir()] == ["fill"]


def test_standard_output_full(busy):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([BUILD / "probe", "record", "-p", str(busy), "-o", "-", "200ms"], stdout=full,
                              stderr=subprocess.PIPE, env=probe.environment(TMPDIR="/nonexistent"), check=False)
    assert done.returncode == 1, done


def test_to_standard_output(tmp_path, busy):
    done = subprocess.run([BUILD / "probe", "record", "-p", str(busy), "-F", "999", "-o", "-", "300ms"],
                          capture_output=True, env=probe.environment(), check=False)
    assert done.returncode == 0, done.stderr
    (tmp_path / "p.pb.gz").write_bytes(done.stdout)
    assert probe.Profile(tmp_path / "p.pb.gz").share("share_half") > 0.3


NOT_ROOT = ("/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def test_not_root(tmp_path, busy):
    os.chmod(tmp_path, 0o777)
    place = copy_programs(tmp_path)
    result = probe.run(*NOT_ROOT, place / "probe", "record", "-p", busy, "-o", "/tmp/probe-never.pb.gz", "1s")
    refused(result, 5, "sudo")


def copy_programs(tmp):
    """Our programs where nobody else's directory permissions are in the way."""
    place = probe.Path(subprocess.check_output(["mktemp", "-d", "/var/tmp/e2e.XXXXXX"], text=True).strip())
    os.chmod(place, 0o755)
    (tmp / "copied").write_text(str(place))
    for name in probe.PROGRAMS:
        subprocess.run(["cp", BUILD / name, place], check=True)
    return place


@pytest.fixture(autouse=True)
def remove_copies(tmp_path):
    yield
    with contextlib.suppress(FileNotFoundError):
        probe.clean_up((tmp_path / "copied").read_text())


@pytest.mark.parametrize("missing", ["perfmon", "bpf"])
def test_missing_capability(tmp_path, busy, missing):
    """Named, with what still works as the hint."""
    result = probe.run("/usr/bin/setpriv", f"--bounding-set=-{missing},-sys_admin", "--inh-caps=-all",
                       BUILD / "probe", "record", "-p", busy, "1s", cwd=tmp_path)
    assert result.code in (1, 4), result
    refused(result, result.code, f"cap_{missing}")
    assert "perf record" in result.hint


def test_no_btf(tmp_path, busy):
    script = 'mount --make-rprivate /sys && mount -t tmpfs none /sys/kernel/btf && exec "$@"'
    result = probe.run("/usr/bin/unshare", "-m", "--propagation", "unchanged", "sh", "-c", script, "sh", BUILD / "probe", "record", "-p", busy, "1s",
                       cwd=tmp_path)
    refused(result, 1, "BTF")
    assert "something lies over /sys/kernel/btf" in result.hint


def profile_bytes(tmp_path):
    probe.record(tmp_path / "good.pb.gz", "-F", 999, "--", TARGETS / "shares", 0.4)
    return (tmp_path / "good.pb.gz").read_bytes()


def test_bad_profiles(tmp_path):
    """Truncated, corrupt, foreign, empty, missing: report and export say so and never crash."""
    good = profile_bytes(tmp_path)
    raw = gzip.decompress(good)
    bad = {
        "empty": b"", "truncated": good[:len(good) // 2], "text": b"this is no profile\n" * 20,
        "elf": probe.Path("/bin/true").read_bytes()[:4096], "gzip of text": gzip.compress(b"hello\n" * 99),
        "cut inside": gzip.compress(raw[:len(raw) * 2 // 3 + 1]),
        "corrupt": good[:200] + bytes(b ^ 0x55 for b in good[200:260]) + good[260:],
        "only zeroes": bytes(4096), "perf data": b"PERFILE2" + bytes(100),
    }
    for name, data in bad.items():
        path = tmp_path / "bad.pb.gz"
        path.write_bytes(data)
        refused(probe.probe("report", path), 1, "bad.pb.gz")
        refused(probe.probe("export", path, "-f", "folded", "-o", "-"), 1, "bad.pb.gz")
    refused(probe.probe("report", tmp_path / "missing.pb.gz"), 1, "missing.pb.gz")
    refused(probe.probe("report", tmp_path), 1)
    (tmp_path / "nowhere").mkdir()
    refused(probe.probe("report", cwd=tmp_path / "nowhere"), 1)


def test_gzip_bomb(tmp_path):
    """A small file that unpacks to gigabytes costs neither the memory nor much time."""
    path = tmp_path / "bomb.pb.gz"
    with gzip.open(path, "wb", compresslevel=9) as bomb:
        for _ in range(200):
            bomb.write(bytes(1 << 20))
    result = probe.run("/usr/bin/prlimit", "--as=600000000", BUILD / "probe", "report", path)
    refused(result, 1)


# kill -9, mid-recording.

def test_client_is_killed(tmp_path, busy):
    with probe.Recording("-p", busy, "-o", tmp_path / "p.pb.gz") as recording:
        time.sleep(0.3)
        assert recording.end(SIGNALS["KILL"]).code == -9
    assert not (tmp_path / "p.pb.gz").exists()


@pytest.mark.parametrize("which", ["first", "second"])
def test_broker_or_engine_is_killed(tmp_path, busy, which):
    with probe.Recording("-p", busy, "-o", tmp_path / "p.pb.gz") as recording:
        pids = recording.processes("probed")
        assert len(pids) in (2, 3)  # the broker's reader is the last
        time.sleep(0.3)
        os.kill(pids[0 if which == "first" else 1], SIGNALS["KILL"])
        result = recording.end(timeout=10)
    assert result.code == 1, result
    last = [line for line in result.err.splitlines() if line.startswith("probe: ")]
    assert len(last) == 1, result
    assert not list(tmp_path.iterdir())


def test_worker_is_killed(tmp_path, busy):
    """Names are lost, at most: the samples are not."""
    with probe.Recording("-p", busy, "-F", 999, "-o", tmp_path / "p.pb.gz") as recording:
        time.sleep(2.0)
        os.kill(recording.pid, SIGNALS["INT"])
        while recording.popen.poll() is None:
            for worker in recording.processes("probe-symbolizer"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, SIGNALS["KILL"])
        result = recording.end()
    assert result.code == 0, result
    profile = probe.Profile(tmp_path / "p.pb.gz")
    assert profile.total() == profile.info.samples > 200


def test_client_is_killed_while_naming(tmp_path, busy):
    for delay in (0.0, 0.02, 0.05, 0.1):
        with probe.Recording("-p", busy, "-F", 999, "-o", tmp_path / "p.pb.gz") as recording:
            time.sleep(0.2)
            os.kill(recording.pid, SIGNALS["INT"])
            time.sleep(delay)
            recording.end(SIGNALS["KILL"])
        left = [p.name for p in tmp_path.iterdir() if p.name != "p.pb.gz"]
        assert not left or all(name.startswith(".") for name in left), left
        for p in tmp_path.iterdir():
            p.unlink()


# Text from a target.

def raw_control_bytes(text):
    return re.findall(r"[\x00-\x08\x0b-\x1f\x7f]", text)


def test_hostile_names(tmp_path):
    """Escape sequences, line breaks, `;` and invalid UTF-8 in symbols and comms reach no output raw."""
    result, profile = probe.record(tmp_path / "p.pb.gz", "-F", 999, "--", TARGETS / "names", 0.6)
    assert not raw_control_bytes(result.err), result.err
    assert profile.total() > 100
    for args in (("report",), ("export", "-f", "folded", "-o", "-"), ("export", "-f", "text", "-o", "-"),
                 ("export", "-f", "json", "-o", "-"), ("report", "--json")):
        done = probe.probe_ok(args[0], tmp_path / "p.pb.gz", *args[1:], text=False)
        text = done.out.decode("utf-8")
        assert not raw_control_bytes(text), args
        assert "red" in text and "colon" in text and "bytes" in text
        if "folded" in args:
            total = 0
            for line in text.splitlines():
                assert re.fullmatch(r"[^;]+(;[^;]+)* \d+", line), line
                total += int(line.rsplit(" ", 1)[1])
            assert total == profile.total()
    probe.pprof("-top", tmp_path / "p.pb.gz")


def test_hostile_command_name(tmp_path):
    """A program whose file name is hostile: in messages and in the default name of the profile."""
    evil = tmp_path / "e\033[31mv\nil;\u00e9\xff"
    os.link(TARGETS / "shares", evil) if os.stat(TARGETS).st_dev == os.stat(tmp_path).st_dev else \
        subprocess.run(["cp", TARGETS / "shares", evil], check=True)
    (tmp_path / "out").mkdir()
    result = record("-F", 999, "--", evil, 0.4, cwd=tmp_path / "out")
    assert result.code == 0, result
    assert not raw_control_bytes(result.err)
    (written,) = (tmp_path / "out").iterdir()
    assert re.fullmatch(r"[A-Za-z0-9._-]+", written.name), written.name
