/* SPDX-License-Identifier: Apache-2.0 */
/* What the target used over time, a small line a kind: the strip below the graph. */

const STRIP_WIDTH = 180, STRIP_HEIGHT = 36, STRIPS_MOST = 6;

/* "cpu_ns" and 5e8 in a second: "50.0%"; "rss_bytes": "1.20 MiB"; others: a number. */
function usedText(key, value) {
	if (key.endsWith("_ns")) return (value / 1e7).toFixed(1) + "%";
	if (key.endsWith("_bytes")) return amount("bytes", value);
	return comma(value, value < 10 && value % 1 ? 1 : 0);
}

/* The parser knows the namespace; nothing of the profile is in this text. */
function emptyChart(parent) {
	const holder = element("div", undefined, parent);
	holder.innerHTML = `<svg viewBox="0 0 ${STRIP_WIDTH} ${STRIP_HEIGHT}" preserveAspectRatio="none" role="img"><path fill="none" vector-effect="non-scaling-stroke"/></svg>`;
	return holder.firstChild;
}

/* From 0 to the largest value; what adds up, as of a second. */
function strip(key, times, values, summary) {
	const box = element("figure"), perSecond = summary.per_second && !key.endsWith("_ns") ? "/s" : "";
	const name = key.replace(/_(ns|bytes)$/, "").replaceAll("_", " ") + perSecond;
	const words = `${usedText(key, summary.mean)} mean, ${usedText(key, summary.max)} most`;
	const caption = element("figcaption", undefined, box);
	element("b", name, caption);
	element("span", words, caption);
	if (summary.grows) element("strong", `grew by ${usedText(key, summary.growth)}: a leak?`, caption);
	const svg = emptyChart(box);
	svg.setAttribute("aria-label", `${name}: ${usedText(key, summary.min)} least, ${words}`);
	const last = times[times.length - 1], most = summary.max || 1;
	let before = 0, path = "";
	values.forEach((value, i) => {
		const height = (summary.per_second ? value / (times[i] - before) * 1e9 : value) / most;
		const y = (STRIP_HEIGHT - 1 - height * (STRIP_HEIGHT - 3)).toFixed(1);
		path += `${path ? "L" : "M"}${(before / last * STRIP_WIDTH).toFixed(1)} ${y}L${(times[i] / last * STRIP_WIDTH).toFixed(1)} ${y}`;
		before = times[i];
	});
	svg.firstChild.setAttribute("d", path);
	return box;
}

/* All that was ever more than nothing, of each recording. */
function fillStrips(parent, recordings) {
	recordings.slice(0, STRIPS_MOST).forEach((recording, i) => {
		if (recordings.length > 1) element("h3", `recording ${i + 1} of ${recordings.length}`, parent);
		const row = element("div", undefined, parent), { time_ns: times, ...series } = recording.readings;
		for (const [key, values] of Object.entries(series))
			if (values && recording.summary[key] && recording.summary[key].max > 0)
				row.append(strip(key, times, values, recording.summary[key]));
	});
	parent.hidden = !recordings.length;
}
