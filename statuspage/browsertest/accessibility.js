// What every reader depends on, whatever they read with. Returns what is wrong, as
// sentences. The rules are those of WCAG 2.2 AA that a program can check.
(() => {
  const wrong = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const name = (e) => {
    const by = (e.getAttribute("aria-labelledby") || "").split(/\s+/).filter(Boolean);
    const text = by.map((id) => (document.getElementById(id) || { textContent: "" }).textContent).join(" ");
    return (text || e.getAttribute("aria-label") || "").trim();
  };
  const where = (e) => e.outerHTML.slice(0, 80);

  if (document.documentElement.lang !== "en") wrong.push("the page has no language");
  if (!document.title) wrong.push("the page has no title");
  if (all("main").length !== 1) wrong.push("there is not one main landmark");
  if (all("h1").length !== 1) wrong.push("there is not one first heading");
  let level = 0;
  for (const h of all("h1, h2, h3, h4")) {
    const next = Number(h.tagName[1]);
    if (next > level + 1) wrong.push("a heading skips a level: " + where(h));
    level = next;
  }
  const ids = all("[id]").map((e) => e.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) wrong.push("two elements have the id " + id);
  for (const e of all("[aria-labelledby]")) {
    for (const id of e.getAttribute("aria-labelledby").split(/\s+/)) if (!document.getElementById(id)) wrong.push("a label is missing: " + id);
  }
  for (const e of all("nav, section, [role=region], table, svg[role=img]")) {
    if (!name(e) && !e.querySelector(":scope > caption")) wrong.push("no name: " + where(e));
  }
  for (const e of all("svg:not([role=img])")) if (e.getAttribute("aria-hidden") !== "true") wrong.push("neither named nor hidden: " + where(e));
  for (const e of all("a, button, summary")) if (!e.textContent.trim() && !name(e)) wrong.push("nothing to read: " + where(e));
  for (const e of all("table th")) if (!e.hasAttribute("scope")) wrong.push("a header of nothing: " + where(e));
  for (const e of all("table")) if (!e.querySelector("thead th")) wrong.push("a table without headers: " + where(e));
  for (const e of all(".scroll")) if (e.tabIndex !== 0) wrong.push("cannot be scrolled with keys: " + where(e));
  for (const e of all("[aria-hidden=true]")) if (e.querySelector("a, button, [tabindex]")) wrong.push("hidden and focusable: " + where(e));
  if (!all("[aria-live=polite], [role=status]").length) wrong.push("nothing announces a change");

  // Contrast, of every text with what is painted below it.
  const parse = (color) => {
    const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const over = (top, below) => ({
    r: top.r * top.a + below.r * (1 - top.a), g: top.g * top.a + below.g * (1 - top.a), b: top.b * top.a + below.b * (1 - top.a), a: 1,
  });
  const ground = (e) => {
    const layers = [];
    for (let at = e; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), { r: 255, g: 255, b: 255, a: 1 });
  };
  const luminance = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  let texts = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.nodeValue.trim() || e.closest("svg, noscript, .hidden, .skip") || !e.getClientRects().length) continue;
    texts++;
    const style = getComputedStyle(e);
    const below = ground(e);
    const [a, b] = [luminance(over(parse(style.color), below)), luminance(below)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) wrong.push("contrast " + ratio.toFixed(2) + ": " + where(e));
  }
  if (texts < 50) wrong.push("only " + texts + " texts were looked at");
  return [...new Set(wrong)];
})()
