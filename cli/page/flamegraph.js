/* SPDX-License-Identifier: Apache-2.0 */
/* The page: choices, search, tables, keys; its state is in the URL's hash. */

const byId = id => document.getElementById(id);
const profile = new Profile(byId("data").textContent);
const view = new View(byId("canvas"));
const DEFAULTS = { column: profile.data.column, owner: "", way: "calls", grows: "down", search: "", zoom: 0, dark: "" };
const state = { ...DEFAULTS };
const TOP = 200;
let tree = null, order = "self";

function unit() { return profile.columns[state.column].unit; }

function element(tag, text, parent) {
	const made = document.createElement(tag);
	if (text !== undefined) made.textContent = text;
	if (parent) parent.append(made);
	return made;
}

/* Which owners a choice means: "" all, "p4242" a process, "o7" owner 7. */
function wanted(choice) {
	const number = Number(choice.slice(1));
	if (choice[0] === "p") return profile.owners.map(o => o.pid === number);
	if (choice[0] === "o") return profile.owners.map((o, i) => i === number);
	return null;
}

function fillHead() {
	profile.columns.forEach((c, i) => {
		if (profile.measured(i)) element("option", c.type, byId("column")).value = i;
	});
	element("option", "all", byId("owner")).value = "";
	byId("owner-label").hidden = profile.usedOwners().length < 2;
	/* What a line of text keeps apart by spaces. */
	byId("name").textContent = (profile.data.lines[0] || profile.data.profile.name).replace(/ {2,}/g, " \u00b7 ");
	for (const line of profile.data.lines.slice(1)) element("div", line, byId("lines"));
}

/* Processes, where there are several, and threads: thousands, perhaps. */
function fillOwners() {
	const owner = byId("owner"), used = profile.usedOwners(), names = new Map();
	for (const i of used) {
		const { pid, name } = profile.owners[i];
		if (pid && !names.has(pid)) names.set(pid, name);
	}
	if (names.size > 1)
		for (const [pid, name] of names) element("option", `process ${name} (${pid})`, owner).value = "p" + pid;
	for (const i of used) {
		const { name, tid, pid } = profile.owners[i];
		element("option", `${name || "unknown"} (${tid || pid})`, owner).value = "o" + i;
	}
	owner.value = state.owner;
}

/* The hash. */

function readHash() {
	const given = new URLSearchParams(location.hash.slice(1));
	for (const name of Object.keys(DEFAULTS)) state[name] = given.get(name) ?? DEFAULTS[name];
	state.column = Number(state.column);
	state.zoom = Number(state.zoom) || 0;
	if (!profile.columns[state.column] || !profile.measured(state.column)) {
		const first = profile.columns.findIndex((c, i) => profile.measured(i));
		state.column = first < 0 ? profile.data.column : first;
	}
	const dark = state.dark ? state.dark === "1" : matchMedia("(prefers-color-scheme: dark)").matches;
	setDark(dark);
}

function writeHash() {
	const kept = new URLSearchParams();
	for (const [name, value] of Object.entries(state)) if (value !== DEFAULTS[name]) kept.set(name, value);
	history.replaceState(null, "", "#" + kept);
}

function setDark(dark) {
	document.documentElement.classList.toggle("dark", dark);
	byId("dark").textContent = dark ? "Light" : "Dark";
	view.dark = dark;
	view.colours = [];
}

/* What is shown. */

function rebuild() {
	tree = profile.calls(state.column, wanted(state.owner));
	const shown = state.way === "callers" ? tree.reversed() : tree;
	view.showsAfter = state.column === 1;
	view.up = state.grows === "up";
	view.scroll = 0;
	view.show(shown, state.zoom);
	state.zoom = view.zoom;
	for (const name of ["column", "owner", "way", "grows", "search"]) byId(name).value = state[name];
	search();
}

function redraw() {
	fit();
	view.draw();
	fillCrumbs();
	writeHash();
}

/* The graph takes what it needs, up to most of the window. */
function fit() {
	view.width = view.canvas.clientWidth;
	const rows = view.tree.cum[view.zoom] > 0 ? view.rows() : 1;
	byId("graph").style.height = Math.min(Math.max(rows * ROW + 2, 4 * ROW), innerHeight * 0.65) + "px";
}

function search() {
	view.matches = null;
	byId("matched").textContent = "";
	byId("search").classList.remove("bad");
	if (!state.search) return;
	let pattern;
	try {
		pattern = new RegExp(state.search, "i");
	} catch (error) {
		byId("search").classList.add("bad");
		byId("matched").textContent = "not a regular expression";
		return;
	}
	view.matches = profile.names.map((name, key) => key > 0 && pattern.test(name));
	byId("matched").textContent = percent(tree.matched(view.matches), tree.total) + " matched";
}

function describe(node) {
	const shown = view.tree, key = shown.key[node], module = profile.moduleOf(key);
	const kind = profile.kind[key] & INLINED ? " inlined" : "";
	if (profile.diff) return `${profile.names[key]}${module ? ` (${module}${kind})` : ""}: ${describeChange(shown, node)}`;
	const text = `${profile.names[key]}${module ? ` (${module}${kind})` : ""}: ` +
		`${amount(unit(), shown.cum[node], shown.total)} ${percent(shown.cum[node], shown.total)}`;
	return state.way === "callers" ? text
		: `${text}, self ${amount(unit(), shown.self[node], shown.total)} ${percent(shown.self[node], shown.total)}`;
}

/* "1.20s before, 1.50s after, +0.30s (+3.0% of all) per second" */
function describeChange(shown, node) {
	const values = [shown.otherCum[node], shown.cum[node]], wholes = [shown.otherCum[0], shown.total];
	const [before, after] = view.showsAfter ? values : values.reverse(), most = Math.max(...wholes);
	const text = value => amount(unit(), value, most), plus = after > before ? "+" : "";
	return `${text(before)} before, ${text(after)} after, ${plus}${text(after - before)} (${plus}${percent(after - before, most)} of all)${profile.diff.per}`;
}

function zoomTo(node) {
	view.zoom = state.zoom = node;
	view.selected = node;
	view.scroll = 0;
	fit();
	view.resize();
	view.reveal();
	redraw();
}

function fillCrumbs() {
	const crumbs = byId("crumbs");
	crumbs.replaceChildren();
	for (let node = view.zoom; node; node = view.tree.parent[node]) {
		const button = element("button", profile.names[view.tree.key[node]]);
		button.onclick = () => zoomTo(node);
		crumbs.prepend(button, " > ");
	}
	if (view.zoom) {
		const all = element("button", "all");
		all.onclick = () => zoomTo(0);
		crumbs.prepend(all, " > ");
		crumbs.lastChild.remove();
	}
}

/* Tables. */

function head(table, titles) {
	const row = element("tr");
	table.tHead.replaceChildren(row);
	for (const title of titles) {
		const cell = element("th", undefined, row);
		const by = { Self: "self", Cum: "cum" }[title];
		cell.scope = "col";
		if (table.id !== "top" || !by) { cell.textContent = title; continue; }
		cell.ariaSort = order === by ? "descending" : "none";
		element("button", title + (order === by ? " \u25be" : ""), cell).onclick = () => { order = by; fillTop(); };
	}
}

/* `named`: where the stacks may not have the function. */
function functionCell(row, f, named = profile.functions[f]) {
	const button = element("button", named.name ?? named.function, element("td", undefined, row));
	button.type = "button";
	button.title = button.textContent;
	if (f >= 0) button.onclick = () => peek(f);
	element("td", named.module, row);
}

/* A comparison's own table: what surely changed comes first. */
function fillDeltas() {
	const { functions, of, per } = profile.diff, whole = Math.max(tree.total, tree.otherCum[0]);
	const text = value => amount(unit(), value, whole), body = byId("top").tBodies[0];
	const byName = new Map(profile.functions.map((f, i) => [f.name, i]));
	byId("top-title").textContent = `Functions by ${of}${per}` +
		(functions.length > TOP ? ` (the first ${TOP} of ${functions.length})` : "");
	head(byId("top"), ["Before", "After", "Delta", "Noise", "Change", "Sure", "Function", "Module"]);
	body.replaceChildren();
	for (const row of functions.slice(0, TOP)) {
		const cells = element("tr", undefined, body);
		if (row.sure !== "no") cells.className = row.sure;
		const change = row.before > 0 ? row.after > 0 ? signed(row.change_percent.toFixed(1)) + "%" : "gone" : "new";
		for (const cell of [text(row.before), text(row.after), signed(text(row.delta)), "\u00b1" + text(row.noise), change, row.sure])
			element("td", cell, cells);
		functionCell(cells, byName.get(row.function) ?? -1, row);
	}
}

function signed(text) { return text.startsWith("-") ? text : "+" + text; }

function fillTop() {
	if (profile.diff) return fillDeltas();
	const { self, cum } = tree.totals(), [by, then] = order === "self" ? [self, cum] : [cum, self];
	const name = f => profile.functions[f].name;
	const rows = [...self.keys()].filter(f => cum[f])
		.sort((a, b) => by[b] - by[a] || then[b] - then[a] || (name(a) < name(b) ? -1 : 1));
	const body = byId("top").tBodies[0];
	byId("top-title").textContent = `Functions by ${order}: ${profile.columns[state.column].type} ` +
		`${amount(unit(), tree.total)}` + (rows.length > TOP ? ` (the first ${TOP} of ${rows.length})` : "");
	head(byId("top"), ["Self", "Self%", "Cum", "Cum%", "Function", "Module"]);
	body.replaceChildren();
	for (const f of rows.slice(0, TOP)) {
		const row = element("tr", undefined, body);
		if (self[f] >= 0.05 * tree.total) row.className = "hot";
		for (const value of [self[f], cum[f]]) {
			element("td", amount(unit(), value, tree.total), row);
			element("td", percent(value, tree.total), row);
		}
		functionCell(row, f);
	}
}

function fillNeighbours(table, sums) {
	const body = table.tBodies[0];
	head(table, ["Cum", "Cum%", "Function", "Module"]);
	body.replaceChildren();
	for (const [f, value] of [...sums].sort((a, b) => b[1] - a[1]).slice(0, TOP)) {
		const row = element("tr", undefined, body);
		element("td", amount(unit(), value, tree.total), row);
		element("td", percent(value, tree.total), row);
		functionCell(row, f);
	}
	if (!sums.size) element("td", "none", element("tr", undefined, body)).colSpan = 4;
}

/* Callers and callees of a function, and where it stands in the graph. */
function peek(f) {
	const { callers, callees } = tree.neighbours(f);
	byId("peek").hidden = false;
	byId("peek-title").textContent = profile.functions[f].name;
	fillNeighbours(byId("callers"), callers);
	fillNeighbours(byId("callees"), callees);
	view.matches = profile.names.map((name, key) => key > 0 && profile.functionOf[key] === f);
	byId("matched").textContent = percent(tree.matched(view.matches), tree.total) + " with it";
	view.draw();
}

/* Pointer. */

function onMove(event) {
	const tip = byId("tip"), box = view.canvas.getBoundingClientRect();
	const x = event.clientX - box.left, y = event.clientY - box.top, node = view.at(x, y);
	tip.hidden = node < 0;
	view.canvas.style.cursor = node < 0 ? "" : "pointer";
	if (node < 0) return;
	tip.textContent = describe(node);
	byId("status").textContent = describe(node);
	const left = Math.min(x + 12, box.width - tip.offsetWidth - 4), above = y - tip.offsetHeight - 6;
	tip.style.left = Math.max(left, 0) + "px";
	tip.style.top = (above > 0 ? above : y + 18) + "px";
}

function onClick(event) {
	const box = view.canvas.getBoundingClientRect();
	const node = view.at(event.clientX - box.left, event.clientY - box.top);
	if (node < 0) return;
	byId("tip").hidden = true;
	zoomTo(node);
	if (node) peek(profile.functionOf[view.tree.key[node]]);
}

/* Keys. */

/* The next sibling that is wide enough to be seen, or the node itself. */
function sibling(node, step) {
	const shown = view.tree, above = shown.parent[node], seen = [];
	const least = shown.cum[view.zoom] / view.width * LEAST;
	for (let child = above + 1; child < shown.end[above]; child = shown.end[child])
		if (shown.cum[child] >= least || child === node) seen.push(child);
	return seen[seen.indexOf(node) + step] || node;
}

function move(key) {
	const shown = view.tree, node = view.selected || view.zoom;
	const deeper = view.up ? "ArrowUp" : "ArrowDown";
	let next = node;
	if (key === "ArrowLeft" || key === "ArrowRight") next = node ? sibling(node, key === "ArrowLeft" ? -1 : 1) : node;
	else if (key === deeper) {
		for (let child = node + 1; child < shown.end[node]; child = shown.end[child])
			if (next === node || shown.cum[child] > shown.cum[next]) next = child;
	} else next = shown.parent[node];
	view.selected = next;
	if (next < view.zoom || next >= shown.end[view.zoom]) view.zoom = state.zoom = next;
	byId("status").textContent = describe(next);
	view.reveal();
	redraw();
}

function choose(name, value) {
	state[name] = value;
	if (name !== "grows") state.zoom = 0;
	rebuild();
	redraw();
	fillTop();
}

function nextColumn() {
	const columns = profile.columns.map((c, i) => i).filter(i => profile.measured(i));
	choose("column", columns[(columns.indexOf(state.column) + 1) % columns.length]);
}

function toggleDark() {
	const dark = !document.documentElement.classList.contains("dark");
	state.dark = dark ? "1" : "0";
	setDark(dark);
	redraw();
}

function onKey(event) {
	const typing = /^(INPUT|SELECT)$/.test(event.target.tagName);
	if (event.ctrlKey || event.metaKey || event.altKey) return;
	if (event.key === "Escape") {
		if (typing) event.target.blur();
		zoomTo(0);
	} else if (typing) return;
	else if (event.key.startsWith("Arrow") && event.target === view.canvas) move(event.key);
	else if (event.key === "Enter" && event.target === view.canvas) zoomTo(view.selected);
	else if (event.key === "0") zoomTo(0);
	else if (event.key === "/") byId("search").focus();
	else if (event.key === "r") choose("way", state.way === "calls" ? "callers" : "calls");
	else if (event.key === "i") choose("grows", state.grows === "down" ? "up" : "down");
	else if (event.key === "c") nextColumn();
	else if (event.key === "d") toggleDark();
	else return;
	event.preventDefault();
}

function listen() {
	byId("column").onchange = event => choose("column", Number(event.target.value));
	for (const name of ["owner", "way", "grows"]) byId(name).onchange = event => choose(name, event.target.value);
	byId("search").oninput = event => { state.search = event.target.value; search(); redraw(); };
	byId("reset").onclick = () => zoomTo(0);
	byId("dark").onclick = toggleDark;
	byId("keys").onclick = () => {
		byId("help").hidden = !byId("help").hidden;
		byId("keys").ariaExpanded = String(!byId("help").hidden);
	};
	view.canvas.onmousemove = onMove;
	view.canvas.onmouseleave = () => { byId("tip").hidden = true; };
	view.canvas.onclick = onClick;
	view.canvas.addEventListener("wheel", event => {
		if (!view.scrollBy(event.deltaY)) return;
		event.preventDefault();
		view.draw();
	}, { passive: false });
	document.addEventListener("keydown", onKey);
	window.addEventListener("resize", redraw);
	window.addEventListener("hashchange", () => { readHash(); rebuild(); redraw(); fillTop(); });
}

/* What is below the graph waits until that is seen: of its time to be there, tables take the most. */
function fillRest() {
	performance.mark("seen");
	fillOwners();
	fillStrips(byId("resources"), profile.data.resources);
	fillTop();
	document.querySelector("main").removeAttribute("aria-busy");
	performance.mark("whole");
}

fillHead();
readHash();
rebuild();
listen();
redraw();
if (document.hidden) setTimeout(fillRest); /* nothing will be painted */
else requestAnimationFrame(() => setTimeout(fillRest));
