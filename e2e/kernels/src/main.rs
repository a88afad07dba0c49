//! The first process of a virtual machine in which the agent meets another kernel, and every other process there.
//!
//! It plays the scene, and tells on the console what truly happened and what the agent said; whether both agree is
//! judged outside (`node-agent/tests/kernels`). The kernel's command line says what is played, and with which
//! capabilities the agent runs: `scene.play=whole scene.rights=BPF,PERFMON,NET_ADMIN`.

mod client;
mod console;
mod container;
mod machine;
mod play;
mod server;

use std::process::ExitCode;

/// What goes wrong here is printed on the console.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let mut words = arguments.iter().skip(1).map(String::as_str);
    let outcome = match words.next() {
        Some("enter") => container::become_the_program(&arguments),
        Some("serve") => server::serve(),
        Some(part) if std::process::id() != 1 => client::play(part, words.next().unwrap_or_default()),
        Some(_) | None => {
            if let Err(error) = play::play() {
                console::failed(&*error);
            }
            console::done();
            machine::end()
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console::failed(&*error);
            ExitCode::FAILURE
        }
    }
}
