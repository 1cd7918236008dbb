//! `pull`: a model's files from the Hugging Face hub (feature `hub`); no other command asks the network for anything.
//!
//! HTTP and TLS are ureq's; what is asked, how a file goes on and how it is checked is here. The hub's own client, hf-hub 1.0,
//! begins an interrupted file again and compares no checksum (its `repository/download.rs` renames what has come), and brings
//! an asynchronous runtime with it, some 250 crates in all.

mod choice;
mod digest;
mod download;
mod hub;
mod store;

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::Args;
use comfy_table::CellAlignment;
use indicatif::DecimalBytes;
use serde::Serialize;

use crate::locate;
use crate::numbers::table;
use crate::output::{Output, print_lines};
use crate::progress::Progress;
use hub::{Hub, RemoteFile, Repository};
use store::Store;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The model's name on the hub, such as sentence-transformers/all-MiniLM-L6-v2.
    #[arg(value_name = "ORG/NAME", value_parser = repository_name)]
    model: String,
    /// A branch, a tag or a commit.
    #[arg(long, default_value = "main", value_parser = revision_name)]
    revision: String,
    /// A folder for the files [default: the Hugging Face cache, where --model finds them].
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// A JSON line per file instead of a table.
    #[arg(long)]
    json: bool,
}

/// A file that is there now.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    bytes: u64,
    /// Or it was there before.
    fetched: bool,
    commit: &'a str,
    path: PathBuf,
}

fn repository_name(name: &str) -> Result<String> {
    if locate::is_name(name) {
        return Ok(name.to_owned());
    }
    Err(anyhow!("a model on the hub is called ORG/NAME"))
}

/// Such as `main`, `v1.0` or `refs/pr/1`: it becomes the name of a file.
fn revision_name(name: &str) -> Result<String> {
    let is_plain = |part: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
        !part.is_empty() && !part.starts_with('.') && part.chars().all(allowed)
    };
    if name.split('/').all(is_plain) {
        return Ok(name.to_owned());
    }
    Err(anyhow!("a revision is a branch, a tag or a commit"))
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let hub = Hub::from_env()?;
    let repository = hub.repository(&arguments.model, &arguments.revision)?;
    let store = match &arguments.to {
        Some(folder) => Store::folder(folder),
        None => {
            let cache = locate::hugging_face_cache();
            let cache = cache.ok_or_else(|| {
                anyhow!("there is no home folder for a cache; name a folder by --to")
            })?;
            Store::cache(&cache, &repository)
        }
    };
    let (folders, fetched_lists) = choice::folders(&hub, &repository, &store)?;
    let chosen = choice::files(&repository, &folders)?;

    let total = chosen.iter().map(|file| file.size).sum();
    let mut progress = Progress::bytes(total);
    let mut before = 0;
    let mut lines = Vec::with_capacity(chosen.len());
    for file in chosen {
        let fetched = pull(&hub, &repository, &store, file, |done| {
            progress.reach(before + done)
        })?;
        before += file.size;
        progress.reach(before);
        lines.push(Line {
            file: &file.name,
            bytes: file.size,
            fetched: fetched || fetched_lists.contains(&file.name),
            commit: &repository.commit,
            path: store.path(file),
        });
    }
    drop(progress);
    // Last, so that the name stands for a model that is whole.
    store.name(&arguments.revision, &repository.commit)?;
    if arguments.json {
        print_lines(&lines)
    } else {
        print_table(&repository, &store, &lines)
    }
}

/// Makes a file be there: `false` if it was. `progress` is told how many of its bytes are.
fn pull(
    hub: &Hub,
    repository: &Repository,
    store: &Store,
    file: &RemoteFile,
    progress: impl FnMut(u64),
) -> Result<bool> {
    if store.has(file)? {
        return Ok(false);
    }
    // Another process may be at the same file, and done with it before this one's turn.
    let _turn = store.wait_for_turn(file)?;
    if store.has(file)? {
        return Ok(false);
    }
    let partial = store.partial(file)?;
    download::whole(hub, repository, file, &partial, progress)?;
    store.keep(file, &partial)?;
    Ok(true)
}

fn print_table(repository: &Repository, store: &Store, lines: &[Line<'_>]) -> Result<()> {
    let mut stdout = Output::stdout();
    let mut table = table(&["file", "size", ""], 3);
    if let Some(size) = table.column_mut(1) {
        size.set_cell_alignment(CellAlignment::Right);
    }
    for line in lines {
        let how = if line.fetched { "fetched" } else { "was there" };
        table.add_row([line.file, &DecimalBytes(line.bytes).to_string(), how]);
    }
    writeln!(stdout, "{}\n", table.trim_fmt())?;
    let (name, commit) = (&repository.name, &repository.commit);
    let folder = store.model_folder();
    writeln!(
        stdout,
        "{name} at {commit}, checked, is in {}",
        folder.display()
    )?;
    stdout.finish()
}
