import { defineConfig } from "vite";
import { devDouble } from "./dev/double.ts";

// `POLYTRADER_DEV_API=http://127.0.0.1:3000 npm run dev` proxies to a running host; without it a simulated host serves the page.
const host = process.env["POLYTRADER_DEV_API"];

export default defineConfig({
  plugins: host === undefined ? [devDouble()] : [],
  server: {
    host: "127.0.0.1",
    port: 5173,
    ...(host === undefined ? {} : { proxy: { "/v1": host, "/health/": host, "/login": host } }),
  },
  build: { target: "es2022", assetsInlineLimit: 0, reportCompressedSize: false },
});
