//! What stands before the hyphen of a tag: where in an entity its token is.

/// How a model's labels say where entities begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TagScheme {
    /// `B-` begins one, `I-` goes on with it, as transformers' pipeline knows them.
    Bio,
    /// `E-` ends one too, and `S-` is one by itself.
    Bioes,
    /// The same by other letters, `L-` (last) and `U-` (unit).
    Bilou,
}

impl TagScheme {
    /// What ends an entity, or is one, stands beside `B-` of the same name.
    pub(super) fn of(labels: &[String]) -> Self {
        let has_any = |letters: [char; 2]| {
            let ends = labels
                .iter()
                .filter_map(|label| label.strip_prefix(letters));
            let mut names = ends.filter_map(|rest| rest.strip_prefix('-'));
            names.any(|name| {
                let mut others = labels.iter().filter_map(|label| label.strip_prefix("B-"));
                others.any(|other| other == name)
            })
        };
        if has_any(['E', 'S']) {
            Self::Bioes
        } else if has_any(['L', 'U']) {
            Self::Bilou
        } else {
            Self::Bio
        }
    }

    /// Whether a token with the label `next` belongs to the entity of the token before it, with the label `tag`.
    pub(super) fn continues(self, tag: &str, next: &str) -> bool {
        let (before, name) = self.split(tag);
        let (place, next_name) = self.split(next);
        let ends = matches!(before, Some(Place::End | Place::Single));
        let begins = matches!(place, Some(Place::Begin | Place::Single));
        name == next_name && !ends && !begins
    }

    /// The place that a label says, if it says one, and what is left of it.
    fn split(self, label: &str) -> (Option<Place>, &str) {
        let Some((letter, name)) = label.split_once('-') else {
            return (None, label);
        };
        let place = match (self, letter) {
            (_, "B") => Place::Begin,
            (_, "I") => Place::Inside,
            (Self::Bioes, "E") | (Self::Bilou, "L") => Place::End,
            (Self::Bioes, "S") | (Self::Bilou, "U") => Place::Single,
            _ => return (None, label),
        };
        (Some(place), name)
    }
}

enum Place {
    Begin,
    Inside,
    End,
    Single,
}

#[cfg(test)]
mod tests {
    use super::TagScheme;

    fn scheme(labels: &[&str]) -> TagScheme {
        let labels: Vec<String> = labels.iter().map(|&label| label.to_owned()).collect();
        TagScheme::of(&labels)
    }

    #[test]
    fn a_scheme_with_ends_has_them_beside_b() {
        assert_eq!(
            scheme(&["O", "B-PER", "I-PER", "E-PER", "S-PER"]),
            TagScheme::Bioes
        );
        assert_eq!(scheme(&["S-PER", "B-PER"]), TagScheme::Bioes);
        assert_eq!(
            scheme(&["O", "B-PER", "I-PER", "L-PER", "U-PER"]),
            TagScheme::Bilou
        );
        // Names that begin so, and nothing beside them.
        for labels in [
            &["O", "B-PER", "I-PER", "MISC"][..],
            &["E-MAIL", "S-BAHN", "U-BAHN"],
            &["B-PER", "I-PER", "E-MAIL"],
            &[],
        ] {
            assert_eq!(scheme(labels), TagScheme::Bio, "{labels:?}");
        }
    }

    #[test]
    fn an_entity_ends_where_its_tags_say_so() {
        for (scheme, end, single) in [(TagScheme::Bioes, "E", "S"), (TagScheme::Bilou, "L", "U")] {
            let of = |letter: &str| format!("{letter}-PER");
            let (begin, inside, end, single) = (of("B"), of("I"), of(end), of(single));
            for (tag, next, belongs) in [
                (&begin, &inside, true),
                (&begin, &end, true),
                (&inside, &end, true),
                (&inside, &inside, true),
                (&end, &inside, false),
                (&end, &end, false),
                (&single, &inside, false),
                (&inside, &single, false),
                (&inside, &begin, false),
                (&begin, &"I-LOC".to_owned(), false),
            ] {
                assert_eq!(scheme.continues(tag, next), belongs, "{tag} {next}");
            }
            // To the pipeline these are names of their own.
            assert!(!TagScheme::Bio.continues(&begin, &end));
            assert!(TagScheme::Bio.continues(&single, &single));
        }
    }
}
