//! `expect.toml`: what must come of an attack, where it applies, and what proves that it is alive.
//!
//! Read once, strictly: an unknown key, an unknown catalogue number or a mode left out without a reason is an error
//! that names the case. The keys are explained to authors in `tests/hostile/README.md`.

use std::collections::{BTreeMap, BTreeSet};

use proto::facts::{Accounting, LimitHit};
use proto::limits::LimitsRequest;
use proto::verdict::Verdict;
use sandbox::spec::Profile;
use serde::Deserialize;

use crate::catalogue;

/// Most runs in a row a case may ask for: what the design asks of a racy one.
pub const REPEAT_MAX: u32 = 50;

/// How the host lets boxes work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Root with cgroup v1, hybrid or pure.
    V1,
    /// Root with cgroup v2.
    V2,
    /// Not root and without control groups: the user namespace comes first, figures are sampled.
    Rootless,
    /// Not root, with a subtree of cgroup v2 handed over: the user namespace comes first, figures are exact.
    Delegated,
}

impl Mode {
    /// The modes a case has to name or to leave out with a reason. [`Mode::Delegated`] is not among them: a case that
    /// does not apply in `rootless` does not apply there either, unless `modes` names it.
    pub const ALL: [Mode; 3] = [Mode::V1, Mode::V2, Mode::Rootless];

    /// The mode of a box server, from who runs it and its [`sandbox::BoxServer::cgroup_layout`].
    pub fn of(root: bool, layout: &str) -> Self {
        match (root, layout) {
            (_, "none") => Mode::Rootless,
            (false, _) => Mode::Delegated,
            (true, "v2") => Mode::V2,
            (true, _) => Mode::V1,
        }
    }

    /// As `expect.toml` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Mode::V1 => "v1",
            Mode::V2 => "v2",
            Mode::Rootless => "rootless",
            Mode::Delegated => "delegated",
        }
    }

    /// What every result in this mode must be labelled.
    pub fn accounting(self) -> Accounting {
        match self {
            Mode::V1 | Mode::V2 | Mode::Delegated => Accounting::Exact,
            Mode::Rootless => Accounting::Sampled,
        }
    }
}

/// A run that must succeed because the responsible layer is off: it proves that the case is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Control {
    /// The program, called with `CONTROL`, exits 0 as uid 0 of fresh namespaces without filter or limits.
    #[serde(rename = "succeeds in plain namespaces")]
    PlainNamespaces,
    /// The program, called with `CONTROL`, exits 0 in a box with `[control_limits]`.
    #[serde(rename = "succeeds with wider limits")]
    WiderLimits,
}

/// What the suite does to its own side while the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Disturbance {
    /// The host's clock jumps two hours back and forth: only on a machine of the suite's own.
    Clock,
    /// The worker is stopped for some seconds.
    Worker,
}

/// Which profile a case runs under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProfileName {
    /// No socket at all.
    Strict,
    /// What every language runtime needs.
    #[default]
    Default,
    /// With sockets on the box's own loopback.
    Loopback,
}

impl ProfileName {
    /// The sandbox's profile of that name.
    pub fn profile(self) -> Profile {
        match self {
            ProfileName::Strict => Profile::Strict,
            ProfileName::Default => Profile::Default,
            ProfileName::Loopback => Profile::Loopback,
        }
    }
}

/// What a case runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Image {
    /// A folder `/bin` with one file in it, `x`.
    #[default]
    Plain,
    /// Links where a box mounts, device nodes, links out, and the attack itself as `/bin/suid`, set-user-id root.
    Hostile,
}

/// What must come of `peer.c`, which runs beside `attack.c` in a box of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerExpect {
    /// Any of these; `OK` unless named.
    #[serde(default = "only_ok")]
    pub verdict: Vec<Verdict>,
    /// Exactly this on stdout.
    pub stdout: Option<String>,
    /// Arguments after the program's name.
    #[serde(default)]
    pub args: Vec<String>,
}

impl Default for PeerExpect {
    fn default() -> Self {
        Self { verdict: only_ok(), stdout: None, args: Vec::new() }
    }
}

fn only_ok() -> Vec<Verdict> {
    vec![Verdict::OK]
}

/// What must come of an attack.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Its number in the catalogue.
    pub id: String,
    /// Further numbers that this program shows too.
    #[serde(default)]
    pub also: Vec<String>,
    /// The promise it holds us to: what must happen.
    pub why: String,
    /// Any of these.
    pub verdict: Vec<Verdict>,
    /// The program dies of this signal number.
    pub signal: Option<i32>,
    /// The program exits with this status.
    pub exit_code: Option<i32>,
    /// The limit that decided.
    pub limit_hit: Option<LimitHit>,
    /// Exactly this on stdout.
    pub stdout: Option<String>,
    /// A stable note of the verdict.
    pub note: Option<String>,
    /// At least so much cpu time, milliseconds.
    pub cpu_ms_min: Option<u64>,
    /// At most so many bytes of output counted.
    pub output_max: Option<u64>,
    /// Exactly so many bytes of output counted.
    pub output_bytes: Option<u64>,
    /// Paths below the work directory wanted back.
    #[serde(default)]
    pub collect: Vec<String>,
    /// How many of them must be refused.
    #[serde(default)]
    pub refused: usize,
    /// How many files must come back; the paths that are not refused unless named, or any number where `content`
    /// is named alone, as long as each path came back or was refused.
    pub collected: Option<usize>,
    /// What each of them must hold.
    pub content: Option<String>,
    /// It goes the whole way of a submission in this language. In `attack` the program itself is the compiler: it is
    /// started as `/compiler`, and what it leaves as `a.out` is judged.
    pub judge: Option<String>,
    /// With `judge`: one submission for each, which finds the word in its file `variant`.
    #[serde(default)]
    pub variants: Vec<String>,
    /// With `variants`: the verdict of each that has another than `verdict`.
    #[serde(default)]
    pub by_variant: BTreeMap<String, Verdict>,
    /// With `judge` and a file `validator.cpp`: the output validator talks with the attack.
    #[serde(default)]
    pub interactive: bool,
    /// With `judge`: what the reason of the verdict must hold.
    pub reason_has: Option<String>,
    /// The image it runs over.
    #[serde(default)]
    pub image: Image,
    /// Standard input comes from a file of the host.
    #[serde(default)]
    pub stdin_file: bool,
    /// What a compiler's log must not hold.
    #[serde(default)]
    pub log_lacks: Vec<String>,
    /// What a compiler's log must hold.
    #[serde(default)]
    pub log_has: Vec<String>,
    /// Runs in a row, 1 to [`REPEAT_MAX`]; `times` is its old name.
    #[serde(default = "once", alias = "times")]
    pub repeat: u32,
    /// What the suite does to its own side meanwhile. Such a case runs alone, and only in the suite.
    pub disturb: Option<Disturbance>,
    /// Where it applies; everywhere unless named.
    pub modes: Option<BTreeSet<Mode>>,
    /// Where it does not apply, with the reason.
    #[serde(default)]
    pub not_in: BTreeMap<Mode, String>,
    /// `peer.c` runs beside it, in a box of its own.
    #[serde(default)]
    pub pair: bool,
    /// What must come of the peer.
    #[serde(default)]
    pub peer: PeerExpect,
    /// Environment besides `PATH`.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Arguments after the program's name.
    #[serde(default)]
    pub args: Vec<String>,
    /// Further files in the work directory: name and text.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Standard input; one line unless named.
    pub stdin: Option<String>,
    /// Which system calls are open.
    #[serde(default)]
    pub profile: ProfileName,
    /// Further flags for compiling `attack.c` and `peer.c`.
    #[serde(default)]
    pub cflags: Vec<String>,
    /// The whole compiler command for `attack.cpp`, run in a box; g++ unless named.
    #[serde(default)]
    pub compiler: Vec<String>,
    /// What proves that the case is alive.
    pub control: Option<Control>,
    /// Why nothing can.
    pub control_why: Option<String>,
    /// The limits of [`Control::WiderLimits`].
    pub control_limits: Option<LimitsRequest>,
    /// Whether `tribunal selftest` runs it on operators' hosts.
    #[serde(default)]
    pub shipped: bool,
    /// The bounds; the rest as [`crate::boxes::defaults`].
    #[serde(default)]
    pub limits: LimitsRequest,
}

fn once() -> u32 {
    1
}

impl Expect {
    /// Reads the text of an `expect.toml`.
    ///
    /// # Errors
    /// What is wrong, with the key, as a sentence for the author.
    pub fn read(text: &str) -> Result<Self, String> {
        let expect: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        expect.check()?;
        Ok(expect)
    }

    /// Its numbers in the catalogue, the main one first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.id.as_str()).chain(self.also.iter().map(String::as_str))
    }

    /// Why it does not apply in a mode; `None` when it does.
    pub fn left_out(&self, mode: Mode) -> Option<&str> {
        let named = self.modes.as_ref().is_some_and(|modes| modes.contains(&mode));
        let like = if mode == Mode::Delegated && !named { Mode::Rootless } else { mode };
        self.not_in.get(&mode).or_else(|| self.not_in.get(&like)).map(String::as_str)
    }

    fn check(&self) -> Result<(), String> {
        if let Some(id) = self.ids().find(|id| catalogue::title(id).is_none()) {
            return Err(format!("`{id}` is not in the catalogue"));
        }
        if self.verdict.is_empty() || self.peer.verdict.is_empty() {
            return Err("`verdict` names at least one verdict".to_owned());
        }
        if self.repeat == 0 || self.repeat > REPEAT_MAX {
            return Err(format!("`repeat` is from 1 to {REPEAT_MAX}"));
        }
        for mode in Mode::ALL {
            let named = self.modes.as_ref().is_none_or(|modes| modes.contains(&mode));
            match (named, self.not_in.get(&mode), self.modes.is_some()) {
                (true, Some(_), true) => {
                    return Err(format!("`{}` stands in both `modes` and `not_in`", mode.name()));
                }
                (false, None, _) => {
                    return Err(format!("`not_in` says why it does not apply in `{}`", mode.name()));
                }
                (_, Some(reason), _) if reason.trim().is_empty() => {
                    return Err(format!("`not_in.{}` is a reason", mode.name()));
                }
                _ => {}
            }
        }
        if Mode::ALL.iter().all(|mode| self.not_in.contains_key(mode)) {
            return Err("it applies nowhere".to_owned());
        }
        if self.judge.is_none() && (!self.variants.is_empty() || self.reason_has.is_some()) {
            return Err("`variants` and `reason_has` go with `judge`".to_owned());
        }
        if let Some(unknown) = self.by_variant.keys().find(|name| !self.variants.contains(name)) {
            return Err(format!("`by_variant.{unknown}` is none of `variants`"));
        }
        if self.disturb.is_some() && self.shipped {
            return Err("`disturb` is the suite's: `tribunal selftest` disturbs nobody".to_owned());
        }
        if self.control.is_some() && self.control_why.is_some() {
            return Err("either `control` or `control_why`".to_owned());
        }
        if (self.control == Some(Control::WiderLimits)) != self.control_limits.is_some() {
            return Err("`[control_limits]` goes with `control = \"succeeds with wider limits\"`".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rest: &str) -> Result<Expect, String> {
        Expect::read(&format!("id = \"P01\"\nwhy = \"w\"\nverdict = [\"OK\"]\n{rest}"))
    }

    #[test]
    fn a_mode_is_left_out_only_with_a_reason() {
        assert!(read("modes = [\"v1\", \"v2\"]").unwrap_err().contains("rootless"));
        assert!(read("[not_in]\nrootless = \" \"").unwrap_err().contains("reason"));
        assert!(read("modes = [\"v1\"]\n[not_in]\nv1 = \"a\"\nv2 = \"b\"\nrootless = \"c\"").is_err());
        assert!(read("[not_in]\nv1 = \"a\"\nv2 = \"b\"\nrootless = \"c\"").unwrap_err().contains("nowhere"));
        for good in ["[not_in]\nrootless = \"why\"", "modes = [\"v1\", \"v2\"]\n[not_in]\nrootless = \"why\""]
        {
            let expect = read(good).unwrap();
            assert_eq!(expect.left_out(Mode::Rootless), Some("why"), "{good}");
            assert_eq!(expect.left_out(Mode::V2), None, "{good}");
        }
    }

    #[test]
    fn what_is_left_out_without_rights_is_left_out_with_a_subtree_unless_named() {
        let plain = read("[not_in]\nrootless = \"why\"").unwrap();
        assert_eq!(plain.left_out(Mode::Delegated), Some("why"));
        let named = "modes = [\"v1\", \"v2\", \"delegated\"]\n[not_in]\nrootless = \"why\"";
        assert_eq!(read(named).unwrap().left_out(Mode::Delegated), None);
        let alone = read("[not_in]\ndelegated = \"other\"").unwrap();
        assert_eq!(alone.left_out(Mode::Delegated), Some("other"));
        assert_eq!(alone.left_out(Mode::Rootless), None);
    }

    #[test]
    fn what_an_author_may_mistype_is_refused() {
        for bad in [
            "retries = 3",
            "repeat = 0",
            "repeat = 51",
            "also = [\"P26\"]",
            "control = \"works\"",
            "control = \"succeeds with wider limits\"",
            "control = \"succeeds in plain namespaces\"\ncontrol_why = \"none\"",
            "profile = \"open\"",
            "image = \"evil\"",
            "variants = [\"a\"]",
            "judge = \"cpp\"\nvariants = [\"a\"]\nby_variant = { b = \"AC\" }",
            "disturb = \"clock\"\nshipped = true",
            "disturb = \"disk\"",
            "[peer]\nid = \"P02\"",
            "[limits]\ncpu_time = 1",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(Expect::read("id = \"Q01\"\nwhy = \"w\"\nverdict = [\"OK\"]").is_err());
        assert!(Expect::read("id = \"P01\"\nwhy = \"w\"\nverdict = []").is_err());
    }

    #[test]
    fn the_old_name_of_repeat_still_reads() {
        assert_eq!(read("times = 2").unwrap().repeat, 2);
        assert_eq!(read("").unwrap().repeat, 1);
    }

    #[test]
    fn a_host_is_in_one_mode() {
        for (root, layout, mode) in [
            (true, "v1-hybrid", Mode::V1),
            (true, "v1", Mode::V1),
            (true, "v2", Mode::V2),
            (false, "v2", Mode::Delegated),
            (false, "none", Mode::Rootless),
            (true, "none", Mode::Rootless),
        ] {
            assert_eq!(Mode::of(root, layout), mode, "{root} {layout}");
        }
    }
}
