//! A file is one idea and under 400 lines, a function under 70. Tests inside a file, and files of unit tests, do
//! not count.

use std::path::{Path, PathBuf};

use anyhow::Context;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// Measures every Rust file.
pub(super) fn check(root: &Path, files: &[PathBuf], wrong: &mut Vec<String>) -> anyhow::Result<()> {
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "rs") && !f.ends_with("tests.rs"))
    {
        let text =
            std::fs::read_to_string(root.join(file)).with_context(|| format!("read {}", file.display()))?;
        let parsed = syn::parse_file(&text).with_context(|| format!("parse {}", file.display()))?;
        let mut functions = Functions { file, wrong: &mut *wrong, test_lines: 0 };
        functions.visit_file(&parsed);
        let lines = text.lines().count() - functions.test_lines;
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{}: {lines} lines (at most {FILE_LINES_MAX}, tests apart)", file.display()));
        }
    }
    Ok(())
}

struct Functions<'a> {
    file: &'a Path,
    wrong: &'a mut Vec<String>,
    test_lines: usize,
}

impl Functions<'_> {
    fn measure(&mut self, name: &syn::Ident, item: &impl Spanned) {
        let lines = lines_of(item);
        if lines > FUNCTION_LINES_MAX {
            let line = name.span().start().line;
            self.wrong.push(format!(
                "{}:{line}: {name} has {lines} lines (at most {FUNCTION_LINES_MAX})",
                self.file.display()
            ));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.sig.ident, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.sig.ident, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.attrs.iter().any(is_cfg_test) {
            self.test_lines += lines_of(item);
        } else {
            visit::visit_item_mod(self, item);
        }
    }
}

fn lines_of(item: &impl Spanned) -> usize {
    let span = item.span();
    span.end().line - span.start().line + 1
}

pub(super) fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Path>().is_ok_and(|argument| argument.is_ident("test"))
}
