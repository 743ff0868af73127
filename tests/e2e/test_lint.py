# SPDX-License-Identifier: Apache-2.0
"""The scripts of the lint, each with the defect it is there to find."""
import subprocess

import pytest

import probe

LINT = probe.ROOT / "tests/lint"


@pytest.mark.parametrize("path,include,good", [
    ("common/a.c", "common/err.h", True), ("common/a.c", "daemon/broker.h", False),
    ("cli/a.c", "daemon/broker.h", False), ("cli/a.c", "bpf/types.h", False), ("daemon/a.c", "bpf/types.h", True),
    ("symbolizer/a.c", "bpf/types.h", False), ("bpf/a.c", "daemon/broker.h", False), ("cli/a.c", "err.h", False)])
def test_floors(tmp_path, path, include, good):
    (tmp_path / path).parent.mkdir()
    (tmp_path / path).write_text(f'#include <stdio.h>\n#include "{include}"\n')
    done = probe.run(LINT / "floors", path, cwd=tmp_path)
    assert (done.code == 0) == good, done


@pytest.mark.parametrize("function,good", [("thing_new", True), ("thing", True), ("other_new", False)])
def test_names(tmp_path, function, good):
    (tmp_path / "thing.c").write_text(f"int {function}(void) {{ return 0; }}\nstatic int x(void) {{ return 1; }}\n"
                                      "int (*thing_x)(void) = x;\n")
    subprocess.run(["gcc", "-c", "thing.c"], cwd=tmp_path, check=True)
    done = probe.run(LINT / "names", tmp_path / "thing.o")
    assert (done.code == 0) == good, done


@pytest.mark.parametrize("path,line,good", [
    ("cli/a.c", "/* SPDX-License-Identifier: Apache-2.0 */", True), ("cli/a.c", "int x;", False),
    ("bpf/a.c", "/* SPDX-License-Identifier: Apache-2.0 */", False),
    ("bpf/a.c", "/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */", True),
    ("cli/a.sh", "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0", True),
    ("cli/a.c", "int x;\n/* SPDX-License-Identifier: Apache-2.0 */", False)])
def test_spdx(tmp_path, path, line, good):
    (tmp_path / path).parent.mkdir()
    (tmp_path / path).write_text(line + "\n")
    done = probe.run(LINT / "spdx", path, cwd=tmp_path)
    assert (done.code == 0) == good, done


@pytest.mark.parametrize("option,places", [
    ('{"secret", SECRET, NULL, "x"}', ("its manual page", "bash", "zsh", "fish")),
    ('{"secret", SECRET, NULL, NULL}', ())])
def test_options(tmp_path, option, places):
    """Of `probe top`, whose table has one more."""
    source = (probe.ROOT / "cli/top.c").read_text()
    (tmp_path / "top.c").write_text(source.replace("\t{NULL},\n};", f"\t{option},\n\t{{NULL}},\n}};", 1))
    done = probe.run(LINT / "options", probe.BUILD / "probe", "gcc -E -P -D_GNU_SOURCE -iquote . -iquote build/gen",
                     tmp_path / "top.c", cwd=probe.ROOT)
    found = [line for line in done.out.splitlines() if "probe top " in line]
    assert len(found) == len(places) and all(place in line for place, line in zip(places, found)), done
    assert done.code == 1 and "probe record is not in `probe help`, or has no table of options" in done.out
