// The rows of a timeline: tasks packed into as few lanes as worked at the same time, or one line a task.

/** @typedef {import("./task_rows.js").Row} Row */
/**
 * @typedef {{ row: Row, ready: number, start: number | null, end: number }} Bar
 * Unix ms. From `ready` the task waited for an agent, from `start` (null: not yet) it ran, to `end` or now.
 */

/** When its dependencies had ended. @param {Row} row @returns {number | null} */
const readyAt = (row) => (row.startedAt === null ? null : row.startedAt - (row.queue_ms ?? 0));

/**
 * @param {Iterable<Row>} rows @param {number} nowMs @param {number} createdMs of the run
 * @returns {Bar[]} of the tasks that began, or are ready to, in the order in which they did
 */
export function barsOf(rows, nowMs, createdMs) {
  const bars = [];
  for (const row of rows) {
    const ready = readyAt(row);
    if (ready !== null) bars.push({ row, ready: Math.max(ready, createdMs), start: row.startedAt, end: row.endedAt ?? nowMs });
    else if (row.status === "queued") bars.push({ row, ready: createdMs, start: null, end: nowMs });
  }
  return bars.sort((a, b) => (a.start ?? Infinity) - (b.start ?? Infinity) || a.row.index - b.row.index);
}

/**
 * Pack bars that ran into lanes: each takes the free lane that was freed first, so lanes are as many as ran at once.
 * @param {Bar[]} bars in the order of `barsOf` @returns {Bar[][]} lanes, each in order of time
 */
export function packed(bars) {
  /** @type {Bar[][]} */
  const lanes = [];
  /** @type {{ end: number, lane: number }[]} a heap, the earliest end on top */
  const heap = [];
  for (const bar of bars) {
    if (bar.start === null) continue;
    let lane = lanes.length;
    if (heap.length && heap[0].end <= bar.start) lane = pop(heap).lane;
    else lanes.push([]);
    lanes[lane].push(bar);
    push(heap, { end: bar.end, lane });
  }
  return lanes;
}

/**
 * How many waited for an agent and how many ran, at each of `points` + 1 moments.
 * @param {Bar[]} bars @param {number} fromMs @param {number} toMs
 * @returns {{ waiting: number[], running: number[] }}
 */
export function loadOver(bars, fromMs, toMs, points = 200) {
  const span = Math.max(toMs - fromMs, 1);
  const place = (/** @type {number} */ at) => Math.min(Math.max(Math.ceil(((at - fromMs) / span) * points), 0), points + 1);
  const waiting = new Array(points + 2).fill(0);
  const running = new Array(points + 2).fill(0);
  for (const { ready, start, end } of bars) {
    waiting[place(ready)] += 1;
    waiting[place(start ?? end)] -= 1;
    if (start === null) continue;
    running[place(start)] += 1;
    running[place(end)] -= 1;
  }
  return { waiting: summed(waiting).slice(0, points + 1), running: summed(running).slice(0, points + 1) };
}

/** @param {number[]} changes */
function summed(changes) {
  let sum = 0;
  return changes.map((change) => (sum += change));
}

/** @param {{ end: number, lane: number }[]} heap @param {{ end: number, lane: number }} entry */
function push(heap, entry) {
  heap.push(entry);
  for (let at = heap.length - 1; at > 0; ) {
    const parent = (at - 1) >> 1;
    if (before(heap[parent], heap[at])) return;
    [heap[parent], heap[at]] = [heap[at], heap[parent]];
    at = parent;
  }
}

/** @param {{ end: number, lane: number }[]} heap */
function pop(heap) {
  const top = heap[0];
  const last = /** @type {{ end: number, lane: number }} */ (heap.pop());
  if (!heap.length) return top;
  heap[0] = last;
  for (let at = 0; ; ) {
    let least = at;
    for (const child of [2 * at + 1, 2 * at + 2]) {
      if (child < heap.length && before(heap[child], heap[least])) least = child;
    }
    if (least === at) return top;
    [heap[least], heap[at]] = [heap[at], heap[least]];
    at = least;
  }
}

/** @param {{ end: number, lane: number }} a @param {{ end: number, lane: number }} b */
const before = (a, b) => a.end < b.end || (a.end === b.end && a.lane < b.lane);
