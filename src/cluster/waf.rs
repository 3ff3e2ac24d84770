//! The firewall at the balancer (WAF): whether it refuses or only looks, and what of the machine it needs.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::program::Needed;
use super::stop::Stop;
use crate::results::balancer::BalancerKind;

/// The module of nginx, where Debian puts it.
pub const NGINX_MODULE: &str = "/usr/lib/nginx/modules/ngx_http_modsecurity_module.so";

/// What nginx's firewall needs beside nginx itself.
pub const OF_NGINX: [Needed; 2] = [
    Needed { program: NGINX_MODULE, package: "libnginx-mod-http-modsecurity" },
    Needed { program: "/usr/share/modsecurity-crs/rules/REQUEST-901-INITIALIZATION.conf", package: "modsecurity-crs" },
];

/// What the firewall does with a request in which a rule finds an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Waf {
    /// It is answered with 403, and no node sees it.
    Block,
    /// It is written down, and let through.
    Detect,
}

impl Waf {
    /// Its word on the command line and in the answer.
    pub fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Detect => "detect",
        }
    }

    /// Refuses what that balancer cannot do.
    ///
    /// # Errors
    /// [`Stop::Usage`] with the sentence for the person.
    pub fn check(self, kind: BalancerKind) -> Result<(), Stop> {
        match (kind, self) {
            (BalancerKind::Nginx, _) | (BalancerKind::Haproxy, Self::Block) => Ok(()),
            (BalancerKind::Haproxy, Self::Detect) => Err(Stop::usage(
                "HAProxy has a short list of what it refuses, and no firewall that only looks: --waf detect needs --balancer nginx",
            )),
        }
    }

    /// What of the machine it needs with that balancer.
    pub fn needed(kind: BalancerKind) -> &'static [Needed] {
        match kind {
            BalancerKind::Nginx => &OF_NGINX,
            BalancerKind::Haproxy => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nginx_looks_without_refusing() {
        assert!(Waf::Detect.check(BalancerKind::Nginx).is_ok() && Waf::Block.check(BalancerKind::Haproxy).is_ok());
        assert!(Waf::Detect.check(BalancerKind::Haproxy).unwrap_err().to_string().contains("--balancer nginx"));
        assert!(Waf::needed(BalancerKind::Haproxy).is_empty());
    }

    #[test]
    fn the_settings_have_the_words_of_the_command_line() {
        for waf in Waf::value_variants() {
            assert_eq!(waf.to_possible_value().unwrap().get_name(), waf.name());
            assert_eq!(serde_json::to_value(waf).unwrap(), waf.name());
        }
    }
}
