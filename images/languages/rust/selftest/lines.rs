use std::io::Write;

fn main() {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for i in 1..=1_000_000 {
        writeln!(out, "{i}").unwrap();
    }
}
