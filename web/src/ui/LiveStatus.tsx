import { useEffect, useState } from "preact/hooks";
import { tally, tellTally } from "../status/words.ts";
import { useServices } from "./services.ts";

/** Milliseconds between two sentences: a screen reader should have said one before the next comes. */
const PACE = 5000;

/** Tells screen readers how the files stand, in whole sentences and not too often. */
export function LiveStatus() {
  const { engine } = useServices();
  const [said, setSaid] = useState("");
  useEffect(() => {
    const timer = setInterval(
      () => setSaid(tellTally(tally(engine.items.peek().map((item) => item.way.peek())))),
      PACE,
    );
    return () => clearInterval(timer);
  }, [engine]);
  return (
    <p class="hidden-text" role="status">
      {said}
    </p>
  );
}
