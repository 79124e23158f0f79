/** Octets of a line of the processor's cache. */
const LINE = 64;
/** Large memory begins so many octets behind a page (glibc): rows that begin at a line are not cut in two. */
const BEHIND = 16;

/** Room for rows of words, each as many as a cache line has or a multiple, that begin with a line. */
export function newRows(words: number): Int32Array<ArrayBuffer> {
  const octets = words * Int32Array.BYTES_PER_ELEMENT;
  return new Int32Array(new ArrayBuffer(octets + LINE), LINE - BEHIND, words);
}

/** The memory of rows as float64. */
export function timesOf({ buffer, byteOffset, length }: Int32Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  return new Float64Array(buffer, byteOffset, length >> 1);
}

/** The same rows with as many more behind them. */
export function doubledRows(rows: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = newRows(rows.length * 2);
  larger.set(rows);
  return larger;
}
