// The heat-map's cells: plain elements that are changed one by one, since a comparison of 300 at every event costs more.
import { duration } from "./format.js";
import { percentile, latenciesOf } from "./figures.js";
import { Slots } from "./slots.js";

/** @typedef {import("./task_rows.js").Row} Row */
/** @typedef {import("./run.js").Run} Run */

const LEVELS = 5;
/** What one step of blue is worth while no task has completed, and so no 95th percentile is known. */
const UNKNOWN_P95_MS = 10_000;

/**
 * Draws a run's slots into `box` and keeps them up to date by `draw` and `tick`.
 * Cells are buttons of which one takes part in tabbing; arrows, Home and End move between them.
 */
export class CellGrid {
  /**
   * @param {HTMLElement} box @param {Run} run
   * @param {{ onOpen: (taskId: string) => void, onShow: (text: string) => void }} options
   *   onShow: what is to be said of the cell that is pointed at or focused; "" for none
   */
  constructor(box, run, { onOpen, onShow }) {
    this.box = box;
    this.run = run;
    this.onOpen = onOpen;
    this.onShow = onShow;
    this.slots = new Slots();
    /** @type {HTMLButtonElement[]} */
    this.cells = [];
    /** @type {string[]} how each cell looks, to leave alone what has not changed */
    this.looks = [];
    this.current = 0;
    /** @type {number | null} */
    this.pointed = null;
    /** @type {number | null} */
    this.p95 = null;
    this.skewMs = 0;
    this.drawn = false;
    box.addEventListener("click", (event) => this.open(this.at(event)));
    box.addEventListener("keydown", (event) => this.move(event));
    box.addEventListener("focusin", (event) => this.show(this.at(event)));
    box.addEventListener("focusout", () => this.show(null));
    box.addEventListener("pointerover", (event) => this.show(this.at(event)));
    box.addEventListener("pointerleave", () => this.show(null));
  }

  get size() {
    return Math.min(this.run.swarm.peek()?.max_parallel_agents ?? 0, this.run.tasks.size);
  }

  /** Take in changed rows and draw the slots that they changed. @param {Iterable<Row>} changed */
  draw(changed) {
    const { tasks } = this.run;
    const shown = this.slots.rows.find((row) => row !== null);
    if (!this.drawn) {
      this.drawn = tasks.size > 0;
      this.slots.reset([...tasks.values()], this.size);
    } else if (shown && tasks.get(shown.task_id) !== shown) {
      this.slots.renew(tasks);
    } else {
      for (const row of changed) this.slots.take(row);
    }
    if (this.slots.rows.length !== this.size || this.slots.kinds.includes(0)) this.slots.resize(this.size, [...tasks.values()]);
    this.paint();
  }

  /** Draw what time alone changes: how long the running ones have been at it. */
  tick() {
    const metrics = this.run.metrics.peek();
    if (metrics?.ts) this.skewMs = this.run.asOf.peek() - Date.parse(metrics.ts);
    if (this.run.swarm.peek()?.status === "paused" || this.run.throttled.peek()) this.slots.hold(this.run.tasks.values());
    const p95 = metrics?.p95_ms ?? percentile(latenciesOf(this.run.tasks.values()), 95);
    if (p95 !== this.p95) {
      this.p95 = p95;
      this.repaint();
    } else {
      this.slots.rows.forEach((row, slot) => row?.status === "running" && this.slots.dirty.add(slot));
      this.paint();
    }
  }

  /** Draw every slot anew, where something that concerns all of them changed. */
  repaint() {
    this.slots.rows.forEach((_, slot) => this.slots.dirty.add(slot));
    this.paint();
  }

  paint() {
    const { rows, dirty } = this.slots;
    if (this.cells.length !== rows.length) this.fit(rows.length);
    for (const slot of dirty) this.paintCell(slot, rows[slot]);
    dirty.clear();
    if (this.pointed !== null) this.onShow(this.told(this.pointed));
  }

  /** @param {number} size */
  fit(size) {
    while (this.cells.length > size) {
      this.cells.pop()?.remove();
      this.looks.pop();
    }
    const added = document.createDocumentFragment();
    while (this.cells.length < size) {
      const cell = document.createElement("button");
      cell.type = "button";
      cell.tabIndex = -1;
      cell.dataset.slot = String(this.cells.length);
      this.cells.push(cell);
      this.looks.push("");
      this.slots.dirty.add(this.cells.length - 1);
      added.append(cell);
    }
    this.box.append(added);
    this.box.dataset.size = size <= 50 ? "large" : size <= 120 ? "medium" : size <= 200 ? "small" : "tiny";
    this.focusable(Math.min(this.current, Math.max(size - 1, 0)));
  }

  /** @param {number} slot @param {Row | null} row */
  paintCell(slot, row) {
    const cell = this.cells[slot];
    if (!row) {
      this.put(cell, slot, "cell is-idle", "", `Agent ${slot + 1}: idle`);
      return;
    }
    const state = this.run.shownState(row);
    const retrying = row.status === "retrying" || (row.status === "running" && row.attempts > 1);
    const attempt = Math.max(row.attempts + (row.retryAt === null ? 0 : 1), 2); // while it backs off: the next one
    const level = row.status === "running" && !retrying ? ` level-${this.level(row)}` : "";
    const slow = this.isSlow(row) ? " is-slow" : "";
    const look = `cell ${retrying ? "is-retrying" : state.cssClass}${level}${slow}`;
    const word = retrying ? `retrying, attempt ${attempt}` : state.label;
    const label = `${row.task_id}: ${word}${slow ? ", slower than p95" : ""}`;
    this.put(cell, slot, look, retrying ? String(attempt) : state.glyph, label);
  }

  /** @param {HTMLButtonElement} cell @param {number} slot @param {string} look @param {string} sign @param {string} label */
  put(cell, slot, look, sign, label) {
    const key = `${look}|${sign}|${label}`;
    if (this.looks[slot] === key) return;
    this.looks[slot] = key;
    cell.className = look;
    if (cell.textContent !== sign) cell.textContent = sign;
    cell.setAttribute("aria-label", label);
  }

  /** Milliseconds it has run, or took. @param {Row} row */
  tookMs(row) {
    if (row.latency_ms !== null && row.endedAt !== null) return row.latency_ms;
    if (row.startedAt === null) return null;
    return Math.max((row.endedAt ?? Date.now() - this.skewMs) - row.startedAt, 0);
  }

  /** @param {Row} row 1 … LEVELS, by its time against the 95th percentile */
  level(row) {
    const share = (this.tookMs(row) ?? 0) / (this.p95 || UNKNOWN_P95_MS);
    return Math.min(Math.floor(share * LEVELS) + 1, LEVELS);
  }

  /** @param {Row} row */
  isSlow(row) {
    if (!this.p95 || (row.status !== "running" && row.status !== "completed")) return false;
    return (this.tookMs(row) ?? 0) > this.p95;
  }

  /** @param {number} slot */
  told(slot) {
    const row = this.slots.rows[slot];
    if (!row) return `Agent ${slot + 1} is idle`;
    const took = this.tookMs(row);
    const parts = [row.task_id, this.run.shownState(row).label];
    if (took !== null && row.status !== "retrying") parts.push(duration(took));
    if (row.attempts > 1) parts.push(`attempt ${row.attempts}`);
    if (row.error && row.status !== "completed") parts.push(row.error.message);
    return parts.join(" · ");
  }

  // --- pointing and keys ---------------------------------------------------------------------------------------------

  /** @param {Event} event @returns {number | null} the slot of the cell it happened on */
  at(event) {
    const cell = event.target instanceof Element ? event.target.closest("[data-slot]") : null;
    return cell instanceof HTMLElement ? Number(cell.dataset.slot) : null;
  }

  /** @param {number | null} slot */
  show(slot) {
    this.pointed = slot;
    this.onShow(slot === null ? "" : this.told(slot));
  }

  /** @param {number | null} slot */
  open(slot) {
    const row = slot === null ? null : this.slots.rows[slot];
    if (slot === null || !row) return;
    this.focusable(slot);
    this.onOpen(row.task_id);
  }

  /** @param {number} slot */
  focusable(slot) {
    if (this.cells[this.current]) this.cells[this.current].tabIndex = -1;
    this.current = slot;
    if (this.cells[slot]) this.cells[slot].tabIndex = 0;
  }

  /** @param {KeyboardEvent} event */
  move(event) {
    const last = this.cells.length - 1;
    /** @type {Record<string, () => number>} */
    const moves = {
      ArrowRight: () => this.current + 1,
      ArrowLeft: () => this.current - 1,
      ArrowDown: () => this.current + this.columns(),
      ArrowUp: () => this.current - this.columns(),
      Home: () => 0,
      End: () => last,
    };
    const to = moves[event.key]?.();
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (to < 0 || to > last) return;
    this.focusable(to);
    this.cells[to].focus();
  }

  /** Cells of a line; the layout is the browser's, so it is asked. */
  columns() {
    const top = this.cells[0].offsetTop;
    const next = this.cells.findIndex((cell) => cell.offsetTop !== top);
    return next < 0 ? this.cells.length : next;
  }
}
