import { ok } from "./problems.js";
/** The service could not be reached for `patienceMs`; a new stream can go on with `after`. */
export class StreamLost extends Error {
    after;
    name = "StreamLost";
    constructor(path, after, patienceMs) {
        super(`${path} could not be reached for ${patienceMs / 1000} s; it can be resumed with after=${after}`);
        this.after = after;
    }
}
const DONE = 1000;
const LATEST = "latest";
const NOT_LOGGED = "metrics_snapshot";
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
/** Frames that wait for a slow reader: sockets here cannot be told to wait, so one is closed and made again later. */
const MOST_WAITING = 10_000;
/** Follow the events of a run or an orchestrator, whatever happens to the connection. */
export async function* follow(service, kind, id, options = {}) {
    const { signal, patienceMs = 60_000, idleMs = 60_000 } = options;
    const WebSocket = options.WebSocket ?? globalThis.WebSocket;
    if (WebSocket === undefined)
        throw new TypeError("there is no WebSocket here: give that of the package ws as an option");
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
        if (after !== undefined)
            query.set("after", after);
        const ticket = service.ticketed ? await orRetry(service.client.POST("/v1/stream-tickets", cancelled)) : {};
        if (ticket.data)
            query.set("ticket", ticket.data.ticket);
        if (ticket.retryMs === undefined) {
            const socket = new Socket(new WebSocket(`${service.root.replace(/^http/, "ws")}${path}?${query}`), idleMs, signal);
            try {
                for await (const event of socket) {
                    // A snapshot's place may be an earlier one than that of what came before: it only serves as the first.
                    if (event.type !== NOT_LOGGED || after === LATEST)
                        after = String(event.cursor ?? event.seq);
                    delivered = true;
                    yield event;
                }
            }
            finally {
                socket.close();
            }
            if (socket.code === DONE || signal?.aborted)
                return;
            openedAt = socket.openedAt;
            // A refused handshake looks like a lost connection from here; a plain request is told why.
            if (openedAt === Infinity)
                atLeastMs = (await orRetry(ask(service, kind, id, after, cancelled))).retryMs ?? 0;
        }
        else {
            atLeastMs = ticket.retryMs;
        }
        if (signal?.aborted)
            return;
        const now = Date.now();
        if (delivered || now - openedAt > LONGEST_PAUSE_MS)
            [giveUpAt, pauseMs] = [now + patienceMs, FIRST_PAUSE_MS];
        // A little by chance, so that the clients of a service that restarts do not all come back at once.
        const waitMs = Math.max(pauseMs * (0.5 + Math.random() / 2), atLeastMs);
        if (now + waitMs > giveUpAt)
            throw new StreamLost(path, after, patienceMs);
        await rest(waitMs, signal);
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
}
/** The same question as the socket's, in a form whose refusal can be read. */
function ask({ client }, kind, id, after, cancelled) {
    if (kind === "agents")
        return client.GET("/v1/agents/{agent_id}", { params: { path: { agent_id: id } }, ...cancelled });
    const query = { limit: 1, after: after === LATEST ? 0 : Number(after ?? 0) };
    return client.GET("/v1/swarms/{swarm_id}/events", { params: { path: { swarm_id: id }, query }, ...cancelled });
}
/**
 * What was answered, or `retryMs` where it is worth asking again after so long.
 *
 * @throws {ApiProblem} It was refused for good.
 */
async function orRetry(asked) {
    let answer;
    try {
        answer = await asked;
    }
    catch {
        return { retryMs: 0 }; // not reached, or cut off
    }
    const { status, headers } = answer.response;
    if (status >= 500 || [408, 425, 429].includes(status)) {
        return { retryMs: (Number(headers.get("Retry-After")) || 0) * 1000 };
    }
    return { data: ok(answer) };
}
function rest(ms, signal) {
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
class Socket {
    openedAt = Infinity;
    code;
    #socket;
    #waiting = [];
    #signal;
    #idleMs;
    #wake = () => { };
    #idle;
    constructor(socket, idleMs, signal) {
        this.#socket = socket;
        this.#signal = signal;
        this.#idleMs = idleMs;
        this.#rewind();
        socket.onopen = () => (this.openedAt = Date.now());
        socket.onerror = () => { }; // the close that follows it tells as much
        socket.onclose = ({ code }) => this.#end(code);
        socket.onmessage = ({ data }) => {
            this.#rewind();
            if (this.code !== undefined)
                return;
            this.#waiting.push(JSON.parse(data));
            if (this.#waiting.length >= MOST_WAITING)
                this.#end(-1);
            this.#wake();
        };
        signal?.addEventListener("abort", this.#aborted);
    }
    async *[Symbol.asyncIterator]() {
        for (;;) {
            for (let event = this.#waiting.shift(); event !== undefined; event = this.#waiting.shift()) {
                if (this.#signal?.aborted)
                    return;
                yield event;
            }
            if (this.code !== undefined)
                return;
            await new Promise((resolve) => (this.#wake = resolve));
        }
    }
    close() {
        this.#end(-1);
    }
    #aborted = () => this.#end(-1);
    #rewind() {
        clearTimeout(this.#idle);
        if (this.code === undefined)
            this.#idle = setTimeout(this.#aborted, this.#idleMs);
    }
    #end(code) {
        if (this.code !== undefined)
            return;
        this.code = code;
        clearTimeout(this.#idle);
        this.#signal?.removeEventListener("abort", this.#aborted);
        try {
            this.#socket.close();
        }
        catch {
            // Some refuse to close what is not open yet; it goes with the process, and nothing of it is read.
        }
        this.#wake();
    }
}
