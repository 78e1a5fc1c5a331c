//! A body that passes through, and of which a copy is kept. Nothing waits for the copy: each frame
//! goes on as it comes, and what is more than is kept passes all the same.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::sync::oneshot;

/// What was kept of a body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    pub bytes: Vec<u8>,
    /// All bytes that passed.
    pub length: u64,
    /// It came to its end, and all of it was kept.
    pub complete: bool,
}

/// The copy of a body, and the body itself where nobody read it to its end.
pub struct Copied {
    pub kept: Kept,
    rest: Option<Incoming>,
    limit: usize,
}

impl Copied {
    /// Reads what is left of a body that nobody took: who has no receiver is still a sender.
    pub async fn drained(self) -> Kept {
        let Some(rest) = self.rest else { return self.kept };
        let (mut body, copy) = Recorded::new(rest, self.limit);
        body.kept = self.kept;
        while let Some(Ok(_)) = body.frame().await {}
        drop(body);
        copy.await.map(|copied| copied.kept).unwrap_or_default()
    }
}

/// A body on its way.
pub struct Recorded {
    /// Only a dropped one has none.
    inner: Option<Incoming>,
    kept: Kept,
    limit: usize,
    /// Told once, at the end or when the body is dropped.
    told: Option<oneshot::Sender<Copied>>,
}

impl Recorded {
    /// The body, and where its copy will come: at most `limit` bytes.
    pub fn new(inner: Incoming, limit: usize) -> (Self, oneshot::Receiver<Copied>) {
        let (told, copy) = oneshot::channel();
        (Self { inner: Some(inner), kept: Kept::default(), limit, told: Some(told) }, copy)
    }

    fn keep(&mut self, data: &Bytes) {
        self.kept.length += data.len() as u64;
        let room = self.limit.saturating_sub(self.kept.bytes.len());
        self.kept.bytes.extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
    }

    fn tell(&mut self, is_over: bool, rest: Option<Incoming>) {
        if let Some(told) = self.told.take() {
            let mut kept = std::mem::take(&mut self.kept);
            kept.complete = is_over && kept.length == kept.bytes.len() as u64;
            // Nobody listens any more when the tap stops.
            let _stopped = told.send(Copied { kept, rest, limit: self.limit });
        }
    }
}

impl Body for Recorded {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        let polled = Pin::new(inner).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    self.keep(data);
                }
                if self.is_end_stream() {
                    self.tell(true, None);
                }
            }
            Poll::Ready(None) => self.tell(true, None),
            Poll::Ready(Some(Err(_))) => self.tell(false, None),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map(Incoming::size_hint).unwrap_or_default()
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        // A body without a byte is never asked for one.
        let is_over = self.is_end_stream();
        let rest = self.inner.take().filter(|_| !is_over);
        self.tell(is_over, rest);
    }
}
