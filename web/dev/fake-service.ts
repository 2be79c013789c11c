import { createHash, randomBytes } from "node:crypto";
import type { HistoryEntry, UploadState, UploadView } from "../src/api/types.ts";
import { CATALOG, PACE, toEnd, toFacts } from "./fake-outcomes.ts";

const MEBIBYTE = 1024 * 1024;
const PART_BYTES = 8 * MEBIBYTE;
const ISSUER = "http://localhost/fake-pool";

export interface FakeRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  body: Buffer;
  etag: string | null;
  origin: string;
}

export interface FakeAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

interface Upload {
  view: UploadView & { history: HistoryEntry[] };
  parts: Map<number, { size: number; sha256: string }>;
  landedAt: number | null;
}

/** The API, S3 and the sign-in, in memory. A name with "fail", "reject" or "broken" ends as it says. */
export class FakeService {
  readonly #uploads = new Map<string, Upload>();
  #nonce = "";

  constructor() {
    const ends: [string, number][] = [
      ["2013-01.csv", 86_400],
      ["2013-02-reject.csv", 86_300],
      ["2013-03-fail.csv", 7200],
      ["2013-04-broken.csv", 3600],
      ["2013-05.csv", 300],
    ];
    for (const [filename, ago] of ends) {
      const upload = this.#create("flights", filename, 3 * MEBIBYTE, Date.now() - ago * 1000);
      upload.landedAt = Date.now() - ago * 1000 + 1500;
    }
  }

  knows(path: string): boolean {
    return path === "/config.json" || /^\/(api|oauth2|logout|s3)\b/.test(path);
  }

  answer(request: FakeRequest): FakeAnswer {
    const { path } = request;
    if (path === "/config.json") {
      return json({
        api_url: "/api",
        auth: { authority: ISSUER, client_id: "fake-client", sign_in_url: "/" },
      });
    }
    if (path.startsWith("/s3/")) {
      return this.#storage(request);
    }
    return path.startsWith("/api/") ? this.#api(request) : this.#signIn(request);
  }

  #signIn({ path, query }: FakeRequest): FakeAnswer {
    if (path === "/oauth2/authorize") {
      this.#nonce = query.get("nonce") ?? "";
      const to = new URL(query.get("redirect_uri") ?? "/");
      to.searchParams.set("code", "fake-code");
      to.searchParams.set("state", query.get("state") ?? "");
      return { status: 302, headers: { Location: to.href }, body: "" };
    }
    if (path === "/logout") {
      return { status: 302, headers: { Location: query.get("logout_uri") ?? "/" }, body: "" };
    }
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: ISSUER,
      aud: "fake-client",
      sub: "demo-sub",
      email: "demo@example.com",
      iat: now,
      exp: now + 3600,
    };
    const id_token = ["{}", JSON.stringify({ ...claims, ...(this.#nonce && { nonce: this.#nonce }) }), ""]
      .map((part) => Buffer.from(part).toString("base64url"))
      .join(".");
    return json({
      id_token,
      access_token: "fake",
      refresh_token: "fake",
      token_type: "Bearer",
      expires_in: 3600,
    });
  }

  #api({ method, path, query, body, etag, origin }: FakeRequest): FakeAnswer {
    const [first = "", id, last] = path.slice("/api/".length).split("/");
    if (first === "pipelines") {
      return json(CATALOG);
    }
    if (first === "upload-url") {
      const { view } = this.#create(
        query.get("pipeline") ?? "",
        query.get("filename") ?? "",
        Number(query.get("size")),
      );
      const headers = { "Content-Type": query.get("content_type") ?? "", "If-None-Match": "*" };
      return json({ ...view, method: "PUT", url: `${origin}/s3/${view.upload_id}`, headers });
    }
    if (first === "uploads" && id === undefined) {
      return method === "POST" ? this.#begin(body) : this.#list(query);
    }
    const upload = this.#uploads.get(id ?? "");
    if (!upload) {
      return problem(404, "unknown-upload", "There is no such upload.");
    }
    return last ? this.#multipart(upload, last, query, origin) : this.#one(upload, method, etag);
  }

  #begin(body: Buffer): FakeAnswer {
    const { pipeline, filename, size } = JSON.parse(body.toString());
    const { view } = this.#create(pipeline, filename, size);
    return json({ ...view, part_size: PART_BYTES, part_count: Math.ceil(size / PART_BYTES) }, 201);
  }

  #multipart(upload: Upload, last: string, query: URLSearchParams, origin: string): FakeAnswer {
    const { upload_id, size } = upload.view;
    if (last === "complete") {
      upload.landedAt ??= Date.now();
      return json(upload.view);
    }
    const parts = [...upload.parts].map(([part_number, part]) => ({ part_number, ...part }));
    const urls = query.getAll("part").map((named) => {
      const [number, sha256] = named.split(":");
      return {
        part_number: Number(number),
        url: `${origin}/s3/${upload_id}?partNumber=${number}&sha256=${sha256}`,
        headers: {},
      };
    });
    return json({
      upload_id,
      size,
      part_size: PART_BYTES,
      part_count: Math.ceil((size ?? 0) / PART_BYTES),
      parts,
      urls,
    });
  }

  #one(upload: Upload, method: string, known: string | null): FakeAnswer {
    if (method === "DELETE") {
      this.#uploads.delete(upload.view.upload_id);
      return { status: 204, headers: {}, body: "" };
    }
    const answer = json(this.#advance(upload));
    const etag = `"${createHash("sha256").update(answer.body).digest("hex").slice(0, 16)}"`;
    const headers = { ...answer.headers, ETag: etag, "Retry-After": "1" };
    return known === etag ? { status: 304, headers, body: "" } : { ...answer, headers };
  }

  #list(query: URLSearchParams): FakeAnswer {
    const limit = Number(query.get("limit") ?? 50);
    const from = Number(query.get("cursor") ?? 0);
    const found = [...this.#uploads.values()]
      .map((upload) => this.#advance(upload))
      .filter((view) => !query.get("pipeline") || view.pipeline === query.get("pipeline"))
      .filter((view) => !query.get("state") || view.state === query.get("state"))
      .filter((view) => view.created_at >= (query.get("since") ?? ""))
      .sort((one, other) => other.created_at.localeCompare(one.created_at));
    const uploads = found.slice(from, from + limit).map(({ history: _, ...view }) => view);
    return json({ uploads, cursor: from + limit < found.length ? String(from + limit) : null });
  }

  #storage({ path, query, body }: FakeRequest): FakeAnswer {
    const upload = this.#uploads.get(path.slice("/s3/".length));
    const part = query.get("partNumber");
    if (!upload) {
      return { status: 403, headers: {}, body: "<Error><Code>AccessDenied</Code></Error>" };
    }
    if (part) {
      upload.parts.set(Number(part), { size: body.length, sha256: query.get("sha256") ?? "" });
    } else {
      upload.landedAt ??= Date.now();
    }
    return { status: 200, headers: { ETag: '"fake"' }, body: "" };
  }

  #create(pipeline: string, filename: string, size: number, at = Date.now()): Upload {
    const upload_id = makeUlid(at);
    const created_at = new Date(at).toISOString();
    const view = {
      upload_id,
      pipeline,
      filename,
      size,
      key: `${pipeline}/${upload_id}/${filename}`,
      bucket: "sparkdrop-dev-uploads",
      state: "AWAITING_UPLOAD" as UploadState,
      owner: "me",
      created_at,
      updated_at: created_at,
      expires_at: new Date(at + 900_000).toISOString(),
      batch_id: null,
      run_id: null,
      job_flow_id: null,
      step_id: null,
      slow_since: null,
      output: null,
      rows_in: null,
      rows_out: null,
      rows_rejected: null,
      rejects: null,
      reason: null,
      log: null,
      log_excerpt: null,
      history: [{ at: created_at, state: "AWAITING_UPLOAD" as UploadState, batch_id: null }],
    };
    const upload = { view, parts: new Map(), landedAt: null };
    this.#uploads.set(upload_id, upload);
    return upload;
  }

  #advance({ view, landedAt }: Upload): UploadView & { history: HistoryEntry[] } {
    if (landedAt !== null) {
      const name = view.filename ?? "";
      for (const [seconds, planned] of PACE) {
        const state = planned === "SUCCEEDED" ? toEnd(name) : planned;
        const at = landedAt + seconds * 1000;
        if (at <= Date.now() && !view.history.some((entry) => entry.state === state)) {
          Object.assign(view, { state, updated_at: new Date(at).toISOString() });
          view.history.push({ at: new Date(at).toISOString(), state, batch_id: "flights-20131201T0800" });
          Object.assign(view, toFacts(state, name));
        }
      }
    }
    return view;
  }
}

function json(value: unknown, status = 200): FakeAnswer {
  return { status, headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) };
}

function problem(status: number, kind: string, detail: string): FakeAnswer {
  const body = JSON.stringify({ type: `urn:sparkdrop:problem:${kind}`, detail, status, request_id: "fake" });
  return { status, headers: { "Content-Type": "application/problem+json" }, body };
}

function makeUlid(at: number): string {
  const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  const time = Array.from({ length: 10 }, (_, index) => digits[Math.floor(at / 32 ** (9 - index)) % 32]);
  return time.join("") + [...randomBytes(16)].map((byte) => digits[byte % 32]).join("");
}
