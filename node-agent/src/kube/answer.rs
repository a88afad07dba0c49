//! What an answer of the API server to a write means for what was written.

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has arrived.
    Done,
    /// It will never be taken.
    Refused,
    /// Something about this object is in the way for now.
    TryObjectLater,
    /// The API server does not answer, or is busy.
    TryAllLater,
}

/// Judges a failed write.
#[must_use]
pub fn judge(error: &kube::Error) -> Answer {
    let kube::Error::Api(status) = error else { return Answer::TryAllLater };
    let details = status.details.as_ref();
    let about_namespace = details.is_some_and(|details| details.kind == "namespaces");
    let ending = details
        .is_some_and(|details| details.causes.iter().any(|cause| cause.reason == "NamespaceTerminating"));
    match status.code {
        404 if about_namespace => Answer::Refused,
        403 if ending => Answer::Refused,
        400 | 413 | 422 => Answer::Refused,
        // Not installed yet, not allowed yet, or changed meanwhile.
        403 | 404 | 405 | 409 | 415 => Answer::TryObjectLater,
        _ => Answer::TryAllLater,
    }
}
