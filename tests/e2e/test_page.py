# SPDX-License-Identifier: Apache-2.0
"""The flame graph page in a real browser: what people do with it, and that it keeps to itself."""
import json
import os
import re

import pytest
from browser import Browser
from test_foreign import Made

import probe


@pytest.fixture(scope="module")
def browser():
    running = Browser()
    yield running
    running.close()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A program whose shares are known, one with threads, and both pages."""
    tmp = tmp_path_factory.mktemp("page")
    with probe.target("shares", 60) as shares, probe.target("threads", 60) as threads:
        probe.probe_ok("record", "-p", f"{shares.pid},{threads.pid}", "-F", 999, "--mode", "wall", "-o", tmp / "both.pb.gz", "1500ms")
        probe.probe_ok("record", "-p", shares.pid, "-F", 999, "--mode", "wall", "-o", tmp / "one.pb.gz", "1s")
    probe.probe_ok("flamegraph", tmp / "both.pb.gz", "-o", tmp / "both.html")
    probe.probe_ok("diff", tmp / "one.pb.gz", tmp / "both.pb.gz", "--min", 0, "-o", tmp / "diff.html")
    return tmp


@pytest.fixture
def page(browser, recorded):
    opened = browser.open(f"file://{recorded}/both.html")
    yield opened
    opened.assert_quiet()
    opened.close()


def report(recorded, *args):
    return json.loads(probe.probe_ok("report", "--json", *args, recorded / "both.pb.gz").out)


def cum(rows, function):
    return next(row["cum_percent"] for row in rows if row["function"] == function)


def node_of(page, function):
    """The widest node of a function, and the middle of its box on the screen."""
    return page.evaluate(f"""(() => {{
        const t = view.tree, box = view.canvas.getBoundingClientRect();
        let best = 0;
        for (let i = 1; i < t.key.length; i++)
            if (profile.names[t.key[i]] === {json.dumps(function)} && (!best || t.cum[i] > t.cum[best])) best = i;
        const scale = view.width / t.cum[view.zoom];
        return [best, box.x + (t.start[best] - t.start[view.zoom] + t.cum[best] / 2) * scale, box.y + view.y(t.depth[best]) + 8];
    }})()""")


def test_says_what_report_says(page, recorded):
    data = report(recorded)
    rows = page.evaluate("[...document.querySelectorAll('#top tbody tr')].map(r => [...r.cells].map(c => c.innerText))")
    expected = [(row["function"], f"{row['self_percent']:.1f}%", f"{row['cum_percent']:.1f}%") for row in data["rows"][:5]]
    assert [(row[4], row[1], row[3]) for row in rows[:5]] == expected
    assert page.text("#name").startswith(data["profile"]["name"])
    assert page.evaluate("document.querySelector('#resources').hidden") is False
    assert page.evaluate("document.querySelectorAll('#resources svg path').length") >= 3


def test_pointer(page):
    node, x, y = node_of(page, "share_half")
    page.move(x, y)
    tip = page.text("#tip")
    assert re.fullmatch(r"share_half \(shares\): [\d.]+m?s [\d.]+%, self [\d.]+m?s [\d.]+%", tip), tip
    page.click(x, y)
    assert page.evaluate("view.zoom") == node and "share_half" in page.text("#crumbs")
    assert "share_half" in page.text("#peek-title") and "main" in page.text("#callers")
    assert f"zoom={node}" in page.evaluate("location.hash")
    page.press("#reset")
    assert page.evaluate("view.zoom") == 0 and page.text("#crumbs") == ""


def test_search(page, recorded):
    page.key("/")
    page.type("share_(half|30)$")
    rows = report(recorded)["rows"]
    expected = cum(rows, "share_half") + cum(rows, "share_30")
    matched = re.fullmatch(r"([\d.]+)% matched", page.text("#matched"))
    assert matched and abs(float(matched[1]) - expected) <= 0.11
    page.key("(")
    assert page.text("#matched") == "not a regular expression"


def test_columns_and_threads(page, recorded):
    page.choose("#column", "5")
    assert page.evaluate("profile.columns[state.column].type") == "wall"
    assert page.evaluate("tree.total") == report(recorded, "--sample", "wall")["sample"]["total"]
    page.choose("#column", "1")
    threads = report(recorded, "--threads")["rows"]
    biggest = threads[0]
    value = page.evaluate(f"'o' + profile.owners.findIndex(o => o.tid === {biggest['tid']})")
    page.choose("#owner", value)
    assert page.evaluate("tree.total") == biggest["cpu_ns" if "cpu_ns" in biggest else "value_ns"]
    page.choose("#owner", "")
    assert page.evaluate("tree.total") == report(recorded)["sample"]["total"]


def test_keys_and_url(page, recorded, browser):
    page.evaluate("view.canvas.focus()")
    page.key("ArrowDown")
    page.key("ArrowDown")
    selected = page.evaluate("view.selected")
    assert page.evaluate("view.tree.depth[view.selected]") == 2 and page.text("#status")
    page.key("ArrowUp")
    page.key("ArrowDown")
    page.key("Enter", "\r")
    assert page.evaluate("view.zoom") == selected
    page.key("Escape")
    assert page.evaluate("view.zoom") == 0
    page.key("r")
    assert page.evaluate("state.way") == "callers"
    # From the leaves: the first row is what has most self.
    top = page.evaluate("profile.names[view.tree.key[[...view.tree.key.keys()].slice(1)"
                        ".filter(i => view.tree.depth[i] === 1).sort((a, b) => view.tree.cum[b] - view.tree.cum[a])[0]]]")
    assert top == report(recorded)["rows"][0]["function"]
    page.key("i")
    assert page.evaluate("view.up && state.grows") == "up"
    page.key("d")
    assert page.evaluate("document.documentElement.classList.contains('dark')")
    page.key("c")
    hash_ = page.evaluate("location.hash")
    assert {"way=callers", "grows=up", "dark=1"} <= set(hash_[1:].split("&")) and "column=" in hash_
    again = browser.open(page.url + hash_, 400, 700)
    assert again.evaluate("JSON.stringify(state)") == page.evaluate("JSON.stringify(state)")
    assert again.evaluate("document.documentElement.scrollWidth") <= 400
    again.assert_quiet()
    again.close()


def luminance(colour):
    """WCAG's relative one, of "rgb(R, G, B)"."""
    parts = [int(part) / 255 for part in re.fullmatch(r"rgb\((\d+), (\d+), (\d+)\)", colour).groups()]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("dark", [True, False])
def test_dark_or_light_as_the_system(browser, recorded, dark):
    """Its texts can be read (WCAG's contrast of 4.5) on what is behind them; the graph's root is of the mode, too."""
    page = browser.open(f"file://{recorded}/both.html", dark=dark)
    assert page.evaluate("document.documentElement.classList.contains('dark')") == dark
    back = luminance(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert back < 0.05 if dark else back > 0.9
    for selector in ("body", "#name", "#lines", "nav label", "#top td", "#top th"):
        text = luminance(page.evaluate(f"getComputedStyle(document.querySelector('{selector}')).color"))
        assert (max(back, text) + 0.05) / (min(back, text) + 0.05) >= 4.5, selector
    pixel = page.evaluate("[...view.canvas.getContext('2d').getImageData(1, view.y(0) + 2, 1, 1).data]")
    assert pixel == ([0x8b, 0x94, 0x9e, 255] if dark else [0xd0, 0xd7, 0xde, 255])
    page.assert_quiet()
    page.close()


def test_packed_numbers(page):
    """What tests/test_packed.c packs: negative and long ones, which no recording has, and one after another."""
    assert page.evaluate("[...unpack('ABCefgBhBw4J', new Float64Array(8))]") == [0, -1, 1, 15, -16, 16, -17, 5000]
    # 64 bits are more than a number of JavaScript's is exact to.
    for text, number in (("+" + "/" * 11 + "P", 2.0 ** 63), ("/" * 12 + "P", -2.0 ** 63)):
        assert page.evaluate(f"unpack('{text}', new Float64Array(1))[0]") == number
    assert page.evaluate("unpack('', new Float64Array(0)).length") == 0


def test_diff(browser, recorded):
    data = json.loads(probe.probe_ok("diff", recorded / "one.pb.gz", recorded / "both.pb.gz", "--json", "--min", 0).out)
    page = browser.open(f"file://{recorded}/diff.html")
    rows = page.evaluate("[...document.querySelectorAll('#top tbody tr')].map(r => [...r.cells].map(c => c.innerText))")
    assert [row[6] for row in rows] == [f["function"] for f in data["functions"][:200]]
    assert [row[5] for row in rows] == [f["sure"] for f in data["functions"][:200]]
    burn = next(row for row in rows if row[6] == "worker_burn")
    assert burn[4] == "new" and burn[5] == "more"
    for column, side in (("1", "after"), ("0", "before")):
        page.choose("#column", column)
        assert abs(page.evaluate("tree.total") / data["whole"][side] - 1) < 1e-6
    page.choose("#column", "1")
    node, x, y = node_of(page, "worker_burn")
    assert page.evaluate(f"view.colourOfChange({node})").startswith("hsl(8 ")
    page.move(x, y)
    assert re.search(r"0.00.* before, .* after, \+.*of all\) per second", page.text("#tip"))
    total = page.evaluate("[view.tree.cum[0], view.tree.otherCum[0]]")
    page.key("r")
    turned = page.evaluate("[view.tree.cum[0], view.tree.otherCum[0]]")
    assert all(abs(a / b - 1) < 1e-3 for a, b in zip(total, turned))
    page.assert_quiet()
    page.close()


# What would act if a page took it for more than text, and what would lie about what stands beside it.
HOSTILE = [
    "</script><script>document.title = 'run'</script>", "<img src=x onerror=\"document.title = 'run'\">", "<!--<script>",
    "]]>", "'\"><svg onload=document.title='run'>", "&lt;b&gt;&amp;", "a\u202egnp.exe", "\u2066b\u2069", "c\u0085\u009b31md", "\x1b[31mred\x07",
    "line\u2028and\u2029paragraph", "\ufffe\uffff", "emoji \U0001f525", "\u0301combining", "${document.title = 'run'}", "`x`", "\\u003c/script>",
    "__proto__", "constructor", "long" + "x" * 5000, "wide " + "W \u4e2d\u6587 " * 40, "javascript:document.title='run'"]


def hostile(path):
    """A profile all of whose words are hostile, and which has one stack a name."""
    made = Made()
    made.add(3, (1, 1), (2, 0x1000), (3, 0x9000), (5, made.text("/tmp/" + HOSTILE[0])), (7, 1))
    main = made.location(1, "main")
    for i, name in enumerate(HOSTILE):
        made.sample([made.location(1, name), main], [100 - i, 100000 - i], ("comm", HOSTILE[(i + 1) % len(HOSTILE)]),
                    ("thread_name", name), ("thread_id", i + 1, ""), ("pid", i + 1, ""))
    made.write(path, [("samples", "count"), (HOSTILE[1], HOSTILE[0])])


def test_hostile_names(browser, tmp_path):
    hostile(tmp_path / "p.pb")
    probe.probe_ok("flamegraph", tmp_path / "p.pb", "-o", tmp_path / "p.html")
    shots = os.environ.get("SCREENSHOTS", tmp_path)
    for width in (1280, 400):
        page = browser.open(f"file://{tmp_path}/p.html", width)
        title = page.evaluate("document.title")
        assert "run" != title
        shown = page.evaluate("[...document.querySelectorAll('#top tbody tr')].map(r => r.cells[4].textContent)")
        assert len(shown) == len(HOSTILE) + 1 and "main" in shown
        assert page.evaluate("profile.names.length") >= len(HOSTILE) + 1
        # Nothing of it became an element, and nothing that turns or hides text is left.
        assert page.evaluate("document.querySelectorAll('img, svg[onload], #top script, #top svg').length") == 0
        assert not re.search("[\\u0000-\\u0008\\u000e-\\u001f\\u007f-\\u009f\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069]",
                             page.evaluate("document.documentElement.textContent"))
        _, x, y = node_of(page, next(name for name in shown if "script" in name))
        page.move(x, y)
        page.click(x, y)
        assert "script" in page.text("#peek-title")
        page.choose("#owner", page.evaluate("document.querySelector('#owner').options[2].value"))
        page.choose("#column", "1")
        page.key("/")
        page.type("<script>")
        page.key("Escape")
        assert page.evaluate("document.title") == title
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.screenshot(f"{shots}/hostile-{width}.png")
        page.assert_quiet()
        page.close()
