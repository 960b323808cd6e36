//! What an owner may say of a route, by Kubeflow's annotations.

use std::collections::BTreeMap;
use std::fmt;

use carrel_api::notebook::Reason;
use carrel_api::vocabulary::{HEADERS_REQUEST_SET, REWRITE_URI};
use carrel_server::route::{Routing, Rules};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::resolve::Refusal;

/// Reads the annotations. Kubeflow takes headers that it can't read for none; here they are refused with what is wrong,
/// and the route that is there stays.
pub fn rules(annotations: &BTreeMap<String, String>, routing: &Routing) -> Result<Rules, Refusal> {
    let said = |key: &str| annotations.get(key).map(String::as_str).filter(|text| !text.trim().is_empty());
    let invalid = |key: &'static str| move |problem: String| refusal(Reason::RouteInvalid, key, &problem);
    let rewrite = said(REWRITE_URI).map(rewrite).transpose().map_err(invalid(REWRITE_URI))?;
    let headers = said(HEADERS_REQUEST_SET).map(headers).transpose().map_err(invalid(HEADERS_REQUEST_SET))?;
    let rules = Rules { rewrite, headers: headers.unwrap_or_default(), timeout: None };
    if let Routing::Ingress(_) = routing {
        // Each Ingress controller has annotations of its own for these, or none; half a route would be worse.
        let key = match &rules {
            Rules { rewrite: Some(_), .. } => Some(REWRITE_URI),
            Rules { headers, .. } if !headers.is_empty() => Some(HEADERS_REQUEST_SET),
            Rules { .. } => None,
        };
        if let Some(key) = key {
            let problem = "an Ingress can neither rewrite a path nor set headers; take it away, or let an admin choose \
                           --routing=gateway or istio";
            return Err(refusal(Reason::RouteUnsupported, key, problem));
        }
    }
    Ok(rules)
}

fn refusal(reason: Reason, key: &str, problem: &str) -> Refusal {
    let message = format!("the annotation {key} is not followed, and a route that is there stays as it is: {problem}");
    Refusal { reason, message }
}

fn rewrite(text: &str) -> Result<String, String> {
    let wrong = || format!("{text:?} is no path: it must begin with / and have no blank, ? or #");
    if !text.starts_with('/') || text.contains('#') {
        return Err(wrong());
    }
    let path: PathAndQuery = text.parse().map_err(|_| wrong())?;
    if path.query().is_some() { Err(wrong()) } else { Ok(text.to_owned()) }
}

fn headers(text: &str) -> Result<BTreeMap<String, String>, String> {
    // `null` is none, as in Kubeflow.
    let pairs: Option<Pairs> =
        serde_json::from_str(text).map_err(|error| format!("it must be a JSON object of texts: {error}"))?;
    let Pairs(pairs) = pairs.unwrap_or_default();
    let mut seen = BTreeMap::new();
    for (name, value) in &pairs {
        let parsed: HeaderName = name.parse().map_err(|_| format!("{name:?} is no name of a header"))?;
        HeaderValue::from_str(value)
            .map_err(|_| format!("the value of {name} has a character that a header can't have"))?;
        if let Some(other) = seen.insert(parsed.as_str().to_owned(), name) {
            return Err(format!("{other} and {name} are the same header"));
        }
    }
    Ok(pairs.into_iter().collect())
}

/// A JSON object of texts in which a name that stands twice is there twice: a map would drop one without a word.
#[derive(Default)]
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::istio;
    use carrel_server::route::IngressRules;

    fn read(key: &str, text: &str) -> Result<Rules, (Reason, String)> {
        rules(&[(key.to_owned(), text.to_owned())].into(), &istio()).map_err(|refusal| {
            assert!(refusal.message.contains(key), "{}", refusal.message);
            (refusal.reason, refusal.message.rsplit_once(" stays as it is: ").unwrap().1.to_owned())
        })
    }

    #[test]
    fn what_kubeflows_web_app_writes_is_read() {
        let rstudio = r#"{"X-RStudio-Root-Path":"/notebook/team-a/iris/"}"#;
        let headers = read(HEADERS_REQUEST_SET, rstudio).unwrap().headers;
        assert_eq!(headers["X-RStudio-Root-Path"], "/notebook/team-a/iris/");
        assert_eq!(read(REWRITE_URI, "/").unwrap().rewrite.as_deref(), Some("/"));
        for nothing in ["", " ", "{}", "null"] {
            assert_eq!(read(HEADERS_REQUEST_SET, nothing).unwrap(), Rules::default());
        }
        assert_eq!(read(REWRITE_URI, "").unwrap(), Rules::default());
        assert_eq!(rules(&BTreeMap::new(), &istio()).unwrap(), Rules::default());
    }

    #[test]
    fn what_can_not_be_followed_is_told() {
        for (text, problem) in [
            ("{broken", "it must be a JSON object of texts: key must be a string at line 1 column 2"),
            (r#"["X-A"]"#, "it must be a JSON object of texts: invalid type: sequence"),
            (r#"{"X-A": 1}"#, "it must be a JSON object of texts: invalid type: integer `1`, expected a string"),
            (r#"{"X A": "1"}"#, "\"X A\" is no name of a header"),
            (r#"{":authority": "1"}"#, "\":authority\" is no name of a header"),
            (r#"{"": "1"}"#, "\"\" is no name of a header"),
            (r#"{"X-A": "a\r\nX-B: b"}"#, "the value of X-A has a character"),
            (r#"{"X-A": "1", "x-a": "2"}"#, "X-A and x-a are the same header"),
            (r#"{"X-A": "1", "X-A": "2"}"#, "X-A and X-A are the same header"),
        ] {
            let (reason, said) = read(HEADERS_REQUEST_SET, text).unwrap_err();
            assert_eq!(reason, Reason::RouteInvalid);
            assert!(said.starts_with(problem), "{text}: {said}");
        }
        for text in ["lab", "https://elsewhere.example/", "/a b", "/a?b=c", "/a#b", "/\u{1}"] {
            let (reason, said) = read(REWRITE_URI, text).unwrap_err();
            assert_eq!(reason, Reason::RouteInvalid);
            assert!(said.contains("must begin with /"), "{text}: {said}");
        }
    }

    #[test]
    fn an_ingress_does_not_do_half_of_what_is_asked() {
        for (key, text) in [(REWRITE_URI, "/"), (HEADERS_REQUEST_SET, r#"{"X-A": "1"}"#)] {
            let annotations = [(key.to_owned(), text.to_owned())].into();
            let refusal = rules(&annotations, &Routing::Ingress(IngressRules::default())).unwrap_err();
            assert_eq!(refusal.reason, Reason::RouteUnsupported);
            assert!(refusal.message.contains(key), "{}", refusal.message);
        }
    }
}
