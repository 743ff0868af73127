/* SPDX-License-Identifier: Apache-2.0 */
/* The model of the page: trees in typed arrays, in pre-order, so that a subtree is a range
 * [i, end[i]) and every sum is one pass. Nothing here touches the document. */
"use strict";

const KERNEL = 1, INLINED = 2, JIT = 4;
const SPLIT_LEAST = 1e-5; /* of the total */

/* parent[] of nodes in pre-order to end[] of their subtrees. */
function subtreeEnds(parent) {
	const n = parent.length, end = new Uint32Array(n);
	for (let i = n - 1; i >= 0; i--) {
		if (!end[i]) end[i] = i + 1;
		if (i && end[i] > end[parent[i]]) end[parent[i]] = end[i];
	}
	return end;
}

function depths(parent) {
	const depth = new Uint32Array(parent.length);
	for (let i = 1; i < parent.length; i++) depth[i] = depth[parent[i]] + 1;
	return depth;
}

/* Where each node begins, in units of value, its siblings side by side. */
function starts(parent, cum) {
	const n = parent.length, start = new Float64Array(n), next = new Float64Array(n);
	for (let i = 1; i < n; i++) {
		start[i] = next[i] = next[parent[i]];
		next[parent[i]] += cum[i];
	}
	return start;
}

function sumUp(parent, self) {
	const cum = Float64Array.from(self);
	for (let i = parent.length - 1; i > 0; i--) cum[parent[i]] += cum[i];
	return cum;
}

const DIGIT = new Uint8Array(128);
[..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"].forEach((c, i) => { DIGIT[c.charCodeAt(0)] = i; });

/* Whole numbers from text (cli/packed.h) into an array that holds them. */
function unpack(text, into) {
	for (let n = 0, i = 0; i < text.length; n++) {
		let digit = DIGIT[text.charCodeAt(i++)], value = digit & 31;
		if (digit < 32) { /* most of them */
			into[n] = value & 1 ? -(value + 1 >> 1) : value >> 1;
			continue;
		}
		const negative = value & 1; /* a large sum may lose it */
		for (let scale = 32; digit & 32; scale *= 32) {
			digit = DIGIT[text.charCodeAt(i++)];
			value += (digit & 31) * scale;
		}
		const half = Math.floor(value / 2);
		into[n] = negative ? -half - 1 : half;
	}
	return into;
}

class Profile {
	constructor(text) {
		const data = JSON.parse(text), n = data.nodes, keys = data.names.length;
		Object.assign(this, { data, columns: data.columns, owners: data.owners, names: data.names, diff: data.diff });
		this.module = unpack(data.module, new Uint32Array(keys));
		this.kind = unpack(data.kind, new Uint8Array(keys));
		this.key = unpack(data.key, new Uint32Array(n));
		this.parent = new Uint32Array(n);
		const ups = unpack(data.up, new Uint32Array(n));
		for (let i = 1; i < n; i++) {
			let above = i - 1;
			for (let up = ups[i]; up > 0; up--) above = this.parent[above];
			this.parent[i] = above;
		}
		this.end = subtreeEnds(this.parent);
		this.spent = unpack(data.node, new Uint32Array(data.spent));
		for (let i = 1; i < this.spent.length; i++) this.spent[i] += this.spent[i - 1];
		this.owner = unpack(data.owner, new Uint32Array(data.spent));
		this.values = [];
		this.numberFunctions();
	}

	/* What was spent, a value for each of `spent`. */
	valuesOf(column) {
		if (!this.values[column]) {
			const values = unpack(this.data.values[column], new Float64Array(this.data.spent));
			/* Values of a comparison are whole numbers of parts. */
			const scale = this.data.scales[column] / (this.diff ? this.diff.parts : 1);
			for (let i = 0; i < values.length; i++) values[i] *= scale;
			this.values[column] = values;
		}
		return this.values[column];
	}

	/* Keys tell inlined from not inlined; a function is a name in a module. */
	numberFunctions() {
		const known = new Map();
		this.functionOf = new Uint32Array(this.names.length);
		this.functions = [];
		for (let key = 0; key < this.names.length; key++) {
			const id = this.names[key] + "\0" + this.moduleOf(key);
			if (!known.has(id)) {
				known.set(id, this.functions.length);
				this.functions.push({ name: this.names[key], module: this.moduleOf(key) });
			}
			this.functionOf[key] = known.get(id);
		}
	}

	moduleOf(key) {
		return key ? this.data.modules[this.module[key]] : "";
	}

	measured(column) {
		return this.data.values[column].length > 0;
	}

	/* Numbers of the owners that have a value. */
	usedOwners() {
		const used = new Uint8Array(this.owners.length);
		for (let i = 0; i < this.owner.length; i++) used[this.owner[i]] = 1;
		return [...used.keys()].filter(i => used[i]);
	}

	/* A tree with the values of one column, of the owners that `wanted` (an array of booleans, or
	 * null: all) names. */
	calls(column, wanted) {
		const other = this.diff ? this.selfOf(1 - column, wanted) : null;
		return new Tree(this, this.key, this.parent, this.end, this.selfOf(column, wanted), other);
	}

	selfOf(column, wanted) {
		const values = this.valuesOf(column), owner = this.owner;
		const self = new Float64Array(this.key.length);
		for (let i = 0; i < values.length; i++)
			if (!wanted || wanted[owner[i]]) self[this.spent[i]] += values[i];
		return self;
	}
}

class Tree {
	/* `other`: of a comparison, what the side that is not shown spent; or null. */
	constructor(profile, key, parent, end, self, other) {
		Object.assign(this, { profile, key, parent, end, self, other });
		this.cum = sumUp(parent, self);
		this.otherCum = other ? sumUp(parent, other) : null;
		this.start = starts(parent, this.cum);
		this.depth = depths(parent);
		this.total = this.cum[0];
	}

	/* The same stacks from their leaves. Groups of stacks are split by the next frame, the largest
	 * first; one too small to be seen is not split further, which bounds the tree. */
	reversed() {
		const at = new Uint32Array(this.key.length), all = [];
		for (let i = 1; i < at.length; i++) {
			at[i] = i;
			if (this.self[i] || (this.other && this.other[i])) all.push(i);
		}
		const key = [], parent = [], self = [], other = [], least = Math.abs(this.total) * SPLIT_LEAST;
		const todo = [{ key: 0, parent: 0, value: this.total, otherValue: this.otherCum ? this.otherCum[0] : 0, stacks: all }];
		while (todo.length) {
			const group = todo.pop(), here = key.length;
			key.push(group.key); parent.push(group.parent); self.push(0); other.push(0);
			if (here && Math.abs(group.value) < least) {
				self[here] = group.value;
				other[here] = group.otherValue;
				continue;
			}
			if (here) this.climb(group, at, i => {
				self[here] += this.self[i];
				if (this.other) other[here] += this.other[i];
			});
			for (const next of this.split(group.stacks, at)) todo.push({ ...next, parent: here });
		}
		const above = Uint32Array.from(parent);
		return new Tree(this.profile, Uint32Array.from(key), above, subtreeEnds(above), Float64Array.from(self),
			this.other ? Float64Array.from(other) : null);
	}

	/* All stacks of a group go up by a frame; those that end here leave their value. */
	climb(group, at, leave) {
		group.stacks = group.stacks.filter(i => {
			at[i] = this.parent[at[i]];
			if (!at[i]) leave(i);
			return at[i];
		});
	}

	/* Stacks by the frame they are at, the smallest group first. */
	split(stacks, at) {
		const groups = new Map();
		for (const i of stacks) {
			const k = this.key[at[i]];
			let group = groups.get(k);
			if (!group) groups.set(k, group = { key: k, value: 0, otherValue: 0, stacks: [] });
			group.value += this.self[i];
			if (this.other) group.otherValue += this.other[i];
			group.stacks.push(i);
		}
		return [...groups.values()].sort((a, b) => a.value - b.value);
	}

	/* Calls enter(i) and leave(i) for all nodes but the root, in pre-order. */
	walk(enter, leave) {
		const path = [];
		for (let i = 1; i < this.key.length; i++) {
			while (path.length && i >= this.end[path[path.length - 1]]) leave(path.pop());
			path.push(i);
			enter(i);
		}
		while (path.length) leave(path.pop());
	}

	/* Self and cum of each function; a recursive one counts once a stack. */
	totals() {
		const of = this.profile.functionOf, n = this.profile.functions.length;
		const self = new Float64Array(n), cum = new Float64Array(n), open = new Uint32Array(n);
		this.walk(i => {
			const f = of[this.key[i]];
			self[f] += this.self[i];
			if (!open[f]++) cum[f] += this.cum[i];
		}, i => { open[of[this.key[i]]]--; });
		return { self, cum };
	}

	/* Direct callers and callees of a function: Maps from function to value. */
	neighbours(f) {
		const of = this.profile.functionOf, callers = new Map(), callees = new Map();
		const open = [new Map(), new Map()];
		const edges = i => {
			const above = this.parent[i] ? of[this.key[this.parent[i]]] : -1, here = of[this.key[i]];
			return [[here === f && above >= 0 ? above : -1, callers], [above === f ? here : -1, callees]];
		};
		this.walk(i => edges(i).forEach(([g, sums], which) => {
			if (g < 0) return;
			const depth = open[which].get(g) || 0;
			if (!depth) sums.set(g, (sums.get(g) || 0) + this.cum[i]);
			open[which].set(g, depth + 1);
		}), i => edges(i).forEach(([g], which) => {
			if (g >= 0) open[which].set(g, open[which].get(g) - 1);
		}));
		return { callers, callees };
	}

	/* Value of the stacks that have a key that matches. */
	matched(matches) {
		let sum = 0;
		for (let i = 1; i < this.key.length;) {
			if (matches[this.key[i]]) {
				sum += this.cum[i];
				i = this.end[i];
			} else i++;
		}
		return sum;
	}

	/* The child of `node` at this value, or 0. */
	childAt(node, value) {
		for (let child = node + 1; child < this.end[node]; child = this.end[child])
			if (this.cum[child] > 0 && value >= this.start[child] && value < this.start[child] + this.cum[child])
				return child;
		return 0;
	}
}

/* 1234.5 as "1,234.50". toLocaleString() says the same, but loads a language first: tens of milliseconds. */
function comma(x, digits) {
	const [whole, fraction] = x.toFixed(digits).split(".");
	const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
	return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/* Values for people, as `probe report` prints them. */
function amount(unit, value, total) {
	if (unit === "share") return (100 * value).toFixed(2) + "%";
	const steps = unit === "nanoseconds" ? [[1e9, "s"], [1e6, "ms"], [1e3, "us"], [1, "ns"]]
		: unit === "bytes" ? [[2 ** 40, " TiB"], [2 ** 30, " GiB"], [2 ** 20, " MiB"], [2 ** 10, " KiB"], [1, " B"]] : [[1, ""]];
	const size = Math.abs(total === undefined ? value : total);
	const step = steps.find(s => size >= s[0]) || steps[steps.length - 1];
	return comma(value / step[0], step[0] > 1 ? 2 : 0) + step[1];
}

function percent(part, total) {
	return (total ? 100 * part / total : 0).toFixed(1) + "%";
}
