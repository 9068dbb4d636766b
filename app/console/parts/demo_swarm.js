import { request } from "../api.js";
import { key } from "../key.js";
import { go, href } from "../routes.js";
import { html, useState } from "../vendor/preact.js";
import { Button } from "./button.js";
import { Empty } from "./empty.js";
import { useRequest } from "./loading.js";
import { alert } from "./toast.js";

const DEMO = "/console/assets/demo.json";
const FREE = "offline";

/**
 * What starts the demo swarm and goes to its run: the file that the curl command posts, too.
 * @returns {{ busy: boolean, start: (model: string) => Promise<void> }}
 */
export function useDemo() {
  const [busy, setBusy] = useState(false);
  const start = async (/** @type {string} */ model) => {
    setBusy(true);
    try {
      const body = { ...(await request(DEMO)), model };
      const run = await request("/v1/swarms", { method: "POST", body });
      go(href(`/runs/${run.swarm_id}`));
    } catch (error) {
      alert(error);
      setBusy(false);
    }
  };
  return { busy, start };
}

/** The first run: a hundred readers, an editor for every ten of them, and one who writes the report. */
export function DemoSwarm() {
  const demo = useDemo();
  const [model, setModel] = useState(FREE);
  const { data } = useRequest("/v1/models");
  const models = data?.data.map((/** @type {any} */ one) => one.id).filter((/** @type {string} */ id) => !id.startsWith("swarm/")) ?? [];
  return html`<${Empty} title="No run yet">
    <p class="dim">
      The demo swarm reads a hundred notes in parallel, merges them in tens and writes one report: 111 agents. With the
      built-in offline model it needs no key, no network and no money.
    </p>
    <div class="row">
      <${Button} kind="primary" busy=${demo.busy} onClick=${() => demo.start(model)}>Run the demo swarm<//>
      ${models.length > 1 &&
      html`<select aria-label="Model" value=${model} onChange=${(/** @type {any} */ event) => setModel(event.currentTarget.value)}>
        ${models.map((/** @type {string} */ id) => html`<option key=${id} value=${id}>${id === FREE ? `${id} (free)` : id}</option>`)}
      </select>`}
      <${Button} href=${href("/new")}>New run<//>
    </div>
    <p class="dim">The same from a terminal:</p>
    <pre>${command(model)}</pre>
  <//>`;
}

/** @param {string} model */
function command(model) {
  const { origin } = window.location;
  const other = model === FREE ? "" : ` \\\n  | sed 's|"model": "${FREE}"|"model": "${model}"|'`;
  const header = key.value ? ` \\\n      -H "Authorization: Bearer $SWARMD_API_KEY"` : "";
  return `curl -s ${origin}${DEMO}${other} \\
  | curl -s ${origin}/v1/swarms -d @- \\
      -H 'Content-Type: application/json'${header}`;
}
