// One row a task, as the snapshot gives it, and what each event changes in it.
import { momentOf } from "./format.js";

/**
 * A task without its output (screens ask for that one by one), changed in place by events.
 * @typedef {{ task_id: string, index: number, status: string, type: string | null, role: string | null,
 *   agent_id: string, priority: number | null, depends_on: string[], attempts: number,
 *   error: { type: string, message: string } | null, latency_ms: number | null, queue_ms: number | null,
 *   tokens_in: number, tokens_out: number, cost_usd: number | null, model: string | null,
 *   startedAt: number | null, endedAt: number | null, retryAt: number | null, steps: number }} Row
 * Times are Unix milliseconds of the service's clock.
 */

/** @param {any} task of GET …/snapshot @param {number} index @returns {Row} */
export function rowOf(task, index) {
  return {
    task_id: task.task_id,
    index,
    // That is of its run, whose end of pause is told once and not for each task: what the task itself is stands below it.
    status: task.status !== "paused" ? task.status : task.attempts > 0 ? "retrying" : "queued",
    type: task.type,
    role: task.role,
    agent_id: task.agent_id,
    priority: task.priority,
    depends_on: task.depends_on,
    attempts: task.attempts,
    error: task.error,
    latency_ms: task.latency_ms,
    queue_ms: task.queue_ms,
    tokens_in: task.usage.prompt_tokens,
    tokens_out: task.usage.completion_tokens,
    cost_usd: task.cost_usd,
    model: task.model ?? task.requested_model,
    startedAt: momentOf(task.started_at),
    endedAt: momentOf(task.ended_at),
    retryAt: null,
    steps: 0,
  };
}

/** Events that tell of one task. @type {Record<string, (row: Row, event: any) => void>} */
const CHANGES = {
  task_waiting: (row) => set(row, "waiting"),
  task_queued: (row, event) => {
    if (row.status === "running") return; // between two of its calls
    // That a further attempt starts is told by no event: from here to its end it is on that attempt.
    set(row, event.attempt ? "retrying" : "queued");
    if (event.attempt) row.attempts = event.attempt + 1;
    row.endedAt = null;
    if (!event.attempt) row.error = null;
  },
  agent_spawned: (row, event) => {
    set(row, "running");
    row.attempts = event.attempt ?? 1;
    row.startedAt = momentOf(event.ts);
    row.endedAt = null;
    row.queue_ms = event.queue_ms ?? null;
  },
  agent_step: (row) => {
    row.steps += 1;
    if (row.status === "retrying") set(row, "running");
  },
  agent_retrying: (row, event) => {
    set(row, "retrying");
    row.attempts = event.attempt ?? row.attempts;
    row.retryAt = (momentOf(event.ts) ?? 0) + (event.retry_in_ms ?? 0);
    row.error = errorOf(event);
  },
  agent_completed: (row, event) => {
    end(row, "completed", event);
    row.error = null;
    row.latency_ms = event.latency_ms;
    row.queue_ms = event.queue_ms ?? row.queue_ms;
    row.tokens_in = event.tokens_in;
    row.tokens_out = event.tokens_out;
    row.cost_usd = event.cost_usd;
    row.model = event.model ?? row.model;
  },
  agent_failed: (row, event) => {
    end(row, event.error === "cancelled" ? "cancelled" : event.error_type === "dependency_failed" ? "skipped" : "failed", event);
    row.error = errorOf(event);
  },
  agent_rerouted: (row, event) => {
    row.model = event.model ?? row.model;
  },
  task_skipped: (row, event) => {
    end(row, "skipped", event);
    row.error = errorOf(event);
  },
  task_cancelled: (row, event) => {
    end(row, "cancelled", event);
    row.error = errorOf(event);
  },
};

/**
 * Apply an event to its row.
 * @param {Row} row @param {any} event
 * @returns {boolean} whether the event is one of a task
 */
export function applyTo(row, event) {
  const change = CHANGES[event.type];
  if (!change) return false;
  if (event.attempt) row.attempts = Math.max(row.attempts, event.attempt);
  change(row, event);
  return true;
}

/** @param {any} event */
export const isOfTask = (event) => event.task_id !== null && event.type in CHANGES;

/** @param {any} event @returns {Row} a task that came up during the run: a planner made it */
export function newRow(event, index) {
  return {
    ...rowOf({ task_id: event.task_id, agent_id: event.agent_id, status: "queued", depends_on: [], attempts: 0, usage: {} }, index),
    type: null,
    role: null,
    priority: null,
    error: null,
    latency_ms: null,
    queue_ms: null,
    tokens_in: 0,
    tokens_out: 0,
    cost_usd: null,
    model: null,
  };
}

/**
 * What tasks are and what they wait for, which no event tells.
 * @param {Map<string, Row>} tasks
 * @param {{ nodes: { task_id: string, type: string | null, role: string | null }[],
 *   edges: { source: string, target: string }[] }} graph of GET …/graph
 */
export function fillIn(tasks, { nodes, edges }) {
  for (const { task_id, type, role } of nodes) {
    const row = tasks.get(task_id);
    if (row) Object.assign(row, { type, role, depends_on: [] });
  }
  for (const { source, target } of edges) tasks.get(target)?.depends_on.push(source);
}

/** @param {Row} row @param {string} status */
function set(row, status) {
  row.status = status;
  row.retryAt = null;
}

/** @param {Row} row @param {string} status @param {any} event */
function end(row, status, event) {
  set(row, status);
  row.endedAt = momentOf(event.ts);
}

/** @param {any} event */
const errorOf = (event) => ({ type: event.error_type ?? "error", message: event.error ?? "" });
