// Looks at the page that is shown and returns what seen in view.go reads. Runs
// where axe-core is loaded.
(async () => {
	const root = document.documentElement;
	const name = (e) => e.tagName.toLowerCase() + (e.id && "#" + e.id) + [...e.classList].slice(0, 3).map((c) => "." + c).join("");
	const where = (e) => (e.parentElement && e.parentElement !== root ? name(e.parentElement) + " > " : "") + name(e);

	// An ancestor that clips or scrolls keeps what is wider in itself; the page's
	// own body would only hide what nobody can reach.
	const clips = (e) => e !== document.body && e !== root && getComputedStyle(e).overflowX !== "visible";
	const kept = (e) => {
		for (let p = e.parentElement; p; p = p.parentElement) if (clips(p)) return true;
		return false;
	};
	const width = root.clientWidth;
	const scrolls = root.scrollWidth > width;
	const sticksOut = (e) => {
		const box = e.getBoundingClientRect();
		if (box.width === 0 || box.height === 0 || e.ownerSVGElement || !e.checkVisibility({ visibilityProperty: true })) return false;
		// What lies wholly beside the page is put away there, unless one can scroll to it.
		const right = box.right > width + 1 && (scrolls || box.left < width);
		const left = box.left < -1 && box.right > 1;
		return (right || left) && !kept(e);
	};
	const sideways = [];
	if (scrolls) sideways.push(`it is ${root.scrollWidth} px wide in a window of ${width}`);
	for (const e of document.body.querySelectorAll("*")) {
		if (sideways.length > 5) break;
		if (sticksOut(e) && !(e.parentElement !== document.body && sticksOut(e.parentElement))) {
			const box = e.getBoundingClientRect();
			sideways.push(`${where(e)} reaches from ${Math.round(box.left)} to ${Math.round(box.right)} px in a window of ${width}`);
		}
	}

	// The browser reports a forbidden handler only when its event comes.
	const handlers = [];
	for (const e of document.querySelectorAll("*"))
		for (const a of e.attributes) if (/^on[a-z]+$/.test(a.name)) handlers.push(`${where(e)} has ${a.name}="${a.value.slice(0, 60)}"`);

	const links = [];
	const link = (e, raw, leads) => {
		let url = "";
		try { url = new URL(raw, document.baseURI).href; } catch { /* said by who reads it */ }
		links.push({ raw, url, at: where(e), leads });
	};
	for (const e of document.querySelectorAll("[href], [src]")) {
		if (e.hasAttribute("href")) link(e, e.getAttribute("href"), e.matches("a, area"));
		if (e.hasAttribute("src")) link(e, e.getAttribute("src"), false);
	}
	for (const e of document.querySelectorAll("[srcset]"))
		for (const part of e.getAttribute("srcset").split(",")) link(e, part.trim().split(/\s+/)[0], false);
	for (const e of document.querySelectorAll("form:not([method=post i])[action]")) link(e, e.getAttribute("action"), false);
	for (const e of document.querySelectorAll('meta[property="og:image"], meta[property="og:url"]')) link(e, e.content, false);

	const result = await axe.run(document, {
		runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] },
		resultTypes: ["violations"],
		preload: false,
	});
	const barriers = result.violations.map((v) => {
		const why = (v.nodes[0].any[0] ?? v.nodes[0].all[0] ?? v.nodes[0].none[0])?.message ?? "";
		return `${v.id} (${v.impact}): ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.target.join(" ")).join(", ")}` +
			(v.nodes.length > 3 ? ` and ${v.nodes.length - 3} more` : "") + (why && `: ${why}`);
	});
	return { path: location.pathname + location.search, sideways, handlers, links, barriers };
})()
