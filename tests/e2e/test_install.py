# SPDX-License-Identifier: Apache-2.0
"""`make install` puts programs in place that find each other there; `make demo` and doctor say what is."""
import os
import re

import pytest

import probe
from probe import ROOT


def make(*args, **options):
    env = {**os.environ, **options}
    env.pop("MAKEFLAGS", None)
    env.pop("MAKELEVEL", None)
    return probe.run("make", "-C", ROOT, *args, env=env, timeout=120)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    place = tmp_path_factory.mktemp("installed")
    done = make("install", f"DESTDIR={place}", "PREFIX=/usr")
    assert done.code == 0, done
    return place


def test_install(installed):
    files = {str(p.relative_to(installed)) for p in installed.rglob("*") if p.is_file()}
    assert {"usr/bin/probe", "usr/sbin/probed", "usr/libexec/probe/probe-symbolizer"} <= files
    units = installed / "usr/lib/systemd/system"
    assert "ExecStart=/usr/sbin/probed\n" in (units / "probed.service").read_text()
    assert "SocketMode=0666\n" in (units / "probed.socket").read_text()
    assert {"usr/lib/sysusers.d/probe.conf", "usr/lib/tmpfiles.d/probe.conf"} <= files
    assert {"usr/share/bash-completion/completions/probe", "usr/share/zsh/site-functions/_probe",
            "usr/share/fish/vendor_completions.d/probe.fish"} <= files


def test_installed_programs_find_each_other(installed, tmp_path):
    out = tmp_path / "p.pb.gz"
    done = probe.run(installed / "usr/bin/probe", "record", "-F", 999, "-o", out, "--", probe.TARGETS / "shares", 0.4)
    assert done.code == 0, done
    assert probe.Profile(out).share("share_half") > 0.3


def shown(page):
    """Its text; bold and underlined letters are struck over."""
    return re.sub(".\b", "", probe.run("mandoc", "-T", "ascii", page).out)


def commands():
    return set(re.findall(r"^  ([a-z-]+) ", probe.probe_ok("help").out, re.M))


def test_manual_pages(installed):
    """One a command, with all of its options; nothing in any that mandoc or groff would warn of."""
    pages = {p.name: p for p in (installed / "usr/share/man").rglob("*.[1-8]")}
    told = commands()
    assert {f"probe-{c}.1" for c in told - {"help", "version"}} <= set(pages)
    assert {"probe.1", "probed.8", "probed.conf.5", "probe-profile.5"} <= set(pages)
    linted = probe.run("mandoc", "-T", "lint", "-W", "warning", *pages.values())
    assert linted.code == 0 and not linted.out, linted
    texts = {name: shown(page) for name, page in pages.items()}
    for command in told - {"help", "version"}:
        options = re.findall(r"--[a-z-]+", "".join(
            line[:34] for line in probe.probe_ok(command, "--help").out.splitlines() if line.startswith("  ")))
        assert options and all(o in texts[f"probe-{command}.1"] for o in options), command
    for command in told:
        assert command in texts["probe.1"]
    for field in ("walk_ends", "offcpu_events", "own_cpu_seconds"):
        assert field in texts["probe-profile.5"]


def test_shipped_configuration_says_what_holds(installed, tmp_path):
    shipped = (installed / "etc/probe/probed.conf").read_text()
    said = tmp_path / "said.conf"
    said.write_text(shipped.replace("; ", ""))
    nothing = tmp_path / "nothing.conf"
    nothing.write_text("")
    default = probe.run(probe.BUILD / "probed", "--check", "--config", nothing)
    assert default.code == 0, default
    done = probe.run(probe.BUILD / "probed", "--check", "--config", said)
    assert done.code == 0 and done.out == default.out, done
    keys = set(re.findall(r"^(\w+) = ", default.out, re.M))
    assert keys == set(re.findall(r"^; (\w+) = ", shipped, re.M))
    page = shown(installed / "usr/share/man/man5/probed.conf.5")
    assert all(key in page for key in keys), page


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
