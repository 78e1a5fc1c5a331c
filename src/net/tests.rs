//! A server that misbehaves in each way that a stranger's could.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const BOUNDS: Bounds = Bounds { deadline: Duration::from_secs(2), bytes: 1000 };

/// Answers each connection with `answer`, and counts them.
async fn server(answer: &'static str) -> (String, Arc<std::sync::atomic::AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/list.crl", listener.local_addr().unwrap());
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            tokio::spawn(async move {
                let mut head = [0; 2048];
                let _read = stream.read(&mut head).await;
                let _written = stream.write_all(answer.as_bytes()).await;
                if answer.is_empty() {
                    tokio::time::sleep(Duration::from_secs(30)).await;
                }
            });
        }
    });
    (url, count)
}

async fn fetched(answer: &'static str) -> Result<Vec<u8>, FetchError> {
    let (url, _) = server(answer).await;
    Fetcher::new([url.clone()], []).unwrap().get(&url, BOUNDS).await
}

#[tokio::test]
async fn a_document_comes_as_it_is() {
    let found = fetched("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc").await;
    assert_eq!(found, Ok(b"abc".to_vec()));
}

#[tokio::test]
async fn what_is_not_configured_is_not_connected_to() {
    let (url, count) = server("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc").await;
    let fetcher = Fetcher::new([format!("{url}?other")], []).unwrap();
    for near in [url.clone(), format!("{url}/"), url.replace("http", "HTTP"), format!("{url}?other#x")] {
        assert_eq!(fetcher.get(&near, BOUNDS).await, Err(FetchError::NotConfigured(near.clone())), "{near}");
    }
    assert_eq!(count.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (target, count) = server("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc").await;
    let answer = format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n");
    let (url, _) = server(Box::leak(answer.into_boxed_str())).await;
    let fetcher = Fetcher::new([url.clone(), target], []).unwrap();
    assert_eq!(fetcher.get(&url, BOUNDS).await, Err(FetchError::Status(302)));
    assert_eq!(count.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_is_too_long_or_too_late_or_broken_is_no_document() {
    let long: &'static str =
        Box::leak(format!("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n{}", "a".repeat(1001)).into_boxed_str());
    assert_eq!(fetched(long).await, Err(FetchError::TooLong(1000)));
    let endless: &'static str = Box::leak(
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}", "400\r\n".to_owned() + &"a".repeat(1024))
            .into_boxed_str(),
    );
    assert_eq!(fetched(endless).await, Err(FetchError::TooLong(1000)));
    assert_eq!(fetched("").await, Err(FetchError::Deadline(BOUNDS.deadline)));
    let broken = fetched("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").await;
    assert!(matches!(broken, Err(FetchError::Connection(_))), "{broken:?}");
    let nonsense = fetched("<html>no</html>\r\n\r\n").await;
    assert!(matches!(nonsense, Err(FetchError::Connection(_))), "{nonsense:?}");
}

#[test]
fn an_address_is_http_or_https_and_names_no_user() {
    for wrong in ["", "ftp://host/x", "file:///etc/passwd", "//host/x", "http://user@host/", "http:///x", "ldap://h/x"]
    {
        assert!(address(wrong).is_none(), "{wrong}");
    }
    assert!(address("http://crl.example/root.crl").is_some() && address("https://[::1]:8/").is_some());
    assert!(matches!(Fetcher::new(["ldap://h/x".to_owned()], []), Err(FetchError::Address(_))));
}
