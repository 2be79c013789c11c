/** A multipart upload that was begun, so that another visit can go on with it. Its bytes are S3's to tell. */
export interface Remembered {
  upload_id: string;
  pipeline: string;
  name: string;
  size: number;
  lastModified: number;
  part_size: number;
  expires_at: string;
}

/** What tells one file from another without reading it. */
export type FileIdentity = Pick<Remembered, "name" | "size" | "lastModified">;

/** The uploads that one person began in this browser, in local storage; it outlives the tab, unlike the sign-in. */
export class RememberedUploads {
  readonly #storage: Storage;
  readonly #key: string;

  constructor(storage: Storage, subject: string) {
    this.#storage = storage;
    this.#key = `sparkdrop.uploads.${subject}`;
  }

  /** Those whose time is not over, oldest first. */
  list(now = Date.now()): Remembered[] {
    return this.#read().filter((entry) => Date.parse(entry.expires_at) > now);
  }

  /** The one of a file in a pipeline, as far as name, size and time of change can tell. */
  find(file: FileIdentity, pipeline: string): Remembered | undefined {
    return this.list().find((entry) => entry.pipeline === pipeline && isSameFile(entry, file));
  }

  add(entry: Remembered): void {
    this.#write([...this.#read().filter(({ upload_id }) => upload_id !== entry.upload_id), entry]);
  }

  forget(uploadId: string): void {
    this.#write(this.#read().filter(({ upload_id }) => upload_id !== uploadId));
  }

  #read(): Remembered[] {
    try {
      const found: unknown = JSON.parse(this.#storage.getItem(this.#key) ?? "[]");
      return Array.isArray(found) ? found.filter(isRemembered) : [];
    } catch {
      return []; // somebody else's value under this name: nothing to go on with
    }
  }

  #write(entries: Remembered[]): void {
    try {
      this.#storage.setItem(this.#key, JSON.stringify(entries));
    } catch {
      // a full or forbidden storage costs the going on after a reload, not the upload
    }
  }
}

export function isSameFile(one: FileIdentity, other: FileIdentity): boolean {
  return one.name === other.name && one.size === other.size && one.lastModified === other.lastModified;
}

function isRemembered(value: unknown): value is Remembered {
  const entry = value as Remembered | null;
  return (
    typeof entry === "object" &&
    entry !== null &&
    [entry.upload_id, entry.pipeline, entry.name, entry.expires_at].every(
      (text) => typeof text === "string",
    ) &&
    [entry.size, entry.lastModified, entry.part_size].every((count) => typeof count === "number")
  );
}
