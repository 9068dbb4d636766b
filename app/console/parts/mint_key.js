import { request } from "../api.js";
import { key, setKey } from "../key.js";
import { html, useState } from "../vendor/preact.js";
import { Button } from "./button.js";
import { Dialog } from "./dialog.js";
import { Field } from "./field.js";
import { Failure, Notice } from "./notice.js";
import { done } from "./toast.js";

const SCOPES = [
  { name: "read", about: "look at runs, results and figures" },
  { name: "run", about: "start and steer runs" },
  { name: "admin", about: "both, and mint keys" },
];
const LIMITS = /** @type {const} */ ([
  ["max_requests_per_minute", "Requests a minute", "1"],
  ["max_parallel_agents", "Agents at the same time", "1"],
  ["max_cost_per_day_usd", "Dollars a day", "any"],
]);

/**
 * Asks what a new key may do and mints it.
 * @param {{ isFirst: boolean, onClose: () => void, onMinted: (minted: any) => void }} props
 */
export function MintDialog({ isFirst, onClose, onMinted }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState(isFirst ? ["read", "run", "admin"] : ["read", "run"]);
  const [limits, setLimits] = useState(/** @type {Record<string, string>} */ ({}));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {any} */ (null));
  const mint = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    const given = Object.entries(limits).filter(([, value]) => value !== "");
    const body = { name, scopes, ...Object.fromEntries(given.map(([field, value]) => [field, Number(value)])) };
    try {
      onMinted(await request("/v1/keys", { method: "POST", body }));
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  };
  const wrong = (/** @type {string} */ field) =>
    error?.errors?.find((/** @type {any} */ one) => one.pointer.startsWith(`/${field}`))?.detail ?? null;
  return html`<${Dialog} title="Mint a key" onClose=${onClose}>
    <form class="stack" onSubmit=${mint}>
      ${isFirst && html`<${Notice} kind="warning">With the first key every request needs one. Without <code>admin</code> only the command line can mint another.<//>`}
      <${Field} label="Name" hint="what the key is for" wrong=${wrong("name")}>
        ${(/** @type {any} */ props) =>
          html`<input ...${props} required maxlength="200" value=${name} onInput=${(/** @type {any} */ event) => setName(event.currentTarget.value)} />`}
      <//>
      <fieldset class="field plain">
        <legend>Scopes</legend>
        ${SCOPES.map(
          (scope) =>
            html`<label key=${scope.name}>
              <input
                type="checkbox"
                checked=${scopes.includes(scope.name)}
                onChange=${(/** @type {any} */ event) =>
                  setScopes(event.currentTarget.checked ? [...scopes, scope.name] : scopes.filter((one) => one !== scope.name))}
              />${" "}<code>${scope.name}</code> <span class="dim">${scope.about}</span>
            </label>`,
        )}
      </fieldset>
      <div class="row limits">
        ${LIMITS.map(
          ([field, label, step]) =>
            html`<${Field} key=${field} label=${label} wrong=${wrong(field)}>
              ${(/** @type {any} */ props) =>
                html`<input
                  ...${props}
                  type="number"
                  min="0"
                  step=${step}
                  placeholder="any"
                  value=${limits[field] ?? ""}
                  onInput=${(/** @type {any} */ event) => setLimits({ ...limits, [field]: event.currentTarget.value })}
                />`}
            <//>`,
        )}
      </div>
      ${error && html`<${Failure} error=${error} />`}
      <div class="row"><${Button} kind="primary" type="submit" busy=${busy} disabled=${!scopes.length}>Mint the key<//></div>
    </form>
  <//>`;
}

/** Shows the secret of a new key, this once. @param {{ minted: any, onClose: () => void }} props */
export function SecretDialog({ minted, onClose }) {
  const copy = async () => {
    await navigator.clipboard.writeText(minted.key);
    done("Copied");
  };
  const actions = html`${key.value && minted.key !== key.value && html`<${Button} onClick=${() => (onClose(), setKey(minted.key))}>Use it in this tab<//>`}
    <${Button} kind="primary" onClick=${onClose}>I have kept it<//>`;
  return html`<${Dialog} title=${`The secret of ${minted.name}`} onClose=${onClose} actions=${actions}>
    <div class="stack">
      <p>It is shown this once and kept nowhere: copy it now.</p>
      <pre>${minted.key}</pre>
      ${navigator.clipboard && html`<div class="row"><${Button} onClick=${copy}>Copy<//></div>`}
    </div>
  <//>`;
}
