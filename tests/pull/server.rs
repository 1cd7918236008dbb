//! A hub on the loopback address, which does what a test tells it to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What may happen to a request for a file.
#[derive(Clone, Copy)]
pub(crate) enum Trouble {
    /// The connection ends after so many bytes.
    CutAfter(usize),
    /// Other bytes, as many.
    WrongBytes,
    /// All bytes, whichever were asked for.
    FromTheStart,
    Status(u16),
}

/// A request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) range: Option<String>,
    pub(crate) token: Option<String>,
}

/// A repository `org/name` with one commit.
pub(crate) struct Server {
    pub(crate) endpoint: String,
    state: Arc<Mutex<State>>,
}

struct State {
    files: BTreeMap<String, Vec<u8>>,
    /// What the list says, where that is not the truth.
    list: Option<Value>,
    /// What happens to the next requests for a file, in this order.
    troubles: BTreeMap<String, Vec<Trouble>>,
    asked: Vec<Asked>,
    port: u16,
}

impl Server {
    pub(crate) fn start(files: BTreeMap<String, Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State {
            files,
            list: None,
            troubles: BTreeMap::new(),
            asked: Vec::new(),
            port,
        }));
        let own = state.clone();
        // Ends with the process of the tests.
        thread::spawn(move || {
            for stream in listener.incoming() {
                answer(&own, &stream.unwrap());
            }
        });
        Self {
            endpoint: format!("http://127.0.0.1:{port}"),
            state,
        }
    }

    pub(crate) fn list(&self, list: Value) {
        self.state.lock().unwrap().list = Some(list);
    }

    pub(crate) fn trouble(&self, file: &str, troubles: &[Trouble]) {
        let troubles = troubles.to_vec();
        self.state
            .lock()
            .unwrap()
            .troubles
            .insert(file.to_owned(), troubles);
    }

    pub(crate) fn change(&self, file: &str, bytes: &[u8]) {
        self.state
            .lock()
            .unwrap()
            .files
            .insert(file.to_owned(), bytes.to_vec());
    }

    /// What was asked for since the last time.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }
}

/// Whether git keeps a pointer to it alone.
fn is_large(name: &str) -> bool {
    name.ends_with(".safetensors") || name.ends_with(".bin")
}

/// The checksum that the hub has for a file.
pub(crate) fn checksum(name: &str, bytes: &[u8]) -> String {
    let digest = if is_large(name) {
        Sha256::digest(bytes).to_vec()
    } else {
        let header = format!("blob {}\0", bytes.len());
        Sha1::new_with_prefix(header)
            .chain_update(bytes)
            .finalize()
            .to_vec()
    };
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn listed(files: &BTreeMap<String, Vec<u8>>) -> Value {
    let sibling = |(name, bytes): (&String, &Vec<u8>)| {
        let (size, checksum) = (bytes.len(), checksum(name, bytes));
        if is_large(name) {
            let lfs = json!({ "sha256": checksum, "size": size, "pointerSize": 134 });
            json!({ "rfilename": name, "size": size, "blobId": "0".repeat(40), "lfs": lfs })
        } else {
            json!({ "rfilename": name, "size": size, "blobId": checksum })
        }
    };
    let siblings: Vec<Value> = files.iter().map(sibling).collect();
    json!({ "id": "org/name", "sha": COMMIT, "siblings": siblings })
}

fn answer(state: &Mutex<State>, stream: &TcpStream) {
    let mut lines = BufReader::new(stream).lines();
    let Some(Ok(first)) = lines.next() else {
        return;
    };
    let path = first.split(' ').nth(1).unwrap().to_owned();
    let headers: Vec<String> = lines
        .map_while(|line| line.ok().filter(|line| !line.is_empty()))
        .collect();
    let header = |name: &str| {
        let mut pairs = headers.iter().filter_map(|line| line.split_once(": "));
        pairs
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    };
    let mut state = state.lock().unwrap();
    let asked = Asked {
        path: path.clone(),
        range: header("range"),
        token: header("authorization"),
    };
    state.asked.push(asked.clone());
    let _ = respond(&mut state, &asked, stream); // whoever asked may have heard enough
}

fn respond(state: &mut State, asked: &Asked, mut stream: &TcpStream) -> std::io::Result<()> {
    let api = "/api/models/org/name/revision/main?blobs=true";
    let large = format!("/org/name/resolve/{COMMIT}/");
    if asked.path == api {
        let list = state.list.clone().unwrap_or_else(|| listed(&state.files));
        return send(stream, "200 OK", "", list.to_string().as_bytes());
    }
    let (name, is_redirected) = match (
        asked.path.strip_prefix(&large),
        asked.path.strip_prefix("/elsewhere/"),
    ) {
        (Some(name), _) => (name, false),
        (_, Some(name)) => (name, true),
        _ => return send(stream, "404 Not Found", "", b"{}"),
    };
    if is_large(name) && !is_redirected {
        // Of another name, as large files are on another host.
        let location = format!(
            "Location: http://localhost:{}/elsewhere/{name}\r\n",
            state.port
        );
        return send(stream, "302 Found", &location, b"");
    }
    let Some(bytes) = state.files.get(name) else {
        return send(stream, "404 Not Found", "", b"{}");
    };
    let troubles = state
        .troubles
        .get_mut(name)
        .filter(|troubles| !troubles.is_empty());
    let trouble = troubles.map(|troubles| troubles.remove(0));
    let from: usize = match &asked.range {
        Some(range) if !matches!(trouble, Some(Trouble::FromTheStart)) => range
            .strip_prefix("bytes=")
            .unwrap()
            .strip_suffix('-')
            .unwrap()
            .parse()
            .unwrap(),
        _ => 0,
    };
    let mut bytes = bytes[from..].to_vec();
    let status = if from > 0 {
        "206 Partial Content"
    } else {
        "200 OK"
    };
    match trouble {
        None | Some(Trouble::FromTheStart) => send(stream, status, "", &bytes),
        Some(Trouble::WrongBytes) => {
            bytes.iter_mut().for_each(|byte| *byte ^= 1);
            send(stream, status, "", &bytes)
        }
        Some(Trouble::Status(code)) => send(stream, &format!("{code} So"), "", b""),
        Some(Trouble::CutAfter(count)) => {
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n",
                bytes.len()
            );
            stream.write_all(head.as_bytes())?;
            stream.write_all(&bytes[..count.min(bytes.len())])
        }
    }
}

fn send(mut stream: &TcpStream, status: &str, header: &str, body: &[u8]) -> std::io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{header}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}
