# SPDX-License-Identifier: Apache-2.0
"""What is sampled instead of time: `record -e`."""
import pytest

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
    (("-e", "sched:sched_process_fork"), 2, 'no event is called "sched:sched_process_fork": tracepoints are not sampled'),
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
