import { UnexpectedAnswerError } from './errors.js';

/**
 * Rows goes through all rows of a list, a page at a time: `for await (const row of rows)`.
 *
 * `cursor` is where to go on later: rows of the pages that were gone through don't
 * come again, and none is missed.
 */
export class Rows {
  #read;
  #isLast;

  /** `read` reads the page at a cursor: {rows, cursor}; `isLast` says whether there is none after it. */
  constructor(cursor, read, isLast) {
    this.cursor = cursor;
    this.#read = read;
    this.#isLast = isLast;
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      const page = await this.#read(this.cursor);
      yield* page.rows;
      if (this.#isLast(page)) {
        this.cursor = page.cursor ?? this.cursor;
        return;
      }
      if (page.cursor === this.cursor) {
        throw new UnexpectedAnswerError(`The list does not go on after its cursor ${page.cursor}`, { status: 200, headers: new Map() });
      }
      this.cursor = page.cursor;
    }
  }
}
