# SPDX-License-Identifier: Apache-2.0
"""What each process may do, as the kernel shows it, beside a table."""
import contextlib
import os
import time

import pytest

import probe

CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
                "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
                "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
                "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL",
                "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON",
                "BPF", "CHECKPOINT_RESTORE"]
BROKER = {"BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH", "CHECKPOINT_RESTORE", "SYSLOG", "SETUID", "SETGID",
          "SETPCAP", "KILL"}


def status(pid):
    lines = (line.split(":\t", 1) for line in probe.Path(f"/proc/{pid}/status").read_text().splitlines())
    return {parts[0]: parts[1] for parts in lines if len(parts) == 2}


def capabilities(text):
    mask = int(text, 16)
    return {name for bit, name in enumerate(CAPABILITIES) if mask >> bit & 1} | ({"?"} if mask >> len(CAPABILITIES) else set())


@pytest.fixture(scope="module")
def trio(tmp_path_factory):
    """The processes of one recording: their /proc/PID/status and the sockets and files they hold."""
    out = tmp_path_factory.mktemp("trio") / "p.pb.gz"
    with probe.target("shares", 30) as popen:
        with probe.Recording("-p", popen.pid, "-o", out) as recording:
            time.sleep(0.4)
            statuses = {pid: status(pid) for pid in recording.processes("probed")}
            engine = [p for p in statuses if statuses[p]["Uid"].split()[1] != "0"]
            broker = [p for p in statuses if p not in engine]
            assert len(engine) == 1 and len(broker) == 2, statuses
            os.kill(recording.pid, probe.SIGNALS["INT"])
            worker = None
            while recording.popen.poll() is None:
                # A worker may live for a moment only. The last look at it counts.
                for pid in recording.processes("probe-symbolizer"):
                    with contextlib.suppress(OSError):
                        worker = status(pid)
            result = recording.end()
    assert result.code == 0, result
    assert worker
    return {"broker": statuses[broker[0]], "its reader": statuses[broker[1]], "engine": statuses[engine[0]], "worker": worker}


@pytest.mark.parametrize("who", ["broker", "its reader"])
def test_broker(trio, who):
    for kind in ("CapEff", "CapPrm", "CapBnd"):
        assert capabilities(trio[who][kind]) <= BROKER, kind
    for kind in ("CapInh", "CapAmb"):
        assert not capabilities(trio[who][kind]), kind
    assert trio[who]["NoNewPrivs"] == "1"


@pytest.mark.parametrize("who", ["engine", "worker"])
def test_engine_and_worker_have_none(trio, who):
    for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"):
        assert not capabilities(trio[who][kind]), kind
    assert trio[who]["NoNewPrivs"] == "1"
    uids, gids = set(trio[who]["Uid"].split()), set(trio[who]["Gid"].split())
    assert len(uids) == 1 and "0" not in uids
    assert len(gids) == 1 and "0" not in gids
    assert trio[who].get("Groups", "").strip() == ""


def test_each_has_its_own_uid(trio):
    assert trio["engine"]["Uid"] != trio["worker"]["Uid"]


@pytest.mark.parametrize("who", ["engine", "worker"])
def test_engine_and_worker_are_in_a_sandbox(trio, who):
    assert trio[who]["Seccomp"] == "2"


