# SPDX-License-Identifier: Apache-2.0
"""The engine cannot keep up, or CPUs come and go: no wrong data, and every firing has its place."""
import contextlib
import os
import re
import signal
import threading
import time
from pathlib import Path

import daemon
import users
from daemon import Daemon

import probe


def stop_for(seconds, server, client):
    """The engine, while `client` records; to the recording's end."""
    client.stderr.readline()
    os.kill(server.engine(), signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(server.engine(), signal.SIGCONT)
    err = client.communicate(timeout=60)[1].decode()
    assert client.returncode == 0, err


def read(path):
    """A profile in which nothing is missing without a reason."""
    profile = probe.Profile(path)
    profile.info.assert_reconciled()
    assert profile.info.samples == profile.total()
    return profile


def test_engine_stopped_for_5_s(tmp_path):
    """Everything waits in the ring, or is counted as lost."""
    with probe.target("threads", 3600) as target, Daemon(tmp_path) as server:
        client = server.recording("-p", target.pid, "-F", "999", "-o", tmp_path / "x.pb.gz", "6s")
        stop_for(5, server, client)
    profile = read(tmp_path / "x.pb.gz")
    # What does run is in the stacks, and nothing that does not.
    assert profile.share("worker_burn") > 0.8


def test_ring_full(tmp_path):
    """More than the ring holds, while nobody drains it: lost by name, and the rest is right."""
    with probe.target("deep", 400, 3600) as target, Daemon(tmp_path) as server:
        hz = int(Path("/proc/sys/kernel/perf_event_max_sample_rate").read_text())
        client = server.recording("-p", target.pid, "-F", str(min(hz, 20000)), "-o",
                                  tmp_path / "x.pb.gz", "5s")
        stop_for(4, server, client)
    read(tmp_path / "x.pb.gz")


def ask(client, kind, done, answers, failures):
    """The same again and again, until all is done."""
    try:
        while not done.is_set():
            client.send(daemon.field(kind, b""))
            while not daemon.fields(client.receive()[kind]).get(2, kind != daemon.LIST):
                pass  # parts of a list
            answers.append(time.monotonic())
    except Exception as failure:  # a thread's would be lost
        failures.append(failure)


def test_users_who_ask_all_the_time(tmp_path):
    """20 clients of one user: each tick has one list for them, and a recording beside loses nothing."""
    tmp_path.chmod(0o755)
    done, lists, statuses, failures = threading.Event(), [], [], []
    with probe.target("threads", 3600) as target, Daemon(tmp_path) as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(daemon.Client(server.path, connected=users.connection(server.path, users.ME)))
                   for _ in range(20)]
        askers = [threading.Thread(target=ask, args=(client, *((daemon.LIST, done, lists) if i % 2 else
                                                               (daemon.STATUS, done, statuses)), failures))
                  for i, client in enumerate(clients)]
        for asker in askers:
            asker.start()
        try:
            result = server.record("-p", target.pid, "-F", "999", "-o", tmp_path / "x.pb.gz", "2s")
        finally:
            done.set()
            for asker in askers:
                asker.join()
        assert result.code == 0 and not failures, (result, failures)
    profile = probe.Profile(tmp_path / "x.pb.gz")
    profile.info.assert_reconciled()
    assert not profile.info.firing.get("ring_full") and not profile.info.firing.get("lost_otherwise"), profile.info.firing
    assert profile.total() > 100
    seconds = max(lists) - min(lists)
    assert len(statuses) > 20 and 2 < len(lists) <= 10 * seconds + 2, (len(statuses), len(lists), seconds)


def test_more_stacks_than_any_table_holds(tmp_path):
    """Four times as many stacks as the programs remember to have sent: they are sent again, and none is
    mistaken for another."""
    with probe.target("paths", 3600) as target, Daemon(tmp_path) as server:
        result = server.record("-p", target.pid, "-F", "50000", "-U", "-o", tmp_path / "x.pb.gz", "8s")
        assert result.code == 0, result
    profile = probe.Profile(tmp_path / "x.pb.gz")
    profile.info.assert_reconciled()
    assert profile.info.samples == profile.total()
    stacks = {tuple(f.function for f in sample.frames) for sample in profile.samples}
    whole = [stack for stack in stacks if stack[0] == "path_end"]
    assert len(whole) > 20000
    for stack in whole:
        assert set(stack[1:18]) <= {"path_left", "path_right"} and stack[18] == "main", stack


def online(cpu):
    return Path(f"/sys/devices/system/cpu/cpu{cpu}/online")


def test_cpu_off_and_on(tmp_path):
    """What runs on a CPU that comes back is sampled there again."""
    assert online(1).exists(), "this machine cannot take a CPU off line"
    with probe.target("shares", 3600) as target, Daemon(tmp_path) as server:
        client = server.recording("-p", target.pid, "-F", "999", "--cpu", "1", "-o",
                                  tmp_path / "x.pb.gz", "4s")
        client.stderr.readline()
        try:
            online(1).write_text("0")
            time.sleep(1.2)  # the engine looks once a second
        finally:
            online(1).write_text("1")
        os.sched_setaffinity(target.pid, {1})
        began = probe.cpu_ns(target.pid)
        err = client.communicate(timeout=60)[1].decode()
        assert client.returncode == 0, err
        ran_s = (probe.cpu_ns(target.pid) - began) / 1e9
    profile = probe.Profile(tmp_path / "x.pb.gz")
    profile.info.assert_reconciled()
    # Of 2.8 s on that CPU, which it may share, it is sampled all but the first.
    assert profile.total() > 0.3 * 999 * ran_s, (profile.info.firing, ran_s)
    assert [n for n in profile.info.notes if re.fullmatch(
        r"CPUs: \d came on line: nothing was sampled there for at most \d+\.\d s", n)], profile.info.notes
