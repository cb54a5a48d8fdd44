// Does in a real Chromium what a person does with the pages, and prints as JSON what was seen.
// node drive.mjs CHROMIUM FOLDER, where FOLDER has green.html and red.html; screenshots are written into it.
import { createRequire } from "node:module";
import { readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(resolve("package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const [executablePath, folder] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const seen = { console: [], requests: [], axe: {}, overflow: {} };

/** @param {string} name @param {object} options */
async function open(name, options = {}, hash = "") {
  const context = await browser.newContext({ bypassCSP: true, ...options }); // for axe; nothing else needs it
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.on("console", (message) => seen.console.push(message.text()));
  page.on("pageerror", (error) => seen.console.push(error.message));
  page.on("request", (request) => { if (!/^(file|data):/.test(request.url())) seen.requests.push(request.url()); });
  await page.goto(`${pathToFileURL(join(folder, name))}${hash}`);
  await page.waitForSelector("html[data-drawn]");
  return page;
}

const rows = (page) => page.locator(".list tbody tr").count();
const status = (page) => page.locator("output").textContent();

for (const name of ["green.html", "red.html"]) {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [390, 1440]) {
      const page = await open(name, { colorScheme, viewport: { width, height: 900 } });
      await page.locator(".list a").first().click(); // so that axe sees an open verdict
      await page.locator("#faults summary").first().click().catch(() => {});
      await page.evaluate(axe);
      const found = await page.evaluate(() => globalThis.axe.run());
      const key = `${name} ${colorScheme} ${width}`;
      seen.axe[key] = found.violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)}`);
      await page.goto(`${page.url().split("#")[0]}#outcome=failed`); // of red.html the last has the bytes of its files
      await page.locator(".list a").last().click({ timeout: 500 }).catch(() => {});
      const again = await page.evaluate(() => globalThis.axe.run());
      seen.axe[key].push(...again.violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)}`));
      seen.overflow[key] = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      await page.goto(page.url().split("#")[0]);
      await page.screenshot({ path: join(folder, `${key.replaceAll(" ", "-")}.png`) });
      await page.context().close();
    }
  }
}

{
  const page = await open("green.html");
  seen.all = await status(page);
  seen.paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
  seen.sums = await page.locator(".sums").innerText();
  await page.locator("input[name=q]").fill("bf16 random");
  seen.searched = [await status(page), await page.locator(".list tbody tr a").first().textContent()];
  await page.reload();
  await page.waitForSelector("html[data-drawn]");
  seen.reloaded = [await status(page), await page.locator("input[name=q]").inputValue()];
  await page.locator(".clear").click();
  await page.locator("select[name=outcome]").selectOption("divergence");
  seen.filtered = [await status(page), await page.locator(".list .mark").allTextContents()];
  await page.locator("select[name=rows]").selectOption("check");
  await page.locator("select[name=columns]").selectOption("direction");
  seen.axes = [await page.locator(".map caption").textContent(), await page.locator(".map tbody th").allTextContents()];
  await page.locator(".map td a").first().click();
  seen.cell = [page.url().split("#")[1], await page.evaluate(() => document.activeElement?.id)];
  await page.locator(".clear").click();
  seen.cleared = await status(page);
  await page.locator("select[name=outcome]").selectOption("divergence");
  await page.locator("nav a", { hasText: "Time" }).click();
  seen.section = [await page.evaluate(() => document.activeElement?.id), page.url().split("#")[1]];
  await page.locator("select[name=dtype]").selectOption("bf16");
  seen.keptFilter = [await page.locator("select[name=outcome]").inputValue(), await page.locator("select[name=dtype]").inputValue()];
  await page.locator(".clear").click();
  await page.goto(`${page.url().split("#")[0]}#rows=bogus`);
  seen.bogus = await page.locator(".map caption").textContent();
  await page.locator(".clear").click();
  await page.locator(".list button").click();
  seen.more = await rows(page);
  await page.locator("#reasons a").first().click();
  seen.reason = [await status(page), await page.locator(".list .found").first().textContent()];
  await page.locator(".list a").first().click();
  seen.notRun = await page.locator("#verdict").innerText();
  await page.keyboard.press("Escape");
  seen.closed = await page.locator("#verdict").isHidden();
  await page.locator("#faults table a").first().click();
  await page.locator(".list a").first().click();
  seen.known = await page.locator("#verdict").innerText();
  seen.bits = await page.locator("#verdict mark").allTextContents();
  seen.time = await page.locator("#time table").first().innerText();
  seen.focus = await page.evaluate(() => document.activeElement?.id);
  await page.emulateMedia({ media: "print" });
  seen.printed = [await page.locator("form").isVisible(), await page.locator("#verdict").isVisible()];
}
{
  const page = await open("red.html");
  const cells = page.locator(".map td:not(:empty)");
  seen.map = Object.fromEntries(await cells.evaluateAll((all) => all.map((cell) => [cell.textContent, cell.className])));
  seen.failures = await page.locator("#failures").innerText();
  await page.locator("#failures a", { hasText: "/bytes" }).click();
  seen.failure = await page.locator("#verdict").innerText();
  seen.marks = await page.locator("#verdict mark").allTextContents();
  const kept = await page.locator("#verdict li a").first().evaluate((link) => link.href);
  seen.kept = statSync(new URL(kept)).size;
  seen.changes = await page.locator("#changes").innerText();
  seen.markup = await page.locator("body").evaluate((body) => body.querySelectorAll("b#evil").length);
  await page.goto(`${page.url().split("#")[0]}#v=no/such/id/at/all`);
  seen.unknown = await page.locator("#verdict").innerText();
}
{
  const id = "dat/dotnet-to-python/cpu/pattern/all/bf16/bytes";
  const page = await open("red.html", {}, `#v=${encodeURIComponent(id)}`);
  seen.linked = await page.locator("#verdict-title").textContent();
}
{
  const page = await open("both.html");
  await page.locator(".list a").nth(1).click();
  seen.both = [await page.locator("#verdict").innerText(), await status(page), await rows(page)];
}
await browser.close();
console.log(JSON.stringify(seen));
