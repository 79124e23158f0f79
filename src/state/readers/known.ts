/** What a word of a file stands for; undefined for any other, also for what every object has (`constructor`). */
export function known<T>(table: Readonly<Record<string, T>>, word: string): T | undefined {
  return Object.hasOwn(table, word) ? table[word] : undefined;
}
