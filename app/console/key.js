// The API key of this browser tab. It is kept for the tab alone and forgotten with it: never in a URL, a cookie or a
// storage that outlives the tab.
import { signal } from "./vendor/preact.js";

const STORED = "swarmd.key";

function stored() {
  try {
    return sessionStorage.getItem(STORED) ?? "";
  } catch {
    return ""; // storage is refused: the key lives as long as the page
  }
}

/** The key that requests are sent with, "" for none; screens load anew when it changes. */
export const key = signal(stored());

/** Why a key is asked for, as the service put it; null while none is. */
export const keyWanted = signal(/** @type {string | null} */ (null));

/** @param {string} value "" forgets it */
export function setKey(value) {
  try {
    if (value) sessionStorage.setItem(STORED, value);
    else sessionStorage.removeItem(STORED);
  } catch {
    // Storage is refused: see above.
  }
  key.value = value;
  keyWanted.value = null;
}
