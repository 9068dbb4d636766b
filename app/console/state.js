// What a state of a task, or of a run, looks like: a word, a sign and a class, so that no state is told by colour alone.

/**
 * @typedef {"waiting" | "queued" | "running" | "retrying" | "throttled" | "paused" | "completed" | "failed" |
 *   "cancelled" | "skipped"} StateName
 * @typedef {{ name: StateName, label: string, glyph: string, cssClass: string }} State
 */

/**
 * Signs are of characters that every system's fonts have (⏸ is not: so two bars).
 * @type {Record<StateName, State>} in the order of a task's life
 */
export const STATES = {
  waiting: { name: "waiting", label: "waiting on dependency", glyph: "", cssClass: "is-waiting" },
  queued: { name: "queued", label: "queued", glyph: "", cssClass: "is-queued" },
  running: { name: "running", label: "running", glyph: "", cssClass: "is-running" },
  retrying: { name: "retrying", label: "retrying", glyph: "↻", cssClass: "is-retrying" },
  throttled: { name: "throttled", label: "throttled", glyph: "‖", cssClass: "is-throttled" },
  paused: { name: "paused", label: "paused", glyph: "‖", cssClass: "is-paused" },
  completed: { name: "completed", label: "completed", glyph: "", cssClass: "is-completed" },
  failed: { name: "failed", label: "failed", glyph: "✕", cssClass: "is-failed" },
  cancelled: { name: "cancelled", label: "cancelled", glyph: "⁄", cssClass: "is-cancelled" },
  skipped: { name: "skipped", label: "skipped", glyph: "↷", cssClass: "is-skipped" },
};

/** States in which nothing more happens to a task. */
export const ENDED = new Set(["completed", "failed", "cancelled", "skipped"]);

/** Of a run: no event comes any more, unless a person asks for more. */
export const RUN_ENDED = new Set(["completed", "partial", "failed", "cancelled"]);

/** @type {Record<string, { label: string, glyph: string, cssClass: string }>} */
export const RUN_STATES = {
  planning: { label: "planning", glyph: "…", cssClass: "is-running" },
  running: { label: "running", glyph: "", cssClass: "is-running" },
  paused: { label: "paused", glyph: "‖", cssClass: "is-retrying" },
  aggregating: { label: "merging", glyph: "…", cssClass: "is-running" },
  completed: { label: "completed", glyph: "✓", cssClass: "is-completed" },
  partial: { label: "partial", glyph: "◐", cssClass: "is-retrying" },
  failed: { label: "failed", glyph: "✕", cssClass: "is-failed" },
  cancelled: { label: "cancelled", glyph: "⁄", cssClass: "is-cancelled" },
};

/** @param {string} status @returns {State} an unknown one (of a newer service) is shown as it is called */
export const stateOf = (status) =>
  STATES[/** @type {StateName} */ (status)] ?? { name: status, label: status, glyph: "?", cssClass: "is-queued" };

/** @param {string} status */
export const runStateOf = (status) => RUN_STATES[status] ?? { label: status, glyph: "?", cssClass: "is-queued" };
