void main() {
    throw new Exception("as the probe wants it");
}
