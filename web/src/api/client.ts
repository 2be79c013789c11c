import { ApiProblem, networkProblem, parseProblem } from "./problem.ts";
import type { MultipartUpload, Parts, Pipelines, UploadLink, UploadPage, UploadView } from "./types.ts";

/** Where the token comes from; `refresh` asks for a newer one after a 401. */
export interface TokenSource {
  token(): Promise<string>;
  refresh(): Promise<string>;
}

export interface Answer<T> {
  /** null: not modified since the ETag that was sent */
  body: T | null;
  etag: string | null;
  retryAfterSeconds: number | null;
}

export interface LinkRequest {
  pipeline: string;
  filename: string;
  size: number;
  sha256: string;
  content_type: string;
}

export interface ListQuery {
  pipeline?: string;
  state?: string;
  since?: string;
  limit?: number;
  cursor?: string;
}

interface RequestOptions {
  method?: string;
  query?: [string, string][];
  body?: unknown;
  etag?: string | null;
  signal?: AbortSignal | undefined;
}

/** The API's calls. Each throws an ApiProblem, or the signal's AbortError. */
export class ApiClient {
  readonly #base: string;
  readonly #tokens: TokenSource;

  /** `base` has no slash at its end. */
  constructor(base: string, tokens: TokenSource) {
    this.#base = base;
    this.#tokens = tokens;
  }

  async listPipelines(): Promise<Pipelines> {
    return this.#ask<Pipelines>("/pipelines");
  }

  async createLink(request: LinkRequest, signal?: AbortSignal): Promise<UploadLink> {
    const query = Object.entries(request).map(([name, value]): [string, string] => [name, String(value)]);
    return this.#ask<UploadLink>("/upload-url", { query, signal });
  }

  async createMultipart(
    request: Omit<LinkRequest, "sha256">,
    signal?: AbortSignal,
  ): Promise<MultipartUpload> {
    return this.#ask<MultipartUpload>("/uploads", { method: "POST", body: request, signal });
  }

  /** The parts that have arrived, and a link for each part that is named as `<number>:<sha256>`. */
  async readParts(uploadId: string, named: string[] = [], signal?: AbortSignal): Promise<Parts> {
    const query = named.map((part): [string, string] => ["part", part]);
    return this.#ask<Parts>(`/uploads/${encodeURIComponent(uploadId)}/parts`, { query, signal });
  }

  async complete(uploadId: string, signal?: AbortSignal): Promise<void> {
    const path = `/uploads/${encodeURIComponent(uploadId)}/complete`;
    await this.#request(path, { method: "POST", body: {}, signal });
  }

  async cancel(uploadId: string): Promise<void> {
    await this.#request(`/uploads/${encodeURIComponent(uploadId)}`, { method: "DELETE" });
  }

  async readUpload(uploadId: string, etag: string | null = null): Promise<Answer<UploadView>> {
    return this.#request<UploadView>(`/uploads/${encodeURIComponent(uploadId)}`, { etag });
  }

  async listUploads(query: ListQuery): Promise<UploadPage> {
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
    return this.#ask<UploadPage>("/uploads", {
      query: given.map(([name, value]) => [name, String(value)]),
    });
  }

  async #ask<T>(path: string, options: RequestOptions = {}): Promise<T> {
    const { body } = await this.#request<T>(path, options);
    if (body === null) {
      throw new ApiProblem(0, "network", "The service answered without a body.");
    }
    return body;
  }

  async #request<T>(path: string, options: RequestOptions): Promise<Answer<T>> {
    const first = await this.#send(path, options, await this.#tokens.token());
    const response =
      first.status === 401 ? await this.#send(path, options, await this.#tokens.refresh()) : first;
    return readAnswer<T>(response);
  }

  async #send(path: string, options: RequestOptions, token: string): Promise<Response> {
    const query = new URLSearchParams(options.query ?? []).toString();
    const headers: Record<string, string> = { Authorization: `Bearer ${token}` };
    if (options.etag) {
      headers["If-None-Match"] = options.etag;
    }
    if (options.body !== undefined) {
      headers["Content-Type"] = "application/json";
    }
    try {
      return await fetch(`${this.#base}${path}${query && `?${query}`}`, {
        method: options.method ?? "GET",
        headers,
        body: options.body === undefined ? null : JSON.stringify(options.body),
        signal: options.signal ?? null,
        // the page keeps ETags itself; a cache between would hide a 304 from it
        cache: "no-store",
      });
    } catch (error) {
      if (options.signal?.aborted) {
        throw error;
      }
      throw networkProblem();
    }
  }
}

async function readAnswer<T>(response: Response): Promise<Answer<T>> {
  const retryAfterSeconds = parseRetryAfter(response.headers.get("Retry-After"));
  const etag = response.headers.get("ETag");
  if (response.status === 304 || response.status === 204) {
    return { body: null, etag, retryAfterSeconds };
  }
  const text = await response.text().catch(() => "");
  const body = parseJson(text);
  if (!response.ok) {
    throw parseProblem(response.status, body, retryAfterSeconds);
  }
  return { body: body as T, etag, retryAfterSeconds };
}

function parseJson(text: string): unknown {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null; // something in between answered: its status says enough
  }
}

/** Seconds of a Retry-After header; its other form, a date, is not used by the API. */
export function parseRetryAfter(header: string | null): number | null {
  return header !== null && /^\d+$/.test(header.trim()) ? Number(header) : null;
}
