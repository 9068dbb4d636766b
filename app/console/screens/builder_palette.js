// What can be put on the canvas: a task, or one with a role. Dragged there, or added by a click.
import { useRequest } from "../parts/loading.js";
import { html } from "../vendor/preact.js";
import { DRAGGED } from "./builder_stage.js";

const PLAIN = { title: "Task", about: "any work, in words", fields: { id: "task", prompt: "" } };

/** @param {{ onAdd: (fields: Record<string, any>) => void }} props */
export function Palette({ onAdd }) {
  const { data, error } = useRequest("/v1/roles?limit=100");
  const roles = (data?.items ?? []).map((/** @type {any} */ role) => ({
    title: role.name,
    about: (role.capability_tags ?? []).slice(0, 3).join(", "),
    fields: { id: role.name, role: role.name, prompt: "" },
  }));
  return html`<aside class="palette" aria-label="Palette">
    <h2>Add</h2>
    <ul>
      ${[PLAIN, ...roles].map((item) => html`<li key=${item.title}>
        <button
          type="button"
          class="palette-item"
          draggable="true"
          title=${item.about}
          onClick=${() => onAdd(item.fields)}
          onDragStart=${(/** @type {DragEvent} */ event) => {
            event.dataTransfer?.setData(DRAGGED, JSON.stringify(item.fields));
            if (event.dataTransfer) event.dataTransfer.effectAllowed = "copy";
          }}
        ><b>${item.title}</b><span>${item.about}</span></button>
      </li>`)}
    </ul>
    ${error && html`<p class="dim">The roles could not be read: ${error.message}</p>`}
  </aside>`;
}
