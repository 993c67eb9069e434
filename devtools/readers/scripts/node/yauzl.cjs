"use strict";
const yauzl = require("yauzl");
const { ReadFile, archive } = require("./report.cjs");

yauzl.open(archive, { lazyEntries: true, strictFileNames: true }, (error, opened) => {
  if (error) throw error;
  opened.on("error", (failure) => {
    throw failure;
  });
  opened.on("entry", (entry) => {
    const file = new ReadFile(entry.fileName);
    opened.openReadStream(entry, (failure, contents) => {
      if (failure) throw failure;
      contents.on("data", (chunk) => file.update(chunk));
      contents.on("end", () => {
        file.end();
        opened.readEntry();
      });
    });
  });
  opened.readEntry();
});
