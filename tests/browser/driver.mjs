// Drives the Agents Playground in Chromium for the tests: one JSON command a line on standard
// input, one JSON answer a line on standard output. It waits for what is to be seen, never for
// a time to pass. `tests/browser/page.py` speaks to it.
//
//   node driver.mjs CHROMIUM PATIENCE_MS

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const require = createRequire(new URL("../node/package.json", import.meta.url));
const { chromium } = require("playwright-core");

const [executablePath, patience] = process.argv.slice(2);
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
  "--disable-background-networking", "--disable-component-update",
];
const DESKTOP = { width: 1400, height: 1000 };
const PHONE = { width: 375, height: 812 };
const CARD = ".ac-preview-panel";
// The Playground has no phone layout: it gives a card the same width on any page. On a narrow
// page these rules give it the width that is left on a phone.
const NARROW = `@media (max-width: 480px) {
  div:has(${CARD}) { min-width: 0 !important; margin-left: 0 !important; margin-right: 0 !important; }
  div:has(> .fai-OutputCard) > :not(.fai-OutputCard) { display: none !important; }
  div:has(> div > ${CARD}) > :not(:has(${CARD})) { display: none !important; }
  .fai-OutputCard, .fui-Card:has(${CARD}) { padding: 4px 12px !important; }
  div:has(> ${CARD}) { width: 347px !important; }
  div:has(> div > [role=region][aria-label="Chat and Teams Channel"]) { display: none !important; }
  [role=toolbar], ::-webkit-scrollbar { display: none !important; }
  div:has([role=textbox]) { min-width: 0 !important; max-width: 100vw !important; }
  h1 { white-space: nowrap; }
}`;

const browser = await chromium.launch({ executablePath, args: FLAGS });
const page = await browser.newPage({ viewport: DESKTOP });
page.setDefaultTimeout(Number(patience));
const troubles = [];
const outside = new Set();
let card; // the card that was seen last: presses and inputs are meant for it

page.on("pageerror", (error) => troubles.push(error.message));
await page.route(
  (url) => !["127.0.0.1", "localhost"].includes(url.hostname) && url.protocol.startsWith("http"),
  (route) => {
    outside.add(new URL(route.request().url()).hostname);
    return route.abort();
  },
);

const box = () => page.getByRole("textbox");

async function settled() {
  // Two frames without a change of the card's height: charts and updates have been drawn.
  await card.evaluate(async (element) => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    for (let before = -1; before !== element.scrollHeight; ) {
      before = element.scrollHeight;
      await frame();
      await frame();
    }
  });
}

async function hideLog() {
  const hide = page.getByRole("button", { name: "Hide log panel" });
  if (await hide.isVisible()) await hide.click();
}

const input = (label) => card.getByLabel(new RegExp(`^${label}`)).filter({ visible: true }).first();

const beyondTheEdge = () =>
  card.evaluate((element) => {
    const { left, right } = element.getBoundingClientRect();
    const out = (box) => box.width > 0 && (box.right > right + 1 || box.left < left - 1);
    return [...element.querySelectorAll("p, input, textarea, button")]
      .filter((one) => out(one.getBoundingClientRect()) || one.scrollWidth > one.clientWidth + 1)
      .map((one) => one.innerText || one.value || one.tagName);
  });

async function tallFor(size) {
  // The whole card is to be seen, however tall it is.
  await page.setViewportSize(size);
  await settled();
  const height = await card.evaluate((element) => element.scrollHeight);
  await page.setViewportSize({ width: size.width, height: Math.max(size.height, height + 360) });
  await settled();
}

async function button(name) {
  const direct = card.getByRole("button", { name, exact: true }).filter({ visible: true });
  const more = card.getByRole("button", { name: /^(\.\.\.|…|More.*)$/ }).filter({ visible: true });
  await direct.or(more).first().waitFor();
  if (await direct.count()) return direct.last();
  await more.last().click();
  return page.getByRole("menuitem", { name, exact: true }).or(direct).last();
}

const commands = {
  async open({ url }) {
    await page.goto(url, { waitUntil: "domcontentloaded", timeout: 2 * patience });
    await page.addStyleTag({ content: NARROW });
    await box().last().waitFor({ timeout: 2 * patience });
    await hideLog();
  },
  async chat({ name }) {
    await page.getByRole("treeitem", { name: new RegExp(`(^|- )${name}$`) }).click();
    await box().last().waitFor();
  },
  /** Writes a message; `@Name` at its beginning becomes a mention. In a channel: a new post. */
  async say({ text, mention, channel }) {
    const where = channel ? box().first() : box().last();
    await where.click();
    if (mention) {
      await page.keyboard.type("@");
      await page.getByRole("menuitem", { name: new RegExp(mention) }).click();
    }
    await page.keyboard.insertText((mention ? " " : "") + text);
    if (channel) await page.getByRole("button", { name: "Post", exact: true }).click();
    else await page.keyboard.press("Enter");
  },
  /** Waits for a card that holds all texts; its whole text. */
  async see({ texts }) {
    card = texts.reduce((found, hasText) => found.filter({ hasText }), page.locator(CARD)).last();
    await card.waitFor();
    await settled();
    return card.innerText();
  },
  /** Waits until no card holds the text. */
  async gone({ text }) {
    await page.locator(CARD).filter({ hasText: text }).last().waitFor({ state: "detached" });
  },
  /** Waits for words anywhere on the page, such as what a press is answered with. */
  async read({ text }) {
    await page.getByText(text).filter({ visible: true }).last().waitFor();
  },
  async press({ name }) {
    await (await button(name)).click();
  },
  async buttons() {
    return card.getByRole("button").filter({ visible: true }).allInnerTexts();
  },
  async fill({ label, value }) {
    await input(label).fill(value);
  },
  async choose({ label, option }) {
    await card.getByRole("combobox", { name: new RegExp(`^${label}`) }).click();
    await page.getByRole("option", { name: new RegExp(option) }).first().click();
  },
  async value({ label }) {
    return input(label).inputValue();
  },
  async charts() {
    return card.locator("svg path[stroke], svg rect, svg path[fill]").count();
  },
  /** A picture of the page at desktop width and of the card at a phone's. */
  async shot({ desktop, phone }) {
    await hideLog();
    if (desktop) {
      await tallFor(DESKTOP);
      await card.evaluate((element) => element.scrollIntoView({ block: "end" }));
      await page.screenshot({ path: desktop });
    }
    let cut = [];
    if (phone) {
      await tallFor(PHONE);
      await card.screenshot({ path: phone });
      cut = await beyondTheEdge();
    }
    await page.setViewportSize(DESKTOP);
    await settled();
    return cut;
  },
  /** A picture of the whole page as it is, or at some size with the card at its top. */
  async screen({ path, width, height }) {
    await hideLog();
    if (width) {
      await page.setViewportSize({ width, height });
      await settled();
      await card.evaluate((element) => {
        element.scrollIntoView({ block: "start" });
        window.scrollTo(0, 0);
      });
      await settled();
    }
    await page.screenshot({ path });
    await page.setViewportSize(DESKTOP);
  },
  async seen() {
    return page.locator(CARD).allInnerTexts();
  },
  async troubles() {
    return { troubles, outside: [...outside] };
  },
};

const answer = (body) => process.stdout.write(JSON.stringify(body) + "\n");
answer({ done: null });
for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...rest } = JSON.parse(line);
  try {
    answer({ done: (await commands[command](rest)) ?? null });
  } catch (error) {
    answer({ failed: error.message });
  }
}
await browser.close();
