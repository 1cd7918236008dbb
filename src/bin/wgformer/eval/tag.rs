//! Tags of tokens, such as words: what the model says of the first of a word's pieces.

use std::ops::Range;

use anyhow::Result;
use wgformer::evaluation::{classification, entities};
use wgformer::tasks::{Aggregation, Entity, TagOptions, Tagger};

use super::report::{Found, Report, Tags};
use super::{Arguments, Run, count, known, timed, watched};

/// What a word has that the model did not read.
const OUTSIDE: &str = "O";

pub(super) fn measure(arguments: &Arguments) -> Result<Report> {
    let (tokens, tags) = (
        arguments.text(&["tokens"]),
        arguments.label(&["tags", "ner_tags"]),
    );
    let records = arguments.data.read(&[tokens, tags])?;
    let (mut sentences, mut given) = (Vec::new(), Vec::new());
    for record in &records {
        let (words, tags) = (record.words(tokens)?, record.words(tags)?);
        if words.len() != tags.len() {
            let (words, tags) = (words.len(), tags.len());
            return Err(record.error(format!("has {words} tokens, and {tags} tags")));
        }
        sentences.push(Sentence::of(&words));
        given.push(tags);
    }

    let load = |gpu: &_, directory: &_, options: &_| Tagger::load(gpu, directory, options);
    let model = arguments.model.load(load, |it| vec![it.model().plan()])?;
    let long = &arguments.long;
    let model = model.refuse_long_texts(long.refuses());
    let labels = model.model().labels();
    let names = &arguments.label_names;
    let right = records.iter().zip(&given).map(|(record, tags)| {
        let tags = tags.iter().map(|tag| known(record, tag, names, labels));
        tags.collect::<Result<Vec<_>>>()
    });
    let right = right.collect::<Result<Vec<_>>>()?;
    let mut options = TagOptions::default()
        .aggregation(Aggregation::None)
        .ignore_labels::<&str>([]);
    if long.splits() {
        options = options.stride(long.overlap());
    }
    let texts: Vec<&str> = sentences.iter().map(|it| &it.text[..]).collect();
    let (found, seconds) = timed(texts.len(), |progress| {
        model.tag_with(&texts, &options, watched(progress, texts.len()))
    })?;
    let predicted = sentences.iter().zip(&found);
    let predicted: Vec<Vec<Option<&str>>> = predicted.map(|(it, found)| it.tags(found)).collect();
    let words = predicted.iter().flatten();
    let unread = words.clone().filter(|tag| tag.is_none()).count();
    let predicted: Vec<Vec<&str>> = predicted
        .iter()
        .map(|tags| tags.iter().map(|tag| tag.unwrap_or(OUTSIDE)).collect())
        .collect();
    let cut = long.cut(texts.len(), || model.are_cut(&texts))?;
    let run = Run {
        texts: texts.len(),
        cut: count(&cut),
        seconds,
    };
    let found = Found::Tags(Tags {
        entities: entities(&right, &predicted, arguments.scheme.into())?,
        tokens: predicted.iter().map(Vec::len).sum(),
        unread,
        of_tokens: classification(&right.concat(), &predicted.concat())?,
    });
    Ok(arguments.report(model.model(), run, found))
}

/// Words with a space between them.
struct Sentence {
    text: String,
    /// The characters of each.
    words: Vec<Range<usize>>,
}

impl Sentence {
    fn of(words: &[String]) -> Self {
        let mut start = 0;
        let places = words.iter().map(|word| {
            let end = start + word.chars().count();
            let place = start..end;
            start = end + 1;
            place
        });
        Self {
            words: places.collect(),
            text: words.join(" "),
        }
    }

    /// Of each word the label of its first token, if it has one that was read; `tokens`: one after another.
    fn tags<'a>(&self, tokens: &'a [Entity]) -> Vec<Option<&'a str>> {
        let mut tokens = tokens.iter().peekable();
        let words = self.words.iter().map(|word| {
            // Some tokenizers count the space before a token to it.
            while tokens.next_if(|token| token.end <= word.start).is_some() {}
            let first = tokens.peek().filter(|token| token.start < word.end);
            first.map(|token| &token.label[..])
        });
        words.collect()
    }
}
