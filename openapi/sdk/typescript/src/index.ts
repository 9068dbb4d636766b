/**
 * Client of swarmd. The types of every path, body and answer are generated from the service's OpenAPI document; calls
 * are openapi-fetch's: `swarmd.GET("/v1/swarms/{swarm_id}", { params: { path: { swarm_id } } })`.
 */
import createFetchClient, { type Client, type ClientOptions } from "openapi-fetch";
import type { components, paths } from "../schema.js";
import { follow, type Event, type StreamOptions } from "./streams.js";

export { ApiProblem, ok } from "./problems.js";
export { StreamLost } from "./streams.js";
export type { Event, StreamOptions, WebSocketConstructor, WebSocketLike } from "./streams.js";
export type { components, operations, paths } from "../schema.js";

/** The named shapes of the API: `Schemas["SwarmCreate"]`, `Schemas["TaskOut"]`, … */
export type Schemas = components["schemas"];

export interface SwarmdOptions extends Omit<ClientOptions, "baseUrl"> {
  /** Where the service is: `http://127.0.0.1:8000`. */
  baseUrl: string;
  /** A key of `swarmd keys create`; none for a service on this machine that has none. */
  apiKey?: string;
}

/** Calls (`GET`, `POST`, `PUT`, `PATCH`, `DELETE`), and streams of events. */
export interface Swarmd extends Client<paths> {
  /**
   * Follow one run to its end: `for await (const event of swarmd.streamSwarm(id))`. The last event is
   * `swarm_completed`; between the events of the log comes a `metrics_snapshot` every second.
   *
   * @throws {ApiProblem} There is no such run (404), the key is wrong (401) or may not read (403).
   * @throws {StreamLost} The service did not come back in time.
   */
  streamSwarm(swarmId: string, options?: StreamOptions): AsyncGenerator<Event, void, undefined>;
  /** Follow all runs of an orchestrator, by id or name; it does not end by itself. */
  streamAgent(agentId: string, options?: StreamOptions): AsyncGenerator<Event, void, undefined>;
}

/** Make a client of the service at `baseUrl`. Further options are openapi-fetch's: `fetch`, `headers`, … */
export function createSwarmd({ baseUrl, apiKey, ...options }: SwarmdOptions): Swarmd {
  const root = baseUrl.replace(/\/+$/, "");
  const client = createFetchClient<paths>({ ...options, baseUrl: root });
  if (apiKey !== undefined) {
    client.use({
      onRequest({ request }) {
        request.headers.set("Authorization", `Bearer ${apiKey}`);
        return request;
      },
    });
  }
  const stream = (kind: "swarms" | "agents") => (id: string, options?: StreamOptions) =>
    follow({ client, root, ticketed: apiKey !== undefined }, kind, id, options);
  return { ...client, streamSwarm: stream("swarms"), streamAgent: stream("agents") };
}
