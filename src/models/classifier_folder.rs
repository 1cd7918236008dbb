//! The directory of a classifier: a model's own files, and behind its modules a linear layer whose outputs are logits.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Map, Value, json};

use super::sentence_transformers::CLASSIFIER;
use super::{Checkpoint, Output, Projection, SentenceTransformer, json};
use crate::error::{Error, Result};
use crate::ops::Pooling;
use crate::whole_file::WholeFolder;

/// A linear layer from a model's vectors to labels.
///
/// See [`ClassifierFolder`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClassifierLayer {
    /// The names of the labels.
    pub labels: Vec<String>,
    /// `[labels, columns]`, row-major.
    pub weight: Vec<f32>,
    /// `[labels]`
    pub bias: Vec<f32>,
}

impl ClassifierLayer {
    /// Of its labels, its weight, `[labels, columns]` row-major, and its bias, `[labels]`.
    ///
    /// See [`ClassifierFolder`] for an example.
    ///
    /// # Errors
    /// [`Error::Input`] if these are no such numbers of elements, or if there are fewer than two labels.
    pub fn new(labels: Vec<String>, weight: Vec<f32>, bias: Vec<f32>) -> Result<Self> {
        let count = labels.len();
        let fits = count >= 2 && bias.len() == count && weight.len().is_multiple_of(count);
        if !fits || weight.is_empty() {
            return Err(Error::Input {
                name: "classifier".to_owned(),
                message: format!(
                    "{} weights and {} biases are no layer of {count} labels, of which there must be two",
                    weight.len(),
                    bias.len()
                ),
            });
        }
        Ok(Self {
            labels,
            weight,
            bias,
        })
    }

    /// How many a vector has.
    fn columns(&self) -> usize {
        self.weight.len() / self.labels.len()
    }
}

/// Where a classifier is written: a sentence-transformers directory that has all it needs, whose last module is a `Dense`
/// called `classifier`, with a logit per label; `config.json` names the labels. `SentenceTransformer(folder).encode` of
/// Python gives the logits, [`Classifier`](crate::tasks::Classifier) the labels.
///
/// ```
/// use wgformer::models::{ClassifierFolder, ClassifierLayer, Output, SentenceTransformer};
///
/// # let (model, temporary) = ("tests/data/tiny/plain", tempfile::tempdir().unwrap());
/// # let path = temporary.path().join("out");
/// let own = SentenceTransformer::read(model.as_ref())?; // of vectors of 32 columns
/// let labels = vec!["cold".to_owned(), "warm".to_owned()];
/// let layer = ClassifierLayer::new(labels, vec![0.5; 2 * 32], vec![0.0; 2])?;
/// ClassifierFolder::at(&path)?.write(&own, &layer)?;
/// assert_eq!(SentenceTransformer::read(&path)?.output, Output::Logits);
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClassifierFolder {
    path: PathBuf,
}

impl ClassifierFolder {
    /// A folder that is not there yet, that is empty, or that holds a classifier, which is replaced.
    ///
    /// # Errors
    /// [`Error::Write`] if there is something else.
    pub fn at(path: &Path) -> Result<Self> {
        let is_free = match fs::read_dir(path) {
            Ok(mut entries) => entries.next().is_none() || is_classifier(path),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if is_free {
            return Ok(Self {
                path: path.to_owned(),
            });
        }
        let reason = "it is there, and no classifier that could be replaced; name another folder";
        Err(Error::Write {
            path: path.to_owned(),
            source: io::Error::new(io::ErrorKind::AlreadyExists, reason),
        })
    }

    /// Writes the model that `own` says with the layer behind it. The folder appears when it is whole; one that is there is
    /// replaced then.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the model gives something else than one vector; [`Error::Io`] or [`Error::Malformed`] for
    /// its files; [`Error::Write`].
    pub fn write(&self, own: &SentenceTransformer, layer: &ClassifierLayer) -> Result<()> {
        expect_vector(own)?;
        let failed = |source| Error::Write {
            path: self.path.clone(),
            source,
        };
        let folder = WholeFolder::beside(&self.path).map_err(failed)?;
        write_files(own, layer, folder.path())?;
        folder.persist().map_err(failed)
    }
}

fn is_classifier(path: &Path) -> bool {
    let own = SentenceTransformer::read(path);
    own.is_ok_and(|own| own.output == Output::Logits)
}

fn expect_vector(own: &SentenceTransformer) -> Result<()> {
    if own.output == Output::Vector {
        return Ok(());
    }
    Err(Error::Unsupported {
        path: own.directory.clone(),
        what: "output",
        found: format!("{:?}", own.output),
        supported: "a model that gives one vector per text".to_owned(),
    })
}

fn write_files(own: &SentenceTransformer, layer: &ClassifierLayer, folder: &Path) -> Result<()> {
    copy_transformer(&own.transformer, folder)?;
    write_config(own, &layer.labels, folder)?;
    write_own_config(own, folder)?;
    let mut modules = Modules::new(folder);
    let pooling = modules.add("Pooling", "")?;
    write_json(&pooling.join("config.json"), &pooling_config(own, layer))?;
    let last = own.normalize.then_some(Projection::Normalize);
    for projection in own.up_to_dense().iter().chain(&last) {
        match projection {
            Projection::Normalize => {
                modules.add("Normalize", "")?;
            }
            Projection::Dense(dense) => {
                let (from, to) = (dense.folder(), modules.add("Dense", "")?);
                copy_into(&from.join("config.json"), &to)?;
                let weights = Checkpoint::files(from)?;
                weights.iter().try_for_each(|file| copy_into(file, &to))?;
            }
        }
    }
    write_layer(layer, &modules.add("Dense", CLASSIFIER)?)?;
    write_json(&folder.join("modules.json"), &Value::Array(modules.listed))
}

/// The modules of a directory, the first of which is the model itself.
struct Modules<'a> {
    folder: &'a Path,
    listed: Vec<Value>,
}

impl<'a> Modules<'a> {
    fn new(folder: &'a Path) -> Self {
        let first = json!({
            "idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer",
        });
        Self {
            folder,
            listed: vec![first],
        }
    }

    /// The folder of one more; by its number, unless it has a name.
    fn add(&mut self, class: &str, name: &str) -> Result<PathBuf> {
        let place = self.listed.len();
        let path = format!("{place}_{class}");
        let name = if name.is_empty() {
            place.to_string()
        } else {
            name.to_owned()
        };
        self.listed.push(json!({
            "idx": place, "name": name, "path": path,
            "type": format!("sentence_transformers.models.{class}"),
        }));
        let folder = self.folder.join(path);
        fs::create_dir(&folder).map_err(|source| Error::Write {
            path: folder.clone(),
            source,
        })?;
        Ok(folder)
    }
}

/// The weights, and what is beside them of settings and vocabularies; not its other formats, nor what is said of it.
fn copy_transformer(from: &Path, to: &Path) -> Result<()> {
    let weights = Checkpoint::files(from)?;
    weights.iter().try_for_each(|file| copy_into(file, to))?;
    let io = |source| Error::Io {
        path: from.to_owned(),
        source,
    };
    for entry in fs::read_dir(from).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let end = path.extension().and_then(|end| end.to_str());
        let is_setting = matches!(end, Some("json" | "txt" | "model")) && path.is_file();
        let is_index = path.to_string_lossy().ends_with(".index.json");
        if is_setting && !is_index {
            copy_into(&path, to)?;
        }
    }
    Ok(())
}

/// The model's own, which names the labels now.
fn write_config(own: &SentenceTransformer, labels: &[String], folder: &Path) -> Result<()> {
    let mut config: Map<String, Value> = json::read(&own.transformer.join("config.json"))?;
    let numbered = labels.iter().enumerate();
    let names: Map<String, Value> = numbered
        .clone()
        .map(|(place, label)| (place.to_string(), json!(label)))
        .collect();
    let numbers: Map<String, Value> = numbered
        .map(|(place, label)| (label.clone(), json!(place)))
        .collect();
    config.insert("id2label".to_owned(), Value::Object(names));
    config.insert("label2id".to_owned(), Value::Object(numbers));
    config.insert(
        "problem_type".to_owned(),
        json!("single_label_classification"),
    );
    // It may name a head that was trained for something else, and a number of labels that is another's.
    for other in ["architectures", "num_labels", "_num_labels"] {
        config.remove(other);
    }
    write_json(&folder.join("config.json"), &Value::Object(config))
}

/// Prompts, of which the default is that which was used; no number of elements that are kept: all are read.
fn write_own_config(own: &SentenceTransformer, folder: &Path) -> Result<()> {
    const NAME: &str = "config_sentence_transformers.json";
    let read: Option<Map<String, Value>> = json::read_if_there(&own.directory.join(NAME))?;
    let Some(mut config) = read else {
        return Ok(());
    };
    config.remove("truncate_dim");
    config.insert("default_prompt_name".to_owned(), json!(own.default_prompt));
    write_json(&folder.join(NAME), &Value::Object(config))
}

/// As sentence-transformers has written it since its second version.
fn pooling_config(own: &SentenceTransformer, layer: &ClassifierLayer) -> Value {
    let taken = |projection: &Projection| match projection {
        Projection::Dense(dense) => Some(dense.taken()),
        Projection::Normalize => None,
    };
    let first = own.projections.iter().find_map(taken);
    let columns = first.unwrap_or(layer.columns());
    let is = |pooling| json!(own.pooling == pooling);
    json!({
        "word_embedding_dimension": columns,
        "pooling_mode_cls_token": is(Pooling::Cls),
        "pooling_mode_mean_tokens": is(Pooling::Mean),
        "pooling_mode_max_tokens": is(Pooling::Max),
        "pooling_mode_mean_sqrt_len_tokens": is(Pooling::MeanSqrtLen),
        "pooling_mode_weightedmean_tokens": is(Pooling::WeightedMean),
        "pooling_mode_lasttoken": is(Pooling::Last),
        "include_prompt": own.include_prompt,
    })
}

fn write_layer(layer: &ClassifierLayer, folder: &Path) -> Result<()> {
    let (labels, columns) = (layer.labels.len(), layer.columns());
    let config = json!({
        "in_features": columns,
        "out_features": labels,
        "bias": true,
        "activation_function": "torch.nn.modules.linear.Identity",
    });
    write_json(&folder.join("config.json"), &config)?;
    let (weight, bias) = (little_endian(&layer.weight), little_endian(&layer.bias));
    let view = |shape, bytes| TensorView::new(Dtype::F32, shape, bytes);
    let path = folder.join("model.safetensors");
    let malformed = |error: safetensors::SafeTensorError| Error::Malformed {
        path: path.clone(),
        message: error.to_string(),
    };
    let tensors = [
        ("linear.bias", view(vec![labels], &bias).map_err(malformed)?),
        (
            "linear.weight",
            view(vec![labels, columns], &weight).map_err(malformed)?,
        ),
    ];
    let bytes = safetensors::serialize(tensors, None).map_err(malformed)?;
    write(&path, &bytes)
}

fn little_endian(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|it| it.to_le_bytes()).collect()
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    write(path, format!("{value:#}\n").as_bytes())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

/// The contents alone: a cache's files may not be written to.
fn copy_into(from: &Path, folder: &Path) -> Result<()> {
    let to = folder.join(from.file_name().unwrap_or_default());
    let mut source = fs::File::open(from).map_err(|source| Error::Io {
        path: from.to_owned(),
        source,
    })?;
    let copied = fs::File::create(&to).and_then(|mut file| io::copy(&mut source, &mut file));
    copied
        .map(|_| ())
        .map_err(|source| Error::Write { path: to, source })
}
