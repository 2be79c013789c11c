import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { ApiClient } from "../api/client.ts";
import type { Pipelines } from "../api/types.ts";
import type { Views } from "../status/views.ts";
import type { UploadEngine } from "../upload/engine.ts";

/** What the parts of the page work with. */
export interface Services {
  api: ApiClient;
  engine: UploadEngine;
  views: Views;
  catalog: Pipelines;
}

export const ServicesContext = createContext<Services | null>(null);

export function useServices(): Services {
  const services = useContext(ServicesContext);
  if (!services) {
    throw new Error("no services: a part of the page is shown outside of App");
  }
  return services;
}
