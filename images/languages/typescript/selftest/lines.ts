const lines: number[] = [];
for (let i = 1; i <= 1000000; i++) lines.push(i);
console.log(lines.join("\n"));
