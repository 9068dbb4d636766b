// The picture of a timeline: how many waited and ran on top, below it the lanes, of which only those in sight are drawn.
import { momentOf } from "./format.js";
import { niceCeil } from "./figures.js";
import { token } from "./theme.js";

/** @typedef {import("./lanes.js").Bar} Bar */
/**
 * @typedef {{ lanes: Bar[][], labels: string[], load: { waiting: number[], running: number[] }, fromMs: number,
 *   toMs: number, shade: (bar: Bar) => string, waits: boolean }} Picture
 *   shade: the token that a bar is filled with; waits: whether lanes show waiting, too
 */

const BAND_PX = 72;
const AXIS_PX = 22;
/** Where the lanes begin, below the band and the axis. */
export const TOP_PX = BAND_PX + AXIS_PX;
const BAR_GAP_PX = 3;
const LEAST_BAR_PX = 1.5;
const FONT = '11px system-ui, -apple-system, "Segoe UI", sans-serif';

export class TimelineCanvas {
  /** @param {HTMLElement} box scrolls @param {HTMLCanvasElement} canvas sticks to the top left of what scrolls in it */
  constructor(box, canvas) {
    this.box = box;
    this.canvas = canvas;
    /** @type {Picture | null} */
    this.picture = null;
    this.lanePx = 16;
    this.zoom = 1;
    /** @type {{ lane: number, at: number } | null} */
    this.current = null;
  }

  get gutter() {
    const labels = this.picture?.labels ?? [];
    const longest = labels.reduce((most, label) => Math.max(most, label.length), 0);
    return Math.min(Math.max(longest * 6.4 + 12, 30), this.box.clientWidth * 0.3);
  }

  /** Pixels that the time from `fromMs` to `toMs` takes. */
  get span() {
    return Math.max(this.box.clientWidth - this.gutter - 12, 50) * this.zoom;
  }

  get width() {
    return this.gutter + this.span + 12;
  }

  get height() {
    return TOP_PX + (this.picture?.lanes.length ?? 0) * this.lanePx + 8;
  }

  /** @param {number} ms Unix @returns {number} pixels from the left of the canvas */
  x(ms) {
    const { fromMs, toMs } = /** @type {Picture} */ (this.picture);
    return this.gutter + ((ms - fromMs) / Math.max(toMs - fromMs, 1)) * this.span - this.box.scrollLeft;
  }

  draw() {
    const { box, canvas, picture } = this;
    const width = box.clientWidth;
    const height = box.clientHeight;
    if (!picture || width === 0 || height === 0) return;
    const ratio = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.font = FONT;
    ctx.fillStyle = token("--panel");
    ctx.fillRect(0, 0, width, height);
    this.drawLanes(ctx, width, height);
    this.drawBand(ctx, width, height);
  }

  /** @param {CanvasRenderingContext2D} ctx @param {number} width @param {number} height */
  drawLanes(ctx, width, height) {
    const { lanes, labels, shade, waits } = /** @type {Picture} */ (this.picture);
    const { scrollTop } = this.box;
    const first = Math.max(Math.floor(scrollTop / this.lanePx), 0);
    const last = Math.min(Math.ceil((scrollTop + height - TOP_PX) / this.lanePx), lanes.length);
    const thick = this.lanePx - BAR_GAP_PX;
    const colours = new Map();
    const colourOf = (/** @type {string} */ name) => {
      if (!colours.has(name)) colours.set(name, token(name));
      return colours.get(name);
    };
    ctx.textBaseline = "middle";
    for (let lane = first; lane < last; lane += 1) {
      const y = TOP_PX + lane * this.lanePx - scrollTop;
      lanes[lane].forEach((bar, at) => {
        const end = this.x(bar.end);
        const start = bar.start === null ? end : this.x(bar.start);
        const ready = waits ? this.x(bar.ready) : start;
        if (end < this.gutter || ready > width) return;
        if (waits && start - ready > 1) {
          ctx.strokeStyle = colourOf("--line-strong");
          ctx.setLineDash([2, 2]);
          ctx.strokeRect(Math.max(ready, this.gutter) + 0.5, y + thick / 2 - 2.5, start - Math.max(ready, this.gutter), 5);
          ctx.setLineDash([]);
        }
        if (bar.start !== null) {
          ctx.fillStyle = colourOf(shade(bar));
          const left = Math.max(start, this.gutter);
          ctx.fillRect(left, y, Math.max(end - left - 0.5, LEAST_BAR_PX), thick);
        }
        if (this.current?.lane === lane && this.current.at === at) {
          ctx.strokeStyle = colourOf("--text");
          ctx.lineWidth = 2;
          ctx.strokeRect(start - 1, y - 1, Math.max(end - start, LEAST_BAR_PX) + 2, thick + 2);
          ctx.lineWidth = 1;
        }
      });
    }
    ctx.fillStyle = colourOf("--panel");
    ctx.fillRect(0, TOP_PX, this.gutter - 4, height);
    ctx.fillStyle = colourOf("--dim");
    const everyNth = this.lanePx < 14 ? 5 : 1;
    for (let lane = first; lane < last; lane += 1) {
      if (lane % everyNth) continue;
      ctx.fillText(shortened(ctx, labels[lane], this.gutter - 10), 2, TOP_PX + lane * this.lanePx - scrollTop + thick / 2, this.gutter - 8);
    }
  }

  /** The load and the axis; they stay while the lanes scroll. @param {CanvasRenderingContext2D} ctx @param {number} width @param {number} height */
  drawBand(ctx, width, height) {
    const { load, fromMs, toMs } = /** @type {Picture} */ (this.picture);
    ctx.fillStyle = token("--panel");
    ctx.fillRect(0, 0, width, TOP_PX - 2);
    const most = Math.max(1, ...load.waiting.map((number, at) => number + load.running[at]));
    const y = (/** @type {number} */ number) => BAND_PX - (number / most) * (BAND_PX - 8);
    const points = load.running.length - 1;
    const xAt = (/** @type {number} */ at) => this.x(fromMs + ((toMs - fromMs) * at) / points);
    const area = (/** @type {(at: number) => number} */ upper, /** @type {(at: number) => number} */ lower) => {
      ctx.beginPath();
      for (let at = 0; at <= points; at += 1) ctx.lineTo(xAt(at), y(upper(at)));
      for (let at = points; at >= 0; at -= 1) ctx.lineTo(xAt(at), y(lower(at)));
      ctx.closePath();
      ctx.fill();
    };
    ctx.save();
    ctx.beginPath();
    ctx.rect(this.gutter, 0, width - this.gutter, height);
    ctx.clip();
    ctx.fillStyle = token("--running");
    area((at) => load.running[at], () => 0);
    ctx.fillStyle = token("--skipped");
    area((at) => load.running[at] + load.waiting[at], (at) => load.running[at]);
    this.drawAxis(ctx, width, height);
    ctx.restore();
    ctx.fillStyle = token("--dim");
    ctx.textBaseline = "top";
    ctx.fillText(String(most), 2, 4, this.gutter - 6);
    ctx.textBaseline = "bottom";
    ctx.fillText("0", 2, BAND_PX, this.gutter - 6);
  }

  /** @param {CanvasRenderingContext2D} ctx @param {number} width @param {number} height */
  drawAxis(ctx, width, height) {
    const { fromMs, toMs } = /** @type {Picture} */ (this.picture);
    const spanS = Math.max((toMs - fromMs) / 1000, 0.001);
    const stepS = niceCeil((spanS * 90) / this.span);
    ctx.strokeStyle = token("--line");
    ctx.fillStyle = token("--dim");
    ctx.textBaseline = "middle";
    ctx.beginPath();
    for (let second = 0; second <= spanS * 1.0001; second += stepS) {
      const x = Math.round(this.x(fromMs + second * 1000)) + 0.5;
      if (x < this.gutter - 20 || x > width + 20) continue;
      ctx.moveTo(x, BAND_PX);
      ctx.lineTo(x, TOP_PX - 2);
      ctx.fillText(labelOf(second, stepS), x + 4, BAND_PX + AXIS_PX / 2);
    }
    ctx.moveTo(this.gutter, BAND_PX + 0.5);
    ctx.lineTo(width, BAND_PX + 0.5);
    ctx.stroke();
  }

  /** What lies under a point of the canvas. @param {number} x @param {number} y @returns {{ lane: number, at: number } | null} */
  hit(x, y) {
    if (!this.picture || y < TOP_PX) return null;
    const lane = Math.floor((y - TOP_PX + this.box.scrollTop) / this.lanePx);
    const bars = this.picture.lanes[lane];
    if (!bars) return null;
    const from = (/** @type {Bar} */ bar) => this.x(this.picture?.waits || bar.start === null ? bar.ready : bar.start);
    const at = bars.findIndex((bar) => x >= from(bar) - 2 && x <= Math.max(this.x(bar.end), from(bar) + LEAST_BAR_PX) + 2);
    return at < 0 ? null : { lane, at };
  }

  /** @param {{ lane: number, at: number } | null} place @returns {Bar | null} */
  bar(place) {
    return (place && this.picture?.lanes[place.lane]?.[place.at]) ?? null;
  }

  /** Go to the next bar by key; scrolls it into sight. @param {string} key @returns {boolean} whether it is such a key */
  move(key) {
    const lanes = this.picture?.lanes ?? [];
    if (!lanes.length) return false;
    const { lane, at } = this.current ?? { lane: 0, at: -1 };
    const moved = {
      ArrowRight: { lane, at: at + 1 },
      ArrowLeft: { lane, at: Math.max(at - 1, 0) },
      ArrowDown: { lane: lane + 1, at },
      ArrowUp: { lane: lane - 1, at },
      Home: { lane: 0, at: 0 },
      End: { lane: lanes.length - 1, at: Infinity },
    }[key];
    if (!moved) return false;
    const to = Math.min(Math.max(moved.lane, 0), lanes.length - 1);
    const near = to === lane || !this.current ? moved.at : nearest(lanes[to], this.bar(this.current));
    this.current = { lane: to, at: Math.min(Math.max(near, 0), lanes[to].length - 1) };
    const top = to * this.lanePx;
    const room = this.box.clientHeight - TOP_PX - 2 * this.lanePx;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top > this.box.scrollTop + room) this.box.scrollTop = top - room;
    return true;
  }
}

/** @param {Bar[]} bars @param {Bar | null} bar @returns {number} the one that ran at the same time, or closest to it */
function nearest(bars, bar) {
  const wanted = bar ? (bar.start ?? bar.ready) : 0;
  let best = 0;
  bars.forEach((one, at) => {
    const away = (/** @type {Bar} */ other) => Math.abs((other.start ?? other.ready) - wanted);
    if (away(one) < away(bars[best])) best = at;
  });
  return best;
}

/** @param {number} second @param {number} stepS */
function labelOf(second, stepS) {
  if (stepS < 60) return `${Number(second.toFixed(3))} s`;
  return `${Number((second / 60).toFixed(2))} min`;
}

/** @param {CanvasRenderingContext2D} ctx @param {string} text @param {number} width */
function shortened(ctx, text, width) {
  if (ctx.measureText(text).width <= width) return text;
  const keep = Math.max(Math.floor((text.length * width) / ctx.measureText(text).width) - 1, 1);
  return `…${text.slice(-keep)}`;
}

/** The moment a run began, Unix ms. @param {any} swarm */
export const beganAt = (swarm) => momentOf(swarm.started_at ?? swarm.created_at) ?? 0;
