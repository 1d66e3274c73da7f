//! One PDF out of several, written as they come, so that no more than one of them is held. Each is
//! a whole file as typst writes them (ISO 32000-1): tagged, with a table of cross references,
//! without streams of objects. Their objects get new numbers, their pages and elements of structure
//! become those of one document.

use std::io::Write;

/// Numbers of the objects that stand for those of all parts.
const PAGES: usize = 1;
const TREE: usize = 2;
const DOCUMENT: usize = 3;

const NOT_READ: &str = "a part of the PDF cannot be read";

/// A PDF that is written part by part.
pub struct Joined<'a> {
    out: &'a mut (dyn Write + Send),
    written: usize,
    /// Where each object begins, that of number 1 first.
    begins: Vec<usize>,
    /// Pages that the file will have.
    of: usize,
    pages: Vec<usize>,
    /// The elements of structure below the document, one of each part.
    elements: Vec<usize>,
    /// Leaves of the tree that finds the elements of a page.
    parents: Vec<usize>,
    /// Leaves of the tree that finds the heads of cells by their names.
    names: Vec<usize>,
    /// Keys in the tree of `parents`.
    keys: usize,
    parts: usize,
    kept: Kept,
}

/// What the whole file has from its first part.
#[derive(Default)]
struct Kept {
    catalog: Vec<u8>,
    roles: Vec<u8>,
    /// Without its braces and size.
    trailer: Vec<u8>,
}

impl<'a> Joined<'a> {
    /// A file of `of` pages.
    pub fn new(out: &'a mut (dyn Write + Send), of: usize) -> Joined<'a> {
        Joined {
            out,
            written: 0,
            begins: vec![0; DOCUMENT],
            of,
            pages: Vec::with_capacity(of),
            elements: Vec::new(),
            parents: Vec::new(),
            names: Vec::new(),
            keys: 0,
            parts: 0,
            kept: Kept::default(),
        }
    }

    /// Writes the pages of `pdf` behind those of before.
    ///
    /// # Errors
    /// When it is not such a file, or cannot be written.
    pub fn part(&mut self, pdf: &[u8]) -> Result<(), String> {
        let part = Part::read(pdf).ok_or(NOT_READ)?;
        if self.parts == 0 {
            self.write(part.head)?;
        }
        let patch = Patch {
            numbers: self.numbers(&part),
            keys: self.keys,
            mark: format!("U{:04}-", self.parts),
        };
        for (index, object) in part.objects.iter().enumerate() {
            let (number, old) = (patch.numbers[index], index + 1);
            if [0, PAGES, DOCUMENT].contains(&number) {
                continue;
            }
            let mut text = if old == part.metadata {
                metadata(object, self.of).ok_or(NOT_READ)?
            } else {
                patch.patched(object)
            };
            if old == part.element {
                text = replaced(&text, b"/S/Document", b"/S/Part").ok_or(NOT_READ)?;
            }
            self.object(number, &text)?;
        }
        self.elements.push(patch.number(part.element));
        let kids = between(part.object(part.pages), b"/Kids[", b"]").ok_or(NOT_READ)?;
        self.pages.extend(numbers_in(kids).chunks(3).map(|kid| patch.number(kid[0])));
        self.leaves(&part, &patch)?;
        if self.parts == 0 {
            self.kept = kept(&part, &patch).ok_or(NOT_READ)?;
        }
        self.parts += 1;
        Ok(())
    }

    /// Writes what belongs to all parts.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<(), String> {
        let kept = std::mem::take(&mut self.kept);
        let (count, kids) = (self.pages.len(), references(&self.pages));
        let pages = format!("<</Type/Pages/Count {count}/Kids[{kids}]>>");
        self.object(PAGES, pages.as_bytes())?;
        let elements = references(&self.elements);
        let document = format!("<</Type/StructElem/S/Document/P {TREE} 0 R/K[{elements}]>>");
        self.object(DOCUMENT, document.as_bytes())?;
        let mut tree = b"<</Type/StructTreeRoot/RoleMap<<".to_vec();
        tree.extend_from_slice(&kept.roles);
        let (parents, names) = (references(&self.parents), references(&self.names));
        tree.extend_from_slice(
            format!(
                ">>/K[{DOCUMENT} 0 R]/ParentTree<</Kids[{parents}]>>/IDTree<</Kids[{names}]>>\
                 /ParentTreeNextKey {}>>",
                self.keys
            )
            .as_bytes(),
        );
        self.object(TREE, &tree)?;
        let catalog = self.begins.len() + 1;
        self.object(catalog, &kept.catalog)?;

        let (table, size) = (self.written, self.begins.len() + 1);
        let mut end = format!("xref\n0 {size}\n0000000000 65535 f\r\n");
        for begin in &self.begins {
            end.push_str(&format!("{begin:010} 00000 n\r\n"));
        }
        self.write(end.as_bytes())?;
        self.write(format!("trailer\n<</Size {size}/Root {catalog} 0 R").as_bytes())?;
        self.write(&kept.trailer)?;
        self.write(format!(">>\nstartxref\n{table}\n%%EOF").as_bytes())
    }

    /// The new number of each object of a part, 0 for those that the file does not have.
    fn numbers(&self, part: &Part) -> Vec<usize> {
        let mut last = self.begins.len();
        let once = [part.metadata, part.info];
        let number = |old: usize| {
            if old == part.pages {
                PAGES
            } else if old == part.tree {
                // Beside the catalog only the uppermost element names the tree: it gets a parent.
                DOCUMENT
            } else if old == part.catalog || (self.parts > 0 && once.contains(&old)) {
                0
            } else {
                last += 1;
                last
            }
        };
        (1..=part.objects.len()).map(number).collect()
    }

    /// Writes what the trees of the whole have from a part.
    fn leaves(&mut self, part: &Part, patch: &Patch) -> Result<(), String> {
        let tree = part.object(part.tree);
        let nums = between(tree, b"/Nums[", b"]").ok_or(NOT_READ)?;
        // A key, then a reference of two numbers and a letter.
        let nums = numbers_in(nums);
        let pairs: Vec<String> = nums
            .chunks(4)
            .filter(|of| of.len() == 4)
            .map(|of| format!("{} {} 0 R", of[0] + self.keys, patch.number(of[1])))
            .collect();
        let (first, next) = (self.keys, number_after(tree, b"/ParentTreeNextKey ").unwrap_or(0));
        self.keys += next;
        if next > 0 {
            let limits = format!("{first} {}", self.keys - 1);
            let leaf = format!("<</Limits[{limits}]/Nums[{}]>>", pairs.join(" "));
            let number = self.begins.len() + 1;
            self.object(number, leaf.as_bytes())?;
            self.parents.push(number);
        }
        if let Some(names) = between(tree, b"/Names[", b"]") {
            let names = patch.patched(&[&b"/Names["[..], names, b"]"].concat());
            let (Some(first), Some(last)) =
                (between(&names, b"(", b")"), last_between(&names, b'(', b')'))
            else {
                return Ok(());
            };
            let leaf = [&b"<</Limits[("[..], first, b")(", last, b")]", &names, b">>"].concat();
            let number = self.begins.len() + 1;
            self.object(number, &leaf)?;
            self.names.push(number);
        }
        Ok(())
    }

    /// Writes an object; numbers are used one after another.
    fn object(&mut self, number: usize, text: &[u8]) -> Result<(), String> {
        if number > self.begins.len() {
            self.begins.push(self.written);
        } else {
            self.begins[number - 1] = self.written;
        }
        self.write(format!("{number} 0 obj\n").as_bytes())?;
        self.write(text)?;
        self.write(b"\nendobj\n")
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.written += bytes.len();
        self.out.write_all(bytes).map_err(|error| error.to_string())
    }
}

/// A PDF to be read.
struct Part<'a> {
    /// What stands before the first object.
    head: &'a [u8],
    /// What stands in each object, that of number 1 first.
    objects: Vec<&'a [u8]>,
    trailer: &'a [u8],
    catalog: usize,
    info: usize,
    /// 0 when there is none.
    metadata: usize,
    pages: usize,
    tree: usize,
    /// The uppermost element of structure.
    element: usize,
}

impl<'a> Part<'a> {
    fn read(pdf: &'a [u8]) -> Option<Part<'a>> {
        const START: &[u8] = b"startxref\n";
        let start = pdf.windows(START.len()).rposition(|part| part == START)?;
        let table = number(&pdf[start + START.len()..])?;
        let lines = pdf.get(table..start)?.strip_prefix(b"xref\n0 ")?;
        let size = number(lines)?;
        let entries = &lines[find(lines, b"\n")? + 1..];
        // Each is 20 bytes long, and the first is that of no object.
        let begins: Vec<usize> =
            (1..size).map(|at| number(entries.get(20 * at..)?)).collect::<Option<_>>()?;
        let trailer = entries.get(20 * size..)?;
        let mut ends = begins.clone();
        ends.push(table);
        ends.sort_unstable();
        let object = |(index, begin): (usize, &usize)| {
            let end = *ends.get(ends.partition_point(|end| end <= begin))?;
            let head = format!("{} 0 obj\n", index + 1);
            let body = pdf.get(*begin..end)?.strip_prefix(head.as_bytes())?;
            Some(body.trim_ascii_end().strip_suffix(b"endobj")?.trim_ascii_end())
        };
        let objects: Vec<&[u8]> = begins.iter().enumerate().map(object).collect::<Option<_>>()?;
        let catalog = number_after(trailer, b"/Root ")?;
        let said = *objects.get(catalog.checked_sub(1)?)?;
        let tree = number_after(said, b"/StructTreeRoot ")?;
        let part = Part {
            head: pdf.get(..*ends.first()?)?,
            trailer,
            catalog,
            info: number_after(trailer, b"/Info ")?,
            metadata: number_after(said, b"/Metadata ").unwrap_or(0),
            pages: number_after(said, b"/Pages ")?,
            tree,
            element: number_after(objects.get(tree.checked_sub(1)?)?, b"/K[")?,
            objects,
        };
        let named = [part.info, part.pages, part.element];
        named.iter().all(|number| (1..=part.objects.len()).contains(number)).then_some(part)
    }

    /// What stands in the object of this number.
    fn object(&self, number: usize) -> &'a [u8] {
        self.objects[number - 1]
    }
}

fn kept(part: &Part, patch: &Patch) -> Option<Kept> {
    let mut numbers = patch.numbers.clone();
    numbers[part.tree - 1] = TREE;
    let of_catalog = Patch { numbers, keys: patch.keys, mark: patch.mark.clone() };
    let ids = between(part.trailer, b"/ID[", b"]")?;
    let info = format!("/Info {} 0 R/ID[", patch.number(part.info));
    Some(Kept {
        catalog: of_catalog.patched(part.object(part.catalog)),
        roles: between(part.object(part.tree), b"/RoleMap<<", b">>")?.to_vec(),
        trailer: [info.as_bytes(), ids, b"]"].concat(),
    })
}

/// What changes in the objects of a part.
struct Patch {
    /// The new number of each object, that of the old number 1 first.
    numbers: Vec<usize>,
    /// What is added to the keys of pages.
    keys: usize,
    /// What the names of heads begin with, instead of `U`.
    mark: String,
}

impl Patch {
    fn number(&self, old: usize) -> usize {
        old.checked_sub(1).and_then(|index| self.numbers.get(index)).copied().unwrap_or(0)
    }

    /// The object with its new references, keys and names. Streams stay as they are.
    fn patched(&self, object: &[u8]) -> Vec<u8> {
        let mut patched = Vec::with_capacity(object.len() + object.len() / 4 + 16);
        let mut name: &[u8] = b"";
        let mut rest = object;
        while let Some(&byte) = rest.first() {
            let taken = match byte {
                b'/' => {
                    let end = 1 + rest[1..].iter().take_while(|byte| is_regular(**byte)).count();
                    name = &rest[1..end];
                    patched.extend_from_slice(&rest[..end]);
                    end
                }
                b'(' => {
                    let end = string_end(rest);
                    let is_head = [&b"ID"[..], b"Headers", b"Names"].contains(&name);
                    match rest[..end].strip_prefix(b"(U") {
                        Some(head) if is_head => {
                            patched.push(b'(');
                            patched.extend_from_slice(self.mark.as_bytes());
                            patched.extend_from_slice(head);
                        }
                        _ => patched.extend_from_slice(&rest[..end]),
                    }
                    end
                }
                b'0'..=b'9' => self.numeral(name, rest, &mut patched),
                b's' if rest.starts_with(b"stream") => {
                    patched.extend_from_slice(rest);
                    rest.len()
                }
                _ => {
                    patched.push(byte);
                    1
                }
            };
            rest = &rest[taken..];
        }
        patched
    }

    /// Writes the number at the beginning of `rest`, or the reference, and tells how long it was.
    fn numeral(&self, name: &[u8], rest: &[u8], patched: &mut Vec<u8>) -> usize {
        const REFERS: &[u8] = b" 0 R";
        let end = rest.iter().take_while(|byte| is_regular(**byte)).count();
        let digits = &rest[..end];
        let whole = number(digits).filter(|_| digits.iter().all(u8::is_ascii_digit));
        match whole {
            Some(old) if rest[end..].starts_with(REFERS) => {
                patched.extend_from_slice(format!("{} 0 R", self.number(old)).as_bytes());
                end + REFERS.len()
            }
            Some(key) if [&b"StructParents"[..], b"StructParent"].contains(&name) => {
                patched.extend_from_slice((key + self.keys).to_string().as_bytes());
                end
            }
            _ => {
                patched.extend_from_slice(digits);
                end
            }
        }
    }
}

/// The metadata of a part as those of a file of `pages` pages.
fn metadata(object: &[u8], pages: usize) -> Option<Vec<u8>> {
    const COUNT: &str = "<xmpTPg:NPages>";
    let said = std::str::from_utf8(between(object, b"stream\n", b"\nendstream")?).ok()?;
    let (before, rest) = said.split_once(COUNT)?;
    let (_, after) = rest.split_once('<')?;
    let said = format!("{before}{COUNT}{pages}<{after}");
    let head = format!("<</Length {}/Type/Metadata/Subtype/XML>>\nstream\n", said.len());
    Some([head.as_bytes(), said.as_bytes(), b"\nendstream"].concat())
}

/// `4 0 R 9 0 R`.
fn references(numbers: &[usize]) -> String {
    let all: Vec<String> = numbers.iter().map(|number| format!("{number} 0 R")).collect();
    all.join(" ")
}

/// The numbers of an array of numbers and references; the letter of a reference counts as 0.
fn numbers_in(array: &[u8]) -> Vec<usize> {
    let words = array.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.map(|word| number(word).unwrap_or(0)).collect()
}

/// How long the string is that `text` begins with.
fn string_end(text: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'(' => depth += 1,
            b')' if depth == 1 => return at,
            b')' => depth -= 1,
            b'\\' => at += 1,
            _ => {}
        }
    }
    text.len()
}

/// Neither white space nor a delimiter (ISO 32000-1, 7.2.2).
fn is_regular(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && byte != 0 && !b"()<>[]{}/%".contains(&byte)
}

/// The whole number that `text` begins with.
fn number(text: &[u8]) -> Option<usize> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&text[..digits]).ok()?.parse().ok()
}

fn number_after(text: &[u8], what: &[u8]) -> Option<usize> {
    number(&text[find(text, what)? + what.len()..])
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|part| part == what)
}

/// What stands between the first `open` and the next `close`.
fn between<'a>(text: &'a [u8], open: &[u8], close: &[u8]) -> Option<&'a [u8]> {
    let rest = &text[find(text, open)? + open.len()..];
    Some(&rest[..find(rest, close)?])
}

/// What stands between the last `open` and the last `close`.
fn last_between(text: &[u8], open: u8, close: u8) -> Option<&[u8]> {
    let end = text.iter().rposition(|byte| *byte == close)?;
    let begin = text[..end].iter().rposition(|byte| *byte == open)? + 1;
    Some(&text[begin..end])
}

/// `text` with the first `what` as `with`.
fn replaced(text: &[u8], what: &[u8], with: &[u8]) -> Option<Vec<u8>> {
    let at = find(text, what)?;
    Some([&text[..at], with, &text[at + what.len()..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patched(text: &str) -> String {
        let numbers = vec![11, 12, 13];
        let patch = Patch { numbers, keys: 40, mark: "U0002-".to_owned() };
        String::from_utf8(patch.patched(text.as_bytes())).expect("text stays text")
    }

    #[test]
    fn references_keys_and_names_of_heads_change_and_nothing_else() {
        for (before, after) in [
            ("<</P 2 0 R/K[1 0 R 3 0 R]>>", "<</P 12 0 R/K[11 0 R 13 0 R]>>"),
            ("<</K[30 3 0 R 0.5 -1]>>", "<</K[30 13 0 R 0.5 -1]>>"),
            ("<</StructParents 2/Parent 1 0 R>>", "<</StructParents 42/Parent 11 0 R>>"),
            ("<</ID(U1x0y0)/Alt(U 1 0 R)>>", "<</ID(U0002-1x0y0)/Alt(U 1 0 R)>>"),
            ("<</Headers[(U1x0y0)(U1x1y0)]/A 1>>", "<</Headers[(U0002-1x0y0)(U0002-1x1y0)]/A 1>>"),
            ("<</Alt(\\) 1 0 R (2 0 R))/P 1 0 R>>", "<</Alt(\\) 1 0 R (2 0 R))/P 11 0 R>>"),
            (
                "<</Length 7/F 3 0 R>>\nstream\n1 0 R /\nendstream",
                "<</Length 7/F 13 0 R>>\nstream\n1 0 R /\nendstream",
            ),
        ] {
            assert_eq!(patched(before), after);
        }
    }

    /// A file of one page with a table of one head, as small as it can be.
    fn file(page: &str) -> Vec<u8> {
        let xml = "<?xpacket?><xmpTPg:NPages>1</xmpTPg:NPages>";
        let metadata = format!(
            "<</Length {}/Type/Metadata/Subtype/XML>>\nstream\n{xml}\nendstream",
            xml.len()
        );
        let objects = [
            "<</Type/Pages/Count 1/Kids[6 0 R]>>",
            "<</Type/StructTreeRoot/RoleMap<</Title/P>>/K[4 0 R]/ParentTree<</Nums[0 3 0 R]>>\
             /IDTree<</Names[(U1x0y0)5 0 R]>>/ParentTreeNextKey 1>>",
            "[5 0 R]",
            "<</Type/StructElem/S/Document/P 2 0 R/K[5 0 R]>>",
            "<</Type/StructElem/S/TH/P 4 0 R/ID(U1x0y0)/K[0]/Pg 6 0 R>>",
            "<</Type/Page/StructParents 0/Parent 1 0 R/Contents 7 0 R>>",
            &format!("<</Length {}>>\nstream\n{page}\nendstream", page.len()),
            "<</Title(T)>>",
            &metadata,
            "<</Type/Catalog/Pages 1 0 R/Metadata 9 0 R/StructTreeRoot 2 0 R>>",
        ];
        let mut file = b"%PDF-1.7\n".to_vec();
        let mut table = format!("xref\n0 {}\n0000000000 65535 f\r\n", objects.len() + 1);
        for (index, object) in objects.iter().enumerate() {
            table.push_str(&format!("{:010} 00000 n\r\n", file.len()));
            file.extend_from_slice(format!("{} 0 obj\n{object}\nendobj\n", index + 1).as_bytes());
        }
        let begin = file.len();
        let trailer = "trailer\n<</Size 11/Root 10 0 R/Info 8 0 R/ID[(a)(b)]>>\nstartxref\n";
        file.extend_from_slice(format!("{table}{trailer}{begin}\n%%EOF").as_bytes());
        file
    }

    #[test]
    fn two_files_become_one_whose_pages_heads_and_keys_are_all_there_once() {
        let mut bytes: Vec<u8> = Vec::new();
        let mut joined = Joined::new(&mut bytes, 2);
        for page in ["first 1 0 R", "second"] {
            joined.part(&file(page)).expect("it can be read");
        }
        joined.finish().expect("it can be written");

        let part = Part::read(&bytes).expect("it is such a file itself");
        let said = |number: usize| String::from_utf8_lossy(part.object(number)).into_owned();
        assert_eq!(said(PAGES), "<</Type/Pages/Count 2/Kids[7 0 R 16 0 R]>>");
        assert_eq!(said(DOCUMENT), "<</Type/StructElem/S/Document/P 2 0 R/K[5 0 R 14 0 R]>>");
        assert_eq!(said(5), "<</Type/StructElem/S/Part/P 3 0 R/K[6 0 R]>>");
        assert_eq!(said(15), "<</Type/StructElem/S/TH/P 14 0 R/ID(U0001-1x0y0)/K[0]/Pg 16 0 R>>");
        assert_eq!(said(16), "<</Type/Page/StructParents 1/Parent 1 0 R/Contents 17 0 R>>");
        assert_eq!(said(8), "<</Length 11>>\nstream\nfirst 1 0 R\nendstream");
        assert_eq!(said(18), "<</Limits[1 1]/Nums[1 13 0 R]>>");
        let heads = "<</Limits[(U0001-1x0y0)(U0001-1x0y0)]/Names[(U0001-1x0y0)15 0 R]>>";
        assert_eq!(said(19), heads);
        assert_eq!(
            said(TREE),
            "<</Type/StructTreeRoot/RoleMap<</Title/P>>/K[3 0 R]/ParentTree<</Kids[11 0 R 18 0 R]>>\
             /IDTree<</Kids[12 0 R 19 0 R]>>/ParentTreeNextKey 2>>"
        );
        assert_eq!(
            said(part.catalog),
            "<</Type/Catalog/Pages 1 0 R/Metadata 10 0 R/StructTreeRoot 2 0 R>>"
        );
        assert_eq!(said(part.info), "<</Title(T)>>");
        assert!(said(part.metadata).contains("<xmpTPg:NPages>2</xmpTPg:NPages>"));
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        let mut bytes: Vec<u8> = Vec::new();
        let mut joined = Joined::new(&mut bytes, 1);
        for odd in [&b""[..], b"%PDF-1.7", b"xref\n0 1\nstartxref\n0\n%%EOF"] {
            assert_eq!(joined.part(odd), Err(NOT_READ.to_owned()));
        }
    }
}
