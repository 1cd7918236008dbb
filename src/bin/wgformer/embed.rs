//! `embed`: texts to vectors.

mod format;
mod origin;
mod partial;
mod pieces;
mod precision;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};
use wgformer::Embedder;
use wgformer::ops::Pooling;
use wgformer::tasks::{EmbedderOptions, StreamOptions};

use crate::Usage;
use crate::input::{InputArgs, Texts};
use crate::model_args::{ModelArgs, value_name};
use crate::progress::Progress;
use format::{Format, Row, Rows, Shape};
use origin::Origin;
use partial::Partial;
use pieces::{Overflow, Piece};
use precision::Precision;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: InputArgs,
    /// Where to write; the file appears only when it is whole.
    #[arg(long, value_name = "FILE|-")]
    output: Option<PathBuf>,
    /// What is written [default: by the output's name: npy for .npy, parquet for .parquet, else jsonl].
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Go on where an earlier run with --resume ended, if one did. What is done so far is kept in OUTPUT.partial and
    /// OUTPUT.partial.json until all is done.
    #[arg(long)]
    resume: bool,
    /// How tokens become one vector; none gives one per token [default: as the model says, else mean].
    #[arg(long, value_enum)]
    pooling: Option<PoolingChoice>,
    /// Do not bring vectors to length 1 even if the model says so.
    #[arg(long)]
    no_normalize: bool,
    /// The name of the prompt to put before every text, such as query or document [default: the model's own].
    #[arg(long, value_name = "NAME")]
    prompt: Option<String>,
    /// Keep this many of a vector's elements, the first ones, for models that were trained for it (Matryoshka).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    dimensions: Option<u32>,
    /// What the elements of vectors are written as.
    #[arg(long, value_enum, default_value_t = Precision::Float32)]
    precision: Precision,
    /// What to do with a text that is longer than the model takes.
    #[arg(long, value_enum, default_value_t = Overflow::Truncate)]
    overflow: Overflow,
    /// How many tokens a passage shares with the next, with --overflow chunk.
    #[arg(long, value_name = "TOKENS", default_value_t = 32)]
    overlap: u32,
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
    // What can fail at once fails before the model is loaded.
    arguments.check()?;
    let texts = arguments.input.open()?;
    let mut rows = arguments.create_output()?;
    if arguments.resume {
        drop(rows); // it can be written, and will be when everything is embedded
        return arguments.resume(texts);
    }
    let embedder = arguments.load()?;
    arguments.embed(&embedder, texts, 0, |row| rows.write(row))?;
    rows.finish(embedder.dimensions())
}

impl Arguments {
    fn check(&self) -> Result<()> {
        if self.is_per_token() && self.overflow == Overflow::Chunk {
            let message = "--pooling none gives a vector per token: --overflow chunk, which gives one per passage, does not go with it";
            return Err(Usage(message).into());
        }
        Ok(())
    }

    fn is_per_token(&self) -> bool {
        self.pooling == Some(PoolingChoice::None)
    }

    fn create_output(&self) -> Result<Box<dyn Rows>> {
        let shape = Shape {
            per_token: self.is_per_token(),
            in_passages: self.overflow == Overflow::Chunk,
            precision: self.precision,
        };
        self.format().create(self.output.as_deref(), shape)
    }

    /// Embeds all texts, or their passages, but the first `done`, which are passed over, and has each of the rest written.
    fn embed(
        &self,
        embedder: &Embedder,
        texts: Texts,
        done: usize,
        mut write: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        let (pieces, total) = self.pieces(embedder, texts);
        // What cannot be read again ends the rest, as it did before.
        let passed = pieces
            .enumerate()
            .filter(move |(number, piece)| *number >= done || piece.is_err());
        let rest = passed.map(|(_, piece)| piece);
        let mut progress = Progress::new(total, "texts").from(done);
        let options = StreamOptions::default().first_index(done);
        let stream = embedder.stream(rest, &options);
        let stream = stream.on_batch(move |texts| progress.advance(texts));
        for embedded in stream {
            let (piece, embedding): (Piece, _) = embedded?;
            write(&Row {
                index: piece.index,
                text: &piece.text,
                place: piece.place,
                tokens: embedding.tokens,
                is_cut: embedding.is_cut,
                values: &embedding.values,
                dimensions: embedder.dimensions(),
            })?;
        }
        Ok(())
    }

    /// What is embedded, and how many there are, where that is known.
    fn pieces(
        &self,
        embedder: &Embedder,
        Texts { texts, total }: Texts,
    ) -> (Box<dyn Iterator<Item = Result<Piece>> + Send>, Option<u64>) {
        if self.overflow == Overflow::Chunk {
            let overlap = self.overlap as usize;
            let passages = pieces::passages(texts, embedder.clone(), overlap);
            (Box::new(passages), None)
        } else {
            (Box::new(pieces::whole(texts)), total)
        }
    }

    fn format(&self) -> Format {
        let output = self.output.as_deref();
        self.format.unwrap_or_else(|| Format::of(output))
    }

    fn load(&self) -> Result<Embedder> {
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
        if self.no_normalize {
            options = options.normalize(false);
        }
        if let Some(prompt) = &self.prompt {
            options = options.prompt(prompt);
        }
        if let Some(dimensions) = self.dimensions {
            options = options.dimensions(dimensions as usize);
        }
        let refuse = self.overflow == Overflow::Error;
        self.model.load(options.refuse_long_texts(refuse))
    }

    /// Through [`Partial`].
    fn resume(&self, texts: Texts) -> Result<()> {
        let is_file = |path: &&PathBuf| {
            path.is_file() || (!path.exists() && path.as_path() != Path::new("-"))
        };
        let files = [&self.input.input, &self.output].map(|path| path.as_ref().filter(is_file));
        let [Some(input), Some(output)] = files else {
            let message = "--resume reads its input again and keeps its output: name files with --input and --output";
            return Err(Usage(message).into());
        };
        let embedder = self.load()?;
        let mut partial = Partial::open(output, self.origin(input, &embedder)?)?;
        let done = partial.rows();
        let embedded = self.embed(&embedder, texts, done, |row| partial.write(row));
        partial.save()?; // also what was embedded before an error
        embedded?;
        partial.finish(self.create_output()?, embedder.dimensions())
    }

    fn origin(&self, input: &Path, embedder: &Embedder) -> Result<Origin> {
        let own = [
            ("--pooling", self.pooling.as_ref().map(value_name)),
            ("--no-normalize", self.no_normalize.then(String::new)),
            ("--prompt", self.prompt.clone()),
            ("--dimensions", self.dimensions.map(|it| it.to_string())),
            ("--overflow", Some(value_name(&self.overflow))),
            ("--overlap", Some(self.overlap.to_string())),
            ("--precision", Some(value_name(&self.precision))),
            ("--format", Some(value_name(&self.format()))),
            (
                "--input-format",
                Some(value_name(&self.input.format(input))),
            ),
            ("--field", self.input.field.clone()),
        ];
        let options = own.into_iter().chain(self.model.decisive());
        Origin::new(
            embedder.model().plan(),
            input,
            &self.model.directory()?,
            options,
        )
    }
}
