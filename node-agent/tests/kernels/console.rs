//! What a machine said on its console (`e2e/kernels/src/told.rs`).

use std::collections::HashMap;
use std::path::Path;

/// It, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Console {
    pub(crate) truths: Vec<Vec<String>>,
    pub(crate) files: HashMap<String, Vec<u8>>,
    pub(crate) times: HashMap<String, u64>,
    pub(crate) failed: Vec<String>,
}

impl Console {
    /// Reads a log.
    pub(crate) fn read(path: &Path) -> Self {
        let mut console = Self::default();
        let Ok(bytes) = std::fs::read(path) else {
            console.failed.push(format!("{} is not there", path.display()));
            return console;
        };
        let text = String::from_utf8_lossy(&bytes);
        let mut open: Option<(String, String)> = None;
        let mut done = false;
        for line in text.lines().map(str::trim_end) {
            let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
            let words = || rest.split(' ').map(str::to_owned).collect::<Vec<_>>();
            match (mark, &mut open) {
                ("@truth", None) => console.truths.push(words()),
                ("@time", None) => {
                    console.times.insert(words()[0].clone(), words()[1].parse().unwrap());
                }
                ("@file", None) => open = Some((rest.to_owned(), String::new())),
                ("@end", Some(_)) => {
                    let (name, digits) = open.take().unwrap();
                    match bytes_of(&digits) {
                        Some(bytes) => drop(console.files.insert(name, bytes)),
                        None => console.failed.push(format!("{name} came damaged")),
                    }
                }
                ("@failed", _) => console.failed.push(rest.to_owned()),
                ("@done", _) => done = true,
                (_, Some((_, digits))) => digits.push_str(line),
                (_, None) => {}
            }
        }
        if !done {
            let end: Vec<&str> = text.lines().rev().take(5).collect();
            console.failed.push(format!("it did not come to its end: {end:?}"));
        }
        console
    }

    /// A file as text.
    pub(crate) fn text(&self, name: &str) -> String {
        self.files.get(name).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    }

    /// What is said of one thing.
    pub(crate) fn truth(&self, what: &str) -> impl Iterator<Item = &[String]> {
        self.truths.iter().filter(move |words| words[0] == what).map(|words| &words[1..])
    }
}

fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}
