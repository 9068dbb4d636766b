// The one polite live region: what happened, for those who do not see it.

const REST_MS = 1_000;
let waiting = "";
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * Have a screen reader say something. What comes within a second of the last is said together with it, and only the
 * newest of it: a stream of changes must not keep anyone from hearing anything else.
 * @param {string} text
 */
export function say(text) {
  waiting = text;
  if (timer !== undefined) return;
  speak();
  timer = setTimeout(rest, REST_MS);
}

function rest() {
  timer = undefined;
  if (waiting) say(waiting);
}

function speak() {
  const region = document.getElementById("live");
  if (region) region.textContent = waiting;
  waiting = "";
}
