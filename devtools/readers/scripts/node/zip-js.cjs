"use strict";
const fs = require("node:fs");
const { BlobReader, ZipReader, configure } = require("@zip.js/zip.js");
const { ReadFile, archive } = require("./report.cjs");

configure({ useWebWorkers: false });

async function main() {
  const blob = fs.openAsBlob
    ? await fs.openAsBlob(archive)
    : new Blob([fs.readFileSync(archive)]);
  const reader = new ZipReader(new BlobReader(blob), { checkSignature: true });
  for await (const entry of reader.getEntriesGenerator()) {
    const file = new ReadFile(entry.filename);
    await entry.getData(new WritableStream({ write: (chunk) => file.update(chunk) }));
    file.end();
  }
  await reader.close();
}

main();
