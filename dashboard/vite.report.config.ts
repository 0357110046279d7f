import { defineConfig } from "vite";

// The script of a report: one file without imports, and the style of its charting library, which host/research embeds.
export default defineConfig({
  publicDir: false,
  build: {
    target: "es2022",
    outDir: "dist-report",
    reportCompressedSize: false,
    cssCodeSplit: false,
    lib: { entry: "src/report/main.ts", formats: ["iife"], name: "report", fileName: () => "report.js", cssFileName: "report" },
  },
});
