// The charts of a run: how long its tasks took, and how many were done when.
import { duration, momentOf } from "../format.js";
import { completedOver, histogram, latenciesOf, percentile } from "../figures.js";
import { Plot, axis } from "../parts/plot.js";
import { useRowsVersion } from "../parts/rows_version.js";
import { html, useMemo, useRef } from "../vendor/preact.js";
import uPlot from "../vendor/uplot.js";

const HEIGHT = 132;
const EVERY_MS = 1_000;
const RANKS = [50, 95, 99];

/** @param {any} _ @param {number[]} splits in seconds */
const seconds = (_, splits) => splits.map((value) => `${Number(value.toFixed(3))}s`);

/** @param {any} _ @param {number[]} splits */
const whole = (_, splits) => splits.map((value) => (Number.isInteger(value) ? String(value) : ""));

/** @param {{ run: import("../run.js").Run }} props */
export function LatencyChart({ run }) {
  const version = useRowsVersion(run, EVERY_MS);
  const metrics = run.metrics.value;
  /** @type {import("../vendor/preact.js").Ref<{ rank: number, at: number }[]>} */
  const marks = useRef([]);
  const { data, over, latencies } = useMemo(() => {
    const ascending = latenciesOf(run.tasks.values());
    const bars = histogram(ascending);
    const width = bars.width / 1000;
    return { data: [bars.counts.map((_, at) => at * width), bars.counts], over: bars.over, latencies: ascending };
  }, [run, version]);
  const found = RANKS.map((rank) => ({ rank, ms: metrics?.[`p${rank}_ms`] ?? percentile(latencies, rank) }));
  marks.current = found.filter(({ ms }) => ms !== null).map(({ rank, ms }) => ({ rank, at: ms / 1000 }));
  const options = useMemo(
    () => (/** @type {(name: string) => string} */ colour) => ({
      padding: [6, 10, 0, 0],
      cursor: { show: false },
      legend: { show: false },
      scales: {
        x: { time: false, range: (/** @type {any} */ u) => [0, Math.max(endOf(u.data[0]), 0.01)] },
        y: { range: (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ most) => [0, Math.max(most * 1.12, 4)] },
      },
      axes: [axis(colour, { values: seconds, size: 22 }), axis(colour, { values: whole, size: 34, space: 30 })],
      series: [{}, { fill: colour("--running"), stroke: colour("--running"), width: 0, points: { show: false }, paths: uPlot.paths.bars?.({ size: [1], align: 1 }) }],
      hooks: { draw: [(/** @type {uPlot} */ u) => drawMarks(u, marks.current, colour)] },
    }),
    [],
  );
  const label = latencies.length
    ? `Latency of ${latencies.length} completed tasks: ${found.map(({ rank, ms }) => `p${rank} ${duration(ms)}`).join(", ")}`
    : "Latency: no task has completed yet";
  return html`<${Plot} label=${label} height=${HEIGHT} data=${data} options=${options} />
    <p class="chart-note dim">
      ${found.map(({ rank, ms }) => html`<span key=${rank}>p${rank} <strong>${duration(ms)}</strong></span>`)}
      ${over && html`<span>last bar: and longer</span>`}
    </p>`;
}

/** Where the last bar ends. @param {number[]} starts */
const endOf = (starts) => (starts.length > 1 ? starts[starts.length - 1] + starts[1] : (starts[0] ?? 0) + 1);

/** @param {uPlot} u @param {{ rank: number, at: number }[]} marks @param {(name: string) => string} colour */
function drawMarks(u, marks, colour) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.font = `${10 * ratio}px system-ui, sans-serif`;
  ctx.textBaseline = "top";
  ctx.lineWidth = ratio;
  let free = -Infinity;
  for (const { rank, at } of marks) {
    const x = Math.round(u.valToPos(at, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = colour("--text");
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const text = `p${rank}`;
    const width = ctx.measureText(text).width;
    const left = x + width + 4 * ratio > bbox.left + bbox.width ? x - width - 3 * ratio : x + 3 * ratio;
    if (left < free) continue; // two that are close: the line alone
    ctx.fillStyle = colour("--text");
    ctx.fillText(text, left, bbox.top);
    free = left + width + 3 * ratio;
  }
  ctx.restore();
}

/** @param {{ run: import("../run.js").Run }} props */
export function CompletedChart({ run }) {
  const version = useRowsVersion(run, EVERY_MS);
  const swarm = run.swarm.value;
  const metrics = run.metrics.value;
  const data = useMemo(() => {
    const from = momentOf(swarm.started_at ?? swarm.created_at) ?? 0;
    const over = completedOver(run.tasks.values(), from, lastOf(run, from));
    return [over.seconds, over.completed];
  }, [run, version, swarm.ended_at]);
  const options = useMemo(
    () => (/** @type {(name: string) => string} */ colour) => ({
      padding: [6, 10, 0, 0],
      cursor: { show: false },
      legend: { show: false },
      scales: { x: { time: false }, y: { range: (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ most) => [0, Math.max(most * 1.1, 4)] } },
      axes: [axis(colour, { values: seconds, size: 22 }), axis(colour, { values: whole, size: 34, space: 30 })],
      series: [{}, { stroke: colour("--completed"), width: 1.5, fill: `${colour("--completed")}2e`, points: { show: false } }],
    }),
    [],
  );
  const done = data[1][data[1].length - 1];
  return html`<h3 class="chart-title">
      <span>Completed tasks</span>
      ${metrics && html`<span class="dim">${Number(metrics.tasks_per_s.toFixed(1))} tasks/s</span>`}
    </h3>
    <${Plot} label=${`Completed tasks over time: ${done} so far`} height=${HEIGHT} data=${data} options=${options} />`;
}

/** The service's time of the newest thing known, Unix ms. @param {import("../run.js").Run} run @param {number} from */
function lastOf(run, from) {
  const ended = momentOf(run.swarm.peek()?.ended_at);
  if (ended !== null) return ended;
  const told = momentOf(run.metrics.peek()?.ts) ?? from;
  let last = Math.max(told, from + 1_000);
  for (const row of run.tasks.values()) if (row.endedAt !== null && row.endedAt > last) last = row.endedAt;
  return last;
}
