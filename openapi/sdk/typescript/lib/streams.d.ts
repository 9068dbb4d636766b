/**
 * Events as they happen, over a WebSocket that may break: nothing is left out, and nothing comes twice.
 *
 * The service numbers the events of a run from 1 without a gap and keeps them, so a connection that is lost, or a service
 * that is killed and started again, costs nothing: the stream goes on behind the last event that it handed out.
 */
import type { Client } from "openapi-fetch";
import type { components } from "../events.js";
import type { paths } from "../schema.js";
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
export declare class StreamLost extends Error {
    readonly after: string | undefined;
    readonly name = "StreamLost";
    constructor(path: string, after: string | undefined, patienceMs: number);
}
interface Service {
    client: Client<paths>;
    root: string;
    /** Whether a socket needs a ticket: browsers cannot send the key with it. */
    ticketed: boolean;
}
/** Follow the events of a run or an orchestrator, whatever happens to the connection. */
export declare function follow(service: Service, kind: "swarms" | "agents", id: string, options?: StreamOptions): AsyncGenerator<Event, void, undefined>;
export {};
