"use strict";
const unzipper = require("unzipper");
const { ReadFile, archive } = require("./report.cjs");

async function main() {
  const opened = await unzipper.Open.file(archive);
  for (const entry of opened.files) {
    const file = new ReadFile(entry.path);
    for await (const chunk of entry.stream()) file.update(chunk);
    file.end();
  }
}

main();
