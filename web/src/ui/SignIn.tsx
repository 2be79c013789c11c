import { useState } from "preact/hooks";
import type { Session } from "../auth.ts";
import { Brand } from "./Brand.tsx";

interface Props {
  session: Session;
  /** why a sign-in that was begun came to nothing */
  failure: string | null;
}

/** What somebody sees who is not signed in. */
export function SignIn({ session, failure }: Props) {
  const [problem, setProblem] = useState(failure);
  const [leaving, setLeaving] = useState(false);
  const begin = async (): Promise<void> => {
    setLeaving(true);
    try {
      await session.signIn();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setLeaving(false);
    }
  };
  return (
    <main class="card-page">
      <div class="card">
        <Brand />
        <h1>Drop a file, watch it become a result</h1>
        <p>
          Choose where your files belong, drop them, and follow each one until its rows are there to be
          queried.
        </p>
        {problem && (
          <p class="notice bad" role="alert">
            You are not signed in: {problem}
          </p>
        )}
        <button type="button" class="button primary" disabled={leaving} onClick={() => void begin()}>
          Sign in
        </button>
      </div>
    </main>
  );
}
