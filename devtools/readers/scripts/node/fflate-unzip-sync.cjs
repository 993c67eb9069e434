"use strict";
const { readFileSync } = require("node:fs");
const { unzipSync } = require("fflate");
const { report, archive } = require("./report.cjs");

for (const [name, contents] of Object.entries(unzipSync(readFileSync(archive)))) {
  report(name, contents);
}
