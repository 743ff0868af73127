# SPDX-License-Identifier: Apache-2.0
"""Somebody always records: what nobody refers to any more is let go all the same (daemon/sweep.h)."""
import json
import shutil

from daemon import Daemon, fds

import probe

DEPTH = 900
STACK_BYTES = 4 * DEPTH  # at least: a number a frame
HELD_MAX = 8 << 20  # below, it is not worth while
SMALL = probe.BUILD / "small"


def status(server, build=probe.BUILD):
    done = probe.run(build / "probe", "status", "--json", env=server.environment())
    assert done.code == 0, done
    return json.loads(done.out)


def finish(recording):
    recording.send_signal(probe.SIGNALS["INT"])
    err = recording.communicate(timeout=60)[1].decode()
    assert recording.returncode == 0, err


def test_recordings_that_follow_each_other(tmp_path):
    """While one records, others come and go, each with thousands of stacks of its own. The engine does not keep those,
    and the one has all of its own still, as they were."""
    with Daemon(tmp_path) as server, probe.target("paths", 600, DEPTH) as target:
        command = ("-p", target.pid, "--mode", "cpu", "--force", "-F")
        recording = server.recording(*command, 97, "-o", tmp_path / "long.pb.gz")
        assert b"Profiling" in recording.stderr.readline()
        met = 0
        for _ in range(30):
            result = server.record(*command, 4999, "-o", tmp_path / "x.pb.gz", "500ms")
            assert result.code == 0, result
            now = status(server)
            met = STACK_BYTES * now["samples"]
            if met > 4 * HELD_MAX:
                break
        assert met > 4 * HELD_MAX
        held = probe.wait_for(lambda: (now := status(server))["stack_bytes"] < HELD_MAX and now, 20, "stacks to be let go")
        # They are met again: what was let go comes anew.
        result = server.record(*command, 999, "-o", tmp_path / "x.pb.gz", "500ms")
        assert result.code == 0, result
        finish(recording)
    # Of those that are not as deep, more fit into what is held.
    assert held["stacks"] < met / STACK_BYTES / 2
    for name in ("long", "x"):
        profile = probe.Profile(tmp_path / f"{name}.pb.gz")
        profile.info.assert_reconciled()
        assert profile.info.samples == profile.total() > 20
        assert "stack_not_received" not in profile.info.lost, profile.info.lost
        ends = [s for s in profile.samples if any(f.function == "path_end" for f in s.frames)]
        assert sum(s.values["samples"] for s in ends) > 0.2 * profile.total()
        for sample in ends:
            names = [f.function for f in sample.frames]
            steps = [n for n in names if n in ("path_left", "path_right")]
            assert len(steps) == DEPTH + 1 and steps[-1] == "path_left" and "main" in names, names


def test_files_that_nobody_maps(tmp_path):
    """Programs that ran in recordings that are over are not held open; one that runs again has its names. (Of this build
    64 files are kept for those to come.)"""
    programs = tmp_path / "programs"
    programs.mkdir()
    for i in range(150):
        shutil.copy(probe.TARGETS / "shares", programs / f"{i}")
    with Daemon(tmp_path, build=SMALL) as server, probe.target("shares", 600) as target:
        recording = server.recording("-p", target.pid, "--mode", "cpu", "-F", 499, "-o", tmp_path / "long.pb.gz")
        assert b"Profiling" in recording.stderr.readline()
        before = fds(server.engine())
        run_all = f"for p in {programs}/*; do $p 0.01; done"
        result = server.record("--mode", "cpu", "-F", 999, "-o", tmp_path / "x.pb.gz", "--", "/bin/sh", "-c", run_all)
        assert result.code == 0, result
        most = len({f.module for s in probe.Profile(tmp_path / "x.pb.gz").samples for f in s.frames
                    if f.module.startswith(str(programs))})
        probe.wait_for(lambda: status(server, SMALL)["objects"] <= 64, 20, "files to be let go")
        probe.wait_for(lambda: fds(server.engine()) <= before + 64, 20, "files to be closed")
        result = server.record("--mode", "cpu", "-F", 999, "-o", tmp_path / "y.pb.gz", "--", programs / "7", 0.3)
        assert result.code == 0, result
        finish(recording)
    assert most > 70
    for name in ("long", "y"):
        profile = probe.Profile(tmp_path / f"{name}.pb.gz")
        profile.info.assert_reconciled()
        assert profile.info.samples == profile.total() > 20
        assert 0.3 < profile.share("share_half") < 0.7, profile.share("share_half")
        module = probe.TARGETS / "shares" if name == "long" else programs / "7"
        assert {f.module for s in profile.samples for f in s.frames if f.function == "share_half"} == {str(module)}
