import type { ApiClient } from "../api/client.ts";
import { ApiProblem } from "../api/problem.ts";
import type { PartLink } from "../api/types.ts";

/** Parts that are ready within this time share one request. */
const GATHER_MILLISECONDS = 25;
/** The API signs so many parts at once. */
const MOST_PARTS = 100;

interface Waiting {
  partNumber: number;
  sha256: string;
  resolve: (link: PartLink) => void;
  reject: (error: unknown) => void;
}

/** Links for parts: Uppy asks for one at a time, the API gives many at once. */
export class PartSigner {
  readonly #api: Pick<ApiClient, "readParts">;
  readonly #waiting = new Map<string, Waiting[]>();

  constructor(api: Pick<ApiClient, "readParts">) {
    this.#api = api;
  }

  sign(uploadId: string, partNumber: number, sha256: string): Promise<PartLink> {
    return new Promise((resolve, reject) => {
      const gathered = this.#waiting.get(uploadId) ?? [];
      gathered.push({ partNumber, sha256, resolve, reject });
      if (gathered.length === 1) {
        this.#waiting.set(uploadId, gathered);
        setTimeout(() => this.#flush(uploadId, gathered), GATHER_MILLISECONDS);
      } else if (gathered.length === MOST_PARTS) {
        this.#flush(uploadId, gathered);
      }
    });
  }

  #flush(uploadId: string, gathered: Waiting[]): void {
    if (this.#waiting.get(uploadId) !== gathered) {
      return; // already sent, because it was full
    }
    this.#waiting.delete(uploadId);
    void this.#request(uploadId, gathered);
  }

  async #request(uploadId: string, gathered: Waiting[]): Promise<void> {
    try {
      const named = gathered.map(({ partNumber, sha256 }) => `${partNumber}:${sha256}`);
      const { urls } = await this.#api.readParts(uploadId, named);
      const links = new Map(urls.map((link) => [link.part_number, link]));
      for (const { partNumber, resolve, reject } of gathered) {
        const link = links.get(partNumber);
        if (link) {
          resolve(link);
        } else {
          reject(new ApiProblem(0, "incomplete", `The service gave no link for part ${partNumber}.`));
        }
      }
    } catch (error) {
      for (const { reject } of gathered) {
        reject(error);
      }
    }
  }
}
