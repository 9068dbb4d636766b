// What went wrong, by message; each line leads to its tasks.
import { count } from "../format.js";
import { errorGroups } from "../figures.js";
import { Panel } from "../parts/panel.js";
import { useRowsVersion } from "../parts/rows_version.js";
import { href } from "../routes.js";
import { html, useMemo } from "../vendor/preact.js";

const SHOWN = 8;

/** @param {{ run: import("../run.js").Run }} props */
export function RunErrors({ run }) {
  const version = useRowsVersion(run, 1_000);
  const groups = useMemo(() => errorGroups(run.tasks.values()), [run, version]);
  const at = (/** @type {string} */ error) => href(`/runs/${encodeURIComponent(run.swarmId)}`, { tab: "tasks", error });
  return html`<${Panel} title="Errors by message">
    ${!groups.length && html`<p class="dim">No error so far.</p>`}
    <ul class="errors">
      ${groups.slice(0, SHOWN).map(
        (group) => html`<li key=${group.message}>
          <a href=${at(group.message)}>
            <span class="error-count">${count(group.tasks)}</span>
            <span class="error-message">${group.message}</span>
          </a>
          <span class="dim">${group.type}${group.retrying > 0 && ` · ${count(group.retrying)} retrying`}</span>
        </li>`,
      )}
    </ul>
    ${groups.length > SHOWN && html`<p class="dim">and ${count(groups.length - SHOWN)} more; see <a href=${href(`/runs/${encodeURIComponent(run.swarmId)}`, { tab: "tasks", state: "missing" })}>the tasks</a></p>`}
  <//>`;
}
