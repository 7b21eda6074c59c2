import std.stdio;

void main() {
    foreach (block; stdin.byChunk(4096)) stdout.rawWrite(block);
}
