# SPDX-License-Identifier: Apache-2.0
"""Something that the daemon needs is not there: it says what, or records less and says that."""
import contextlib
import os
import re
from pathlib import Path

import pytest

import probe

SETPRIV = "/usr/bin/setpriv"


@pytest.fixture(scope="module")
def busy():
    with probe.target("shares", 3600) as popen:
        yield popen.pid


pytestmark = pytest.mark.keeps_running

# Each capability of the broker taken away: the exit status and words of a recording that cannot be, or the note in
# one that has less, or None where nothing of it is missing.
WITHOUT = {
    "bpf": (4, "CAP_BPF"),
    "perfmon": (4, "CAP_PERFMON"),
    "sys_ptrace": (0, "CAP_SYS_PTRACE"),
    "dac_read_search": (0, None),  # what everybody may read is there
    "checkpoint_restore": (0, "CAP_CHECKPOINT_RESTORE"),
    "syslog": (0, "CAP_SYSLOG"),
    "setuid": (1, "CAP_SETUID"),
    "setgid": (1, "CAP_SETGID"),
    "setpcap": (0, None),  # no_new_privs keeps capabilities from coming back
    "kill": (0, None),  # a worker ends when its socket does
}


def record(out, *args, before=()):
    return probe.run(*before, probe.BUILD / "probe", "record", "-F", "999", "-o", out, "--mode", "cpu", *args)


def notes(out):
    return probe.Profile(out).info.notes


@pytest.mark.parametrize("missing", WITHOUT)
def test_without_a_capability(tmp_path, busy, missing):
    code, words = WITHOUT[missing]
    out = tmp_path / "p.pb.gz"
    result = record(out, "-p", busy, "300ms",
                    before=(SETPRIV, f"--bounding-set=-{missing},-sys_admin", "--inh-caps=-all"))
    assert result.code == code, result
    if code:
        assert words in result.err and not out.exists(), result
        return
    profile = probe.Profile(out)
    profile.info.assert_reconciled()
    assert profile.total() > 10
    named = sum(s.values["samples"] for s in profile.samples if s.frames and s.frames[0].function.startswith("share_"))
    if words:
        assert any(words in note for note in notes(out)), notes(out)
        assert "for want of a capability" in result.err, result.err
    else:
        assert named > 0.5 * profile.total() and not any("CAP_" in note for note in notes(out)), notes(out)


def test_every_capability_is_in_the_table():
    source = (probe.ROOT / "daemon/privileges.c").read_text()
    kept = set(re.findall(r"^\tCAP_([A-Z_]+),", source, re.M)) - {"SYS_ADMIN"}
    assert kept == {name.upper() for name in WITHOUT}


def test_hardened_kernel(tmp_path):
    """kernel.perf_event_paranoid above 2. (What recordings say of it: tests/package/guest.)"""
    setting = tmp_path / "setting"
    setting.write_text("3\n")
    found = probe.run("/usr/bin/unshare", *probe.own_mounts(), "/bin/sh", "-ec",
                      'mount --bind "$1" /proc/sys/kernel/perf_event_paranoid; exec "$2" doctor', "sh", setting,
                      probe.BUILD / "probe")
    assert "sysctl kernel.perf_event_paranoid=2" in found.out and "drop-in perf-event-paranoid.conf" in found.out, found
    assert (probe.ROOT / "packaging/perf-event-paranoid.conf").read_text().count("CAP_SYS_ADMIN") == 1


def test_few_files(tmp_path, busy):
    """RLIMIT_NOFILE 64: what has no room is noted by name; samples add up."""
    for args in (("-p", busy), ("-a",)):
        out = tmp_path / f"{args[0]}.pb.gz"
        result = record(out, *args, "500ms", before=("/usr/bin/prlimit", "--nofile=64"))
        assert result.code == 0, result
        profile = probe.Profile(out)
        profile.info.assert_reconciled()
        assert profile.total() > 10
        assert not any("rotocol" in note for note in notes(out)), notes(out)
    result = record(tmp_path / "none.pb.gz", "-p", busy, "300ms", before=("/usr/bin/prlimit", "--nofile=12"))
    assert result.code == 1 and re.search("RLIMIT_NOFILE|open files", result.err), result


HIDDEN = {  # what lies over the kernel's types, and what is advised
    "mount -t tmpfs none /sys/kernel/btf": "umount",
    "mount -t tmpfs none /sys/kernel": "CONFIG_DEBUG_INFO_BTF",
    "mount -t tmpfs none /sys": "mount -t sysfs",
    "mount --bind /dev/null /sys/kernel/btf/vmlinux": "umount",
    "mount --bind /etc/passwd /sys/kernel/btf/vmlinux": "umount",
}


@pytest.mark.parametrize("how", HIDDEN)
def test_hidden_btf(tmp_path, busy, how):
    """A recording says what it misses and what to do, and so does doctor."""
    def without(*args):
        return probe.run("/usr/bin/unshare", *probe.own_mounts(), "/bin/sh", "-ec", how + '; exec "$@"', "sh",
                         probe.BUILD / "probe", *args)

    result = without("record", "-p", busy, "-o", tmp_path / "p.pb.gz", "300ms")
    assert result.code == 1 and "BTF" in result.err and HIDDEN[how] in result.hint, result
    assert len(result.err.splitlines()) == 2 and not (tmp_path / "p.pb.gz").exists(), result
    found = without("doctor")
    assert found.code == 1 and "the kernel's BTF" in found.out and HIDDEN[how] in found.out, found


@contextlib.contextmanager
def memory_limit(megabytes):
    """What to run a command with so that it has so little memory: a control group where one can be made (it counts
    BPF maps, too), else a limit on addresses."""
    group = Path(f"/sys/fs/cgroup/memory/probe-test-{os.getpid()}")
    made = False
    with contextlib.suppress(OSError):
        group.mkdir()
        made = True
        (group / "memory.limit_in_bytes").write_text(str(megabytes << 20))
    try:
        if made:
            yield "/bin/sh", "-c", f'echo $$ >{group}/cgroup.procs && exec "$@"', "sh"
        else:
            yield "/usr/bin/prlimit", f"--as={megabytes << 20}"
    finally:
        if made:
            probe.wait_for(lambda: not (group / "cgroup.procs").read_text(), 10, "the group to be empty")
            group.rmdir()


def test_little_memory(tmp_path, busy):
    """64 MB are enough; with 40 MB it says what it had no room for, or is killed and that is said."""
    out = tmp_path / "p.pb.gz"
    with memory_limit(64) as before:
        result = record(out, "-p", busy, "500ms", before=before)
    assert result.code == 0, result
    profile = probe.Profile(out)
    profile.info.assert_reconciled()
    assert profile.total() > 10 and profile.share("share_half") > 0.3
    result = record(tmp_path / "q.pb.gz", "-p", busy, "300ms", before=("/usr/bin/prlimit", f"--as={40 << 20}"))
    assert result.code == 1 and "Cannot allocate memory" in result.err, result
