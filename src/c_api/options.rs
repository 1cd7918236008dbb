//! What all options have in common.

use super::arguments::required;
use super::boundary::{Failure, guarded};
use super::status::wgformer_status;

/// Makes the options what `change` makes of them; where it fails, they stay as they are.
pub(super) fn set<O: Clone>(
    options: Option<&mut O>,
    change: impl FnOnce(O) -> Result<O, Failure>,
) -> wgformer_status {
    guarded(|| {
        let options = required(options, "options")?;
        *options = change(options.clone())?;
        Ok(())
    })
}

/// A number that stands for nothing.
pub(super) fn unknown(name: &str, value: i32) -> Failure {
    let names = name.to_uppercase();
    Failure::invalid_argument(format!("{name} is {value}, which is no WGFORMER_{names}_*"))
}
