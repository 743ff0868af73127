#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares function, file, line and inline chain with llvm-symbolizer at random places of .text.

names.py BUILD CC CXX CLANGXX [ADDRESSES]: of the unit test program, of sample.cc built several ways,
and of libc with its debug file where that is installed. At least 99.9 % must be equal. What counts
as equal although it is written differently:
 - another name of the same function (constructors C1 and C2, aliases);
 - a symbol's version;
 - lines of what fills up behind functions, which have no name on either side;
 - a file that llvm takes from the symbol table (line 0), where the debugging information has none.
"""

import os
import random
import re
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


def aliases(*paths):
    at = {}
    for path in paths:
        for dynamic in ([], ["-D"]):
            listing = subprocess.run(["nm", *dynamic, path], capture_output=True, text=True).stdout
            for line in listing.splitlines():
                fields = line.split()
                if len(fields) == 3:
                    at[fields[2].split("@")[0]] = fields[0]
    return at


def same(ours, theirs, address_of):
    if ours[0][0] == "??" and theirs[0][0] == "??":
        return True
    if len(ours) != len(theirs):
        return False
    for (f, file, line), (g, their_file, their_line) in zip(ours, theirs):
        g = g.split("@")[0]
        if f != g and address_of.get(f, f) != address_of.get(g, g):
            return False
        if (file, line) != (their_file, their_line) and (file, their_line) != ("??", 0):
            return False
    return True


def compare(build, path, n, debug=None):
    start, size = text_section(path)
    random.seed(1)
    addresses = [start + random.randrange(size) for _ in range(n)]
    asked = "".join(f"{a:#x}\n" for a in addresses)
    ours = run(f"{build}/agree-names", path, *([debug] if debug else []), stdin=asked)
    theirs = run("llvm-symbolizer", "--obj=" + (debug or path), "--inlines", "--functions=linkage",
                 "--no-demangle", "--addresses", stdin=asked)
    address_of = aliases(path, *([debug] if debug else []))
    different, known = [], 0
    for address, a, b in zip(addresses, chains(ours, 0), chains(theirs, 1)):
        known += a[0][0] != "??"
        if not same(a, b, address_of):
            different.append((address, a, b))
    for address, a, b in different[:3]:
        print(f"{address:#x}\n  ours   {a}\n  theirs {b}")
    print(f"{os.path.basename(path)}: {n} addresses, {known} named, {len(different)} different")
    return len(different) <= n / 1000 and known > n / 2


def main():
    build, cc, cxx, clangxx = sys.argv[1:5]
    n = int(sys.argv[5]) if len(sys.argv) > 5 else 2000
    good = compare(build, f"{build}/unit", n)
    os.makedirs(f"{build}/names", exist_ok=True)
    ways = {
        "gcc-5": [cxx, "-gdwarf-5"],
        "gcc-4-packed": [cxx, "-gdwarf-4", "-gz"],
        "clang-5": [clangxx, "-gdwarf-5"],
    }
    for name, command in ways.items():
        path = f"{build}/names/{name}"
        if not os.path.exists(path):
            run(*command, "-O2", "-std=c++17", "-o", path, f"{HERE}/sample.cc")
        good &= compare(build, path, n)
    libc = run(cc, "-print-file-name=libc.so.6").strip()
    match = re.search(r"Build ID: (\w+)", run("readelf", "-n", libc))
    debug = f"/usr/lib/debug/.build-id/{match[1][:2]}/{match[1][2:]}.debug" if match else ""
    if os.path.exists(debug):
        good &= compare(build, libc, n, debug)
    sys.exit(0 if good else 1)


main()
