// Which task each agent slot shows: the one that runs there, else the last one that did, else one that is still to come.

/** @typedef {import("./task_rows.js").Row} Row */

/** What a slot is to the next task that wants one. */
const EMPTY = 0, PREVIEW = 1, ACTIVE = 2, DONE = 3, FAILED = 4;

/**
 * As many slots as agents may work at the same time, but never more than there are tasks.
 *
 * A task keeps its slot until another one needs it. Slots are given away in this order: empty ones, those of tasks that
 * ended well (the oldest first), those of tasks yet to come (the last first), those of failed tasks (the oldest first):
 * what a person should see stays longest. A slot at work is given away only where nothing else is left, to a task that
 * runs while another one waits for its next try.
 */
export class Slots {
  constructor() {
    /** @type {(Row | null)[]} what each slot shows */
    this.rows = [];
    /** @type {number[]} */
    this.kinds = [];
    /** @type {Map<string, number>} task id → slot */
    this.places = new Map();
    /** @type {number[]} slots in the order in which their tasks ended; entries may be out of date */
    this.done = [];
    /** @type {number[]} */
    this.failed = [];
    /** @type {Set<number>} slots that changed since they were last drawn */
    this.dirty = new Set();
    this.next = 0;
  }

  /**
   * Place all tasks of a run anew, as they would have been placed one by one.
   * @param {Row[]} rows in the order of the request @param {number} size how many slots
   */
  reset(rows, size) {
    this.rows = [];
    this.kinds = [];
    this.places.clear();
    this.done = [];
    this.failed = [];
    this.next = 0;
    while (this.rows.length < size) {
      this.rows.push(null);
      this.kinds.push(EMPTY);
    }
    // As it was when the run began; from there on it goes as it went.
    rows.slice(0, size).forEach((row, slot) => this.put(slot, row, PREVIEW));
    /** @type {{ at: number, begins: boolean, row: Row }[]} */
    const moments = [];
    for (const row of rows) {
      if (row.startedAt === null) continue;
      moments.push({ at: row.startedAt, begins: true, row });
      if (row.endedAt !== null) moments.push({ at: row.endedAt, begins: false, row });
    }
    // What ended in the same millisecond made room for what began in it, but no task ends before it begins.
    moments.sort((a, b) => a.at - b.at || Number(a.begins) - Number(b.begins) || a.row.index - b.row.index);
    for (const { begins, row } of moments) {
      if (begins) this.begin(row);
      else this.end(row);
    }
    for (const row of rows) if (row.endedAt !== null || row.startedAt === null) this.take(row);
    for (let slot = 0; slot < this.rows.length; slot += 1) this.dirty.add(slot);
  }

  /**
   * Go on with a new picture of the same run: every task that is shown stays where it is.
   * @param {Map<string, Row>} tasks in the order of the request
   */
  renew(tasks) {
    this.rows.forEach((row, slot) => {
      const newer = row && tasks.get(row.task_id);
      if (row && !newer) this.places.delete(row.task_id);
      this.rows[slot] = newer ?? null;
      if (!newer) this.kinds[slot] = EMPTY;
      this.dirty.add(slot);
    });
    this.next = 0;
    for (const row of tasks.values()) if (row.startedAt !== null || this.places.has(row.task_id)) this.take(row);
  }

  /**
   * Have `size` slots: new ones show tasks to come; of too many the last go, but none at work.
   * @param {number} size @param {Row[]} rows all tasks, in the order of the request
   */
  resize(size, rows) {
    while (this.rows.length > size && this.kinds[this.rows.length - 1] !== ACTIVE) {
      const row = this.rows.pop();
      this.kinds.pop();
      this.dirty.delete(this.rows.length);
      if (row) this.places.delete(row.task_id);
      this.next = 0; // a task to come may have lost its slot
    }
    while (this.rows.length < size) {
      this.rows.push(null);
      this.kinds.push(EMPTY);
      this.dirty.add(this.rows.length - 1);
    }
    if (this.kinds.includes(EMPTY)) this.fill(rows);
  }

  /** Show tasks to come in the empty slots. @param {Row[]} rows */
  fill(rows) {
    let slot = this.kinds.indexOf(EMPTY);
    for (; slot >= 0 && this.next < rows.length; this.next += 1) {
      const row = rows[this.next];
      if (row.startedAt !== null || row.endedAt !== null || this.places.has(row.task_id)) continue;
      this.put(slot, row, PREVIEW);
      slot = this.kinds.indexOf(EMPTY, slot + 1);
    }
  }

  /**
   * Where the run is held back: what waits for it takes the slots of what has completed, so that it is seen.
   * @param {Iterable<Row>} rows all tasks, in the order of the request
   */
  hold(rows) {
    for (const row of rows) {
      if (row.status !== "queued" || this.places.has(row.task_id)) continue;
      const slot = this.oldest(this.done, DONE);
      if (slot < 0) return;
      this.put(slot, row, PREVIEW);
    }
  }

  /** Take in that a task changed. @param {Row} row */
  take(row) {
    const slot = this.places.get(row.task_id);
    switch (row.status) {
      case "running":
      case "retrying":
        this.begin(row);
        break;
      case "waiting":
      case "queued":
      case "paused":
        if (slot !== undefined) this.put(slot, row, PREVIEW);
        else if (this.kinds.length && this.kinds.includes(EMPTY)) this.put(this.kinds.indexOf(EMPTY), row, PREVIEW);
        break;
      default:
        if (slot !== undefined) this.end(row);
    }
  }

  /** @param {Row} row */
  begin(row) {
    const slot = this.places.get(row.task_id) ?? this.free();
    if (slot >= 0) this.put(slot, row, ACTIVE);
  }

  /** @param {Row} row */
  end(row) {
    const slot = this.places.get(row.task_id);
    if (slot === undefined) return;
    const kind = row.status === "failed" ? FAILED : DONE;
    if (this.kinds[slot] !== kind) (kind === FAILED ? this.failed : this.done).push(slot);
    this.put(slot, row, kind);
  }

  /** @returns {number} the slot to give to a task that begins; -1 where there is none at all */
  free() {
    const empty = this.kinds.indexOf(EMPTY);
    if (empty >= 0) return empty;
    const done = this.oldest(this.done, DONE);
    if (done >= 0) return done;
    const preview = this.kinds.lastIndexOf(PREVIEW);
    if (preview >= 0) return preview;
    const failed = this.oldest(this.failed, FAILED);
    if (failed >= 0) return failed;
    return this.rows.findIndex((row) => row?.status === "retrying");
  }

  /** @param {number[]} queue @param {number} kind */
  oldest(queue, kind) {
    while (queue.length) {
      const slot = /** @type {number} */ (queue.shift());
      if (slot < this.kinds.length && this.kinds[slot] === kind) return slot;
    }
    return this.kinds.indexOf(kind);
  }

  /** @param {number} slot @param {Row} row @param {number} kind */
  put(slot, row, kind) {
    const before = this.rows[slot];
    if (before && before !== row) this.places.delete(before.task_id);
    this.rows[slot] = row;
    this.kinds[slot] = kind;
    this.places.set(row.task_id, slot);
    this.dirty.add(slot);
  }
}
