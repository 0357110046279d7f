// Many tabs at once: browsers open six connections to a host, and the emergency stop needs one of them.

import { expect, test, type BrowserContext, type Page } from "@playwright/test";
import { Host, type Run } from "./host";

const TABS = 10;
/** Time limit for the response to the stop. */
const STOP_WITHIN_MS = 5_000;

/** Test timeout: ten pages drawing at once are slow on a small machine. The asserted times are unaffected. */
const PATIENCE_MS = 600_000;

let host: Host;
let run: Run;

test.describe.configure({ timeout: PATIENCE_MS });

test.beforeEach(async () => {
  ({ host, run } = await Host.start());
});

test.afterEach(async () => {
  expect(await host?.stop()).toBe(0);
});

test("with ten tabs the emergency stop is sent, an eleventh tab loads, and closing a tab does not end the stream", async ({ context }) => {
  const tabs = await openTabs(context);
  const first = tabs[0] as Page;
  const eleventh = await test.step("an eleventh tab loads and shows live data", async () => {
    const page = await context.newPage();
    await page.goto(run.dashboard, { timeout: 60_000 });
    await isLive(page);
    return page;
  });
  await test.step("the first tab's emergency stop is answered in time, and every tab shows it", async () => {
    expect(await stopFrom(first)).toBeLessThan(STOP_WITHIN_MS);
    for (const page of [...tabs, eleventh]) await expect(page.getByRole("alert").getByText("HALTED")).toBeVisible();
  });
  await test.step("the others go on without the first tab", async () => {
    await first.close();
    for (const page of [tabs[1] as Page, eleventh]) await isLive(page);
    const second = tabs[1] as Page;
    await second.getByRole("button", { name: "Release…" }).click();
    await second.getByLabel("Reason").fill("the browser test has seen enough");
    await second.getByRole("button", { name: "Release", exact: true }).click();
    for (const page of [...tabs.slice(1), eleventh]) await expect(page.getByRole("alert").getByText("HALTED")).toHaveCount(0);
  });
});

test("without shared workers the emergency stop is sent too", async ({ context }) => {
  await context.addInitScript(() => Reflect.deleteProperty(globalThis, "SharedWorker"));
  const tabs = await openTabs(context);
  expect(await stopFrom(tabs[0] as Page)).toBeLessThan(STOP_WITHIN_MS);
  for (const page of tabs) await expect(page.getByRole("alert").getByText("HALTED")).toBeVisible();
});

async function openTabs(context: BrowserContext): Promise<Page[]> {
  const tabs: Page[] = [];
  for (let index = 0; index < TABS; index += 1) {
    const page = await context.newPage();
    await page.goto(index === 0 ? run.login : run.dashboard, { timeout: 60_000 });
    if (index === 0) await page.getByRole("button", { name: "Log in" }).click();
    await expect(page.getByLabel("Bot state: RUNNING")).toBeVisible();
    tabs.push(page);
  }
  return tabs;
}

/** Waits until the count of events moves: the page hears of the host. */
async function isLive(page: Page): Promise<void> {
  const events = page.getByTitle("Market events since the start");
  const before = await events.textContent();
  await expect(events).not.toHaveText(before ?? "");
  await expect(page.getByText("Connection lost")).toHaveCount(0);
}

/** Clicks the emergency stop and returns the time from the page's call to the response, including the wait for a connection. */
async function stopFrom(page: Page): Promise<number> {
  await page.bringToFront();
  const answered = page.waitForResponse((response) => response.url().endsWith("/v1/admin/emergency-stop"));
  await page.getByRole("button", { name: "EMERGENCY STOP" }).click();
  expect((await answered).status()).toBe(200);
  const timings = await page.waitForFunction(() => {
    return performance.getEntriesByType("resource").find((it) => it.name.endsWith("/v1/admin/emergency-stop"))?.toJSON();
  });
  return ((await timings.jsonValue()) as PerformanceResourceTiming).duration;
}
