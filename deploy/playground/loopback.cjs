// Loaded before the Playground, which listens on every interface and has no option for that:
// here it listens on this machine alone, reaches nothing but this machine, and ends together
// with the program that started it.
"use strict";

const http = require("node:http");
const net = require("node:net");

const HERE = "127.0.0.1";
const LOCAL = /^(localhost|127(\.\d{1,3}){3}|::1)$/;

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function listenHere(where, ...rest) {
  if (typeof where !== "number") return listen.call(this, where, ...rest);
  const done = rest.find((one) => typeof one === "function");
  return listen.call(this, { port: where, host: HERE }, done);
};

const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function connectHere(...given) {
  const [first, second] = Array.isArray(given[0]) ? given[0] : given;
  const host = typeof first === "object" ? first.host : typeof second === "string" ? second : "localhost";
  const path = typeof first === "object" ? first.path : undefined;
  if (path || LOCAL.test(host || "localhost")) return connect.apply(this, given);
  process.nextTick(() => this.destroy(new Error(`${host} is outside of this machine`)));
  return this;
};

// The Playground's page loses an answer in a channel that arrives before the post that it answers
// is drawn, and this agent answers within milliseconds: in channels the page gets a moment more.
const A_MOMENT_MS = 200;
const IN_A_CHANNEL = /^\/_connector\/.*(tacv2|conversations$)/;
const emit = http.Server.prototype.emit;
http.Server.prototype.emit = function emitInTime(event, ...rest) {
  const [request] = rest;
  if (event !== "request" || request.method !== "POST" || !IN_A_CHANNEL.test(request.url)) {
    return emit.call(this, event, ...rest);
  }
  setTimeout(() => emit.call(this, event, ...rest), A_MOMENT_MS);
  return true;
};

process.stdin.on("end", () => process.exit(0));
process.stdin.on("error", () => process.exit(0));
process.stdin.resume();
