# SPDX-License-Identifier: Apache-2.0
"""`probe doctor -p PID`: what is there of a process for whole stacks and names."""
import json
import os
import re
import subprocess

import pytest
from daemon import Daemon

import probe


def build_id(path):
    notes = subprocess.run(["readelf", "-n", path], capture_output=True, text=True, check=False).stdout
    return re.search(r"Build ID: ([0-9a-f]+)", notes).group(1)


def look(pid, **options):
    """What doctor finds. On a machine too busy to make all tables within 2 s sampling begins without some:
    then again, when their files are warm."""
    for _ in range(3):
        found = json.loads(probe.probe_ok("doctor", "-p", pid, "--json", **options).out)
        failed = {(module["path"], end): n for module in found["modules"]
                  for end, n in module["walks_failed"].items()}
        assert sum(failed.values()) <= found["walks"] - found["walks_whole"]
        if found["walks"] >= 20 and found["walks_whole"] >= 0.98 * found["walks"]:
            return found
    raise AssertionError(f"{found['walks_whole']} of {found['walks']} walks are whole: {failed}")


def check_redis(found):
    assert found["name"] == "redis-server" and found["modules_left_out"] == 0
    modules = {module["path"].rsplit("/", 1)[-1]: module for module in found["modules"]}
    assert {"libc.so.6", "libjemalloc.so.2", "[vdso]"} <= set(modules)
    for name, module in modules.items():
        assert module["unwind_rows"] > 0, name
        assert module["symbols"] > 0 and ".dynsym" in module["symbol_sources"], name
        assert module["path"][0] == "[" or module["build_id"] == build_id(module["path"])
    assert sum(module["walks_ended"] for module in found["modules"]) >= 0.9 * found["walks"]
    assert (modules["libc.so.6"]["hints"] == []) == ("debug file" in modules["libc.so.6"]["symbol_sources"])
    program = os.path.basename(os.path.realpath("/usr/bin/redis-server"))
    if "debug file" not in modules[program]["symbol_sources"]:
        assert any("install redis-tools-dbgsym" in hint for hint in modules[program]["hints"]), modules[program]


def test_process(tmp_path):
    with probe.redis(tmp_path) as server:
        check_redis(look(server.pid))
        text = probe.probe_ok("doctor", "-p", server.pid, "--seconds", "0.3").out
    assert re.search(r"^redis-server \(\d+\), 0\.3 s at 199 Hz: ", text)
    assert re.search(r"^ *[\d,]{5,}  .*dynsym.* /\S*/libc\.so\.6$", text, re.M)


def test_process_by_a_daemon(tmp_path):
    with Daemon(tmp_path) as server, probe.redis(tmp_path) as redis:
        check_redis(look(redis.pid, env=server.environment()))
        status = probe.probe_ok("status", "--json", env=server.environment()).out
        assert json.loads(status)["sessions"] == []


def test_idle_process():
    """No samples: the modules are shown all the same."""
    with probe.program("/usr/bin/sleep", "60") as target:
        found = json.loads(probe.probe_ok("doctor", "-p", target.pid, "--json", "--seconds", "0.2").out)
    assert found["walks"] == 0
    assert any(module["path"].endswith("/sleep") for module in found["modules"])


@pytest.mark.parametrize("args, code", [(("-p", "999999"), 3), (("-p", "1,2"), 2), (("-p", "x"), 2),
                                        (("-p", "1", "--seconds", "0"), 2)])
def test_refusals(args, code):
    result = probe.probe("doctor", *args)
    assert result.code == code and result.err.startswith("probe: ")
