import { Brand } from "./Brand.tsx";

/** What is shown where the page cannot begin: its configuration is missing. */
export function BootError({ error }: { error: unknown }) {
  return (
    <main class="card-page">
      <div class="card" role="alert">
        <Brand />
        <h1>This page is not set up</h1>
        <p>It could not load where the service is. Tell whoever runs it:</p>
        <pre class="log">{error instanceof Error ? error.message : String(error)}</pre>
        <button type="button" class="button primary" onClick={() => location.reload()}>
          Try again
        </button>
      </div>
    </main>
  );
}
