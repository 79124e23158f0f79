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

/** The same rows, in memory that is twice as large or more until it has room for so many words. */
export function withRoom(rows: Int32Array<ArrayBuffer>, words: number): Int32Array<ArrayBuffer> {
  let length = rows.length;
  while (length < words) length *= 2;
  const larger = newRows(length);
  larger.set(rows);
  return larger;
}
