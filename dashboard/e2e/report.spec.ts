// Opens the report that the tests of host/research have written: no network, no violation of its policy, every chart on the
// screen and on paper.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "@playwright/test";
import { ROOT } from "./host";

const REPORT = join(process.env["POLYTRADER_BIN"] ?? join(ROOT, "target/debug/polytrader"), "../../report-check/report.html");
/** Charts of the whole run, and two for each of twenty markets. */
const CHARTS = 5 + 2 * 20;

test("a report draws every chart without a network, and prints them", async ({ page }) => {
  expect(existsSync(REPORT), `${REPORT} is written by the host's tests`).toBe(true);
  const problems: string[] = [];
  const requests: string[] = [];
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("dialog", (dialog) => {
    problems.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(`file://${REPORT}`);
  await expect(page.locator("html")).toHaveAttribute("data-drawn", String(CHARTS));
  expect(problems).toEqual([]);
  expect(requests).toEqual([page.url()]);

  await test.step("warnings come first, and hostile text is text", async () => {
    await expect(page.locator("body > header > :first-child")).toContainText("Invented books.");
    await expect(page.getByText("<script>alert(1)</script>").first()).toBeAttached();
  });

  await test.step("every chart has lines", async () => {
    expect(await page.locator("canvas").count()).toBe(CHARTS);
    expect(await page.evaluate(drawnCanvases)).toBe(CHARTS);
  });

  await test.step("a page of paper is as wide as each chart", async () => {
    await page.emulateMedia({ media: "print" });
    const wide = await page.evaluate(() => {
      const limit = document.body.getBoundingClientRect().right + 1;
      return [...document.querySelectorAll("canvas, table")].filter((it) => it.getBoundingClientRect().right > limit).length;
    });
    expect(wide).toBe(0);
    const pdf = (await page.pdf({ format: "A4" })).toString("latin1");
    expect(pdf.match(/\/Subtype\s*\/Image/g)?.length ?? 0).toBeGreaterThanOrEqual(CHARTS);
  });
});

/** Returns the number of canvases with at least a hundred coloured pixels. Axes and grid are grey. */
function drawnCanvases(): number {
  const drawn = (canvas: HTMLCanvasElement): boolean => {
    const pixels = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
    let coloured = 0;
    for (let at = 0; at + 3 < pixels.length; at += 4) {
      const [red = 0, green = 0, blue = 0, alpha = 0] = [pixels[at], pixels[at + 1], pixels[at + 2], pixels[at + 3]];
      if (alpha > 128 && Math.max(red, green, blue) - Math.min(red, green, blue) > 80) coloured += 1;
    }
    return coloured >= 100;
  };
  return [...document.querySelectorAll("canvas")].filter(drawn).length;
}

// `POLYTRADER_REPORT=runs/RUN/report.html npm run e2e -- report` renews docs/images/report.png from a real run. Not a skipped test
// without it, because nothing is left unchecked.
const real = process.env["POLYTRADER_REPORT"];
if (real !== undefined) {
  test("the picture of the documentation", async ({ page }) => {
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize({ width: 1120, height: 1200 });
    await page.goto(`file://${resolve(real)}`);
    await expect(page.locator("html")).toHaveAttribute("data-drawn", /\d+/);
    await page.screenshot({ path: join(ROOT, "docs/images/report.png"), scale: "css" });
  });
}
