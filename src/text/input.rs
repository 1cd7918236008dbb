/// One text, or two that a model reads as a pair, such as a question and its context.
///
/// ```
/// use wgformer::text::Text;
///
/// let texts = [Text::from("a cat"), Text::from(("Who sat?", "A cat sat."))];
/// assert_eq!(texts[1], Text::Pair("Who sat?", "A cat sat."));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    /// One text.
    One(&'a str),
    /// The first and the second of a pair.
    Pair(&'a str, &'a str),
}

impl<'a> Text<'a> {
    /// What is read of it, to transformers, where no second text and an empty one are the same.
    pub(crate) fn without_empty_second(self) -> Self {
        match self {
            Self::Pair(first, "") => Self::One(first),
            other => other,
        }
    }

    /// Texts as [`Text::without_empty_second`] has them.
    pub(crate) fn all_without_empty_second(
        texts: impl IntoIterator<Item = impl Into<Self>>,
    ) -> Vec<Self> {
        let texts = texts.into_iter().map(Into::into);
        texts.map(Self::without_empty_second).collect()
    }

    /// How long all of it is.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::One(text) => text.len(),
            Self::Pair(first, second) => first.len() + second.len(),
        }
    }

    /// What a model reads of it: the prompt, and in lower case.
    pub(crate) fn prompted(&self, prompt: &str, lower_case: bool) -> [String; 2] {
        let (first, second) = match self {
            Self::One(text) => (*text, ""),
            Self::Pair(first, second) => (*first, *second),
        };
        let read = [format!("{prompt}{first}"), second.to_owned()];
        if lower_case {
            read.map(|text| text.to_lowercase())
        } else {
            read
        }
    }

    /// Of one text about so many bytes, or more: up to a space, where every tokenizer of an encoder parts words. All of a
    /// pair, whose parts are cut by each other's length.
    pub(crate) fn beginning(&self, bytes: usize) -> Self {
        let Self::One(text) = *self else {
            return *self;
        };
        let Some(rest) = (bytes..text.len()).find_map(|place| text.get(place..)) else {
            return *self;
        };
        let space = rest.find(char::is_whitespace);
        Self::One(&text[..text.len() - rest.len() + space.unwrap_or(rest.len())])
    }

    /// As many texts as it has, others.
    pub(crate) fn with(&self, [first, second]: &'a [String; 2]) -> Self {
        match self {
            Self::One(_) => Self::One(first),
            Self::Pair(..) => Self::Pair(first, second),
        }
    }
}

impl<'a, S: AsRef<str> + ?Sized> From<&'a S> for Text<'a> {
    fn from(text: &'a S) -> Self {
        Self::One(text.as_ref())
    }
}

impl<'a, 'b> From<&'a Text<'b>> for Text<'a> {
    fn from(text: &'a Text<'b>) -> Self {
        *text
    }
}

impl<'a> From<(&'a str, &'a str)> for Text<'a> {
    fn from((first, second): (&'a str, &'a str)) -> Self {
        Self::Pair(first, second)
    }
}
