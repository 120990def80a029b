// `make playground`: starts the Microsoft 365 Agents Playground in front of the running agent.
//
// PORT            where the agent answers (8001)
// PLAYGROUND_PORT where the Playground is to be opened (56150)

import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const PATIENCE_MS = 5000;
const START_MS = 60_000;

class Refused extends Error {}

function port(name, usual) {
  const given = process.env[name] || String(usual);
  const number = Number(given);
  if (!/^\d{1,5}$/.test(given) || number < 1 || number > 65_535) {
    throw new Refused(`${name}=${given} is not a port. Give a number from 1 to 65535.`);
  }
  return number;
}

async function ask(url, options = {}) {
  return fetch(url, { ...options, signal: AbortSignal.timeout(PATIENCE_MS), redirect: "manual" });
}

/** Refuses unless an agent answers there that lets the Playground in. */
async function checkAgent(address) {
  let health;
  try {
    health = await ask(`${address}/api/health`);
  } catch {
    throw new Refused(
      `No agent answers on ${address}. Start one in another terminal with make run ` +
        "(PORT=… make playground for another port).",
    );
  }
  const said = await health.json().catch(() => ({}));
  if (!["healthy", "unhealthy"].includes(said?.status)) {
    throw new Refused(`What answers on ${address} is not the agent. Set PORT to the agent's port.`);
  }
  const door = await ask(`${address}/api/messages`, { method: "POST", body: "{}" });
  if (door.status === 401) {
    throw new Refused(
      "The agent asks for Microsoft's sign-in, as MicrosoftAppId is set; the Playground has none. " +
        "Start the agent without MicrosoftAppId to use the Playground.",
    );
  }
}

/** Refuses when something has the port: the Playground would take another one in silence. */
async function checkFree(number) {
  const door = createServer();
  await new Promise((resolve, reject) => {
    door.once("error", reject).listen({ port: number, host: "127.0.0.1" }, () => door.close(resolve));
  }).catch((error) => {
    throw new Refused(
      `Cannot listen on 127.0.0.1:${number} (${error.code}). Stop the program that has the port, ` +
        "or choose another: PLAYGROUND_PORT=56151 make playground.",
    );
  });
}

function playground(agent, number) {
  const program = createRequire(import.meta.url).resolve("@microsoft/m365agentsplayground/cli.js");
  const address = `http://127.0.0.1:${number}`;
  return spawn(
    process.execPath,
    [
      ...["--require", join(HERE, "loopback.cjs"), program, "start"],
      ...["--app-endpoint", `${agent}/api/messages`, "--channel-id", "msteams"],
      ...["--port", String(number), "--service-url", `${address}/_connector`],
      "--disable-telemetry",
    ],
    {
      env: {
        ...process.env,
        APPLICATION_INSIGHTS_NO_STATSBEAT: "1",
        TEAMSAPPTESTER_BROWSER: "none",
        M365_AGENTS_PLAYGROUND_CONFIG_PATH: join(HERE, ".m365agentsplayground.yml"),
        M365_AGENTS_PLAYGROUND_LOGFILE: join(HERE, "node_modules", "playground.log"),
      },
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
}

/** Resolves once the Playground says that it listens; refuses when it ends or says nothing. */
function listening(child) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      child.kill();
      reject(new Refused("The Playground did not start within a minute."));
    }, START_MS);
    let said = "";
    child.stdout.on("data", (part) => {
      said += part;
      if (/^Listening on \d+$/m.test(said)) {
        clearTimeout(late);
        resolve();
      }
    });
    child.once("exit", () => {
      clearTimeout(late);
      const log = join(HERE, "node_modules", "playground.log");
      reject(new Refused(`The Playground ended at its start. What it said is in ${log}.`));
    });
  });
}

async function main() {
  const agent = `http://127.0.0.1:${port("PORT", 8001)}`;
  const number = port("PLAYGROUND_PORT", 56_150);
  await checkAgent(agent);
  await checkFree(number);
  const child = playground(agent, number);
  const ended = new Promise((resolve) => child.once("exit", resolve));
  let stopping = false;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      stopping = true;
      child.kill("SIGTERM");
    });
  }
  try {
    await listening(child);
  } catch (error) {
    if (stopping) return 0;
    throw error;
  }
  console.log(`Agent       ${agent}`);
  console.log(`Playground  http://127.0.0.1:${number}  (open this in a browser)`);
  console.log("Stop with Ctrl-C.");
  const code = await ended;
  if (!stopping) throw new Refused(`The Playground ended by itself (exit code ${code}).`);
  console.log("Stopped.");
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
