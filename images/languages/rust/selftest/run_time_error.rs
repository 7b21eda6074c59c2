fn main() {
    panic!("as the probe wants it");
}
