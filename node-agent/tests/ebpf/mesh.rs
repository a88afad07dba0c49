//! A pod of a mesh: rules lead its connections to a proxy, which passes them on.
//!
//! The proxy is this test binary again, which runs the test [`relay`].

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use beaconwatch_agent::ebpf::EbpfOptions;
use beaconwatch_engine::observe::contact::{Contact, ContactKind};
use beaconwatch_skip::skip;

use crate::scene::{ANSWER, CLOSES, SERVER, Scene, Watch, joined, load};

/// Where the proxy listens, and the group that rules know it by, as in Istio.
const PORT: u16 = 15001;
const GROUP: u32 = 1337;
const READY: &str = "the relay listens";

/// Not a test: the proxy. Where the original destination is, it knows.
#[test]
#[ignore = "the test of the mesh starts it"]
fn relay() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).unwrap();
    println!("{READY}");
    for from in listener.incoming().flatten() {
        std::thread::spawn(move || {
            let to = TcpStream::connect((SERVER, CLOSES)).unwrap();
            let (mut up, mut down) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut up, &mut down));
            let _ = std::io::copy(&mut &to, &mut &from);
            let _ = from.shutdown(std::net::Shutdown::Both);
        });
    }
}

/// Leads connections of the room to the server to the proxy, unless they are its own; false if this cannot be here.
fn set_rules(scene: &Scene) -> bool {
    let rules = format!(
        "table ip mesh {{\n chain output {{\n  type nat hook output priority -100;\n\
         ip daddr {SERVER} tcp dport {CLOSES} meta skgid != {GROUP} redirect to :{PORT}\n }}\n}}\n"
    );
    scene.inside(1, || {
        let nft = Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let Ok(mut nft) = nft else {
            skip("rules that redirect connections need nft");
            return false;
        };
        nft.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
        let output = nft.wait_with_output().unwrap();
        if !output.status.success() {
            skip(format!("nft cannot redirect here: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
        output.status.success()
    })
}

/// A process in a container of its own, in the room.
fn spawn(scene: &Scene, digit: char, program: &[&str]) -> Child {
    let scope =
        scene.cgroup(&format!("kubepods.slice/cri-containerd-{}.scope", digit.to_string().repeat(64)));
    std::fs::create_dir_all(&scope).unwrap();
    scene.inside(1, || {
        Command::new("sh")
            .args(["-c", "echo 0 > \"$0\" && exec \"$@\""])
            .arg(scope.join("cgroup.procs"))
            .args(program)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    })
}

#[test]
fn what_a_sidecar_passes_on_is_the_connection_of_the_program() {
    let Some((probe, _)) = load(&EbpfOptions::default()) else { return };
    drop(probe);
    let scene = Scene::with_rooms(1);
    if !set_rules(&scene) {
        return;
    }
    let program = std::env::current_exe().unwrap();
    let (group, program) = (format!("--regid={GROUP}"), program.to_str().unwrap());
    let sidecar =
        ["setpriv", &group, "--clear-groups", program, "mesh::relay", "--ignored", "--exact", "--nocapture"];
    let mut sidecar = spawn(&scene, 'e', &sidecar);
    let mut said = BufReader::new(sidecar.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.any(|line| line.contains(READY)), "the relay does not start");
    let watch = Watch::begin(&scene.options()).unwrap();
    let script = format!(
        "for n in 1 2 3; do exec 3<>/dev/tcp/{SERVER}/{CLOSES}; echo hello >&3; \
         [ \"$(head -c {ANSWER} <&3 | wc -c)\" = {ANSWER} ] || exit 1; exec 3>&-; done"
    );
    let status = spawn(&scene, 'a', &["bash", "-c", &script]).wait().unwrap();
    sidecar.kill().unwrap();
    sidecar.wait().unwrap();
    assert!(status.success());
    let (mut contacts, counters) = joined(watch.end());
    contacts.retain(|contact| contact.kind != ContactKind::Burst);
    let say = |contact: &Contact| {
        let container =
            contact.actor.container.as_deref().and_then(|id| id.get(..1)).unwrap_or("?").to_owned();
        (
            container,
            contact.destination.address.map(|address| SocketAddr::new(address, contact.destination.port)),
        )
    };
    let server = Some(SocketAddr::from((SERVER, CLOSES)));
    let seen: Vec<_> = contacts.iter().map(say).collect();
    assert_eq!((seen, counters.passed_on), (vec![("a".to_owned(), server); 3], 3));
}
