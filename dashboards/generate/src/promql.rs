//! What an expression asks for: its selectors, each with the function around it, and its labels.

use std::collections::BTreeSet;
use std::time::Duration;

use promql_parser::label::MatchOp;
use promql_parser::parser::token::{T_DIV, T_SUB};
use promql_parser::parser::{BinModifier, BinaryExpr, Expr, LabelModifier, VectorSelector, parse};

/// What Grafana puts in the place of its two variables of time; here, lengths that nobody writes.
pub const RATE_INTERVAL: Duration = Duration::from_secs(61);
pub const RANGE: Duration = Duration::from_secs(3599);

/// One selector.
#[derive(Clone, Debug)]
pub struct Selector {
    pub name: String,
    pub matchers: Vec<Matcher>,
    /// The function that is called with it, if it is one.
    pub function: Option<String>,
    /// How far it looks back, if it is a range.
    pub range: Option<Duration>,
    /// A counter less another one: what is between the two goes up and down, and needs no rate.
    pub balanced: bool,
}

impl Selector {
    /// By a function for what only grows.
    pub fn asks_for_growth(&self) -> bool {
        matches!(self.function.as_deref(), Some("rate" | "irate" | "increase"))
    }

    fn is_bare_counter(&self) -> bool {
        self.name.ends_with("_total") && self.range.is_none()
    }
}

#[derive(Clone, Debug)]
pub struct Matcher {
    pub label: String,
    /// The values that it names: the alternatives of an expression, or the one value.
    pub values: Vec<String>,
    /// As it is written.
    pub text: String,
}

/// All that was found in an expression.
#[derive(Debug, Default)]
pub struct Reading {
    pub selectors: Vec<Selector>,
    /// Labels in `by`, `without`, `on`, `ignoring` and `group_left`.
    pub labels: BTreeSet<String>,
    /// For each `histogram_quantile`, whether `le` is kept below it.
    pub quantiles: Vec<bool>,
    /// It has a quantile or a quotient of several pools taken together.
    pub mixes_pools: bool,
}

/// Reads an expression, with or without Grafana's variables.
pub fn read(text: &str) -> Result<Reading, String> {
    let seconds = |time: Duration| format!("{}s", time.as_secs());
    let text = text.replace("$__rate_interval", &seconds(RATE_INTERVAL));
    let text = text.replace("$__range", &seconds(RANGE));
    let mut reading = Reading::default();
    reading.walk(&parse(&text)?, None);
    Ok(reading)
}

impl Reading {
    fn walk(&mut self, expr: &Expr, function: Option<&str>) {
        match expr {
            Expr::VectorSelector(selector) => self.select(selector, function, None),
            Expr::MatrixSelector(matrix) => self.select(&matrix.vs, function, Some(matrix.range)),
            Expr::Paren(paren) => self.walk(&paren.expr, function),
            Expr::Unary(unary) => self.walk(&unary.expr, None),
            Expr::Subquery(subquery) => self.walk(&subquery.expr, None),
            Expr::Aggregate(aggregate) => {
                if let Some(modifier) = &aggregate.modifier {
                    self.labels.extend(labels(modifier));
                }
                self.walk(&aggregate.expr, None);
            }
            Expr::Binary(binary) => self.both(binary),
            Expr::Call(call) => {
                if call.func.name == "histogram_quantile" {
                    let of = call.args.last();
                    self.quantiles.push(of.as_ref().is_some_and(|of| keeps(of, "le")));
                    self.mixes_pools |= !of.as_ref().is_some_and(|of| keeps_pools(of));
                }
                for argument in &call.args.args {
                    self.walk(argument, Some(call.func.name));
                }
            }
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
        }
    }

    fn both(&mut self, binary: &BinaryExpr) {
        if let Some(modifier) = &binary.modifier {
            self.matching(modifier);
        }
        if binary.op.id() == T_DIV {
            self.mixes_pools |= !(keeps_pools(&binary.lhs) && keeps_pools(&binary.rhs));
        }
        let before = self.selectors.len();
        self.walk(&binary.lhs, None);
        let between = self.selectors.len();
        self.walk(&binary.rhs, None);
        let (left, right) = self.selectors[before..].split_at(between - before);
        let counts = |side: &[Selector]| side.iter().any(Selector::is_bare_counter);
        if binary.op.id() == T_SUB && counts(left) && counts(right) {
            self.selectors[before..].iter_mut().for_each(|selector| selector.balanced = true);
        }
    }

    fn matching(&mut self, modifier: &BinModifier) {
        self.labels.extend(modifier.matching.iter().flat_map(labels));
        let carried = modifier.card.labels().into_iter();
        self.labels.extend(carried.flat_map(|labels| labels.labels.clone()));
    }

    fn select(
        &mut self,
        selector: &VectorSelector,
        function: Option<&str>,
        range: Option<Duration>,
    ) {
        let matchers = selector.matchers.matchers.iter().map(|matcher| {
            let values = match &matcher.op {
                MatchOp::Equal | MatchOp::NotEqual => vec![matcher.value.clone()],
                MatchOp::Re(_) | MatchOp::NotRe(_) => {
                    matcher.value.split('|').map(str::to_owned).collect()
                }
            };
            let text = format!("{}{}{:?}", matcher.name, matcher.op, matcher.value);
            Matcher { label: matcher.name.clone(), values, text }
        });
        self.selectors.push(Selector {
            name: selector.name.clone().unwrap_or_default(),
            matchers: matchers.collect(),
            function: function.map(str::to_owned),
            range,
            balanced: false,
        });
    }
}

fn labels(modifier: &LabelModifier) -> Vec<String> {
    let (LabelModifier::Include(labels) | LabelModifier::Exclude(labels)) = modifier;
    labels.labels.clone()
}

/// Whether what comes out of an expression still has a label that its series have: `le`, the bounds
/// of the buckets, or `pool`. A number has none to lose.
fn keeps(expr: &Expr, name: &str) -> bool {
    match expr {
        Expr::Aggregate(aggregate) => match &aggregate.modifier {
            Some(LabelModifier::Include(labels)) => labels.labels.iter().any(|label| label == name),
            Some(LabelModifier::Exclude(labels)) => labels.labels.iter().all(|label| label != name),
            None => false,
        },
        Expr::Paren(paren) => keeps(&paren.expr, name),
        Expr::Binary(binary) => keeps(&binary.lhs, name) && keeps(&binary.rhs, name),
        Expr::Call(call) => call.args.args.iter().all(|argument| keeps(argument, name)),
        _ => true,
    }
}

/// Whether pools stay apart, also those of one name in two programs.
fn keeps_pools(expr: &Expr) -> bool {
    keeps(expr, "pool") && (keeps(expr, "job") || keeps(expr, "instance"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_found_with_the_function_around_them() {
        let reading = read(
            "sum by (a) (rate(x_total{b=~\"c|d\"}[$__rate_interval])) / on (e) group_left (f) y",
        );
        let reading = reading.expect("it is an expression");
        let [x, y] = &reading.selectors[..] else { panic!("{reading:?}") };
        assert_eq!((x.name.as_str(), x.function.as_deref()), ("x_total", Some("rate")));
        assert_eq!((x.range, y.range), (Some(RATE_INTERVAL), None));
        assert_eq!(x.matchers[0].values, ["c", "d"]);
        assert_eq!(x.matchers[0].text, "b=~\"c|d\"");
        assert_eq!(reading.labels, ["a", "e", "f"].map(str::to_owned).into());
    }

    #[test]
    fn only_a_counter_less_another_is_balanced() {
        let balanced = |text| {
            let selectors = read(text).expect("it is an expression").selectors;
            selectors.iter().map(|selector| selector.balanced).collect::<Vec<_>>()
        };
        assert_eq!(balanced("sum(a_total) - sum(b_total) - sum(c)"), [true, true, false]);
        for other in ["a_total - b", "a_total + b_total", "a_total - rate(b_total[1m])"] {
            assert!(!balanced(other).contains(&true), "{other}");
        }
    }

    #[test]
    fn a_quantile_needs_the_bounds_of_the_buckets() {
        let keeps = |text| read(text).expect("it is an expression").quantiles;
        assert_eq!(keeps("histogram_quantile(0.9, sum by (le) (rate(x_bucket[1m])))"), [true]);
        assert_eq!(keeps("histogram_quantile(0.9, sum by (a) (rate(x_bucket[1m])))"), [false]);
        assert_eq!(keeps("histogram_quantile(0.9, rate(x_bucket[1m]))"), [true]);
    }

    #[test]
    fn pools_are_kept_apart_where_the_sum_of_them_means_nothing() {
        let mixes = |text| read(text).expect("it is an expression").mixes_pools;
        for apart in [
            "max(sum by (job, pool) (a) / sum by (job, pool) (b))",
            "sum(a) + sum(b)",
            "sum by (instance, pool) (a) / (0.7 * avg by (job, pool) (b > 0))",
            "max(histogram_quantile(0.9, sum by (job, pool, le) (rate(x_bucket[1m]))))",
        ] {
            assert!(!mixes(apart), "{apart}");
        }
        for mixed in [
            "sum(a) / sum(b)",
            "sum by (pool) (a) / sum by (pool) (b)",
            "sum by (job, pool) (a) / sum by (pool) (b)",
            "histogram_quantile(0.9, sum by (pool, le) (rate(x_bucket[1m])))",
            "max(sum by (pool) (a) / (0.7 * avg(b)))",
            "ceil(sum by (job) (avg_over_time(a[1m]))) / b",
            "sum without (pool) (a) / b",
            "histogram_quantile(0.9, sum by (le) (rate(x_bucket[1m])))",
        ] {
            assert!(mixes(mixed), "{mixed}");
        }
    }
}
