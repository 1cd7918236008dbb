//! Attention weights: of every family against transformers', whose `tests/data/attentions.py` wrote; and of texts.

mod common;
#[path = "common/expected.rs"]
mod expected;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use wgformer::models::{AttentionLayer, Config, FAMILIES, Family, ModelOptions};
use wgformer::tasks::{AttentionReader, AttentionWeights};
use wgformer::tensor::{Tensor, WeightType};
use wgformer::{Error, Gpu};

/// A tiny model, and the weights of its layers.
struct Model {
    folder: PathBuf,
    /// Of a layer and a sequence.
    weights: HashMap<String, Tensor>,
    /// Its sequences.
    inputs: HashMap<String, Tensor>,
}

impl Model {
    fn read(name: &str) -> Self {
        let folder = Path::new("tests/data/tiny").join(name);
        let weights = Path::new("tests/data/attentions").join(format!("{name}.safetensors"));
        Self {
            weights: expected::read(&weights),
            inputs: expected::read(&folder.join("expected.safetensors")),
            folder,
        }
    }

    fn all() -> Vec<Self> {
        let files = std::fs::read_dir("tests/data/attentions").unwrap();
        let names = files.map(|file| {
            let path = file.unwrap().path();
            path.file_stem().unwrap().to_str().unwrap().to_owned()
        });
        let names: BTreeSet<String> = names.collect();
        names.iter().map(|name| Self::read(name)).collect()
    }

    fn layers(&self) -> usize {
        let layers = self
            .weights
            .keys()
            .map(|key| key.split('.').next().unwrap());
        layers.collect::<BTreeSet<_>>().len()
    }

    fn load(&self, gpu: &Gpu, layer: usize, options: &ModelOptions) -> AttentionLayer {
        AttentionLayer::load(gpu, &self.folder, layer, usize::MAX, options).unwrap()
    }

    /// The ids and types of a sequence.
    fn sequence(&self, sequence: usize) -> [&[u32]; 2] {
        let offsets = self.inputs["offsets"].u32();
        let tokens = offsets[sequence] as usize..offsets[sequence + 1] as usize;
        ["ids", "types"].map(|name| &self.inputs[name].u32()[tokens.clone()])
    }
}

fn assert_rows_add_up_to_1(weights: &[f32], tokens: usize) {
    for row in weights.chunks_exact(tokens) {
        let sum: f32 = row.iter().sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    }
}

#[test]
fn the_weights_of_every_family_are_those_of_transformers_and_pytorch() {
    let (gpu, _turn) = common::gpu();
    let mut families = BTreeSet::new();
    for model in Model::all() {
        let config = Config::read(&model.folder.join("config.json")).unwrap();
        families.insert(Family::of(&config).unwrap().model_type);
        for layer in 0..model.layers() {
            let loaded = model.load(&gpu, layer, &ModelOptions::default());
            assert_eq!((loaded.layer(), loaded.layers()), (layer, model.layers()));
            for sequence in [0, 2, 4] {
                let [ids, types] = model.sequence(sequence);
                let found = loaded.weights(ids, types).unwrap();
                let expected = &model.weights[&format!("{layer}.{sequence}")];
                assert_eq!(expected.shape(), [loaded.heads(), ids.len(), ids.len()]);
                let difference = expected::max_difference(&found, expected.f32());
                let folder = model.folder.display();
                assert!(
                    difference <= 1e-4,
                    "{folder}, layer {layer}, sequence {sequence}: {difference}"
                );
                assert_rows_add_up_to_1(&found, ids.len());
            }
        }
    }
    // Both names of GTE are one architecture.
    let all = FAMILIES.iter().map(|family| family.model_type);
    let all: BTreeSet<&str> = all.filter(|it| *it != "new").collect();
    assert_eq!(families, all);
}

#[test]
fn how_many_keys_are_asked_for_at_once_changes_no_bit() {
    let (gpu, _turn) = common::gpu();
    let model = Model::read("plain"); // heads of 16 columns, and 24 tokens
    let [ids, types] = model.sequence(2);
    let weights = |options: &ModelOptions| model.load(&gpu, 1, options).weights(ids, types);
    let together = weights(&ModelOptions::default()).unwrap();
    let apart = weights(&ModelOptions::default().batch_tokens(24)).unwrap();
    assert!(together == apart);
    // Smaller weights of the model, other weights of attention, nearly.
    let halves = weights(&ModelOptions::default().weight_type(WeightType::F16)).unwrap();
    let difference = expected::max_difference(&halves, &together);
    assert!((1e-6..0.01).contains(&difference), "{difference}");
}

#[test]
fn a_text_has_its_tokens_and_their_weights() {
    let (gpu, _turn) = common::gpu();
    let folder = "tests/data/spans/bert-tags";
    let options = ModelOptions::default();
    let reader = AttentionReader::load(&gpu, folder, 0, &options).unwrap();
    let attention = reader.read("Ada met 李白").unwrap();
    let tokens = attention.tokens.iter();
    let places = tokens.map(|it| (it.origin.start, it.origin.end, it.origin.is_special));
    let places: Vec<_> = places.collect();
    let (first, last) = (places[0], places[places.len() - 1]);
    assert_eq!((first, last), ((0, 0, true), (0, 0, true)));
    assert_eq!(places[places.len() - 2], (9, 10, false), "characters");
    assert_eq!(attention.tokens[0].token, "[CLS]");

    let [ids, types]: [Vec<u32>; 2] = [
        attention.tokens.iter().map(|it| it.id).collect(),
        vec![0; attention.tokens.len()],
    ];
    assert_eq!(
        reader.layer().weights(&ids, &types).unwrap(),
        attention.values
    );
    let heads = (0..attention.heads).map(|head| attention.head(head).unwrap());
    assert_eq!(heads.collect::<Vec<_>>().concat(), attention.values);
    let mean = attention.mean();
    assert_rows_add_up_to_1(&mean, ids.len());
    let [first, second] = [0, 1].map(|head| attention.head(head).unwrap()[3]);
    let by_hand = match attention.heads {
        2 => (first + second) / 2.0,
        heads => panic!("{heads} heads"),
    };
    assert!((mean[3] - by_hand).abs() < 1e-6);

    // The second text of a pair has other types, and other weights.
    let pair: AttentionWeights = reader.read(("Ada", "met 李白")).unwrap();
    let second = pair
        .tokens
        .iter()
        .filter(|it| it.origin.sequence_id == Some(1));
    let second: Vec<_> = second.map(|it| it.origin.start).collect();
    assert_eq!(second[0], 0);
    assert!(pair.values[..] != attention.values[..]);
}

#[test]
fn what_there_is_not_is_named() {
    let (gpu, _turn) = common::gpu();
    let folder = "tests/data/spans/bert-tags";
    let options = ModelOptions::default();
    let load = |layer| AttentionReader::load(&gpu, folder, layer, &options);
    let reader = load(0).unwrap();
    let layers = reader.layer().layers();
    let error = load(layers).unwrap_err().to_string();
    let range = format!("\"layer\": must be 0 to {}, is {layers}", layers - 1);
    assert!(error.contains(&range), "{error}");
    let attention = reader.read("Ada").unwrap();
    let error = attention.head(7).unwrap_err().to_string();
    assert!(error.contains("\"head\": must be 0 to 1, is 7"), "{error}");
    let most = reader.layer().max_tokens();
    let error = reader.read(&"Ada ".repeat(most)[..]).unwrap_err();
    assert!(matches!(error, Error::TooLong { most: it, .. } if it == most));
}
