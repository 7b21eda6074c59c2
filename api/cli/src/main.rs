//! `tribunal`: every role of the service and every local command in one executable.
//!
//! The order in `main` is a promise the sandbox rests on: first the question whether this process was
//! executed to be the box server, to unpack a layer or to read a specification in a box, then arguments, then the
//! start of the box server, and only then threads and the tokio runtime. One file per subcommand; each returns an exit
//! status or a [`Failure`], and this file alone turns that into the end of the process.

#![forbid(unsafe_code)]

mod args;
mod bench;
mod bench_check;
mod check;
mod client;
mod config;
mod context;
mod doctor;
mod grade;
mod grade_list;
mod grade_records;
mod host;
mod image_steps;
mod images_cmd;
mod judge;
mod language_folders;
mod languages;
mod languages_test;
mod manual;
mod openapi;
mod otlp;
mod output;
mod problem_cmd;
mod problem_import;
mod problem_new;
mod problem_push;
mod registry_auth;
mod report;
mod run;
mod selftest_cmd;
mod serve;
mod sources;
mod stop;
mod verify;
mod verify_json;
mod verify_junit;
mod verify_one;
mod verify_study;
mod verify_text;
mod worker_cmd;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use output::Failure;

fn main() -> ExitCode {
    if sandbox::is_box_server() {
        sandbox::box_server_main();
    }
    if images::is_unpacker() {
        images::unpacker_main();
    }
    if worker::engine::is_specification_reader() {
        worker::engine::specification_main();
    }
    let cli = Cli::parse();
    output::start_log(&cli.log, cli.log_format == "json", cli.command.otlp_endpoint().is_some());
    // Once for the process, before anything speaks TLS.
    outbound::choose_provider();
    match dispatch(cli) {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            eprintln!("tribunal: {failure}");
            ExitCode::from(failure.exit_status())
        }
    }
}

fn dispatch(cli: Cli) -> Result<u8, Failure> {
    if let Some(folder) = &cli.languages_dir {
        language_folders::add(folder)?;
    }
    let config = config::load(cli.config.as_deref())?;
    let settings = context::Settings::new(cli.data, config)?;
    match cli.command {
        Command::Judge(args) => judge::main(&args, &settings),
        Command::Run(args) => run::main(&args, &settings),
        Command::Check(args) => check::main(&args, &settings),
        Command::Verify(args) => verify::main(&args, &settings),
        Command::Problem(args) => problem_cmd::main(&args.command),
        Command::Grade(args) => grade::main(&args, &settings),
        Command::Submit(args) => client::submit::main(&args),
        Command::Status(args) => client::status::main(&args),
        Command::Problems(args) => client::problems::main(&args.command),
        Command::Tokens(args) => client::tokens::main(&args.command),
        Command::Workers(args) => client::workers::main(&args),
        Command::Holds(args) => client::holds::main(&args.command),
        Command::Rejudge(args) => client::rejudge::main(&args),
        Command::Serve(args) => serve::serve(args, &settings),
        Command::Api(args) => serve::api(args, &settings),
        Command::Worker(args) => worker_cmd::main(args, &settings),
        Command::Images(args) => images_cmd::main(args, &settings),
        Command::Languages(args) => languages::main(&args, &settings),
        Command::Doctor(args) => doctor::main(&args, &settings),
        Command::Selftest(args) => selftest_cmd::main(&args, &settings),
        Command::Bench(args) => bench::main(&args, &settings),
        Command::Openapi => openapi::main(),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { folder } => manual::man(&folder),
    }
}
