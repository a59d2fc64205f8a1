//! One socket to one service of one server, shared by all calls to it: calls are told apart by their ids, answers come in any
//! order. A writer task and a reader task own the two halves; when either fails, every call in flight fails and the socket is
//! dead (the pool opens another).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};

use crate::error::{ClientError, Result};
use crate::options::ClientOptions;
use crate::rpc::exception::{self, Advice};
use crate::rpc::frame::{self, CONNECTION_CALL_ID, Payload, RequestMeta};
use crate::rpc::handshake;

/// Requests waiting for the writer task.
const QUEUE_LENGTH: usize = 256;
/// An answer is read in steps of at most this, so that a lying length allocates little.
const READ_STEP_BYTES: usize = 1 << 20;

/// How a try ended that gave no payload.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) error: ClientError,
    pub(crate) kind: FailureKind,
}

/// What is known of a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The server has not seen the call.
    NotSent,
    /// The call was sent and no answer came.
    Ambiguous,
    /// The server answered with an exception.
    Answered(Advice),
}

type Answer = std::result::Result<Payload, Failure>;

#[derive(Debug)]
pub(crate) struct Socket {
    requests: mpsc::Sender<Bytes>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: String,
    pending: Mutex<HashMap<u32, oneshot::Sender<Answer>>>,
    next_call_id: AtomicU32,
    /// Frames read so far: a call that timed out while nothing came means a dead peer.
    frames_read: AtomicU64,
    dead: AtomicBool,
    /// Why the server ended the connection, for calls that come too late to be told.
    refusal: Mutex<Option<Failure>>,
}

impl Socket {
    /// Connects to `server` (`host:port`) and does the handshake for `service`.
    pub(crate) async fn open(server: &str, service: &str, options: &ClientOptions) -> Result<Self> {
        let unreachable = |detail: String| ClientError::Unreachable { server: server.to_owned(), detail };
        let opening = async {
            let mut stream = TcpStream::connect(server).await.map_err(|error| unreachable(error.to_string()))?;
            stream.set_nodelay(true).map_err(|error| unreachable(error.to_string()))?;
            handshake::shake_hands(&mut stream, server, service, &options.authentication).await?;
            Ok(stream)
        };
        let stream = tokio::time::timeout(options.connect_timeout, opening)
            .await
            .map_err(|_| unreachable(format!("no connection within {} s", options.connect_timeout.as_secs_f32())))??;
        let (reader, writer) = stream.into_split();
        let (requests, queue) = mpsc::channel(QUEUE_LENGTH);
        let shared = Arc::new(Shared {
            server: server.to_owned(),
            pending: Mutex::default(),
            next_call_id: AtomicU32::new(0),
            frames_read: AtomicU64::new(0),
            dead: AtomicBool::new(false),
            refusal: Mutex::default(),
        });
        let reading = tokio::spawn(read_all(reader, Arc::clone(&shared), options.max_frame_bytes));
        tokio::spawn(write_all(writer, queue, Arc::clone(&shared), reading.abort_handle()));
        Ok(Self { requests, shared })
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.shared.dead.load(Ordering::Acquire)
    }

    /// Makes one try of a call; `parameter` is the encoded parameter message.
    pub(crate) async fn call(&self, method: &str, parameter: &[u8], priority: u32, timeout: Duration) -> Answer {
        let shared = &self.shared;
        // The id −1 is the connection's own.
        let call_id = shared.next_call_id.fetch_add(1, Ordering::Relaxed) % CONNECTION_CALL_ID;
        let timeout_millis = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        let request = frame::encode_request(call_id, RequestMeta { method, timeout_millis, priority }, parameter);
        let (sender, receiver) = oneshot::channel();
        shared.pending().insert(call_id, sender);
        let _forget = Forget { shared, call_id };
        // A socket that died before the call was listed would never answer it.
        if self.is_dead() {
            return Err(shared.closed());
        }
        let frames_before = shared.frames_read.load(Ordering::Acquire);
        let lost = |detail: String| Failure {
            error: ClientError::ConnectionLost { server: shared.server.clone(), call: method.to_owned(), detail },
            kind: FailureKind::Ambiguous,
        };
        let answer = async {
            if self.requests.send(request).await.is_err() {
                return Err(shared.closed());
            }
            receiver.await.unwrap_or_else(|_| Err(lost("closed".to_owned())))
        };
        match tokio::time::timeout(timeout, answer).await {
            Ok(answer) => answer,
            Err(_) => {
                if shared.frames_read.load(Ordering::Acquire) == frames_before {
                    shared.dead.store(true, Ordering::Release);
                }
                Err(lost(format!("no answer within {} s", timeout.as_secs_f32())))
            }
        }
    }
}

/// Takes a call off the list when its caller stops waiting, whyever.
struct Forget<'a> {
    shared: &'a Shared,
    call_id: u32,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.shared.pending().remove(&self.call_id);
    }
}

impl Shared {
    fn pending(&self) -> std::sync::MutexGuard<'_, HashMap<u32, oneshot::Sender<Answer>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The failure of a call that was not sent because the connection is gone.
    fn closed(&self) -> Failure {
        let refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone();
        refusal.unwrap_or_else(|| Failure {
            error: ClientError::Unreachable { server: self.server.clone(), detail: "the connection was closed".to_owned() },
            kind: FailureKind::NotSent,
        })
    }

    /// Fails every call in flight.
    fn die(&self, detail: &str, fatal: Option<&Failure>) {
        if let Some(failure) = fatal {
            *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure.clone());
        }
        self.dead.store(true, Ordering::Release);
        let calls = std::mem::take(&mut *self.pending());
        for sender in calls.into_values() {
            let failure = fatal.cloned().unwrap_or_else(|| Failure {
                error: ClientError::ConnectionLost { server: self.server.clone(), call: "a call".to_owned(), detail: detail.to_owned() },
                kind: FailureKind::Ambiguous,
            });
            // The caller may have stopped waiting just now.
            let _ = sender.send(Err(failure));
        }
    }
}

async fn write_all(mut writer: OwnedWriteHalf, mut queue: mpsc::Receiver<Bytes>, shared: Arc<Shared>, reading: tokio::task::AbortHandle) {
    while let Some(request) = queue.recv().await {
        if let Err(error) = writer.write_all(&request).await {
            shared.die(&error.to_string(), None);
            return;
        }
    }
    // Every handle is gone, and with it every call.
    reading.abort();
}

async fn read_all(mut reader: OwnedReadHalf, shared: Arc<Shared>, max_frame_bytes: usize) {
    loop {
        let frame = match read_frame(&mut reader, max_frame_bytes).await {
            Ok(frame) => frame,
            Err(detail) => return shared.die(&detail, None),
        };
        shared.frames_read.fetch_add(1, Ordering::AcqRel);
        let response = match frame::decode_response(frame) {
            Ok(response) => response,
            Err(detail) => {
                let error = ClientError::protocol(&shared.server, detail.clone());
                return shared.die(&detail, Some(&Failure { error, kind: FailureKind::Ambiguous }));
            }
        };
        let answer = response.outcome.map_err(|exception| {
            let (error, advice) = exception::interpret(&exception, &shared.server);
            Failure { error, kind: FailureKind::Answered(advice) }
        });
        if response.call_id == CONNECTION_CALL_ID {
            let fatal = match answer {
                Ok(_) => ClientError::protocol(&shared.server, "a result for no call"),
                Err(failure) => connection_refused(failure.error, &shared.server),
            };
            return shared.die("refused", Some(&Failure { error: fatal, kind: FailureKind::Answered(Advice::Fail) }));
        }
        let waiting = shared.pending().remove(&response.call_id);
        if let Some(sender) = waiting {
            // The caller may have stopped waiting just now.
            let _ = sender.send(answer);
        }
    }
}

/// What a server says before it closes the whole connection is about the user or the way of authentication.
fn connection_refused(error: ClientError, server: &str) -> ClientError {
    match error {
        ClientError::AccessDenied { message } => ClientError::Authentication { server: server.to_owned(), detail: message },
        other => other,
    }
}

async fn read_frame(reader: &mut OwnedReadHalf, max_frame_bytes: usize) -> std::result::Result<Bytes, String> {
    let length = reader.read_u32().await.map_err(|error| error.to_string())? as usize;
    if length > max_frame_bytes {
        return Err(format!("an answer of {length} bytes; at most {max_frame_bytes} are accepted"));
    }
    let mut frame = BytesMut::with_capacity(length.min(READ_STEP_BYTES));
    while frame.len() < length {
        let wanted = (length - frame.len()).min(READ_STEP_BYTES);
        frame.reserve(wanted);
        let mut limited = (&mut *reader).take(wanted as u64);
        if limited.read_buf(&mut frame).await.map_err(|error| error.to_string())? == 0 {
            return Err("the server closed the connection within an answer".to_owned());
        }
    }
    Ok(frame.freeze())
}
