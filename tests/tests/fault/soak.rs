//! Thousands of boxes, one after the other and eight at once: nothing may be left of any.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use proto::facts::Exit;
use sandbox::{BoxServer, Cancel, ServerConfig};

use crate::host;
use crate::program::{self, Lab};

/// Resident memory may move by this much, whatever the number of boxes: what an allocator keeps.
const WORKER_SLACK: u64 = 8 << 20;
const SERVER_SLACK: u64 = 2 << 20;

/// Network namespaces of others may come and go meanwhile, and the kernel takes its time with ours.
const NETS_SLACK: usize = 150;

/// Id ranges held at most: for running boxes, for dead ones that wait to be taken down, for the next.
const IDS_MAX: usize = 64;

pub(crate) fn six_hundred_boxes_leak_nothing(lab: &Lab) -> Result<()> {
    soak(lab, 300).map(drop)
}

pub(crate) fn twenty_thousand_boxes_leak_nothing_and_the_last_is_as_fast_as_the_first(
    lab: &Lab,
) -> Result<()> {
    for (at_once, first, last) in soak(lab, 10_000)? {
        // corrections.md 7: medians, because the 99th percentile is the host's.
        ensure!(last <= first.mul_f64(1.1), "{at_once} at once: p50 {first:?} became {last:?}");
    }
    Ok(())
}

/// For 1 and 8 at once: medians of the first and last tenth.
fn soak(lab: &Lab, boxes: usize) -> Result<Vec<(usize, Duration, Duration)>> {
    let run_dir = lab.dir.join("soak");
    let server =
        BoxServer::spawn(ServerConfig { run_dir: Some(run_dir.clone()), ..ServerConfig::default() })?;
    // Both ways once, so that what is made once is there.
    many(lab, &server, 64, 8)?;
    many(lab, &server, 16, 1)?;
    let mut medians = Vec::new();
    for at_once in [1, 8] {
        server.settle()?;
        let before = Census::take(&run_dir)?;
        let begun = Instant::now();
        let times = many(lab, &server, boxes, at_once)?;
        let all = begun.elapsed();
        server.settle()?;
        host::until(|| Ok(Census::take(&run_dir)?.same(&before)))?;
        let after = Census::take(&run_dir)?;
        let tenth = times.len() / 10;
        let (first, last) = (quantiles(&times[..tenth]), quantiles(&times[times.len() - tenth..]));
        println!(
            "{boxes} boxes, {at_once} at once: {:.0} per second; p50 and p99 of the first tenth {first:?}, of the last {last:?}\n  before {before:?}\n  after  {after:?}",
            boxes as f64 / all.as_secs_f64()
        );
        ensure!(after.same(&before), "something is left");
        medians.push((at_once, first.0, last.0));
    }
    Ok(medians)
}

/// Runs boxes and returns what each took, in order of their starts.
fn many(lab: &Lab, server: &BoxServer, boxes: usize, at_once: usize) -> Result<Vec<Duration>> {
    let spec = program::spec(&lab.layer, &[]);
    let (next, times) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(boxes)));
    std::thread::scope(|scope| -> Result<()> {
        let work = || -> Result<()> {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= boxes {
                    return Ok(());
                }
                let begun = Instant::now();
                let run = server.run(&spec, &Cancel::new()).with_context(|| format!("box {number}"))?;
                let took = begun.elapsed();
                ensure!(run.facts.exit == Some(Exit::Code(0)), "box {number}: {:?}", run.facts);
                times.lock().expect("no panic while held").push((number, took));
            }
        };
        let threads: Vec<_> = (0..at_once).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
    })?;
    let mut times = times.into_inner().expect("no panic while held");
    times.sort_unstable_by_key(|(number, _)| *number);
    Ok(times.into_iter().map(|(_, took)| took).collect())
}

fn quantiles(times: &[Duration]) -> (Duration, Duration) {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    (sorted[sorted.len() / 2], sorted[sorted.len() * 99 / 100])
}

/// Everything a box could leave.
#[derive(Debug)]
pub(crate) struct Census {
    processes: usize,
    groups: usize,
    mounts: usize,
    /// In the run directory, the leases of ids aside: there is a file for each range that was ever held.
    files: usize,
    locked_ids: usize,
    /// Open here, beside the one of each held id range.
    descriptors: usize,
    server_descriptors: usize,
    resident: u64,
    server_resident: u64,
    nets: Option<usize>,
}

impl Census {
    pub(crate) fn take(run_dir: &Path) -> Result<Self> {
        let this = std::process::id();
        let locked_ids = host::locked_ids(run_dir)?;
        let server = host::box_servers(this)?.first().context("the box server lives")?.pid;
        Ok(Self {
            processes: host::processes()?.iter().filter(|p| p.parent == server).count(),
            groups: host::groups(this).len(),
            mounts: host::mounts(run_dir)?.len(),
            files: files(run_dir)?,
            locked_ids,
            descriptors: host::descriptors(this)?.saturating_sub(locked_ids),
            server_descriptors: host::descriptors(server as u32)?,
            resident: host::resident(this)?,
            server_resident: host::resident(server as u32)?,
            nets: nets(),
        })
    }

    /// Whether nothing but slack is between both.
    pub(crate) fn same(&self, before: &Self) -> bool {
        let counts =
            |c: &Self| (c.processes, c.groups, c.mounts, c.files, c.descriptors, c.server_descriptors);
        counts(self) == counts(before)
            && self.locked_ids <= IDS_MAX
            && self.resident <= before.resident + WORKER_SLACK
            && self.server_resident <= before.server_resident + SERVER_SLACK
            && self.nets.zip(before.nets).is_none_or(|(now, then)| now <= then + NETS_SLACK)
    }
}

fn files(dir: &Path) -> Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        count += 1;
        if entry.file_type()?.is_dir() && entry.file_name() != "ids" {
            count += files(&entry.path())?;
        }
    }
    Ok(count)
}

/// Network namespaces of the kernel, dying ones included (slabinfo(5)).
fn nets() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/slabinfo").ok()?;
    text.lines().find_map(|l| l.strip_prefix("net_namespace"))?.split_whitespace().next()?.parse().ok()
}
