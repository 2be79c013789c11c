import { ApiProblem, networkProblem } from "../api/problem.ts";

export interface PutRequest {
  url: string;
  /** the signed headers, exactly as the API gave them; the browser adds Content-Length itself */
  headers: Record<string, string>;
  body: Blob;
  onProgress: (sentBytes: number) => void;
  signal?: AbortSignal | undefined;
}

/** What Uppy reads to decide on another try: https://github.com/transloadit/uppy, HTTPCommunicationQueue. */
export class PutProblem extends ApiProblem {
  readonly source: { status: number };

  constructor(status: number, kind: string, message: string) {
    super(status, kind, message);
    this.source = { status };
  }

  /** S3's 409: another request for the same key is not through yet; asked again, it says how that one ended. */
  override get passes(): boolean {
    return super.passes || this.status === 409;
  }
}

/**
 * Send a body to S3 by a link. XMLHttpRequest, because fetch tells no progress of what is sent.
 * A 412 is success: the key is this link's alone and write-once, so an earlier try got through unheard.
 */
export function putBody({ url, headers, body, onProgress, signal }: PutRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = (): void => request.abort();
    const settle = (end: () => void): void => {
      signal?.removeEventListener("abort", abort);
      end();
    };
    request.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) {
      if (name.toLowerCase() !== "content-length") {
        request.setRequestHeader(name, value);
      }
    }
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded));
    request.addEventListener("load", () =>
      settle(() => {
        if ((request.status >= 200 && request.status < 300) || request.status === 412) {
          onProgress(body.size);
          resolve();
        } else {
          reject(readStorageError(request.status, request.responseText));
        }
      }),
    );
    request.addEventListener("error", () =>
      settle(() => {
        const { status, kind, message } = networkProblem();
        reject(new PutProblem(status, kind, message));
      }),
    );
    request.addEventListener("abort", () =>
      settle(() => reject(signal?.reason ?? new DOMException("The upload was stopped.", "AbortError"))),
    );
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    signal?.addEventListener("abort", abort);
    request.send(body);
  });
}

/** S3's XML error as a problem. "Request has expired" is what Uppy takes as a reason to sign a part again. */
export function readStorageError(status: number, xml: string): PutProblem {
  const code = /<Code>([^<]*)<\/Code>/.exec(xml)?.[1] ?? "";
  const message = /<Message>([^<]*)<\/Message>/.exec(xml)?.[1] ?? "";
  if (status === 403 && message === "Request has expired") {
    return new PutProblem(status, "expired", message);
  }
  const said = [code, message].filter(Boolean).join(": ");
  return new PutProblem(status, "storage", `S3 refused the file${said && ` (${said})`}.`);
}
