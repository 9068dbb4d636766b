// Numbers and times as people read them. What is not known is an en dash, never a zero.

export const NOTHING = "–";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const date = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** @param {unknown} value @returns {value is number} */
const known = (value) => typeof value === "number" && Number.isFinite(value);

/** Dollars: four decimals below one (`$0.0349`), two above (`$12.40`). @param {number | null | undefined} value */
export function usd(value) {
  if (!known(value)) return NOTHING;
  if (value === 0) return "$0.00";
  const size = Math.abs(value);
  if (size < 0.00005) return "<$0.0001";
  return `$${value.toLocaleString("en", size < 1 ? { minimumFractionDigits: 4, maximumFractionDigits: 4 } : { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

/** Whole numbers with separators: `1,204`. @param {number | null | undefined} value */
export const count = (value) => (known(value) ? whole.format(value) : NOTHING);

/** Large numbers in short: `156k`, `1.31M`. @param {number | null | undefined} value */
export function compact(value) {
  if (!known(value)) return NOTHING;
  if (value < 10_000) return whole.format(value);
  if (value < 999_500) return `${Math.round(value / 1000)}k`;
  return `${(value / 1e6).toFixed(value < 9_995_000 ? 2 : 1)}M`;
}

/** Milliseconds: `840 ms`, `1.8 s`, `4 min 05 s`, `2 h 10 min`. @param {number | null | undefined} ms */
export function duration(ms) {
  if (!known(ms)) return NOTHING;
  if (ms < 1) return "<1 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
  return `${Math.floor(seconds / 3600)} h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")} min`;
}

/** A share of 0 to 1: `98%`, `99.4%`; never rounded up to 100%. @param {number | null | undefined} share */
export function percent(share) {
  if (!known(share)) return NOTHING;
  const value = share * 100;
  if (Number.isInteger(value)) return `${value}%`;
  return `${(Math.floor(value * 10) / 10).toFixed(1)}%`;
}

/** The local time of day: `12:04:31`. @param {string | number | null | undefined} at RFC 3339, or Unix milliseconds */
export function time(at) {
  const moment = momentOf(at);
  return moment === null ? NOTHING : clock.format(moment);
}

/** Local day and time: `Nov 22, 12:04`. @param {string | number | null | undefined} at */
export function day(at) {
  const moment = momentOf(at);
  return moment === null ? NOTHING : date.format(moment);
}

/** How long ago: `just now`, `4 min ago`, `3 h ago`, then the day. @param {string | number | null | undefined} at */
export function ago(at, now = Date.now()) {
  const moment = momentOf(at);
  if (moment === null) return NOTHING;
  const seconds = (now - moment) / 1000;
  if (seconds < 45) return "just now";
  if (seconds < 3570) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 20 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  return day(moment);
}

/** `1 task`, `2 tasks`. @param {number} number @param {string} noun @param {string} [plural] */
export const counted = (number, noun, plural = `${noun}s`) => `${count(number)} ${number === 1 ? noun : plural}`;

/** @param {string | number | null | undefined} at @returns {number | null} Unix milliseconds */
export function momentOf(at) {
  if (at === null || at === undefined || at === "") return null;
  const moment = typeof at === "number" ? at : Date.parse(at);
  return Number.isNaN(moment) ? null : moment;
}
