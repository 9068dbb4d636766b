import { request } from "../api.js";
import { go, href } from "../routes.js";
import { html, useState } from "../vendor/preact.js";
import { Button } from "./button.js";
import { Empty } from "./empty.js";
import { alert } from "./toast.js";

const DEMO = "/console/assets/demo.json";

/** The first run: a hundred readers, their ten editors and one more, with the built-in model that costs nothing. */
export function DemoSwarm() {
  const [busy, setBusy] = useState(false);
  const start = async () => {
    setBusy(true);
    try {
      const body = await request(DEMO);
      const run = await request("/v1/swarms", { method: "POST", body });
      go(href(`/runs/${run.swarm_id}`));
    } catch (error) {
      alert(error);
      setBusy(false);
    }
  };
  const origin = window.location.origin;
  return html`<${Empty} title="No run yet">
    <p class="dim">
      The demo swarm reads a hundred notes at once, merges them in tens and writes one report. It uses the built-in
      offline model: no key, no network, no cost.
    </p>
    <div class="row">
      <${Button} kind="primary" busy=${busy} onClick=${start}>Run the demo swarm<//>
      <${Button} href=${href("/new")}>New run<//>
    </div>
    <p class="dim">The same from a terminal:</p>
    <pre>${`curl -s ${origin}${DEMO} | curl -s ${origin}/v1/swarms \\\n  -H 'Content-Type: application/json' -d @-`}</pre>
  <//>`;
}
