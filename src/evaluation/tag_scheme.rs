//! How the tags of tokens say where entities are.

use std::ops::Range;

use crate::error::{Error, Result};

/// How tags are read, as seqeval 1.2.2 has it; a tag is a letter, a hyphen and the name of what its token is part of,
/// such as `B-PER`, or `O`.
///
/// ```
/// use wgformer::evaluation::TagScheme;
///
/// // An entity that begins with I is one to the usual reading, and none to IOB2.
/// let tags = ["I-PER", "O", "B-LOC", "I-LOC"];
/// assert_eq!(TagScheme::Lenient.entities(&tags)?, [("PER", 0..1), ("LOC", 2..4)]);
/// assert_eq!(TagScheme::Iob2.entities(&tags)?, [("LOC", 2..4)]);
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TagScheme {
    /// Whatever looks like an entity is one, as the script of CoNLL-2000 has it: seqeval's default. Knows `B`, `I`, `E` and
    /// `S`; any other letter goes on with an entity of the same name.
    #[default]
    Lenient,
    /// `I` is inside, `B` begins an entity that follows another of its name (Ramshaw and Marcus, 1995); this and the
    /// others count only entities that are tagged as they say.
    Iob1,
    /// `B` begins every entity, `I` goes on.
    Iob2,
    /// `I` is inside, `E` ends an entity that another of its name follows.
    Ioe1,
    /// `E` ends every entity, `I` stands before.
    Ioe2,
    /// As [`TagScheme::Iob2`], and `E` ends an entity, `S` is one by itself; also called BIOES.
    Iobes,
    /// The same by other letters: `L` is the last, `U` the only one.
    Bilou,
}

use TagScheme::{Bilou, Iob1, Iob2, Iobes, Ioe1, Ioe2, Lenient};

/// A tag: its letter, and the name behind it.
#[derive(Clone, Copy)]
struct Tag<'a> {
    letter: char,
    name: &'a str,
}

const OUTSIDE: Tag<'static> = Tag {
    letter: 'O',
    name: "_",
};

/// What two neighbouring tags have to be: letters of the first, letters of the second, and whether their names are the
/// same; `None`: that does not matter.
type Pattern = (&'static str, &'static str, Option<bool>);

const ANY: &str = "IOBESUL";
const SAME: Option<bool> = Some(true);
const OTHER: Option<bool> = Some(false);

/// The patterns of a scheme (seqeval's `scheme.py`).
struct Patterns {
    letters: &'static str,
    /// The second begins an entity.
    start: &'static [Pattern],
    /// The second goes on with that of the first.
    inside: &'static [Pattern],
    /// The first ends one.
    end: &'static [Pattern],
}

const IOB1: Patterns = Patterns {
    letters: "IOB",
    start: &[("OB", "I", None), ("I", "I", OTHER), ("IB", "B", SAME)],
    inside: &[("BI", "I", SAME)],
    end: &[
        ("IB", "I", OTHER),
        ("IB", "O", None),
        ("I", "B", None),
        ("B", "B", SAME),
    ],
};

const IOE1: Patterns = Patterns {
    letters: "IOE",
    start: &[("OE", "I", None), ("I", "I", OTHER), ("E", "E", SAME)],
    inside: &[("I", "IE", SAME)],
    end: &[("I", "IE", OTHER), ("I", "O", None), ("E", "IE", SAME)],
};

const IOB2: Patterns = Patterns {
    letters: "IOB",
    start: &[(ANY, "B", None)],
    inside: &[("BI", "I", SAME)],
    end: &[("IB", "OB", None), ("IB", "I", OTHER)],
};

const IOE2: Patterns = Patterns {
    letters: "IOE",
    start: &[("OE", "IE", None), ("I", "IE", OTHER)],
    inside: &[("I", "IE", SAME)],
    end: &[("E", ANY, None)],
};

const IOBES: Patterns = Patterns {
    letters: "IOBES",
    start: &[(ANY, "BS", None)],
    inside: &[("BI", "IE", SAME)],
    end: &[("SE", ANY, None)],
};

const BILOU: Patterns = Patterns {
    letters: "BILOU",
    start: &[(ANY, "BU", None)],
    inside: &[("BI", "IL", SAME)],
    end: &[("UL", ANY, None)],
};

impl TagScheme {
    /// The entities of one sequence of tags: the name of each, and its tokens.
    ///
    /// # Errors
    /// [`Error::Input`] for a tag that says nothing, or whose letter is none of the scheme's.
    pub fn entities<S: AsRef<str>>(self, tags: &[S]) -> Result<Vec<(&str, Range<usize>)>> {
        let tags = tags.iter().map(|tag| self.read(tag.as_ref()));
        let mut tags = tags.collect::<Result<Vec<_>>>()?;
        tags.push(OUTSIDE);
        Ok(match self.patterns() {
            None => lenient(&tags),
            Some(patterns) => patterns.entities(&tags),
        })
    }

    fn patterns(self) -> Option<&'static Patterns> {
        match self {
            Lenient => None,
            Iob1 => Some(&IOB1),
            Iob2 => Some(&IOB2),
            Ioe1 => Some(&IOE1),
            Ioe2 => Some(&IOE2),
            Iobes => Some(&IOBES),
            Bilou => Some(&BILOU),
        }
    }

    fn read(self, tag: &str) -> Result<Tag<'_>> {
        let refused = |message| Error::Input {
            name: "tag".to_owned(),
            message,
        };
        let Some(letter) = tag.chars().next() else {
            return Err(refused(
                "is empty, and must be O or a letter, a hyphen and a name".to_owned(),
            ));
        };
        let rest = &tag[letter.len_utf8()..];
        let name = match self.patterns() {
            None => rest.split_once('-').map_or(rest, |(_, name)| name),
            Some(patterns) if patterns.letters.contains(letter) => rest.trim_matches('-'),
            Some(patterns) => {
                return Err(refused(format!(
                    "{tag:?} begins with none of {self:?}'s letters, {}",
                    patterns.letters
                )));
            }
        };
        let name = if name.is_empty() { OUTSIDE.name } else { name };
        Ok(Tag { letter, name })
    }
}

/// `tags`: one more than tokens, the last of them [`OUTSIDE`].
fn lenient<'a>(tags: &[Tag<'a>]) -> Vec<(&'a str, Range<usize>)> {
    let (mut found, mut start, mut before) = (
        Vec::new(),
        0,
        Tag {
            name: "",
            ..OUTSIDE
        },
    );
    for (place, tag) in tags.iter().enumerate() {
        let is_other = before.name != tag.name;
        let ends = match (before.letter, tag.letter) {
            ('E' | 'S', _) | ('B' | 'I', 'B' | 'S' | 'O') => true,
            ('O' | '.', _) => false,
            _ => is_other,
        };
        if ends {
            found.push((before.name, start..place));
        }
        let starts = match (before.letter, tag.letter) {
            (_, 'B' | 'S') | ('E' | 'S' | 'O', 'E' | 'I') => true,
            (_, 'O' | '.') => false,
            _ => is_other,
        };
        if starts {
            start = place;
        }
        before = *tag;
    }
    found
}

impl Patterns {
    /// `tags`: one more than tokens, the last of them [`OUTSIDE`].
    fn entities<'a>(&self, tags: &[Tag<'a>]) -> Vec<(&'a str, Range<usize>)> {
        let (mut found, mut place) = (Vec::new(), 0);
        while place < tags.len() {
            let before = place.checked_sub(1).map_or(OUTSIDE, |before| tags[before]);
            let tag = tags[place];
            if !matches(self.start, before, tag) {
                place += 1;
                continue;
            }
            let goes_on = |at: &usize| matches(self.inside, tags[at - 1], tags[*at]);
            let end = (place + 1..tags.len()).find(|at| !goes_on(at));
            let end = end.expect("what is outside is inside nothing");
            if matches(self.end, tags[end - 1], tags[end]) {
                found.push((tag.name, place..end));
            }
            place = end;
        }
        found
    }
}

fn matches(patterns: &[Pattern], before: Tag<'_>, tag: Tag<'_>) -> bool {
    patterns.iter().any(|(first, second, same)| {
        first.contains(before.letter)
            && second.contains(tag.letter)
            && same.is_none_or(|same| same == (before.name == tag.name))
    })
}
