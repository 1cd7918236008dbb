//! `router_config.json`: which modules read documents, and which queries (sentence-transformers 6.2's
//! `base/modules/router.py`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::json;
use super::sentence_transformers::Module;
use crate::error::{Error, Result};

/// What a `Router` says of a model without inference for queries.
#[derive(Debug)]
pub(super) struct Router {
    /// What says so; the folders of modules are beside it.
    pub(super) path: PathBuf,
    /// What documents go through, one after another.
    pub(super) documents: Vec<Module>,
    /// What queries go through: a `SparseStaticEmbedding`.
    pub(super) queries: Module,
    /// Whether a text is a query unless something else is asked for.
    pub(super) reads_queries: bool,
}

#[derive(Deserialize)]
struct RouterConfig {
    /// The class of each module, by its folder.
    types: BTreeMap<String, String>,
    structure: Routes,
    #[serde(default)]
    parameters: Parameters,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// The folders of each route's modules, one after another.
#[derive(Deserialize)]
struct Routes {
    #[serde(default)]
    document: Vec<String>,
    #[serde(default)]
    query: Vec<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize, Default)]
struct Parameters {
    /// Sentence-transformers names one in all that it saves.
    default_route: Option<String>,
    #[serde(default)]
    route_mappings: Map<String, Value>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Of no consequence where a default is named: whether it may be the first route.
const KNOWN_PARAMETERS: [&str; 1] = ["allow_empty_key"];

impl Router {
    /// Reads the folder of a `Router`.
    ///
    /// # Errors
    /// [`Error::Malformed`], or [`Error::Unsupported`] for other routes, or other ways to choose one.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("router_config.json");
        let config: RouterConfig = json::settings(&path)?;
        let (routes, parameters) = (&config.structure, &config.parameters);
        json::refuse_others(&path, &config.others, &[])?;
        json::refuse_others(&path, &routes.others, &[])?;
        json::refuse_others(&path, &parameters.others, &KNOWN_PARAMETERS)?;
        let unsupported = |what, found: String, supported: &str| {
            Err(Error::Unsupported {
                path: path.clone(),
                what,
                found,
                supported: supported.to_owned(),
            })
        };
        if !parameters.route_mappings.is_empty() {
            let keys: Vec<&str> = parameters.route_mappings.keys().map(|it| &it[..]).collect();
            let supported = "none: a route is chosen by its name";
            return unsupported("route_mappings", keys.join(", "), supported);
        }
        let default = parameters.default_route.as_deref().unwrap_or("none");
        if !["document", "query"].contains(&default) {
            return unsupported("default_route", default.to_owned(), "document or query");
        }
        let documents = config.modules(&routes.document, &path)?;
        let queries = config.modules(&routes.query, &path)?;
        let [found, of_queries] = [&documents, &queries].map(|modules| {
            let classes: Vec<&str> = modules.iter().map(Module::class).collect();
            classes.join(", ")
        });
        let is_splade = [
            "Transformer, SpladePooling",
            "MLMTransformer, SpladePooling",
        ]
        .contains(&&found[..]);
        match &queries[..] {
            [weights] if is_splade && weights.class() == "SparseStaticEmbedding" => Ok(Self {
                reads_queries: default == "query",
                queries: weights.clone(),
                documents,
                path,
            }),
            _ => unsupported(
                "routes",
                format!("document: {found}; query: {of_queries}"),
                "document: Transformer, SpladePooling; query: SparseStaticEmbedding",
            ),
        }
    }
}

impl RouterConfig {
    /// The modules of a route.
    ///
    /// # Errors
    /// [`Error::Malformed`] if one has no class.
    fn modules(&self, folders: &[String], path: &Path) -> Result<Vec<Module>> {
        let module = |folder: &String| match self.types.get(folder) {
            Some(class) => Ok(Module::new(folder, class)),
            None => Err(Error::Malformed {
                path: path.to_owned(),
                message: format!("names no type for the module in folder {folder:?}"),
            }),
        };
        folders.iter().map(module).collect()
    }
}
