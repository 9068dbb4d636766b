// Does with the SDK what programs do: smoke.mjs SERVICE_URL API_KEY. Ends with 0 when all of it went as it must.
// tests/e2e/sdk runs it against a service.
import assert from "node:assert/strict";
import { ApiProblem, createSwarmd, ok } from "swarmd-client";
import { WebSocket } from "ws";

const [baseUrl = "", apiKey = ""] = process.argv.slice(2);
const swarmd = createSwarmd({ baseUrl, apiKey });
const LEAVES = 100;
const MERGES = 10;

/** 100 tasks, 10 that each wait for ten of them, and one that waits for those. @returns {import("swarmd-client").Schemas["TaskIn"][]} */
function graph() {
  const leaves = Array.from({ length: LEAVES }, (_, n) => ({ id: `leaf-${n}`, prompt: "Say something about lakes." }));
  const merges = Array.from({ length: MERGES }, (_, n) => ({
    id: `merge-${n}`,
    prompt: "Merge.",
    depends_on: leaves.filter((_, m) => m % MERGES === n).map((leaf) => leaf.id),
  }));
  return [...leaves, ...merges, { id: "report", prompt: "Report.", depends_on: merges.map((merge) => merge.id) }];
}

/** @param {() => Promise<unknown>} attempt @param {number} status @returns {Promise<ApiProblem>} */
async function refused(attempt, status) {
  const error = await attempt().then(() => assert.fail("it was taken"), (reason) => reason);
  assert.ok(error instanceof ApiProblem, String(error));
  assert.equal(error.problem.status, status);
  return error;
}

// --- a graph, to its end ---------------------------------------------------------------------------------------------

const agent = ok(
  await swarmd.POST("/v1/agents/create", {
    body: { name: "typescript-sdk", model: "offline", swarm_config: { max_parallel_agents: 50 } },
  }),
);
const start = () =>
  swarmd.POST("/v1/swarms", {
    body: { agent: agent.agent_id, name: "100-10-1", tasks: graph() },
    params: { header: { "Idempotency-Key": "typescript-sdk-1" } },
  });
const swarm = ok(await start());
const swarm_id = swarm.swarm_id;
assert.equal(ok(await start()).swarm_id, swarm_id);

/** @param {number} [after] */
async function logged(after = 0) {
  const events = [];
  for await (const event of swarmd.streamSwarm(swarm_id, { WebSocket, after })) {
    if (event.type !== "metrics_snapshot") events.push(event);
  }
  return events;
}
const events = await logged();
assert.deepEqual(events.map((event) => event.seq), events.map((_, index) => index + 1));
const last = events.at(-1);
assert.equal(events[0]?.type, "swarm_started");
assert.ok(last?.type === "swarm_completed");
assert.equal(last.status, "completed");
assert.equal(events.filter((event) => event.type === "agent_completed").length, LEAVES + MERGES + 1);
assert.deepEqual(await logged(events.length - 3), events.slice(-3));

// The orchestrator's stream has the same events, and a cursor in each; it does not end by itself.
for await (const event of swarmd.streamAgent(agent.agent_id, { WebSocket })) {
  assert.equal(typeof event.cursor, "string");
  if (event.type === "swarm_completed") break;
}

const done = ok(await swarmd.GET("/v1/swarms/{swarm_id}", { params: { path: { swarm_id } } }));
assert.deepEqual([done.status, done.counts.completed, done.counts.total], ["completed", 111, 111]);
const results = ok(await swarmd.GET("/v1/swarms/{swarm_id}/results", { params: { path: { swarm_id } } }));
assert.equal(results.outputs.length, 111);
assert.ok(results.outputs.every((output) => output.status === "completed" && output.output));
assert.deepEqual(results.missing, []);
const csv = await swarmd.GET("/v1/swarms/{swarm_id}/export", {
  params: { path: { swarm_id }, query: { kind: "tasks", format: "csv" } },
  parseAs: "text",
});
assert.ok(String(ok(csv)).startsWith("task_id,"));
console.log("graph: 111 tasks,", events.length, "events");

// --- pages -----------------------------------------------------------------------------------------------------------

const seen = new Set();
let pages = 0;
/** @type {string | null | undefined} */
let cursor;
while (cursor !== null) {
  const query = { limit: 25, ...(cursor && { cursor }) };
  /** @type {import("swarmd-client").Schemas["TaskPage"]} */
  const page = ok(await swarmd.GET("/v1/swarms/{swarm_id}/tasks", { params: { path: { swarm_id }, query } }));
  for (const task of page.items) seen.add(task.task_id);
  cursor = page.next_cursor;
  pages += 1;
}
assert.deepEqual([pages, seen.size], [5, 111]);
console.log("pages:", pages);

// --- errors ----------------------------------------------------------------------------------------------------------

const unknown = { params: { path: { swarm_id: "swm_unknown" } } };
const { error } = await swarmd.GET("/v1/swarms/{swarm_id}", unknown);
assert.deepEqual([error?.status, error?.code], [404, "not_found"]);
const cycle = await refused(
  async () =>
    ok(
      await swarmd.POST("/v1/swarms", {
        body: { tasks: [{ id: "a", prompt: "x", depends_on: ["b"] }, { id: "b", prompt: "x", depends_on: ["a"] }] },
      }),
    ),
  422,
);
assert.ok(cycle.problem.errors?.[0]?.pointer.startsWith("/tasks"));
const stranger = createSwarmd({ baseUrl, apiKey: "sk-wrong" });
await refused(async () => ok(await stranger.GET("/v1/swarms/{swarm_id}", unknown)), 401);
await refused(() => stranger.streamSwarm("swm_unknown", { WebSocket }).next(), 401);
await refused(() => swarmd.streamSwarm("swm_unknown", { WebSocket }).next(), 404);
await refused(() => swarmd.streamAgent("no one", { WebSocket }).next(), 404);
await refused(() => swarmd.streamSwarm(swarm_id, { WebSocket, after: -1 }).next(), 422);
const { error: envelope } = await swarmd.POST("/v1/chat/completions", { body: { model: "unheard-of", messages: [] } });
assert.ok(envelope !== undefined && "error" in envelope);
console.log("errors: typed");

// --- cancel, and other ways in ---------------------------------------------------------------------------------------

const later = ok(
  await swarmd.POST("/v1/swarms", {
    body: { name: "to cancel", start_at: "2026-12-31T00:00:00Z", tasks: [{ id: "later", prompt: "x" }] },
  }),
);
const it = { params: { path: { swarm_id: later.swarm_id } } };
assert.equal(ok(await swarmd.POST("/v1/swarms/{swarm_id}/cancel", it)).status, "cancelled");
ok(await swarmd.DELETE("/v1/swarms/{swarm_id}", it));
assert.equal((await swarmd.GET("/v1/swarms/{swarm_id}", it)).response.status, 404);
console.log("cancel: done");

const abort = new AbortController();
const paused = swarmd.streamAgent(agent.agent_id, { WebSocket, after: "latest", signal: abort.signal });
setTimeout(() => abort.abort(), 50);
assert.equal((await paused.next()).done, true);

const batch = ok(
  await swarmd.POST("/v1/agents/batch-execute", { body: { tasks: [{ id: "one", type: "summary", source: "a text" }] } }),
);
assert.ok("outputs" in batch);
assert.deepEqual(batch.outputs.map((output) => output.status), ["completed"]);
const chat = ok(
  await swarmd.POST("/v1/chat/completions", { body: { model: "offline", messages: [{ role: "user", content: "Hello" }] } }),
);
assert.ok(JSON.stringify(chat).includes("latency_ms"));
console.log("batch and chat: answered");
