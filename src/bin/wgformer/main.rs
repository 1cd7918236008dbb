//! The command line: one file per subcommand, thin over the library.

mod adapter;
mod answer;
mod attention;
mod bench;
mod bulk;
mod classify;
mod commit;
mod doctor;
mod embed;
mod eval;
mod fill;
mod fit;
mod forward;
mod html;
mod ids;
mod input;
mod interrupt;
mod lines;
mod locate;
mod model_args;
mod models;
mod networks;
mod numbers;
mod output;
mod overflow;
mod pairs;
mod profile;
mod progress;
#[cfg(feature = "hub")]
mod pull;
mod quiet;
mod ranking;
mod rerank;
mod rows;
mod search;
mod source;
mod summarize;
mod tag;
#[path = "../../whole_file/unfinished.rs"]
mod temporary;
mod tune;
mod tuned;
mod verify;
mod within;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use env_logger::Env;

/// Transformer encoders on any GPU.
#[derive(Parser)]
#[command(name = "wgformer", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Turn texts, or pairs of texts, into vectors: JSON lines, a NumPy array or Parquet.
    Embed(embed::Arguments),
    /// Rank the lines of a file by their similarity in meaning to a query.
    Search(search::Arguments),
    /// Give each text its labels, such as its sentiment, with a model for that; or any labels, with a model for inference.
    Classify(classify::Arguments),
    /// Fit a classifier to examples of your own labels: a linear layer behind a model that embeds texts, which stays as it is.
    Fit(fit::Arguments),
    /// Measure how good a model is on examples whose labels, tags, relevance or similarity are known.
    Eval(eval::Arguments),
    /// Say what could stand where a text has [MASK], or <mask>.
    Fill(fill::Arguments),
    /// Say what a model makes of token ids at every position: the likeliest tokens, all logits, or the hidden state.
    Forward(forward::Arguments),
    /// Rank the lines of a file by how well they answer a query, with a model that reads both together.
    Rerank(rerank::Arguments),
    /// List the model families, and the tasks.
    Models(models::Arguments),
    /// Fetch a model from the Hugging Face hub.
    #[cfg(feature = "hub")]
    Pull(pull::Arguments),
    /// Fetch a model from the Hugging Face hub, in a build with the feature hub.
    #[cfg(not(feature = "hub"))]
    Pull {
        #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Pick the sentences of a text that are most alike to all others: an extractive summary. A file of text is one text as
    /// a whole, one of JSON lines, CSV or Parquet has a text in each record.
    Summarize(summarize::Arguments),
    /// Find what texts name, such as people and places, with a model for token classification.
    Tag(tag::Arguments),
    /// Find the answer to a question in texts, or in a file as a whole, with a model for question answering.
    Answer(answer::Arguments),
    /// Show which tokens of a text attend to which in a layer of a model, as a table, a heat map or JSON.
    Attention(attention::Arguments),
    /// Show the adapters, which one is taken and why, and whether it computes correctly.
    Doctor(doctor::Arguments),
    /// Measure which kernels and tiles are fastest on this adapter, and keep that for later runs.
    Tune(tune::Arguments),
    /// Measure what an adapter can do for transformer encoders, and how fast each kernel is on it.
    Bench(bench::Arguments),
    /// Check every kernel, and a model's forward pass, against the reference on this adapter.
    Verify(verify::Arguments),
}

#[cfg(not(feature = "parquet"))]
pub(crate) const NO_PARQUET: &str =
    "this build leaves Parquet out; build wgformer with `cargo build --release --features parquet`";

#[cfg(not(feature = "hub"))]
const NO_HUB: &str = "this build cannot download; build wgformer with `cargo build --release --features hub`, which needs a C compiler for TLS";

fn main() -> ExitCode {
    start_log();
    leave_panics_of_readers_to_errors();
    let matches = Arguments::command().color(color()).get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let result = match arguments.command {
        Command::Embed(arguments) => embed::run(&arguments),
        Command::Search(arguments) => search::run(&arguments),
        Command::Classify(arguments) => classify::run(&arguments),
        Command::Fit(arguments) => fit::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Fill(arguments) => fill::run(&arguments),
        Command::Forward(arguments) => forward::run(&arguments),
        Command::Rerank(arguments) => rerank::run(&arguments),
        Command::Models(arguments) => models::run(&arguments),
        #[cfg(feature = "hub")]
        Command::Pull(arguments) => pull::run(&arguments),
        #[cfg(not(feature = "hub"))]
        Command::Pull { .. } => Err(anyhow::anyhow!("{NO_HUB}")),
        Command::Summarize(arguments) => summarize::run(&arguments),
        Command::Tag(arguments) => tag::run(&arguments),
        Command::Answer(arguments) => answer::run(&arguments),
        Command::Attention(arguments) => attention::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Tune(arguments) => tune::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output has read enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(
                clippy::print_stderr,
                reason = "the one place where errors reach the user"
            )]
            {
                eprintln!("error: {}", said(&error));
            }
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}

/// An error with its causes, but for those that it names itself.
fn said(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// What RUST_LOG says, else this crate's warnings, in the form of errors.
fn start_log() {
    let own = Env::default().default_filter_or("wgformer=warn");
    let mut log = env_logger::Builder::from_env(own);
    if std::env::var_os(env_logger::DEFAULT_FILTER_ENV).is_none() {
        log.format(|stderr, record| writeln!(stderr, "warning: {}", record.args()));
    }
    log.init();
}

/// A panic of the crates for tokenizers and Parquet becomes an error, which says all that a user can use.
fn leave_panics_of_readers_to_errors() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let is_readers = |place: &std::panic::Location<'_>| {
            let readers = ["tokenizers-", "parquet-"];
            readers.iter().any(|reader| place.file().contains(reader))
        };
        if !panic.location().is_some_and(is_readers) {
            print(panic);
        }
    }));
}

/// Help and usage errors are coloured on a terminal only, and not where `NO_COLOR` is set.
fn color() -> clap::ColorChoice {
    let plain = std::env::var_os("NO_COLOR").is_some() || !std::io::stdout().is_terminal();
    if plain {
        clap::ColorChoice::Never
    } else {
        clap::ColorChoice::Auto
    }
}

/// Options that do not go together: ends as what clap itself refuses.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) &'static str);

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
}
