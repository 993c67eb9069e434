"use strict";
const StreamZip = require("node-stream-zip");
const { ReadFile, archive } = require("./report.cjs");

async function main() {
  const opened = new StreamZip.async({ file: archive });
  for (const entry of Object.values(await opened.entries())) {
    const file = new ReadFile(entry.name);
    for await (const chunk of await opened.stream(entry)) file.update(chunk);
    file.end();
  }
  await opened.close();
}

main();
