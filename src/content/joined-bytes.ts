/** Bytes of the first block, and most bytes of one. */
const smallestBlock = 4 * 1024;
const largestBlock = 1024 * 1024;

/**
 * Bytes that come in pieces of any size, copied into blocks as they come. A list of the pieces themselves would cost a
 * hundred bytes and more for each of them, and who sends one byte at a time would choose what that adds up to. What is
 * spare is a quarter of what is held, 4 KiB at least and 1 MiB at most.
 */
export class JoinedBytes {
  #blocks: Buffer[] = [];
  #last: Buffer = Buffer.alloc(0);
  #filled = 0;
  #length = 0;
  #capacity = 0;

  /** Bytes that came. */
  get length(): number {
    return this.#length;
  }

  /** Bytes that they take in memory. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Adds bytes at the end. */
  append(piece: Uint8Array): void {
    for (let offset = 0; offset < piece.byteLength;) {
      if (this.#filled === this.#last.length) this.#grow(piece.byteLength - offset);
      const part = piece.subarray(offset, offset + this.#last.length - this.#filled);
      this.#last.set(part, this.#filled);
      this.#filled += part.byteLength;
      this.#length += part.byteLength;
      offset += part.byteLength;
    }
  }

  /** The bytes as blocks, none of them empty and without what was spare. Nothing is left here afterwards. */
  takeBlocks(): readonly Buffer[] {
    const blocks = this.#blocks;
    if (this.#filled === this.#last.length) blocks.push(this.#last);
    else blocks.push(exactCopy([this.#last.subarray(0, this.#filled)], this.#filled));
    this.#blocks = [];
    this.#last = Buffer.alloc(0);
    this.#filled = 0;
    this.#length = 0;
    this.#capacity = 0;
    return blocks.filter(({ length }) => length > 0);
  }

  /** The bytes in one piece, a copy. */
  toBuffer(): Buffer {
    return exactCopy([...this.#blocks, this.#last.subarray(0, this.#filled)], this.#length);
  }

  #grow(wanted: number): void {
    if (this.#last.length > 0) this.#blocks.push(this.#last);
    const share = Math.max(smallestBlock, wanted, Math.floor(this.#length / 4));
    // Not from the pool that small buffers share: a block stays long, and would keep all of the pool.
    this.#last = Buffer.allocUnsafeSlow(Math.min(share, largestBlock));
    this.#filled = 0;
    this.#capacity += this.#last.length;
  }
}

/** The bytes of blocks from `start` up to but without `end`, in pieces of at most `pieceBytes`. Nothing is copied. */
export function* sliced(
  blocks: readonly Buffer[],
  start: number,
  end: number,
  pieceBytes: number,
): Generator<Buffer, void, void> {
  let blockStart = 0;
  for (const block of blocks) {
    const last = Math.min(end - blockStart, block.length);
    for (let at = Math.max(0, start - blockStart); at < last; at += pieceBytes) {
      yield block.subarray(at, Math.min(at + pieceBytes, last));
    }
    blockStart += block.length;
  }
}

/** Blocks in one piece that owns its memory. */
export function exactCopy(blocks: readonly Uint8Array[], length: number): Buffer {
  const whole = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (const block of blocks) {
    whole.set(block, at);
    at += block.byteLength;
  }
  return whole;
}
