//! Questions and resource records.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::name;
use crate::observe::protocol::observation::{DnsData, DnsName, DnsQuestion, DnsRecord, DnsSection, DnsType};
use crate::observe::protocol::reader::Reader;

/// Address hints kept of one service record.
const HINTS_MAX: usize = 8;
/// Service parameter keys (RFC 9460).
const PARAMETER_IPV4_HINT: u16 = 4;
const PARAMETER_ECH: u16 = 5;
const PARAMETER_IPV6_HINT: u16 = 6;

pub(crate) fn read_question<'a>(message: &'a [u8], reader: &mut Reader<'a>) -> Option<DnsQuestion> {
    let name = name::read(message, reader)?;
    let kind = DnsType(reader.u16()?);
    Some(DnsQuestion { name, kind, class: reader.u16()? })
}

pub(crate) fn read<'a>(message: &'a [u8], reader: &mut Reader<'a>, section: DnsSection) -> Option<DnsRecord> {
    let name = name::read(message, reader)?;
    let kind = DnsType(reader.u16()?);
    let class = reader.u16()?;
    let ttl_s = reader.u32()?;
    let size = reader.u16()?;
    let begin = *reader;
    reader.take(usize::from(size))?;
    let data = read_data(message, begin, size, kind, class).unwrap_or(DnsData::Other);
    Some(DnsRecord { section, name, kind, class, ttl_s, size, data })
}

/// Reads the data of a record. Names in it may be compressed, so the reader goes over the whole message; that
/// a name does not run over the end of its record is checked afterwards.
fn read_data<'a>(
    message: &'a [u8],
    mut reader: Reader<'a>,
    size: u16,
    kind: DnsType,
    class: u16,
) -> Option<DnsData> {
    let before = reader.rest().len();
    let size = usize::from(size);
    let data = match kind.0 {
        1 if class == 1 && size == 4 => DnsData::Address(IpAddr::V4(Ipv4Addr::from(reader.array::<4>()?))),
        28 if class == 1 && size == 16 => DnsData::Address(IpAddr::V6(Ipv6Addr::from(reader.array::<16>()?))),
        // NS, CNAME, PTR, DNAME
        2 | 5 | 12 | 39 => DnsData::Name(name::read(message, &mut reader)?),
        // MX, AFSDB, RT, KX: a preference before the name
        15 | 18 | 21 | 36 => name_after(message, &mut reader, 2)?,
        // SRV: priority, weight, port
        33 => name_after(message, &mut reader, 6)?,
        64 | 65 => return read_service(message, reader, size),
        _ => DnsData::Other,
    };
    (before - reader.rest().len() <= size).then_some(data)
}

fn name_after<'a>(message: &'a [u8], reader: &mut Reader<'a>, skipped: usize) -> Option<DnsData> {
    reader.take(skipped)?;
    Some(DnsData::Name(name::read(message, reader)?))
}

fn read_service<'a>(message: &'a [u8], mut reader: Reader<'a>, size: usize) -> Option<DnsData> {
    let data_end = reader.rest().len().checked_sub(size)?;
    reader.u16()?;
    let target: DnsName = name::read(message, &mut reader)?;
    let mut hints = Vec::new();
    let mut ech = false;
    while reader.rest().len() > data_end {
        let key = reader.u16()?;
        let len = reader.u16()?;
        let value = reader.take(usize::from(len))?;
        match key {
            PARAMETER_IPV4_HINT => hints.extend(value.as_chunks::<4>().0.iter().map(|a| IpAddr::from(*a))),
            PARAMETER_IPV6_HINT => hints.extend(value.as_chunks::<16>().0.iter().map(|a| IpAddr::from(*a))),
            PARAMETER_ECH => ech = true,
            _ => {}
        }
    }
    hints.truncate(HINTS_MAX);
    (reader.rest().len() == data_end).then_some(DnsData::Service { target, hints, ech })
}
