# SPDX-License-Identifier: Apache-2.0
"""Go programs that were stripped: their functions have names and lines all the same."""
import os

import probe

GO = """package main

//go:noinline
func burn(n int) int {
	s := 0
	for i := 0; i < n; i++ { s += i * i % 7 }
	return s
}

func main() {
	s := 0
	for i := 0; i < 300; i++ { s += burn(1000000) }
	println(s)
}
"""


def test_stripped(tmp_path):
    (tmp_path / "main.go").write_text(GO)
    program = tmp_path / "program"
    built = probe.run("/usr/bin/go", "build", "-ldflags=-s -w", "-o", program,
                      tmp_path / "main.go", timeout=120,
                      env=probe.environment(HOME=str(tmp_path), GOCACHE=str(tmp_path / "cache"), GO111MODULE="off"))
    assert built.code == 0, built
    _, profile = probe.record(tmp_path / "out.pb.gz", "-F", 499, "--", program)
    for function in ("main.burn", "main.main", "runtime.main"):
        assert profile.share(function) > 0.9, function
    of_burn = {(os.path.basename(f.file), f.line) for s in profile.samples for f in s.frames if f.function == "main.burn"}
    loop = 1 + GO.splitlines().index("	for i := 0; i < n; i++ { s += i * i % 7 }")
    assert ("main.go", loop) in of_burn and {file for file, _ in of_burn} == {"main.go"}, of_burn
