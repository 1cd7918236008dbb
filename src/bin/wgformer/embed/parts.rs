//! What is embedded of each text: all of it, or passages.

use wgformer::tasks::Passage;

use crate::input::Texts;
use crate::overflow::Part;

/// Whole texts.
pub(super) fn whole(Texts { texts, total }: Texts) -> Texts<Part<String>> {
    let parts = texts.enumerate();
    let parts = parts.map(|(index, text)| Ok(Part::whole(index, text?)));
    Texts {
        texts: Box::new(parts),
        total,
    }
}

/// Passages, as `split` makes them of a text.
pub(super) fn passages(
    texts: Texts,
    split: impl Fn(&str) -> wgformer::Result<Vec<Passage<'_>>> + Send + 'static,
) -> Texts<Part<String>> {
    let parts = texts.texts.enumerate().flat_map(move |(index, text)| {
        let passages = text.and_then(|text| {
            let passages = split(&text)?.into_iter();
            let owned = passages.map(|it| Ok(Part::passage(index, &it, it.text.to_owned())));
            Ok(owned.collect())
        });
        passages.unwrap_or_else(|error| vec![Err(error)])
    });
    Texts {
        texts: Box::new(parts),
        total: None,
    }
}
