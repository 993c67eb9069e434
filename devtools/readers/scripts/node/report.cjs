"use strict";
// Prints SHA-256, size and name of files as they are read. All errors end the process with 1.
const { createHash } = require("node:crypto");

process.on("unhandledRejection", (error) => {
  console.error(String(error));
  process.exit(1);
});

/** One file: `update` takes a piece of its contents, `end` prints it. */
class ReadFile {
  constructor(name) {
    this.name = name;
    this.size = 0;
    this.digest = createHash("sha256");
  }

  update(chunk) {
    this.digest.update(chunk);
    this.size += chunk.length;
  }

  end() {
    process.stdout.write(`${this.digest.digest("hex")} ${this.size} ${this.name}\n`);
  }
}

/** Prints a file whose contents are at hand. */
function report(name, contents) {
  const file = new ReadFile(name);
  file.update(contents);
  file.end();
}

module.exports = { ReadFile, report, archive: process.argv[2] };
