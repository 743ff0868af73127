# SPDX-License-Identifier: Apache-2.0
"""What people type, as they type it (shorter times): the sessions of the command line's design."""
import os
import re
import subprocess
import time

import pytest

import probe


def shell(text, cwd, **variables):
    """Runs shell text in `cwd` with our programs in PATH."""
    return probe.run("/bin/bash", "-c", text, cwd=cwd,
                     env=probe.environment(**{k: str(v) for k, v in variables.items()}))


def profiles(cwd):
    return sorted(cwd.glob("*.pb.gz"))


def test_1_as_with_perf(tmp_path):
    with probe.redis(tmp_path) as server:
        done = shell("probe record -p $PID -g -F 99 sleep 2; probe report", tmp_path, PID=server.pid)
    assert done.code == 0, done
    (written,) = profiles(tmp_path)
    assert re.fullmatch(r"redis-server-\d+-\d{8}T\d{6}Z\.pb\.gz", written.name)
    assert written.name in done.out and "redis-server" in done.out
    assert re.search(r"SELF\s+SELF%\s+CUM\s+CUM%\s+FUNCTION\s+MODULE", done.out)
    assert "Profiling redis-server" in done.err and "Wrote " in done.err


BENCHMARK = """#!/bin/sh
redis-benchmark -p $PORT -t set,get -n 60000 -P 8 -q
"""


def test_2_before_and_after(tmp_path):
    """While CMD runs; the server goes on. The two are compared by work done."""
    (tmp_path / "run_benchmark.sh").write_text(BENCHMARK)
    (tmp_path / "run_benchmark.sh").chmod(0o755)
    with probe.redis(tmp_path, load=False) as server:
        port = server.args[2]
        for name in ("before", "after"):
            done = shell(f'probe record -p "$(pgrep -P $PPID redis-server)" -o {name}.pb.gz -- ./run_benchmark.sh', tmp_path,
                         PORT=port)
            assert done.code == 0 and "GET: " in done.out and "while ./run_benchmark.sh runs" in done.err, done
        assert server.poll() is None
    done = shell("probe diff before.pb.gz after.pb.gz --work 658744,757041", tmp_path)
    assert done.code == 0 and re.search(r"^cpu per unit of work: ", done.out, re.M) and "FUNCTION" in done.out, done


def test_4_several_runs_a_side(tmp_path):
    for name in ("a1", "a2", "a3", "b1", "b2", "b3"):
        probe.record(tmp_path / f"{name}.pb.gz", "-F", 999, "--", probe.TARGETS / "shares", 0.2)
    done = shell("probe diff a1.pb.gz a2.pb.gz a3.pb.gz -- b1.pb.gz b2.pb.gz b3.pb.gz", tmp_path)
    assert done.code == 0, done
    assert re.search(r"^before: a1.pb.gz a2.pb.gz a3.pb.gz ", done.out, re.M) and "measured on 3 + 3 files" in done.out


def test_3_other_tools(tmp_path):
    with probe.redis(tmp_path) as server:
        done = shell('probe record -p "$(pgrep -f "redis-server 127.0.0.1:" | grep -x $PID)" -o before.pb.gz 1s', tmp_path,
                     PID=server.pid)
    assert done.code == 0, done
    done = shell("probe export before.pb.gz -f folded -o - | awk 'NF < 2 { exit 1 } END { exit NR == 0 }' && "
                 "go tool pprof -top before.pb.gz", tmp_path)
    assert done.code == 0 and "flat%" in done.out, done


def test_3_flamegraph(tmp_path):
    with probe.target("shares", 30) as popen:
        done = shell("probe flamegraph -p $PID 500ms -o out.html", tmp_path, PID=popen.pid)
    assert done.code == 0 and "share_half" in (tmp_path / "out.html").read_text(), done


def test_5_master_and_workers(tmp_path):
    with probe.nginx(tmp_path) as master:
        pids = {master.pid, *probe.descendants(master.pid)}
        done = shell("probe record -p $(cat nginx.pid) 1s; probe report --processes", tmp_path)
    assert done.code == 0, done
    assert re.search(r"^ +CPU +CPU% .* PID +PROCESS$", done.out, re.M), done
    assert len(pids) == 3 and pids == {int(pid) for pid in re.findall(r"% .* (\d+) +nginx$", done.out, re.M)}, done


def test_6_everything(tmp_path):
    with probe.target("shares", 30):
        done = shell("probe record -a 1s; probe report --modules", tmp_path)
    assert done.code == 0, done
    assert re.search(r"^ +SELF +SELF% +CUM +CUM% +MODULE$", done.out, re.M), done
    assert re.search(r"% +shares$", done.out, re.M), done


def test_7_command(tmp_path):
    query = probe.SQL.format(n=600000)
    done = shell(f"probe record -F 199 -- sqlite3 db '{query}'; echo $?", tmp_path)
    assert done.out.splitlines()[-1] == "0" and "|" in done.out, done
    assert len(profiles(tmp_path)) == 1
    done = shell("probe record -o q.pb.gz -F 199 -- sh -c 'i=0; while [ $i -lt 99999 ]; do i=$((i+1)); done; exit 7'; echo $?", tmp_path)
    assert done.out.splitlines()[-1] == "7", done


GO = """package main
import ("os"; "runtime/pprof"; "time")
//go:noinline
func burn(until time.Time) (n int) { for time.Now().Before(until) { for i := 0; i < 1000; i++ { n += i * n } }; return }
func main() { f, _ := os.Create("cpu.pprof"); pprof.StartCPUProfile(f); burn(time.Now().Add(600 * time.Millisecond)); pprof.StopCPUProfile(); f.Close() }
"""


def test_8_profile_of_a_go_program(tmp_path):
    (tmp_path / "main.go").write_text(GO)
    env = probe.environment(GOCACHE=str(tmp_path / "cache"), GO111MODULE="off", GOFLAGS="")
    built = probe.run("/usr/bin/go", "build", "-o", "main", "main.go", cwd=tmp_path, env=env, timeout=120)
    assert built.code == 0, built
    assert probe.run(tmp_path / "main", cwd=tmp_path).code == 0
    done = shell("probe report cpu.pprof", tmp_path)
    assert done.code == 0 and "main.burn" in done.out, done


@pytest.mark.parametrize("sig", ["INT", "TERM", "HUP"])
def test_9_signals_finish(tmp_path, sig):
    with probe.target("shares", 30) as popen:
        with probe.Recording("-p", popen.pid, "-F", 999, cwd=tmp_path) as recording:
            time.sleep(0.6)
            done = recording.end(probe.SIGNALS[sig])
    assert done.code == 0, done
    (written,) = profiles(tmp_path)
    profile = probe.Profile(written)
    assert 0.5e9 <= profile.duration_ns <= 3e9 and profile.share("share_half") > 0.3


def test_9_timeout(tmp_path):
    with probe.target("shares", 30) as popen:
        done = shell("timeout 3 probe record -p $PID", tmp_path, PID=popen.pid)
    assert len(profiles(tmp_path)) == 1, done
    assert "Wrote " in done.err


def test_second_interrupt_abandons(tmp_path):
    """Twice Ctrl-C: at once, without a profile, status 130 (or it had been written already)."""
    with probe.target("shares", 30) as popen:
        with probe.Recording("-p", popen.pid, cwd=tmp_path) as recording:
            time.sleep(0.3)
            os.kill(recording.pid, probe.SIGNALS["INT"])
            done = recording.end(probe.SIGNALS["INT"])
    assert done.code == 130 or (done.code == 0 and profiles(tmp_path)), done
    if done.code == 130:
        assert not profiles(tmp_path)


def test_names_never_collide(tmp_path):
    with probe.target("shares", 30) as popen:
        both = [subprocess.Popen([probe.BUILD / "probe", "record", "-p", str(popen.pid), "300ms"], cwd=tmp_path,
                                 env=probe.environment(), stderr=subprocess.DEVNULL) for _ in range(2)]
        assert [p.wait(30) for p in both] == [0, 0]
    assert len(profiles(tmp_path)) == 2


def test_interrupted_by_terminal(tmp_path):
    """Ctrl-C goes to the whole process group: the recording is kept, and CMD's end is not a failure."""
    popen = subprocess.Popen([probe.BUILD / "probe", "record", "-o", "p.pb.gz", "--", probe.TARGETS / "shares", "30"],
                             cwd=tmp_path, env=probe.environment(), stderr=subprocess.PIPE, start_new_session=True)
    assert b"Profiling" in popen.stderr.readline()
    time.sleep(0.6)
    os.killpg(popen.pid, probe.SIGNALS["INT"])
    popen.communicate(timeout=20)
    assert probe.Profile(tmp_path / "p.pb.gz").share("share_half") > 0.3


def test_no_colour_and_no_control_bytes_in_a_pipe(tmp_path):
    _, _ = probe.record(tmp_path / "p.pb.gz", "-F", 999, "--", probe.TARGETS / "shares", 0.4)
    out = probe.probe_ok("report", tmp_path / "p.pb.gz").out
    assert "\033" not in out


def test_closed_pipe_is_silent(tmp_path):
    probe.record(tmp_path / "p.pb.gz", "-F", 999, "--", probe.TARGETS / "shares", 0.4)
    done = shell("probe report p.pb.gz | head -1", tmp_path)
    assert done.code == 0 and done.err == "", done
