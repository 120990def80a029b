// Looks at mails as their readers' programs do. `tests/mails/looking.py` starts it:
//
//   node check.mjs CHROMIUM JOB.json  ->  one JSON object on standard output
//
// The job holds mails (name and HTML) and, where pictures are wanted, a folder. The answer holds for
// each mail what html-validate says of its markup, which features each mail client lacks (caniemail),
// and for each width and theme what axe-core finds, what is cut off or wider than the window, and which
// short words and amounts stand on two lines.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(new URL("../node/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const { HtmlValidate } = require("html-validate");
const { caniemail } = await import(pathToFileURL(require.resolve("caniemail")));
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [executablePath, jobFile] = process.argv.slice(2);
const job = JSON.parse(readFileSync(jobFile, "utf8"));
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
  "--disable-background-networking", "--disable-component-update", "--font-render-hinting=none", "--disable-lcd-text",
];
const CLIENTS = [
  "outlook.windows", "outlook.macos", "outlook.ios", "outlook.android", "gmail.*", "apple-mail.*",
];

// What mails need and pages do not: attributes and comments that Outlook's Word engine reads, and
// styles where they are used, as mobile Gmail drops style blocks.
const validator = new HtmlValidate({
  extends: ["html-validate:recommended", "html-validate:a11y"],
  rules: {
    "no-inline-style": "off",
    "no-conditional-comment": "off",
    "no-deprecated-attr": "off",
    "no-trailing-whitespace": "off",
    "long-title": "off",
    "prefer-native-element": "off", // programs that show mails strip <article>, and keep its role
    "prefer-tbody": "off",
    "element-permitted-content": "error",
  },
});

async function markup(html) {
  const report = await validator.validateString(html);
  return report.results.flatMap((result) =>
    result.messages.map((one) => `${one.line}:${one.column} ${one.ruleId}: ${one.message}`));
}

function lacking(html) {
  const { issues } = caniemail({ clients: CLIENTS, html });
  const found = {};
  for (const [client, list] of issues.errors) {
    for (const { title } of list) (found[title] ??= new Set()).add(client);
  }
  return Object.fromEntries(Object.entries(found).map(([title, clients]) => [title, [...clients].sort()]));
}

const browser = await chromium.launch({ executablePath, args: FLAGS });

async function look(page, { name, html }, { width, theme, styles }) {
  await page.setViewportSize({ width, height: 800 });
  await page.emulateMedia({ colorScheme: theme });
  await page.setContent(styles ? html : html.replace(/<style>[\s\S]*?<\/style>/g, ""), { waitUntil: "domcontentloaded" });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  const cut = await page.evaluate(() => [...document.querySelectorAll("td, th, p, h1, h2, div")]
    .filter((one) => one.children.length === 0 && one.textContent.trim() && getComputedStyle(one).display !== "none"
      && one.getBoundingClientRect().right > window.innerWidth + 1)
    .map((one) => one.textContent.trim().slice(0, 60)));
  const broken = await page.evaluate(() => {
    const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      for (const word of texts.currentNode.data.matchAll(/(?<=^|\s)(?:[A-Z]{3} (?=\d))?[\p{L}\p{N}$€£.,−+%:;()“”]{2,14}(?=\s|$)/gu)) {
        const place = document.createRange();
        place.setStart(texts.currentNode, word.index);
        place.setEnd(texts.currentNode, word.index + word[0].length);
        const lines = new Set([...place.getClientRects()].map((rect) => Math.round(rect.top)));
        if (lines.size > 1) found.push(word[0]);
      }
    }
    return found;
  });
  let violations = [];
  if (styles) {
    await page.evaluate(axe);
    const result = await page.evaluate(() => window.axe.run(document, {
      // A mail is a part of the page that shows it, which has the landmarks.
      rules: { "landmark-one-main": { enabled: false }, region: { enabled: false } },
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"],
    }));
    violations = result.violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 160)} ${(node.any[0] ?? node.all[0] ?? node.none[0])?.message ?? ""}`));
  }
  if (job.folder) {
    const file = `${name.replaceAll(/[^a-z0-9]+/g, "-")}-${width}-${theme}${styles ? "" : "-plain"}.png`;
    await page.screenshot({ path: join(job.folder, file), fullPage: true });
  }
  return { width, theme, styles, wide, height, cut, broken, violations };
}

const mails = [];
const page = await browser.newPage();
for (const mail of job.mails) {
  const looks = [];
  for (const how of job.looks) looks.push(await look(page, mail, how));
  mails.push({ name: mail.name, markup: await markup(mail.html), lacking: lacking(mail.html), looks });
}
await browser.close();
process.stdout.write(JSON.stringify({ mails }));
