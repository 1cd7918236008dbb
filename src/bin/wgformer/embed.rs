//! `embed`: texts to vectors.

mod format;
mod model;
mod origin;
mod partial;
mod precision;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};
use wgformer::ops::Pooling;
use wgformer::tasks::{EmbedderOptions, LateInteraction, Side, SparseEmbedder, StreamOptions};

use crate::Usage;
use crate::input::{InputArgs, Texts, extension};
use crate::model_args::{ModelArgs, value_name};
use crate::output::check_is_not;
use crate::overflow::{OverflowArgs, Part};
use crate::pairs::{Input, PairArgs};
use crate::profile::{ProfileArgs, Profiling};
use format::{Format, Rows, Shape};
use model::Model;
use origin::Origin;
use partial::Partial;
use precision::Precision;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    pairs: PairArgs,
    /// Where to write; the file appears only when it is whole.
    #[arg(long, value_name = "FILE|-")]
    output: Option<PathBuf>,
    /// What is written [default: by the output's name: npy for .npy, parquet for .parquet, else jsonl].
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Go on where an earlier run with --resume ended, if one did. What is done so far is kept in OUTPUT.partial and
    /// OUTPUT.partial.json until all is done, here or by a run without --resume.
    #[arg(long)]
    resume: bool,
    /// How tokens become one vector; none gives one per token [default: as the model says, else mean].
    #[arg(long, value_enum)]
    pooling: Option<PoolingChoice>,
    /// Bring vectors to length 1 even if the model does not say so, or only some of their elements are kept.
    #[arg(long, conflicts_with = "no_normalize")]
    normalize: bool,
    /// Do not bring vectors to length 1 even if the model says so.
    #[arg(long)]
    no_normalize: bool,
    /// The name of the prompt to put before every text, such as query or document [default: the model's own].
    #[arg(long, value_name = "NAME")]
    prompt: Option<String>,
    /// Keep this many of a vector's elements, the first ones, for models that were trained for it (Matryoshka).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    dimensions: Option<u32>,
    /// Weights of the vocabulary's entries instead of a vector, with a model for that (SPLADE, BGE-M3); with --prompt query of
    /// queries, which some models weigh by a table alone.
    #[arg(long, conflicts_with_all = ["pooling", "normalize", "no_normalize", "dimensions"])]
    sparse: bool,
    /// A vector per token, for late interaction, with a model for that (ColBERT, BGE-M3); of documents, or with --prompt
    /// query of queries.
    #[arg(long, conflicts_with_all = ["sparse", "pooling", "normalize", "no_normalize", "dimensions"])]
    multi: bool,
    /// What the elements of vectors are written as.
    #[arg(long, value_enum, default_value_t = Precision::Float32, conflicts_with = "sparse")]
    precision: Precision,
    #[command(flatten)]
    long: OverflowArgs,
    #[command(flatten)]
    profile: ProfileArgs,
    #[command(flatten)]
    model: ModelArgs,
}

/// `--pooling`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PoolingChoice {
    Mean,
    Max,
    Cls,
    Last,
    MeanSqrtLen,
    WeightedMean,
    /// One vector per token.
    None,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    arguments.pairs.of_texts(embed(arguments))
}

fn embed(arguments: &Arguments) -> Result<()> {
    // What can fail at once fails before the model is loaded.
    arguments.check()?;
    let texts = arguments.input.open()?;
    let mut rows = arguments.create_output()?;
    let profiling = arguments.profile.begin()?;
    if arguments.resume {
        drop(rows); // it can be written, and will be when everything is embedded
        arguments.resume(texts, &profiling)?;
        return profiling.finish();
    }
    let model = arguments.load(&profiling)?;
    let parts = arguments.parts(&model, texts);
    model.embed(parts, StreamOptions::default(), 0, &mut rows)?;
    rows.finish(model.kind().dimensions())?;
    if let Some(output) = &arguments.output {
        partial::remove_old(output)?;
    }
    profiling.finish()
}

impl Arguments {
    fn check(&self) -> Result<()> {
        self.pairs.check(&self.long)?;
        if self.multi && self.pairs.are_asked_for() {
            let message = "--multi is for queries and documents, each a text of its own: leave --pair and --pairs out";
            return Err(Usage(message).into());
        }
        if self.is_per_token() && self.long.splits() {
            let message = "--pooling none gives a vector per token: --overflow chunk, which gives one per passage, does not go with it";
            return Err(Usage(message).into());
        }
        let ending = self.output.as_deref().map(extension);
        if self.format.is_none() && matches!(ending.as_deref(), Some("csv" | "tsv")) {
            let message = "vectors are not written as CSV: name a .jsonl, .npy or .parquet as --output, or say --format";
            return Err(Usage(message).into());
        }
        if (self.sparse || self.multi) && self.format() != Format::Jsonl {
            let message = "--sparse and --multi write JSON lines: leave --format out, or name another --output";
            return Err(Usage(message).into());
        }
        let input = ("--input", self.input.input.as_deref());
        let output = ("--output", self.output.as_deref());
        self.profile.check(input, output)?;
        check_is_not(input, output)
    }

    fn is_per_token(&self) -> bool {
        self.pooling == Some(PoolingChoice::None)
    }

    fn create_output(&self) -> Result<Box<dyn Rows>> {
        let shape = Shape {
            per_token: self.is_per_token(),
            in_passages: self.long.splits(),
            of_pairs: self.pairs.are_asked_for(),
            precision: self.precision,
        };
        self.format().create(self.output.as_deref(), shape)
    }

    fn parts(&self, model: &Model, texts: Texts) -> Texts<Part<Input>> {
        let model = model.clone();
        let inputs = self.pairs.read(texts);
        self.long
            .read(inputs, move |text, overlap| model.passages(text, overlap))
    }

    fn format(&self) -> Format {
        let output = self.output.as_deref();
        self.format.unwrap_or_else(|| Format::of(output))
    }

    fn load(&self, profiling: &Profiling) -> Result<Model> {
        if self.sparse {
            return self.load_sparse(profiling).map(Model::Sparse);
        }
        if self.multi {
            return self.load_multi(profiling);
        }
        let mut options = EmbedderOptions::default();
        options = match self.pooling {
            None => options,
            Some(PoolingChoice::None) => options.per_token(true),
            Some(PoolingChoice::Mean) => options.pooling(Pooling::Mean),
            Some(PoolingChoice::Max) => options.pooling(Pooling::Max),
            Some(PoolingChoice::Cls) => options.pooling(Pooling::Cls),
            Some(PoolingChoice::Last) => options.pooling(Pooling::Last),
            Some(PoolingChoice::MeanSqrtLen) => options.pooling(Pooling::MeanSqrtLen),
            Some(PoolingChoice::WeightedMean) => options.pooling(Pooling::WeightedMean),
        };
        if self.normalize || self.no_normalize {
            options = options.normalize(self.normalize);
        }
        if let Some(prompt) = &self.prompt {
            options = options.prompt(prompt);
        }
        if let Some(dimensions) = self.dimensions {
            options = options.dimensions(dimensions as usize);
        }
        let options = options.refuse_long_texts(self.long.refuses());
        let embedder = self.model.load(profiling.profile(), options)?;
        Ok(Model::Vectors(embedder))
    }

    fn load_multi(&self, profiling: &Profiling) -> Result<Model> {
        let side = match self.prompt.as_deref() {
            None | Some("document") => Side::Document,
            Some("query") => Side::Query,
            Some(_) => {
                return Err(Usage("--multi takes --prompt query or --prompt document").into());
            }
        };
        let load =
            |gpu: &_, directory: &_, options: &_| LateInteraction::load(gpu, directory, options);
        let profile = profiling.profile();
        let model = self
            .model
            .load_task(profile, load, |it| vec![it.model().plan()])?;
        let model = model.refuse_long_texts(self.long.refuses());
        Ok(Model::Multi(model, side))
    }

    fn load_sparse(&self, profiling: &Profiling) -> Result<SparseEmbedder> {
        let load = |gpu: &_, directory: &_, options: &_| {
            let embedder = SparseEmbedder::load(gpu, directory, options)?;
            let embedder = embedder.refuse_long_texts(self.long.refuses());
            match &self.prompt {
                Some(prompt) => embedder.with_prompt(prompt),
                None => Ok(embedder),
            }
        };
        self.model
            .load_task(profiling.profile(), load, |it| it.plans())
    }

    /// Through [`Partial`].
    fn resume(&self, texts: Texts, profiling: &Profiling) -> Result<()> {
        let is_file = |path: &&PathBuf| {
            path.is_file() || (!path.exists() && path.as_path() != Path::new("-"))
        };
        let files = [&self.input.input, &self.output].map(|path| path.as_ref().filter(is_file));
        let [Some(input), Some(output)] = files else {
            let message = "--resume reads its input again and keeps its output: name files with --input and --output";
            return Err(Usage(message).into());
        };
        let model = self.load(profiling)?;
        let mut partial = Partial::open(output, self.origin(input, &model)?)?;
        let (parts, done) = (self.parts(&model, texts), partial.rows());
        let options = StreamOptions::default().window_batches(partial::WINDOW_BATCHES);
        let embedded = model.embed(parts, options, done, &mut partial);
        partial.save()?; // also what was embedded before an error
        embedded?;
        partial.finish(self.create_output()?, model.kind())
    }

    fn origin(&self, input: &Path, model: &Model) -> Result<Origin> {
        let own = [
            ("--pair", self.pairs.pair.clone()),
            ("--pairs", self.pairs.pairs.then(String::new)),
            ("--pooling", self.pooling.as_ref().map(value_name)),
            ("--normalize", self.normalize.then(String::new)),
            ("--no-normalize", self.no_normalize.then(String::new)),
            ("--prompt", self.prompt.clone()),
            ("--dimensions", self.dimensions.map(|it| it.to_string())),
            ("--overflow", Some(value_name(&self.long.overflow))),
            ("--overlap", Some(self.long.overlap().to_string())),
            ("--precision", Some(value_name(&self.precision))),
            ("--sparse", self.sparse.then(String::new)),
            ("--multi", self.multi.then(String::new)),
            ("--format", Some(value_name(&self.format()))),
            (
                "--input-format",
                Some(value_name(&self.input.format(input))),
            ),
            ("--field", self.input.field.clone()),
        ];
        let options = own.into_iter().chain(self.model.decisive());
        Origin::new(
            model.gpu(),
            &model.plans(),
            input,
            &self.model.directory()?,
            options,
        )
    }
}
