use std::io::Write as _;

use super::*;

/// What no memory of ours has to hold, and a little more than one window of a comparison.
const LONG: usize = 3 * IN_MEMORY as usize;

fn text(bytes: usize) -> Vec<u8> {
    (0..).flat_map(|n: u32| format!("{n} text\n").into_bytes()).take(bytes).collect()
}

fn a_file(bytes: &[u8]) -> OpenFile {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.try_into().unwrap()
}

fn aside() -> (tempfile::TempDir, Aside) {
    let data = tempfile::tempdir().unwrap();
    let aside = Aside::below(data.path());
    (data, aside)
}

async fn accepted(answer: &Data, output: Content, how: Live) -> bool {
    compare(super::opened(answer).await.unwrap(), output, how).await.unwrap().accepted
}

#[tokio::test]
async fn a_long_output_in_a_file_gets_the_word_of_its_bytes() {
    // Whole lines, so that they stay the same ones in another order.
    let right = [&text(LONG)[..], b"\n"].concat();
    let mut wrong = right.clone();
    wrong[LONG - 9] = b'#';
    let mut turned: Vec<&[u8]> = right.split_inclusive(|b| *b == b'\n').collect();
    turned.reverse();
    let turned = turned.concat();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("1.ans");
    std::fs::write(&path, &right).unwrap();
    for answer in [Data::File(path), Data::Bytes(right.as_slice().into())] {
        for (output, how, is_right) in [
            (&right, Live::Exact, true),
            (&wrong, Live::Exact, false),
            (&wrong, Live::by_name("default").unwrap(), false),
            (&turned, Live::Lines, false),
            (&turned, Live::Unordered, true),
            (&wrong, Live::Unordered, false),
        ] {
            let file = a_file(output);
            assert_eq!(
                accepted(&answer, Content::File(file.clone()), how.clone()).await,
                is_right,
                "{how:?}"
            );
            assert_eq!(accepted(&answer, Content::File(file), how.clone()).await, is_right, "a second time");
            assert_eq!(accepted(&answer, output.as_slice().into(), how).await, is_right);
        }
    }
}

#[tokio::test]
async fn an_output_that_becomes_shorter_is_our_failure_and_never_accepted() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text(LONG)).unwrap();
    let output = OpenFile::open(file.path()).unwrap();
    file.as_file().set_len(LONG as u64 / 2).unwrap();
    let answer = text(LONG / 2).into();
    let word = compare(answer, Content::File(output.clone()), Live::Exact).await;
    let Err(JudgeError::Failed { retry: true, cause }) = word else { panic!("{word:?}") };
    assert!(
        cause.ends_with(&format!(
            "the output: it became shorter while it was read, from byte {} of {LONG} on",
            LONG / 2
        )),
        "{cause}"
    );
    assert!(output.unchanged().is_err());
}

#[tokio::test]
async fn what_a_validator_is_asked_about_is_a_copy_and_the_dead_boxs_file_is_let_go() {
    use std::os::unix::fs::MetadataExt as _;
    let (_data, aside) = aside();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&text(LONG)).unwrap();
    let meta = file.metadata().unwrap();
    let is_open = || {
        let mut open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        open.any(|fd| {
            std::fs::metadata(fd.path()).is_ok_and(|m| (m.dev(), m.ino()) == (meta.dev(), meta.ino()))
        })
    };
    assert!(is_open());
    let kept = put_aside(Content::File(file.try_into().unwrap()), &aside).await.unwrap();
    assert_eq!(crate::testing::bytes_of(&kept), text(LONG));
    assert!(!is_open(), "the box's memory is kept with its file");
}

#[tokio::test]
async fn an_empty_file_is_an_empty_output() {
    let answer = Data::Bytes(text(LONG).into());
    assert!(!accepted(&answer, Content::File(a_file(b"")), Live::Exact).await);
    assert!(accepted(&Data::Bytes(b"".as_slice().into()), Content::File(a_file(b"")), Live::Exact).await);
}

#[test]
fn short_bytes_are_at_hand_and_long_ones_in_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("1.in");
    for (length, at_hand) in [(0, true), (IN_MEMORY, true), (IN_MEMORY + 1, false)] {
        std::fs::write(&path, text(length as usize)).unwrap();
        let content = content(&Data::File(path.clone())).unwrap();
        assert_eq!((content.len(), matches!(content, Content::Bytes(_))), (length, at_hand));
        assert_eq!(crate::testing::bytes_of(&content), text(length as usize));
    }
    let JudgeError::Failed { cause, retry: true } = content(&Data::File(folder.path().into())).unwrap_err()
    else {
        panic!("a folder is no file");
    };
    assert!(cause.contains("no regular file"), "{cause}");
}

#[test]
fn files_of_ours_lie_in_a_folder_of_the_data_directory_that_is_nobody_elses_and_leave_nothing() {
    use std::os::unix::fs::PermissionsExt as _;
    let (data, aside) = aside();
    let mut file = aside.file().unwrap();
    let folder = data.path().join(FOLDER);
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    file.write_all(b"text").unwrap();
    let inside = |at: &Path| std::fs::read_dir(at).unwrap().count();
    assert_eq!(inside(&folder), 0, "it has no name");
    assert_eq!(crate::testing::bytes_of(&file.into_content().unwrap()), b"text");
}

#[test]
fn a_folder_that_cannot_be_had_is_named_with_the_systems_words() {
    let data = tempfile::NamedTempFile::new().unwrap();
    let error = Aside::below(data.path()).file().unwrap_err().to_string();
    let named = data.path().join(FOLDER);
    assert!(error.contains(named.to_str().unwrap()) && error.contains("os error 20"), "{error}");
}

#[test]
fn a_comparison_nobody_waits_for_reads_no_more() {
    let waiting = Waiting::default();
    let mut endless = WhileWaitedFor { from: io::repeat(b'x'), waited_for: Arc::clone(&waiting.0) };
    assert!(endless.read(&mut [0]).is_ok());
    drop(waiting);
    assert!(endless.read(&mut [0]).is_err());
}
