# SPDX-License-Identifier: Apache-2.0
"""A terminal for programs that need one: tmux, with a server of its own a test."""
import subprocess

import probe

# What a test on a terminal runs with: (variables of the environment, whether it has colours).
LOOKS = [({}, True), ({"NO_COLOR": "1", "LC_ALL": "C"}, False)]


class Terminal:
    """Runs `command` (shell text) in a terminal of this size; the screen says "status N" when it ends."""

    def __init__(self, directory, command, width=80, height=24, **environment):
        self.socket = str(directory / "tmux.sock")
        # A terminal's own environment: no size in it, and what the test asks for.
        env = probe.environment(TERM="xterm", SHELL="/bin/sh", **environment)
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), "-s", "t",
                  # Keys are not echoed, they would stand among what is printed.
                  f"stty -echo; trap : INT; {command}; echo status $?; exec sleep 1000", env=env)

    def tmux(self, *args, env=None):
        done = subprocess.run(["tmux", "-S", self.socket, *args], capture_output=True, timeout=20, check=False,
                              env=env or probe.environment(), stdin=subprocess.DEVNULL)
        assert done.returncode == 0, (args, done.stderr)
        return done.stdout.decode()

    def text(self, *options):
        """What stands on the screen."""
        return self.tmux("capture-pane", "-p", *options, "-t", "t")

    def table(self, title, *options):
        """What was printed from the line with this title on, once the command has ended: also what has left the
        screen, in lines as they were before the screen broke them. (Words before a table are not cut.)"""
        self.wait("status ")
        lines = [line.rstrip() for line in self.text("-J", "-S", "-", *options).rstrip().splitlines()]
        return lines[next(i for i, line in enumerate(lines) if title in line):]

    def assert_looks(self, title, width, colour):
        """The table fits; what stands out has colour, where it is wanted. Returns its text."""
        table = self.table(title)
        assert table[-1] == "status 0" and max(map(len, table)) <= width, table
        assert any("\033[" in line for line in self.table(title, "-e")) == colour
        assert colour or all(line.isascii() for line in table), table
        return "\n".join(table)

    def wait(self, *words, without=(), seconds=20):
        """The screen once all these words are on it, and none of the others: it may be looked at while it is drawn."""
        def shown():
            text = self.text()
            return all(w in text for w in words) and not any(w in text for w in without) and text

        try:
            return probe.wait_for(shown, seconds, f"{words} on the screen")
        except AssertionError as error:
            raise AssertionError(f"{error}, where stands:\n{self.text()}") from None

    def keys(self, *keys):
        self.tmux("send-keys", "-t", "t", *keys)

    def resize(self, width, height):
        self.tmux("resize-window", "-t", "t", "-x", str(width), "-y", str(height))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True, check=False)
