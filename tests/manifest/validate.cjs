// Prints what Microsoft's validator says of each manifest given: {"file": ["error", ...]}.
// It must find the schema in its own package: whoever opens a connection here fails.
const net = require("node:net");
net.Socket.prototype.connect = () => { throw new Error("the network was asked"); };
const { AppManifestUtils } = require("@microsoft/app-manifest");

(async () => {
  const found = {};
  for (const file of process.argv.slice(2)) {
    try {
      const [, errors] = await AppManifestUtils.readAndValidateTeamsManifest(file);
      found[file] = errors;
    } catch (error) {
      found[file] = [error.message];
    }
  }
  process.stdout.write(JSON.stringify(found));
})().catch((error) => { console.error(error); process.exit(1); });
