use std::hint::black_box;

fn depth(n: u64) -> u64 {
    if n == 0 { 0 } else { black_box(depth(n - 1)) + 1 }
}

fn main() {
    let mut text = String::new();
    std::io::stdin().read_line(&mut text).unwrap();
    println!("{}", depth(text.trim().parse().unwrap()));
}
