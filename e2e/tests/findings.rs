//! What is found, what is published about it, and what is left alone.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use beaconwatch_crds::BeaconPolicy;
use beaconwatch_crds::beacon_finding::{BeaconFindingRecord, Behavior};
use beaconwatch_e2e::collector::{Collector, attribute};
use beaconwatch_e2e::manifests::{cron_job, deployment, pod, quick_policy, strict_policy};
use beaconwatch_e2e::outside::{Server, Speaks};
use beaconwatch_e2e::scenario::{Scenario, run, until};
use kube::ResourceExt;
use kube::api::Api;
use serde_json::{Value, json};

/// A server that has been called so often has seen a rhythm, if there is one.
async fn called(server: &Server, times: usize) -> Result<()> {
    let limit = Duration::from_secs(180);
    until(&format!("{times} calls"), limit, async || Ok((server.visits().len() >= times).then_some(()))).await
}

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn curl_loop_in_a_deployment_is_found_and_published_with_its_owner() -> Result<()> {
    run("curl", async |scenario: &Scenario| {
        let _server = Server::start(10, 8080, Speaks::Http).await?;
        scenario.apply(&quick_policy("quick")).await?;
        scenario.programmed("quick").await?;
        let script = "while true; do curl -s -o /dev/null http://host-10.example.test:8080/; sleep 2; done";
        scenario.apply(&deployment("reports", 1, script)).await?;

        let finding =
            scenario.finding("a beacon to host-10", |finding| finding.destination.port == Some(8080)).await?;
        assert_eq!(finding.behavior, Behavior::Beacon);
        assert_eq!(finding.who.workload.as_deref(), Some("Deployment/reports"));
        assert_eq!(finding.who.container.as_deref(), Some("app"));
        assert_eq!(finding.who.executable.as_deref(), Some("/usr/bin/curl"));
        assert_eq!(finding.destination.name.as_deref(), Some("host-10.example.test"));
        assert_eq!(finding.destination.protocol.as_deref(), Some("http"));
        assert_eq!(finding.policy.name, "quick");

        let pod = finding.who.pod.clone().context("no pod in the finding")?;
        let events = until("an Event on the pod", Duration::from_secs(30), async || {
            let mut events = scenario.events("Pod", &pod).await?;
            events.retain(|event| event.reason.as_deref() == Some("BeaconDetected"));
            Ok((!events.is_empty()).then_some(events))
        })
        .await?;
        assert_eq!(events.len(), 1, "one Event for one change of state: {events:?}");
        let note = events.first().and_then(|event| event.note.clone()).context("an Event without text")?;
        ensure!(note.contains("/usr/bin/curl") && note.contains("host-10.example.test:8080"), "{note}");
        Ok(())
    })
}

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn fresh_pods_of_a_cron_job_are_one_beacon() -> Result<()> {
    run("cron", async |scenario: &Scenario| {
        let server = Server::start(11, 8080, Speaks::Http).await?;
        scenario.apply(&quick_policy("quick")).await?;
        scenario.programmed("quick").await?;
        let node = scenario.nodes().await?.first().map(ResourceExt::name_any).context("no node")?;
        let call = "curl -s -o /dev/null http://host-11.example.test:8080/";
        scenario.apply(&cron_job("report", &node, call)).await?;
        for _ in 0..14 {
            scenario.run_cron_job("report", Duration::from_secs(4)).await?;
        }
        called(&server, 12).await?;
        let finding =
            scenario.finding("a beacon to host-11", |finding| finding.destination.port == Some(8080)).await?;
        assert_eq!(finding.who.workload.as_deref(), Some("CronJob/report"));
        Ok(())
    })
}

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn wget_from_a_writable_path_scores_higher_than_one_of_the_image() -> Result<()> {
    run("wget", async |scenario: &Scenario| {
        let _servers =
            (Server::start(12, 8080, Speaks::Http).await?, Server::start(13, 8080, Speaks::Http).await?);
        scenario.apply(&quick_policy("quick")).await?;
        scenario.programmed("quick").await?;
        let script = |program: &str, host: u8| {
            format!(
                "while true; do {program} -q -O /dev/null http://host-{host}.example.test:8080/; sleep 2; done"
            )
        };
        scenario.apply(&pod("image", &script("/usr/bin/wget", 12))).await?;
        scenario
            .apply(&pod("dropped", &format!("cp /usr/bin/wget /tmp/updater; {}", script("/tmp/updater", 13))))
            .await?;

        let calls = |finding: &BeaconFindingRecord, pod: &str| {
            finding.who.pod.as_deref() == Some(pod) && finding.destination.port == Some(8080)
        };
        let image = scenario.finding("a beacon of wget", |finding| calls(finding, "image")).await?;
        let dropped =
            scenario.finding("a beacon of /tmp/updater", |finding| calls(finding, "dropped")).await?;
        // A shell with its own wget would not have run this one.
        assert_eq!(image.who.executable.as_deref(), Some("/usr/bin/wget"));
        assert_eq!(dropped.who.executable.as_deref(), Some("/tmp/updater"));
        ensure!(dropped.score > image.score, "{} and {}", dropped.score, image.score);
        Ok(())
    })
}

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn irc_bot_in_python_is_found() -> Result<()> {
    run("irc", async |scenario: &Scenario| {
        let _server = Server::start(14, 8443, Speaks::Irc { ping_every: Duration::from_secs(2) }).await?;
        scenario.apply(&quick_policy("quick")).await?;
        scenario.programmed("quick").await?;
        let bot = "cat >/tmp/bot.py <<'E'
import socket
s = socket.create_connection(('host-14.example.test', 8443))
s.sendall(b'NICK worker7\\r\\nUSER worker7 0 * :worker\\r\\nJOIN #work\\r\\n')
for line in s.makefile('rb'):
    if line.startswith(b'PING'):
        s.sendall(b'PONG' + line[4:])
E
exec python3 /tmp/bot.py";
        scenario.apply(&pod("bot", bot)).await?;
        let finding = scenario.finding("an IRC finding", |finding| finding.behavior == Behavior::Irc).await?;
        assert_eq!(finding.who.pod.as_deref(), Some("bot"));
        assert_eq!(finding.destination.protocol.as_deref(), Some("irc"));
        Ok(())
    })
}

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn dns_beacon_is_found_by_its_domain_not_by_the_resolver() -> Result<()> {
    run("dns", async |scenario: &Scenario| {
        scenario.apply(&quick_policy("quick")).await?;
        scenario.programmed("quick").await?;
        let script = "while true; do
  label=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \\n')
  nslookup -type=txt $label.tasks.example.test >/dev/null
  sleep 2
done";
        scenario.apply(&pod("resolver", script)).await?;
        let finding =
            scenario.finding("a DNS beacon", |finding| finding.behavior.as_str().starts_with("Dns")).await?;
        ensure!(finding.destination.destination.contains("example.test"), "{:?}", finding.destination);
        Ok(())
    })
}

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn host_network_pod_is_distinguished_from_its_node() -> Result<()> {
    run("hostnet", async |scenario: &Scenario| {
        let _server = Server::start(15, 8080, Speaks::Http).await?;
        scenario.apply(&quick_policy("quick")).await?;
        scenario.programmed("quick").await?;
        let script = "while true; do curl -s -o /dev/null http://203.0.113.15:8080/; sleep 2; done";
        let manifest = pod("hostnet", script).replace("spec:\n", "spec:\n  hostNetwork: true\n");
        scenario.apply(&manifest).await?;
        let finding =
            scenario.finding("a beacon to host-15", |finding| finding.destination.port == Some(8080)).await?;
        assert_eq!(finding.who.pod.as_deref(), Some("hostnet"));
        Ok(())
    })
}

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn collector_receives_what_was_found_with_the_attributes_of_the_conventions() -> Result<()> {
    run("otlp", async |scenario: &Scenario| {
        let collector = Collector::start().await?;
        until("the collector", Duration::from_secs(20), async || Ok(collector.listens().await.then_some(())))
            .await?;
        let _server = Server::start(16, 8080, Speaks::Http).await?;
        scenario.apply(&quick_policy("quick")).await?;
        scenario.programmed("quick").await?;
        let script = "while true; do curl -s -o /dev/null http://host-16.example.test:8080/; sleep 2; done";
        scenario.apply(&deployment("exporter", 1, script)).await?;

        let record = until("a log record", Duration::from_secs(180), async || {
            let namespace = |record: &Value| attribute(record, "k8s.namespace.name").cloned();
            Ok(collector
                .records()
                .into_iter()
                .find(|record| namespace(record) == Some(json!(scenario.namespace))))
        })
        .await?;
        for (name, value) in [
            ("k8s.deployment.name", "exporter"),
            ("k8s.container.name", "app"),
            ("process.executable.path", "/usr/bin/curl"),
            ("network.transport", "tcp"),
        ] {
            ensure!(
                attribute(&record, name).is_some_and(|is| is == value),
                "{name} is not {value}: {record}"
            );
        }
        assert_eq!(record["eventName"], "beaconwatch.finding");
        Ok(())
    })
}

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn excepted_behaviour_is_not_published_and_the_policy_says_when_the_exception_was_used() -> Result<()> {
    run("excepted", async |scenario: &Scenario| {
        let server = Server::start(19, 8080, Speaks::Http).await?;
        let exception = "
  exceptions:
  - {name: reports, reason: approved by the platform team, match: {executables: [/usr/bin/curl], ports: [8080]}}
";
        scenario.apply(&format!("{}{exception}", quick_policy("quick").trim_end())).await?;
        scenario.programmed("quick").await?;
        let script = "while true; do curl -s -o /dev/null http://host-19.example.test:8080/; sleep 2; done";
        scenario.apply(&deployment("reports", 1, script)).await?;
        called(&server, 15).await?;
        let policies: Api<BeaconPolicy> = scenario.api();
        until("the use of the exception", Duration::from_secs(120), async || {
            let status = policies.get("quick").await?.status.unwrap_or_default();
            Ok(status.exceptions.iter().any(|exception| exception.last_used.is_some()).then_some(()))
        })
        .await?;
        assert_eq!(scenario.summaries().await?, [""; 0]);
        Ok(())
    })
}

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn ordinary_traffic_stays_silent() -> Result<()> {
    run("silent", async |scenario: &Scenario| {
        let person = Server::start(17, 8080, Speaks::Http).await?;
        scenario.apply(&strict_policy("strict")).await?;
        scenario.programmed("strict").await?;
        // A person's pace: gaps are exponential, with the mean of the loops that are found.
        let script = "cat >/tmp/person.py <<'E'
import random, time, urllib.request
while True:
    urllib.request.urlopen('http://host-17.example.test:8080/').read()
    time.sleep(random.expovariate(0.5))
E
exec python3 /tmp/person.py";
        scenario.apply(&pod("person", script)).await?;
        // Probed by the kubelet every second.
        let probe = "readinessProbe: {httpGet: {path: /metrics, port: 8000}, periodSeconds: 1}, command:";
        let web = pod("web", "mkdir /tmp/www; echo ok >/tmp/www/metrics; exec httpd -f -p 8000 -h /tmp/www");
        scenario.apply(&web.replace("command:", probe)).await?;
        // Scraped by a monitoring system every two seconds, through a Service.
        let service = "{apiVersion: v1, kind: Service, metadata: {name: web}, \
                       spec: {selector: {app: web}, ports: [{port: 8000}]}}";
        scenario.apply(service).await?;
        let scraper = "cat >/tmp/scraper.py <<'E'
import time, urllib.request
started = time.monotonic()
for turn in range(1, 10000):
    try:
        urllib.request.urlopen('http://web:8000/metrics', timeout=1).read()
    except OSError as error:
        print(error)
    time.sleep(max(0, started + 2 * turn - time.monotonic()))
E
exec python3 /tmp/scraper.py";
        scenario.apply(&pod("scraper", scraper)).await?;
        called(&person, 40).await?;
        assert_eq!(scenario.summaries().await?, [""; 0]);
        Ok(())
    })
}

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn loop_in_an_exec_session_stays_silent_where_people_debug() -> Result<()> {
    run("exec", async |scenario: &Scenario| {
        let server = Server::start(18, 8080, Speaks::Http).await?;
        let policy = strict_policy("debug").replace("minimumSpanExec: 20s", "minimumSpanExec: 1h");
        scenario.apply(&policy).await?;
        scenario.programmed("debug").await?;
        scenario.apply(&pod("service", "sleep 100000")).await?;
        scenario.pod_ready("service").await?;
        let script =
            "for i in $(seq 30); do curl -s -o /dev/null http://host-18.example.test:8080/; sleep 2; done";
        let kubectl = scenario.clone();
        let session = move || kubectl.kubectl(&["exec", "service", "--", "sh", "-c", script]);
        tokio::task::spawn_blocking(session).await.context("kubectl exec")??;
        called(&server, 30).await?;
        assert_eq!(scenario.summaries().await?, [""; 0]);
        Ok(())
    })
}
