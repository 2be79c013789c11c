import AwsS3, { type AwsBody } from "@uppy/aws-s3";
import Uppy, { type UppyFile } from "@uppy/core";
import type { ApiClient } from "../api/client.ts";
import { ApiProblem, toProblem } from "../api/problem.ts";
import { hashBlob, Turnstile } from "./hashing.ts";
import type { FileItem } from "./item.ts";
import { needsParts, partRange } from "./parts.ts";
import { PutProblem, putBody } from "./put.ts";
import { withRetry } from "./retry.ts";
import { PartSigner } from "./signer.ts";

/** Requests to S3 at a time, over all files: more share the same uplink, and a phone's memory. */
const REQUESTS = 4;
/** Milliseconds of a link that have to be left for it to be used again. */
const SPARE_MILLISECONDS = 60_000;
const UNKNOWN_TYPE = "application/octet-stream";

type Meta = { itemKey: string; relativePath: string };
type Sent = UppyFile<Meta, AwsBody>;

export interface TransportEvents {
  onSent(item: FileItem): void;
  onProblem(item: FileItem, problem: ApiProblem): void;
}

/**
 * Uppy, taught the API. It holds the files that are on their way to S3, and queues, pauses and takes up their
 * requests; what has been sent, or has failed, is taken out of it.
 */
export class Transport {
  readonly #uppy: Uppy<Meta, AwsBody>;
  readonly #api: ApiClient;
  readonly #events: TransportEvents;
  readonly #signer: PartSigner;
  readonly #turnstile = new Turnstile();
  readonly #items = new Map<string, FileItem>();
  readonly #uppyIds = new Map<FileItem, string>();
  readonly #partSizes = new WeakMap<object, number>();

  constructor(api: ApiClient, singlePutBytes: number, events: TransportEvents) {
    this.#api = api;
    this.#events = events;
    this.#signer = new PartSigner(api);
    const silent = (): void => undefined; // each problem is told on the page, by its file
    this.#uppy = new Uppy<Meta, AwsBody>({ logger: { debug: silent, warn: silent, error: silent } });
    this.#uppy.use(AwsS3<Meta, AwsBody>, {
      limit: REQUESTS,
      // withRetry has tried already; this is for a part's link that ran out meanwhile, which Uppy asks for anew
      retryDelays: [1000, 3000],
      allowedMetaFields: false,
      shouldUseMultipart: (file) => needsParts(file.size ?? 0, singlePutBytes),
      getChunkSize: (data) => this.#partSizes.get(data) ?? 0,
      getUploadParameters: (file, { signal }) => this.#link(this.#itemOf(file), signal),
      // send() gives Uppy files with their multipart upload made, so that it never makes one
      createMultipartUpload: (file) => {
        const uploadId = this.#itemOf(file).uploadId.peek() ?? "";
        return { uploadId, key: uploadId };
      },
      listParts: (file, { signal }) => this.#listParts(this.#itemOf(file), signal),
      signPart: (file, { partNumber, body, signal }) =>
        this.#signPart(this.#itemOf(file), partNumber, body, signal),
      completeMultipartUpload: (file, { signal }) => this.#complete(this.#itemOf(file), signal),
      // Uppy calls this after errors too, where what has arrived must stay; who cancels says so to the API
      abortMultipartUpload: () => undefined,
      uploadPartBytes: ({ signature, body, onProgress, onComplete, signal }) =>
        this.#put(signature, body as Blob, onProgress, onComplete, signal),
    });
    this.#listen();
  }

  /** Send files. Those that go in parts have their uploadId and partSize. */
  send(items: FileItem[]): void {
    for (const item of items) {
      this.#items.set(item.key, item);
    }
    // in one call: each call copies Uppy's whole state
    this.#uppy.addFiles(
      items.map(({ key, file }) => ({
        name: file.name,
        type: file.type || UNKNOWN_TYPE,
        data: file,
        meta: { itemKey: key, relativePath: key }, // the path makes its id in Uppy unlike all others
      })),
    );
    for (const { id, meta } of this.#uppy.getFiles()) {
      this.#prepare(id, this.#items.get(meta.itemKey));
    }
    this.#uppy.upload().catch((error) => {
      for (const item of items) {
        this.#fail(item, toProblem(error));
      }
    });
  }

  #prepare(id: string, item: FileItem | undefined): void {
    if (!item || this.#uppyIds.has(item)) {
      return;
    }
    this.#uppyIds.set(item, id);
    const uploadId = item.uploadId.peek();
    if (item.partSize !== null && uploadId) {
      this.#partSizes.set(item.file, item.partSize);
      // Uppy takes it for one of an earlier visit, and asks first which parts are there
      this.#uppy.setFileState(id, { s3Multipart: { uploadId, key: uploadId } } as Partial<Sent>);
    }
  }

  /** Stop or go on with a file's requests. */
  setPaused(item: FileItem, paused: boolean): void {
    const id = this.#uppyIds.get(item);
    if (id !== undefined && Boolean(this.#uppy.getFile(id)?.isPaused) !== paused) {
      this.#uppy.pauseResume(id);
    }
  }

  /** Take a file out, and end its requests. */
  remove(item: FileItem): void {
    const id = this.#uppyIds.get(item);
    this.#uppyIds.delete(item);
    this.#items.delete(item.key);
    if (id !== undefined && this.#uppy.getFile(id)) {
      this.#uppy.removeFile(id);
    }
  }

  #listen(): void {
    this.#uppy.on("upload-progress", (file, { bytesUploaded }) => {
      const item = file && this.#items.get(file.meta.itemKey);
      if (item && typeof bytesUploaded === "number") {
        item.sentBytes.value = bytesUploaded;
      }
    });
    this.#uppy.on("upload-success", (file) => {
      const item = file && this.#items.get(file.meta.itemKey);
      if (item) {
        this.#events.onSent(item);
        queueMicrotask(() => this.remove(item)); // Uppy is not done with the file while it tells of it
      }
    });
    this.#uppy.on("upload-error", (file, error) => {
      const item = file && this.#items.get(file.meta.itemKey);
      if (item) {
        this.#fail(item, toProblem(error));
      }
    });
  }

  #itemOf(file: Sent): FileItem {
    const item = this.#items.get(file.meta.itemKey);
    if (!item) {
      throw new DOMException("The file was taken out.", "AbortError");
    }
    return item;
  }

  #fail(item: FileItem, problem: ApiProblem): void {
    if (this.#items.has(item.key)) {
      this.#items.delete(item.key); // a second error of the same file says nothing new
      queueMicrotask(() => {
        this.remove(item);
        this.#events.onProblem(item, problem); // which may send it again
      });
    }
  }

  async #link(item: FileItem, signal?: AbortSignal) {
    if (item.link && Date.parse(item.link.expires_at) - Date.now() < SPARE_MILLISECONDS) {
      // what was sent by it may have arrived unheard: who replaces it asks first
      throw new ApiProblem(410, "expired", "The time for this upload is over.");
    }
    if (!item.link) {
      const { file, pipeline } = item;
      item.phase.value = "checking";
      const sha256 = await this.#turnstile.pass(() => hashBlob(file));
      signal?.throwIfAborted();
      const type = file.type || UNKNOWN_TYPE;
      const request = { pipeline, filename: file.name, size: file.size, sha256, content_type: type };
      item.link = await withRetry(() => this.#api.createLink(request, signal), signal);
      item.uploadId.value = item.link.upload_id;
    }
    item.phase.value = "uploading";
    return { method: "PUT" as const, url: item.link.url, headers: item.link.headers };
  }

  /** What S3 has. A part of an earlier visit counts only if the file that was chosen again still holds it. */
  async #listParts(item: FileItem, signal?: AbortSignal) {
    const uploadId = item.uploadId.peek() ?? "";
    const { parts, part_size, size } = await withRetry(
      () => this.#api.readParts(uploadId, [], signal),
      signal,
    );
    const kept = [];
    for (const { part_number, size: bytes, sha256 } of parts) {
      if (!item.hashes.has(part_number)) {
        item.phase.value = "checking";
        const { start, end } = partRange(part_number, part_size, size);
        if ((await hashBlob(item.file.slice(start, end))) !== sha256.toLowerCase()) {
          continue;
        }
        signal?.throwIfAborted();
        item.hashes.set(part_number, sha256);
      }
      kept.push({ PartNumber: part_number, Size: bytes, ETag: sha256 });
    }
    item.sentBytes.value = kept.reduce((sum, part) => sum + part.Size, 0);
    item.phase.value = "uploading";
    return kept;
  }

  async #signPart(item: FileItem, partNumber: number, body: Blob, signal?: AbortSignal) {
    try {
      const sha256 = await hashBlob(body);
      const uploadId = item.uploadId.peek() ?? "";
      const { url, headers } = await withRetry(() => this.#signer.sign(uploadId, partNumber, sha256), signal);
      item.hashes.set(partNumber, sha256);
      return { method: "PUT" as const, url, headers };
    } catch (error) {
      if (!signal?.aborted) {
        this.#fail(item, toProblem(error)); // Uppy would ask again, whatever the answer was
      }
      throw error;
    }
  }

  async #complete(item: FileItem, signal?: AbortSignal): Promise<AwsBody> {
    item.phase.value = "completing";
    const uploadId = item.uploadId.peek() ?? "";
    await withRetry(() => this.#api.complete(uploadId, signal), signal);
    return {} as AwsBody;
  }

  async #put(
    { url, headers = {} }: { url: string; headers?: Record<string, string> },
    body: Blob,
    onProgress: (event: { loaded: number; lengthComputable: boolean }) => void,
    onComplete: (etag: string) => void,
    signal?: AbortSignal,
  ) {
    const tell = (loaded: number): void => onProgress({ loaded, lengthComputable: true });
    const put = async (): Promise<void> => {
      try {
        await putBody({ url, headers, body, onProgress: tell, signal });
      } catch (error) {
        this.#noteEnd(url, error);
        throw error;
      }
    };
    await withRetry(put, signal);
    onComplete(""); // the API completes by S3's own list of parts, so that no ETag has to be readable here
    return { ETag: "" };
  }

  /** Keep in mind that a file's PUT ended without a verdict of S3. */
  #noteEnd(url: string, error: unknown): void {
    const item = [...this.#items.values()].find(({ link }) => link?.url === url);
    if (item && !(error instanceof PutProblem && !error.passes)) {
      item.unheard = true;
    }
  }
}
