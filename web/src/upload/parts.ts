const MEBIBYTE = 1024 * 1024;

/** From here on a file goes up in parts, which can be paused, retried and taken up again one by one. */
export const MULTIPART_BYTES = 100 * MEBIBYTE;

export interface PartRange {
  start: number;
  end: number;
}

/** Whether a file goes up in parts: it is large, or larger than a single PUT may be. */
export function needsParts(size: number, singlePutBytes: number): boolean {
  return size > Math.min(MULTIPART_BYTES, singlePutBytes);
}

/** The bytes of a part, counted from 1; the last one is what is left. Throws where there is no such part. */
export function partRange(partNumber: number, partSize: number, size: number): PartRange {
  const start = (partNumber - 1) * partSize;
  if (partNumber < 1 || start >= size) {
    throw new RangeError(`part ${partNumber} of ${Math.ceil(size / partSize)}`);
  }
  return { start, end: Math.min(start + partSize, size) };
}
