import { html } from "../vendor/preact.js";

/**
 * Tabs that are places: each a link, so the URL says which is open.
 * @param {{ label: string, tabs: { name: string, title: any, href: string }[], current: string }} props
 */
export const Tabs = ({ label, tabs, current }) =>
  html`<nav class="tabs" aria-label=${label}>
    ${tabs.map(
      ({ name, title, href }) =>
        html`<a key=${name} href=${href} aria-current=${name === current ? "page" : undefined}>${title}</a>`,
    )}
  </nav>`;

/**
 * One of a few values, as buttons side by side.
 * @param {{ label: string, options: { value: any, title: any, disabled?: boolean }[], value: any,
 *   onChange: (value: any) => void }} props
 */
export const Switch = ({ label, options, value, onChange }) =>
  html`<div class="switch" role="group" aria-label=${label}>
    ${options.map(
      (option) =>
        html`<button
          type="button"
          key=${option.value}
          aria-pressed=${option.value === value}
          disabled=${option.disabled}
          onClick=${() => onChange(option.value)}
        >
          ${option.title}
        </button>`,
    )}
  </div>`;
