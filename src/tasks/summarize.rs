use unicode_segmentation::UnicodeSegmentation;

use super::Embedder;
use super::text_model::yield_now;
use crate::error::{Error, Result};
use crate::index::Metric;
use crate::models::dot;
use crate::plan::Control;

/// A sentence of a text that stands for others.
///
/// See [`Embedder::summarize`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sentence {
    /// Its place among the text's sentences.
    pub index: usize,
    /// How central it is: a share, of all sentences together 1.
    pub score: f32,
    /// The sentence, as it stands in the text.
    pub text: String,
}

/// Of the share that a sentence has of the others, the rest being the same for all; as PageRank has it.
const DAMPING: f64 = 0.85;

/// Rounds of sharing out, of which each brings what is left of the first guess down by [`DAMPING`] at least; fewer where
/// all scores together move by less than this.
const ROUNDS: usize = 100;
const SETTLED: f64 = 1e-9;

/// Sentences of which every pair can be held in memory, in 1 GiB.
const MOST: usize = 1 << 14;

impl Embedder {
    /// The `count` sentences of a text that are most alike to all others, the most central first: an extractive summary,
    /// which writes nothing new. By LexRank (Erkan and Radev, 2004) over the cosines of the sentences' embeddings.
    ///
    /// Sentences end where Unicode says that they do (Standard Annex 29); one that is longer than the model takes stands as
    /// the sum of its passages. The work grows with the square of their number.
    ///
    /// ```
    /// use wgformer::tasks::Sentence;
    ///
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tiny/plain");
    /// let embedder = wgformer::Embedder::load(&gpu, folder)?;
    /// let text = "The cat slept. The cat sat on the mat. Snow fell. A cat likes a mat.";
    /// let mut summary: Vec<Sentence> = embedder.summarize(text, 2)?;
    /// summary.sort_by_key(|sentence| sentence.index); // as they stand in the text
    /// assert_eq!(summary.len(), 2);
    ///
    /// let soon = || wgformer::plan::Control::new().timeout(std::time::Duration::from_secs(60));
    /// let again = embedder.summarize_with(text, 2, soon())?;
    /// assert_eq!(pollster::block_on(embedder.summarize_async(text, 2))?, again);
    /// assert_eq!(pollster::block_on(embedder.summarize_with_async(text, 2, soon()))?, again);
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Embedder::embed`]; [`Error::Input`] of an embedder with a vector per token; [`Error::Limit`] for more than 16,384
    /// sentences.
    pub fn summarize(&self, text: &str, count: usize) -> Result<Vec<Sentence>> {
        self.text_model.block_on(self.summarize_async(text, count))
    }

    /// [`Embedder::summarize`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`Embedder::summarize`].
    pub async fn summarize_async(&self, text: &str, count: usize) -> Result<Vec<Sentence>> {
        self.summarize_with_async(text, count, Control::new()).await
    }

    /// [`Embedder::summarize`] with a deadline, or somebody who is told after each batch how many sentences are embedded.
    ///
    /// # Errors
    /// As [`Embedder::summarize`], and [`crate::Error::Deadline`].
    pub fn summarize_with(
        &self,
        text: &str,
        count: usize,
        control: Control<'_>,
    ) -> Result<Vec<Sentence>> {
        self.text_model
            .block_on(self.summarize_with_async(text, count, control))
    }

    /// [`Embedder::summarize_with`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`Embedder::summarize_with`].
    pub async fn summarize_with_async(
        &self,
        text: &str,
        count: usize,
        control: Control<'_>,
    ) -> Result<Vec<Sentence>> {
        self.expect_one_vector("a summary")?;
        let sentences: Vec<&str> = text.unicode_sentences().map(str::trim).collect();
        check_count(sentences.len())?;
        let deadline = control.due();
        let vectors = self.vectors(&sentences, control).await?;
        let gpu = self.model().plan().gpu();
        let scores = async { Ok(centralities(vectors).await) };
        let scores = gpu.before(deadline, scores).await?;
        let sentence = |(index, score): (usize, f64)| Sentence {
            index,
            score: score as f32,
            text: sentences[index].to_owned(),
        };
        let scores = scores.into_iter().enumerate();
        let mut ranked: Vec<Sentence> = scores.map(sentence).collect();
        ranked.sort_by(|a, b| b.score.total_cmp(&a.score)); // stable
        ranked.truncate(count);
        Ok(ranked)
    }

    /// Of each sentence; of one that is longer than the model takes, the sum of those of its passages.
    async fn vectors(&self, sentences: &[&str], control: Control<'_>) -> Result<Vec<Vec<f32>>> {
        let mut passages = Vec::with_capacity(sentences.len());
        for (index, sentence) in sentences.iter().enumerate() {
            let own = self.passages(sentence, 0)?.into_iter();
            passages.extend(own.map(|passage| (index, passage.text)));
            yield_now().await;
        }
        let texts: Vec<&str> = passages.iter().map(|(_, text)| *text).collect();
        let mut vectors: Vec<Vec<f32>> = vec![vec![]; sentences.len()];
        let of_passages = self.embed_with_async(&texts, control).await?;
        for ((index, _), of_passage) in passages.iter().zip(of_passages) {
            let vector = &mut vectors[*index];
            if vector.is_empty() {
                *vector = of_passage;
            } else {
                vector
                    .iter_mut()
                    .zip(of_passage)
                    .for_each(|(sum, it)| *sum += it);
            }
        }
        Ok(vectors)
    }
}

/// Checks, before any work, that the matrix of all pairs is not too large.
///
/// # Errors
/// [`Error::Limit`] if it is.
fn check_count(sentences: usize) -> Result<()> {
    if sentences <= MOST {
        return Ok(());
    }
    Err(Error::Limit {
        thing: "a summary compares every sentence with every other and".to_owned(),
        needed: sentences as u64,
        allowed: MOST as u64,
        unit: "sentences",
        advice: "summarise parts of the text",
    })
}

/// The share of each vector: it is given by every other, the more the smaller the angle between them is. After each row
/// of the matrix of all pairs others, and a deadline, have their turn.
async fn centralities(vectors: Vec<Vec<f32>>) -> Vec<f64> {
    let count = vectors.len();
    let of_length_1 = vectors
        .iter()
        .map(|it| Metric::Cosine.scaled(it).into_owned());
    let vectors: Vec<Vec<f32>> = of_length_1.collect();
    let mut given: Vec<Vec<f32>> = Vec::with_capacity(count);
    for from in 0..count {
        given.push(shares(from, &vectors));
        yield_now().await;
    }
    let mut scores = vec![1.0 / count as f64; count];
    for _ in 0..ROUNDS {
        let mut next = vec![(1.0 - DAMPING) / count as f64; count];
        for (score, shares) in scores.iter().zip(&given) {
            for (next, share) in next.iter_mut().zip(shares) {
                *next += DAMPING * score * f64::from(*share);
            }
            yield_now().await;
        }
        let change = |(before, after): (&f64, &f64)| (before - after).abs();
        let moved: f64 = scores.iter().zip(&next).map(change).sum();
        scores = next;
        if moved < SETTLED {
            break;
        }
    }
    scores
}

/// What a vector, of length 1 like all, gives to each of the others, 1 in all; what points away from it gets nothing. One
/// that is near to none gives the same to all, for what it kept would make it central.
fn shares(from: usize, vectors: &[Vec<f32>]) -> Vec<f32> {
    let near = vectors.iter().map(|to| dot(&vectors[from], to).max(0.0));
    let mut near: Vec<f32> = near.collect();
    near[from] = 0.0;
    let sum: f64 = near.iter().map(|it| f64::from(*it)).sum();
    if sum > 0.0 {
        near.iter_mut()
            .for_each(|it| *it = (f64::from(*it) / sum) as f32);
        near
    } else {
        vec![1.0 / vectors.len() as f32; vectors.len()]
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::{MOST, centralities, check_count};

    #[test]
    fn a_deadline_has_its_turn_after_every_row() {
        let vectors = (0..20).map(|place| vec![place as f32, 1.0]).collect();
        let mut comparison = pin!(centralities(vectors));
        let mut turns = 0;
        let mut context = Context::from_waker(Waker::noop());
        while comparison.as_mut().poll(&mut context).is_pending() {
            turns += 1;
        }
        // Those of the matrix, and those of one round at least.
        assert!(turns >= 2 * 20, "{turns}");
    }

    #[test]
    fn the_middle_of_a_fan_is_most_central() {
        let vector = |degrees: f32| vec![degrees.to_radians().cos(), degrees.to_radians().sin()];
        let centralities = |vectors| pollster::block_on(centralities(vectors));
        let scores = centralities([0.0, 40.0, 80.0, 200.0].map(vector).to_vec());
        let sum: f64 = scores.iter().sum();
        assert!((sum - 1.0).abs() < 1e-6, "{scores:?}");
        assert!(scores[1] > scores[0] && scores[1] > scores[2], "{scores:?}");
        assert!(scores[3] < scores[0], "{scores:?}");
        assert!(centralities(Vec::new()).is_empty());
        assert_eq!(centralities(vec![vec![0.0, 0.0]]), [1.0]);
    }

    #[test]
    fn more_sentences_than_can_be_compared_are_refused() {
        check_count(MOST).unwrap();
        let error = check_count(MOST + 1).unwrap_err().to_string();
        assert!(error.contains("16385 sentences"), "{error}");
    }
}
