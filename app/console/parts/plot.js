// A chart: uPlot in a box that it fills, in the colours of the theme.
import { theme, token } from "../theme.js";
import { html, useEffect, useRef } from "../vendor/preact.js";
import uPlot from "../vendor/uplot.js";

/** @type {Promise<void> | null} */
let styled = null;

/** The library's style sheet is asked for with the first chart. */
function style() {
  styled ??= new Promise((resolve) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = new URL("../vendor/uplot.css", import.meta.url).href;
    link.onload = link.onerror = () => resolve();
    document.head.append(link);
  });
  return styled;
}

/**
 * A chart that follows its box and the theme.
 * @param {{ label: string, height: number, data: any, options: (colour: (name: string) => string) => any }} props
 *   label: what it shows, in words with the figures that matter, since a picture says nothing to a screen reader;
 *   data: uPlot's columns; options: uPlot's options without size, made again when the theme changes; `colour("--running")`
 *   is that token's colour now. Give the same function each time unless the chart is to be made anew.
 */
export function Plot({ label, height, data, options }) {
  /** @type {import("../vendor/preact.js").Ref<HTMLDivElement>} */
  const ref = useRef(null);
  const chart = useRef(/** @type {uPlot | null} */ (null));
  const newest = useRef(data);
  newest.current = data;
  const shown = theme.value;

  useEffect(() => {
    let gone = false;
    const box = ref.current;
    const observer = new ResizeObserver(() => {
      if (box.clientWidth > 0) chart.current?.setSize({ width: box.clientWidth, height });
    });
    style().then(() => {
      if (gone) return;
      const made = { ...options(token), width: Math.max(box.clientWidth, 60), height };
      chart.current = new uPlot(made, newest.current, box);
      observer.observe(box);
    });
    return () => {
      gone = true;
      observer.disconnect();
      chart.current?.destroy();
      chart.current = null;
    };
  }, [options, shown, height]);

  useEffect(() => {
    chart.current?.setData(data);
  }, [data]);

  return html`<div class="plot" ref=${ref} role="img" aria-label=${label} style=${{ minHeight: `${height}px` }}></div>`;
}

/**
 * An axis in the theme's colours.
 * @param {(name: string) => string} colour @param {Record<string, any>} [more] uPlot's options of an axis
 */
export const axis = (colour, more = {}) => ({
  stroke: colour("--dim"),
  grid: { stroke: colour("--line"), width: 1 },
  ticks: { show: false },
  font: "11px system-ui, sans-serif",
  gap: 4,
  ...more,
});
