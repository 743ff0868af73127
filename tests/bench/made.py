# SPDX-License-Identifier: Apache-2.0
"""A profile of any size, the same each time: a tree of calls, each node with samples of its own."""
import gzip
import random

FUNCTIONS, DEPTH_MOST = 5000, 60
MODULES = ("app", "libalpha.so.1", "libbeta.so.2", "[kernel.kallsyms]")


def varint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, value):
    """Bytes are a message or text, numbers varints."""
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return varint(number << 3) + varint(value)


def write(path, rows):
    """As many rows, stacks and nodes. Types: samples/count, cpu/nanoseconds. Returns their sum in cpu."""
    chance, total = random.Random(rows), 0
    strings = ["", "samples", "count", "cpu", "nanoseconds", *MODULES]
    strings += [f"function_{i}(std::vector<int>, unsigned long)" for i in range(FUNCTIONS)]
    first_name = 5 + len(MODULES)
    with gzip.open(path, "wb", compresslevel=1) as out:
        for kind in (field(1, 1) + field(2, 2), field(1, 3) + field(2, 4)):
            out.write(field(1, kind))
        stacks, depths, parts = [b""], [0], []
        for row in range(rows):
            above = row if chance.random() < 0.7 else chance.randrange(max(0, row - 5000), row + 1)
            while depths[above] >= DEPTH_MOST:
                above = chance.randrange(0, row + 1)
            stacks.append(varint(chance.randrange(FUNCTIONS) + 1) + stacks[above])
            depths.append(depths[above] + 1)
            samples = chance.randrange(1, 20)
            total += samples * 10_000_000
            parts.append(field(2, field(1, stacks[-1]) + field(2, varint(samples) + varint(samples * 10_000_000))))
            if len(parts) == 5000:
                out.write(b"".join(parts))
                parts.clear()
        out.write(b"".join(parts))
        for i in range(len(MODULES)):
            out.write(field(3, field(1, i + 1) + field(2, 0x1000) + field(3, 0x900000) + field(5, 5 + i) + field(7, 1)))
        for i in range(FUNCTIONS):
            location = field(1, i + 1) + field(2, i % len(MODULES) + 1) + field(3, 0x2000 + 16 * i) + field(4, field(1, i + 1))
            out.write(field(4, location))
            out.write(field(5, field(1, i + 1) + field(2, first_name + i) + field(3, first_name + i)))
        out.write(b"".join(field(6, text.encode()) for text in strings))
        out.write(field(10, 30_000_000_000) + field(11, field(1, 3) + field(2, 4)) + field(12, 10_000_000) + field(14, 3))
    return total
