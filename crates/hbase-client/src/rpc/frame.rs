//! Requests and responses as bytes (`RPC.proto`, `IPCUtil`, `ServerCall`).
//!
//! Request: 4 bytes total length big-endian, then delimited `RequestHeader`, delimited parameter message. Response: 4 bytes total
//! length, delimited `ResponseHeader`, delimited result message, cell block of `cell_block_meta.length` bytes (the rest of the
//! frame). "Delimited" = varint length before the message. Call id −1 (as unsigned: 2³²−1) carries what ends the whole connection.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use hbase_proto::{ExceptionResponse, Message, RequestHeader, ResponseHeader};

/// The call id of errors that end the connection.
pub(crate) const CONNECTION_CALL_ID: u32 = u32::MAX;

/// A decoded answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Response {
    pub(crate) call_id: u32,
    pub(crate) outcome: Result<Payload, ExceptionResponse>,
}

/// The result message, still encoded, and the cell block.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Payload {
    pub(crate) message: Bytes,
    pub(crate) cell_block: Bytes,
}

/// A method call to encode.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestMeta<'a> {
    pub(crate) method: &'a str,
    pub(crate) timeout_millis: u32,
    /// 0 leaves the choice to the server.
    pub(crate) priority: u32,
}

/// The whole frame of a request, length included; `parameter` is the encoded parameter message.
pub(crate) fn encode_request(call_id: u32, meta: RequestMeta<'_>, parameter: &[u8]) -> Bytes {
    let header = RequestHeader {
        call_id: Some(call_id),
        method_name: Some(meta.method.to_owned()),
        request_param: Some(true),
        priority: (meta.priority > 0).then_some(meta.priority),
        timeout: Some(meta.timeout_millis),
        ..RequestHeader::default()
    };
    let header_bytes = header.encode_length_delimited_to_vec();
    let delimiter_bytes = prost::length_delimiter_len(parameter.len());
    let total = header_bytes.len() + delimiter_bytes + parameter.len();
    let mut frame = BytesMut::with_capacity(4 + total);
    // Requests are small messages of ours (the largest is a table schema), far below 4 GiB.
    frame.put_u32(total as u32);
    frame.put_slice(&header_bytes);
    let mut delimiter = parameter.len() as u64;
    while delimiter >= 0x80 {
        frame.put_u8(delimiter as u8 | 0x80);
        delimiter >>= 7;
    }
    frame.put_u8(delimiter as u8);
    frame.put_slice(parameter);
    frame.freeze()
}

/// Decodes a response frame without its 4 length bytes; parts share `frame`. The error says what is broken.
pub(crate) fn decode_response(mut frame: Bytes) -> Result<Response, String> {
    let header = take_delimited(&mut frame, "response header")?;
    let header = ResponseHeader::decode(header).map_err(|error| format!("response header: {error}"))?;
    let call_id = header.call_id.ok_or("a response without a call id")?;
    if let Some(exception) = header.exception {
        return Ok(Response { call_id, outcome: Err(exception) });
    }
    let message = take_delimited(&mut frame, "result message")?;
    let declared = header.cell_block_meta.and_then(|meta| meta.length).unwrap_or(0) as usize;
    if declared != frame.len() {
        return Err(format!("a cell block of {declared} bytes is announced and {} bytes follow", frame.len()));
    }
    Ok(Response { call_id, outcome: Ok(Payload { message, cell_block: frame }) })
}

fn take_delimited(frame: &mut Bytes, what: &str) -> Result<Bytes, String> {
    let length = prost::decode_length_delimiter(&mut *frame).map_err(|error| format!("length of the {what}: {error}"))?;
    if length > frame.remaining() {
        return Err(format!("{what} of {length} bytes in a frame with {} left", frame.remaining()));
    }
    Ok(frame.split_to(length))
}

#[cfg(test)]
mod tests {
    use hbase_proto::{CellBlockMeta, GetTableStateRequest, TableName};
    use proptest::prelude::*;

    use super::*;

    fn response(header: &ResponseHeader, message: &[u8], block: &[u8]) -> Bytes {
        let mut frame = header.encode_length_delimited_to_vec();
        prost::encode_length_delimiter(message.len(), &mut frame).unwrap();
        frame.extend_from_slice(message);
        frame.extend_from_slice(block);
        Bytes::from(frame)
    }

    fn header(block_bytes: u32) -> ResponseHeader {
        ResponseHeader { call_id: Some(7), exception: None, cell_block_meta: Some(CellBlockMeta { length: Some(block_bytes) }) }
    }

    #[test]
    fn a_request_is_length_header_parameter() {
        let name = TableName { namespace: Bytes::from_static(b"n"), qualifier: Bytes::from(vec![b'q'; 300]) };
        let parameter = GetTableStateRequest { table_name: name }.encode_to_vec();
        let meta = RequestMeta { method: "GetTableState", timeout_millis: 9, priority: 0 };
        let mut frame = encode_request(3, meta, &parameter);
        assert_eq!(frame.get_u32() as usize, frame.len());
        let header = RequestHeader::decode_length_delimited(&mut frame).unwrap();
        assert_eq!(
            (header.call_id, header.method_name.as_deref(), header.timeout, header.priority),
            (Some(3), Some("GetTableState"), Some(9), None)
        );
        assert_eq!(prost::decode_length_delimiter(&mut frame).unwrap(), parameter.len());
        assert_eq!(frame, parameter);
    }

    #[test]
    fn a_response_gives_message_and_block() {
        let decoded = decode_response(response(&header(3), b"message", b"abc")).unwrap();
        assert_eq!(decoded.call_id, 7);
        assert_eq!(decoded.outcome, Ok(Payload { message: Bytes::from_static(b"message"), cell_block: Bytes::from_static(b"abc") }));
    }

    #[test]
    fn an_exception_has_no_message() {
        let exception = ExceptionResponse { exception_class_name: Some("x.Y".into()), ..Default::default() };
        let header = ResponseHeader { call_id: Some(u32::MAX), exception: Some(exception.clone()), cell_block_meta: None };
        let decoded = decode_response(Bytes::from(header.encode_length_delimited_to_vec())).unwrap();
        assert_eq!(decoded, Response { call_id: CONNECTION_CALL_ID, outcome: Err(exception) });
    }

    #[test]
    fn every_truncation_is_an_error() {
        let whole = response(&header(3), b"message", b"abc");
        for length in 0..whole.len() {
            assert!(decode_response(whole.slice(..length)).is_err(), "{length}");
        }
        let mut longer = whole.to_vec();
        longer.push(0);
        assert!(decode_response(Bytes::from(longer)).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_allocate(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_response(Bytes::from(bytes));
        }
    }
}
