# SPDX-License-Identifier: Apache-2.0
"""What `probe completion` prints, sourced by each shell and asked as that shell's own users would."""
import os
import pty
import select
import signal
import time

import probe

COMMANDS = {"record", "report", "diff", "flamegraph", "export", "merge", "list", "status", "doctor", "completion"}


def in_shell(*args):
    done = probe.run(*args)
    assert done.code == 0 and not done.err, done
    return done.out


def bash(*words):
    listed = " ".join(f"'{w}'" for w in words)
    return in_shell("bash", "--norc", "-c", f"""source <(probe completion bash)
        COMP_WORDS=({listed}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _probe
        printf '%s\\n' "${{COMPREPLY[@]}}" """).split()


def test_bash():
    assert COMMANDS <= set(bash("probe", ""))
    assert bash("probe", "--socket", "/x", "fl") == ["flamegraph"]
    assert set(bash("probe", "record", "--o")) >= {"--output"}
    assert "--json" in bash("probe", "report", "-")


def fish(line):
    out = in_shell("fish", "--no-config", "-c", f"source (probe completion fish | psub); complete -C '{line}'")
    return dict(found.split("\t") for found in out.splitlines() if "\t" in found)


def test_fish():
    assert COMMANDS <= set(fish("probe "))
    assert fish("probe flame") == {"flamegraph": "a page or picture to look around in"}
    assert fish("probe record --outp") == {"--output": "where the profile goes (NAME-PID-TIME.pb.gz)"}


class Zsh:
    """An interactive zsh on a terminal of its own: its completions exist nowhere else."""

    def __init__(self, directory):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.clear()
            os.environ.update(probe.environment(TERM="dumb", HOME=str(directory), PS1=">"))
            os.execvp("zsh", ["zsh", "-f", "-i"])

    def type(self, text, until):
        os.write(self.fd, text.encode())
        seen, end = "", time.monotonic() + 30
        while until not in seen:
            assert time.monotonic() < end, (text, until, seen)
            if select.select([self.fd], [], [], 1)[0]:
                seen += os.read(self.fd, 1 << 16).decode(errors="replace")
        return seen

    def __enter__(self):
        # What is waited for is never what was typed: that is echoed.
        self.type("autoload -U compinit && compinit -D && source <(probe completion zsh) && echo re''ady\n", "ready")
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def test_zsh(tmp_path):
    with Zsh(tmp_path) as zsh:
        zsh.type("probe --socket /x flam\t", "flamegraph ")
        zsh.type("\x15probe flam\t", "flamegraph ")
        zsh.type("\x15probe record --outp\t", "--output ")
        shown = zsh.type("\x15probe dif\t", "diff ")
        assert "doctor" not in shown
