//! The latest alerts and their acknowledgements: repeats of an acknowledged alert are counted and not sent.

use super::{Alert, Severity};
use model::Time;
use std::collections::{BTreeMap, VecDeque};

/// Maximum number of listed alerts; the oldest are dropped.
const LISTED_MAX: usize = 256;
/// Maximum number of acknowledgements; the one that ends first is dropped.
const ACKNOWLEDGED_MAX: usize = 1_024;

/// Alerts that end another one about the same subject: its acknowledgement ends too.
const ENDS: [(&str, &str); 5] = [
    ("breaker_closed", "breaker_tripped"),
    ("disk_room", "disk_short"),
    ("emergency_stop_released", "emergency_stop"),
    ("halt_stored", "halt_not_stored"),
    ("strategies_folder_back", "strategies_folder_lost"),
];

/// An acknowledgement of the alerts of a kind about a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The kind of the alerts.
    pub kind: String,
    /// Their subject; empty for the whole host.
    pub subject: String,
    /// The severity of the acknowledged alert; more severe ones are still sent.
    pub severity: Severity,
    /// The name of the operator's token.
    pub who: String,
    /// The moment from which repeats are sent again.
    pub until: Time,
}

/// An alert as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedAlert {
    /// Its number in this session, from 1.
    pub id: u64,
    /// The time of the first alert of its kind about its subject.
    pub at: Time,
    /// The time of the last one.
    pub last_at: Time,
    /// The number of times that it was raised.
    pub count: u64,
    /// Its severity.
    pub severity: Severity,
    /// Its kind, one word.
    pub kind: &'static str,
    /// Its subject; empty for the whole host.
    pub subject: String,
    /// A title for people.
    pub title: String,
    /// The cause, with numbers.
    pub detail: String,
    /// The acknowledgement, if one still holds.
    pub acknowledged: Option<Acknowledgement>,
}

type Key = (String, String);

/// The alerts of this session and the acknowledgements that hold.
#[derive(Debug, Default)]
pub(super) struct Recent {
    last_id: u64,
    listed: VecDeque<ListedAlert>,
    acknowledged: BTreeMap<Key, Acknowledgement>,
}

impl Recent {
    /// Lists an alert. Returns true if it is to be sent: not while its kind and subject are acknowledged.
    pub(super) fn add(&mut self, alert: &Alert) -> bool {
        self.end_others(alert);
        let key = (alert.kind.to_owned(), alert.subject.clone());
        let holds = |ack: &&Acknowledgement| alert.at < ack.until && alert.severity <= ack.severity;
        let silenced = self.acknowledged.get(&key).filter(holds).is_some();
        if !silenced {
            self.acknowledged.remove(&key);
        }
        let same = |listed: &ListedAlert| listed.kind == alert.kind && listed.subject == alert.subject;
        let before = self.listed.iter().position(same).and_then(|place| self.listed.remove(place));
        let listed = match before {
            Some(before) => ListedAlert { count: before.count.saturating_add(1), ..before },
            None => {
                self.last_id = self.last_id.saturating_add(1);
                ListedAlert {
                    id: self.last_id,
                    at: alert.at,
                    last_at: alert.at,
                    count: 1,
                    severity: alert.severity,
                    kind: alert.kind,
                    subject: alert.subject.clone(),
                    title: String::new(),
                    detail: String::new(),
                    acknowledged: None,
                }
            }
        };
        let (title, detail) = (alert.title.clone(), alert.detail.clone());
        self.listed.push_back(ListedAlert { last_at: alert.at, severity: alert.severity, title, detail, ..listed });
        if self.listed.len() > LISTED_MAX {
            self.listed.pop_front();
        }
        !silenced
    }

    fn end_others(&mut self, alert: &Alert) {
        for (end, begin) in ENDS {
            if alert.kind == end {
                self.acknowledged.remove(&(begin.to_owned(), alert.subject.clone()));
            }
        }
    }

    /// Returns the alerts, the newest first.
    pub(super) fn list(&self, now: Time) -> Vec<ListedAlert> {
        let shown = |listed: &ListedAlert| {
            let ack = self.acknowledged.get(&(listed.kind.to_owned(), listed.subject.clone()));
            ListedAlert { acknowledged: ack.filter(|ack| now < ack.until).cloned(), ..listed.clone() }
        };
        self.listed.iter().rev().map(shown).collect()
    }

    /// Returns the alert of that number.
    pub(super) fn find(&self, id: u64) -> Option<&ListedAlert> {
        self.listed.iter().find(|listed| listed.id == id)
    }

    /// Stores an acknowledgement.
    pub(super) fn acknowledge(&mut self, ack: Acknowledgement) {
        let key = (ack.kind.clone(), ack.subject.clone());
        if self.acknowledged.len() >= ACKNOWLEDGED_MAX && !self.acknowledged.contains_key(&key) {
            let first = self.acknowledged.iter().min_by_key(|(_, ack)| ack.until).map(|(key, _)| key.clone());
            first.and_then(|first| self.acknowledged.remove(&first));
        }
        self.acknowledged.insert(key, ack);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code may fail loudly")]

    use super::*;

    fn alert(at: u64, kind: &'static str, severity: Severity) -> Alert {
        Alert { subject: "x".to_owned(), ..Alert::new(Time(at), severity, kind, "title", "detail") }
    }

    fn acknowledged(recent: &mut Recent, until: u64) {
        let alert = recent.find(1).unwrap().clone();
        recent.acknowledge(Acknowledgement {
            kind: alert.kind.to_owned(),
            subject: alert.subject,
            severity: alert.severity,
            who: "ann".to_owned(),
            until: Time(until),
        });
    }

    #[test]
    fn repeats_of_an_acknowledged_alert_are_counted_and_not_sent_for_its_time() {
        let mut recent = Recent::default();
        assert!(recent.add(&alert(1, "disk_short", Severity::Warning)));
        acknowledged(&mut recent, 100);
        assert!(!recent.add(&alert(99, "disk_short", Severity::Warning)));
        let listed = recent.list(Time(99));
        assert_eq!((listed.len(), listed[0].count, listed[0].at, listed[0].last_at), (1, 2, Time(1), Time(99)));
        assert_eq!(listed[0].acknowledged.as_ref().unwrap().who, "ann");
        assert_eq!(recent.list(Time(100))[0].acknowledged, None, "its time is over");
        assert!(recent.add(&alert(100, "disk_short", Severity::Warning)));
    }

    #[test]
    fn an_acknowledgement_ends_with_what_it_is_about_and_covers_nothing_worse() {
        let mut recent = Recent::default();
        recent.add(&alert(1, "disk_short", Severity::Warning));
        acknowledged(&mut recent, 1_000);
        assert!(recent.add(&alert(2, "disk_short", Severity::Critical)), "it became worse");
        acknowledged(&mut recent, 1_000);
        assert!(!recent.add(&alert(3, "disk_short", Severity::Critical)));
        assert!(recent.add(&alert(4, "disk_room", Severity::Info)));
        assert!(recent.add(&alert(5, "disk_short", Severity::Critical)), "it is over and came again");
    }

    #[test]
    fn lists_are_bounded() {
        let mut recent = Recent::default();
        for number in 0..3_000_u64 {
            recent.add(&Alert { subject: number.to_string(), ..alert(number, "a", Severity::Info) });
            recent.acknowledge(Acknowledgement {
                kind: "a".to_owned(),
                subject: number.to_string(),
                severity: Severity::Info,
                who: String::new(),
                until: Time(number + 10_000),
            });
        }
        let listed = recent.list(Time(0));
        assert_eq!((listed.len(), listed[0].id, recent.acknowledged.len()), (LISTED_MAX, 3_000, ACKNOWLEDGED_MAX));
    }
}
