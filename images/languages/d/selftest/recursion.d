import std.stdio;

__gshared int one = 1;

int depth(int n) {
    return n == 0 ? 0 : depth(n - 1) + one;
}

void main() {
    int n;
    readf(" %d", n);
    writeln(depth(n));
}
