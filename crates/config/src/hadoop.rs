//! Hadoop's configuration XML, read the way `org.apache.hadoop.conf.Configuration` does.
//!
//! Files are read in the order given; a later value replaces an earlier one unless the earlier one was `<final>`. `${name}` is replaced by another key's value,
//! `${env.NAME}`, `${env.NAME:-fallback}` by the environment, `${user.name}` by the user; what cannot be replaced stays as written; twenty rounds at most.
//! `xi:include href` of a local file is followed eight deep, a missing one is skipped where `xi:fallback` is given.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::error::{ConfigError, Result};

const SUBSTITUTION_ROUNDS: usize = 20;
const INCLUDE_DEPTH: usize = 8;
const FILE_LIMIT_BYTES: u64 = 16 << 20;

/// Keys and raw values of some Hadoop XML files.
#[derive(Debug, Clone, Default)]
pub struct HadoopConfiguration {
    values: BTreeMap<String, Property>,
    environment: Environment,
}

#[derive(Debug, Clone)]
struct Property {
    raw: String,
    is_final: bool,
    source: PathBuf,
}

impl HadoopConfiguration {
    /// Reads `core-site.xml`, `hdfs-site.xml` and `hbase-site.xml` of a directory, those that exist; none of them is an error.
    pub fn from_directory(directory: &Path, environment: &Environment) -> Result<Self> {
        let mut configuration = Self { values: BTreeMap::new(), environment: environment.clone() };
        let mut found = false;
        for name in ["core-site.xml", "hdfs-site.xml", "hbase-site.xml"] {
            let path = directory.join(name);
            if path.exists() {
                configuration.add_file(&path, 0)?;
                found = true;
            }
        }
        if found {
            return Ok(configuration);
        }
        let detail = "no hbase-site.xml, core-site.xml or hdfs-site.xml in this directory".to_string();
        Err(ConfigError::NotHadoopXml { path: directory.to_path_buf(), detail })
    }

    /// From one XML text; `path` stands in messages and as the base of includes.
    pub fn from_text(path: &Path, text: &str, environment: &Environment) -> Result<Self> {
        let mut configuration = Self { values: BTreeMap::new(), environment: environment.clone() };
        configuration.add_text(path, text, 0)?;
        Ok(configuration)
    }

    /// The value of a key with variables replaced; empty counts as absent.
    pub fn get(&self, key: &str) -> Option<String> {
        let raw = &self.values.get(key)?.raw;
        let value = self.substitute(raw).trim().to_string();
        (!value.is_empty()).then_some(value)
    }

    /// The file a key's value was read from.
    pub fn source(&self, key: &str) -> Option<&Path> {
        self.values.get(key).map(|property| property.source.as_path())
    }

    fn add_file(&mut self, path: &Path, depth: usize) -> Result<()> {
        let unreadable = |source| ConfigError::Unreadable { path: path.to_path_buf(), source };
        let length = std::fs::metadata(path).map_err(unreadable)?.len();
        if length > FILE_LIMIT_BYTES {
            return Err(not_hadoop(path, format!("{length} bytes are too many for a configuration file")));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        self.add_text(path, &text, depth)
    }

    fn add_text(&mut self, path: &Path, text: &str, depth: usize) -> Result<()> {
        let options = roxmltree::ParsingOptions { allow_dtd: true, nodes_limit: 1 << 20, ..Default::default() };
        let document = roxmltree::Document::parse_with_options(text, options).map_err(|error| not_hadoop(path, error.to_string()))?;
        let root = document.root_element();
        if root.tag_name().name() != "configuration" {
            return Err(not_hadoop(path, format!("the root element is <{}>, not <configuration>", root.tag_name().name())));
        }
        self.add_element(path, root, depth)
    }

    fn add_element(&mut self, path: &Path, parent: roxmltree::Node<'_, '_>, depth: usize) -> Result<()> {
        for element in parent.children().filter(roxmltree::Node::is_element) {
            match element.tag_name().name() {
                "property" => self.add_property(path, element),
                "include" => self.include(path, element, depth)?,
                "configuration" => self.add_element(path, element, depth)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn add_property(&mut self, path: &Path, element: roxmltree::Node<'_, '_>) {
        let field = |name: &str| {
            let child = element.children().find(|child| child.tag_name().name() == name);
            child.map(text_of).or_else(|| element.attribute(name).map(str::to_string))
        };
        let Some(name) = field("name").map(|name| name.trim().to_string()).filter(|name| !name.is_empty()) else { return };
        if self.values.get(&name).is_some_and(|known| known.is_final) {
            return;
        }
        let is_final = field("final").is_some_and(|text| text.trim() == "true");
        let raw = field("value").unwrap_or_default();
        self.values.insert(name, Property { raw, is_final, source: path.to_path_buf() });
    }

    fn include(&mut self, path: &Path, element: roxmltree::Node<'_, '_>, depth: usize) -> Result<()> {
        let Some(href) = element.attribute("href") else { return Ok(()) };
        let has_fallback = element.children().any(|child| child.tag_name().name() == "fallback");
        if depth >= INCLUDE_DEPTH {
            return Err(not_hadoop(path, format!("includes are more than {INCLUDE_DEPTH} deep at {href}")));
        }
        let href = href.strip_prefix("file://").unwrap_or(href);
        let target = path.parent().map_or_else(|| PathBuf::from(href), |directory| directory.join(href));
        if !target.exists() && has_fallback {
            return Ok(());
        }
        self.add_file(&target, depth + 1)
    }

    fn substitute(&self, raw: &str) -> String {
        let mut text = raw.to_string();
        for _ in 0..SUBSTITUTION_ROUNDS {
            let Some((start, end)) = innermost_variable(&text, |name| self.lookup(name).is_some()) else { break };
            let Some(value) = text.get(start + 2..end).and_then(|name| self.lookup(name)) else { break };
            text.replace_range(start..=end, &value);
        }
        text
    }

    fn lookup(&self, name: &str) -> Option<String> {
        if let Some(variable) = name.strip_prefix("env.") {
            if let Some((variable, fallback)) = variable.split_once(":-") {
                return Some(self.environment.get(variable).unwrap_or(fallback).to_string());
            }
            if let Some((variable, fallback)) = variable.split_once('-') {
                return Some(self.environment.get(variable).unwrap_or(fallback).to_string());
            }
            return self.environment.get(variable).map(str::to_string);
        }
        match name {
            "user.name" => self.environment.get("USER").map(str::to_string),
            "user.home" => self.environment.get("HOME").map(str::to_string),
            _ => self.values.get(name).map(|property| property.raw.clone()),
        }
    }
}

/// The first `${…}` without another one inside whose name can be looked up, as (position of `$`, position of `}`).
fn innermost_variable(text: &str, known: impl Fn(&str) -> bool) -> Option<(usize, usize)> {
    let mut from = 0;
    while let Some(end) = text.get(from..)?.find('}').map(|at| at + from) {
        let start = text.get(..end)?.rfind("${");
        if let Some(start) = start
            && text.get(start + 2..end).is_some_and(&known)
        {
            return Some((start, end));
        }
        from = end + 1;
    }
    None
}

fn text_of(element: roxmltree::Node<'_, '_>) -> String {
    element.descendants().filter(roxmltree::Node::is_text).filter_map(|node| node.text()).collect()
}

fn not_hadoop(path: &Path, detail: String) -> ConfigError {
    ConfigError::NotHadoopXml { path: path.to_path_buf(), detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> HadoopConfiguration {
        let environment = Environment::new([("HOST".to_string(), "h1".to_string()), ("USER".to_string(), "hbase".to_string())]);
        HadoopConfiguration::from_text(Path::new("/conf/hbase-site.xml"), text, &environment).unwrap()
    }

    #[test]
    fn variables_are_replaced_through_each_other_and_unknown_ones_stay() {
        let configuration = read(
            r"<?xml version='1.0'?><?xml-stylesheet type='text/xsl' href='configuration.xsl'?><!-- c -->
            <configuration><property><name>a</name><value>${b}/x</value></property><property><name> b </name><value>${env.HOST}-${user.name}</value></property>
            <property><name>c</name><value>${nope}/${a}</value></property><property><name>d</name><value>${env.NONE:-fall}</value></property>
            <property><name>loop</name><value>${loop}</value></property></configuration>",
        );
        assert_eq!(configuration.get("a").unwrap(), "h1-hbase/x");
        assert_eq!(configuration.get("c").unwrap(), "${nope}/h1-hbase/x");
        assert_eq!(configuration.get("d").unwrap(), "fall");
        assert_eq!(configuration.get("loop").unwrap(), "${loop}");
    }

    #[test]
    fn a_final_value_is_kept_and_a_later_one_replaces_others() {
        let configuration = read(
            "<configuration><property><name>a</name><value>1</value><final>true</final></property><property><name>a</name><value>2</value></property>
             <property><name>b</name><value>1</value></property><property><name>b</name><value>2</value></property><property><name>empty</name><value/></property></configuration>",
        );
        assert_eq!(configuration.get("a").unwrap(), "1");
        assert_eq!(configuration.get("b").unwrap(), "2");
        assert_eq!(configuration.get("empty"), None);
    }

    #[test]
    fn includes_are_followed_and_a_loop_ends_in_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = std::fs::OpenOptions::new().create_new(true).write(true).open(directory.path().join(name));
            std::io::Write::write_all(&mut file.unwrap(), text.as_bytes()).unwrap();
        };
        write(
            "hbase-site.xml",
            r#"<configuration xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="more.xml"/>
               <xi:include href="absent.xml"><xi:fallback/></xi:include></configuration>"#,
        );
        write("more.xml", "<configuration><property><name>k</name><value>v</value></property></configuration>");
        let configuration = HadoopConfiguration::from_directory(directory.path(), &Environment::default()).unwrap();
        assert_eq!(configuration.get("k").unwrap(), "v");
        assert!(configuration.source("k").unwrap().ends_with("more.xml"));
        write(
            "core-site.xml",
            r#"<configuration xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="core-site.xml"/></configuration>"#,
        );
        let error = HadoopConfiguration::from_directory(directory.path(), &Environment::default()).unwrap_err();
        assert!(error.to_string().contains("8 deep"), "{error}");
    }

    #[test]
    fn what_is_no_hadoop_file_is_named() {
        let environment = Environment::default();
        let wrong_root = HadoopConfiguration::from_text(Path::new("/x.xml"), "<beans/>", &environment).unwrap_err();
        assert_eq!(wrong_root.to_string(), "/x.xml: the root element is <beans>, not <configuration>");
        assert!(HadoopConfiguration::from_text(Path::new("/x.xml"), "<configuration>", &environment).is_err());
        let empty = tempfile::tempdir().unwrap();
        assert!(HadoopConfiguration::from_directory(empty.path(), &environment).unwrap_err().to_string().contains("no hbase-site.xml"));
    }
}
