// Figures made of the rows of a run for its charts; what is counted and paid comes from `metrics_snapshot` alone.

/** @typedef {import("./task_rows.js").Row} Row */

const STEPS = [1, 2, 2.5, 5, 10];

/** The smallest of 1, 2, 2.5, 5, 10, … that is at least `value` (positive). @param {number} value */
export function niceCeil(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = STEPS.find((one) => one * power >= value * 0.999999);
  return (step ?? 10) * power;
}

/** Nearest-rank percentile, as the service computes it. @param {number[]} ascending @param {number} rank in (0, 100] */
export function percentile(ascending, rank) {
  if (!ascending.length) return null;
  return ascending[Math.max(Math.ceil((ascending.length * rank) / 100) - 1, 0)];
}

/** Latencies of the completed tasks in milliseconds, ascending. @param {Iterable<Row>} rows */
export function latenciesOf(rows) {
  const found = [];
  for (const row of rows) if (row.status === "completed" && row.latency_ms !== null) found.push(row.latency_ms);
  return found.sort((a, b) => a - b);
}

/**
 * Bars over equal intervals from 0 on. What is far beyond the 99th percentile is counted in the last bar, so that one
 * straggler does not squeeze all others into one.
 * @param {number[]} ascending milliseconds @param {number} bars at most so many
 * @returns {{ width: number, counts: number[], over: boolean }} width of a bar in ms; over: whether the last bar holds
 *   what lies beyond its end, too
 */
export function histogram(ascending, bars = 40) {
  if (!ascending.length) return { width: 0, counts: [], over: false };
  const longest = ascending[ascending.length - 1];
  const most = Math.min(longest, 2 * (percentile(ascending, 99) ?? longest));
  const width = niceCeil(Math.max(most, 1) / bars);
  const counts = new Array(Math.floor(most / width) + 1).fill(0);
  for (const value of ascending) counts[Math.min(Math.floor(value / width), counts.length - 1)] += 1;
  return { width, counts, over: longest >= counts.length * width };
}

/**
 * How many tasks had completed at each of up to `points` moments.
 * @param {Iterable<Row>} rows @param {number} fromMs Unix ms of the start @param {number} toMs
 * @returns {{ seconds: number[], completed: number[] }} since the start; both ascending
 */
export function completedOver(rows, fromMs, toMs, points = 120) {
  const span = Math.max(toMs - fromMs, 1);
  const bins = new Array(points).fill(0);
  for (const row of rows) {
    if (row.status !== "completed" || row.endedAt === null) continue;
    const at = Math.floor(((row.endedAt - fromMs) / span) * points);
    bins[Math.min(Math.max(at, 0), points - 1)] += 1;
  }
  const seconds = [0];
  const completed = [0];
  bins.forEach((number, at) => {
    seconds.push(((at + 1) * span) / points / 1000);
    completed.push(completed[at] + number);
  });
  return { seconds, completed };
}

/** A message without what differs from task to task: what it quotes. @param {string} message */
export const groupOf = (message) => message.replaceAll(/'[^']*'|"[^"]*"/g, "'…'").trim();

/**
 * The errors of failed, skipped and retrying tasks by message, the most frequent first.
 * @param {Iterable<Row>} rows
 * @returns {{ message: string, type: string, tasks: number, retrying: number }[]} retrying: those not given up yet
 */
export function errorGroups(rows) {
  /** @type {Map<string, { message: string, type: string, tasks: number, retrying: number }>} */
  const groups = new Map();
  for (const { error, status } of rows) {
    if (!error || status === "completed" || status === "cancelled") continue;
    const message = groupOf(error.message || error.type);
    const group = groups.get(message) ?? { message, type: error.type, tasks: 0, retrying: 0 };
    group.tasks += 1;
    if (status === "retrying") group.retrying += 1;
    groups.set(message, group);
  }
  return [...groups.values()].sort((a, b) => b.tasks - a.tasks || a.message.localeCompare(b.message));
}
