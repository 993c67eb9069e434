"use strict";
const fs = require("node:fs/promises");
const { Reader, ZipReader, configure } = require("@zip.js/zip.js");
const { ReadFile, archive } = require("./report.cjs");

configure({ useWebWorkers: false });

/** Reads ranges of a file. */
class FileReader extends Reader {
  constructor(path) {
    super();
    this.path = path;
  }

  async init() {
    super.init?.();
    this.file = await fs.open(this.path);
    this.size = (await this.file.stat()).size;
  }

  async readUint8Array(start, length) {
    const { buffer, bytesRead } = await this.file.read(Buffer.alloc(length), 0, length, start);
    return new Uint8Array(buffer.buffer, buffer.byteOffset, bytesRead);
  }
}

async function main() {
  const source = new FileReader(archive);
  const reader = new ZipReader(source, { checkSignature: true });
  for await (const entry of reader.getEntriesGenerator()) {
    const file = new ReadFile(entry.filename);
    await entry.getData(new WritableStream({ write: (chunk) => file.update(chunk) }));
    file.end();
  }
  await reader.close();
  await source.file.close();
}

main();
