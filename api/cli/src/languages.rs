//! `tribunal languages`: what could be judged here, and with what.

use crate::args::{LanguagesArgs, LanguagesCommand};
use crate::context::{Settings, runtime, tell_outdated};
use crate::output::{Failure, note, print_json, print_line};
use crate::{languages_test, report};

pub(crate) fn main(args: &LanguagesArgs, settings: &Settings) -> Result<u8, Failure> {
    if let Some(LanguagesCommand::Test { ids, all, probe, jobs, json }) = &args.command {
        let ids = if *all { None } else { Some(&ids[..]) };
        return languages_test::main(ids, probe, *jobs, *json, settings);
    }
    let boxes = Settings::boxes(0);
    let store = settings.store()?;
    let mut languages = match boxes {
        Ok(boxes) => {
            let engine = settings.engine(boxes, &store);
            runtime()?.block_on(worker::versions::describe_all(&engine))
        }
        Err(why) => {
            note(&why.to_string());
            worker::versions::describe_without_boxes(&why.to_string(), language::all())
        }
    };
    tell_outdated(&store, &mut languages);
    if args.json {
        return print_json(&languages).map(|()| 0);
    }
    let mut table = report::table(["id", "name", "version", "image", "compile and run", ""]);
    for language in languages {
        let words = |argv: &[String]| argv.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
        let compile = language.compile.as_deref().map(|argv| words(argv) + "\n").unwrap_or_default();
        let commands = compile + &words(&language.run);
        let image = match (&language.image, language.image_kind.as_deref()) {
            (Some(digest), Some("oci")) => format!("sha256:{}…", digest.short()),
            (Some(_), _) => "host".to_owned(),
            (None, _) => "-".to_owned(),
        };
        let state = if language.usable { language.note } else { language.reason }.unwrap_or_default();
        table.add_row([
            language.id,
            language.name,
            language.version.unwrap_or_default(),
            image,
            commands,
            state,
        ]);
    }
    print_line(&table.to_string()).map(|()| 0)
}
