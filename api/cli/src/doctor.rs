//! `tribunal doctor`: every mechanism the sandbox relies on, probed in a real box.

use sandbox::{BoxServer, ServerConfig, doctor};
use serde_json::json;

use crate::args::JsonArgs;
use crate::context::{Settings, root_spec};
use crate::output::{Failure, chain, print_json, print_line};
use crate::report;

pub(crate) fn main(args: &JsonArgs, settings: &Settings) -> Result<u8, Failure> {
    let boxes = BoxServer::spawn(ServerConfig::default());
    let rootfs = settings.store()?.rootfs("host").map_err(|e| Failure::ours(chain(&e)))?;
    let probes = doctor::probe(boxes.as_ref(), &root_spec(&rootfs));
    let ok = probes.iter().all(|p| p.present || !p.required);
    if args.json {
        print_json(&json!({ "ok": ok, "probes": probes }))?;
        return Ok(u8::from(!ok));
    }
    let mut table = report::table(["mechanism", "", "seen"]);
    for probe in &probes {
        let state = match (probe.present, probe.required) {
            (true, _) => "present",
            (false, true) => "MISSING",
            (false, false) => "absent",
        };
        table.add_row([probe.name, state, probe.seen.as_str()]);
    }
    print_line(&table.to_string())?;
    for probe in probes.iter().filter(|p| !p.present) {
        print_line(&format!("{}: without it {}; {}", probe.name, probe.lost, probe.how))?;
    }
    Ok(u8::from(!ok))
}
