// Inputs that the builder and the new-run form share: what is left empty is not sent.
import { Field } from "../parts/field.js";
import { html, useEffect, useId, useState } from "../vendor/preact.js";

/**
 * @param {{ label: any, value: string | undefined, onChange: (value: string | undefined) => void, hint?: any,
 *   wrong?: string | null, rows?: number, options?: string[], [attribute: string]: any }} props
 *   rows: several lines; options: suggestions
 */
export function TextField({ label, value, onChange, hint, wrong, rows, options, ...rest }) {
  const list = useId();
  const onInput = (/** @type {any} */ event) => onChange(event.currentTarget.value === "" ? undefined : event.currentTarget.value);
  return html`<${Field} label=${label} hint=${hint} wrong=${wrong}>
    ${(/** @type {any} */ props) => rows
      ? html`<textarea ...${props} ...${rest} rows=${rows} value=${value ?? ""} onInput=${onInput}></textarea>`
      : html`<input type="text" ...${props} ...${rest} list=${options ? list : undefined} value=${value ?? ""} onInput=${onInput} />
        ${options && html`<datalist id=${list}>${options.map((one) => html`<option key=${one} value=${one}></option>`)}</datalist>`}`}
  <//>`;
}

/**
 * @param {{ label: any, value: number | undefined, onChange: (value: number | undefined) => void, hint?: any,
 *   wrong?: string | null, [attribute: string]: any }} props
 */
export function NumberField({ label, value, onChange, hint, wrong, ...rest }) {
  const onInput = (/** @type {any} */ event) => {
    const number = event.currentTarget.valueAsNumber;
    onChange(Number.isNaN(number) ? undefined : number);
  };
  return html`<${Field} label=${label} hint=${hint} wrong=${wrong}>
    ${(/** @type {any} */ props) => html`<input type="number" ...${props} ...${rest} value=${value ?? ""} onInput=${onInput} />`}
  <//>`;
}

/**
 * @param {{ label: any, value: string | undefined, onChange: (value: string | undefined) => void, none: string,
 *   options: (string | { value: string, title: string })[], hint?: any, wrong?: string | null }} props none: what empty means
 */
export function ChoiceField({ label, value, onChange, none, options, hint, wrong }) {
  const named = options.map((one) => (typeof one === "string" ? { value: one, title: one } : one));
  // A model that is no longer served stays to be seen, and can be changed.
  if (value && !named.some((one) => one.value === value)) named.push({ value, title: value });
  const onInput = (/** @type {any} */ event) => onChange(event.currentTarget.value || undefined);
  return html`<${Field} label=${label} hint=${hint} wrong=${wrong}>
    ${(/** @type {any} */ props) => html`<select ...${props} value=${value ?? ""} onChange=${onInput}>
      <option value="">${none}</option>
      ${named.map((one) => html`<option key=${one.value} value=${one.value}>${one.title}</option>`)}
    </select>`}
  <//>`;
}

/**
 * Any JSON value, as text; taken on as soon as it can be read.
 * @param {{ label: any, value: any, onChange: (value: any) => void, hint?: any, wrong?: string | null, rows?: number }} props
 */
export function JsonField({ label, value, onChange, hint, wrong, rows = 3 }) {
  const [text, setText] = useState(shown(value));
  const [broken, setBroken] = useState("");
  useEffect(() => {
    if (!same(text, value)) {
      setText(shown(value));
      setBroken("");
    }
  }, [value]);
  const onInput = (/** @type {any} */ event) => {
    const next = event.currentTarget.value;
    setText(next);
    try {
      onChange(next.trim() === "" ? undefined : JSON.parse(next));
      setBroken("");
    } catch (error) {
      setBroken(/** @type {Error} */ (error).message);
    }
  };
  return html`<${Field} label=${label} hint=${hint} wrong=${broken || wrong}>
    ${(/** @type {any} */ props) => html`<textarea class="mono" spellcheck="false" ...${props} rows=${rows} value=${text} onInput=${onInput}></textarea>`}
  <//>`;
}

/** @param {any} value */
const shown = (value) => (value === undefined ? "" : JSON.stringify(value, null, 2));

/** @param {string} text @param {any} value */
function same(text, value) {
  try {
    return JSON.stringify(text.trim() === "" ? undefined : JSON.parse(text)) === JSON.stringify(value);
  } catch {
    return false;
  }
}

/** @param {{ label: any, checked: boolean, onChange: (checked: boolean) => void }} props */
export const CheckField = ({ label, checked, onChange }) => html`<label class="check">
  <input type="checkbox" checked=${checked} onChange=${(/** @type {any} */ event) => onChange(event.currentTarget.checked)} /> ${label}
</label>`;
