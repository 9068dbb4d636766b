import { Empty } from "../parts/empty.js";
import { Button } from "../parts/button.js";
import { href, place } from "../routes.js";
import { html, useEffect } from "../vendor/preact.js";

/** A path that no screen has. */
export default function NotFound() {
  useEffect(() => {
    document.title = "Not found · Swarm console";
  }, []);
  return html`<${Empty} title="There is no such page">
    <p class="dim"><code>/console${place.value.path}</code> is none of the console's places.</p>
    <${Button} kind="primary" href=${href("/")}>All runs<//>
  <//>`;
}
