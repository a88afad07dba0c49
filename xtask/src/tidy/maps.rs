//! The state of the engine holds no bare map: a table that has a bound and counts what it costs, or one that leads into
//! such a table and says which (`crates/engine/src/bounded.rs`).

use std::path::{Path, PathBuf};

use anyhow::Context;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Types that grow as long as something is put in.
const BARE: &[&str] = &["Map", "Set", "HashMap", "HashSet", "HashTable", "BTreeMap", "BTreeSet"];
/// Types whose comment has to say what bounds them.
const BOUNDED_ELSEWHERE: &[&str] = &["Index", "OrderedIndex", "Places"];
const WORDS: &str = "ounded by";

/// Looks at every field and every type alias of the engine, tests apart.
pub(super) fn check(root: &Path, files: &[PathBuf], wrong: &mut Vec<String>) -> anyhow::Result<()> {
    let bounded = Path::new("crates/engine/src/bounded");
    let aliases = Path::new("crates/engine/src/collections.rs");
    let in_engine = |file: &&PathBuf| file.starts_with("crates/engine/src") && !file.starts_with(bounded);
    for file in files.iter().filter(in_engine).filter(|file| *file != aliases) {
        if file.extension().is_none_or(|e| e != "rs") {
            continue;
        }
        let text =
            std::fs::read_to_string(root.join(file)).with_context(|| format!("read {}", file.display()))?;
        check_text(file, &text, wrong)?;
    }
    Ok(())
}

fn check_text(file: &Path, text: &str, wrong: &mut Vec<String>) -> anyhow::Result<()> {
    let parsed = syn::parse_file(text).with_context(|| format!("parse {}", file.display()))?;
    State { file, wrong }.visit_file(&parsed);
    Ok(())
}

struct State<'a> {
    file: &'a Path,
    wrong: &'a mut Vec<String>,
}

impl State<'_> {
    fn complain(&mut self, at: &impl Spanned, what: &str) {
        let line = at.span().start().line;
        self.wrong.push(format!("{}:{line}: {what}", self.file.display()));
    }

    fn look(&mut self, ty: &syn::Type, attributes: &[syn::Attribute]) {
        let mut names = Names(Vec::new());
        names.visit_type(ty);
        if let Some(bare) = names.0.iter().find(|name| BARE.contains(&name.as_str())) {
            self.complain(
                ty,
                &format!("`{bare}` in the engine's state: use a table of crates/engine/src/bounded.rs"),
            );
        }
        let elsewhere = names.0.iter().find(|name| BOUNDED_ELSEWHERE.contains(&name.as_str()));
        if let Some(index) = elsewhere.filter(|_| !says_its_bound(attributes)) {
            self.complain(ty, &format!("`{index}`: its comment has to say \"Bounded by ...\""));
        }
    }
}

impl<'ast> Visit<'ast> for State<'_> {
    fn visit_field(&mut self, field: &'ast syn::Field) {
        self.look(&field.ty, &field.attrs);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.look(&item.ty, &item.attrs);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.look(&item.ty, &item.attrs);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !item.attrs.iter().any(super::lengths::is_cfg_test) {
            visit::visit_item_mod(self, item);
        }
    }
}

/// Every name in a type.
struct Names(Vec<String>);

impl<'ast> Visit<'ast> for Names {
    fn visit_path_segment(&mut self, segment: &'ast syn::PathSegment) {
        self.0.push(segment.ident.to_string());
        visit::visit_path_segment(self, segment);
    }
}

fn says_its_bound(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().filter(|a| a.path().is_ident("doc")).any(|attribute| {
        let syn::Meta::NameValue(doc) = &attribute.meta else { return false };
        let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &doc.value else { return false };
        text.value().contains(WORDS)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[&str]) {
        let mut wrong = Vec::new();
        check_text(Path::new("f.rs"), text, &mut wrong).unwrap();
        assert_eq!(wrong.len(), expect.len(), "{wrong:?}");
        for (wrong, expect) in wrong.iter().zip(expect) {
            assert!(wrong.contains(expect), "{wrong}");
        }
    }

    #[test]
    fn a_bare_map_in_a_field_is_found_however_deep() {
        check("struct S { open: Map<u64, u8> }", &["f.rs:1: `Map`"]);
        check("enum E { One(Option<Box<std::collections::HashMap<u8, u8>>>) }", &["`HashMap`"]);
        check("type Open = BTreeMap<u8, u8>;", &["`BTreeMap`"]);
        check("struct S(hashbrown::HashSet<u8>);", &["`HashSet`"]);
    }

    #[test]
    fn bounded_tables_and_what_is_made_inside_a_function_are_fine() {
        check("struct S { open: BoundedMap<u64, u8>, names: FairTable<u8, u8> }", &[]);
        check("fn f() { let all: Map<u8, u8> = Map::default(); }", &[]);
        check("#[cfg(test)] mod tests { struct S { all: Set<u8> } }", &[]);
    }

    #[test]
    fn an_index_says_what_bounds_it() {
        check("struct S { at: Index<u8, u8> }", &["its comment"]);
        check("struct S { /// Of all. Bounded by the pods.\n at: Index<u8, u8> }", &[]);
    }
}
