//! The Helm chart, rendered without a cluster.

use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{cluster_cache, repository};

/// The chart's directory.
#[must_use]
pub fn directory() -> PathBuf {
    repository().join("charts/beaconwatch")
}

/// A program that `e2e/cluster/build.sh` built, or nothing, and the test is skipped.
#[must_use]
#[track_caller]
pub fn built_program(name: &str) -> Option<PathBuf> {
    let path = cluster_cache().join("bin").join(name);
    if path.is_file() {
        return Some(path);
    }
    beaconwatch_skip::skip(format!("no {} (e2e/cluster/build.sh {name})", path.display()));
    None
}

/// The chart with some values set, ready to be rendered.
#[derive(Clone, Debug)]
pub struct Chart {
    helm: PathBuf,
    settings: Vec<String>,
}

impl Chart {
    /// The chart with its default values; nothing if there is no helm, and the test is skipped.
    #[must_use]
    #[track_caller]
    pub fn with_defaults() -> Option<Self> {
        let helm = built_program("helm")?;
        Some(Self { helm, settings: Vec::new() })
    }

    /// The same with one more `--set`.
    #[must_use]
    pub fn set(mut self, setting: &str) -> Self {
        self.settings.push(format!("--set={setting}"));
        self
    }

    /// Everything that is off by default switched on.
    #[must_use]
    pub fn with_everything(self) -> Self {
        self.set("metrics.serviceMonitor.enabled=true")
            .set("metrics.prometheusRule.enabled=true")
            .set("otlp.endpoint=https://collector.observability:4317")
            .set("otlp.headersSecret=otlp-headers")
            .set("otlp.tls.caSecret=otlp-ca")
            .set("otlp.tls.clientSecret=otlp-client")
            .set("imagePullSecrets={registry}")
            .set("destinationLists.configMaps={feed,feed.daily}")
            .set("destinationLists.secrets={own}")
            .set("destinationLists.claims={large}")
            .set("destinationLists.hostPath=/srv/lists")
    }

    fn helm(&self, arguments: &[&str]) -> Result<Output> {
        Command::new(&self.helm)
            .args(arguments)
            .args(&self.settings)
            .output()
            .with_context(|| format!("cannot run {}", self.helm.display()))
    }

    /// `helm lint --strict`; what it says, if it is not content.
    ///
    /// # Errors
    ///
    /// What `helm lint` said.
    pub fn lint(&self) -> Result<()> {
        let directory = directory().display().to_string();
        let output = self.helm(&["lint", "--strict", &directory])?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        Ok(())
    }

    /// What `helm template` writes, with hooks and CRDs.
    ///
    /// # Errors
    ///
    /// What `helm template` said.
    pub fn render(&self) -> Result<String> {
        let directory = directory().display().to_string();
        let output = self.helm(&[
            "template",
            "watch",
            &directory,
            "--namespace=beaconwatch-system",
            "--include-crds",
        ])?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).context("helm wrote something that is not UTF-8")
    }

    /// The rendered objects.
    ///
    /// # Errors
    ///
    /// What `helm template` said, or what is not YAML.
    pub fn objects(&self) -> Result<Objects> {
        let rendered = self.render()?;
        let mut objects = Vec::new();
        for document in serde_yaml::Deserializer::from_str(&rendered) {
            let object: Value =
                serde::Deserialize::deserialize(document).context("a template is not YAML")?;
            if !object.is_null() {
                objects.push(object);
            }
        }
        Ok(Objects(objects))
    }
}

/// Rendered objects.
#[derive(Clone, Debug)]
pub struct Objects(pub Vec<Value>);

impl Objects {
    /// All objects of a kind.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |object| object.get("kind").is_some_and(|is| is == kind))
    }

    /// The object of a kind whose name ends so.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn named<'a>(&'a self, kind: &'a str, suffix: &str) -> Result<&'a Value> {
        self.of_kind(kind)
            .find(|object| name_of(object).ends_with(suffix))
            .with_context(|| format!("no {kind} named *{suffix}"))
    }

    /// The pod templates of all workloads, with the workload's name.
    pub fn pods(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().filter_map(|object| {
            let template = object.pointer("/spec/template")?;
            Some((name_of(object), template))
        })
    }
}

fn name_of(object: &Value) -> &str {
    object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}
