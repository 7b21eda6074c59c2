//! What is made of an init that is dead, without a box: a process that ended stands in for it.

use std::process::Command;

use super::*;
use crate::channel::Frame;

/// A box whose init ended after it said `word`.
fn dead(word: Option<Frame>) -> WarmBox {
    let mut child = Command::new("true").spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    child.wait().unwrap();
    let (init, its) = channel::pair().unwrap();
    if let Some(word) = word {
        channel::send_frame(&its, word, &[]).unwrap();
    }
    let any = || std::fs::File::open("/").unwrap().into();
    WarmBox {
        init,
        pidfd,
        pid: child.id() as i32,
        stage: any(),
        mounts: any(),
        listener: any(),
        own_rss: 0,
        group: None,
        lease: None,
        made: Instant::now(),
    }
}

/// Looks at it when poll saw that it is dead and nothing else, and makes the facts.
fn facts(warm: &WarmBox) -> Result<RunFacts, SandboxError> {
    let (limits, cancel) = (Limits::run_defaults(), Cancel::new());
    let pump = || Pump::new(nix::unistd::pipe().unwrap().0, 0);
    let mut watch = Watch::new(warm, &limits, &cancel, (pump(), pump()), 0).unwrap();
    let end = watch.look(Ready { dead: true, ..Ready::default() }, "program")?;
    watch.settle(end.expect("a dead init is an end"))
}

#[test]
fn the_last_word_of_an_init_counts_when_it_comes_with_its_death() {
    let warm = dead(Some(Frame::new(Tag::Exited, 7 << 8, 0, 0)));
    assert_eq!(facts(&warm).unwrap().exit, Some(Exit::Code(7)));
}

#[test]
fn an_init_that_died_without_a_word_is_a_box_lost() {
    let warm = dead(None);
    let told = facts(&warm).unwrap_err();
    assert!(matches!(told, SandboxError::Lost { during: "run" }), "{told}");
}
