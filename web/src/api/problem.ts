import type { ProblemDocument } from "./types.ts";

const PREFIX = "urn:sparkdrop:problem:";

/** What to say where the API's own detail is missing. */
const PLAIN: Record<string, string> = {
  "unknown-pipeline": "There is no such pipeline, or you may not use it.",
  "unknown-upload": "There is no such upload, or it is somebody else's.",
  forbidden: "You may see this pipeline, but not upload to it.",
  "quota-exceeded": "You have used up today's uploads.",
  "too-large": "The file is larger than this pipeline takes.",
  expired: "The time for this upload is over.",
  "not-published": "No pipelines are published yet.",
  internal: "The service made a mistake. It has been noted.",
};

/** An answer that is no success, or no answer at all (`status` 0: the network). */
export class ApiProblem extends Error {
  override readonly name = "ApiProblem";

  constructor(
    readonly status: number,
    readonly kind: string,
    message: string,
    readonly requestId: string | null = null,
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(message);
  }

  /** Whether the same request may well succeed a little later. */
  get passes(): boolean {
    if (this.status === 429) {
      return (this.retryAfterSeconds ?? 1) <= 60; // a used-up day does not pass while somebody looks on
    }
    return this.status === 0 || this.status >= 500;
  }
}

/** The problem that an answer's body tells; a body that is no problem document is told by its status. */
export function parseProblem(status: number, body: unknown, retryAfterSeconds: number | null): ApiProblem {
  const document = (typeof body === "object" && body !== null ? body : {}) as ProblemDocument;
  const type = document.type ?? "";
  const kind = type.startsWith(PREFIX) ? type.slice(PREFIX.length) : "unknown";
  const message =
    document.detail ?? PLAIN[kind] ?? document.title ?? `The service answered with the status ${status}.`;
  return new ApiProblem(status, kind, message, document.request_id ?? null, retryAfterSeconds);
}

/** The same for a request that got no answer. */
export function networkProblem(): ApiProblem {
  return new ApiProblem(0, "network", "The service could not be reached. Is the network there?");
}

/** An error of any origin as a problem, to be shown. */
export function toProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) {
    return error;
  }
  const message = error instanceof Error ? error.message : String(error);
  return new ApiProblem(-1, "page", message);
}
