# SPDX-License-Identifier: Apache-2.0
"""Every BPF map filled four times over: by a build whose maps are tiny (`make SMALL=1`; bpf/types.h), since
65,536 processes are more than a test should start. No wrong data, every firing has its place, and what
did not fit is said by name."""
import contextlib
import json
import os
import re
import signal
import subprocess
import time

from daemon import Daemon

import probe

SMALL = probe.BUILD / "small"
PROCESSES = 4 * 64
MAPPINGS = 4 * 256


@contextlib.contextmanager
def crowd(processes, mappings):
    with subprocess.Popen([str(probe.TARGETS / "crowd"), "60", str(processes), str(mappings)],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=probe.environment()) as popen:
        try:
            assert popen.stdout.readline() == b"ready\n"
            yield popen
        finally:
            popen.kill()


def test_rest(tmp_path):
    """A daemon lets programs, maps and files go when nobody has recorded for a while, also when somebody asks how it is;
    what it counted stays, and it records again. (Of this build that while is a second.)"""
    def counted(server):
        status = json.loads(probe.run(SMALL / "probe", "status", "--json", env=server.environment()).out)
        return status["samples"], status["program_seconds"], status["lost"]

    def rests(server):
        counted(server)
        return not probe.bpf_objects() & loaded

    with Daemon(tmp_path, build=SMALL) as server, probe.target("shares", 60) as target:
        for _ in range(3):
            result = server.record("-p", target.pid, "-F", 999, "-o", tmp_path / "x.pb.gz", "--force", "300ms")
            assert result.code == 0 and probe.Profile(tmp_path / "x.pb.gz").share("share_half") > 0.2, result
            loaded = probe.bpf_objects()
            assert loaded
            before = counted(server)
            probe.wait_for(lambda: rests(server), 20, "the daemon to rest")
            assert counted(server) == before and before[0] > 0 and before[1] > 0
            assert not server.workers()


def record(popen, out, *args):
    """Records the crowd from before its members are there."""
    recording = subprocess.Popen([str(a) for a in (SMALL / "probe", "record", "--mode", "cpu", "-p", popen.pid, "-F", "999",
                                                   "-o", out, *args, "60s")],
                                 env=probe.environment(), stderr=subprocess.PIPE)
    try:
        assert b"Profiling" in recording.stderr.readline()
        popen.stdin.write(b"go\n")
        popen.stdin.flush()
        assert popen.stdout.readline() == b"all\n"
        time.sleep(1.5)
    finally:
        recording.send_signal(signal.SIGINT)
        probe.yield_cpus(popen.pid, *probe.descendants(popen.pid))
        err = recording.communicate(timeout=60)[1].decode()
    assert recording.returncode == 0, err
    profile = probe.Profile(out)
    profile.info.assert_reconciled()
    assert profile.info.samples == profile.total()
    return profile


def assert_true(profile, known):
    """What has names lies in the functions that run, under their callers."""
    burning = [s for s in profile.samples if any(f.function == "crowd_burn" for f in s.frames)]
    assert burning
    for sample in burning:
        names = [f.function for f in sample.frames]
        callers = names[names.index("crowd_burn") + 1:]
        assert callers[:2] in (["crowd_member", "main"], ["crowd_member"], []), names
        assert known.match(";".join(callers)), names


KNOWN = re.compile(r"^(crowd_member(;main(;.*)?)?)?$")


def test_more_processes_than_the_filter_holds(tmp_path):
    with crowd(PROCESSES, 0) as popen:
        profile = record(popen, tmp_path / "x.pb.gz")
    told = re.search(r"processes: (\d+) forked ones did not fit", "\n".join(profile.info.notes))
    # All but those that fit: the kernel adds an entry a CPU.
    assert told and PROCESSES - 64 - os.cpu_count() - 8 <= int(told[1]) < PROCESSES, profile.info.notes
    assert profile.total() > 100
    assert_true(profile, KNOWN)


def test_more_mappings_than_there_is_room_for(tmp_path):
    with crowd(32, MAPPINGS) as popen:
        profile = record(popen, tmp_path / "x.pb.gz")
    assert profile.total() > 100
    assert_true(profile, KNOWN)
    burned = sum(s.values["samples"] for s in profile.samples if any(f.function == "crowd_burn" for f in s.frames))
    assert burned > 0.5 * profile.total()


def test_more_stacks_than_the_table_of_those_sent(tmp_path):
    with probe.target("paths", 3600) as target:
        out = tmp_path / "x.pb.gz"
        result = probe.run(SMALL / "probe", "record", "--mode", "cpu", "-p", target.pid, "-F", "4999", "-U", "-o", out, "3s")
        assert result.code == 0, result
    profile = probe.Profile(out)
    profile.info.assert_reconciled()
    assert profile.info.samples == profile.total()
    stacks = {tuple(f.function for f in sample.frames) for sample in profile.samples}
    whole = [stack for stack in stacks if stack[0] == "path_end"]
    assert len(whole) > 4 * 256
    for stack in whole:
        assert set(stack[1:18]) <= {"path_left", "path_right"} and stack[18] == "main", stack


def all_there(pid, n):
    tids = sorted(os.listdir(f"/proc/{pid}/task"), key=int)
    return tids if len(tids) == n else None


def test_more_threads_than_can_be_named(tmp_path):
    """-t: refused by name, and nothing stays behind."""
    with probe.target("threads", 3600, 4 * 32) as target:
        tids = probe.wait_for(lambda: all_there(target.pid, 4 * 32 + 1), 10, "all threads")
        # Each spins: they leave others their share of the CPUs; those that are recorded must run, though.
        for i, tid in enumerate(tids):
            os.setpriority(os.PRIO_PROCESS, int(tid), 5 if i < 32 else 19)
        result = probe.run(SMALL / "probe", "record", "--mode", "cpu", "-t", ",".join(tids), "-o",
                           tmp_path / "x.pb.gz", "1s")
        assert result.code == 1 and "more than 32 threads at once" in result.err, result
        few = probe.run(SMALL / "probe", "record", "--mode", "cpu", "-t", ",".join(tids[:32]), "-o",
                        tmp_path / "y.pb.gz", "500ms")
        assert few.code == 0 and "32 threads" in few.err, few


def test_more_threads_than_are_followed(tmp_path):
    """Those that fit have their times and waits, of the others it is said that they are not known."""
    fit = 16 * 7
    with probe.target("sleepers", 4 * fit, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as target:
        assert target.stdout.readline()
        out = tmp_path / "x.pb.gz"
        result = probe.run(SMALL / "probe", "record", "-p", target.pid, "--mode", "wall", "-o",
                           out, "1s")
        assert result.code == 0, result
    profile = probe.Profile(out)
    profile.info.assert_reconciled()
    told = re.search(r"thread times: (\d+) threads did not fit", "\n".join(profile.info.notes))
    assert told and 3 * fit <= int(told[1]) <= 4 * fit + 1, profile.info.notes


def record_slowly(seconds, out):
    """A recording whose worker stands still for so long when names are asked for: longer than a second, until which all
    is asked for in this build (daemon/build.c), or longer than 4 s, after which nothing is."""
    with probe.target("deep", 60, 40) as popen:
        recording = subprocess.Popen([str(a) for a in (SMALL / "probe", "record", "-p", popen.pid, "-o", out)],
                                     env=probe.environment(), stderr=subprocess.PIPE)
        assert b"Profiling" in recording.stderr.readline()
        time.sleep(1)
        worker, = (p for p in probe.descendants(recording.pid)
                   if os.path.basename(os.readlink(f"/proc/{p}/exe")) == "probe-symbolizer")
        os.kill(worker, signal.SIGSTOP)
        recording.send_signal(signal.SIGINT)
        time.sleep(seconds)
        os.kill(worker, signal.SIGCONT)
        err = recording.communicate(timeout=60)[1].decode()
    assert recording.returncode == 0, err
    profile = probe.Profile(out)
    profile.info.assert_reconciled()
    return profile, "\n".join(profile.info.notes)


def test_names_that_take_long_come_without_lines(tmp_path):
    profile, notes = record_slowly(2.2, tmp_path / "x.pb.gz")
    hurried = re.search(r"names: took too long: no lines and inlined functions of (\d+) files, no names at all of", notes)
    assert hurried and int(hurried[1]) >= 1, notes
    named = {f.function for s in profile.samples for f in s.frames}
    assert {"deep_even", "deep_odd", "main", "_start"} <= named, named


def test_names_that_take_too_long_do_not_come(tmp_path):
    profile, notes = record_slowly(5.2, tmp_path / "x.pb.gz")
    given_up = re.search(r"names: took too long: no lines and inlined functions of 0 files, no names at all of (\d+)", notes)
    assert given_up and int(given_up[1]) >= 1, notes
    named = {f.function for s in profile.samples for f in s.frames}
    # The program itself came first; what else there is keeps its addresses.
    assert {"deep_even", "deep_odd", "main"} <= named, named
    assert any(re.match(r"\[(libc\.so\.6|kernel)\+0x", f) for f in named), named
