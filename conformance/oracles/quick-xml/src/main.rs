//! What quick-xml reads of a document: records on stdin, records on stdout.
//!
//! A record is the number of its fields, then each field as its length and its bytes; numbers are four bytes, big end
//! first. `read DOCUMENT` is answered by `ok EVENT*` or `no WHY`. Events: `<ns|name`, then `@ns|name=value` for each
//! attribute, sorted; `>`; everything else is a text, with `"` before it.

use std::io::{self, BufReader, BufWriter, Read, Write};

use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

fn main() -> io::Result<()> {
    let mut stdin = BufReader::new(io::stdin().lock());
    let mut stdout = BufWriter::new(io::stdout().lock());
    while let Some(fields) = record(&mut stdin)? {
        let document = fields.get(1).map(Vec::as_slice).unwrap_or_default();
        let (said, fields) = match read(document) {
            Ok(events) => ("ok", events),
            Err(why) => ("no", vec![why]),
        };
        stdout.write_all(&(fields.len() as u32 + 1).to_be_bytes())?;
        for field in [said.to_owned()].iter().chain(&fields) {
            stdout.write_all(&(field.len() as u32).to_be_bytes())?;
            stdout.write_all(field.as_bytes())?;
        }
        if stdin.buffer().is_empty() {
            stdout.flush()?;
        }
    }
    stdout.flush()
}

fn record(from: &mut impl Read) -> io::Result<Option<Vec<Vec<u8>>>> {
    let mut number = [0; 4];
    if from.read_exact(&mut number).is_err() {
        return Ok(None);
    }
    let mut fields = Vec::new();
    for _ in 0..u32::from_be_bytes(number) {
        from.read_exact(&mut number)?;
        let mut field = vec![0; u32::from_be_bytes(number) as usize];
        from.read_exact(&mut field)?;
        fields.push(field);
    }
    Ok(Some(fields))
}

fn read(document: &[u8]) -> Result<Vec<String>, String> {
    let text = std::str::from_utf8(document).map_err(|error| error.to_string())?;
    let mut reader = NsReader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut seen = Vec::new();
    let mut run = String::new();
    let mut depth = 0usize;
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match &event {
            Event::Text(text) if depth > 0 => run.push_str(&text.xml10_content()),
            Event::CData(text) => run.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => run.push_str(&referenced(reference)?),
            _ => {}
        }
        if matches!(event, Event::Start(_) | Event::End(_)) && !run.is_empty() {
            seen.push(format!("\"{run}"));
            run.clear();
        }
        match event {
            Event::Start(tag) => {
                depth += 1;
                start(&reader, &tag, &mut seen)?;
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                seen.push(">".to_owned());
            }
            // What it leaves to its user: an end tag may be missing, a document may be empty.
            Event::Eof if depth > 0 => return Err("the document ends inside an element".to_owned()),
            Event::Eof => return Ok(seen),
            _ => {}
        }
    }
}

fn start(reader: &NsReader<&[u8]>, tag: &BytesStart<'_>, seen: &mut Vec<String>) -> Result<(), String> {
    let (namespace, local) = reader.resolver().resolve_element(tag.name());
    seen.push(format!("<{}|{}", name_of(namespace), local.as_ref()));
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute.key.as_namespace_binding().is_some() {
            continue;
        }
        let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
        attributes.push(format!("@{}|{}={value}", name_of(namespace), local.as_ref()));
    }
    attributes.sort();
    seen.extend(attributes);
    Ok(())
}

fn referenced(reference: &BytesRef<'_>) -> Result<String, String> {
    if let Some(c) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(c.to_string());
    }
    let name = reference.xml10_content();
    quick_xml::escape::resolve_xml_entity(&name).map(str::to_owned).ok_or_else(|| format!("unknown entity {name}"))
}

fn name_of(namespace: ResolveResult<'_>) -> String {
    match namespace {
        ResolveResult::Bound(Namespace(name)) => name.to_owned(),
        ResolveResult::Unbound => String::new(),
        // It reports what is not declared, and goes on.
        ResolveResult::Unknown(prefix) => format!("undeclared {prefix:?}"),
    }
}
