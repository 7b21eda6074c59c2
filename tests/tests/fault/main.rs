//! Faults done on purpose: kills at random points, memory pressure, boxes that cannot be killed, full disks,
//! no more control groups, and thousands of boxes in a row. The rows of `tests/FAULTS.md` name these tests.
//!
//! A harness of its own, because the process must be able to become the box server, and is executed again as a
//! worker that can be killed. Arguments: a part of a name to select, `--ignored` for the long ones.

#![forbid(unsafe_code)]

mod crash;
mod full;
mod host;
mod memory;
mod program;
mod scarce;
mod soak;
mod stuck;
mod talk;
mod worker;

use std::time::Instant;

use anyhow::Result;

use program::Lab;

type Test = (&'static str, bool, fn(&Lab) -> Result<()>);

/// Name, whether it takes minutes, and what it does. Soak comes first, while this process is young.
const TESTS: &[Test] = &[
    ("six_hundred_boxes_leak_nothing", false, soak::six_hundred_boxes_leak_nothing),
    (
        "twenty_thousand_boxes_leak_nothing_and_the_last_is_as_fast_as_the_first",
        true,
        soak::twenty_thousand_boxes_leak_nothing_and_the_last_is_as_fast_as_the_first,
    ),
    (
        "talks_eight_at_once_and_cancelled_ones_leave_nothing",
        false,
        talk::talks_eight_at_once_and_cancelled_ones_leave_nothing,
    ),
    (
        "a_last_word_to_a_content_partner_that_left_harms_nobody",
        false,
        talk::a_last_word_to_a_content_partner_that_left_harms_nobody,
    ),
    (
        "a_partner_that_says_no_more_is_heard_to_say_no_more_and_its_end_comes_first",
        false,
        talk::a_partner_that_says_no_more_is_heard_to_say_no_more_and_its_end_comes_first,
    ),
    (
        "forty_kills_leave_nothing_and_spoil_no_result",
        false,
        crash::forty_kills_leave_nothing_and_spoil_no_result,
    ),
    (
        "five_hundred_kills_leave_nothing_and_spoil_no_result",
        true,
        crash::five_hundred_kills_leave_nothing_and_spoil_no_result,
    ),
    (
        "memory_pressure_takes_programs_and_neither_the_worker_nor_their_good_name",
        false,
        memory::memory_pressure_takes_programs_and_neither_the_worker_nor_their_good_name,
    ),
    (
        "a_box_that_cannot_be_killed_retires_its_slot",
        false,
        stuck::a_box_that_cannot_be_killed_retires_its_slot,
    ),
    (
        "without_groups_there_is_an_error_and_then_the_next_box",
        false,
        scarce::without_groups_there_is_an_error_and_then_the_next_box,
    ),
    ("hundreds_of_leaked_groups_are_swept", false, scarce::hundreds_of_leaked_groups_are_swept),
    (
        "a_full_run_directory_stops_the_start_and_no_running_worker",
        false,
        scarce::a_full_run_directory_stops_the_start_and_no_running_worker,
    ),
    (
        "a_full_data_directory_takes_no_submission_and_loses_none",
        false,
        full::a_full_data_directory_takes_no_submission_and_loses_none,
    ),
    (
        "a_package_that_does_not_fit_waits_with_its_reason_while_others_are_judged",
        false,
        full::a_package_that_does_not_fit_waits_with_its_reason_while_others_are_judged,
    ),
];

fn main() -> Result<()> {
    if sandbox::is_box_server() {
        sandbox::box_server_main()
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|a| a == worker::FLAG) {
        return worker::main(&args[1..]);
    }
    let given = |flag: &str| args.iter().any(|a| a == flag);
    let filter = args.iter().find(|a| !a.starts_with("--")).map_or("", String::as_str);
    let chosen = |long: bool| given("--include-ignored") || given("--ignored") == long;
    let dir = tempfile::tempdir()?;
    let lab = Lab::open(dir.path())?;
    let (mut passed, mut failed, mut ignored) = (0, 0, 0);
    for (name, long, test) in TESTS.iter().filter(|(name, ..)| name.contains(filter)) {
        if !chosen(*long) {
            ignored += 1;
            continue;
        }
        let begun = Instant::now();
        let result = test(&lab);
        let ms = begun.elapsed().as_millis();
        match result {
            Ok(()) => {
                passed += 1;
                println!("test fault::{name} ... ok ({ms} ms)");
            }
            Err(e) => {
                failed += 1;
                println!("test fault::{name} ... FAILED ({ms} ms)\n    {e:#}");
            }
        }
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; 0 filtered out"
    );
    // Nothing is dropped by exit.
    drop(lab);
    dir.close()?;
    std::process::exit(i32::from(failed > 0));
}
