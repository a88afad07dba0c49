//! Uninstalling leaves what it says it leaves: the definitions, and with them policies and findings.

use std::time::Duration;

use anyhow::{Result, ensure};
use beaconwatch_e2e::release;
use beaconwatch_e2e::scenario::{Scenario, run, until};

/// Kinds of which a release has objects outside its namespace.
const CLUSTER_KINDS: &str = "clusterroles,clusterrolebindings,priorityclasses,validatingadmissionpolicies,\
                             validatingadmissionpolicybindings,clusterbeaconpolicies";

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn uninstall_leaves_the_definitions_and_nothing_else() -> Result<()> {
    run("uninstall", async |scenario: &Scenario| {
        release::uninstall()?;
        let labelled = ["--selector=app.kubernetes.io/part-of=beaconwatch", "--output=name"];
        until("everything to go", Duration::from_secs(60), async || {
            let namespaced = "--namespace=beaconwatch";
            let kinds = "pods,services,serviceaccounts,configmaps,roles,rolebindings,networkpolicies,jobs";
            let inside = scenario.kubectl(&["get", kinds, namespaced, labelled[0], labelled[1]])?;
            let outside = scenario.kubectl(&["get", CLUSTER_KINDS, labelled[0], labelled[1]])?;
            Ok((inside.is_empty() && outside.is_empty()).then_some(()))
        })
        .await?;
        let definitions = scenario.kubectl(&["get", "crds", "--output=name"])?;
        ensure!(definitions.matches("beaconwatch.io").count() == 4, "{definitions}");
        Ok(())
    })
}
