// Writes down what a Node process listens on, looks up and connects to, for the test that none of
// it is outside of this machine. It is loaded first, so it sees what really happens in the end.
"use strict";

const dns = require("node:dns");
const { appendFileSync } = require("node:fs");
const net = require("node:net");

const file = process.env.RECORD_NETWORK;
const write = (what, host) =>
  appendFileSync(file, JSON.stringify({ what, host: String(host || "localhost") }) + "\n");

for (const name of ["lookup", "resolve", "resolve4", "resolve6"]) {
  for (const table of [dns, dns.promises]) {
    const before = table[name];
    table[name] = function (host, ...rest) {
      write("lookup", host);
      return before.call(this, host, ...rest);
    };
  }
}

const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...given) {
  const [first, second] = Array.isArray(given[0]) ? given[0] : given;
  const options = typeof first === "object" ? first : { host: second };
  if (!options.path) write("connect", options.host);
  return connect.apply(this, given);
};

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...given) {
  this.once("listening", () => write("listen", this.address().address));
  return listen.apply(this, given);
};
