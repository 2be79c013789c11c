import { render } from "preact";
import { Session } from "./auth.ts";
import { loadConfig, type PageConfig } from "./config.ts";
import { BootError } from "./ui/BootError.tsx";
import { SignIn } from "./ui/SignIn.tsx";
import { sessionEnded } from "./ui/signals.ts";
import "./styles/base.css";
import "./styles/page.css";
import "./styles/files.css";

const root = document.getElementById("page") as HTMLElement;

async function boot(): Promise<void> {
  const config = await loadConfig();
  const session = new Session(config, () => {
    sessionEnded.value = true;
  });
  let failure: string | null = null;
  const isSignedIn = await session.restore().catch((error: unknown) => {
    failure = error instanceof Error ? error.message : String(error);
    return false;
  });
  if (isSignedIn) {
    await show(config, session);
  } else {
    render(<SignIn session={session} failure={failure} />, root);
  }
}

/** The rest of the page, which somebody who is not signed in need not load. */
async function show(config: PageConfig, session: Session): Promise<void> {
  const { App } = await import("./ui/App.tsx");
  render(<App config={config} session={session} />, root);
}

boot().catch((error: unknown) => render(<BootError error={error} />, root));
