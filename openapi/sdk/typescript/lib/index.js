/**
 * Client of swarmd. The types of every path, body and answer are generated from the service's OpenAPI document; calls
 * are openapi-fetch's: `swarmd.GET("/v1/swarms/{swarm_id}", { params: { path: { swarm_id } } })`.
 */
import createFetchClient from "openapi-fetch";
import { follow } from "./streams.js";
export { ApiProblem, ok } from "./problems.js";
export { StreamLost } from "./streams.js";
/** Make a client of the service at `baseUrl`. Further options are openapi-fetch's: `fetch`, `headers`, … */
export function createSwarmd({ baseUrl, apiKey, ...options }) {
    const root = baseUrl.replace(/\/+$/, "");
    const client = createFetchClient({ ...options, baseUrl: root });
    if (apiKey !== undefined) {
        client.use({
            onRequest({ request }) {
                request.headers.set("Authorization", `Bearer ${apiKey}`);
                return request;
            },
        });
    }
    const stream = (kind) => (id, options) => follow({ client, root, ticketed: apiKey !== undefined }, kind, id, options);
    return { ...client, streamSwarm: stream("swarms"), streamAgent: stream("agents") };
}
