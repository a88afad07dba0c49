//! Brings the CustomResourceDefinitions of the cluster to those of this version, and waits until they are served.
//!
//! Each definition is replaced as a whole, not merged: a field that this version does not have any more must go,
//! whoever wrote it.
//!
//! RBAC: `apiextensions.k8s.io` `customresourcedefinitions`: get, create, update.

use std::time::Duration;

use anyhow::Context as _;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::PostParams;
use kube::runtime::conditions;
use kube::runtime::wait::await_condition;
use kube::{Api, Client, ResourceExt};

/// Time until a definition must be served.
const ESTABLISHED_WITHIN: Duration = Duration::from_secs(30);

/// Creates or replaces every definition of this version.
///
/// # Errors
///
/// The API server cannot be reached or refuses a definition, or does not serve it in time.
pub async fn apply_crds(client: Client) -> anyhow::Result<()> {
    let api: Api<CustomResourceDefinition> = Api::all(client);
    for (file, definition) in beaconwatch_crds::manifest::definitions() {
        let definition: CustomResourceDefinition =
            serde_json::from_value(definition).with_context(|| format!("{file} is not a definition"))?;
        let name = definition.name_any();
        write(&api, &name, definition).await.with_context(|| format!("cannot write {name}"))?;
        let served = await_condition(api.clone(), &name, conditions::is_crd_established());
        tokio::time::timeout(ESTABLISHED_WITHIN, served)
            .await
            .with_context(|| format!("{name} is not served after {} s", ESTABLISHED_WITHIN.as_secs()))?
            .with_context(|| format!("cannot watch {name}"))?;
        tracing::info!(%name, "applied");
    }
    Ok(())
}

async fn write(
    api: &Api<CustomResourceDefinition>,
    name: &str,
    definition: CustomResourceDefinition,
) -> kube::Result<CustomResourceDefinition> {
    match api.get_opt(name).await? {
        None => api.create(&PostParams::default(), &definition).await,
        Some(present) => {
            let wanted = CustomResourceDefinition { spec: definition.spec, ..present };
            api.replace(name, &PostParams::default(), &wanted).await
        }
    }
}
