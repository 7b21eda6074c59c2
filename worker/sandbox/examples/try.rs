use sandbox::spec::*;
use std::time::Instant;
fn main() {
    if sandbox::is_box_server() {
        sandbox::box_server_main()
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("layer/bin")).unwrap();
    let exe = std::env::args().nth(1).unwrap();
    std::fs::copy(&exe, dir.path().join("layer/bin/x")).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let warm: usize = std::env::var("WARM").map_or(0, |w| w.parse().unwrap());
    let server = sandbox::BoxServer::spawn(sandbox::ServerConfig { warm, ..Default::default() }).unwrap();
    println!("{:?} {}", server.accounting(), server.cgroup_layout());
    let spec = RunSpec {
        root: RootSpec { lower: vec![dir.path().join("layer")], binds: vec![] },
        argv: std::iter::once("/bin/x".to_owned()).chain(std::env::args().skip(2)).collect(),
        env: vec![("PATH".into(), "/bin".into())],
        files: vec![],
        stdin: Stdin::Bytes(b"hello\n".to_vec().into()),
        keep_stdout: 4096,
        keep_stderr: 4096,
        limits: proto::limits::Limits::run_defaults(),
        profile: Profile::Default,
        writable: true,
        collect: vec![],
    };
    let cancel = sandbox::Cancel::new();
    let out = server.run(&spec, &cancel);
    match &out {
        Ok(o) => {
            println!(
                "{:#?}\n{}\n{}",
                o.facts,
                String::from_utf8_lossy(&o.stdout.bytes),
                String::from_utf8_lossy(&o.stderr.bytes)
            );
            println!("{:?}", o.times)
        }
        Err(e) => println!("ERR {e} / {e:?}"),
    }
    let n: u32 = std::env::var("N").map_or(0, |n| n.parse().unwrap());
    let (mut a, mut b) = (vec![], vec![]);
    for _ in 0..n {
        let t = Instant::now();
        server.run(&spec, &cancel).unwrap();
        a.push(t.elapsed());
        if warm > 0 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let t = Instant::now();
        std::process::Command::new(&exe).stdin(std::process::Stdio::null()).status().unwrap();
        b.push(t.elapsed());
    }
    if n > 0 {
        a.sort();
        b.sort();
        let h = a.len() / 2;
        println!(
            "box p50 {:?} p99 {:?}  bare p50 {:?} ratio {:.2}",
            a[h],
            a[a.len() * 99 / 100],
            b[h],
            a[h].as_secs_f64() / b[h].as_secs_f64()
        );
    }
}
