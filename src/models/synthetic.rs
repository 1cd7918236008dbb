//! A network of a configuration alone, whose weights are random numbers: for measuring without a checkpoint.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::derived::Source;
use super::{Config, Family, Head, Network};
use crate::error::{Error, Result};
use crate::plan::Weights;
use crate::verify::Random;

impl Network {
    /// What a configuration describes, with weights that are random numbers, the same for the same `seed`. They are made as
    /// they are asked for, and take no memory before: so a model of any size can be measured without its checkpoint.
    ///
    /// A checkpoint's tensors may go by several names or leave something out; here is what the family asks for first,
    /// without what it could do without.
    ///
    /// ```
    /// use wgformer::models::{Batch, Config, Head, Model, ModelOptions, Network};
    ///
    /// let config = Config::from_json(
    ///     r#"{"model_type": "bert", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    ///         "intermediate_size": 256, "vocab_size": 1000}"#,
    /// )?;
    /// let network = Network::synthetic(&config, Head::HiddenStates, 3)?;
    /// let model = Model::of_network(&wgformer::Gpu::new()?, network, 512, &ModelOptions::default())?;
    /// let mut batch = Batch::new();
    /// batch.push(&[2, 7, 3], &[0, 0, 0]);
    /// assert_eq!(model.run(&batch)?.len(), 3 * 64);
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Malformed`] or [`Error::Unsupported`] for the configuration; [`Error::TensorMissing`] for a family that looks
    /// at the shape of a tensor before it takes it, such as one whose checkpoints pack several layers in one matrix.
    pub fn synthetic(config: &Config, head: Head, seed: u64) -> Result<Self> {
        let source = Synthetic {
            seed,
            shapes: Mutex::default(),
        };
        Self::build(config, Family::of(config)?, Arc::new(source), head)
    }
}

/// Every tensor that anybody expects, with the shape that was expected first.
#[derive(Debug)]
struct Synthetic {
    seed: u64,
    shapes: Mutex<HashMap<String, Vec<usize>>>,
}

/// What linear layers begin training with, about (transformers' `initializer_range`).
const RANGE: f32 = 0.035;

impl Synthetic {
    fn named(&self, name: &str) -> Result<Vec<usize>> {
        self.shape(name).ok_or_else(|| Error::TensorMissing {
            location: self.location(),
            tensor: name.to_owned(),
        })
    }

    /// Some of a tensor's elements, which are the same whatever is asked for with them.
    fn elements(&self, name: &str, shape: &[usize], elements: Range<usize>) -> Vec<f32> {
        let cols = shape.last().copied().unwrap_or(1).max(1);
        // Vectors called so are those of norms.
        let center = match shape {
            [_] if name.ends_with("weight") => 1.0,
            _ => 0.0,
        };
        let rows = elements.start / cols..elements.end.div_ceil(cols);
        let start = rows.start * cols;
        let mut values = Vec::with_capacity(cols * rows.len());
        for row in rows {
            let mut random = Random::new(self.seed_of(name, row));
            values.extend((0..cols).map(|_| center + RANGE * random.unit()));
        }
        values.truncate(elements.end - start);
        values.drain(..elements.start - start);
        values
    }

    /// Of a row (FNV-1a; Fowler, Noll and Vo).
    fn seed_of(&self, name: &str, row: usize) -> u64 {
        let bytes = name.as_bytes().iter().copied();
        let bytes = bytes.chain(row.to_le_bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325 ^ self.seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}

impl Source for Synthetic {
    fn filled_up(&self, name: &str, elements: Range<usize>) -> Result<Cow<'_, [f32]>> {
        let shape = self.named(name)?;
        let last = shape.iter().product();
        let there = elements.start.min(last)..elements.end.min(last);
        let mut values = self.elements(name, &shape, there);
        values.resize(elements.len(), 0.0);
        Ok(Cow::Owned(values))
    }
}

impl Weights for Synthetic {
    fn location(&self) -> String {
        "synthetic weights".to_owned()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        let shapes = self.shapes.lock().unwrap_or_else(PoisonError::into_inner);
        shapes.get(name).cloned()
    }

    fn values(&self, name: &str) -> Result<Cow<'_, [f32]>> {
        let shape = self.named(name)?;
        let all = 0..shape.iter().product();
        Ok(Cow::Owned(self.elements(name, &shape, all)))
    }

    /// These alone are made.
    fn rows(&self, name: &str, rows: &[u32]) -> Result<Vec<f32>> {
        let shape = self.named(name)?;
        let cols = shape.last().copied().unwrap_or(0);
        let row = |row: &u32| {
            let first = *row as usize * cols;
            self.elements(name, &shape, first..first + cols)
        };
        Ok(rows.iter().flat_map(row).collect())
    }

    /// Whoever expects a tensor first says what shape it has.
    fn expect_shape(&self, name: &str, expected: &[usize]) -> Result<()> {
        let mut shapes = self.shapes.lock().unwrap_or_else(PoisonError::into_inner);
        let found = shapes
            .entry(name.to_owned())
            .or_insert_with(|| expected.to_vec());
        if found == expected {
            return Ok(());
        }
        Err(Error::TensorShape {
            location: self.location(),
            tensor: name.to_owned(),
            found: found.clone(),
            expected: expected.to_vec(),
        })
    }
}
