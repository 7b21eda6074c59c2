import * as fs from "fs";

const depth = (n: number): number => (n === 0 ? 0 : depth(n - 1) + 1);
console.log(depth(Number(fs.readFileSync(0, "utf8"))));
