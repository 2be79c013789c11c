import { defineConfig } from "vite";
import { fakeApi } from "./dev/fake-api.ts";

export default defineConfig({
  plugins: [fakeApi()],
  build: {
    target: "es2022",
    // files of their own, always: the page's CSP allows no data: but for images
    assetsInlineLimit: 0,
    sourcemap: false,
    modulePreload: { polyfill: false },
    rollupOptions: {
      // Uppy's messages and oidc's logs change rarely, the page often: a release leaves their chunks in the cache
      output: {
        codeSplitting: {
          groups: [
            {
              name: "uppy",
              test: /node_modules[\\/](@uppy|lodash|nanoid|mime-match|wildcard|namespace-emitter|p-retry|@transloadit)/,
            },
            { name: "oidc", test: /node_modules[\\/](oidc-client-ts|jwt-decode)/ },
          ],
        },
      },
    },
  },
});
