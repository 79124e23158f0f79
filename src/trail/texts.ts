import { DNS_HEADER_LENGTH, dnsReadName } from '../wire/dns.js';

/** DNS names by number, decoded once for each distinct question. */
export class Texts {
  readonly #texts: string[] = [];
  readonly #numbers = new Map<number, number>();
  readonly #limit: number;

  constructor(limit = 1 << 16) {
    this.#limit = limit;
  }

  /** Number of the question's name; -1 when the table is full. `hash`: dnsQuestionHash of the message. */
  nameOf(hash: number, view: DataView, messageAt: number, end: number): number {
    let number = this.#numbers.get(hash);
    if (number === undefined) {
      if (this.#texts.length >= this.#limit) return -1;
      number = this.#texts.length;
      this.#texts.push(dnsReadName(view, messageAt + DNS_HEADER_LENGTH, messageAt, end).text);
      this.#numbers.set(hash, number);
    }
    return number;
  }

  get(number: number): string | null {
    return this.#texts[number] ?? null;
  }
}
