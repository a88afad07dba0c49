//! The chart, rendered by helm without a cluster: what it gives to whom, and what it refuses.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use beaconwatch_e2e::chart::{Chart, Objects, built_program, directory};
use beaconwatch_e2e::{cluster_cache, repository};
use serde_json::{Value, json};

fn defaults() -> Result<Option<Objects>> {
    Chart::with_defaults().map(|chart| chart.objects()).transpose()
}

#[test]
fn lint_finds_nothing_with_few_or_many_values() -> Result<()> {
    let Some(chart) = Chart::with_defaults() else { return Ok(()) };
    chart.lint()?;
    chart.with_everything().lint()
}

#[test]
fn agent_has_three_capabilities_and_no_other_privilege() -> Result<()> {
    let Some(objects) = defaults()? else { return Ok(()) };
    let pod = &objects.named("DaemonSet", "-agent")?["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(
        container["securityContext"],
        json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"], "add": ["BPF", "PERFMON", "NET_ADMIN"]},
        })
    );
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod.get("hostNetwork"), None);
    assert_eq!(pod.get("hostIPC"), None);
    assert_eq!(pod["tolerations"], json!([{"operator": "Exists"}]), "a tainted node is watched too");
    Ok(())
}

#[test]
fn agent_writes_only_its_own_directory_of_the_node() -> Result<()> {
    let Some(objects) = defaults()? else { return Ok(()) };
    let pod = &objects.named("DaemonSet", "-agent")?["spec"]["template"]["spec"];
    let mounts = pod["containers"][0]["volumeMounts"].as_array().context("mounts")?;
    for mount in mounts {
        let writable = mount["readOnly"] != true;
        assert_eq!(writable, mount["mountPath"] == "/var/lib/beaconwatch", "{mount}");
    }
    Ok(())
}

#[test]
fn agent_reads_every_destination_list_and_writes_none() -> Result<()> {
    let Some(chart) = Chart::with_defaults() else { return Ok(()) };
    let objects = chart.with_everything().objects()?;
    let pod = &objects.named("DaemonSet", "-agent")?["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let array = |value: &Value| value.as_array().cloned().context("array");
    let (mounts, volumes, arguments) =
        (array(&container["volumeMounts"])?, array(&pod["volumes"])?, array(&container["args"])?);
    for (place, source) in [
        ("configmap/feed", json!({"configMap": {"name": "feed", "optional": true}})),
        ("configmap/feed.daily", json!({"configMap": {"name": "feed.daily", "optional": true}})),
        ("secret/own", json!({"secret": {"secretName": "own", "optional": true}})),
        ("claim/large", json!({"persistentVolumeClaim": {"claimName": "large", "readOnly": true}})),
        ("node", json!({"hostPath": {"path": "/srv/lists", "type": "DirectoryOrCreate"}})),
    ] {
        let path = format!("/etc/beaconwatch/lists/{place}");
        ensure!(arguments.contains(&json!(format!("--reputation={path}"))), "{path} is not read");
        let mount = mounts.iter().find(|mount| mount["mountPath"] == *path).context(path)?;
        assert_eq!(mount["readOnly"], true, "{mount}");
        let mut volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).cloned();
        let fields = volume.as_mut().and_then(Value::as_object_mut).context("volume")?;
        fields.remove("name");
        assert_eq!(json!(fields), source);
    }
    Ok(())
}

#[test]
fn what_the_agent_cannot_know_of_the_cluster_is_told_by_values() -> Result<()> {
    let Some(chart) = Chart::with_defaults() else { return Ok(()) };
    let arguments = |chart: Chart| -> Result<Vec<Value>> {
        let objects = chart.objects()?;
        let pod = &objects.named("DaemonSet", "-agent")?["spec"]["template"]["spec"];
        pod["containers"][0]["args"].as_array().cloned().context("arguments")
    };
    let passed = |arguments: Vec<Value>| -> Vec<String> {
        let texts = arguments.iter().filter_map(Value::as_str);
        let about = |text: &&str| text.starts_with("--cluster-network") || text.starts_with("--mesh-proxy");
        texts.filter(about).map(str::to_owned).collect()
    };
    assert_eq!(passed(arguments(chart.clone())?), [""; 0]);
    let all = chart
        .clone()
        .set("agent.clusterNetworks={2001:db8:1::/48,192.0.2.0/24}")
        .set("agent.meshProxies={gateway-proxy}");
    assert_eq!(
        passed(arguments(all)?),
        ["--cluster-network=2001:db8:1::/48", "--cluster-network=192.0.2.0/24", "--mesh-proxy=gateway-proxy"]
    );
    for wrong in ["agent.clusterNetworks={pods.example}", "agent.meshProxies={/usr/bin/envoy}"] {
        ensure!(chart.clone().set(wrong).render().is_err(), "{wrong} is taken");
    }
    Ok(())
}

#[test]
fn everything_but_the_agent_runs_without_root_and_capabilities() -> Result<()> {
    let Some(objects) = defaults()? else { return Ok(()) };
    for (name, template) in objects.pods().filter(|(name, _)| !name.ends_with("-agent")) {
        let pod = &template["spec"];
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
        for container in pod["containers"].as_array().context("containers")? {
            assert_eq!(container["securityContext"]["capabilities"], json!({"drop": ["ALL"]}), "{name}");
            assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false, "{name}");
            assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true, "{name}");
        }
    }
    Ok(())
}

#[test]
fn every_container_has_requests_and_a_memory_limit() -> Result<()> {
    let Some(objects) = defaults()? else { return Ok(()) };
    for (name, template) in objects.pods() {
        for container in template["spec"]["containers"].as_array().context("containers")? {
            for path in ["/requests/cpu", "/requests/memory", "/limits/memory"] {
                ensure!(container["resources"].pointer(path).is_some(), "{name} has no {path}");
            }
        }
    }
    Ok(())
}

/// Whether a selector's labels are all among an object's.
fn selects(selector: &Value, labels: &Value) -> bool {
    selector
        .as_object()
        .is_some_and(|wanted| wanted.iter().all(|(key, value)| labels.get(key) == Some(value)))
}

#[test]
fn every_selector_finds_exactly_one_workload() -> Result<()> {
    let Some(chart) = Chart::with_defaults() else { return Ok(()) };
    let objects = chart.with_everything().objects()?;
    let selectors = objects.of_kind("Service").map(|object| &object["spec"]["selector"]);
    let selectors = selectors
        .chain(objects.of_kind("NetworkPolicy").map(|object| &object["spec"]["podSelector"]["matchLabels"]))
        .chain(
            objects.of_kind("PodDisruptionBudget").map(|object| &object["spec"]["selector"]["matchLabels"]),
        );
    for selector in selectors {
        let found = objects.pods().filter(|(_, pod)| selects(selector, &pod["metadata"]["labels"])).count();
        assert_eq!(found, 1, "{selector}");
    }
    Ok(())
}

#[test]
fn nobody_may_read_secrets_or_use_a_wildcard() -> Result<()> {
    let Some(objects) = defaults()? else { return Ok(()) };
    for role in objects.of_kind("ClusterRole").chain(objects.of_kind("Role")) {
        for rule in role["rules"].as_array().context("rules")? {
            let words = rule.to_string();
            ensure!(
                !words.contains("\"*\"") && !words.contains("secrets"),
                "{}: {rule}",
                role["metadata"]["name"]
            );
        }
    }
    Ok(())
}

#[test]
fn agent_may_delete_nothing_and_write_nothing_outside_the_group_but_events() -> Result<()> {
    let Some(objects) = defaults()? else { return Ok(()) };
    for rule in objects.named("ClusterRole", "-agent")?["rules"].as_array().context("rules")? {
        let verbs = rule["verbs"].to_string();
        assert!(!verbs.contains("delete"), "{rule}");
        let writes = ["create", "update", "patch"].iter().any(|verb| verbs.contains(verb));
        let ours = rule["apiGroups"] == json!(["beaconwatch.io"]) || rule["resources"] == json!(["events"]);
        assert!(!writes || ours, "{rule}");
    }
    Ok(())
}

#[test]
fn admission_policy_names_the_account_that_the_agent_uses() -> Result<()> {
    let Some(objects) = defaults()? else { return Ok(()) };
    let account = &objects.named("DaemonSet", "-agent")?["spec"]["template"]["spec"]["serviceAccountName"];
    let policy = objects.named("ValidatingAdmissionPolicy", "-agent")?;
    let condition = policy["spec"]["matchConditions"][0]["expression"].as_str().context("expression")?;
    let account =
        format!("'system:serviceaccount:beaconwatch-system:{}'", account.as_str().context("account")?);
    assert!(condition.ends_with(&account), "{condition}");
    Ok(())
}

#[test]
fn a_digest_is_used_instead_of_a_tag() -> Result<()> {
    let Some(chart) = Chart::with_defaults() else { return Ok(()) };
    let digest = format!("sha256:{}", "0".repeat(64));
    let objects = chart.set("agent.image.tag=v1").set(&format!("agent.image.digest={digest}")).objects()?;
    let pod = &objects.named("DaemonSet", "-agent")?["spec"]["template"]["spec"];
    let image = pod["containers"][0]["image"].as_str().context("image")?;
    assert!(image.ends_with(&format!("/beaconwatch-agent@{digest}")), "{image}");
    Ok(())
}

#[test]
fn otlp_settings_reach_the_agent_and_open_its_port() -> Result<()> {
    let Some(chart) = Chart::with_defaults() else { return Ok(()) };
    let check = |endpoint: &str, protocol: &str, port: u64| -> Result<()> {
        let chart =
            chart.clone().set(&format!("otlp.endpoint={endpoint}")).set(&format!("otlp.protocol={protocol}"));
        let objects = chart.objects()?;
        let agent = objects.named("DaemonSet", "-agent")?.to_string();
        ensure!(agent.contains(endpoint) && agent.contains("\"--otlp\""), "{agent}");
        let egress = &objects.named("NetworkPolicy", "-agent")?["spec"]["egress"];
        ensure!(egress[2]["ports"][0]["port"] == port, "{endpoint}: {egress}");
        Ok(())
    };
    check("http://collector.observability:14317", "grpc", 14317)?;
    check("http://collector.observability", "grpc", 4317)?;
    check("http://collector.observability", "http/protobuf", 4318)?;
    check("https://collector.example.test/", "http/protobuf", 443)
}

#[test]
fn values_that_cannot_work_are_refused() -> Result<()> {
    let Some(chart) = Chart::with_defaults() else { return Ok(()) };
    for (setting, said) in [
        ("agent.capabilities={BPF,SYS_ADMIN}", "/agent/capabilities"),
        ("operator.replicas=0", "/operator/replicas"),
        ("agent.image.digest=latest", "/agent/image/digest"),
        ("otlp.endpoint=collector:4317", "/otlp/endpoint"),
        ("otlp.protocol=http/json", "/otlp/protocol"),
        ("agent.privileged=true", "privileged"),
        ("agent.cgroupPath=sys/fs/cgroup", "/agent/cgroupPath"),
        ("destinationLists.configMaps={../feed}", "/destinationLists/configMaps/0"),
        ("destinationLists.hostPath=lists", "/destinationLists/hostPath"),
    ] {
        let error = chart.clone().set(setting).render().err().map(|error| error.to_string());
        assert!(error.as_deref().is_some_and(|error| error.contains(said)), "{setting}: {error:?}");
    }
    Ok(())
}

#[test]
fn readme_is_what_the_values_say() -> Result<()> {
    let output = Command::new(directory().join("readme.sh")).arg("--check").output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[test]
fn chart_carries_the_generated_definitions() -> Result<()> {
    let yaml_files = |path: std::path::PathBuf| -> Result<Vec<(String, String)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&path).with_context(|| format!("no {}", path.display()))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".yaml") {
                files.push((name, fs::read_to_string(entry.path())?));
            }
        }
        files.sort();
        Ok(files)
    };
    let generated = yaml_files(repository().join("crds"))?;
    let carried = yaml_files(directory().join("crds"))?;
    ensure!(
        generated == carried,
        "charts/beaconwatch/crds differs from crds/*.yaml: cp crds/*.yaml charts/beaconwatch/crds/"
    );
    Ok(())
}

#[test]
fn objects_conform_to_the_schemas_of_every_served_kubernetes() -> Result<()> {
    let (Some(chart), Some(kubeconform)) = (Chart::with_defaults(), built_program("kubeconform")) else {
        return Ok(());
    };
    let rendered = tempfile::NamedTempFile::new()?;
    fs::write(rendered.path(), chart.with_everything().render()?)?;
    let schemas = cluster_cache().join("schemas");
    let versions: Vec<_> = fs::read_dir(&schemas).into_iter().flatten().collect::<Result<_, _>>()?;
    if versions.is_empty() {
        beaconwatch_skip::skip(format!("no {} (e2e/cluster/schemas.sh)", schemas.display()));
    }
    for version in versions {
        let location = version.path().join("{{.ResourceKind}}{{.KindSuffix}}.json");
        let output = Command::new(&kubeconform)
            .args([
                "-strict",
                "-summary",
                "-skip=CustomResourceDefinition,ServiceMonitor,PrometheusRule,ClusterBeaconPolicy",
            ])
            .arg(format!("-schema-location={}", location.display()))
            .arg(rendered.path())
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "{}: {said}", location.display());
    }
    Ok(())
}

/// Names of our metrics that a text speaks of.
fn metric_names(text: &str) -> BTreeSet<String> {
    let word = |byte: char| byte.is_ascii_alphanumeric() || byte == '_';
    let words = text.split(|byte| !word(byte)).filter(|name| name.starts_with("beaconwatch_"));
    words.map(str::to_owned).collect()
}

#[test]
fn alert_rules_are_rules() -> Result<()> {
    let Some(promcheck) = built_program("promcheck") else { return Ok(()) };
    let Some(chart) = Chart::with_defaults() else { return Ok(()) };
    let objects = chart.with_everything().objects()?;
    let rules = tempfile::NamedTempFile::new()?;
    fs::write(rules.path(), serde_yaml::to_string(&objects.named("PrometheusRule", "")?["spec"])?)?;
    let output = Command::new(promcheck).arg("rules").arg(rules.path()).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[test]
fn every_alert_has_a_runbook() -> Result<()> {
    let alerts = fs::read_to_string(directory().join("files/alerts.yaml"))?;
    let runbooks = alerts.split("RUNBOOKS/").skip(1).filter_map(|rest| rest.split_whitespace().next());
    assert_eq!(alerts.matches("- alert:").count(), runbooks.clone().count());
    for runbook in runbooks {
        ensure!(repository().join("docs/runbooks").join(runbook).is_file(), "no docs/runbooks/{runbook}");
    }
    Ok(())
}

#[test]
fn dashboard_and_alerts_speak_of_metrics_that_exist() -> Result<()> {
    let operator = fs::read_to_string(repository().join("operator/src/metrics.rs"))?;
    let agent = fs::read_to_string(repository().join("node-agent/src/sink/metrics/list.rs"))?;
    for file in ["files/alerts.yaml", "files/dashboard.json"] {
        for name in metric_names(&fs::read_to_string(directory().join(file))?) {
            let exists = match name.strip_prefix("beaconwatch_operator_") {
                Some(short) => operator.contains(&format!("\"{}\"", short.trim_end_matches("_total"))),
                None => agent.contains(&format!("\"{name}\"")),
            };
            ensure!(exists, "{file} speaks of {name}");
        }
    }
    Ok(())
}
