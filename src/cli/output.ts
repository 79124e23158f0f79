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
  #pending = '';
  #closed = false;

  /**
   * @param name for messages
   * @param owned true when end() closes the stream
   */
  constructor(stream: NodeJS.WritableStream, name: string, owned: boolean) {
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

  /** @throws OutputError */
  async flush(): Promise<void> {
    const text = this.#pending;
    this.#pending = '';
    if (this.#closed || text === '') return;
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
