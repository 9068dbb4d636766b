// A live stream of events: one WebSocket after the other, each going on where the last one ended.
import { ApiError, request } from "./api.js";
import { key } from "./key.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const BATCH_MS = 50;
/** A healthy connection may be silent for long (nothing happens); then it is asked whether the service still lives. */
const SILENCE_MS = 15_000;
const PROBE_MS = 3_000;
const DONE = 1000;
const REFUSED = new Set([401, 403, 404, 422]);

/**
 * @typedef {{ type: string, seq: number, ts: string, swarm_id: string, task_id: string | null, agent_id?: string,
 *   attempt?: number, [field: string]: any }} StreamEvent
 * @typedef {{ name: "connecting" } | { name: "live" } | { name: "ended" } | { name: "refused", error: ApiError } |
 *   { name: "reconnecting", retryAtMs: number, attempt: number }} Connection
 */

/**
 * Open a stream and keep it open until its end or `close()`.
 * @param {string} path such as `/v1/swarms/swm_1/stream`
 * @param {{ before: () => Promise<number>, onEvents: (events: StreamEvent[]) => void,
 *   onState: (state: Connection) => void }} options
 *   before: run ahead of every connection, the first included; brings the picture up to date and returns the `seq` it
 *   has reached, from which the stream goes on. What it throws counts as a failed attempt; a refusal ends the stream.
 *   onEvents: each batch as it comes, in order.
 * @returns {{ close: () => void, retryNow: () => void }}
 */
export function openStream(path, { before, onEvents, onState }) {
  /** @type {WebSocket | null} */
  let socket = null;
  let attempt = 0;
  let closed = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let heardAt = 0;

  async function connect() {
    clearTimeout(timer);
    if (attempt === 0) onState({ name: "connecting" });
    try {
      const after = await before();
      const url = await urlOf(path, after);
      if (!closed) listen(url);
    } catch (error) {
      if (closed) return;
      if (error instanceof ApiError && REFUSED.has(error.status)) {
        closed = true;
        onState({ name: "refused", error });
      } else if (error instanceof ApiError) {
        retry();
      } else {
        throw error;
      }
    }
  }

  /** @param {string} url */
  function listen(url) {
    const opened = new WebSocket(url);
    socket = opened;
    opened.onopen = () => {
      attempt = 0;
      heardAt = Date.now();
      onState({ name: "live" });
      watch(opened);
    };
    opened.onmessage = ({ data }) => {
      heardAt = Date.now();
      const frame = JSON.parse(data);
      onEvents(frame.type === "batch" ? frame.events : [frame]);
    };
    opened.onclose = ({ code }) => lost(opened, code);
  }

  /** @param {WebSocket} of @param {number} code */
  function lost(of, code) {
    if (closed || of !== socket) return;
    socket = null;
    if (code === DONE) {
      closed = true;
      clearTimeout(timer);
      onState({ name: "ended" });
    } else {
      retry();
    }
  }

  function retry() {
    attempt += 1;
    const longest = Math.min(FIRST_WAIT_MS * 2 ** (attempt - 1), LONGEST_WAIT_MS);
    // Jitter, so that many consoles do not come back to a restarted service in one instant.
    const waitMs = longest * (0.75 + Math.random() * 0.25);
    onState({ name: "reconnecting", retryAtMs: Date.now() + waitMs, attempt });
    clearTimeout(timer);
    timer = setTimeout(connect, waitMs);
  }

  /**
   * A machine that was unplugged sends no end of its connections: only silence tells.
   * @param {WebSocket} of
   */
  function watch(of) {
    clearTimeout(timer);
    timer = setTimeout(
      async () => {
        if (closed || of !== socket) return;
        if (Date.now() - heardAt >= SILENCE_MS && !(await isAlive())) {
          of.close();
          lost(of, 0);
        } else if (of === socket) {
          heardAt = Date.now();
          watch(of);
        }
      },
      Math.max(SILENCE_MS - (Date.now() - heardAt), 1000),
    );
  }

  connect();
  return {
    close() {
      closed = true;
      clearTimeout(timer);
      socket?.close();
    },
    retryNow() {
      if (!closed && socket === null) connect();
    },
  };
}

async function isAlive() {
  try {
    await request("/healthz", { timeoutMs: PROBE_MS });
    return true;
  } catch {
    return false; // whatever kept it from answering: the connection is worth nothing
  }
}

/**
 * @param {string} path @param {number} after
 * @returns {Promise<string>} with a ticket where a key is used: a socket can send no header, and a key is for no URL
 */
async function urlOf(path, after) {
  const url = new URL(path, window.location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.searchParams.set("after", String(after));
  url.searchParams.set("batch_ms", String(BATCH_MS));
  if (key.peek()) {
    const { ticket } = await request("/v1/stream-tickets", { method: "POST" });
    url.searchParams.set("ticket", ticket);
  }
  return url.href;
}
