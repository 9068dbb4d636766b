// Walking a drawn graph by arrow keys. Pure.

/**
 * The nearest node in a direction: straight ahead counts three times as much as aside.
 * @param {{ x: number, y: number }[]} points @param {number} from index @param {string} key ArrowLeft, ArrowUp, …
 * @returns {number} index, or -1 where there is none
 */
export function nearest(points, from, key) {
  const start = points[from];
  if (!start) return points.length ? 0 : -1;
  const along = key === "ArrowLeft" || key === "ArrowRight";
  const sign = key === "ArrowRight" || key === "ArrowDown" ? 1 : -1;
  let best = -1;
  let least = Infinity;
  points.forEach((point, i) => {
    const ahead = (along ? point.x - start.x : point.y - start.y) * sign;
    const aside = Math.abs(along ? point.y - start.y : point.x - start.x);
    const cost = ahead + aside * 3;
    if (ahead > 1 && cost < least) [best, least] = [i, cost];
  });
  return best;
}
