import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

// The system's browser; without one, Playwright prints how to install its own.
const chromium = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const root = process.getuid?.() === 0;

export default defineConfig({
  testDir: "e2e",
  outputDir: "test-results",
  workers: 1,
  retries: 0,
  timeout: 180_000,
  expect: { timeout: 15_000 },
  reporter: "list",
  use: {
    viewport: { width: 1280, height: 1180 },
    colorScheme: "dark",
    trace: "retain-on-failure",
    screenshot: "only-on-failure",
    launchOptions: {
      ...(existsSync(chromium) ? { executablePath: chromium } : {}),
      args: [
        // Chromium's sandbox does not start as root.
        ...(root ? ["--no-sandbox"] : []),
        "--headless",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
