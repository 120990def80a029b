// Opens /api/docs in Chromium, authorizes with an API key and tries GET /api/teams out. Prints one
// JSON object: the status and body that the page shows, requests to other hosts, console errors.
//
//   node swagger_ui.mjs CHROMIUM URL API_KEY SCREENSHOT

import { createRequire } from "node:module";

const require = createRequire(new URL("../node/package.json", import.meta.url));
const { chromium } = require("playwright-core");

const [executablePath, url, key, screenshot] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const page = await browser.newPage({
  viewport: { width: 1280, height: 1000 },
  colorScheme: "light",
  // As typed into the browser's own sign-in dialog; the page itself is under authentication too.
  httpCredentials: { username: "any", password: key },
});
page.setDefaultTimeout(30_000);
const outside = [];
const errors = [];
page.on("request", (request) => {
  if (!request.url().startsWith(url) && !request.url().startsWith("data:")) outside.push(request.url());
});
page.on("console", (message) => {
  if (["error", "warning"].includes(message.type())) errors.push(message.text());
});
page.on("pageerror", (error) => errors.push(error.message));

await page.goto(`${url}/api/docs`);
await page.getByRole("button", { name: "Authorize" }).first().click();
await page.locator(".auth-container input").fill(key);
await page.locator(".auth-container").getByRole("button", { name: /apply|authorize/i }).click();
await page.locator(".auth-container .btn-done").click();
const operation = page.locator(".opblock").filter({ hasText: "/api/teams" }).filter({ hasText: "GET" }).first();
await operation.locator(".opblock-summary-control").click();
await operation.getByRole("button", { name: "Try it out" }).click();
await operation.getByRole("button", { name: "Execute" }).click();
const live = operation.locator(".live-responses-table");
await live.waitFor();
const status = await live.locator(".response .response-col_status").first().innerText();
const body = await live.locator(".response .highlight-code, .response pre").first().innerText();
const operations = await page.locator(".opblock").count();
await page.screenshot({ path: screenshot, fullPage: false });
await browser.close();
console.log(JSON.stringify({ status, body, operations, outside, errors }));
