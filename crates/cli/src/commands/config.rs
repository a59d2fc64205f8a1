//! `config check` and `config show`: what is configured, and who says so. Neither talks to a cluster or a repository.

use clap::{Args, Subcommand};
use config::{Discovery, Layers, Loaded, ResolvedCluster};
use serde_json::{Value, json};

use crate::context::Context;
use crate::outcome::{Answer, Failure};
use crate::render::table;

/// Flags of `config`.
#[derive(Debug, Args)]
pub(crate) struct ConfigArguments {
    #[command(subcommand)]
    verb: ConfigVerb,
}

#[derive(Debug, Subcommand)]
enum ConfigVerb {
    /// Read everything, the clusters' XML included, and say what is wrong
    Check,
    /// Print every value that is set
    Show {
        /// And where it comes from: file and line, environment variable, flag
        #[arg(long)]
        origin: bool,
    },
}

pub(crate) fn run(context: &Context, arguments: ConfigArguments) -> Result<Answer, Failure> {
    let loaded = context.load(&[])?;
    match arguments.verb {
        ConfigVerb::Check => check(context, &loaded),
        ConfigVerb::Show { origin } => Ok(show(&loaded.layers, origin)),
    }
}

fn check(context: &Context, loaded: &Loaded) -> Result<Answer, Failure> {
    let file = loaded.path.as_ref().map(|path| path.display().to_string());
    let mut text = file
        .as_ref()
        .map_or_else(|| format!("no configuration file at {}\n", config::DEFAULT_PATH), |file| format!("{file} is in order\n"));
    let mut clusters = Vec::new();
    for (name, cluster) in &loaded.config.clusters {
        let resolved = cluster.resolve(&context.environment)?;
        text += &format!("cluster {name}: {}, files at {}\n", discovery_words(&resolved.discovery), resolved.rootdir);
        clusters.push(cluster_json(&resolved));
    }
    for (name, set) in &loaded.config.sets {
        text += &format!("set {name}: {}\n", set.tables.join(", "));
    }
    for (name, repository) in &loaded.config.repositories {
        let key = if repository.key.is_some() { "" } else { ", no key: give --key-file" };
        text += &format!("repository {name}: {}{key}\n", repository.url);
    }
    for (key, at) in &loaded.not_built {
        text += &format!("{at}: {key} is accepted and does nothing in this version\n");
    }
    let not_built: Vec<Value> = loaded.not_built.iter().map(|(key, at)| json!({ "key": key, "origin": at })).collect();
    let json = json!({
        "schema_version": 1, "file": file, "clusters": clusters,
        "sets": loaded.config.sets.keys().collect::<Vec<_>>(), "repositories": loaded.config.repositories.keys().collect::<Vec<_>>(),
        "not_built": not_built,
    });
    Ok(Answer::new(text, json))
}

fn discovery_words(discovery: &Discovery) -> String {
    match discovery {
        Discovery::ZooKeeper { quorum, parent } => format!("through ZooKeeper {}{parent}", quorum.join(",")),
        Discovery::Masters(masters) => format!("through its masters {}", masters.join(", ")),
        Discovery::Offline => "offline".to_string(),
    }
}

fn cluster_json(cluster: &ResolvedCluster) -> Value {
    let (kind, addresses, parent) = match &cluster.discovery {
        Discovery::ZooKeeper { quorum, parent } => ("zookeeper", quorum.clone(), Some(parent)),
        Discovery::Masters(masters) => ("masters", masters.clone(), None),
        Discovery::Offline => ("offline", Vec::new(), None),
    };
    json!({
        "name": cluster.name, "discovery": kind, "addresses": addresses, "parent": parent,
        "rootdir": cluster.rootdir, "wal_dir": cluster.wal_dir, "user": cluster.user,
    })
}

fn show(layers: &Layers, with_origin: bool) -> Answer {
    let values: Vec<Value> =
        layers.entries().map(|(path, entry)| json!({ "key": path.join("."), "value": entry.value, "origin": entry.origin })).collect();
    let text = if with_origin {
        let rows = layers.entries().map(|(path, entry)| vec![path.join("."), entry.value.to_string(), entry.origin.to_string()]);
        table(&["key", "value", "from"], &[], rows)
    } else {
        layers.entries().map(|(path, entry)| format!("{} = {}\n", path.join("."), entry.value)).collect()
    };
    Answer::new(text, json!({ "schema_version": 1, "values": values }))
}
