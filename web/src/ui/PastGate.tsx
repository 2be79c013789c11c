import { useSignal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";

/** The list of past uploads, loaded after the rest: nobody waits for it to upload. */
export function PastGate() {
  const section = useSignal<ComponentType | null>(null);
  useEffect(() => {
    void import("./PastSection.tsx").then(({ PastSection }) => {
      section.value = PastSection;
    });
  }, [section]);
  const Section = section.value;
  return Section && <Section />;
}
