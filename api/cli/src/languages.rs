//! `tribunal languages`: what could be judged here, and with what.

use crate::args::JsonArgs;
use crate::context::{Settings, runtime};
use crate::output::{Failure, note, print_json, print_line};
use crate::report;

pub(crate) fn main(args: &JsonArgs, settings: &Settings) -> Result<u8, Failure> {
    let boxes = Settings::boxes(0);
    let store = settings.store()?;
    let languages = match boxes {
        Ok(boxes) => {
            let engine = settings.engine(boxes, &store);
            runtime()?.block_on(worker::versions::describe_all(&engine))
        }
        Err(why) => {
            note(&why.to_string());
            worker::versions::describe_without_boxes(&why.to_string(), language::all())
        }
    };
    if args.json {
        return print_json(&languages).map(|()| 0);
    }
    let mut table = report::table(["id", "name", "version", "image", ""]);
    for language in languages {
        let image = match (&language.image, language.image_kind.as_deref()) {
            (Some(digest), Some("oci")) => format!("sha256:{}…", digest.short()),
            (Some(_), _) => "host".to_owned(),
            (None, _) => "-".to_owned(),
        };
        let state = if language.usable { String::new() } else { language.reason.unwrap_or_default() };
        table.add_row([language.id, language.name, language.version.unwrap_or_default(), image, state]);
    }
    print_line(&table.to_string()).map(|()| 0)
}
