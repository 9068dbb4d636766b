// Layered layout, left to right. Pure: no DOM.

import { ranks } from './graph_fold.js';

/**
 * @typedef {{width: number, height: number}} Size
 * @typedef {{x: number, y: number}} Point of a node's upper left corner
 * @typedef {{points: Point[], width: number, height: number}} Layout
 */

const GAP_X = 56;
const GAP_Y = 12;
const GAP_COLUMN = 14;
const SWEEPS = 4;

/**
 * Place nodes in layers, neighbours near each other; a layer that is too high for the view is wrapped into columns.
 *
 * @param {Size[]} sizes
 * @param {[number, number][]} edges pairs of indices, without a cycle
 * @param {Size} view what it should fit into
 * @returns {Layout} O((nodes + edges) log nodes)
 */
export function layout(sizes, edges, view) {
  if (!sizes.length) return { points: [], width: 0, height: 0 };
  const before = sizes.map(() => /** @type {number[]} */ ([]));
  const after = sizes.map(() => /** @type {number[]} */ ([]));
  for (const [a, b] of edges) {
    after[a].push(b);
    before[b].push(a);
  }
  const layers = ordered(ranks(before, after), before, after);
  /** @type {Layout|null} */
  let best = null;
  let bestScale = 0;
  for (const rows of candidates(Math.max(...layers.map((layer) => layer.length)))) {
    const found = placed(layers, sizes, before, after, rows);
    const scale = Math.min(1, view.width / found.width, view.height / found.height);
    if (!best || scale > bestScale * 1.02) [best, bestScale] = [found, scale];
  }
  return /** @type {Layout} */ (best);
}

/** @param {number} most @returns {number[]} heights of a column to try: the whole layer, a half, a third, … */
function candidates(most) {
  const rows = new Set();
  for (let columns = 1; columns <= 12; columns += 1) rows.add(Math.ceil(most / columns));
  return [...rows].filter((n, i) => i === 0 || n >= 4);
}

/** @param {number[]} rank @param {number[][]} before @param {number[][]} after @returns {number[][]} nodes by layer */
function ordered(rank, before, after) {
  const layers = Array.from({ length: Math.max(...rank) + 1 }, () => /** @type {number[]} */ ([]));
  rank.forEach((r, i) => layers[r].push(i));
  const place = new Float64Array(rank.length);
  const number = (/** @type {number[]} */ layer) => layer.forEach((i, k) => { place[i] = k / layer.length; });
  layers.forEach(number);
  const sweep = (/** @type {number[]} */ layer, /** @type {number[][]} */ neighbours) => {
    const centre = new Map(layer.map((i) => [i, neighbours[i].length ? mean(neighbours[i], place) : place[i]]));
    layer.sort((a, b) => /** @type {number} */ (centre.get(a)) - /** @type {number} */ (centre.get(b)) || a - b);
    number(layer);
  };
  for (let turn = 0; turn < SWEEPS; turn += 1) {
    layers.forEach((layer) => sweep(layer, before));
    [...layers].reverse().forEach((layer) => sweep(layer, after));
  }
  return layers;
}

/** @param {number[]} of @param {ArrayLike<number>} value */
function mean(of, value) {
  let sum = 0;
  for (const i of of) sum += value[i];
  return sum / of.length;
}

/**
 * @param {number[][]} layers @param {Size[]} sizes @param {number[][]} before @param {number[][]} after
 * @param {number} rows of a column, at most
 * @returns {Layout}
 */
function placed(layers, sizes, before, after, rows) {
  const points = sizes.map(() => ({ x: 0, y: 0 }));
  const middle = new Float64Array(sizes.length);
  const known = new Uint8Array(sizes.length);
  let x = 0;
  /** @type {number[][][]} */
  const columns = layers.map((layer) => chunks(layer, rows));
  for (const of of columns) {
    for (const column of of) {
      column.forEach((i) => { points[i].x = x; });
      x += Math.max(...column.map((i) => sizes[i].width)) + GAP_COLUMN;
    }
    x += GAP_X - GAP_COLUMN;
  }
  const settle = (/** @type {number[]} */ column, /** @type {number[][]} */ neighbours) => {
    const wanted = column.map((i) => {
      const near = neighbours[i].filter((j) => known[j]);
      return near.length ? mean(near, middle) : known[i] ? middle[i] : null;
    });
    spread(column, wanted, sizes).forEach((y, k) => {
      middle[column[k]] = y;
      known[column[k]] = 1;
    });
  };
  // From the highest layer to both sides: it has no room to move, the others find theirs beside it.
  const start = columns.reduce((high, of, at) => (layers[at].length > layers[high].length ? at : high), 0);
  columns[start].forEach((column) => settle(column, before.map(() => [])));
  for (let at = start - 1; at >= 0; at -= 1) columns[at].forEach((column) => settle(column, after));
  for (let at = start + 1; at < columns.length; at += 1) columns[at].forEach((column) => settle(column, before));
  const top = Math.min(...sizes.map((size, i) => middle[i] - size.height / 2));
  sizes.forEach((size, i) => { points[i].y = middle[i] - size.height / 2 - top; });
  return {
    points,
    width: x - GAP_X,
    height: Math.max(...sizes.map((size, i) => points[i].y + size.height)),
  };
}

/**
 * @param {number[]} layer @param {number} rows
 * @returns {number[][]} columns; neighbours in the layer stand beside each other, so that what they feed is near them all
 */
function chunks(layer, rows) {
  const count = Math.ceil(layer.length / rows);
  return Array.from({ length: count }, (_, column) => layer.filter((_node, k) => k % count === column));
}

/**
 * Give nodes in their order the middles nearest to those wanted, in the least squares, that keep them apart: pool
 * adjacent violators (Barlow et al. 1972).
 *
 * @param {number[]} column @param {(number|null)[]} wanted null: right behind the one before @param {Size[]} sizes
 * @returns {number[]} middles
 */
function spread(column, wanted, sizes) {
  const offset = [0];
  for (let k = 1; k < column.length; k += 1) {
    offset.push(offset[k - 1] + sizes[column[k - 1]].height / 2 + GAP_Y + sizes[column[k]].height / 2);
  }
  const free = wanted.every((y) => y === null);
  const centre = offset[offset.length - 1] / 2;
  /** @type {{sum: number, count: number}[]} */
  const blocks = [];
  column.forEach((_, k) => {
    const last = blocks[blocks.length - 1];
    const here = wanted[k] ?? (free ? offset[k] - centre : last ? last.sum / last.count + offset[k] : 0);
    let block = { sum: here - offset[k], count: 1 };
    while (blocks.length && blocks[blocks.length - 1].sum / blocks[blocks.length - 1].count >= block.sum / block.count) {
      const above = /** @type {{sum: number, count: number}} */ (blocks.pop());
      block = { sum: block.sum + above.sum, count: block.count + above.count };
    }
    blocks.push(block);
  });
  return blocks.flatMap((block) => Array(block.count).fill(block.sum / block.count)).map((y, k) => y + offset[k]);
}
