//! What the hub is asked.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow};
use serde::Deserialize;
use ureq::Agent;
use ureq::config::RedirectAuthHeaders;

use super::digest::Digest;
use super::store;
use crate::locate;

/// The hub, or what `HF_ENDPOINT` names in its place.
pub(super) struct Hub {
    agent: Agent,
    endpoint: String,
    token: Option<String>,
}

/// A model's repository at one commit.
pub(super) struct Repository {
    pub(super) name: String,
    pub(super) commit: String,
    pub(super) files: Vec<RemoteFile>,
}

/// A file of a repository.
pub(super) struct RemoteFile {
    /// With its folders, separated by `/`.
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) digest: Digest,
}

/// An answer that is not what was asked for.
pub(super) enum Failure {
    /// Which another try may not meet.
    Passing(String),
    Final(anyhow::Error),
}

/// How long a connection may be silent.
const SILENCE: Duration = Duration::from_secs(30);

/// A repository's list of files has some kilobytes.
const MAX_LIST: u64 = 64 << 20;

#[derive(Deserialize)]
struct Listed {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    blob_id: Option<String>,
    lfs: Option<LargeFile>,
}

/// A file that git keeps a pointer to.
#[derive(Deserialize)]
struct LargeFile {
    sha256: String,
    size: u64,
}

impl Hub {
    /// As Hugging Face's own tools find it, and the user's token.
    pub(super) fn from_env() -> Result<Self> {
        let variable = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
        let is_set = |name: &str| {
            let value = variable(name).unwrap_or_default().to_lowercase();
            ["1", "on", "yes", "true"].contains(&&value[..])
        };
        if is_set("HF_HUB_OFFLINE") {
            return Err(anyhow!("HF_HUB_OFFLINE is set, so nothing is fetched"));
        }
        let token = || {
            let path = variable("HF_TOKEN_PATH").map(PathBuf::from);
            let path = path.or_else(|| Some(locate::hugging_face_home()?.join("token")));
            fs::read_to_string(path?).ok()
        };
        let token = variable("HF_TOKEN").or_else(token);
        let endpoint =
            variable("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());
        let config = Agent::config_builder()
            .user_agent(concat!("wgformer/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(SILENCE))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            // The token is for the hub, not for those that it sends us to.
            .redirect_auth_headers(RedirectAuthHeaders::SameHost)
            .build();
        Ok(Self {
            agent: config.new_agent(),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token: token
                .map(|token| token.trim().to_owned())
                .filter(|token| !token.is_empty()),
        })
    }

    /// The files of a model at a revision.
    pub(super) fn repository(&self, name: &str, revision: &str) -> Result<Repository> {
        let revision = revision.replace('/', "%2F");
        let url = format!(
            "{}/api/models/{name}/revision/{revision}?blobs=true",
            self.endpoint
        );
        let listed = super::download::patiently(|| {
            let response = self.get(&url, name, 0)?;
            let reader = response
                .into_body()
                .into_with_config()
                .limit(MAX_LIST)
                .reader();
            let listed: Result<Listed, _> = serde_json::from_reader(reader);
            listed.map_err(|error| {
                let what = format!("{url}: the answer is no list of files: {error}");
                // What was cut off may come whole the next time.
                if error.is_io() || error.is_eof() {
                    Failure::Passing(what)
                } else {
                    Failure::Final(anyhow!(what))
                }
            })
        })?;
        let siblings = listed
            .siblings
            .into_iter()
            .filter(|it| is_path(&it.rfilename));
        let files = siblings.map(|sibling| {
            let name = sibling.rfilename.clone();
            sibling
                .file()
                .ok_or_else(|| anyhow!("{url}: the answer has no checksum for {name}"))
        });
        let files = files.collect::<Result<_>>()?;
        if !store::is_hexadecimal(&listed.sha) {
            return Err(anyhow!("{url}: the answer names no commit"));
        }
        Ok(Repository {
            name: name.to_owned(),
            commit: listed.sha,
            files,
        })
    }

    /// The bytes of a file from one on; a server may send all of them nevertheless.
    pub(super) fn file(
        &self,
        repository: &Repository,
        file: &RemoteFile,
        from: u64,
    ) -> Result<ureq::http::Response<ureq::Body>, Failure> {
        let Repository { name, commit, .. } = repository;
        let url = format!(
            "{}/{name}/resolve/{commit}/{}",
            self.endpoint,
            escaped(&file.name)
        );
        self.get(&url, name, from)
    }

    fn get(
        &self,
        url: &str,
        name: &str,
        from: u64,
    ) -> Result<ureq::http::Response<ureq::Body>, Failure> {
        let mut request = self.agent.get(url);
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        if from > 0 {
            request = request.header("Range", format!("bytes={from}-"));
        }
        request
            .call()
            .map_err(|error| self.failure(url, name, &error))
    }

    fn failure(&self, url: &str, name: &str, error: &ureq::Error) -> Failure {
        use ureq::Error;
        let endpoint = &self.endpoint;
        match error {
            Error::StatusCode(401 | 403) => Failure::Final(anyhow!(
                "{url}: there is no such model, or it is not for everybody: look at {endpoint}/{name}, agree to its terms if it has \
                 some, and set HF_TOKEN to a token of yours"
            )),
            Error::StatusCode(404) => Failure::Final(anyhow!(
                "{url}: there is no such model, revision or file; look at {endpoint}/{name}"
            )),
            Error::StatusCode(408 | 416 | 429 | 500..) => {
                Failure::Passing(format!("{url}: {error}"))
            }
            Error::Io(_)
            | Error::Timeout(_)
            | Error::HostNotFound
            | Error::ConnectionFailed
            | Error::Protocol(_) => Failure::Passing(format!("{url}: {error}")),
            other => Failure::Final(anyhow!("{url}: {other}")),
        }
    }
}

impl Sibling {
    /// `None` without a size and a checksum.
    fn file(self) -> Option<RemoteFile> {
        let (size, digest) = match self.lfs {
            Some(LargeFile { sha256, size }) => (size, Digest::Sha256(sha256)),
            None => (self.size?, Digest::GitBlob(self.blob_id?)),
        };
        store::is_hexadecimal(digest.hex()).then_some(RemoteFile {
            name: self.rfilename,
            size,
            digest,
        })
    }
}

/// Whether a name stays within its folder, on any system.
fn is_path(name: &str) -> bool {
    let is_plain = |part: &str| !["", ".", ".."].contains(&part);
    let is_strange = |c: char| c.is_control() || "\\:*?\"<>|".contains(c);
    name.split('/').all(is_plain) && !name.contains(is_strange)
}

/// As a part of an address.
fn escaped(name: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    name.bytes().map(escape).collect()
}
