//! One scenario: a namespace of its own on the cluster under test, and what to print when it fails.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Namespace, Pod, PodCondition, ServiceAccount};
use kube::api::{Api, DeleteParams, DynamicObject, ObjectMeta, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Client, Resource, ResourceExt};
use serde::Deserialize;

/// Time between two looks at a condition that nothing can be watched for.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A cluster and a namespace on it that is this scenario's alone.
#[derive(Clone)]
pub struct Scenario {
    /// Administrator of the cluster under test.
    pub client: Client,
    /// The scenario's namespace.
    pub namespace: String,
}

/// Runs a scenario in a namespace of its own, named after it. The namespace goes away at the end; what was in it is
/// printed before if the scenario failed.
///
/// # Errors
///
/// The scenario's, or the cluster's.
pub fn run(name: &str, body: impl AsyncFnOnce(&Scenario) -> Result<()>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let client = Client::try_default().await.context("cannot reach the cluster under test")?;
        let scenario = Scenario { client, namespace: format!("e2e-{name}-{:x}", std::process::id()) };
        scenario.create_namespace().await?;
        let outcome = body(&scenario).await;
        if let Err(error) = &outcome {
            eprintln!("--- scenario {name} failed: {error:#}");
            scenario.dump();
        }
        scenario.delete_namespace().await?;
        outcome
    })
}

/// Looks until `look` finds what it looks for, for at most so long.
///
/// # Errors
///
/// That `what` never came, with the last error of `look` if there was one.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let started = Instant::now();
    loop {
        let last = match look().await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => None,
            Err(error) => Some(error),
        };
        if started.elapsed() > limit {
            let last = last.map(|error| format!(" (last: {error:#})")).unwrap_or_default();
            bail!("waited {} s in vain for {what}{last}", limit.as_secs());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

impl Scenario {
    /// Objects of a kind in the scenario's namespace.
    #[must_use]
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Applies YAML documents, as kubectl would, in the scenario's namespace.
    ///
    /// # Errors
    ///
    /// What the API server says, word for word.
    pub async fn apply(&self, yaml: &str) -> Result<()> {
        for document in serde_yaml::Deserializer::from_str(yaml) {
            let object = DynamicObject::deserialize(document).context("not an object")?;
            self.apply_object(object).await?;
        }
        Ok(())
    }

    async fn apply_object(&self, object: DynamicObject) -> Result<()> {
        let types = object.types.clone().context("an object without kind")?;
        let kind = GroupVersionKind::try_from(&types)?;
        let (resource, capabilities) = kube::discovery::pinned_kind(&self.client, &kind).await?;
        let api: Api<DynamicObject> = match capabilities.scope {
            kube::discovery::Scope::Namespaced => {
                Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
            }
            kube::discovery::Scope::Cluster => Api::all_with(self.client.clone(), &resource),
        };
        api.patch(&object.name_any(), &PatchParams::apply("beaconwatch-e2e").force(), &Patch::Apply(&object))
            .await?;
        Ok(())
    }

    /// Waits until a pod is ready.
    ///
    /// # Errors
    ///
    /// It was not in time.
    pub async fn pod_ready(&self, name: &str) -> Result<()> {
        let pods: Api<Pod> = self.api();
        until(&format!("pod {name} to be ready"), Duration::from_secs(60), async || {
            let status = pods.get(name).await?.status.unwrap_or_default();
            let ready = |condition: &PodCondition| condition.type_ == "Ready" && condition.status == "True";
            Ok(status.conditions.iter().flatten().any(ready).then_some(()))
        })
        .await
    }

    /// Makes a Job of a CronJob now, as its schedule would, and lets the time between two of them pass.
    ///
    /// # Errors
    ///
    /// There is no such CronJob, or the API server's.
    pub async fn run_cron_job(&self, name: &str, every: Duration) -> Result<()> {
        let next = tokio::time::Instant::now() + every;
        let cron_job: CronJob = self.api().get(name).await?;
        let owner = cron_job.controller_owner_ref(&()).context("a CronJob without uid")?;
        let spec =
            cron_job.spec.and_then(|spec| spec.job_template.spec).context("a CronJob without template")?;
        let metadata = ObjectMeta {
            generate_name: Some(format!("{name}-")),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        };
        let job = Job { metadata, spec: Some(spec), ..Job::default() };
        self.api::<Job>().create(&PostParams::default(), &job).await?;
        tokio::time::sleep_until(next).await;
        Ok(())
    }

    /// Runs kubectl as a person would; what it printed.
    ///
    /// # Errors
    ///
    /// What kubectl said.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let output =
            Command::new("kubectl").arg("--namespace").arg(&self.namespace).args(arguments).output()?;
        if !output.status.success() {
            bail!("kubectl {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    async fn create_namespace(&self) -> Result<()> {
        let metadata = ObjectMeta { name: Some(self.namespace.clone()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        Api::all(self.client.clone()).create(&PostParams::default(), &namespace).await?;
        // No pod is admitted before.
        let accounts = self.api::<ServiceAccount>();
        until("the namespace's service account", Duration::from_secs(90), async || {
            Ok(accounts.get_opt("default").await?.map(drop))
        })
        .await
    }

    async fn delete_namespace(&self) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces.delete(&self.namespace, &DeleteParams::background()).await?;
        Ok(())
    }

    fn dump(&self) {
        let questions: [&[&str]; 5] = [
            &["get", "pods", "--output=wide"],
            &["get", "beaconpolicies,beaconfindings", "--output=yaml"],
            &["get", "events", "--sort-by=.lastTimestamp"],
            &["get", "beaconnodes", "--output=yaml"],
            &[
                "logs",
                "--namespace=beaconwatch",
                "--selector=app.kubernetes.io/part-of=beaconwatch",
                "--tail=40",
                "--prefix",
            ],
        ];
        for question in questions {
            let answer = self.kubectl(question).unwrap_or_else(|error| format!("{error:#}\n"));
            eprintln!("--- kubectl {}\n{answer}", question.join(" "));
        }
    }
}
