//! Where the service may call: on the public internet, and where the operator said so. What a name stands for is
//! looked up once, checked, and that very address is connected to: a name that changes in between gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Longest callback URL, in bytes.
pub(crate) const URL_MAX: usize = 2048;

/// A network: an address, and how many of its first bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Net(IpAddr, u8);

impl Net {
    fn holds(self, address: IpAddr) -> bool {
        let bits = |a: IpAddr| match a {
            IpAddr::V4(a) => (u128::from(u32::from(a)) << 96, 32),
            IpAddr::V6(a) => (u128::from(a), 128),
        };
        let ((own, width), (other, other_width)) = (bits(self.0), bits(address));
        let kept = u32::from(self.1);
        width == other_width && (kept == 0 || (own ^ other) >> (128 - kept) == 0)
    }
}

impl FromStr for Net {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(width), |l| l.parse::<u8>().map_err(|_| ()))?;
        if length <= width { Ok(Net(address, length)) } else { Err(()) }
    }
}

/// What the operator allows beyond the public internet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed {
    nets: Vec<Net>,
    hosts: Vec<String>,
}

impl Allowed {
    /// Reads addresses (`10.1.2.3`), networks (`10.0.0.0/8`, `fd00::/8`) and host names.
    ///
    /// # Errors
    /// The first entry that is none of these.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, String> {
        let mut allowed = Self::default();
        for entry in entries {
            let entry = entry.as_ref().trim();
            if let Ok(net) = entry.parse() {
                allowed.nets.push(net);
            } else if is_name(entry) {
                allowed.hosts.push(entry.trim_end_matches('.').to_ascii_lowercase());
            } else {
                return Err(format!(
                    "`{}` is no address, no network such as 10.0.0.0/8 and no host name",
                    entry.escape_debug()
                ));
            }
        }
        Ok(allowed)
    }

    fn host(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        self.hosts.contains(&name)
    }

    fn address(&self, address: IpAddr) -> bool {
        let address = plain(address);
        is_public(address) || self.nets.iter().any(|net| net.holds(address))
    }
}

fn is_name(text: &str) -> bool {
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let text = text.strip_suffix('.').unwrap_or(text);
    // All digits and dots would be a mistyped address.
    text.len() <= 253 && text.split('.').all(label) && text.bytes().any(|b| b.is_ascii_alphabetic())
}

/// An IPv4 address in IPv6's clothes is that IPv4 address: the kernel connects to it.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// Whether an address is one of the public internet (IANA's special-purpose registries, RFC 6890): not this machine,
/// not a private or link-local network, not the metadata service of a cloud, not a way to tunnel to one of these.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, ..)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !special
}

/// Global unicast (2000::/3) without what carries or stands for something else in it.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let special = match a {
        // IETF's own, Teredo among them; documentation.
        0x2001 => b < 0x0200 || b == 0x0db8,
        // 6to4.
        0x2002 => true,
        // Documentation.
        0x3fff => b < 0x1000,
        _ => false,
    };
    (0x2000..0x4000).contains(&a) && !special
}

/// Reads a callback URL and refuses what can be refused without asking for addresses.
///
/// # Errors
/// What is wrong with it and what would be right.
pub(crate) fn check(text: &str, allowed: &Allowed) -> Result<Url, String> {
    if text.len() > URL_MAX {
        return Err(format!("it has {} bytes; at most {URL_MAX} are taken", text.len()));
    }
    let url: Url = text.parse().map_err(|e| format!("it is no URL: {e}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("it must start with `https://` or `http://`".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must not hold a name or a password: deliveries are signed".to_owned());
    }
    let Some(host) = url.host_str() else { return Err("it names no host".to_owned()) };
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    let known = matches!(host.trim_end_matches('.'), "localhost");
    if literal.is_some_and(|address| !allowed.address(address)) || (known && !allowed.local()) {
        return Err(
            "its address is not on the public internet, and the operator does not allow it".to_owned()
        );
    }
    Ok(url)
}

impl Allowed {
    /// Whether this machine may be called at all.
    fn local(&self) -> bool {
        self.host("localhost")
            || self.address(IpAddr::V4(Ipv4Addr::LOCALHOST))
            || self.address(IpAddr::V6(Ipv6Addr::LOCALHOST))
    }
}

/// A name none of whose addresses may be called.
#[derive(Debug, thiserror::Error)]
#[error("none of the host's addresses is on the public internet or allowed by the operator")]
pub(crate) struct Refused;

/// Looks names up and hands on only what may be called.
#[derive(Debug, Clone)]
pub(crate) struct Checked(pub(crate) Allowed);

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0.clone();
        Box::pin(async move {
            let name = name.as_str();
            let any = allowed.host(name);
            // The URL's own port takes the place of 0.
            let found = tokio::net::lookup_host((name, 0)).await?;
            let good: Vec<SocketAddr> = found.filter(|a| any || allowed.address(a.ip())).collect();
            if good.is_empty() {
                return Err(Refused.into());
            }
            Ok(Box::new(good.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_may_be_called() {
        let private = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.170",
            "192.0.2.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        let none = Allowed::default();
        for text in private {
            assert!(!none.address(text.parse().unwrap()), "{text}");
        }
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "2606:4700::1111",
            "2a00:1450::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(none.address(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_url_is_refused_before_it_is_stored_however_its_address_is_written() {
        let none = Allowed::default();
        for bad in [
            "",
            "x",
            "ftp://example.com/",
            "file:///etc/passwd",
            "http://",
            "https://user@example.com/",
            "https://user:pw@example.com/",
            "http://127.0.0.1/",
            "http://127.1/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://017700000001/",
            "http://[::1]/",
            "http://[::ffff:7f00:1]/",
            "http://[::ffff:127.0.0.1]:80/",
            "http://169.254.169.254/latest/meta-data/",
            "http://10.0.0.1/",
            "http://0/",
            "http://localhost/",
            "http://LOCALHOST./",
            "gopher://127.0.0.1:6379/_x",
        ] {
            assert!(check(bad, &none).is_err(), "{bad}");
        }
        assert!(check(&format!("https://example.com/{}", "x".repeat(URL_MAX)), &none).is_err());
        for good in [
            "https://example.com/hook?x=1",
            "http://example.com:8080/",
            "https://1.1.1.1/",
            "https://[2606:4700::1]/",
        ] {
            assert!(check(good, &none).is_ok(), "{good}");
        }
    }

    #[test]
    fn the_operator_allows_addresses_networks_and_names_and_nothing_else() {
        let allowed = Allowed::parse(&["10.0.0.0/8", "fd00::/8", "192.168.1.7", "Hooks.internal."]).unwrap();
        for (text, may) in [
            ("10.255.0.1", true),
            ("11.0.0.1", true),
            ("192.168.1.7", true),
            ("192.168.1.8", false),
            ("::ffff:10.0.0.1", true),
            ("fd12::1", true),
            ("fe80::1", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(allowed.address(text.parse().unwrap()), may, "{text}");
        }
        assert!(allowed.host("hooks.INTERNAL") && !allowed.host("x.hooks.internal"));
        assert!(check("http://10.1.1.1/", &allowed).is_ok() && check("http://127.0.0.1/", &allowed).is_err());
        assert!(check("http://localhost/", &Allowed::parse(&["127.0.0.0/8"]).unwrap()).is_ok());
        let every = Allowed::parse(&["0.0.0.0/0"]).unwrap();
        assert!(every.address("127.0.0.1".parse().unwrap()) && !every.address("::1".parse().unwrap()));
        for bad in ["", "10.0.0.0/33", "10.0.0", "fd00::/129", "10.0.0.0/x", "http://x", "a b", "-/8"] {
            assert!(Allowed::parse(&[bad]).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_name_is_resolved_to_what_may_be_called_and_to_nothing_else() {
        let resolve = async |allowed: &[&str]| {
            let checked = Checked(Allowed::parse(allowed).unwrap());
            checked.resolve("localhost".parse().unwrap()).await.map(Iterator::collect::<Vec<_>>)
        };
        let error = resolve(&[]).await.expect_err("this machine is not public");
        assert!(error.downcast_ref::<Refused>().is_some(), "{error}");
        assert!(!resolve(&["localhost"]).await.unwrap().is_empty());
        let some = resolve(&["127.0.0.0/8"]).await.unwrap();
        assert!(!some.is_empty() && some.iter().all(SocketAddr::is_ipv4), "{some:?}");
    }
}
