int a[1ull << 36] = {1};
int main() { return a[0]; }
