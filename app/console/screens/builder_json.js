// The document as JSON, and back: what is typed is taken on as soon as it can be read.
import { html, useEffect, useState } from "../vendor/preact.js";
import { rewritten } from "./builder_document.js";

const LARGE = 400_000;

/** @param {{ editor: import("./builder_editor.js").Editor }} props */
export function JsonPane({ editor }) {
  const { body } = editor.doc.value;
  const [text, setText] = useState(() => shown(body));
  const [wrong, setWrong] = useState("");
  const [typed, setTyped] = useState(/** @type {any} */ (null));
  useEffect(() => {
    if (typed === body) return; // it comes from here: what was typed stays as it was typed
    setText(shown(body));
    setWrong("");
  }, [body]);
  if (text.length > LARGE) {
    return html`<p class="dim">This graph is ${Math.round(text.length / 1000)} kB of JSON, too much to edit here: change it with
      <code>PUT /v1/graphs/${editor.graphId}</code>.</p>`;
  }
  const onInput = (/** @type {any} */ event) => {
    const next = event.currentTarget.value;
    setText(next);
    let value;
    try {
      value = JSON.parse(next);
    } catch (error) {
      setWrong(/** @type {Error} */ (error).message);
      return;
    }
    if (value === null || typeof value !== "object" || Array.isArray(value)) {
      setWrong("Expected a JSON object");
      return;
    }
    setWrong("");
    const doc = rewritten(editor.doc.peek(), value);
    setTyped(doc.body);
    editor.commit(doc, "json");
  };
  return html`<div class="json-pane">
    <label for="graph-json" class="visually-hidden">The graph as JSON</label>
    <textarea id="graph-json" class="mono" spellcheck="false" value=${text} onInput=${onInput}
      aria-invalid=${wrong ? "true" : undefined} aria-describedby="graph-json-wrong"></textarea>
    <p id="graph-json-wrong" class=${wrong ? "wrong" : "dim"}>${wrong || "What POST /v1/swarms takes; changes apply as you type."}</p>
  </div>`;
}

/** @param {Record<string, any>} body */
const shown = (body) => JSON.stringify(body, null, 2);
