# SPDX-License-Identifier: Apache-2.0
"""`make install` puts programs in place that find each other there; `make demo` and doctor say what is."""
import os

import probe
from probe import ROOT


def make(*args, **options):
    env = {**os.environ, **options}
    env.pop("MAKEFLAGS", None)
    env.pop("MAKELEVEL", None)
    return probe.run("make", "-C", ROOT, *args, env=env, timeout=120)


def test_install(tmp_path):
    done = make("install", f"DESTDIR={tmp_path}", "PREFIX=/usr")
    assert done.code == 0, done
    files = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert {"usr/bin/probe", "usr/sbin/probed", "usr/libexec/probe/probe-symbolizer"} <= set(files)
    units = tmp_path / "usr/lib/systemd/system"
    assert "ExecStart=/usr/sbin/probed\n" in (units / "probed.service").read_text()
    assert "SocketMode=0660\n" in (units / "probed.socket").read_text()
    assert {"usr/lib/sysusers.d/probe.conf", "usr/lib/tmpfiles.d/probe.conf"} <= set(files)
    out = tmp_path / "p.pb.gz"
    done = probe.run(tmp_path / "usr/bin/probe", "record", "-F", 999, "-o", out, "--", probe.TARGETS / "shares", 0.4)
    assert done.code == 0, done
    assert probe.Profile(out).share("share_half") > 0.3


def test_deps_are_quick_when_there():
    done = probe.run(ROOT / "packaging/install-deps")
    assert done.code == 0 and done.out == "" and done.err == "", done
    assert done.seconds < 5


def test_doctor():
    done = probe.probe_ok("doctor")
    assert "BTF" in done.out or "btf" in done.out


def test_version_and_help():
    for args in (("--version",), ("--help",), ("record", "--help"), ("report", "--help"), ("export", "--help")):
        done = probe.probe_ok(*args)
        assert done.out and not done.err, args
