import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { ApiClient } from "../api/client.ts";
import { toProblem } from "../api/problem.ts";
import type { UploadPage } from "../api/types.ts";
import { useServices } from "./services.ts";

const PAGE = 25;

export interface Filters {
  pipeline: string;
  state: string;
  /** a day, as a date field writes it; empty: from the beginning */
  since: string;
}

/** The list as far as it is loaded, and what can be asked of it. */
export interface Pages {
  ids: string[];
  isLoading: boolean;
  failure: string;
  hasMore: boolean;
  more: () => void;
  reload: () => void;
}

/** The pages of the list under the filters; what is under way in it is followed. */
export function usePages(filters: Filters): Pages {
  const { api, views } = useServices();
  const ids = useSignal<string[]>([]);
  const cursor = useSignal<string | null>(null);
  const isLoading = useSignal(true);
  const failure = useSignal("");
  const round = useRef(0);

  const take = (page: UploadPage, known: string[]): void => {
    for (const view of page.uploads) {
      views.follow(view);
    }
    ids.value = [...new Set([...known, ...page.uploads.map(({ upload_id }) => upload_id)])];
    cursor.value = page.cursor;
    isLoading.value = false;
  };
  const load = (from: string | null): void => {
    round.current += 1;
    const mine = round.current;
    // an answer to filters that have changed meanwhile is nobody's
    const ifMine = (react: () => void): void => (mine === round.current ? react() : undefined);
    isLoading.value = true;
    failure.value = "";
    requestPage(api, filters, from).then(
      (page) => ifMine(() => take(page, from ? ids.peek() : [])),
      (error) => ifMine(() => fail(error, failure, isLoading)),
    );
  };
  useEffect(() => load(null), [filters]);
  return {
    ids: ids.value,
    isLoading: isLoading.value,
    failure: failure.value,
    hasMore: cursor.value !== null,
    more: () => load(cursor.peek()),
    reload: () => load(null),
  };
}

function requestPage(api: ApiClient, filters: Filters, from: string | null): Promise<UploadPage> {
  const since = filters.since && new Date(`${filters.since}T00:00`).toISOString();
  return api.listUploads({ ...filters, since, limit: PAGE, ...(from && { cursor: from }) });
}

function fail(error: unknown, failure: Signal<string>, isLoading: Signal<boolean>): void {
  failure.value = toProblem(error).message;
  isLoading.value = false;
}
