// Prints every event of a stream as a line of JSON: follow.mjs SERVICE_URL API_KEY swarm|agent ID [AFTER] [PATIENCE_S].
// An orchestrator's ends with the process. tests/e2e/sdk cuts its connections and kills the service meanwhile.
import { createSwarmd, StreamLost } from "swarmd-client";
import { WebSocket } from "ws";

const [baseUrl = "", apiKey = "", kind, of = "", after = "", patience = "60"] = process.argv.slice(2);
const swarmd = createSwarmd({ baseUrl, apiKey });
const options = { WebSocket, patienceMs: Number(patience) * 1000, ...(after && { after }) };
/** @param {object} value */
const print = (value) => console.log(JSON.stringify(value));

try {
  for await (const event of kind === "agent" ? swarmd.streamAgent(of, options) : swarmd.streamSwarm(of, options)) print(event);
  print({ ended: true });
} catch (error) {
  if (!(error instanceof StreamLost)) throw error;
  print({ lost: true, after: error.after });
}
