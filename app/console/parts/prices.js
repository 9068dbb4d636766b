import { request } from "../api.js";
import { count, counted } from "../format.js";
import { html, useState } from "../vendor/preact.js";
import { Button } from "./button.js";
import { Dialog } from "./dialog.js";
import { Field } from "./field.js";
import { useRequest } from "./loading.js";
import { Failure } from "./notice.js";
import { Panel } from "./panel.js";
import { Skeleton } from "./skeleton.js";
import { alert, done } from "./toast.js";

const SHOWN = 20;
/** @type {Record<string, string>} */
const SOURCES = { api: "set here", configured: "configured", kept: "kept table" };
const FIELDS = /** @type {const} */ ([
  ["input_per_mtok", "Input", "dollars per million tokens", true],
  ["cached_input_per_mtok", "Cached input", "leave it empty where cached tokens cost what others do", false],
  ["output_per_mtok", "Output", "dollars per million tokens", true],
]);

/** The price table: what a model's tokens cost, and from where that is known. */
export function Prices() {
  const { data, error, reload } = useRequest("/v1/prices");
  const [search, setSearch] = useState("");
  const [edited, setEdited] = useState(/** @type {string | null} */ (null));
  const models = Object.keys(data ?? {}).filter((name) => name.toLowerCase().includes(search.trim().toLowerCase()));
  const actions = html`<input
      type="search"
      aria-label="Find a model"
      placeholder="Find a model"
      value=${search}
      onInput=${(/** @type {any} */ event) => setSearch(event.currentTarget.value)}
    />
    <${Button} onClick=${() => setEdited("")}>Set a price<//>`;
  const remove = async (/** @type {string} */ model) => {
    try {
      await request("/v1/prices", { method: "PUT", body: { [model]: null } });
      done(`The price of ${model} is the known one again`);
    } catch (reason) {
      alert(reason);
    }
    reload();
  };
  return html`<${Panel} title="Prices" actions=${actions} flush>
    ${error && html`<${Failure} error=${error} retry=${reload} />`} ${!data && !error && html`<${Skeleton} lines=${3} />`}
    ${data &&
    html`<table>
      <thead>
        <tr>
          <th>Model</th>
          <th class="number">Input</th>
          <th class="number">Cached input</th>
          <th class="number">Output</th>
          <th>From</th>
          <th><span class="visually-hidden">Change</span></th>
        </tr>
      </thead>
      <tbody>
        ${models.slice(0, SHOWN).map(
          (model) =>
            html`<tr key=${model}>
              <td class="mono">${model}</td>
              <td class="number">${dollars(data[model].input_per_mtok)}</td>
              <td class="number">${dollars(data[model].cached_input_per_mtok)}</td>
              <td class="number">${dollars(data[model].output_per_mtok)}</td>
              <td>${SOURCES[data[model].source] ?? data[model].source}</td>
              <td class="number">
                <${Button} kind="plain" aria-label="Change the price of ${model}" onClick=${() => setEdited(model)}>Change<//>
                ${data[model].source === "api" &&
                html`<${Button} kind="plain" aria-label="Remove the price of ${model}" onClick=${() => remove(model)}>Remove<//>`}
              </td>
            </tr>`,
        )}
      </tbody>
    </table>`}
    <p class="dim prices-note">
      Dollars per million tokens.
      ${models.length > SHOWN && ` ${count(SHOWN)} of ${counted(models.length, "model")}: search for the others.`}
    </p>
    ${edited !== null &&
    html`<${PriceDialog}
      model=${edited}
      price=${data?.[edited] ?? null}
      onClose=${(/** @type {boolean} */ changed) => {
        setEdited(null);
        if (changed) reload();
      }}
    />`}
  <//>`;
}

/** @param {number | null} value exact, however small */
const dollars = (value) => (value === null ? "–" : `$${value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 9 })}`);

/** @param {{ model: string, price: any, onClose: (changed: boolean) => void }} props model: "" for one to be named */
function PriceDialog({ model, price, onClose }) {
  const [name, setName] = useState(model);
  const [values, setValues] = useState(
    /** @type {Record<string, string>} */ (Object.fromEntries(FIELDS.map(([field]) => [field, price?.[field]?.toString() ?? ""]))),
  );
  const [error, setError] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    const given = FIELDS.filter(([field]) => values[field] !== "").map(([field]) => [field, Number(values[field])]);
    try {
      await request("/v1/prices", { method: "PUT", body: { [name]: Object.fromEntries(given) } });
      done(`The price of ${name} is set`);
      onClose(true);
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${model ? `Price of ${model}` : "Set a price"} onClose=${() => onClose(false)}>
    <form class="stack" onSubmit=${save}>
      ${!model &&
      html`<${Field} label="Model" hint="as its provider calls it">
        ${(/** @type {any} */ props) =>
          html`<input ...${props} required maxlength="200" value=${name} onInput=${(/** @type {any} */ event) => setName(event.currentTarget.value)} />`}
      <//>`}
      ${FIELDS.map(
        ([field, label, hint, required]) =>
          html`<${Field} key=${field} label=${label} hint=${hint}>
            ${(/** @type {any} */ props) =>
              html`<input
                ...${props}
                type="number"
                min="0"
                max="100000"
                step="any"
                inputmode="decimal"
                required=${required}
                value=${values[field]}
                onInput=${(/** @type {any} */ event) => setValues({ ...values, [field]: event.currentTarget.value })}
              />`}
          <//>`,
      )}
      ${error && html`<${Failure} error=${error} />`}
      <div class="row"><${Button} kind="primary" type="submit" busy=${busy}>Save the price<//></div>
    </form>
  <//>`;
}
