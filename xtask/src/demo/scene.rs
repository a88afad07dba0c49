//! The scene: a server side and three containers, each in a network namespace and a cgroup of its own.
//!
//! Everything carries this process's id in its name and is removed on drop, also after Ctrl-C.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};

use super::shell;

const CLIENTS: [(&str, &str); 3] = [
    ("reports", include_str!("client-beacon.sh")),
    ("feeds", include_str!("client-twin.sh")),
    ("builds", include_str!("client-mirror.sh")),
];

/// One client container.
pub(super) struct Client {
    pub(super) name: &'static str,
    pub(super) container_id: String,
    script: &'static str,
    cgroup: PathBuf,
    netns: String,
    requests: PathBuf,
}

/// The whole scene.
pub(super) struct Scene {
    pub(super) clients: Vec<Client>,
    pub(super) directory: PathBuf,
    pub(super) cgroup_scope: String,
    cgroup_root: PathBuf,
    server_netns: String,
    namespaces: Vec<String>,
    children: Vec<Child>,
}

/// Whether this user may build it at all; says why not.
pub(super) fn can_build() -> Result<(), String> {
    let probe = format!("bwdemo-probe-{}", std::process::id());
    shell::run("ip", &["netns", "add", &probe]).map_err(|error| format!("{error:#}"))?;
    shell::run("ip", &["netns", "delete", &probe]).map_err(|error| format!("{error:#}"))
}

impl Scene {
    /// Builds namespaces, cgroups and servers; clients are started later.
    pub(super) fn build() -> anyhow::Result<Self> {
        let tag = std::process::id();
        let root = cgroup2_root()?;
        let directory = std::env::temp_dir().join(format!("beaconwatch-demo-{tag}"));
        fs::create_dir_all(&directory).context("make a directory for the scene")?;
        let scope = format!("/beaconwatch-demo-{tag}");
        let mut scene = Self {
            clients: Vec::new(),
            directory,
            cgroup_root: root.join(scope.trim_start_matches('/')),
            cgroup_scope: scope,
            server_netns: format!("bwdemo-{tag}-server"),
            namespaces: Vec::new(),
            children: Vec::new(),
        };
        scene.build_server_network()?;
        for (index, (name, script)) in CLIENTS.into_iter().enumerate() {
            let client = scene.build_client(index, name, script)?;
            scene.clients.push(client);
        }
        scene.start_servers()?;
        Ok(scene)
    }

    /// Starts the three clients.
    pub(super) fn start_clients(&mut self) -> anyhow::Result<()> {
        let certificate = self.directory.join("server.crt");
        for client in &self.clients {
            let script = self.directory.join(format!("{}.sh", client.name));
            fs::write(&script, client.script).context("write a client's script")?;
            let procs = client.cgroup.join("cgroup.procs");
            // The shell joins the container's cgroup and network as a runtime does, then becomes its first process.
            let enter = "echo $$ > \"$0\" && exec ip netns exec \"$@\"";
            let child = Command::new("bash")
                .args(["-c", enter])
                .arg(procs)
                .args([&client.netns, "bash"])
                .args([&script, &certificate, &client.requests])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .with_context(|| format!("start client {}", client.name))?;
            self.children.push(child);
        }
        Ok(())
    }

    /// How many requests each client has made.
    pub(super) fn progress(&self) -> String {
        let parts: Vec<String> = self
            .clients
            .iter()
            .map(|client| {
                let count = fs::read_to_string(&client.requests).map_or(0, |text| text.lines().count());
                format!("{} {count} requests", client.name)
            })
            .collect();
        parts.join(", ")
    }

    fn add_namespace(&mut self, name: &str) -> anyhow::Result<()> {
        shell::run("ip", &["netns", "add", name])?;
        self.namespaces.push(name.to_owned());
        shell::run("ip", &["-n", name, "link", "set", "lo", "up"])
    }

    /// A bridge with the servers' addresses, which are of the ranges reserved for documentation (RFC 5737).
    fn build_server_network(&mut self) -> anyhow::Result<()> {
        let netns = self.server_netns.clone();
        self.add_namespace(&netns)?;
        let batch = "link add br0 type bridge\naddr add 10.213.0.1/24 dev br0\nlink set br0 up\n\
                     addr add 203.0.113.9/32 dev lo\naddr add 198.51.100.7/32 dev lo\naddr add 198.51.100.8/32 dev lo\n";
        shell::run_with_input("ip", &["-n", &netns, "-batch", "-"], batch)
    }

    fn build_client(
        &mut self,
        index: usize,
        name: &'static str,
        script: &'static str,
    ) -> anyhow::Result<Client> {
        let tag = std::process::id();
        let netns = format!("bwdemo-{tag}-{name}");
        self.add_namespace(&netns)?;
        let (outer, address) = (format!("bwd{index}"), 11 + index);
        let server = self.server_netns.clone();
        shell::run(
            "ip",
            &["-n", &server, "link", "add", &outer, "type", "veth", "peer", "name", "eth0", "netns", &netns],
        )?;
        let batch = format!("link set {outer} master br0\nlink set {outer} up\n");
        shell::run_with_input("ip", &["-n", &server, "-batch", "-"], &batch)?;
        let batch = format!(
            "addr add 10.213.0.{address}/24 dev eth0\nlink set eth0 up\nroute add default via 10.213.0.1\n"
        );
        shell::run_with_input("ip", &["-n", &netns, "-batch", "-"], &batch)?;
        let resolv = Path::new("/etc/netns").join(&netns);
        fs::create_dir_all(&resolv).context("make the namespace's /etc")?;
        fs::write(resolv.join("resolv.conf"), "nameserver 10.213.0.1\n").context("name the resolver")?;
        // Named as kubelet (systemd driver) and containerd name them.
        let container_id = identity(&format!("{tag} {name}"));
        let pod = format!("{tag:08x}_0000_4000_8000_{index:012x}");
        let cgroup = self.cgroup_root.join(format!(
            "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{pod}.slice/cri-containerd-{container_id}.scope"
        ));
        fs::create_dir_all(&cgroup).context("make the container's cgroup")?;
        let requests = self.directory.join(format!("{name}.requests"));
        Ok(Client { name, container_id, script, cgroup, netns, requests })
    }

    fn start_servers(&mut self) -> anyhow::Result<()> {
        let directory = self.directory.clone();
        let path = |name: &str| directory.join(name).to_string_lossy().into_owned();
        let subject = "/CN=cdn-sync.example";
        let names = "subjectAltName=DNS:cdn-sync.example,DNS:feed.example";
        shell::run(
            "openssl",
            &[
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
                "-keyout",
                &path("server.key"),
                "-out",
                &path("server.crt"),
                "-subj",
                subject,
                "-addext",
                names,
            ],
        )?;
        let server = std::env::current_exe().context("find this program")?;
        self.spawn_server(
            &server.to_string_lossy(),
            &[
                "demo-server",
                &path(""),
                "--https",
                "203.0.113.9:443",
                "--https",
                "198.51.100.8:443",
                "--http",
                "198.51.100.7:80",
            ],
        )?;
        self.spawn_server(
            "dnsmasq",
            &[
                "--keep-in-foreground",
                "--no-resolv",
                "--no-hosts",
                "--conf-file=/dev/null",
                "--pid-file=",
                "--user=root",
                "--bind-interfaces",
                "--listen-address=10.213.0.1",
                "--address=/cdn-sync.example/203.0.113.9",
                "--address=/feed.example/198.51.100.8",
                "--address=/mirror.example/198.51.100.7",
            ],
        )?;
        self.wait_for_server()
    }

    fn spawn_server(&mut self, program: &str, args: &[&str]) -> anyhow::Result<()> {
        let child = Command::new("ip")
            .args(["netns", "exec", &self.server_netns, program])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.directory.join("servers.log")).context("make a log file")?)
            .spawn()
            .with_context(|| format!("start {program}"))?;
        self.children.push(child);
        Ok(())
    }

    fn wait_for_server(&self) -> anyhow::Result<()> {
        for _ in 0..100 {
            let probe = [
                "netns",
                "exec",
                &self.server_netns,
                "curl",
                "-sk",
                "-o",
                "/dev/null",
                "https://203.0.113.9/u",
            ];
            if shell::run("ip", &probe).is_ok() {
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        bail!("the scene's web server does not answer; see {}", self.directory.join("servers.log").display())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for client in &self.clients {
            let _ = fs::write(client.cgroup.join("cgroup.kill"), "1");
        }
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        for netns in &self.namespaces {
            kill_inside(netns);
            let _ = shell::run("ip", &["netns", "delete", netns]);
            let _ = fs::remove_dir_all(Path::new("/etc/netns").join(netns));
        }
        let _ = fs::remove_dir("/etc/netns");
        remove_cgroups(&self.cgroup_root);
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Ends what still runs in a namespace that this scene made .
fn kill_inside(netns: &str) {
    let Ok(output) = Command::new("ip").args(["netns", "pids", netns]).output() else { return };
    for pid in String::from_utf8_lossy(&output.stdout).split_whitespace() {
        let _ = shell::run("kill", &["-9", pid]);
    }
}

/// Removes a cgroup with all below it; a killed process needs a moment to leave.
fn remove_cgroups(path: &Path) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_cgroups(&entry.path());
        }
    }
    for _ in 0..100 {
        if fs::remove_dir(path).is_ok() || !path.exists() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// 64 hexadecimal digits, as runtimes name containers.
fn identity(of: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(of).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The root of the cgroup2 hierarchy, unified or hybrid.
fn cgroup2_root() -> anyhow::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("read the mounts")?;
    let root = mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let (_, target, kind) = (fields.next()?, fields.next()?, fields.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(target))
    });
    root.context("no cgroup2 hierarchy is mounted")
}
