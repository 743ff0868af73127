/* SPDX-License-Identifier: Apache-2.0 */
/* The canvas: as large as what is seen of it, drawing only boxes that can be seen. */

const ROW = 18, LEAST = 0.5;
const CHANGE_FULL = 0.1; /* of the whole: the strongest colour of a change */

function hash(text) {
	let h = 0;
	for (let i = 0; i < text.length; i++) h = (h * 31 + text.charCodeAt(i)) >>> 0;
	return h;
}

class View {
	constructor(canvas) {
		this.canvas = canvas;
		this.context = canvas.getContext("2d");
		Object.assign(this, { tree: null, zoom: 0, selected: 0, scroll: 0, up: false, dark: false, matches: null, colours: [] });
	}

	show(tree, zoom) {
		this.tree = tree;
		this.zoom = zoom < tree.key.length && tree.cum[zoom] > 0 ? zoom : 0;
		this.selected = 0;
		this.deepest = 0;
		for (let i = 0; i < tree.depth.length; i++)
			if (tree.depth[i] > this.deepest && tree.cum[i] > 0) this.deepest = tree.depth[i];
	}

	/* Rows that the zoomed node needs, its ancestors with it. */
	rows() {
		const tree = this.tree, scale = this.width / tree.cum[this.zoom];
		let deepest = tree.depth[this.zoom];
		for (let i = this.zoom; i < tree.end[this.zoom];) {
			if (tree.cum[i] * scale < LEAST) { i = tree.end[i]; continue; }
			if (tree.depth[i] > deepest) deepest = tree.depth[i];
			i++;
		}
		return deepest + 1;
	}

	resize() {
		const ratio = window.devicePixelRatio || 1;
		this.width = this.canvas.clientWidth;
		this.height = this.canvas.clientHeight;
		this.canvas.width = Math.round(this.width * ratio);
		this.canvas.height = Math.round(this.height * ratio);
		this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
	}

	scrollBy(pixels) {
		const before = this.scroll;
		this.scroll = Math.max(0, Math.min(this.scroll + pixels, this.rows() * ROW - this.height));
		return this.scroll !== before;
	}

	y(depth) {
		return this.up ? this.height - (depth + 1) * ROW + this.scroll : depth * ROW - this.scroll;
	}

	colour(key) {
		const saved = this.colours[key];
		if (saved) return saved;
		const profile = this.tree.profile, kind = profile.kind[key], h = hash(profile.moduleOf(key));
		const vary = hash(profile.names[key]) % 10, light = (this.dark ? 58 : 70) + vary - 4;
		const colour = !key ? (this.dark ? "#8b949e" : "#d0d7de")
			: kind & KERNEL ? `hsl(${208 + h % 8} 50% ${light}%)`
			: kind & JIT ? `hsl(280 38% ${light}%)`
			: kind & INLINED ? `hsl(${85 + h % 20} 38% ${light}%)`
			: `hsl(${18 + h % 30} 72% ${light}%)`;
		return this.colours[key] = colour;
	}

	/* Of a comparison: how much a node grew from before to after, as a share of the larger whole. Blue
	 * and red are told apart by all eyes; what is stronger is more. */
	colourOfChange(node) {
		const tree = this.tree, sign = this.showsAfter ? 1 : -1;
		const share = sign * (tree.cum[node] - tree.otherCum[node]) / Math.max(tree.cum[0], tree.otherCum[0]);
		const strength = Math.min(1, Math.sqrt(Math.abs(share) / CHANGE_FULL));
		if (strength < 0.05) return this.dark ? "#6e7681" : "#e3e6ea";
		const light = this.dark ? 48 + 22 * (1 - strength) : 92 - 37 * strength;
		return `hsl(${share > 0 ? 8 : 212} ${Math.round(30 + 55 * strength)}% ${light.toFixed(0)}%)`;
	}

	box(node, x, width, faded) {
		const { context, tree } = this, key = tree.key[node], y = this.y(tree.depth[node]);
		if (y + ROW <= 0 || y >= this.height) return;
		context.globalAlpha = faded ? 0.55 : 1;
		context.fillStyle = this.matches && this.matches[key] ? (this.dark ? "#e879f9" : "#d946ef")
			: tree.otherCum ? this.colourOfChange(node) : this.colour(key);
		context.fillRect(x, y, Math.max(width - (width > 3 ? 1 : 0), LEAST), ROW - 1);
		if (node === this.selected && node) {
			context.strokeStyle = this.dark ? "#fff" : "#000";
			context.strokeRect(x + 0.5, y + 0.5, Math.max(width - 2, 1), ROW - 2);
		}
		if (width > 24) {
			const letters = Math.floor((width - 6) / this.letter), name = tree.profile.names[key];
			context.fillStyle = "#111";
			if (letters > 1) context.fillText(name.length > letters ? name.slice(0, letters - 1) + "\u2026" : name, x + 3, y + ROW - 5);
		}
	}

	draw() {
		const { context, tree, zoom } = this;
		this.resize();
		context.clearRect(0, 0, this.width, this.height);
		context.font = "12px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace";
		this.letter = context.measureText("m").width;
		if (!tree || !(tree.cum[zoom] > 0)) return;
		this.scroll = Math.max(0, Math.min(this.scroll, this.rows() * ROW - this.height));
		for (let node = zoom; node;) this.box(node = tree.parent[node], 0, this.width, true);
		const scale = this.width / tree.cum[zoom], origin = tree.start[zoom];
		const last = Math.ceil((this.height + this.scroll) / ROW);
		for (let i = zoom; i < tree.end[zoom];) {
			const width = tree.cum[i] * scale;
			if (width < LEAST || tree.depth[i] > last) { i = tree.end[i]; continue; }
			this.box(i, (tree.start[i] - origin) * scale, width, false);
			i++;
		}
		context.globalAlpha = 1;
	}

	/* The node at a point; -1: none. */
	at(x, y) {
		const { tree, zoom } = this;
		if (!tree || !(tree.cum[zoom] > 0)) return -1;
		const row = Math.floor((this.up ? this.height - y + this.scroll : y + this.scroll) / ROW);
		let node = zoom;
		for (let depth = tree.depth[zoom]; depth > row; depth--) node = tree.parent[node];
		const value = tree.start[zoom] + x / this.width * tree.cum[zoom];
		while (node >= 0 && tree.depth[node] < row) node = tree.childAt(node, value) || -1;
		return node;
	}

	/* Keeps the selected box in sight. */
	reveal() {
		const y = this.y(this.tree.depth[this.selected]);
		const off = y < 0 ? y : y + ROW > this.height ? y + ROW - this.height : 0;
		if (off) this.scrollBy(this.up ? -off : off);
	}
}
