# SPDX-License-Identifier: Apache-2.0
"""`probe record --every`: one file after the other, and nothing between them."""
import time

import pytest

import probe


def files(place):
    """The profiles in the order of their beginnings."""
    found = [probe.Profile(path) for path in place.glob("*.pb.gz")]
    return sorted(found, key=lambda profile: profile.time_ns)


def test_every_file_has_its_time(tmp_path):
    with probe.target("shares", 30) as popen:
        probe.probe_ok("record", "-p", popen.pid, "-F", 999, "--every", "1s", "3500ms", cwd=tmp_path)
    profiles = files(tmp_path)
    assert len(profiles) == 4
    for profile in profiles:
        assert profile.share("share_half") > 0.3
        profile.info.assert_reconciled()
    assert sum(p.duration_ns for p in profiles) / 1e9 == pytest.approx(3.5, rel=0.2)
    for before, after in zip(profiles, profiles[1:]):
        between = (after.time_ns - before.time_ns - before.duration_ns) / 1e9
        assert -0.5 < between < 1.0, between


def test_ends_with_the_target(tmp_path):
    with probe.target("shares", 1.5) as popen:
        result = probe.probe("record", "-p", popen.pid, "-F", 999, "--every", "1s", cwd=tmp_path)
    assert result.code == 0, result
    assert len(files(tmp_path)) >= 2


def test_interrupt_keeps_the_last(tmp_path):
    with probe.target("shares", 30) as popen:
        with probe.Recording("-p", popen.pid, "-F", "999", "--every", "10s", cwd=tmp_path) as recording:
            time.sleep(0.6)
            result = recording.end(probe.SIGNALS["INT"])
    assert result.code == 0, result
    (profile,) = files(tmp_path)
    assert profile.share("share_half") > 0.3
