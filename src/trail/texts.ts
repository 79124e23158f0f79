import { DNS_HEADER_LENGTH, dnsReadName } from '../wire/dns.js';

/** DNS names by number, decoded once for each distinct question. */
export class Texts {
  readonly #texts: string[] = [];
  readonly #numbers = new Map<number, number>();
  readonly #limit: number;
  /** Packets whose name was not kept because the table was full. */
  refused = 0;

  constructor(limit = 1 << 16) {
    this.#limit = limit;
  }

  /** Number of a question's name, -1 when it is not known. `hash`: dnsQuestionHash of the message. */
  find(hash: number): number {
    return this.#numbers.get(hash) ?? -1;
  }

  /** Number of a name that is new; -1 when the table is full. */
  add(hash: number, view: DataView, messageAt: number, end: number): number {
    if (this.#texts.length >= this.#limit) {
      this.refused++;
      return -1;
    }
    const number = this.#texts.length;
    this.#texts.push(dnsReadName(view, messageAt + DNS_HEADER_LENGTH, messageAt, end).text);
    this.#numbers.set(hash, number);
    return number;
  }

  get(number: number): string | null {
    return this.#texts[number] ?? null;
  }
}
