// What keeps a page from being read or operated: found by looking at every element.
var readable = (() => {
  const shown = (e) => { const r = e.getBoundingClientRect(); return r.width > 0 && r.height > 0 && getComputedStyle(e).visibility === "visible"; };
  const named = (e) => (e.labels && e.labels.length ? e.labels[0].textContent : e.textContent || e.getAttribute("aria-label") || "").trim();
  const colour = (text) => { const n = text.match(/[\d.]+/g).map(Number); return { r: n[0], g: n[1], b: n[2], a: n.length > 3 ? n[3] : 1 }; };
  const behind = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const c = colour(getComputedStyle(at).backgroundColor);
      if (c.a > 0) return c;
    }
    return matchMedia("(prefers-color-scheme: dark)").matches ? { r: 18, g: 18, b: 18 } : { r: 255, g: 255, b: 255 };
  };
  // Relative luminance and contrast as WCAG 2.2 defines them.
  const luminance = (c) => {
    const part = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(c.r) + 0.7152 * part(c.g) + 0.0722 * part(c.b);
  };
  const contrast = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const name = (e) => e.tagName.toLowerCase() + (e.id ? "#" + e.id : "") + " “" + e.textContent.trim().slice(0, 40) + "”";

  return {
    all() {
      const problems = [];
      const wide = document.documentElement.scrollWidth;
      if (wide > innerWidth) problems.push("it is " + wide + " wide in a window of " + innerWidth);
      for (const e of document.querySelectorAll("body *")) {
        if (!shown(e)) continue;
        const style = getComputedStyle(e), box = e.getBoundingClientRect();
        if (box.right > innerWidth + 1 && box.left >= 0) problems.push(name(e) + " leaves the window");
        if ([...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim())) {
          if (parseFloat(style.fontSize) < 12) problems.push(name(e) + " is written in " + style.fontSize);
          const c = contrast(colour(style.color), behind(e));
          if (c < 4.5) problems.push(name(e) + " has a contrast of " + c.toFixed(1));
        }
        if (e.matches("button, .button, input:not([type=hidden]):not([type=radio]), select") && box.height < 40) problems.push(name(e) + " is " + box.height + " high");
        if (e.matches("a, button, input:not([type=hidden]), select") && !named(e)) problems.push(name(e) + " has no name");
      }
      const headings = [...document.querySelectorAll("h1, h2, h3")].map((h) => h.tagName).join(" ");
      if (!/^H1( H2)*$/.test(headings)) problems.push("its headings are " + headings);
      if (document.querySelectorAll("main").length !== 1) problems.push("it has no main part, or several");
      return problems;
    },
    focus() {
      const e = document.activeElement;
      if (e === document.body || e === document.documentElement) return "";
      const box = e.getBoundingClientRect(), style = getComputedStyle(e);
      if (box.bottom < 0 || box.top > innerHeight || box.right < 0 || box.left > innerWidth) return name(e) + " has the focus and is out of sight";
      if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) return name(e) + " has the focus and does not show it";
      return "";
    },
  };
})();
