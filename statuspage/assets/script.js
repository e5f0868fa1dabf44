// Keeps the page as the server would draw it now. Without this script the page is
// complete and reloads itself.
"use strict";
(() => {
  const content = document.getElementById("content");
  const link = document.getElementById("link");
  const icon = document.getElementById("icon");
  const pollEvery = 5000;
  const alarmAfter = 3000; // a stream that is only renewed is back by then
  let source = null;
  let polling = 0;
  let alarm = 0;

  // tell says how fresh the page is, where that changes.
  function tell(text, kind) {
    if (link.textContent !== text) link.textContent = text;
    if (link.className !== kind) link.className = kind;
  }

  // morph makes one node like another of its kind and leaves alone what is the same,
  // so that focus, selection, scrolling and opened details stay where they are. What
  // has an id is recognized wherever it comes to stand.
  function morph(from, to) {
    if (from.nodeType !== Node.ELEMENT_NODE) {
      if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
      return;
    }
    if (from === link) return; // this script's own
    const readers = (name) => name === "open" && from.nodeName === "DETAILS"; // theirs to open and close
    for (const { name } of [...from.attributes]) {
      if (!to.hasAttribute(name) && !readers(name)) from.removeAttribute(name);
    }
    for (const { name, value } of to.attributes) {
      if (from.getAttribute(name) !== value && !readers(name)) from.setAttribute(name, value);
    }
    const ids = new Set([...to.children].map((child) => child.id));
    for (const child of [...from.children]) if (child.id && !ids.has(child.id)) child.remove();
    let next = from.firstChild;
    const drop = () => {
      const gone = next;
      next = next.nextSibling;
      gone.remove();
    };
    for (const fresh of to.childNodes) {
      let old = next && !next.id && next.nodeName === fresh.nodeName ? next : null;
      if (fresh.id) {
        old = [...from.children].find((child) => child.id === fresh.id);
        while (old && next && next !== old && !next.id) drop(); // what moves loses the focus
      }
      if (!old) {
        from.insertBefore(document.importNode(fresh, true), next);
        continue;
      }
      if (old === next) next = next.nextSibling;
      else from.insertBefore(old, next);
      morph(old, fresh);
    }
    while (next) drop();
  }

  function update(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("content");
    if (!fresh) return;
    morph(content, fresh);
    document.title = content.dataset.title;
    const href = content.dataset.status + ".svg";
    if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
  }

  function lost() {
    const at = content.querySelector(".at time").textContent;
    tell("this page lost its server: what you see is as of " + at, "lost");
  }

  // poll is for when there is no place for another stream.
  async function poll() {
    try {
      const answer = await fetch("./", { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      update(await answer.text());
      tell("reloads every " + pollEvery / 1000 + " s", "");
    } catch {
      lost();
    }
  }

  function stop() {
    if (source) source.close();
    source = null;
    clearInterval(polling);
    clearTimeout(alarm);
    alarm = 0;
  }

  function start() {
    stop();
    source = new EventSource("events");
    source.addEventListener("update", (event) => {
      clearTimeout(alarm);
      alarm = 0;
      update(event.data);
      tell("live", "live");
    });
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED) {
        alarm ||= setTimeout(lost, alarmAfter); // the browser tries again by itself
        return;
      }
      stop();
      poll();
      polling = setInterval(poll, pollEvery);
    });
  }

  // read returns what the curve of a plot says at a share of its width.
  function read(svg, share) {
    const { ground, top, unit } = svg.dataset;
    const points = svg.querySelector(".line").getAttribute("d").matchAll(/L([\d.]+) ([\d.]+)/g);
    let best = null;
    for (const [, x, y] of points) {
      const away = Math.abs(x / 1000 - share);
      if (away < 0.02 && (!best || away < best.away)) best = { away, height: 1 - y / 100 };
    }
    if (!best) return "";
    const [low, high] = [Number(ground), Number(top)];
    const value = low > 0 ? low * (high / low) ** best.height : high * best.height;
    return Number(value.toPrecision(3)) + unit;
  }

  // Under the pointer a plot tells the time, and its value then.
  document.addEventListener("pointermove", (event) => {
    const readout = document.getElementById("readout");
    const svg = event.target instanceof Element && event.target.closest(".plot svg");
    readout.hidden = !svg;
    if (!svg) return;
    const box = svg.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    const [begin, end] = [Number(content.dataset.begin), Number(content.dataset.end)];
    const time = new Date(begin + share * (end - begin)).toISOString().slice(11, 19);
    readout.textContent = [time, read(svg, share)].filter(Boolean).join("  ");
    readout.style.left = event.clientX + "px";
    readout.style.top = event.clientY + "px";
  });

  // A page that nobody sees leaves its stream to others.
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  if (!document.hidden) start();
})();
