//! Token ids as they are typed.

/// The numbers of a line, between spaces or commas.
///
/// # Errors
/// In words that follow the name of the sequence.
pub(crate) fn parse(line: &str) -> Result<Vec<u32>, String> {
    let words = line.split(|c: char| c.is_whitespace() || c == ',');
    let words = words.filter(|word| !word.is_empty());
    let ids = words.map(|word| {
        let message = |_| format!("{word:?} is no token id: that is a number from 0 on");
        word.parse().map_err(message)
    });
    let ids = ids.collect::<Result<Vec<u32>, String>>()?;
    if ids.is_empty() {
        return Err("has no token ids: give at least one".to_owned());
    }
    Ok(ids)
}
