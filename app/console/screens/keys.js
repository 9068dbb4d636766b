// API keys: the one that this tab uses, and those of the tenant, for who may mint them.
import { request } from "../api.js";
import { ago, day, NOTHING, usd } from "../format.js";
import { key, keyWanted, setKey } from "../key.js";
import { Button } from "../parts/button.js";
import { Chip } from "../parts/chip.js";
import { Dialog } from "../parts/dialog.js";
import { Empty } from "../parts/empty.js";
import { useRequest } from "../parts/loading.js";
import { MintDialog, SecretDialog } from "../parts/mint_key.js";
import { Failure, Notice } from "../parts/notice.js";
import { Panel } from "../parts/panel.js";
import { Skeleton } from "../parts/skeleton.js";
import { alert, done } from "../parts/toast.js";
import { html, useEffect, useState } from "../vendor/preact.js";

export default function Keys() {
  const keys = useRequest("/v1/keys?limit=200");
  const [asks, setAsks] = useState(/** @type {{ what: "mint" | "revoke" | "rotate", of?: any } | null} */ (null));
  const [minted, setMinted] = useState(/** @type {any} */ (null));
  useEffect(() => {
    document.title = "Keys · Swarm console";
  }, []);
  const close = () => setAsks(null);
  const got = (/** @type {any} */ found) => {
    setAsks(null);
    setMinted(found);
  };
  const kept = () => {
    setMinted(null);
    // Before the first key everybody on this machine was let in; with it, this tab needs one, too.
    if (!key.value) setKey(minted.key);
    else keys.reload();
  };
  const isFirst = keys.data?.items.length === 0;
  return html`<div class="page-head">
      <h1>Keys</h1>
      <${Button} kind="primary" disabled=${!keys.data} onClick=${() => setAsks({ what: "mint" })}>Mint a key<//>
    </div>
    <div class="stack">
      <${OfThisTab} />
      ${keys.error?.status === 403
        ? html`<${Notice}>This key may not see the others: that takes one with the scope <code>admin</code>.<//>`
        : keys.error && html`<${Failure} error=${keys.error} retry=${keys.reload} />`}
      ${!keys.error &&
      html`<${Panel} title="Keys of the tenant" flush>
        ${!keys.data && html`<${Skeleton} lines=${3} />`}
        ${isFirst &&
        html`<${Empty} title="No key yet">
          <p class="dim">
            Everybody on this machine is let in without one. With the first key that ends: give it the
            scope <code>admin</code> to keep the right to mint others.
          </p>
        <//>`}
        ${keys.data?.items.length > 0 && html`<${Table} keys=${keys.data.items} ask=${setAsks} />`}
      <//>`}
    </div>
    ${asks?.what === "mint" && html`<${MintDialog} isFirst=${isFirst} onClose=${close} onMinted=${got} />`}
    ${asks?.what === "revoke" && html`<${Revoke} of=${asks.of} onClose=${close} onDone=${keys.reload} />`}
    ${asks?.what === "rotate" && html`<${Rotate} of=${asks.of} onClose=${close} onMinted=${got} />`}
    ${minted && html`<${SecretDialog} minted=${minted} onClose=${kept} />`}`;
}

function OfThisTab() {
  const shown = key.value && `${key.value.slice(0, 14)}…`;
  return html`<${Panel} title="This tab">
    <div class="row spread">
      <p>${shown ? html`Uses the key <code>${shown}</code>, kept until the tab closes.` : "Uses no key."}</p>
      <div class="row">
        <${Button} onClick=${() => (keyWanted.value = "Which key should this tab use?")}>${shown ? "Use another key" : "Use a key"}<//>
        ${shown && html`<${Button} onClick=${() => setKey("")}>Forget it<//>`}
      </div>
    </div>
  <//>`;
}

/** @param {{ keys: any[], ask: (what: any) => void }} props */
const Table = ({ keys, ask }) =>
  html`<table>
    <thead>
      <tr>
        <th>Name</th>
        <th>Begins with</th>
        <th>Scopes</th>
        <th class="number">Requests / min</th>
        <th class="number">Agents</th>
        <th class="number">Dollars a day</th>
        <th>Last used</th>
        <th>Expires</th>
        <th><span class="visually-hidden">Change</span></th>
      </tr>
    </thead>
    <tbody>
      ${keys.map(
        (one) =>
          html`<tr key=${one.key_id}>
            <td title=${one.key_id}>${one.name}</td>
            <td class="mono">${one.prefix ?? NOTHING}</td>
            <td>${one.scopes.join(", ")}</td>
            <td class="number">${one.max_requests_per_minute ?? "any"}</td>
            <td class="number">${one.max_parallel_agents ?? "any"}</td>
            <td class="number">${one.max_cost_per_day_usd === null ? "any" : usd(one.max_cost_per_day_usd)}</td>
            <td>${one.last_used_at ? ago(one.last_used_at) : "never"}</td>
            <td>${one.expires_at ? day(one.expires_at) : "never"}</td>
            <td class="number">
              ${one.revoked_at
                ? html`<${Chip} kind="is-failed">revoked<//>`
                : html`<${Button} kind="plain" aria-label="Rotate ${one.name}" onClick=${() => ask({ what: "rotate", of: one })}>Rotate<//>
                    <${Button} kind="danger" class="is-plain" aria-label="Revoke ${one.name}" onClick=${() => ask({ what: "revoke", of: one })}>Revoke<//>`}
            </td>
          </tr>`,
      )}
    </tbody>
  </table>`;

/** @param {{ of: any, onClose: () => void, onDone: () => void }} props */
function Revoke({ of, onClose, onDone }) {
  const revoke = async () => {
    onClose();
    try {
      await request(`/v1/keys/${of.key_id}`, { method: "DELETE" });
      done(`${of.name} is revoked`);
    } catch (error) {
      alert(error);
    }
    onDone();
  };
  const actions = html`<${Button} onClick=${onClose}>Keep it<//><${Button} kind="danger" onClick=${revoke}>Revoke it<//>`;
  return html`<${Dialog} title=${`Revoke ${of.name}?`} onClose=${onClose} actions=${actions}>
    <p>From now on nobody gets in with it. This cannot be undone; runs that were started with it go on.</p>
  <//>`;
}

/** @param {{ of: any, onClose: () => void, onMinted: (minted: any) => void }} props */
function Rotate({ of, onClose, onMinted }) {
  const [grace, setGrace] = useState("3600");
  const rotate = async () => {
    try {
      onMinted(await request(`/v1/keys/${of.key_id}/rotate`, { method: "POST", body: { grace_s: Number(grace) } }));
    } catch (error) {
      onClose();
      alert(error);
    }
  };
  const actions = html`<${Button} onClick=${onClose}>Leave it<//><${Button} kind="primary" onClick=${rotate}>Make a new secret<//>`;
  return html`<${Dialog} title=${`Rotate ${of.name}?`} onClose=${onClose} actions=${actions}>
    <div class="stack">
      <p>The key gets a new secret and keeps its name, scopes and limits.</p>
      <label class="row">
        The old secret still works
        <select value=${grace} onChange=${(/** @type {any} */ event) => setGrace(event.currentTarget.value)}>
          <option value="0">not at all</option>
          <option value="3600">for an hour</option>
          <option value="86400">for a day</option>
        </select>
      </label>
    </div>
  <//>`;
}
