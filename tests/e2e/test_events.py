# SPDX-License-Identifier: Apache-2.0
"""What is sampled instead of time: `record -e`."""
import pytest
import users
from daemon import Daemon

import probe

PAGES = 300_000


def test_page_faults_are_counted_where_they_happen(tmp_path):
    result, profile = probe.record(tmp_path / "a.pb.gz", "-e", "page-faults", "-F", "4999", "--",
                                   probe.TARGETS / "grows", PAGES)
    faults = int(result.out)
    assert faults >= PAGES
    assert profile.types[-1] == "page-faults" and profile.units[-1] == "count"
    assert profile.default_type == "page-faults"
    assert profile.total("cpu") == 0
    # Each sample stands for its period: what is told of is the last one's, at most.
    assert profile.total("page-faults") == pytest.approx(faults, rel=0.1)
    assert profile.cum("grow_much", "page-faults") > profile.cum("grow_little", "page-faults") > 0
    assert profile.total("samples") < faults / 4
    report = probe.probe_ok("report", tmp_path / "a.pb.gz").out
    assert "page-faults: " in report


@pytest.mark.parametrize("args, status, words", [
    (("-e", "nonsense"), 2, 'no event is called "nonsense"\n  hint: cpu-clock, page-faults, '),
    (("-e", "page-fautls"), 2, 'no event is called "page-fautls"\n  hint: did you mean page-faults?'),
    (("-e", "cpu-cycle"), 2, "did you mean cpu-cycles?"),
    (("-e", "sched:sched_switch", "--cpu", "0"), 2, "without --cpu"),
    (("-e", "page-faults", "--mode", "off"), 2, "-e counts what happens, not time"),
])
def test_what_cannot_be_is_refused(args, status, words):
    result = probe.probe("record", *args, "-o", "/dev/null", "--force", "--", "true")
    assert result.code == status
    assert words in result.err
    assert result.err.count("\n") <= 2


def test_a_machine_without_counters_says_so():
    result = probe.probe("record", "-e", "cycles", "-o", "/dev/null", "--force", "--", "true")
    if result.code == 1 and "does not count" in result.err:
        assert "cpu-clock" in result.hint
    else:
        assert result.code in (0, 3, 6), result.err


TRACED = """
mount -t tracefs none /sys/kernel/tracing 2>/dev/null || test -d /sys/kernel/tracing/events || exit 77
exec "$@"
"""


def traced(*args):
    """`probe ARGS` where there is tracefs; None: it cannot be had here."""
    result = probe.run("/usr/bin/unshare", *probe.own_mounts(), "/bin/sh", "-c", TRACED, "sh", probe.BUILD / "probe", *args)
    return None if result.code == 77 else result


def assert_missing():
    """Below a changed root nothing can be mounted: what is missing is said."""
    missing = probe.probe("record", "-e", "sched:sched_switch", "-o", "/dev/null", "--force", "--", "true")
    assert missing.code == 1 and "tracefs is not mounted" in missing.err and "mount -t tracefs" in missing.hint


def test_tracepoints_are_counted_where_they_happen(tmp_path):
    """Each fork of a shell's, each file that is opened: no more, no fewer; with the stack that did it."""
    forks = "i=0; while [ $i -lt 40 ]; do /bin/true; i=$((i+1)); done"
    result = traced("record", "-e", "sched:sched_process_fork", "-o", tmp_path / "a.pb.gz", "--", "/bin/dash", "-c", forks)
    if result is None:
        return assert_missing()
    assert result.code == 0 and "every sched:sched_process_fork, while" in result.err, result
    profile = probe.Profile(tmp_path / "a.pb.gz")
    assert profile.types[-1] == profile.default_type == "sched:sched_process_fork"
    assert profile.total("sched:sched_process_fork") == profile.total() == 40
    assert profile.total("cpu") == 0
    profile.info.assert_reconciled()
    report = probe.probe_ok("report", tmp_path / "a.pb.gz").out
    assert "sched:sched_process_fork: 40" in report and " Hz" not in report
    opened = []
    for n in (0, 300):
        opens = f"import os\nfor i in range({n}): os.close(os.open('/dev/null', 0))"
        result = traced("record", "-e", "syscalls:sys_enter_openat", "-o", tmp_path / "b.pb.gz", "--force", "--", "/usr/bin/python3",
                        "-I", "-S", "-B", "-c", opens)
        assert result.code == 0, result
        opened.append(probe.Profile(tmp_path / "b.pb.gz").total("syscalls:sys_enter_openat"))
    assert opened[1] - opened[0] == 300


def test_tracepoints_of_who_may_not(tmp_path):
    """Who may not record every process may not sample what is met everywhere; nor is there every name."""
    wrong = traced("record", "-e", "sched:sched_process_frok", "-o", tmp_path / "a.pb.gz", "--", "/bin/true")
    if wrong is None:
        return assert_missing()
    assert wrong.code == 2 and wrong.hint == "did you mean sched:sched_process_fork?"
    tmp_path.chmod(0o755)
    with Daemon(tmp_path, config="[access]\ngroup = games\n") as daemon, users.target(users.ME, probe.TARGETS / "shares", 20) as target:
        done = users.run(users.ME, probe.BUILD / "probe", "record", "-e", "sched:sched_switch", "-p", target.pid, "-o", "-", "200ms",
                         socket_path=daemon.path)
    assert done.code == 4 and "may not profile all processes" in done.err
