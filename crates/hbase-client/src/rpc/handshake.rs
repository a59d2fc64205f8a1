//! The beginning of a connection: preamble `HBas`, version 0, authentication code; the tokens of a SASL mechanism if there is
//! one; then 4 bytes length and the `ConnectionHeader`. A server that accepts says nothing.

use bytes::{BufMut, BytesMut};
use hbase_proto::{ConnectionHeader, Message, UserInformation, VersionInfo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::authentication::{SIMPLE_CODE, SaslMechanism, SaslSession};
use crate::error::{ClientError, Result};
use crate::options::Authentication;
use crate::rpc::cell_block::CODEC_CLASS;

const PREAMBLE: &[u8] = b"HBas\0";

/// The version we say we are: servers choose nothing else by it than not to use what older clients lack.
const CLIENT_VERSION: (u32, u32, &str) = (2, 6, "2.6.4");

/// A Kerberos token with a large authorization part stays below 64 KiB.
const LONGEST_TOKEN_BYTES: i32 = 1 << 20;
/// `SaslUtil.SWITCH_TO_SIMPLE_AUTH`.
const SWITCH_TO_SIMPLE: i32 = -88;

/// Does the handshake for `service` on a fresh socket.
pub(crate) async fn shake_hands(stream: &mut TcpStream, server: &str, service: &str, authentication: &Authentication) -> Result<()> {
    let mut hello = BytesMut::from(PREAMBLE);
    let user = match authentication {
        Authentication::Simple { user } => {
            hello.put_u8(SIMPLE_CODE);
            Some(user.clone())
        }
        Authentication::Sasl(mechanism) => {
            hello.put_u8(mechanism.code());
            write(stream, server, &hello).await?;
            hello.clear();
            negotiate(stream, server, mechanism.as_ref()).await?;
            mechanism.effective_user()
        }
    };
    let header = connection_header(service, user).encode_to_vec();
    hello.put_u32(header.len() as u32);
    hello.put_slice(&header);
    write(stream, server, &hello).await
}

fn connection_header(service: &str, user: Option<String>) -> ConnectionHeader {
    let (major, minor, version) = CLIENT_VERSION;
    ConnectionHeader {
        user_info: user.map(|effective_user| UserInformation { effective_user, real_user: None }),
        service_name: Some(service.to_owned()),
        cell_block_codec_class: Some(CODEC_CLASS.to_owned()),
        version_info: Some(VersionInfo {
            version: version.to_owned(),
            url: "seawall".to_owned(),
            revision: String::new(),
            user: String::new(),
            date: String::new(),
            src_checksum: String::new(),
            version_major: Some(major),
            version_minor: Some(minor),
        }),
        ..ConnectionHeader::default()
    }
}

async fn negotiate(stream: &mut TcpStream, server: &str, mechanism: &dyn SaslMechanism) -> Result<()> {
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    let refused = |detail: String| ClientError::Authentication { server: server.to_owned(), detail };
    let mut session = mechanism.start(host).map_err(|error| refused(error.detail))?;
    let (returned, first) = on_blocking_thread(session, |session| session.initial()).await.map_err(&refused)?;
    session = returned;
    send_token(stream, server, &first).await?;
    loop {
        let challenge = receive_token(stream, server).await?;
        if session.is_complete() {
            return Ok(());
        }
        let (returned, answer) = on_blocking_thread(session, move |session| session.respond(&challenge)).await.map_err(&refused)?;
        session = returned;
        match answer {
            Some(token) => send_token(stream, server, &token).await?,
            None if session.is_complete() => return Ok(()),
            None => return Err(refused("the mechanism has no answer to the server's challenge".to_owned())),
        }
    }
}

async fn on_blocking_thread<T: Send + 'static>(
    mut session: Box<dyn SaslSession>,
    step: impl FnOnce(&mut dyn SaslSession) -> std::result::Result<T, crate::authentication::SaslError> + Send + 'static,
) -> std::result::Result<(Box<dyn SaslSession>, T), String> {
    let joined = tokio::task::spawn_blocking(move || step(session.as_mut()).map(|value| (session, value))).await;
    joined.map_err(|error| error.to_string())?.map_err(|error| error.detail)
}

async fn send_token(stream: &mut TcpStream, server: &str, token: &[u8]) -> Result<()> {
    let mut frame = BytesMut::with_capacity(4 + token.len());
    frame.put_u32(token.len() as u32);
    frame.put_slice(token);
    write(stream, server, &frame).await
}

async fn receive_token(stream: &mut TcpStream, server: &str) -> Result<Vec<u8>> {
    let refused = |detail: String| ClientError::Authentication { server: server.to_owned(), detail };
    if read_i32(stream, server).await? != 0 {
        let class = receive_bytes(stream, server).await?;
        let message = receive_bytes(stream, server).await?;
        return Err(refused(format!("{}: {}", String::from_utf8_lossy(&class), String::from_utf8_lossy(&message))));
    }
    receive_bytes(stream, server).await
}

async fn receive_bytes(stream: &mut TcpStream, server: &str) -> Result<Vec<u8>> {
    let length = read_i32(stream, server).await?;
    if length == SWITCH_TO_SIMPLE {
        let detail = "the server wants SIMPLE authentication and we were told to prove who we are".to_owned();
        return Err(ClientError::Authentication { server: server.to_owned(), detail });
    }
    if !(0..=LONGEST_TOKEN_BYTES).contains(&length) {
        return Err(ClientError::protocol(server, format!("a SASL token of {length} bytes")));
    }
    let mut bytes = vec![0; length as usize];
    stream.read_exact(&mut bytes).await.map_err(|error| unreachable(server, &error))?;
    Ok(bytes)
}

async fn read_i32(stream: &mut TcpStream, server: &str) -> Result<i32> {
    stream.read_i32().await.map_err(|error| unreachable(server, &error))
}

async fn write(stream: &mut TcpStream, server: &str, bytes: &[u8]) -> Result<()> {
    stream.write_all(bytes).await.map_err(|error| unreachable(server, &error))
}

fn unreachable(server: &str, error: &std::io::Error) -> ClientError {
    ClientError::Unreachable { server: server.to_owned(), detail: format!("handshake: {error}") }
}
