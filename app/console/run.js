// One run as it goes: the picture of GET …/snapshot, brought forward by its events, frame by frame.
import { request } from "./api.js";
import { momentOf } from "./format.js";
import { openStream } from "./stream.js";
import { RUN_ENDED, stateOf } from "./state.js";
import { applyTo, fillIn, isOfTask, newRow, rowOf } from "./task_rows.js";
import { batch, computed, signal } from "./vendor/preact.js";

/** @typedef {import("./task_rows.js").Row} Row */
/** @typedef {ReturnType<typeof createRun>} Run */

const HIDDEN_MS = 500;
/** Beyond this many events of a frame the rest waits for the next, so that no frame takes long. */
const MOST_A_FRAME = 4_000;
/** So far before the snapshot the stream begins, to hear what holds the run back: of that the snapshot does not tell. */
const LOOK_BACK = 200;
/** Shorter ones would only flicker. */
const LEAST_NOTICE_MS = 2_500;
/** A notice of throttling without an end holds so long; while it lasts the service repeats it. */
const NOTICE_MS = 7_000;
/** Tasks that come up one after the other are asked for together. */
const SHAPE_MS = 400;
const NO_COUNTS = { waiting: 0, queued: 0, running: 0, retrying: 0, completed: 0, failed: 0, cancelled: 0, skipped: 0, total: 0 };

/**
 * Follow a run until `close()`. Everything on it is a signal, but for what is noted otherwise.
 *
 * - `swarm` the run as GET /v1/swarms/{id} has it, kept up to date; null until the first snapshot
 * - `tasks` Map of id → Row in the order of the request, no signal: changed in place, `tasksVersion` counts the changes
 *   (at most one a frame); `onRows(call)` calls with the rows that a frame changed, for what draws by itself
 * - `shapeVersion` counts the changes of which tasks there are and what they wait for: a planner adds some
 * - `metrics` the newest `metrics_snapshot` (null before the first), `counts` from it: never summed from events
 * - `eventsPerSecond` over the last second
 * - `connection` see stream.js; `stale` whether what is shown may be old; `asOf` Unix ms of the last news
 * - `throttled` {lane, reason, servers, untilMs} or null; `checkpoint` the newest one; `error` of the last refresh
 */
export function createRun(swarmId) {
  const path = `/v1/swarms/${encodeURIComponent(swarmId)}`;
  const swarm = signal(/** @type {any} */ (null));
  /** @type {Map<string, Row>} */
  const tasks = new Map();
  const tasksVersion = signal(0);
  const shapeVersion = signal(0);
  const metrics = signal(/** @type {any} */ (null));
  const connection = signal(/** @type {import("./stream.js").Connection} */ ({ name: "connecting" }));
  const asOf = signal(Date.now());
  const throttled = signal(/** @type {{ lane: string, reason: string, servers: string[], untilMs: number | null } | null} */ (null));
  const checkpoint = signal(/** @type {any} */ (null));
  const eventsPerSecond = signal(0);
  const counts = computed(() => metrics.value?.counts ?? swarm.value?.counts ?? NO_COUNTS);
  const stale = computed(() => connection.value.name === "reconnecting");
  const ended = computed(() => RUN_ENDED.has(swarm.value?.status));

  /** @type {Set<(rows: Set<Row>) => void>} */
  const listeners = new Set();
  /** @type {import("./stream.js").StreamEvent[]} */
  let pending = [];
  let frame = 0;
  let hiddenTimer = 0;
  let throttleTimer = 0;
  /** @type {any} */
  let shapeTimer = 0;
  let seq = 0;
  let received = 0;
  const rateTimer = setInterval(() => {
    eventsPerSecond.value = received;
    received = 0;
  }, 1000);

  async function refresh() {
    const found = await request(`${path}/snapshot?outputs=false`, { timeoutMs: 60_000 });
    cancelFrame();
    pending = [];
    tasks.clear();
    found.tasks.forEach((task, index) => tasks.set(task.task_id, rowOf(task, index)));
    seq = found.seq;
    batch(() => {
      swarm.value = found.swarm;
      metrics.value = null; // the counts of the snapshot are newer; the next metrics come within a second
      throttled.value = null;
      asOf.value = Date.now();
      tasksVersion.value += 1;
      shapeVersion.value += 1;
    });
    for (const call of listeners) call(new Set(tasks.values()));
    // The last figures of a run that has ended come with its last event: that one is asked for again.
    return Math.max(seq - (RUN_ENDED.has(found.swarm.status) ? 1 : LOOK_BACK), 0);
  }

  /** @param {import("./stream.js").StreamEvent[]} events */
  function receive(events) {
    pending.push(...events);
    schedule();
  }

  function schedule() {
    if (frame || hiddenTimer) return;
    // Frames stop in a hidden tab, events do not: what is pending must not pile up.
    if (document.hidden) hiddenTimer = setTimeout(apply, HIDDEN_MS);
    else frame = requestAnimationFrame(apply);
  }

  function cancelFrame() {
    cancelAnimationFrame(frame);
    clearTimeout(hiddenTimer);
    frame = hiddenTimer = 0;
  }

  function apply() {
    frame = hiddenTimer = 0;
    const now = document.hidden ? pending : pending.slice(0, MOST_A_FRAME);
    pending = pending.slice(now.length);
    /** @type {Set<Row>} */
    const changed = new Set();
    batch(() => {
      for (const event of now) take(event, changed);
      asOf.value = Date.now();
      if (changed.size) tasksVersion.value += 1;
    });
    if (changed.size) for (const call of listeners) call(changed);
    if (pending.length) schedule();
  }

  /** @param {import("./stream.js").StreamEvent} event @param {Set<Row>} changed */
  function take(event, changed) {
    if (event.type === "metrics_snapshot") {
      metrics.value = event;
      return;
    }
    if (event.seq <= seq && !isRetold(event)) return; // the snapshot holds it already
    if (event.seq > seq) received += 1;
    seq = Math.max(seq, event.seq);
    if (!isOfTask(event)) {
      takeOfRun(event);
      return;
    }
    const id = /** @type {string} */ (event.task_id);
    let row = tasks.get(id);
    if (!row) {
      row = newRow(event, tasks.size);
      tasks.set(id, row);
      askShape();
    }
    applyTo(row, event);
    changed.add(row);
  }

  /** What the snapshot includes and yet does not tell: a rest that may last still, the last event of a run that has ended. */
  function isRetold(/** @type {import("./stream.js").StreamEvent} */ event) {
    return event.type === "swarm_throttled" || (event.type === "swarm_completed" && event.seq === seq);
  }

  /** @param {any} event */
  function takeOfRun(event) {
    switch (event.type) {
      case "swarm_started":
        change({ status: "running", started_at: swarm.peek()?.started_at ?? event.ts });
        break;
      case "swarm_paused":
        change({ status: "paused", pause_reason: event.reason, pause_detail: event.detail });
        break;
      case "swarm_resumed":
        change({ status: "running", pause_reason: null, pause_detail: null, ended_at: null });
        break;
      case "swarm_scaled":
        change({ max_parallel_agents: event.max_parallel_agents });
        break;
      case "swarm_throttled":
        throttle(event);
        break;
      case "checkpoint":
        checkpoint.value = event;
        break;
      case "swarm_completed":
        change({ status: event.status, error: event.error, ended_at: event.ts, counts: event.counts, cost_usd: event.cost_usd });
        throttled.value = null;
        reload(); // what only the end tells: the merged value, the critical path
        break;
      default: // of a newer service, or of nothing that is kept here
    }
  }

  /** @param {any} event */
  function throttle({ lane, reason, mcp_servers = [], wait_ms, ts }) {
    const at = momentOf(ts) ?? Date.now();
    const left = at + (wait_ms ?? NOTICE_MS) - Date.now();
    if (left <= 0) return; // of before this page was opened
    throttled.value = { lane, reason, servers: mcp_servers, untilMs: wait_ms === null ? null : at + wait_ms };
    clearTimeout(throttleTimer);
    throttleTimer = setTimeout(() => (throttled.value = null), Math.max(left, LEAST_NOTICE_MS));
  }

  /** @param {Record<string, any>} fields */
  function change(fields) {
    if (swarm.peek()) swarm.value = { ...swarm.peek(), ...fields };
  }

  /** What a task that came up is, and what it waits for, is told by no event. */
  function askShape() {
    shapeTimer ||= setTimeout(async () => {
      shapeTimer = 0;
      try {
        fillIn(tasks, await request(`${path}/graph`));
        batch(() => {
          tasksVersion.value += 1;
          shapeVersion.value += 1;
        });
      } catch {
        // Lost just now: the snapshot of the next connection tells it.
      }
    }, SHAPE_MS);
  }

  async function reload() {
    try {
      swarm.value = await request(path);
    } catch {
      // Lost just now: the events have told the end, and the next snapshot tells the rest.
    }
  }

  const options = {
    before: refresh,
    onEvents: receive,
    onState: (/** @type {any} */ state) => {
      connection.value = state;
    },
  };
  let stream = openStream(`${path}/stream`, options);

  return {
    swarmId,
    path,
    swarm,
    tasks,
    tasksVersion,
    shapeVersion,
    metrics,
    counts,
    connection,
    stale,
    ended,
    asOf,
    throttled,
    checkpoint,
    eventsPerSecond,
    /** Call with the rows that a frame changed. @param {(rows: Set<Row>) => void} call @returns {() => void} to stop */
    onRows(call) {
      listeners.add(call);
      return () => listeners.delete(call);
    },
    /** The state a row is shown in: a queued one of a paused or throttled run waits for that. @param {Row} row */
    shownState(row) {
      if (row.status === "queued" && swarm.peek()?.status === "paused") return stateOf("paused");
      if (row.status === "queued" && throttled.peek()) return stateOf("throttled");
      return stateOf(row.status);
    },
    /**
     * Ask something of the run: `post("cancel")`, `post("retry", { states: ["failed"] })`. The swarm it answers is shown.
     * @param {string} verb @param {any} [body] @returns {Promise<any>}
     */
    async post(verb, body) {
      const found = await request(`${path}/${verb}`, { method: "POST", body });
      if (found?.swarm_id === swarmId) swarm.value = found;
      if (connection.peek().name === "ended" && !RUN_ENDED.has(found?.status)) this.reopen();
      return found;
    },
    /** Change max_parallel_agents, budget, priority or max_steps. @param {Record<string, any>} body */
    async patch(body) {
      const found = await request(path, { method: "PATCH", body });
      swarm.value = found;
      return found;
    },
    /** Connect at once instead of when the countdown ends. */
    retryNow: () => stream.retryNow(),
    /** Follow the run again: one that had ended goes on. */
    reopen() {
      stream.close();
      stream = openStream(`${path}/stream`, options);
    },
    close() {
      stream.close();
      cancelFrame();
      clearInterval(rateTimer);
      clearTimeout(throttleTimer);
      clearTimeout(shapeTimer);
      listeners.clear();
    },
  };
}
