// Opens a page at two widths; prints JSON: console messages, requests, axe violations, overflow,
// and what sorting and copying by keyboard do. Usage: node page_check.js PAGE CHROMIUM [FOLDER];
// with a folder it also writes pictures of the whole page.
"use strict";
const { chromium } = require("playwright-core");
const fs = require("fs");
const path = require("path");

const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const [file, executablePath, folder] = process.argv.slice(2);
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];

async function look(browser, width, result) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, bypassCSP: true });
  const page = await context.newPage();
  page.setDefaultTimeout(120000);
  page.on("console", (message) => result.console.push(message.text()));
  page.on("pageerror", (error) => result.console.push(String(error)));
  page.on("request", (request) => result.requests.push(request.url()));
  await page.goto("file://" + file);
  if (folder) { // pictures of a long page take a while; only a person who looks asks for them
    const where = path.join(folder, `report-${width}.png`);
    await page.screenshot({ path: where, fullPage: true, timeout: 300000 });
  }
  result.width[width] = await page.evaluate(() => document.documentElement.scrollWidth);
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run());
  result.violations[width] = found.violations.map(
    (v) => ({ id: v.id, impact: v.impact, nodes: v.nodes.length, html: v.nodes[0].html }));
  await context.close();
}

async function keyboard(browser, result) {
  // With the page's own content security policy.
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(120000);
  page.on("console", (message) => result.console.push(message.text()));
  await page.addInitScript(() => {
    Object.defineProperty(navigator, "clipboard", {
      value: { writeText: async (text) => { window.copied = text; } } });
  });
  await page.goto("file://" + file);
  const table = page.locator("#cohort table").first();
  const cells = () => table.locator("tbody").first().locator("td:last-child").allTextContents();
  const header = table.locator("thead th button").last();
  await header.focus();
  await page.keyboard.press("Enter");
  result.ascending = await cells();
  await page.keyboard.press("Space");
  result.descending = await cells();
  result.sorted = await table.locator("th[aria-sort]").getAttribute("aria-sort");
  await page.locator("#performance .copy").first().focus();
  await page.keyboard.press("Enter");
  result.copied = await page.evaluate(() => window.copied);
  await page.keyboard.press("Control+Home");
  await page.reload();
  await page.keyboard.press("Tab");
  result.first_stop = await page.evaluate(() => document.activeElement.className);
  await context.close();
}

async function withoutScript(browser, result) {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  page.setDefaultTimeout(120000);
  await page.goto("file://" + file);
  result.plain = {
    buttons: await page.locator("button").count(),
    tables: await page.locator("table").count(),
    summary: await page.locator("#summary .lead").innerText(),
  };
  await context.close();
}

(async () => {
  const browser = await chromium.launch({ executablePath, args });
  const result = { console: [], requests: [], violations: {}, width: {} };
  for (const width of [1280, 400]) { await look(browser, width, result); }
  await keyboard(browser, result);
  await withoutScript(browser, result);
  await browser.close();
  process.stdout.write(JSON.stringify(result));
})().catch((error) => { process.stderr.write(String(error)); process.exit(1); });
