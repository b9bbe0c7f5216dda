//! The lanes of a pool as its recorder is told of them: some by name, the others together.

use std::borrow::Cow;

use crate::run::figures::LaneFigures;

/// Which lanes go by which label.
#[derive(Debug, Default)]
pub(crate) struct LaneLabels {
    labels: Vec<String>,
    /// Of each lane, in the order of their figures.
    places: Vec<usize>,
}

impl LaneLabels {
    /// How many lanes have a label.
    pub(crate) fn labelled(&self) -> usize {
        self.places.len()
    }

    /// Gives the next lane its label; the place of the label, if it is a new one.
    pub(crate) fn add(&mut self, label: &str) -> Option<usize> {
        let known = self.labels.iter().position(|known| known == label);
        self.places.push(known.unwrap_or(self.labels.len()));
        known.is_none().then(|| {
            self.labels.push(label.to_owned());
            self.labels.len() - 1
        })
    }

    /// The figures by label, those of lanes that share one added up.
    pub(crate) fn folded<'a>(&self, lanes: &'a [LaneFigures]) -> Cow<'a, [LaneFigures]> {
        if self.labels.len() == self.places.len() {
            return Cow::Borrowed(lanes);
        }
        let mut folded: Vec<LaneFigures> = Vec::with_capacity(self.labels.len());
        for (lane, place) in lanes.iter().zip(&self.places) {
            match folded.get_mut(*place) {
                Some(known) => known.merge(lane),
                None => folded.push(lane.clone()),
            }
        }
        Cow::Owned(folded)
    }
}
