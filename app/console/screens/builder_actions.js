// What the builder does that may be refused: connect, save, run.
import { request } from "../api.js";
import { say } from "../parts/live.js";
import { alert, done } from "../parts/toast.js";
import { go, href } from "../routes.js";
import { connected, CycleFound } from "./builder_document.js";

/** @typedef {import("./builder_editor.js").Editor} Editor */

/** Make `to` wait for `from`; a cycle is refused, with its path. @param {Editor} editor @param {string} from @param {string} to */
export function connectTasks(editor, from, to) {
  try {
    editor.commit(connected(editor.doc.peek(), from, to));
    say(`${to} waits for ${from}`);
  } catch (error) {
    if (!(error instanceof CycleFound)) throw error;
    alert(error);
  }
}

/**
 * @param {Editor} editor @param {{ overwrite?: boolean }} [options]
 * @returns {Promise<"saved" | "conflict" | "failed">} conflict: somebody else saved it since
 */
export async function saveGraph(editor, options) {
  try {
    await editor.save(options);
    done("Saved");
    return "saved";
  } catch (/** @type {any} */ error) {
    if (error.status === 412) return "conflict";
    alert(error);
    return "failed";
  }
}

/** Start a run of the graph as it was saved, and go there. @param {string} graphId @param {string} key of this one start */
export async function runGraph(graphId, key) {
  try {
    const path = `/v1/graphs/${encodeURIComponent(graphId)}/runs`;
    const swarm = await request(path, { method: "POST", headers: { "Idempotency-Key": key } });
    go(href(`/runs/${encodeURIComponent(swarm.swarm_id)}`));
    return true;
  } catch (error) {
    alert(error);
    return false;
  }
}
