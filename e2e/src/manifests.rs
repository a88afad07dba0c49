//! Manifests that scenarios share.

/// The image with a shell, curl, wget and python3.
pub const TOOLS: &str = "docker.io/beaconwatch-e2e/tools:1";

/// A policy that decides within a minute instead of a quarter of an hour, and records whatever has a rhythm.
#[must_use]
pub fn quick_policy(name: &str) -> String {
    format!(
        "
apiVersion: beaconwatch.io/v1alpha1
kind: BeaconPolicy
metadata: {{name: {name}}}
spec:
  mode: Alert
  thresholds: {{record: -100, alert: -100, high: 10, critical: 16}}
  detectors:
    beacon: {{minimumSpan: 20s, minimumSpanExec: 20s}}
    balance: {{enabled: false}}
    longConnection: {{enabled: false}}
"
    )
}

/// The same with the default thresholds: what is found under it would be found in life, only later.
#[must_use]
pub fn strict_policy(name: &str) -> String {
    format!(
        "
apiVersion: beaconwatch.io/v1alpha1
kind: BeaconPolicy
metadata: {{name: {name}}}
spec:
  mode: Alert
  detectors:
    beacon: {{minimumSpan: 20s, minimumSpanExec: 20s}}
"
    )
}

/// A container that runs a shell script.
#[must_use]
pub fn container(script: &str) -> String {
    let script = script.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{{name: app, image: {TOOLS}, imagePullPolicy: Never, command: [sh, -c, \"{script}\"]}}")
}

/// A bare pod that runs a shell script until it is deleted.
#[must_use]
pub fn pod(name: &str, script: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {name}}}}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{container}]
",
        container = container(script)
    )
}

/// A Deployment of pods that run a shell script.
#[must_use]
pub fn deployment(name: &str, replicas: u32, script: &str) -> String {
    format!(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{container}]
",
        container = container(script)
    )
}

/// A CronJob that is never due by itself; `Scenario::run_cron_job` makes its Jobs. On one node: each node judges what it
/// sees.
#[must_use]
pub fn cron_job(name: &str, node: &str, script: &str) -> String {
    format!(
        "
apiVersion: batch/v1
kind: CronJob
metadata: {{name: {name}}}
spec:
  schedule: \"0 0 31 2 *\"
  jobTemplate:
    spec:
      backoffLimit: 0
      template:
        metadata: {{labels: {{app: {name}}}}}
        spec:
          nodeSelector: {{kubernetes.io/hostname: {node}}}
          restartPolicy: Never
          terminationGracePeriodSeconds: 0
          containers: [{container}]
",
        container = container(script)
    )
}
