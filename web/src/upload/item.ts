import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { ApiProblem } from "../api/problem.ts";
import type { UploadLink, UploadView } from "../api/types.ts";
import type { Views } from "../status/views.ts";
import { describeFile, type Phase, type Way } from "../status/words.ts";

const MOVING: ReadonlySet<Phase> = new Set(["queued", "checking", "uploading", "paused", "completing"]);

let count = 0;

/** A file of this visit, from the drop to its result. */
export class FileItem {
  readonly key: string;
  readonly file: File;
  readonly pipeline: string;
  readonly phase = signal<Phase>("queued");
  readonly sentBytes = signal(0);
  readonly problem = signal<ApiProblem | null>(null);
  /** the upload's id, as soon as the API has made one */
  readonly uploadId = signal<string | null>(null);
  readonly view: ReadonlySignal<UploadView | null>;
  readonly way: ReadonlySignal<Way>;

  /** the link of a single PUT, to be used again after a pause */
  link: UploadLink | null = null;
  /** bytes of a part, for a file that goes up in parts */
  partSize: number | null = null;
  /** SHA-256 by part number, of parts that this visit has read */
  readonly hashes = new Map<number, string>();
  /** whether a PUT by the link ended without S3's answer, so that it may have got through */
  unheard = false;
  /** how often a link or an upload that was over was replaced unasked */
  renewals = 0;

  constructor(file: File, pipeline: string, views: Views) {
    count += 1;
    this.key = `file-${count}`;
    this.file = file;
    this.pipeline = pipeline;
    this.view = computed(() => (this.uploadId.value ? views.of(this.uploadId.value).value : null));
    this.way = computed(() =>
      describeFile(
        {
          phase: this.phase.value,
          sentBytes: this.sentBytes.value,
          size: file.size,
          problem: this.problem.value,
        },
        this.view.value,
      ),
    );
  }

  /** Whether bytes are still to be sent. */
  get isMoving(): boolean {
    return MOVING.has(this.phase.value);
  }

  get isCancelled(): boolean {
    return this.phase.peek() === "cancelled";
  }

  /** Forget the link or the multipart upload: the next try asks for a new one. */
  reset(): void {
    this.link = null;
    this.unheard = false;
    this.uploadId.value = null;
    this.partSize = null;
    this.hashes.clear();
    this.sentBytes.value = 0;
  }
}
