//! What an answer of the API server to a write means for what was written.

use std::time::Duration;

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

/// An answer is waited for so long.
const ANSWER_MAX: Duration = Duration::from_secs(15);

/// Waits for the answer to a request; none in time is a failure like others. An API server, or what stands before it,
/// may take a request and never say a word.
///
/// # Errors
///
/// The request's own, or that there was no answer.
pub async fn answered<T>(request: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    let none = || std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer within 15 s");
    let answer = tokio::time::timeout(ANSWER_MAX, request).await;
    answer.unwrap_or_else(|_| Err(kube::Error::Service(Box::new(none()))))
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
