// Draws cards with Microsoft's renderer for browsers, which knows no charts and draws what they
// fall back to. `tests/cards/gallery.py` starts it and says what is drawn:
//
//   node gallery.mjs CHROMIUM JOB.json  ->  one JSON object on standard output
//
// The job holds cards, the HTML of every text block as a Markdown renderer makes it, shots (a
// picture of one card) and sheets (a picture of many). The answer holds, for each shot, the words
// that are to be seen, what the renderer complains of, what is cut off, and amounts on two lines.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(new URL("../node/package.json", import.meta.url));
const { chromium } = require("playwright-core");

const [executablePath, jobFile] = process.argv.slice(2);
const job = JSON.parse(readFileSync(jobFile, "utf8"));
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
  "--disable-background-networking", "--disable-component-update", "--font-render-hinting=none", "--disable-lcd-text",
];

const THEMES = {
  light: {
    page: "#F5F5F5", card: "#FFFFFF", line: "#D1D1D1", ink: "#242424", subtle: "#616161",
    accent: "#5B5FC7", attention: "#C4314B", warning: "#835C00", good: "#237B4B",
    button: "#FFFFFF", input: "#FFFFFF",
    grounds: { emphasis: "#F5F5F5", attention: "#FCF4F6", warning: "#FBF6D9", good: "#E7F2DA", accent: "#E8EBFA" },
  },
  dark: {
    page: "#1F1F1F", card: "#292929", line: "#525252", ink: "#FFFFFF", subtle: "#ADADAD",
    accent: "#9299F7", attention: "#F1707B", warning: "#F2D675", good: "#92C353",
    button: "#292929", input: "#1F1F1F",
    grounds: { emphasis: "#3D3D3D", attention: "#3E1F25", warning: "#463100", good: "#0D2E0D", accent: "#2F2F4A" },
  },
};

function hostConfig(theme) {
  const colour = (shade, subtle = shade) => ({ default: shade, subtle });
  const foregroundColors = {
    default: colour(theme.ink, theme.subtle), dark: colour(theme.ink), light: colour(theme.card),
    accent: colour(theme.accent), attention: colour(theme.attention),
    warning: colour(theme.warning), good: colour(theme.good),
  };
  const ground = (backgroundColor) => ({ backgroundColor, foregroundColors });
  const containerStyles = { default: ground(theme.card) };
  for (const [name, shade] of Object.entries(theme.grounds)) containerStyles[name] = ground(shade);
  return {
    fontFamily: "'Segoe UI', 'Liberation Sans', sans-serif",
    supportsInteractivity: true,
    spacing: { small: 8, default: 12, medium: 16, large: 20, extraLarge: 24, padding: 12 },
    separator: { lineThickness: 1, lineColor: theme.line },
    fontTypes: {
      default: {
        fontFamily: "'Segoe UI', 'Liberation Sans', sans-serif",
        fontSizes: { small: 12, default: 14, medium: 14, large: 18, extraLarge: 24 },
        fontWeights: { lighter: 200, default: 400, bolder: 600 },
      },
      monospace: {
        fontFamily: "'Liberation Mono', monospace",
        fontSizes: { small: 12, default: 14, medium: 14, large: 18, extraLarge: 24 },
        fontWeights: { lighter: 200, default: 400, bolder: 600 },
      },
    },
    textStyles: { heading: { size: "large", weight: "bolder" }, columnHeader: { weight: "bolder" } },
    containerStyles,
    actions: {
      maxActions: 6, buttonSpacing: 8, actionsOrientation: "horizontal", actionAlignment: "left",
      showCard: { actionMode: "inline", inlineTopMargin: 12, style: "emphasis" },
    },
    factSet: {
      title: { weight: "bolder", wrap: true, maxWidth: 150 }, value: { wrap: true }, spacing: 16,
    },
    table: { cellSpacing: 6 },
    inputs: {
      label: { requiredInputs: { weight: "bolder" }, optionalInputs: { weight: "bolder" } },
      errorMessage: { color: "attention", weight: "default", size: "small" },
    },
  };
}

function css(theme) {
  return `
  body { margin: 0; background: ${theme.page}; font: 14px 'Segoe UI', 'Liberation Sans', sans-serif; }
  .room { background: ${theme.card}; border: 1px solid ${theme.line}; border-radius: 6px;
    box-sizing: border-box; overflow: hidden; }
  .ac-adaptiveCard { outline: none; }
  .ac-pushButton { font: 600 14px 'Segoe UI', 'Liberation Sans', sans-serif; color: ${theme.ink};
    background: ${theme.button}; border: 1px solid ${theme.line}; border-radius: 4px;
    padding: 5px 12px; min-height: 32px; margin: 2px 0; }
  .ac-pushButton.style-positive { background: ${theme.accent}; color: ${theme.card}; }
  .ac-pushButton.style-destructive { color: ${theme.attention}; border-color: ${theme.attention}; }
  .ac-pushButton.expandable::after { content: " ⌄"; }
  .ac-actionSet > div { flex-wrap: wrap; } /* as Teams does */
  .ac-input { box-sizing: border-box; width: 100%; font: inherit; color: ${theme.ink};
    background: ${theme.input}; border: 1px solid ${theme.line}; border-radius: 4px; padding: 6px 8px; }
  .ac-input::placeholder { color: ${theme.subtle}; }
  textarea.ac-input { min-height: 72px; }
  p { margin: 0; }
  .sheet { display: flex; gap: 16px; padding: 16px; align-items: flex-start; width: max-content; }
  .column { display: flex; flex-direction: column; gap: 16px; }
  h2 { margin: 0 0 4px; font-size: 12px; font-weight: 400; color: ${theme.subtle}; }`;
}

// Runs in the page.
function drawInto(selector, name, width, config) {
  const room = document.createElement("div");
  room.className = "room";
  room.style.width = `${width}px`;
  document.querySelector(selector).append(room);
  const { AdaptiveCard, HostConfig, SerializationContext } = window.AdaptiveCards;
  AdaptiveCard.onProcessMarkdown = (text, result) => {
    result.outputHtml = window.MARKDOWN[text];
    result.didProcess = result.outputHtml !== undefined;
  };
  const card = new AdaptiveCard();
  card.hostConfig = new HostConfig(config);
  const context = new SerializationContext();
  card.parse(window.CARDS[name], context);
  const complaints = [];
  for (let i = 0; i < context.eventCount; i++) complaints.push(context.getEventAt(i).message);
  room.append(card.render());
  const seen = [...room.querySelectorAll(".ac-textBlock, .ac-richTextBlock")];
  const around = room.getBoundingClientRect();
  const cut = [...seen, ...room.querySelectorAll(".ac-pushButton")].filter((one) => {
    const inner = document.createRange();
    inner.selectNodeContents(one);
    const words = inner.getBoundingClientRect();
    return words.width > 0 && (words.right > around.right - 8 || words.left < around.left + 8);
  });
  // An amount that stands on two lines. A minus at a line's end is borne: what would hold it there is
  // an invisible sign, and an amount is to be copied and searched as it is.
  const broken = seen.flatMap((one) => {
    const found = [], texts = document.createTreeWalker(one, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      for (const amount of texts.currentNode.data.matchAll(/\+?(?:[$€£]|[A-Z]{3}\s)\d[\d,.]*/g)) {
        const place = document.createRange();
        place.setStart(texts.currentNode, amount.index);
        place.setEnd(texts.currentNode, amount.index + amount[0].length);
        const lines = new Set([...place.getClientRects()].map((rect) => Math.round(rect.top)));
        if (lines.size > 1) found.push(amount[0]);
      }
    }
    return found;
  });
  return {
    complaints,
    seen: seen.map((one) => one.innerText),
    markup: [...room.querySelectorAll(".ac-textBlock a, .ac-textBlock strong, .ac-textBlock em, " +
      ".ac-textBlock code, .ac-textBlock li, .ac-textBlock h1, .ac-textBlock img, .ac-textBlock at")]
      .map((one) => one.outerHTML),
    cut: cut.map((one) => one.innerText),
    broken,
    height: room.getBoundingClientRect().height,
  };
}

const browser = await chromium.launch({ executablePath, args: FLAGS });
const answer = { shots: [] };
try {
  const page = await browser.newPage();
  await page.route("**/*", (route) => route.abort());
  const prepare = async (theme, width) => {
    await page.setViewportSize({ width, height: 800 });
    await page.setContent(`<style>${css(THEMES[theme])}</style><main></main>`);
    await page.addScriptTag({ path: require.resolve("adaptivecards/dist/adaptivecards.min.js") });
    await page.evaluate(([cards, markdown]) => {
      window.CARDS = cards;
      window.MARKDOWN = markdown;
    }, [job.cards, job.markdown]);
    await page.addScriptTag({ content: `window.drawInto = ${drawInto}` });
  };
  const draw = (selector, name, width, theme) =>
    page.evaluate((given) => window.drawInto(...given), [selector, name, width, hostConfig(THEMES[theme])]);

  for (const { theme, width, names, folder } of job.shots) {
    await prepare(theme, width);
    for (const name of names) {
      await page.evaluate(() => document.querySelector("main").replaceChildren());
      const found = await draw("main", name, width, theme);
      answer.shots.push({ name, theme, width, ...found });
      if (folder) {
        const path = `${folder}/${name.replaceAll(/[^\w]+/g, "-")}-${width}-${theme}.png`;
        await page.locator(".room").screenshot({ path });
      }
    }
  }
  for (const { theme, width, columns, path } of job.sheets) {
    await prepare(theme, 400);
    await page.evaluate((count) => {
      const sheet = document.createElement("div");
      sheet.className = "sheet";
      for (let i = 0; i < count; i++) {
        const column = document.createElement("div");
        column.className = "column";
        column.id = `c${i}`;
        sheet.append(column);
      }
      document.querySelector("main").append(sheet);
    }, columns.length);
    for (const [i, names] of columns.entries()) {
      for (const name of names) {
        await page.evaluate(([at, title]) => {
          const place = document.createElement("div");
          place.innerHTML = "<h2></h2><div class='place'></div>";
          place.firstChild.textContent = title;
          document.querySelectorAll(".place").forEach((one) => one.classList.remove("last"));
          place.lastChild.classList.add("last");
          document.querySelector(`#c${at}`).append(place);
        }, [i, name]);
        await draw(".last", name, width, theme);
      }
    }
    const size = await page.locator(".sheet").boundingBox();
    await page.setViewportSize({ width: Math.ceil(size.width), height: Math.ceil(size.height) });
    await page.screenshot({ path, fullPage: true });
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(answer));
