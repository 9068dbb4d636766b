import { html, useId } from "../vendor/preact.js";

/**
 * A labelled input: `html\`<${Field} label="Budget" hint="in dollars">${(props) => html\`<input ...${props} />\`}<//>\``.
 * @param {{ label: any, hint?: any, wrong?: string | null, children: (props: Record<string, any>) => any }} props
 *   wrong: what is wrong with what was entered
 */
export function Field({ label, hint, wrong, children }) {
  const id = useId();
  const about = wrong ? `${id}-wrong` : hint ? `${id}-hint` : undefined;
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${children({ id, "aria-describedby": about, "aria-invalid": wrong ? "true" : undefined })}
    ${wrong ? html`<span class="wrong" id="${id}-wrong">${wrong}</span>` : hint && html`<span class="hint" id="${id}-hint">${hint}</span>`}
  </div>`;
}
