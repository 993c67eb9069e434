"use strict";
const { readFileSync } = require("node:fs");
const JSZip = require("jszip");
const { report, archive } = require("./report.cjs");

async function main() {
  const opened = await JSZip.loadAsync(readFileSync(archive), { checkCRC32: true });
  for (const file of Object.values(opened.files)) {
    // It makes folders up for the names that are in them.
    if (!file.dir) report(file.name, await file.async("nodebuffer"));
  }
}

main();
