"use strict";
const { createReadStream } = require("node:fs");
const unzipper = require("unzipper");
const { ReadFile, archive } = require("./report.cjs");

async function main() {
  const entries = createReadStream(archive).pipe(unzipper.Parse({ forceStream: true }));
  for await (const entry of entries) {
    const file = new ReadFile(entry.path);
    for await (const chunk of entry) file.update(chunk);
    file.end();
  }
}

main();
