// Compiles a .ksy file to Python: node compile.mjs FILE.ksy FOLDER, in a folder with npm's kaitai-struct-compiler and js-yaml.
import { readFileSync, writeFileSync } from "node:fs";
import * as yaml from "js-yaml";
import compiler from "kaitai-struct-compiler";

const [file, folder] = process.argv.slice(2);
const sources = await compiler.compile("python", yaml.load(readFileSync(file, "utf-8")), null, false);
for (const [name, text] of Object.entries(sources)) writeFileSync(`${folder}/${name}`, text);
