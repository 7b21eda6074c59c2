//! `tribunal doctor`: every mechanism the sandbox relies on, probed in a real box.

use proto::facts::Accounting;
use sandbox::doctor::HostFiles;
use sandbox::{BoxServer, ServerConfig, doctor};

use crate::args::JsonArgs;
use crate::context::{Settings, root_spec};
use crate::output::{Failure, chain, print_json, print_line};
use crate::report;

pub(crate) fn main(args: &JsonArgs, settings: &Settings) -> Result<u8, Failure> {
    let boxes = BoxServer::spawn(ServerConfig::default());
    let store = settings.store()?;
    let rootfs = store.rootfs("host").map_err(|e| Failure::ours(chain(&e)))?;
    let outdated = store.outdated().map_err(|e| Failure::ours(chain(&e)))?;
    let files = HostFiles { root: "/".into(), data: settings.data.clone() };
    let found = doctor::probe(boxes.as_ref(), &root_spec(&rootfs), &files);
    let status = u8::from(!found.ok);
    if args.json {
        let mut told = serde_json::to_value(&found).map_err(|e| Failure::ours(e.to_string()))?;
        told["outdated_images"] = outdated.iter().map(|o| o.language.clone()).collect();
        print_json(&told)?;
        return Ok(status);
    }
    if let Some(mode) = &found.mode {
        let exact = if mode.accounting == Accounting::Exact { "exact" } else { "sampled" };
        print_line(&format!("host mode {}: figures are {exact}", mode.name))?;
        for promise in mode.promises {
            print_line(&format!("  holds: {promise}"))?;
        }
        for lack in mode.cannot {
            print_line(&format!("  does not hold: {lack}"))?;
        }
        print_line("")?;
    }
    let mut table = report::table(["mechanism", "", "seen"]);
    for probe in &found.probes {
        let state = match (probe.present, probe.required) {
            (true, _) => "present",
            (false, true) => "MISSING",
            (false, false) => "absent",
        };
        table.add_row([probe.name, state, probe.seen.as_str()]);
    }
    print_line(&table.to_string())?;
    for probe in found.probes.iter().filter(|p| !p.present) {
        print_line(&format!("{}: without it {}; {}", probe.name, probe.lost, probe.how))?;
    }
    // A warning: such an image is no fault of this host.
    for image in &outdated {
        print_line(&image.in_words())?;
    }
    Ok(status)
}
