import { key, keyWanted, setKey } from "../key.js";
import { html, useState } from "../vendor/preact.js";
import { Button } from "./button.js";
import { Field } from "./field.js";
import { Panel } from "./panel.js";

/** Asks for the API key, in place of the screen that could not be shown without one. */
export function KeyForm() {
  const [value, setValue] = useState("");
  const refused = Boolean(key.value);
  const onSubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (value.trim()) setKey(value.trim());
  };
  return html`<form class="key-form" onSubmit=${onSubmit}>
    <${Panel} title="API key">
      <div class="stack">
        <p>${refused ? "" : `${keyWanted.value} `}It is kept in this browser tab only and forgotten when the tab closes.</p>
        <${Field} label="Key" hint="starts with sk-swarmd-" wrong=${refused ? keyWanted.value : null}>
          ${(/** @type {any} */ props) =>
            html`<input
              ...${props}
              type="password"
              name="key"
              autocomplete="off"
              spellcheck=${false}
              autofocus
              value=${value}
              onInput=${(/** @type {any} */ event) => setValue(event.currentTarget.value)}
            />`}
        <//>
        <div class="row">
          <${Button} kind="primary" type="submit">Use this key<//>
          ${refused && html`<${Button} onClick=${() => setKey("")}>Go on without a key<//>`}
        </div>
        <p class="dim">To mint one: <code>swarmd keys create --name console --scopes read,run</code></p>
      </div>
    <//>
  </form>`;
}
