type Numbers = Int32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** The same numbers in an array of twice the length. */
export function doubled<T extends Numbers>(array: T): T {
  const larger: Numbers =
    array instanceof Float64Array ? new Float64Array(array.length * 2) : new Int32Array(array.length * 2);
  larger.set(array);
  return larger as T;
}
