/** Writing failed for another reason than a closed pipe. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
}

const CHUNK = 1 << 16;

/** Where the data goes. Text is gathered, so that a row does not cost a system call; a reader that went away shows in `closed`. */
export class Sink {
  readonly #stream: NodeJS.WritableStream;
  readonly #name: string;
  readonly #owned: boolean;
  readonly #clear: (() => void) | null;
  #begun = false;
  #pending = '';
  #closed = false;

  /**
   * @param name for messages
   * @param owned true when end() closes the stream
   * @param clear takes away what was there before, when there is something to write instead
   */
  constructor(stream: NodeJS.WritableStream, name: string, owned: boolean, clear: (() => void) | null = null) {
    this.#clear = clear;
    this.#stream = stream;
    this.#name = name;
    this.#owned = owned;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Takes text; true when it is time to await flush(). */
  add(text: string): boolean {
    this.#pending += text;
    return this.#pending.length >= CHUNK;
  }

  /** All went well so far: what was there before is not kept, even when there is nothing to write. */
  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#clear?.();
  }

  /** @throws OutputError */
  async flush(): Promise<void> {
    const text = this.#pending;
    this.#pending = '';
    if (this.#closed || text === '') return;
    this.begin();
    await new Promise<void>((resolve, reject) => {
      this.#stream.write(text, (error) => {
        if (!error) resolve();
        else if (isClosedPipe(error)) {
          this.#closed = true;
          resolve();
        } else reject(new OutputError(`cannot write ${this.#name}: ${error.message}`));
      });
    });
  }

  /** @throws OutputError */
  async end(): Promise<void> {
    await this.flush();
    if (this.#owned) await new Promise<void>((resolve) => this.#stream.end(resolve));
  }
}

function isClosedPipe(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED' || code === 'ERR_STREAM_WRITE_AFTER_END';
}
