void main() {
    for (;;) {
    }
}
