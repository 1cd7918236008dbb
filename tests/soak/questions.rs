//! What is asked, and what is right.

use wgformer::index::Hit;
use wgformer::models::Batch;

use crate::live::Live;

/// How many hits a search may ask for, and how many of them are compared.
pub(crate) const MOST_HITS: usize = 40;
pub(crate) const HITS: usize = 5;

/// One for each kind of subject.
pub(crate) struct Question {
    pub(crate) batch: Batch,
    pub(crate) texts: Vec<String>,
    pub(crate) query: Vec<f32>,
}

/// What is asked.
#[derive(Clone, Copy)]
pub(crate) enum Subject {
    Model,
    Embedder,
    Index,
}

impl Question {
    pub(crate) fn new(seed: u32, dimensions: usize) -> Self {
        let place = |i: usize| (7 * i + 5 * seed as usize) % 11;
        Self {
            batch: batch(seed),
            texts: (0..=3 * seed).map(|number| text(seed + number)).collect(),
            query: (0..dimensions).map(|i| place(i) as f32 - 4.5).collect(),
        }
    }

    /// What nobody disturbs gives.
    pub(crate) fn answers(&self, live: &Live) -> [Vec<f32>; 3] {
        let hits = live.index.search(&[&self.query], HITS).unwrap();
        [
            live.model().run(&self.batch).unwrap(),
            live.embedder.embed(&self.texts).unwrap().concat(),
            of_hits(&hits),
        ]
    }
}

/// Places and scores of the best of the only query.
pub(crate) fn of_hits(hits: &[Vec<Hit>]) -> Vec<f32> {
    let best = hits[0].iter().take(HITS);
    best.flat_map(|hit| [hit.index as f32, hit.score]).collect()
}

/// One to three sequences.
fn batch(seed: u32) -> Batch {
    let mut batch = Batch::new();
    for place in 0..=seed % 3 {
        let length = 2 + (5 * seed + 7 * place) % 9;
        let ids: Vec<u32> = (0..length).map(|i| (7 * i + 5 * seed) % 60).collect();
        batch.push(&ids, &vec![0; ids.len()]);
    }
    batch
}

fn text(seed: u32) -> String {
    let words = ["sea", "sun", "rain", "snow", "dog", "cat", "red", "blue"];
    let word = |i: u32| words[((i * i + seed) % 8) as usize];
    (0..=seed % 13).map(word).collect::<Vec<_>>().join(" ")
}
