/**
 * Events as they happen, over a WebSocket that may break: nothing is left out, and nothing comes twice.
 *
 * The service numbers the events of a run from 1 without a gap and keeps them, so a connection that is lost, or a service
 * that is killed and started again, costs nothing: the stream goes on behind the last event that it handed out.
 */
import type { Client } from "openapi-fetch";
import type { components } from "../events.js";
import type { paths } from "../schema.js";
import { ok } from "./problems.js";

/** What a stream hands out; its `type` tells which fields it has: `if (event.type === "agent_failed") event.error`. */
export type Event = components["schemas"]["Event"];

/** As much of a WebSocket as is needed: browsers and Node 22 have one, the package `ws` is another. */
export interface WebSocketLike {
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  close(code?: number, reason?: string): void;
}
export type WebSocketConstructor = new (url: string) => WebSocketLike;

export interface StreamOptions {
  /** Where to begin: behind the `seq` (of a run) or `cursor` (of an orchestrator) of an event, or `"latest"`. */
  after?: number | string;
  /** Ends the stream, without an exception, when it is aborted. */
  signal?: AbortSignal;
  /** How long to go on trying while the service cannot be reached; 60,000 unless told. */
  patienceMs?: number;
  /** A connection that was silent for so long is made again; 60,000 unless told. Sockets here cannot send pings. */
  idleMs?: number;
  /** The class of the socket: Node before 22 has none, `import { WebSocket } from "ws"` there. */
  WebSocket?: WebSocketConstructor;
}

/** The service could not be reached for `patienceMs`; a new stream can go on with `after`. */
export class StreamLost extends Error {
  override readonly name = "StreamLost";

  constructor(path: string, readonly after: string | undefined, patienceMs: number) {
    super(`${path} could not be reached for ${patienceMs / 1000} s; it can be resumed with after=${after}`);
  }
}

interface Service {
  client: Client<paths>;
  root: string;
  /** Whether a socket needs a ticket: browsers cannot send the key with it. */
  ticketed: boolean;
}

const DONE = 1000;
const LATEST = "latest";
const NOT_LOGGED = "metrics_snapshot";
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
/** Frames that wait for a slow reader: sockets here cannot be told to wait, so one is closed and made again later. */
const MOST_WAITING = 10_000;

/** Follow the events of a run or an orchestrator, whatever happens to the connection. */
export async function* follow(
  service: Service,
  kind: "swarms" | "agents",
  id: string,
  options: StreamOptions = {},
): AsyncGenerator<Event, void, undefined> {
  const { signal, patienceMs = 60_000, idleMs = 60_000 } = options;
  const WebSocket = options.WebSocket ?? (globalThis.WebSocket as WebSocketConstructor | undefined);
  if (WebSocket === undefined) throw new TypeError("there is no WebSocket here: give that of the package ws as an option");
  const path = `/v1/${kind}/${encodeURIComponent(id)}/stream`;
  const cancelled = { signal: signal ?? null };
  let after = options.after === undefined ? undefined : String(options.after);
  let giveUpAt = Date.now() + patienceMs;
  let pauseMs = FIRST_PAUSE_MS;
  while (!signal?.aborted) {
    let openedAt = Infinity;
    let delivered = false;
    let atLeastMs = 0;
    const query = new URLSearchParams();
    if (after !== undefined) query.set("after", after);
    const ticket = service.ticketed ? await orRetry(service.client.POST("/v1/stream-tickets", cancelled)) : {};
    if (ticket.data) query.set("ticket", ticket.data.ticket);
    if (ticket.retryMs === undefined) {
      const socket = new Socket(new WebSocket(`${service.root.replace(/^http/, "ws")}${path}?${query}`), idleMs, signal);
      try {
        for await (const event of socket) {
          // A snapshot's place may be an earlier one than that of what came before: it only serves as the first.
          if (event.type !== NOT_LOGGED || after === LATEST) after = String(event.cursor ?? event.seq);
          delivered = true;
          yield event;
        }
      } finally {
        socket.close();
      }
      if (socket.code === DONE || signal?.aborted) return;
      openedAt = socket.openedAt;
      // A refused handshake looks like a lost connection from here; a plain request is told why.
      if (openedAt === Infinity) atLeastMs = (await orRetry(ask(service, kind, id, after, cancelled))).retryMs ?? 0;
    } else {
      atLeastMs = ticket.retryMs;
    }
    if (signal?.aborted) return;
    const now = Date.now();
    if (delivered || now - openedAt > LONGEST_PAUSE_MS) [giveUpAt, pauseMs] = [now + patienceMs, FIRST_PAUSE_MS];
    // A little by chance, so that the clients of a service that restarts do not all come back at once.
    const waitMs = Math.max(pauseMs * (0.5 + Math.random() / 2), atLeastMs);
    if (now + waitMs > giveUpAt) throw new StreamLost(path, after, patienceMs);
    await rest(waitMs, signal);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

type Answer<Data> = { data?: Data; error?: unknown; response: Response };
type Cancelled = { signal: AbortSignal | null };

/** The same question as the socket's, in a form whose refusal can be read. */
function ask(
  { client }: Service,
  kind: "swarms" | "agents",
  id: string,
  after: string | undefined,
  cancelled: Cancelled,
): Promise<Answer<unknown>> {
  if (kind === "agents") return client.GET("/v1/agents/{agent_id}", { params: { path: { agent_id: id } }, ...cancelled });
  const query = { limit: 1, after: after === LATEST ? 0 : Number(after ?? 0) };
  return client.GET("/v1/swarms/{swarm_id}/events", { params: { path: { swarm_id: id }, query }, ...cancelled });
}

/**
 * What was answered, or `retryMs` where it is worth asking again after so long.
 *
 * @throws {ApiProblem} It was refused for good.
 */
async function orRetry<Data>(asked: Promise<Answer<Data>>): Promise<{ data?: Data; retryMs?: number }> {
  let answer: Answer<Data>;
  try {
    answer = await asked;
  } catch {
    return { retryMs: 0 }; // not reached, or cut off
  }
  const { status, headers } = answer.response;
  if (status >= 500 || [408, 425, 429].includes(status)) {
    return { retryMs: (Number(headers.get("Retry-After")) || 0) * 1000 };
  }
  return { data: ok(answer) };
}

function rest(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}

/** The frames of one socket, in order, to its end; an end that is not 1000 is no error here. */
class Socket implements AsyncIterable<Event> {
  openedAt = Infinity;
  code: number | undefined;
  readonly #socket: WebSocketLike;
  readonly #waiting: Event[] = [];
  readonly #signal: AbortSignal | undefined;
  readonly #idleMs: number;
  #wake: () => void = () => {};
  #idle: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: WebSocketLike, idleMs: number, signal: AbortSignal | undefined) {
    this.#socket = socket;
    this.#signal = signal;
    this.#idleMs = idleMs;
    this.#rewind();
    socket.onopen = () => (this.openedAt = Date.now());
    socket.onerror = () => {}; // the close that follows it tells as much
    socket.onclose = ({ code }) => this.#end(code);
    socket.onmessage = ({ data }) => {
      this.#rewind();
      if (this.code !== undefined) return;
      this.#waiting.push(JSON.parse(data));
      if (this.#waiting.length >= MOST_WAITING) this.#end(-1);
      this.#wake();
    };
    signal?.addEventListener("abort", this.#aborted);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event, void, undefined> {
    for (;;) {
      for (let event = this.#waiting.shift(); event !== undefined; event = this.#waiting.shift()) {
        if (this.#signal?.aborted) return;
        yield event;
      }
      if (this.code !== undefined) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  close(): void {
    this.#end(-1);
  }

  readonly #aborted = () => this.#end(-1);

  #rewind(): void {
    clearTimeout(this.#idle);
    if (this.code === undefined) this.#idle = setTimeout(this.#aborted, this.#idleMs);
  }

  #end(code: number): void {
    if (this.code !== undefined) return;
    this.code = code;
    clearTimeout(this.#idle);
    this.#signal?.removeEventListener("abort", this.#aborted);
    try {
      this.#socket.close();
    } catch {
      // Some refuse to close what is not open yet; it goes with the process, and nothing of it is read.
    }
    this.#wake();
  }
}
