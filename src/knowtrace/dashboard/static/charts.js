// What the charts share: the page's colours, a size that follows the card, and no motion for those who want none.

import { init } from "./vendor/echarts/echarts.js";

const stillness = matchMedia("(prefers-reduced-motion: reduce)");
const darkness = matchMedia("(prefers-color-scheme: dark)");
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

export const percent = (share) => `${(share * 100).toFixed(0)}\u00a0%`;

/** Return the page's colours by name: colours().accent is --accent. */
function colours() {
  const style = getComputedStyle(document.documentElement);
  return new Proxy({}, { get: (_, name) => style.getPropertyValue(`--${String(name)}`).trim() });
}

/** Make a chart of `element`; the function returned draws what `options(data, colours, width)` says. */
export function chartOf(element, options) {
  const chart = init(element, null, { renderer: "svg" });
  let data;
  const draw = () => {
    if (data === undefined) return;
    chart.setOption(
      {
        animation: !stillness.matches,
        animationDuration: 500,
        animationDurationUpdate: 500,
        textStyle: { fontFamily: FONT },
        ...options(data, colours(), element.clientWidth),
      },
      { notMerge: true },
    );
  };
  new ResizeObserver(() => {
    chart.resize();
    draw();
  }).observe(element);
  darkness.addEventListener("change", draw);
  return (next) => {
    data = next;
    draw();
  };
}

/** Tooltips are drawn, not written as HTML: the page's policy allows no inline styles. */
export function tooltip(colours, formatter, extra = {}) {
  return {
    renderMode: "richText",
    confine: true,
    backgroundColor: colours.card,
    borderColor: colours.control,
    textStyle: { color: colours.text, fontSize: 13, lineHeight: 19 },
    formatter,
    ...extra,
  };
}

/** Break a name into at most `most` lines of about `width` letters. */
export function wrapped(name, width, most) {
  const lines = [""];
  for (const word of name.split(" ")) {
    const joined = `${lines.at(-1)} ${word}`.trim();
    if (joined.length <= width || !lines.at(-1)) lines[lines.length - 1] = joined;
    else lines.push(word);
  }
  const kept = lines.slice(0, most).map((line) => (line.length > width + 2 ? `${line.slice(0, width)}…` : line));
  if (lines.length > most && !kept.at(-1).endsWith("…")) kept[most - 1] += "…";
  return kept.join("\n");
}
