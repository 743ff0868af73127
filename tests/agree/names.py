#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares function, file, line and inline chain with llvm-symbolizer at random places of .text.

names.py BUILD CC CXX CLANGXX [ADDRESSES [FILES]]: of the unit test program, of sample.cc built several ways,
of sample.rs where there is rustc, of sample.go without debugging information (also with `go tool addr2line`), and of libc and python3.11 (or FILES) with their debug files where those
are installed, or below $DEBUG_ROOT; what dwz made is compared with what it was before. At least 99.9 % must be equal. Of a
program with .dwo files, whose inlined functions are not read, functions and lines of the skeleton
are compared. What counts as equal although it is written differently:
 - another name of the same function (constructors C1 and C2, aliases);
 - a symbol's version;
 - marks that LTO leaves in the midst of functions (`file.c.0a1b2c3d`), which llvm takes for names;
 - lines of what fills up behind functions, which have no name on either side;
 - a file that llvm takes from the symbol table (line 0), where the debugging information has none;
 - what fills up behind functions of Go, which its table counts to them, and the name of an ABI behind them.
"""

import os
import random
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def run(*command, stdin=None):
    return subprocess.run(command, input=stdin, check=True, capture_output=True, text=True,
                          errors="replace").stdout


def text_section(path):
    for line in run("readelf", "-SW", path).splitlines():
        match = re.search(r"\] \.text +\S+ +(\w+) +\w+ +(\w+)", line)
        if match:
            return int(match[1], 16), int(match[2], 16)
    raise SystemExit(f"{path} has no .text")


def chains(output, columns):
    """One list of (function, file, line) an address."""
    for block in output.strip("\n").split("\n\n"):
        lines = block.split("\n")[1:]
        chain = []
        for function, place in zip(lines[::2], lines[1::2]):
            file, line = place.rsplit(":", 1 + columns)[:2]
            chain.append((function, os.path.normpath(file), int(line)))
        yield chain


def without_version(name):
    """nasm's own names have an @ in them, too. Types between brackets Go leaves out of its table."""
    return re.sub(r"(@@?([A-Za-z][\w.]*)?|\.abi0)$", "", re.sub(r"\[.*\]", "[...]", name))


def aliases(*paths):
    at = {}
    for path in paths:
        for dynamic in ([], ["-D"]):
            listing = subprocess.run(["nm", *dynamic, path], capture_output=True, text=True).stdout
            for line in listing.splitlines():
                fields = line.split()
                if len(fields) == 3:
                    at[without_version(fields[2])] = fields[0]
    return at


def kind(ours, theirs, address_of):
    """What differs."""
    if len(ours) != len(theirs):
        return "depth of the inline chain"
    same_names = all(without_version(a[0]) == without_version(b[0]) or address_of.get(a[0], a[0]) == address_of.get(b[0], b[0])
                     for a, b in zip(ours, theirs))
    if not same_names:
        return "function"
    return "file" if any(a[1] != b[1] for a, b in zip(ours, theirs)) else "line"


def same(ours, theirs, address_of):
    if theirs[0][0] == "??" and (ours[0][0] == "??" or ours[0][1:] == ("??", 0)):
        return True
    if len(ours) != len(theirs):
        return False
    for (f, file, line), (g, their_file, their_line) in zip(ours, theirs):
        g = without_version(g)
        if f != g and without_version(f) != g and not re.search(r"\.c\.[0-9a-f]{8}$", g) and address_of.get(f, f) != address_of.get(g, g):
            return False
        if (file, line) != (their_file, their_line) and (file, their_line) != ("??", 0):
            return False
    return True


def compare(build, path, n, debug=None, alt=None, judged=None, outermost=False):
    """`judged`: what llvm reads instead. `outermost`: the function alone, and the innermost line."""
    start, size = text_section(path)
    random.seed(1)
    addresses = [start + random.randrange(size) for _ in range(n)]
    asked = "".join(f"{a:#x}\n" for a in addresses)
    ours = run(f"{build}/agree-names", path, *(file for file in (debug, alt) if file), stdin=asked)
    theirs = run("llvm-symbolizer", "--obj=" + (judged or debug or path), "--inlines", "--functions=linkage",
                 "--no-demangle", "--addresses", stdin=asked)
    address_of = aliases(path, *([debug] if debug else []))
    different, known, kinds = [], 0, {}
    for address, a, b in zip(addresses, chains(ours, 0), chains(theirs, 1)):
        known += a[0][0] != "??"
        if outermost:
            a, b = ([(chain[-1][0], *chain[0][1:])] for chain in (a, b))
        if not same(a, b, address_of):
            different.append((address, a, b))
            what = kind(a, b, address_of)
            kinds[what] = kinds.get(what, 0) + 1
    for address, a, b in different[:3]:
        print(f"{address:#x}\n  ours   {a}\n  theirs {b}")
    print(f"{os.path.basename(path)}: {n} addresses, {known} named, {1 - len(different) / n:.2%} equal"
          + "".join(f", {count} differ in {what}" for what, count in kinds.items()))
    return len(different) <= n / 1000 and known > n / 2


def compare_dwz(directory, build, n):
    """One file by itself, then two debug files that share a third one."""
    alone = f"{directory}/dwz"
    run("dwz", "-o", alone, f"{directory}/gcc-5")
    good = compare(build, alone, n, judged=f"{directory}/gcc-5")
    path, other = f"{directory}/gcc-4", f"{directory}/other.debug"
    run("objcopy", "--only-keep-debug", path, f"{path}.debug")
    shutil.copy(f"{path}.debug", other)
    run("dwz", "-m", f"{directory}/shared.debug", f"{path}.debug", other)
    return compare(build, path, n, f"{path}.debug", f"{directory}/shared.debug", judged=path) and good


def compare_go(directory, build, n):
    """A program without debugging information, and with it: the code is the same."""
    environment = {**os.environ, "GOCACHE": os.path.abspath(f"{directory}/go-cache"), "GO111MODULE": "off"}
    whole, path = f"{directory}/go", f"{directory}/go-w"
    for file, flags in ((whole, ""), (path, "-w"), (f"{path}s", "-s -w")):
        if not os.path.exists(file):
            subprocess.run(["go", "build", f"-ldflags={flags}", "-o", file, f"{HERE}/sample.go"], check=True, env=environment)
    good = compare(build, path, n, judged=whole)
    good &= compare(build, f"{path}s", n, judged=whole)
    start, size = text_section(path)
    addresses = [start + random.randrange(size) for _ in range(n)]
    asked = "".join(f"{a:#x}\n" for a in addresses)
    ours = chains(run(f"{build}/agree-names", path, stdin=asked), 0)
    theirs = subprocess.run(["go", "tool", "addr2line", path], input=asked, capture_output=True, text=True, check=True,
                            env=environment).stdout.splitlines()
    # It knows no inlined functions: the function's name, and the innermost line.
    wrong = [(a, chain, function, place) for a, chain, function, place in zip(addresses, ours, theirs[::2], theirs[1::2])
             if (without_version(chain[-1][0]), f"{chain[0][1]}:{chain[0][2]}".replace("??:0", ":-1"))
             != (without_version(function), place)]
    for address, chain, function, place in wrong[:3]:
        print(f"{address:#x}\n  ours   {chain}\n  theirs {function} {place}")
    print(f"go tool addr2line: {n} addresses, {1 - len(wrong) / n:.2%} equal")
    return good and len(wrong) <= n / 1000


def main():
    build, cc, cxx, clangxx = sys.argv[1:5]
    n = int(sys.argv[5]) if len(sys.argv) > 5 else 2000
    good = compare(build, f"{build}/unit", n)
    os.makedirs(f"{build}/names", exist_ok=True)
    ways = {
        "gcc-5": [cxx, "-gdwarf-5"],
        "gcc-4": [cxx, "-gdwarf-4"],
        "gcc-4-packed": [cxx, "-gdwarf-4", "-gz"],
        "clang-5": [clangxx, "-gdwarf-5"],
        "split": [cxx, "-gdwarf-5", "-gsplit-dwarf"],
    }
    for name, command in ways.items():
        path = f"{build}/names/{name}"
        if not os.path.exists(path):
            command = [*command, "-O2", "-std=c++17"]
            run(*command, "-DPART", f"-fdebug-prefix-map={os.getcwd()}=/other", "-c", "-o", f"{path}.o", f"{HERE}/sample.cc")
            run(*command, "-o", path, f"{HERE}/sample.cc", f"{path}.o")
        good &= compare(build, path, n, outermost=name == "split")
    if shutil.which("dwz"):
        good &= compare_dwz(f"{build}/names", build, n)
    rust = f"{build}/names/rust"
    if shutil.which("rustc") and (os.path.exists(rust) or subprocess.run(
            ["rustc", "-O", "-g", "-o", rust, f"{HERE}/sample.rs"], capture_output=True).returncode == 0):
        good &= compare(build, rust, n)
    if shutil.which("go"):
        good &= compare_go(f"{build}/names", build, n)
    for path in (run(cc, "-print-file-name=libc.so.6").strip(), *(sys.argv[6:] or ["/usr/bin/python3.11"])):
        if not os.path.exists(path):
            continue
        match = re.search(r"Build ID: (\w+)", run("readelf", "-n", path))
        for root in ("/usr/lib/debug", os.environ.get("DEBUG_ROOT", "/nowhere")):
            debug = f"{root}/.build-id/{match[1][:2]}/{match[1][2:]}.debug" if match else ""
            if os.path.exists(debug):
                good &= compare(build, path, n, debug)
    sys.exit(0 if good else 1)


main()
