import { html } from "../vendor/preact.js";

/** Where there is nothing yet: what would be here, and how to come to it. @param {{ title: any, children?: any }} props */
export const Empty = ({ title, children }) => html`<div class="empty"><h2>${title}</h2>${children}</div>`;
