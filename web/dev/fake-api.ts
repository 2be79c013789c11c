import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connect, Plugin } from "vite";
import { FakeService } from "./fake-service.ts";

/** What the page may load and reach, as the deployed page's CSP says it. */
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/**
 * A stand-in for everything behind the page, for `npm run dev` and `npm run preview`; no part of the build.
 * A file's name decides what becomes of it: see FakeService.
 */
export function fakeApi(): Plugin {
  const service = new FakeService();
  const middleware: Connect.NextHandleFunction = (request, response, next) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    if (!service.knows(url.pathname)) {
      next();
      return;
    }
    answer(service, request, response, url).catch(next);
  };
  return {
    name: "fake-api",
    configureServer: ({ middlewares }) => {
      middlewares.use(middleware);
    },
    configurePreviewServer: ({ middlewares }) => {
      middlewares.use((_request, response, next) => {
        response.setHeader("Content-Security-Policy", CSP);
        next();
      });
      middlewares.use(middleware);
    },
  };
}

async function answer(
  service: FakeService,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
  }
  const { status, headers, body } = service.answer({
    method: request.method ?? "GET",
    path: url.pathname,
    query: url.searchParams,
    body: Buffer.concat(chunks),
    etag: request.headers["if-none-match"] ?? null,
    origin: `http://${request.headers.host}`,
  });
  response.writeHead(status, headers);
  response.end(body);
}
