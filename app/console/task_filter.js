// Which tasks a table shows and in which order, as its URL says.
import { groupOf } from "./figures.js";

/** @typedef {import("./task_rows.js").Row} Row */

const LIFE = ["waiting", "queued", "paused", "throttled", "running", "retrying", "completed", "failed", "cancelled", "skipped"];
const MISSING = new Set(["failed", "cancelled", "skipped"]);

/** States that a retry takes back. */
export const RETRYABLE = MISSING;
/** States that a cancel can still end. */
export const CANCELLABLE = new Set(["waiting", "queued", "running", "retrying", "paused"]);

/** What each column sorts by. @type {Record<string, (row: Row) => number | string | null>} */
export const SORTS = {
  task: (row) => row.index,
  state: (row) => LIFE.indexOf(row.status),
  role: (row) => row.role ?? row.type,
  attempts: (row) => row.attempts,
  latency: (row) => row.latency_ms,
  queue: (row) => row.queue_ms,
  tokens: (row) => row.tokens_in + row.tokens_out,
  cost: (row) => row.cost_usd,
  model: (row) => row.model,
};

/**
 * @param {Iterable<Row>} rows in the order of the request
 * @param {{ state?: string, q?: string, error?: string, role?: string, sort?: string }} query
 *   state: one, or "missing" for all that ended in vain; q: text in id, role, type, model or error; error: a message
 *   as `errorGroups` shows it; sort: a column, with "-" before it for the largest first
 * @returns {Row[]}
 */
export function filtered(rows, { state, q, error, role, sort }) {
  const wanted = q?.trim().toLowerCase();
  const found = [];
  for (const row of rows) {
    if (state === "missing" ? !MISSING.has(row.status) : state && row.status !== state) continue;
    if (role && (row.role ?? row.type ?? "") !== role) continue;
    if (error && (row.status === "completed" || !row.error || groupOf(row.error.message || row.error.type) !== error)) continue;
    if (wanted && !textOf(row).includes(wanted)) continue;
    found.push(row);
  }
  return sort ? sorted(found, sort) : found;
}

/** @param {Row} row */
const textOf = (row) => `${row.task_id}\n${row.role ?? ""}\n${row.type ?? ""}\n${row.model ?? ""}\n${row.error?.message ?? ""}`.toLowerCase();

/** @param {Row[]} rows @param {string} sort */
function sorted(rows, sort) {
  const down = sort.startsWith("-");
  const value = SORTS[down ? sort.slice(1) : sort];
  if (!value) return rows;
  const keyed = rows.map((row) => ({ row, key: value(row) }));
  keyed.sort((a, b) => {
    // What has no value yet comes last either way.
    if (a.key === null || b.key === null) return Number(a.key === null) - Number(b.key === null) || a.row.index - b.row.index;
    if (a.key === b.key) return a.row.index - b.row.index;
    const order = a.key < b.key ? -1 : 1;
    return down ? -order : order;
  });
  return keyed.map(({ row }) => row);
}

/** Roles (or types) there are, in the order in which they first come. @param {Iterable<Row>} rows */
export function rolesOf(rows) {
  const roles = new Set();
  for (const row of rows) roles.add(row.role ?? row.type ?? "");
  roles.delete("");
  return /** @type {string[]} */ ([...roles]);
}
