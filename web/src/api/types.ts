/** What the API answers, in its own words. Sizes are bytes, times ISO 8601. */

export type UploadState =
  | "AWAITING_UPLOAD"
  | "EXPIRED"
  | "CANCELLED"
  | "PENDING"
  | "CLAIMED"
  | "RUNNING"
  | "SUCCEEDED"
  | "FAILED"
  | "QUARANTINED"
  | "UNROUTED";

export interface Pipeline {
  name: string;
  description: string;
  patterns: string[];
  format: string;
  max_bytes: number;
  may_upload: boolean;
  may_view: boolean;
}

export interface Limits {
  single_put_bytes: number;
  daily_uploads: number;
  daily_bytes: number;
  link_seconds: number;
}

export interface Pipelines {
  pipelines: Pipeline[];
  limits: Limits;
}

export interface HistoryEntry {
  at: string;
  state: UploadState;
  batch_id: string | null;
}

/** One upload; a list's entries come without `history`. */
export interface UploadView {
  upload_id: string;
  pipeline: string | null;
  filename: string | null;
  key: string | null;
  bucket: string | null;
  size: number | null;
  state: UploadState;
  owner: string | null;
  created_at: string;
  updated_at: string;
  expires_at: string | null;
  batch_id: string | null;
  run_id: string | null;
  job_flow_id: string | null;
  step_id: string | null;
  slow_since: string | null;
  output: string | null;
  rows_in: number | null;
  rows_out: number | null;
  rows_rejected: number | null;
  rejects: string | null;
  reason: string | null;
  log: string | null;
  log_excerpt: string | null;
  history?: HistoryEntry[];
}

export interface UploadPage {
  uploads: UploadView[];
  cursor: string | null;
}

/** A presigned PUT: the headers are signed, and go along exactly as they are. */
export interface UploadLink {
  upload_id: string;
  method: string;
  url: string;
  headers: Record<string, string>;
  expires_at: string;
}

export interface MultipartUpload {
  upload_id: string;
  part_size: number;
  part_count: number;
  expires_at: string;
}

export interface ReceivedPart {
  part_number: number;
  size: number;
  sha256: string;
}

export interface PartLink {
  part_number: number;
  url: string;
  headers: Record<string, string>;
  size: number;
  expires_at: string;
}

export interface Parts {
  upload_id: string;
  part_size: number;
  part_count: number;
  size: number;
  parts: ReceivedPart[];
  urls: PartLink[];
}

/** An RFC 9457 problem document. */
export interface ProblemDocument {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  request_id?: string;
}
