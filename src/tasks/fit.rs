use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::Embedder;
use crate::error::{Error, Result};
use crate::logistic::{
    ClassWeight, LogisticOptions, LogisticRegression, Strength, Validation, validate,
};
use crate::models::{ClassifierFolder, ClassifierLayer, SentenceTransformer};
use crate::plan::Control;

/// How a classifier is fitted to examples.
///
/// ```
/// use wgformer::logistic::{ClassWeight, Validation};
/// use wgformer::tasks::FitOptions;
///
/// let chosen = FitOptions::default().validation(Validation::default().splits(10).seed(3));
/// let fixed = FitOptions::default().c(10.0).class_weight(ClassWeight::Balanced);
/// # let _ = (chosen, fixed);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct FitOptions {
    c: Option<f64>,
    class_weight: ClassWeight,
    validation: Validation,
}

impl FitOptions {
    /// How much the examples count against the penalty, [`LogisticOptions::c`]; chosen by validation unless it is given.
    #[must_use]
    pub fn c(self, c: f64) -> Self {
        Self { c: Some(c), ..self }
    }

    /// How much each example counts; all the same by default.
    #[must_use]
    pub fn class_weight(self, class_weight: ClassWeight) -> Self {
        Self {
            class_weight,
            ..self
        }
    }

    /// How C is chosen.
    #[must_use]
    pub fn validation(self, validation: Validation) -> Self {
        Self { validation, ..self }
    }
}

/// A classifier that was fitted to examples: a linear layer behind a model that embeds texts.
///
/// ```
/// use wgformer::tasks::{Classifier, FitOptions};
///
/// # let (folder, temporary) = ("tests/data/tiny/plain", tempfile::tempdir().unwrap());
/// # let out = temporary.path().join("out");
/// let gpu = wgformer::Gpu::new()?;
/// let embedder = wgformer::Embedder::load(&gpu, folder)?; // such as "models/all-MiniLM-L6-v2"
/// let texts = ["a cat", "a dog", "the sea", "the sun"];
/// let labels = ["animal", "animal", "nature", "nature"];
/// let fitted = embedder.fit(&texts, &labels, &FitOptions::default())?;
/// for strength in &fitted.strengths {
///     println!("C {}: {:.3} of what was held out", strength.c, strength.mean());
/// }
/// println!("C {}, {:.3} of the examples, {:?}", fitted.c, fitted.accuracy, fitted.counts);
/// fitted.save(&out)?;
///
/// let classifier = Classifier::load(&gpu, &out, &Default::default())?;
/// assert_eq!(classifier.labels(), fitted.labels);
/// println!("{:?}", classifier.classify(["a bird"])?);
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FittedClassifier {
    /// The names of the labels, in their order.
    pub labels: Vec<String>,
    /// How many examples each label has.
    pub counts: Vec<usize>,
    /// The linear layer; its classes are the labels.
    pub regression: LogisticRegression,
    /// What it was fitted with, [`LogisticOptions::c`].
    pub c: f64,
    /// What was found of each value of C that there was to choose from; none where it was given.
    pub strengths: Vec<Strength>,
    /// The part of the examples whose label it finds.
    pub accuracy: f64,
    own: Arc<SentenceTransformer>,
}

impl Embedder {
    /// Fits a classifier to texts with labels: a logistic regression on their vectors (few-shot adaptation by a head alone,
    /// as SetFit's second step; Tunstall and others, 2022). The model itself stays what it is.
    ///
    /// It blocks the thread also where the regression is fitted; [`LogisticRegression::fit`] does that alone, of vectors that
    /// are there.
    ///
    /// See [`FittedClassifier`] for an example.
    ///
    /// # Errors
    /// As [`Embedder::embed`]; [`Error::Input`] if there are not as many labels as texts, a label is empty, there are fewer
    /// than two, or one has a single example, which is enough only for a given C; if the model gives a vector per token.
    pub fn fit<S: AsRef<str>, L: AsRef<str>>(
        &self,
        texts: &[S],
        labels: &[L],
        options: &FitOptions,
    ) -> Result<FittedClassifier> {
        self.fit_with(texts, labels, options, Control::new())
    }

    /// [`Embedder::fit`] with a deadline, or somebody who is told how many texts are embedded and how many of the
    /// validation's fits are done, as one number.
    ///
    /// ```
    /// # use wgformer::{plan::Control, tasks::FitOptions};
    /// # let embedder = wgformer::Embedder::load(&wgformer::Gpu::new()?, "tests/data/tiny/plain")?;
    /// let control = Control::new().progress(|now| println!("{} of {}", now.done, now.total));
    /// let options = FitOptions::default().c(1.0);
    /// let fitted = embedder.fit_with(&["a cat", "the sea"], &["animal", "nature"], &options, control)?;
    /// # let _ = fitted;
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Embedder::fit`], and [`Error::Deadline`].
    pub fn fit_with<S: AsRef<str>, L: AsRef<str>>(
        &self,
        texts: &[S],
        labels: &[L],
        options: &FitOptions,
        mut control: Control<'_>,
    ) -> Result<FittedClassifier> {
        let own = Arc::new(self.as_directory()?);
        let examples = Examples::of(labels)?;
        examples.check(texts.len(), options)?;
        let fits = match options.c {
            Some(_) => 0,
            None => options.validation.fits(),
        };
        let (due, total) = (control.due(), texts.len() + fits);
        let embedding = Control::new().progress(|now| control.report(now.done, total));
        let embedding = match due {
            Some(due) => embedding.deadline(due),
            None => embedding,
        };
        let features = self.whole_vectors(texts, embedding)?.concat();
        let report = |done, _| {
            control.report(texts.len() + done, total);
            check_deadline(due)
        };
        let regression = LogisticOptions::default().class_weight(options.class_weight);
        let places = &examples.places;
        let (strengths, c) = match options.c {
            Some(c) => (Vec::new(), c),
            None => {
                let validation = &options.validation;
                let (found, best) = validate(&features, places, &regression, validation, report)?;
                let c = found[best].c;
                (found, c)
            }
        };
        let regression = LogisticRegression::fit(&features, places, &regression.c(c))?;
        let predicted = regression.predict(&features);
        let right = predicted.iter().zip(places).filter(|(a, b)| a == b).count();
        Ok(FittedClassifier {
            labels: examples.names.clone(),
            counts: examples.counts(),
            regression,
            c,
            strengths,
            accuracy: right as f64 / texts.len() as f64,
            own,
        })
    }
}

impl FittedClassifier {
    /// Writes a directory that [`Classifier`](super::Classifier) loads, and sentence-transformers of Python, whose `encode`
    /// gives the logits: the model's own files with the linear layer behind them. It needs nothing else, appears when it
    /// is whole, and replaces a classifier that is there.
    ///
    /// # Errors
    /// As [`ClassifierFolder::at`] and [`ClassifierFolder::write`].
    pub fn save(&self, directory: impl AsRef<Path>) -> Result<()> {
        let (weight, bias) = self.regression.layer();
        let narrow = |values: Vec<f64>| values.into_iter().map(|it| it as f32).collect();
        let layer = ClassifierLayer::new(self.labels.clone(), narrow(weight), narrow(bias))?;
        ClassifierFolder::at(directory.as_ref())?.write(&self.own, &layer)
    }
}

/// Labels as numbers.
struct Examples {
    names: Vec<String>,
    /// Of each example the place of its label among the names.
    places: Vec<usize>,
}

impl Examples {
    fn of<L: AsRef<str>>(labels: &[L]) -> Result<Self> {
        let mut each = labels.iter().map(AsRef::as_ref);
        if let Some(place) = each.position(|label: &str| label.trim().is_empty()) {
            return Err(refused(format!(
                "the label of text {place} is empty: name it, or leave the text out"
            )));
        }
        let names: BTreeSet<&str> = labels.iter().map(AsRef::as_ref).collect();
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let place = |label: &L| {
            let found = names.binary_search_by(|name| name[..].cmp(label.as_ref()));
            found.expect("it is one of them")
        };
        let places = labels.iter().map(place).collect();
        Ok(Self { names, places })
    }

    fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.names.len()];
        self.places.iter().for_each(|place| counts[*place] += 1);
        counts
    }

    fn check(&self, texts: usize, options: &FitOptions) -> Result<()> {
        let labels = self.places.len();
        if labels != texts {
            return Err(refused(format!(
                "there are {labels} labels for {texts} texts"
            )));
        }
        if let [] | [_] = self.names[..] {
            let all = self
                .names
                .first()
                .map_or_else(String::new, |it| format!(", {it:?}"));
            return Err(refused(format!(
                "there is {} label{all}, and at least two are told apart: add texts of another",
                self.names.len()
            )));
        }
        let alone = self.counts().iter().position(|count| *count < 2);
        match alone.filter(|_| options.c.is_none()) {
            None => Ok(()),
            Some(place) => Err(refused(format!(
                "{:?} has one example, and choosing C by validation holds one out and needs another: add one, or give C",
                self.names[place]
            ))),
        }
    }
}

fn refused(message: String) -> Error {
    Error::Input {
        name: "labels".to_owned(),
        message,
    }
}

fn check_deadline(due: Option<Instant>) -> Result<()> {
    let late = due.and_then(|due| Instant::now().checked_duration_since(due));
    late.map_or(Ok(()), |late| Err(Error::Deadline { late }))
}
