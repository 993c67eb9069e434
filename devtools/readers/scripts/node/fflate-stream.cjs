"use strict";
const { createReadStream } = require("node:fs");
const { Unzip, UnzipInflate } = require("fflate");
const { ReadFile, archive } = require("./report.cjs");

const unzip = new Unzip((entry) => {
  const file = new ReadFile(entry.name);
  entry.ondata = (error, chunk, last) => {
    if (error) throw error;
    file.update(chunk);
    if (last) file.end();
  };
  entry.start();
});
unzip.register(UnzipInflate);

const stream = createReadStream(archive);
stream.on("data", (chunk) => unzip.push(chunk, false));
stream.on("end", () => unzip.push(new Uint8Array(0), true));
