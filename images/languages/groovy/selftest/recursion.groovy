int depth(int n) {
    n == 0 ? 0 : depth(n - 1) + 1
}

println depth(System.in.newReader().readLine() as int)
