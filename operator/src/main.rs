//! The operator: reconciles policies onto node agents and reports their state.

fn main() -> anyhow::Result<()> {
    Ok(())
}
