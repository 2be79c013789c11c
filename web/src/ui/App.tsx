import { useEffect, useMemo, useState } from "preact/hooks";
import { ApiClient } from "../api/client.ts";
import { type ApiProblem, toProblem } from "../api/problem.ts";
import type { Pipelines } from "../api/types.ts";
import type { Session } from "../auth.ts";
import type { PageConfig } from "../config.ts";
import { Views } from "../status/views.ts";
import { UploadEngine } from "../upload/engine.ts";
import { RememberedUploads } from "../upload/remembered.ts";
import { Banners } from "./Banners.tsx";
import { Brand } from "./Brand.tsx";
import { FileSection } from "./FileSection.tsx";
import { InterruptedSection } from "./InterruptedSection.tsx";
import { LiveStatus } from "./LiveStatus.tsx";
import { PastGate } from "./PastGate.tsx";
import { type Services, ServicesContext } from "./services.ts";
import { UploadSection } from "./UploadSection.tsx";

interface Props {
  config: PageConfig;
  session: Session;
}

/** The page of somebody who is signed in. */
export function App({ config, session }: Props) {
  const api = useMemo(() => new ApiClient(config.api_url, session), [config, session]);
  const { catalog, problem, load } = useCatalog(api);
  const services = useMemo(
    () => (catalog ? buildServices(api, catalog, session.subject) : null),
    [api, catalog, session],
  );
  return (
    <>
      <a class="skip" href="#main">
        Skip to the files
      </a>
      <header class="bar">
        <Brand />
        <div class="bar-user">
          <span class="bar-name" title={session.name}>
            {session.name}
          </span>
          <button type="button" class="button quiet" onClick={() => void session.signOut()}>
            Sign out
          </button>
        </div>
      </header>
      <Banners session={session} />
      <main id="main" class="page" tabIndex={-1}>
        {services ? (
          <ServicesContext.Provider value={services}>
            <Parts />
          </ServicesContext.Provider>
        ) : (
          <CatalogState problem={problem} onRetry={load} />
        )}
      </main>
    </>
  );
}

function Parts() {
  return (
    <>
      <UploadSection />
      <InterruptedSection />
      <FileSection />
      <PastGate />
      <LiveStatus />
    </>
  );
}

function CatalogState({ problem, onRetry }: { problem: ApiProblem | null; onRetry: () => void }) {
  return (
    <section>
      <h1>Upload files</h1>
      {problem ? (
        <div class="notice bad" role="alert">
          <p>The pipelines could not be loaded. {problem.message}</p>
          <button type="button" class="button" onClick={onRetry}>
            Try again
          </button>
        </div>
      ) : (
        <p class="loading" role="status">
          Loading the pipelines…
        </p>
      )}
    </section>
  );
}

function useCatalog(api: ApiClient) {
  const [catalog, setCatalog] = useState<Pipelines | null>(null);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const load = (): void => {
    setProblem(null);
    api.listPipelines().then(setCatalog, (error) => setProblem(toProblem(error)));
  };
  useEffect(load, [api]);
  return { catalog, problem, load };
}

function buildServices(api: ApiClient, catalog: Pipelines, subject: string): Services {
  const views = new Views(api);
  const engine = new UploadEngine(api, views, new RememberedUploads(localStorage, subject), catalog.limits);
  return { api, engine, views, catalog };
}
