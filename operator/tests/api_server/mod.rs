//! A real API server for a test: etcd and kube-apiserver on loopback, ready in seconds, gone afterwards.
//!
//! The programs are those of the local cluster (`e2e/cluster/build.sh etcd kubernetes`). Where they are not built,
//! tests say so in one line and pass.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails here"
)]

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams};
use kube::config::{AuthInfo, Config};
use kube::{Api, Client};
use serde_json::json;

/// How long anything may take before a test gives up waiting; generous, since machines are busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
const TOKEN: &str = "a-token-for-tests";

/// etcd and kube-apiserver, ended when dropped.
pub(crate) struct ApiServer {
    directory: PathBuf,
    programs: PathBuf,
    etcd: Child,
    server: Option<Child>,
    etcd_port: u16,
    port: u16,
}

impl ApiServer {
    /// Starts one, of the programs that `e2e/cluster/build.sh etcd kubernetes` builds.
    pub(crate) async fn start(name: &str) -> Self {
        let programs = programs();
        let directory = std::env::temp_dir().join(format!("beaconwatch-api-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        let key = directory.join("key.pem");
        let made = Command::new("openssl")
            .args(["ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out"])
            .arg(&key)
            .output();
        assert!(made.unwrap().status.success(), "openssl cannot make a key");
        fs::write(directory.join("tokens.csv"), format!("{TOKEN},admin,1,system:masters\n")).unwrap();
        let [etcd_port, peer_port, port] = free_ports();
        let (client, peer) = (url("http", etcd_port), url("http", peer_port));
        let etcd = Command::new(programs.join("etcd"))
            .args(["--name=test", "--unsafe-no-fsync", "--log-level=error"])
            .arg(format!("--data-dir={}", directory.join("etcd").display()))
            .args([format!("--listen-client-urls={client}"), format!("--advertise-client-urls={client}")])
            .args([format!("--listen-peer-urls={peer}"), format!("--initial-advertise-peer-urls={peer}")])
            .arg(format!("--initial-cluster=test={peer}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(directory.join("etcd.log")).unwrap())
            .spawn()
            .unwrap();
        let mut server = Self { directory, programs, etcd, server: None, etcd_port, port };
        server.start_server();
        server.wait_until_ready().await;
        server
    }

    /// Starts the API server (again, with everything it stored).
    pub(crate) fn start_server(&mut self) {
        let path = |name: &str| self.directory.join(name).display().to_string();
        let log = File::options().create(true).append(true).open(self.directory.join("server.log")).unwrap();
        let server = Command::new(self.programs.join("kube-apiserver"))
            .arg(format!("--etcd-servers={}", url("http", self.etcd_port)))
            .args(["--bind-address=127.0.0.1", "--endpoint-reconciler-type=none"])
            .arg(format!("--secure-port={}", self.port))
            .arg(format!("--cert-dir={}", path("certificates")))
            .args(["--service-cluster-ip-range=10.96.0.0/16", "--authorization-mode=RBAC"])
            .args(["--disable-admission-plugins=ServiceAccount", "--service-account-issuer=https://test"])
            .arg(format!("--service-account-key-file={}", path("key.pem")))
            .arg(format!("--service-account-signing-key-file={}", path("key.pem")))
            .arg(format!("--token-auth-file={}", path("tokens.csv")))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.server = Some(server);
    }

    /// Ends the API server as a crash would.
    pub(crate) fn stop_server(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    pub(crate) async fn wait_until_ready(&self) {
        let client = self.client();
        eventually("the API server to be ready", async || {
            let request = http::Request::get("/readyz").body(Vec::new()).unwrap();
            client.request_text(request).await.ok().filter(|text| text == "ok")
        })
        .await;
    }

    /// A client that may do everything.
    pub(crate) fn client(&self) -> Client {
        let mut config = Config::new(url("https", self.port).parse().unwrap());
        config.accept_invalid_certs = true;
        config.auth_info = AuthInfo { token: Some(TOKEN.to_owned().into()), ..AuthInfo::default() };
        Client::try_from(config).unwrap()
    }

    /// Installs the CustomResourceDefinitions of this repository and waits until they are served.
    pub(crate) async fn install_definitions(&self) {
        let definitions: Api<CustomResourceDefinition> = Api::all(self.client());
        for (file, definition) in beaconwatch_crds::manifest::definitions() {
            let name = definition["metadata"]["name"].as_str().unwrap().to_owned();
            let params = PatchParams::apply("test").force();
            definitions.patch(&name, &params, &Patch::Apply(&definition)).await.unwrap();
            eventually(&format!("{file} to be served"), async || {
                let held = definitions.get(&name).await.ok()?;
                let conditions = held.status?.conditions?;
                conditions.iter().any(|c| c.type_ == "Established" && c.status == "True").then_some(())
            })
            .await;
        }
    }

    /// Applies an object given as JSON; namespaced if it has a namespace, which is made too.
    pub(crate) async fn apply(&self, object: serde_json::Value) {
        let client = self.client();
        let kind = object["kind"].as_str().unwrap();
        let api_version = object["apiVersion"].as_str().unwrap();
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource =
            kube::core::ApiResource::from_gvk(&kube::core::GroupVersionKind::gvk(group, version, kind));
        let resource = match kind {
            "BeaconPolicy" => kube::core::ApiResource { plural: "beaconpolicies".into(), ..resource },
            "ClusterBeaconPolicy" => {
                kube::core::ApiResource { plural: "clusterbeaconpolicies".into(), ..resource }
            }
            _ => resource,
        };
        let api: Api<kube::core::DynamicObject> = match object["metadata"]["namespace"].as_str() {
            Some(namespace) => {
                self.namespace(namespace).await;
                Api::namespaced_with(client, namespace, &resource)
            }
            None => Api::all_with(client, &resource),
        };
        let params = PatchParams::apply("test").force();
        eventually(&format!("{kind} {name} to be taken"), async || {
            match api.patch(&name, &params, &Patch::Apply(&object)).await {
                Ok(_) => Some(()),
                Err(kube::Error::Api(answer)) if answer.code != 404 => panic!("{kind} {name}: {answer:?}"),
                Err(_) => None,
            }
        })
        .await;
        if !object["status"].is_null() {
            // A status that its subresource owns is not written with the rest.
            let _ = api.patch_status(&name, &params, &Patch::Apply(&object)).await;
        }
    }

    async fn namespace(&self, name: &str) {
        let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(self.client());
        let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        namespaces.patch(name, &PatchParams::apply("namespaces"), &Patch::Apply(&object)).await.unwrap();
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.stop_server();
        let _ = self.etcd.kill();
        let _ = self.etcd.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Asks again until there is an answer.
pub(crate) async fn eventually<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("gave up waiting for {what}"))
}

fn programs() -> PathBuf {
    let cache = std::env::var_os("BEACONWATCH_CACHE").map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/beaconwatch")
    });
    cache.join("cluster/bin")
}

fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn url(scheme: &str, port: u16) -> String {
    format!("{scheme}://127.0.0.1:{port}")
}
