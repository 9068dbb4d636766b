// A node of the run graph as SVG: one task, or a group with a tile for each of its tasks.
import { ENDED, stateOf } from "../state.js";

const NS = "http://www.w3.org/2000/svg";
const WIDTH = 156;
const HEAD = 28;
const PAD = 8;
const FEW = { most: 30, across: 10, pitch: 14, size: 11 };
const MANY = { most: 100, across: 20, pitch: 7, size: 5 };

/**
 * @typedef {{ task_id: string, status: string, attempts?: number }} Row
 * @typedef {{ paint: (rows: Row[], waits: { done: number, of: number } | null) => void, element: SVGGElement }} NodeView
 */

/**
 * @param {string} name @param {Record<string, string | number>} attributes @param {Element} [parent]
 * @returns {any} an SVG element
 */
export function svg(name, attributes, parent) {
  const element = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  parent?.append(element);
  return element;
}

/** @param {number} tasks @returns {{ width: number, height: number }} */
export function sizeOf(tasks) {
  if (tasks === 1) return { width: WIDTH, height: HEAD };
  const grid = gridOf(tasks);
  return { width: WIDTH, height: HEAD + (grid ? Math.ceil(tasks / grid.across) * grid.pitch : 12) + 2 };
}

/** @param {number} tasks @returns {typeof FEW | null} null: too many for tiles, a bar shows their shares */
const gridOf = (tasks) => (tasks <= FEW.most ? FEW : tasks <= MANY.most ? MANY : null);

/** @param {string} text @param {number} most @returns {string} shortened in the middle, where names differ least */
function shortened(text, most) {
  if (text.length <= most) return text;
  const tail = Math.floor((most - 1) / 2);
  return `${text.slice(0, most - 1 - tail)}…${text.slice(-tail)}`;
}

/**
 * The state that the outline of several tasks shows: what goes on now, else how they ended, else what they wait for.
 * @param {Map<string, number>} counts by status @param {number} total
 */
export function groupState(counts, total) {
  const has = (/** @type {string} */ status) => counts.has(status);
  for (const status of ["retrying", "running", "throttled", "paused"]) if (has(status)) return status;
  const ended = [...ENDED].reduce((sum, status) => sum + (counts.get(status) ?? 0), 0);
  if (ended === total) return ["failed", "cancelled", "skipped"].find(has) ?? "completed";
  if (has("queued")) return "queued";
  return ended ? "running" : "waiting"; // some ended, the others still wait: it is under way
}

/** @param {Row[]} rows @returns {Map<string, number>} */
export function countsOf(rows) {
  const counts = new Map();
  for (const row of rows) counts.set(row.status, (counts.get(row.status) ?? 0) + 1);
  return counts;
}

/** @param {Map<string, number>} counts */
const inWords = (counts) => [...counts].map(([status, n]) => `${n} ${stateOf(status).label}`).join(", ");

/**
 * @param {import("./graph_fold.js").Group} group
 * @returns {NodeView}
 */
export function nodeView(group) {
  const total = group.tasks.length;
  const { width, height } = sizeOf(total);
  const element = svg("g", { class: "gnode", tabindex: -1, role: "button", "data-key": group.key });
  svg("rect", { class: "gnode-box", width, height, rx: 5 }, element);
  svg("rect", { class: "gnode-edge", width: 4, height, rx: 2 }, element);
  const label = svg("text", { class: "gnode-label", x: PAD + 2, y: 18 }, element);
  const figure = svg("text", { class: "gnode-figure", x: width - PAD, y: 18 }, element);
  const title = svg("title", {}, element);
  const tiles = total > 1 ? tilesOf(element, total, width) : null;
  const name = total > 1 ? `${total.toLocaleString("en")} × ${group.label}` : group.label;

  return {
    element,
    paint(rows, waits) {
      const counts = countsOf(rows);
      const state = stateOf(total > 1 ? groupState(counts, total) : rows[0].status);
      const failed = counts.get("failed") ?? 0;
      const ended = rows.reduce((sum, row) => sum + (ENDED.has(row.status) ? 1 : 0), 0);
      let right = total > 1 ? `${failed ? `✕${failed} ` : ""}${ended}/${total}` : state.glyph;
      if (total === 1 && waits) right = `${waits.done}/${waits.of}`;
      if (total === 1 && state.name === "retrying") right = String(rows[0].attempts ?? state.glyph);
      if (total === 1 && state.name === "running") right = "▸";
      element.setAttribute("class", `gnode ${total > 1 ? "is-group" : "is-task"} ${state.cssClass}`);
      figure.textContent = right;
      label.textContent = shortened(name, Math.floor((width - PAD * 2 - 6 - right.length * 6) / 6));
      const waiting = waits ? `, waits: ${waits.done} of ${waits.of} dependencies ended` : "";
      const said = `${name}: ${total > 1 ? inWords(counts) : state.label}${waiting}`;
      title.textContent = said;
      element.setAttribute("aria-label", said);
      tiles?.(rows, counts);
    },
  };
}

/** @param {SVGGElement} parent @param {number} total @param {number} width */
function tilesOf(parent, total, width) {
  const grid = gridOf(total);
  return grid ? tileGrid(parent, total, grid) : shareBar(parent, total, width);
}

/** @param {SVGGElement} parent @param {number} total @param {typeof FEW} grid */
function tileGrid(parent, total, grid) {
  const cells = Array.from({ length: total }, (_, k) => {
    const x = PAD + 1 + (k % grid.across) * grid.pitch;
    const y = HEAD - 2 + Math.floor(k / grid.across) * grid.pitch;
    const tile = svg("rect", { x, y, width: grid.size, height: grid.size, rx: grid.size > 8 ? 2 : 1 }, parent);
    const sign = grid === FEW ? svg("text", { class: "gtile-sign", x: x + grid.size / 2, y: y + 8.5 }, parent) : null;
    return { tile, sign, shown: "" };
  });
  return (/** @type {Row[]} */ rows) => rows.forEach((row, k) => {
    const cell = cells[k];
    const sign = row.status === "retrying" ? String(row.attempts ?? "") : stateOf(row.status).glyph;
    if (cell.shown === row.status + sign) return;
    cell.shown = row.status + sign;
    cell.tile.setAttribute("class", `gtile ${stateOf(row.status).cssClass}`);
    cell.tile.setAttribute("data-task", row.task_id);
    if (cell.sign) {
      cell.sign.textContent = sign;
      cell.sign.setAttribute("class", `gtile-sign ${stateOf(row.status).cssClass}`);
    }
  });
}

const BAR = ["completed", "skipped", "cancelled", "failed", "retrying", "throttled", "paused", "running", "queued", "waiting"];

/** @param {SVGGElement} parent @param {number} total @param {number} width */
function shareBar(parent, total, width) {
  const bars = BAR.map((status) =>
    svg("rect", { class: `gtile ${stateOf(status).cssClass}`, y: HEAD, height: 7, width: 0, x: PAD }, parent));
  return (/** @type {Row[]} */ _rows, /** @type {Map<string, number>} */ counts) => {
    let x = PAD;
    BAR.forEach((status, k) => {
      const share = ((counts.get(status) ?? 0) / total) * (width - PAD * 2);
      bars[k].setAttribute("x", String(x));
      bars[k].setAttribute("width", String(share));
      x += share;
    });
  };
}
