//! `tribunal openapi`: the document the API serves, generated from its code.

use crate::output::{Failure, print_line};

pub(crate) fn main() -> Result<u8, Failure> {
    print_line(&api::openapi_json()).map(|()| 0)
}
