const blocks: object[][] = [];
for (;;) blocks.push(new Array(1000).fill({}));
