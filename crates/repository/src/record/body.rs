//! Bodies of the record types. Ids and counts are in clear; what a person would read is an encrypted [`Field`].

use crate::crypto::Purpose;
use crate::error::{RepositoryError, Result};
use crate::keys::keyring::Keyring;
use crate::page::layout::PageRef;
use crate::record::envelope::{READ_CRITICAL, WRITE_CRITICAL};
use crate::wire::{Reader, Writer};

const LIST_LIMIT: usize = 1 << 16;
const FIELD_LIMIT_BYTES: usize = 64 << 10;
/// May do everything.
pub(crate) const ROLE_ADMIN: u8 = 1;
/// May commit and adopt.
pub(crate) const ROLE_WRITER: u8 = 2;

/// Bytes only readers can open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) generation: u32,
    pub(crate) salt: [u8; 32],
    pub(crate) sealed: Vec<u8>,
}

impl Field {
    pub(crate) fn seal(keyring: &Keyring, name: &str, salt: [u8; 32], plain: &[u8]) -> Result<Self> {
        let generation = keyring.generation();
        let mut sealed = plain.to_vec();
        keyring
            .field_key(generation, name, &salt)?
            .seal(Purpose::Field, 0, &[], &mut sealed)
            .ok_or_else(|| RepositoryError::Task { detail: "record field could not be sealed".to_owned() })?;
        if sealed.len() > FIELD_LIMIT_BYTES {
            return Err(RepositoryError::refused(format!("{name} of {} bytes is longer than a record field may be", plain.len())));
        }
        Ok(Self { generation, salt, sealed })
    }

    pub(crate) fn open(&self, keyring: &Keyring, name: &str, object: &str) -> Result<Vec<u8>> {
        let mut buffer = self.sealed.clone();
        let opened = keyring
            .field_key(self.generation, name, &self.salt)?
            .open(Purpose::Field, 0, &[], &mut buffer)
            .ok_or_else(|| RepositoryError::damaged(object, 0, format!("{name} does not authenticate")))?
            .len();
        buffer.truncate(opened);
        Ok(buffer)
    }

    fn encode(&self, writer: &mut Writer) {
        writer.u32(self.generation).raw(&self.salt).bytes(&self.sealed);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self { generation: reader.u32()?, salt: reader.array()?, sealed: reader.bytes(FIELD_LIMIT_BYTES)?.to_vec() })
    }
}

/// A backup becomes visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) upload: [u8; 16],
    /// Place in the log up to which the writer has checked what it reuses.
    pub(crate) base: u64,
    pub(crate) lineage: [u8; 16],
    /// Dead uploads whose objects it may use; named here, they are fenced.
    pub(crate) adopted: Vec<[u8; 16]>,
    /// Other signing keys whose objects it uses.
    pub(crate) writers: Vec<[u8; 16]>,
    /// Roots of the refs, index and manifest trees.
    pub(crate) roots: [Option<PageRef>; 3],
    pub(crate) files: u64,
    pub(crate) logical_bytes: u64,
    pub(crate) new_objects: u64,
    pub(crate) new_bytes: u64,
    pub(crate) reused_bytes: u64,
    pub(crate) page_bytes: u64,
    pub(crate) row: Field,
}

/// A list of condemned objects becomes final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condemn {
    /// Refs-kind tree of the condemned objects.
    pub(crate) list: PageRef,
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    /// Deleted backups that can no longer be undeleted.
    pub(crate) backups: Vec<u64>,
}

/// All bodies. The number is the record type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    Commit(Box<Commit>),
    Delete {
        backups: Vec<u64>,
    },
    Undelete {
        backups: Vec<u64>,
    },
    Tag {
        backup: u64,
        tags: Field,
    },
    Pin {
        id: [u8; 16],
        backup: u64,
        until_millis: i64,
        reason: Field,
    },
    Hold {
        id: [u8; 16],
        backups: Vec<u64>,
        reason: Field,
    },
    Release {
        id: [u8; 16],
    },
    Abort {
        upload: [u8; 16],
    },
    Adopt {
        upload: [u8; 16],
        by: [u8; 16],
    },
    Condemn(Box<Condemn>),
    Key {
        public: [u8; 32],
        roles: u8,
        label: Field,
    },
    Role {
        key: [u8; 16],
        roles: u8,
    },
    Revoke {
        key: [u8; 16],
        from: u64,
    },
    Grant {
        writer: [u8; 16],
        source: [u8; 16],
    },
    /// Reserved, or newer than this program.
    Unknown {
        record_type: u16,
    },
}

/// Names of all types that version 1 reserves, by number.
pub(crate) const TYPE_NAMES: [(u16, &str); 24] = [
    (1, "commit"),
    (2, "delete"),
    (3, "undelete"),
    (4, "tag"),
    (5, "pin"),
    (6, "hold"),
    (7, "release"),
    (8, "abort"),
    (9, "adopt"),
    (10, "condemn"),
    (11, "relocate"),
    (12, "stream_open"),
    (13, "stream_anchor"),
    (14, "replace"),
    (15, "floor"),
    (16, "key"),
    (17, "role"),
    (18, "revoke"),
    (19, "grant"),
    (20, "policy"),
    (21, "config"),
    (22, "ckpt"),
    (23, "audit_anchor"),
    (24, "promote"),
];

/// The name of a record type.
pub(crate) fn type_name(record_type: u16) -> String {
    TYPE_NAMES
        .iter()
        .find(|(number, _)| *number == record_type)
        .map_or_else(|| format!("type {record_type}"), |(_, name)| (*name).to_owned())
}

impl Body {
    pub(crate) fn record_type(&self) -> u16 {
        match self {
            Self::Commit(_) => 1,
            Self::Delete { .. } => 2,
            Self::Undelete { .. } => 3,
            Self::Tag { .. } => 4,
            Self::Pin { .. } => 5,
            Self::Hold { .. } => 6,
            Self::Release { .. } => 7,
            Self::Abort { .. } => 8,
            Self::Adopt { .. } => 9,
            Self::Condemn(_) => 10,
            Self::Key { .. } => 16,
            Self::Role { .. } => 17,
            Self::Revoke { .. } => 18,
            Self::Grant { .. } => 19,
            Self::Unknown { record_type } => *record_type,
        }
    }

    /// Critical bits a writer of version 1 sets: a tag or a pin may be missed by who only reads; the rest changes what is valid.
    pub(crate) fn flags(&self) -> u32 {
        match self {
            Self::Tag { .. } | Self::Pin { .. } | Self::Hold { .. } | Self::Release { .. } => WRITE_CRITICAL,
            _ => WRITE_CRITICAL | READ_CRITICAL,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        match self {
            Self::Commit(commit) => commit.encode(&mut writer),
            Self::Delete { backups } | Self::Undelete { backups } => numbers(&mut writer, backups),
            Self::Tag { backup, tags } => {
                writer.u64(*backup);
                tags.encode(&mut writer);
            }
            Self::Pin { id, backup, until_millis, reason } => {
                writer.raw(id).u64(*backup).i64(*until_millis);
                reason.encode(&mut writer);
            }
            Self::Hold { id, backups, reason } => {
                writer.raw(id);
                numbers(&mut writer, backups);
                reason.encode(&mut writer);
            }
            Self::Release { id } | Self::Abort { upload: id } => {
                writer.raw(id);
            }
            Self::Adopt { upload, by } => {
                writer.raw(upload).raw(by);
            }
            Self::Condemn(condemn) => {
                condemn.list.encode(&mut writer);
                writer.u64(condemn.objects).u64(condemn.bytes);
                numbers(&mut writer, &condemn.backups);
            }
            Self::Key { public, roles, label } => {
                writer.raw(public).u8(*roles);
                label.encode(&mut writer);
            }
            Self::Role { key, roles } => {
                writer.raw(key).u8(*roles);
            }
            Self::Revoke { key, from } => {
                writer.raw(key).u64(*from);
            }
            Self::Grant { writer: to, source } => {
                writer.raw(to).raw(source);
            }
            Self::Unknown { .. } => {}
        }
        writer.finish()
    }

    pub(crate) fn decode(object: &str, record_type: u16, bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(object, 0, bytes);
        let body = match record_type {
            1 => Self::Commit(Box::new(Commit::decode(&mut reader)?)),
            2 => Self::Delete { backups: read_numbers(&mut reader)? },
            3 => Self::Undelete { backups: read_numbers(&mut reader)? },
            4 => Self::Tag { backup: reader.u64()?, tags: Field::decode(&mut reader)? },
            5 => Self::Pin { id: reader.array()?, backup: reader.u64()?, until_millis: reader.i64()?, reason: Field::decode(&mut reader)? },
            6 => Self::Hold { id: reader.array()?, backups: read_numbers(&mut reader)?, reason: Field::decode(&mut reader)? },
            7 => Self::Release { id: reader.array()? },
            8 => Self::Abort { upload: reader.array()? },
            9 => Self::Adopt { upload: reader.array()?, by: reader.array()? },
            10 => Self::Condemn(Box::new(Condemn {
                list: PageRef::decode(&mut reader)?,
                objects: reader.u64()?,
                bytes: reader.u64()?,
                backups: read_numbers(&mut reader)?,
            })),
            16 => Self::Key { public: reader.array()?, roles: reader.u8()?, label: Field::decode(&mut reader)? },
            17 => Self::Role { key: reader.array()?, roles: reader.u8()? },
            18 => Self::Revoke { key: reader.array()?, from: reader.u64()? },
            19 => Self::Grant { writer: reader.array()?, source: reader.array()? },
            _ => return Ok(Self::Unknown { record_type }),
        };
        reader.finish()?;
        Ok(body)
    }
}

impl Commit {
    fn encode(&self, writer: &mut Writer) {
        writer.raw(&self.upload).u64(self.base).raw(&self.lineage);
        ids(writer, &self.adopted);
        ids(writer, &self.writers);
        for root in &self.roots {
            writer.u8(u8::from(root.is_some()));
            if let Some(root) = root {
                root.encode(writer);
            }
        }
        writer
            .u64(self.files)
            .u64(self.logical_bytes)
            .u64(self.new_objects)
            .u64(self.new_bytes)
            .u64(self.reused_bytes)
            .u64(self.page_bytes);
        self.row.encode(writer);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        let (upload, base, lineage) = (reader.array()?, reader.u64()?, reader.array()?);
        let (adopted, writers) = (read_ids(reader)?, read_ids(reader)?);
        let mut roots = [None, None, None];
        for root in &mut roots {
            *root = match reader.u8()? {
                0 => None,
                1 => Some(PageRef::decode(reader)?),
                other => return Err(reader.damage(format!("root marker {other}"))),
            };
        }
        Ok(Self {
            upload,
            base,
            lineage,
            adopted,
            writers,
            roots,
            files: reader.u64()?,
            logical_bytes: reader.u64()?,
            new_objects: reader.u64()?,
            new_bytes: reader.u64()?,
            reused_bytes: reader.u64()?,
            page_bytes: reader.u64()?,
            row: Field::decode(reader)?,
        })
    }
}

fn numbers(writer: &mut Writer, values: &[u64]) {
    writer.count(values.len());
    for value in values {
        writer.u64(*value);
    }
}

fn read_numbers(reader: &mut Reader<'_>) -> Result<Vec<u64>> {
    let count = reader.count(LIST_LIMIT, 8)?;
    (0..count).map(|_| reader.u64()).collect()
}

fn ids(writer: &mut Writer, values: &[[u8; 16]]) {
    writer.count(values.len());
    for value in values {
        writer.raw(value);
    }
}

fn read_ids(reader: &mut Reader<'_>) -> Result<Vec<[u8; 16]>> {
    let count = reader.count(LIST_LIMIT, 16)?;
    (0..count).map(|_| reader.array()).collect()
}
