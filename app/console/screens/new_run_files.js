// Files of the new-run form: uploaded as soon as they are chosen or dropped, kept by the service under their ids.
import { request } from "../api.js";
import { html, useId, useState } from "../vendor/preact.js";

const UPLOAD_MS = 600_000;

/** @typedef {{ key: number, name: string, size: number, id: string | null, error: string | null }} Upload */

let counter = 0;

/**
 * @returns {{ files: Upload[], add: (chosen: Iterable<File>) => void, remove: (key: number) => void, clear: () => void }}
 */
export function useUploads() {
  const [files, setFiles] = useState(/** @type {Upload[]} */ ([]));
  const change = (/** @type {number} */ key, /** @type {Partial<Upload>} */ fields) =>
    setFiles((all) => all.map((file) => (file.key === key ? { ...file, ...fields } : file)));
  const add = (/** @type {Iterable<File>} */ chosen) => {
    for (const file of chosen) {
      counter += 1;
      const key = counter;
      setFiles((all) => [...all, { key, name: file.name, size: file.size, id: null, error: null }]);
      request(`/v1/files?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file, timeoutMs: UPLOAD_MS }).then(
        (saved) => change(key, { id: saved.file_id }),
        (error) => change(key, { error: error.message }),
      );
    }
  };
  const remove = (/** @type {number} */ key) => {
    const { id } = files.find((file) => file.key === key) ?? {};
    setFiles((all) => all.filter((file) => file.key !== key));
    // What could not be deleted stays in the list of uploads, where it can be deleted later.
    if (id) request(`/v1/files/${encodeURIComponent(id)}`, { method: "DELETE" }).catch(() => undefined);
  };
  return { files, add, remove, clear: () => files.forEach((file) => remove(file.key)) };
}

/** @param {number} bytes */
function sizeOf(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}

/**
 * @param {{ label: string, hint: string, accept?: string, one?: boolean, wrong?: string | null,
 *   uploads: ReturnType<typeof useUploads> }} props one: the newest chosen counts
 */
export function FileField({ label, hint, accept, one = false, wrong, uploads }) {
  const id = useId();
  const [over, setOver] = useState(false);
  const take = (/** @type {FileList | null | undefined} */ chosen) => {
    if (!chosen?.length) return;
    if (one) uploads.clear();
    uploads.add(one ? [chosen[0]] : chosen);
  };
  const onDrop = (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer?.files);
  };
  const onDragOver = (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    setOver(true);
  };
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <div class=${`drop-zone ${over ? "is-over" : ""}`} onDrop=${onDrop} onDragOver=${onDragOver} onDragLeave=${() => setOver(false)}>
      <input id=${id} type="file" class=${uploads.files.length ? "has-files" : ""} multiple=${!one} accept=${accept} aria-describedby=${`${id}-hint`}
        aria-invalid=${wrong ? "true" : undefined}
        onChange=${(/** @type {any} */ event) => {
          take(event.currentTarget.files);
          event.currentTarget.value = ""; // the same file can be chosen again
        }} />
      <span class="dim" id=${`${id}-hint`}>${hint}</span>
    </div>
    ${wrong && html`<span class="wrong">${wrong}</span>`}
    <ul class="uploads">
      ${uploads.files.map((file) => html`<li key=${file.key}>
        <span class="truncate">${file.name}</span>
        <span class="dim">${sizeOf(file.size)}</span>
        ${file.error ? html`<span class="wrong">${file.error}</span>`
          : file.id ? html`<span class="good" aria-label="uploaded">✓</span>` : html`<span class="dim" role="status">uploading…</span>`}
        <button type="button" class="chip-close" aria-label=${`Remove ${file.name}`} onClick=${() => uploads.remove(file.key)}>✕</button>
      </li>`)}
    </ul>
  </div>`;
}
