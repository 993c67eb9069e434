"use strict";
const AdmZip = require("adm-zip");
const { report, archive } = require("./report.cjs");

for (const entry of new AdmZip(archive).getEntries()) {
  report(entry.entryName, entry.getData());
}
